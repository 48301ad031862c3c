//! Arithmetic and functions of single elements.

use super::builder::Bound;
use super::choices::{is_flag, never, select, truth};
use super::classical::class_of;
use super::ctx::Ctx;
use crate::graph::array::{Array, count};
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::{Kind, integral};
use crate::graph::operators::family::{Activations, Arithmetic, Functions, Pointwise};
use crate::terms::error::CompileError;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Pointwise) -> Result<(), CompileError> {
    let result = match operator {
        Pointwise::Mean => {
            let sum = folded(ctx, Arith::Add)?;
            ctx.scaled(1.0 / ctx.operands() as f64, sum)?
        }
        Pointwise::PRelu => prelu(ctx)?,
        Pointwise::Where => select(ctx)?,
        Pointwise::IsNan => never(ctx, f32::is_nan)?,
        Pointwise::IsInf => never(ctx, f32::is_infinite)?,
        Pointwise::Identity => ctx.operand(0)?,
        Pointwise::Dropout => dropout(ctx)?,
        Pointwise::Cast | Pointwise::CastLike => cast(ctx)?,
        Pointwise::BatchNormalization => batch_normalization(ctx)?,
    };
    ctx.bind(0, result);
    Ok(())
}

/// Adds a function of each element.
pub(super) fn function(ctx: &mut Ctx<'_, '_>, operator: Functions) -> Result<(), CompileError> {
    let x = ctx.operand(0)?;
    let y = ctx.pointwise(Expr::unary(fun(operator), Expr::X), x)?;
    ctx.bind(0, y);
    Ok(())
}

/// Adds arithmetic of two values, or of several one after the other.
pub(super) fn arithmetic(ctx: &mut Ctx<'_, '_>, operator: Arithmetic) -> Result<(), CompileError> {
    let y = folded(ctx, arith(operator))?;
    ctx.bind(0, y);
    Ok(())
}

/// Adds a function of each element with constants of its own.
pub(super) fn activation(ctx: &mut Ctx<'_, '_>, operator: Activations) -> Result<(), CompileError> {
    let y = if operator == Activations::Clip && has_computed_ends(ctx)? {
        between(ctx)?
    } else {
        let expr = activated(ctx, operator)?;
        let x = ctx.operand(0)?;
        ctx.pointwise(expr, x)?
    };
    ctx.bind(0, y);
    Ok(())
}

const fn fun(operator: Functions) -> Fun {
    match operator {
        Functions::Neg => Fun::Neg,
        Functions::Abs => Fun::Abs,
        Functions::Sqrt => Fun::Sqrt,
        Functions::Exp => Fun::Exp,
        Functions::Log => Fun::Log,
        Functions::Erf => Fun::Erf,
        Functions::Tanh => Fun::Tanh,
        Functions::Sigmoid => Fun::Sigmoid,
        Functions::Relu => Fun::Relu,
        Functions::Softplus => Fun::Softplus,
        Functions::Floor => Fun::Floor,
        Functions::Ceil => Fun::Ceil,
        Functions::Round => Fun::Round,
        Functions::Sign => Fun::Sign,
        Functions::Sin => Fun::Sin,
        Functions::Cos => Fun::Cos,
        Functions::Tan => Fun::Tan,
        Functions::Asin => Fun::Asin,
        Functions::Acos => Fun::Acos,
        Functions::Atan => Fun::Atan,
        Functions::Sinh => Fun::Sinh,
        Functions::Cosh => Fun::Cosh,
        Functions::Asinh => Fun::Asinh,
        Functions::Acosh => Fun::Acosh,
        Functions::Atanh => Fun::Atanh,
        Functions::Not => Fun::Not,
    }
}

const fn arith(operator: Arithmetic) -> Arith {
    match operator {
        Arithmetic::Add | Arithmetic::Sum => Arith::Add,
        Arithmetic::Sub => Arith::Sub,
        Arithmetic::Mul => Arith::Mul,
        Arithmetic::Div => Arith::Div,
        Arithmetic::Pow => Arith::Pow,
        Arithmetic::Min => Arith::Min,
        Arithmetic::Max => Arith::Max,
        Arithmetic::Mod => Arith::Mod,
        Arithmetic::Equal => Arith::Equal,
        Arithmetic::Less => Arith::Less,
        Arithmetic::LessOrEqual => Arith::LessOrEqual,
        Arithmetic::Greater => Arith::Greater,
        Arithmetic::GreaterOrEqual => Arith::GreaterOrEqual,
        Arithmetic::And => Arith::And,
        Arithmetic::Or => Arith::Or,
    }
}

fn folded(ctx: &mut Ctx<'_, '_>, arith: Arith) -> Result<Bound, CompileError> {
    if arith == Arith::Mod {
        ctx.attributes.only("fmod", 0)?;
    }
    let mut result = ctx.operand(0)?;
    let integers = |bound: &Bound| matches!(bound, Bound::Value(id) if integral(&ctx.builder.net, *id));
    if arith == Arith::Div && (integers(&result) || integers(&ctx.operand(1)?)) {
        return Err(ctx.form("a division of integers that depend on the input", "cast them to float first"));
    }
    for i in 1..ctx.operands() {
        let next = ctx.operand(i)?;
        result = match (&result, &next) {
            (Bound::Value(x), Bound::Value(y)) if x == y => {
                let dims = ctx.dims(&result);
                ctx.push(Kind::Pointwise(Expr::binary(arith, Expr::X, Expr::X)), vec![result], dims)?
            }
            (Bound::Const(a), Bound::Const(b)) => {
                ctx.arithmetic(arith, Bound::Const(a.clone()), Bound::Const(b.clone()))?
            }
            (a, b) if is_truth(arith) && !has_scalar(a, b) => truth(ctx, arith, result, next)?,
            _ => ctx.arithmetic(arith, result, next)?,
        };
    }
    Ok(result)
}

const fn is_truth(arith: Arith) -> bool {
    arith.is_comparison() || matches!(arith, Arith::And | Arith::Or)
}

/// Whether an operand is one number for all elements.
fn has_scalar(a: &Bound, b: &Bound) -> bool {
    [a, b].into_iter().any(|bound| matches!(bound, Bound::Const(c) if c.scalar().is_some()))
}

pub(super) fn times(a: Expr, b: Expr) -> Expr {
    Expr::binary(Arith::Mul, a, b)
}

fn clip(x: Expr, lo: f64, hi: f64) -> Expr {
    if lo.is_finite() && hi.is_finite() {
        return x.clipped(lo, hi);
    }
    let above = if lo.is_finite() { Expr::binary(Arith::Max, x, Expr::Const(lo)) } else { x };
    if hi.is_finite() { Expr::binary(Arith::Min, above, Expr::Const(hi)) } else { above }
}

/// `positive · max(x, 0) + negative · (e^(min(x, 0) / width) − 1)`.
fn exponential_unit(positive: f64, negative: f64, width: f64) -> Expr {
    let above = times(Expr::Const(positive), Expr::unary(Fun::Relu, Expr::X));
    let below = times(Expr::Const(1.0 / width), Expr::binary(Arith::Min, Expr::X, Expr::Const(0.0)));
    let below = Expr::binary(Arith::Sub, Expr::unary(Fun::Exp, below), Expr::Const(1.0));
    Expr::binary(Arith::Add, above, times(Expr::Const(negative), below))
}

/// max(x, 0) + slope · min(x, 0).
pub(super) fn leaky(slope: f64) -> Expr {
    let below = Expr::binary(Arith::Min, Expr::X, Expr::Const(0.0));
    Expr::binary(Arith::Add, Expr::unary(Fun::Relu, Expr::X), times(Expr::Const(slope), below))
}

fn activated(ctx: &mut Ctx<'_, '_>, operator: Activations) -> Result<Expr, CompileError> {
    let mut float = |name: &'static str, default: f32| -> Result<f64, CompileError> {
        Ok(f64::from(ctx.attributes.float(name)?.unwrap_or(default)))
    };
    let x = || Expr::X;
    Ok(match operator {
        Activations::Reciprocal => Expr::binary(Arith::Div, Expr::Const(1.0), x()),
        Activations::LeakyRelu => leaky(float("alpha", 0.01)?),
        Activations::Elu => exponential_unit(1.0, float("alpha", 1.0)?, 1.0),
        Activations::Celu => {
            let alpha = float("alpha", 1.0)?;
            exponential_unit(1.0, alpha, alpha)
        }
        Activations::Selu => {
            let (alpha, gamma) = (float("alpha", 1.673_263_2)?, float("gamma", 1.050_701)?);
            exponential_unit(gamma, alpha * gamma, 1.0)
        }
        Activations::HardSigmoid => clip(Expr::line(float("alpha", 0.2)?, float("beta", 0.5)?), 0.0, 1.0),
        Activations::HardSwish => times(x(), clip(Expr::line(1.0 / 6.0, 0.5), 0.0, 1.0)),
        Activations::ThresholdedRelu => {
            times(x(), Expr::binary(Arith::Greater, x(), Expr::Const(float("alpha", 1.0)?)))
        }
        Activations::Softsign => {
            Expr::binary(Arith::Div, x(), Expr::binary(Arith::Add, Expr::Const(1.0), Expr::unary(Fun::Abs, x())))
        }
        Activations::Mish => times(x(), Expr::unary(Fun::Tanh, Expr::unary(Fun::Softplus, x()))),
        Activations::Swish => times(x(), Expr::unary(Fun::Sigmoid, times(Expr::Const(float("alpha", 1.0)?), x()))),
        Activations::Gelu | Activations::FastGelu => {
            let mode = ctx.attributes.text("approximate")?.unwrap_or_default();
            gelu(operator == Activations::FastGelu || mode == "tanh")
        }
        Activations::Clip => {
            let (lo, hi) = bounds(ctx)?;
            clip(x(), lo, hi)
        }
    })
}

fn gelu(by_tanh: bool) -> Expr {
    let inner = if by_tanh {
        let cube = times(Expr::X, times(Expr::X, Expr::X));
        let sum = Expr::binary(Arith::Add, Expr::X, times(Expr::Const(0.044_715), cube));
        Expr::unary(Fun::Tanh, times(Expr::Const((2.0 / std::f64::consts::PI).sqrt()), sum))
    } else {
        Expr::unary(Fun::Erf, times(Expr::Const(std::f64::consts::FRAC_1_SQRT_2), Expr::X))
    };
    times(times(Expr::Const(0.5), Expr::X), Expr::binary(Arith::Add, Expr::Const(1.0), inner))
}

/// Whether an end of a Clip depends on the input.
fn has_computed_ends(ctx: &Ctx<'_, '_>) -> Result<bool, CompileError> {
    let is_computed = |bound: Option<Bound>| matches!(bound, Some(Bound::Value(_)));
    Ok(is_computed(ctx.optional(1)?) || is_computed(ctx.optional(2)?))
}

/// `min(max(x, low), high)`, of ends that may depend on the input.
fn between(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let mut x = ctx.operand(0)?;
    for (i, arith) in [(1, Arith::Max), (2, Arith::Min)] {
        if let Some(end) = ctx.optional(i)? {
            x = ctx.arithmetic(arith, x, end)?;
        }
    }
    Ok(x)
}

fn bounds(ctx: &mut Ctx<'_, '_>) -> Result<(f64, f64), CompileError> {
    let mut bound = |name: &'static str, i: usize, default: f64| -> Result<f64, CompileError> {
        match ctx.constant(i)? {
            Some(c) => c.scalar().map(f64::from).ok_or_else(|| ctx.refuse(i, "one number", format!("{:?}", c.dims))),
            None => Ok(ctx.attributes.float(name)?.map_or(default, f64::from)),
        }
    };
    Ok((bound("min", 1, f64::NEG_INFINITY)?, bound("max", 2, f64::INFINITY)?))
}

fn prelu(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let (x, slope) = (ctx.operand(0)?, ctx.required(1)?);
    if let Some(slope) = slope.scalar() {
        return ctx.pointwise(leaky(f64::from(slope)), x);
    }
    let above = ctx.pointwise(Expr::unary(Fun::Relu, Expr::X), x.clone())?;
    let below = ctx.pointwise(Expr::binary(Arith::Min, Expr::X, Expr::Const(0.0)), x)?;
    let below = ctx.arithmetic(Arith::Mul, below, Bound::Const(slope))?;
    ctx.arithmetic(Arith::Add, above, below)
}

fn cast(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let to = ctx.attributes.int("to")?.unwrap_or(1);
    ctx.attributes.ignore(&["saturate", "round_mode"]);
    let real = matches!(to, 1 | 10 | 11 | 16);
    match x {
        Bound::Const(c) if real => return Ok(Bound::Const(Array { whole: false, ..c })),
        Bound::Const(c) if to == 9 => {
            return Ok(Bound::Const(Array { whole: true, ..c.map(|v| f32::from(v != 0.0)) }));
        }
        Bound::Const(c) => return Ok(Bound::Const(Array { whole: true, ..c.map(f32::trunc) })),
        Bound::Value(id) if to == 9 => {
            return if is_flag(ctx, id) { Ok(x) } else { ctx.pointwise(Expr::truth(), x) };
        }
        Bound::Value(id) if !real && class_of(ctx.builder, id).is_some() => return Ok(x),
        Bound::Value(id) if !real && !integral(&ctx.builder.net, id) => {
            return ctx.pointwise(Expr::unary(Fun::Trunc, Expr::X), x);
        }
        // A number from here on: it divides as one.
        Bound::Value(id) if real && integral(&ctx.builder.net, id) => return ctx.pointwise(Expr::X, x),
        Bound::Value(_) => {}
    }
    Ok(x)
}

fn dropout(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    ctx.attributes.ignore(&["ratio", "seed", "is_test"]);
    let training = ctx.constant(2)?.and_then(|c| c.scalar()).is_some_and(|v| v != 0.0);
    if training {
        return Err(ctx.form("dropout in training mode", "export the model in evaluation mode"));
    }
    if ctx.names(1) {
        let kept = Array::whole(ctx.dims(&x), vec![1.0; count(&ctx.dims(&x))]);
        ctx.bind(1, Bound::Const(kept));
    }
    Ok(x)
}

fn batch_normalization(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    ctx.attributes.ignore(&["momentum", "spatial"]);
    ctx.attributes.only("training_mode", 0)?;
    let eps = f64::from(ctx.attributes.float("epsilon")?.unwrap_or(1e-5));
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let channels = dims.get(1).copied().unwrap_or(1);
    let parameters: Vec<Array> = (1..5).map(|i| ctx.required(i)).collect::<Result<_, _>>()?;
    if let Some(i) = parameters.iter().position(|p| p.values.len() != channels) {
        return Err(ctx.refuse(i + 1, format!("{channels} elements"), format!("{}", parameters[i].values.len())));
    }
    let at = |p: usize, c: usize| f64::from(parameters[p].values[c]);
    let slope = |c: usize| at(0, c) / (at(3, c) + eps).sqrt();
    let mut shape = vec![1; dims.len().saturating_sub(1)];
    shape[0] = channels;
    let slopes = Array::new(shape.clone(), (0..channels).map(|c| slope(c) as f32).collect());
    let offsets = Array::new(shape, (0..channels).map(|c| (at(1, c) - at(2, c) * slope(c)) as f32).collect());
    let scaled = ctx.push(Kind::MulConst(slopes), vec![x], dims.clone())?;
    ctx.push(Kind::AddConst(offsets), vec![scaled], dims)
}
