//! Truth values, and choices by them.

use super::builder::Bound;
use super::ctx::Ctx;
use super::pointwise::times;
use crate::graph::array::Array;
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::Kind;
use crate::terms::error::CompileError;

/// Whether elements are no numbers: those that depend on the input are.
pub(super) fn never(ctx: &mut Ctx<'_, '_>, holds: fn(f32) -> bool) -> Result<Bound, CompileError> {
    ctx.attributes.only("detect_negative", 1)?;
    ctx.attributes.only("detect_positive", 1)?;
    let array = match ctx.operand(0)? {
        Bound::Const(c) => c.map(|v| f32::from(holds(v))),
        Bound::Value(id) => {
            let dims = ctx.builder.net.dims(id).to_vec();
            let len = crate::graph::array::count(&dims);
            Array::new(dims, vec![0.0; len])
        }
    };
    Ok(Bound::Const(Array { whole: true, ..array }))
}

/// Where: of constants, by a constant condition, or by one that depends on the input.
pub(super) fn select(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let (condition, yes, no) = (ctx.operand(0)?, ctx.operand(1)?, ctx.operand(2)?);
    let joint = |a: &[usize], b: &[usize]| crate::graph::array::joint(a, b);
    let all = joint(&ctx.dims(&yes), &ctx.dims(&no)).and_then(|dims| joint(&ctx.dims(&condition), &dims));
    let Some(dims) = all else {
        return Err(ctx.refuse(0, "operands that broadcast", format!("{:?}", ctx.dims(&condition))));
    };
    match (condition, yes, no) {
        (Bound::Const(condition), Bound::Const(yes), Bound::Const(no)) => {
            let (c, yes_all, no_all) = (condition.spread(&dims), yes.spread(&dims), no.spread(&dims));
            let values =
                c.iter().zip(yes_all.iter().zip(&no_all)).map(|(&c, (&y, &n))| if c == 0.0 { n } else { y }).collect();
            Ok(Bound::Const(Array { whole: yes.whole && no.whole, ..Array::new(dims, values) }))
        }
        (Bound::Const(condition), yes, no) => select_fixed(ctx, &condition, yes, no, dims),
        (Bound::Value(condition), yes, no) => select_by(ctx, condition, yes, no, &dims),
    }
}

/// Where by a constant.
fn select_fixed(
    ctx: &mut Ctx<'_, '_>,
    condition: &Array,
    yes: Bound,
    no: Bound,
    dims: Vec<usize>,
) -> Result<Bound, CompileError> {
    match condition.scalar() {
        Some(0.0) => return ctx.expand(no, &dims),
        Some(_) => return ctx.expand(yes, &dims),
        None => {}
    }
    let inverse = condition.map(|c| f32::from(c == 0.0));
    let (x, keep, other) = match (yes, no) {
        (Bound::Const(c), x) => (x, inverse, Bound::Const(c)),
        (x, other) => (x, condition.clone(), other),
    };
    let x = ctx.expand(x, &dims)?;
    match other {
        Bound::Const(c) if c.scalar().is_some() => {
            let fill = c.scalar().unwrap_or(0.0);
            ctx.push(Kind::Mask { keep, fill }, vec![x], dims)
        }
        other => {
            let drop = keep.map(|c| f32::from(c == 0.0));
            let keep = keep.map(|c| f32::from(c != 0.0));
            let kept = ctx.arithmetic(Arith::Mul, x, Bound::Const(keep))?;
            let rest = ctx.arithmetic(Arith::Mul, other, Bound::Const(drop))?;
            ctx.arithmetic(Arith::Add, kept, rest)
        }
    }
}

/// Where by truth values that depend on the input.
pub(super) fn select_by(
    ctx: &mut Ctx<'_, '_>,
    condition: usize,
    yes: Bound,
    no: Bound,
    dims: &[usize],
) -> Result<Bound, CompileError> {
    /// What fills in a number this far down takes other numbers with it when they are added, in float32 too.
    const ABSORBS: f32 = -1e9;
    let scalar = |bound: &Bound| match bound {
        Bound::Const(c) => c.scalar().map(|v| v.clamp(f32::MIN, f32::MAX)),
        Bound::Value(_) => None,
    };
    let condition = Bound::Value(condition);
    match (scalar(&yes), scalar(&no)) {
        (Some(yes), Some(no)) => {
            let chosen = ctx.pointwise(choice(f64::from(yes), f64::from(no)), condition)?;
            ctx.expand(chosen, dims)
        }
        (None, Some(no)) if no <= ABSORBS => {
            let offset = ctx.pointwise(choice(0.0, f64::from(no)), condition)?;
            ctx.arithmetic(Arith::Add, yes, offset)
        }
        (Some(yes), None) if yes <= ABSORBS => {
            let offset = ctx.pointwise(choice(f64::from(yes), 0.0), condition)?;
            ctx.arithmetic(Arith::Add, no, offset)
        }
        (None, Some(fill)) => {
            let shown = ctx.pointwise(choice(1.0, 0.0), condition)?;
            filled(ctx, (yes, shown), fill, dims)
        }
        (Some(fill), None) => {
            let shown = ctx.pointwise(choice(0.0, 1.0), condition)?;
            filled(ctx, (no, shown), fill, dims)
        }
        (None, None) => {
            let truth = ctx.pointwise(choice(1.0, 0.0), condition)?;
            let difference = ctx.arithmetic(Arith::Sub, yes, no.clone())?;
            let chosen = ctx.arithmetic(Arith::Mul, difference, truth)?;
            ctx.arithmetic(Arith::Add, chosen, no)
        }
    }
}

/// x where `shown` is one, else `fill`.
fn filled(ctx: &mut Ctx<'_, '_>, (x, shown): (Bound, Bound), fill: f32, dims: &[usize]) -> Result<Bound, CompileError> {
    let x = ctx.expand(x, dims)?;
    ctx.push(Kind::Choose { fill }, vec![x, shown], dims.to_vec())
}

/// `yes` for what is not zero, else `no`.
pub(super) fn choice(yes: f64, no: f64) -> Expr {
    match (yes, no) {
        (1.0, 0.0) => Expr::truth(),
        (0.0, 1.0) => Expr::unary(Fun::Not, Expr::X),
        _ => Expr::binary(Arith::Add, Expr::Const(no), times(Expr::Const(yes - no), Expr::truth())),
    }
}

/// A comparison or a connective of two values that depend on the input.
pub(super) fn truth(ctx: &mut Ctx<'_, '_>, arith: Arith, a: Bound, b: Bound) -> Result<Bound, CompileError> {
    match arith {
        Arith::And => {
            let (a, b) = (ctx.pointwise(Expr::truth(), a)?, ctx.pointwise(Expr::truth(), b)?);
            ctx.arithmetic(Arith::Mul, a, b)
        }
        Arith::Or => {
            let (a, b) = (ctx.pointwise(Expr::truth(), a)?, ctx.pointwise(Expr::truth(), b)?);
            let both = ctx.arithmetic(Arith::Add, a, b)?;
            ctx.pointwise(Expr::truth(), both)
        }
        Arith::Equal
        | Arith::Less
        | Arith::LessOrEqual
        | Arith::Greater
        | Arith::GreaterOrEqual
        | Arith::Add
        | Arith::Sub
        | Arith::Mul
        | Arith::Div
        | Arith::Pow
        | Arith::Min
        | Arith::Max
        | Arith::Mod
        | Arith::UnlessNan
        | Arith::UnlessInfinite => {
            for (i, bound) in [&a, &b].into_iter().enumerate() {
                if let Bound::Const(c) = bound
                    && let Some(got) = c.values.iter().find(|v| !v.is_finite())
                {
                    return Err(ctx.refuse(i, "finite numbers to compare with", got.to_string()));
                }
            }
            let difference = ctx.arithmetic(Arith::Sub, a, b)?;
            ctx.pointwise(Expr::binary(arith, Expr::X, Expr::Const(0.0)), difference)
        }
    }
}

/// Whether a value is a truth value already.
pub(super) fn is_flag(ctx: &Ctx<'_, '_>, id: usize) -> bool {
    ctx.builder.net.step(id).is_some_and(|step| matches!(&step.kind, Kind::Pointwise(expr) if expr.is_truth()))
}
