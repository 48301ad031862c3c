//! Scores divided by their sum, as exporters spell it: a ReduceSum and a Div, and around them what replaces a sum of zero.
//!
//! The scores are results of Sigmoid, Exp or Softmax, so that their sum is that of their magnitudes, and is not zero.

use super::builder::Bound;
use super::ctx::Ctx;
use crate::fronts::onnx::proto::{TYPE_BOOL, TYPE_DOUBLE, TYPE_FLOAT};
use crate::fronts::onnx::{Data, Tensor};
use crate::fronts::shape::axis;
use crate::graph::elem::{Elem, Norm};
use crate::graph::operators::Operator;
use crate::graph::plan::{Id, Kind, Step};
use crate::terms::error::CompileError;

/// Adds the node's steps; `false` if the operator is not about scores and their sum.
pub(super) fn add(ctx: &mut Ctx<'_>, operator: Operator) -> Result<bool, CompileError> {
    if operator == Operator::ReduceSum {
        return total(ctx);
    }
    if operator == Operator::Reciprocal {
        return reciprocal(ctx);
    }
    if operator == Operator::Cast {
        return cast(ctx);
    }
    let first = ctx.operand(0)?;
    let second = if ctx.node.input.len() == 2 { ctx.operand(1)? } else { None };
    let bound = match (operator, first, second) {
        (Operator::Not, Some(Bound::TotalTest { of, is_zero }), _) => Bound::TotalTest { of, is_zero: !is_zero },
        (Operator::Equal, Some(Bound::Total { of, .. }), Some(Bound::Const(c))) if is_only(&c, |c| c == 0.0) => {
            Bound::TotalTest { of, is_zero: true }
        }
        (Operator::Mul, Some(Bound::NoTotal { of }), Some(Bound::Const(c))) if is_only(&c, f32::is_finite) => {
            Bound::NoTotal { of }
        }
        (Operator::Add, Some(Bound::Total { of, dims }), Some(Bound::NoTotal { of: same })) if of == same => {
            Bound::Total { of, dims }
        }
        (Operator::Add, Some(Bound::Value { id, dims }), Some(Bound::NoTotal { of })) if of == id => {
            Bound::Value { id, dims }
        }
        (Operator::Reshape, Some(Bound::Total { of, dims }), Some(Bound::Const(_))) => {
            ctx.attributes.ignore(&["allowzero"]);
            Bound::Total { of, dims }
        }
        (Operator::Div, Some(Bound::Value { id, dims }), Some(Bound::Total { of, .. })) if of == id => {
            let id = ctx.push(Kind::Normalize(Norm::L1), vec![id], dims.iter().product());
            Bound::Value { id, dims }
        }
        _ => return Ok(false),
    };
    ctx.bind(0, bound);
    Ok(true)
}

/// The sum as a truth value is whether it is not zero; whether it is zero counts as one or zero.
fn cast(ctx: &mut Ctx<'_>) -> Result<bool, CompileError> {
    let to = ctx.attributes.int("to")?.unwrap_or(0);
    let (to_bool, to_float) = (to == i64::from(TYPE_BOOL), [TYPE_FLOAT, TYPE_DOUBLE].map(i64::from).contains(&to));
    let bound = match ctx.operand(0)? {
        Some(Bound::Total { of, .. }) if to_bool => Bound::TotalTest { of, is_zero: false },
        Some(Bound::TotalTest { of, is_zero: true }) if to_float => Bound::NoTotal { of },
        Some(bound @ (Bound::Total { .. } | Bound::NoTotal { .. })) if to_float => bound,
        _ => return Ok(false),
    };
    ctx.attributes.ignore(&["saturate", "round_mode"]);
    ctx.bind(0, bound);
    Ok(true)
}

/// Whether a constant is a single number of a kind.
fn is_only(c: &Tensor, is_right: impl Fn(f32) -> bool) -> bool {
    matches!(&c.data, Data::Floats(v) if matches!(v.as_slice(), [c] if is_right(*c)))
}

/// The sum of a row of scores.
fn total(ctx: &mut Ctx<'_>) -> Result<bool, CompileError> {
    ctx.attributes.ignore(&["keepdims", "noop_with_empty_axes"]);
    let by_attribute = ctx.attributes.ints("axes")?.to_vec();
    let axes = ctx.ints(1)?.unwrap_or(by_attribute);
    let (id, dims) = ctx.value(0)?;
    let over_all = match axes.as_slice() {
        [one] => axis(*one, dims.len()).is_some_and(|axis| dims[axis] == dims.iter().product::<usize>()),
        _ => false,
    };
    if !over_all || !is_positive(ctx, id) {
        let what = format!("a sum over axes {axes:?} of {dims:?}");
        return Err(ctx.form(what, "of sums, that of one row of probabilities works, to divide them by it"));
    }
    ctx.bind(0, Bound::Total { of: id, dims });
    Ok(true)
}

/// Whether a value's elements are positive.
pub(super) fn is_positive(ctx: &Ctx<'_>, id: Id) -> bool {
    let Some(step) = ctx.builder.plan.step(id) else { return false };
    match &step.kind {
        Kind::Sigmoid | Kind::Exp | Kind::Softmax => true,
        Kind::Pick(_) => step.operands.iter().all(|&operand| is_positive(ctx, operand)),
        _ => false,
    }
}

/// `1 / (1 + e^−x)` spelt out.
fn reciprocal(ctx: &mut Ctx<'_>) -> Result<bool, CompileError> {
    let (id, dims) = ctx.value(0)?;
    reciprocal_of(ctx, id, dims)
}

/// One divided by a value.
pub(super) fn reciprocal_of(ctx: &mut Ctx<'_>, id: Id, dims: Vec<usize>) -> Result<bool, CompileError> {
    let x = logistic(ctx, id).ok_or_else(|| {
        ctx.form("the reciprocal of a value", "of reciprocals, that of 1 + exp(x) works: a logistic function")
    })?;
    let len = dims.iter().product();
    let negated = ctx.push(Kind::Elem(Elem::Mul(vec![-1.0; len])), vec![x], len);
    let id = ctx.push(Kind::Sigmoid, vec![negated], len);
    ctx.bind(0, Bound::Value { id, dims });
    Ok(true)
}

/// The x of `1 + e^x`.
fn logistic(ctx: &Ctx<'_>, id: Id) -> Option<Id> {
    let plan = &ctx.builder.plan;
    let Step { kind: Kind::Elem(Elem::Add(ones)), operands, .. } = plan.step(id)? else { return None };
    let Step { kind: Kind::Exp, operands: x, .. } = plan.step(*operands.first()?)? else { return None };
    if ones.iter().all(|&c| c.to_bits() == 1f32.to_bits()) { x.first().copied() } else { None }
}
