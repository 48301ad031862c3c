//! Numbers as integers of eight bits: what QDQ and QLinear models read and write, as steps of the numbers that they stand for.

use super::builder::Bound;
use super::ctx::Ctx;
use super::pointwise::leaky;
use super::products::{convolution, matmul};
use crate::graph::array::{Array, count};
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::Kind;
use crate::graph::operators::family::{Quantized, RuntimeQuantized};
use crate::terms::error::CompileError;
use std::rc::Rc;

/// A scale and a zero point: for all elements, or for each along one dimension.
struct Grid {
    scale: Array,
    zero: Array,
}

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Quantized) -> Result<(), CompileError> {
    let result = match operator {
        Quantized::QuantizeLinear => {
            let x = ctx.operand(0)?;
            let grid = grid(ctx, 1, 2, ctx.dims(&x).len())?;
            stored(ctx, x, &grid, 2)?
        }
        Quantized::DequantizeLinear => {
            ctx.attributes.ignore(&["output_dtype"]);
            let x = ctx.operand(0)?;
            match ctx.operand(1)? {
                Bound::Const(_) => {
                    let grid = grid(ctx, 1, 2, ctx.dims(&x).len())?;
                    meant(ctx, x, &grid)?
                }
                scale => {
                    let units = centred(ctx, 0, 2)?;
                    ctx.arithmetic(Arith::Mul, units, scale)?
                }
            }
        }
        Quantized::QLinearMatMul => {
            let (a, b) = (number(ctx, 0)?, number(ctx, 3)?);
            let product = matmul(ctx, a, b)?;
            quantized(ctx, product, 6)?
        }
        Quantized::QLinearConv => {
            let (x, weight) = (number(ctx, 0)?, weights(ctx)?);
            let bias = bias(ctx)?;
            let sum = convolution(ctx, x, weight, bias)?;
            quantized(ctx, sum, 6)?
        }
        Quantized::DynamicQuantizeLinear => return dynamic(ctx),
        Quantized::MatMulInteger => {
            let (a, b) = (centred(ctx, 0, 2)?, centred(ctx, 1, 3)?);
            matmul(ctx, a, b)?
        }
        Quantized::ConvInteger => {
            let (x, weight) = (centred(ctx, 0, 2)?, centred(ctx, 1, 3)?);
            let Bound::Const(weight) = weight else { return Err(ctx.refuse(1, "a constant", "a value")) };
            convolution(ctx, x, weight, None)?
        }
    };
    ctx.bind(0, result);
    Ok(())
}

/// Adds the steps of an operator of onnxruntime's own quantizer.
pub(super) fn of_runtime(ctx: &mut Ctx<'_, '_>, operator: RuntimeQuantized) -> Result<(), CompileError> {
    let result = match operator {
        RuntimeQuantized::QLinearAdd => of_two(ctx, Arith::Add)?,
        RuntimeQuantized::QLinearMul => of_two(ctx, Arith::Mul)?,
        RuntimeQuantized::QLinearSigmoid => of_one(ctx, Expr::unary(Fun::Sigmoid, Expr::X))?,
        RuntimeQuantized::QLinearLeakyRelu => {
            let slope = ctx.attributes.float("alpha")?.unwrap_or(0.01);
            of_one(ctx, leaky(f64::from(slope)))?
        }
        RuntimeQuantized::QLinearGlobalAveragePool => {
            let x = number(ctx, 0)?;
            let y = channel_means(ctx, x)?;
            quantized(ctx, y, 3)?
        }
        RuntimeQuantized::QLinearConcat => {
            let y = concatenated(ctx)?;
            quantized(ctx, y, 0)?
        }
        RuntimeQuantized::QGemm => gemm(ctx)?,
    };
    ctx.bind(0, result);
    Ok(())
}

fn of_two(ctx: &mut Ctx<'_, '_>, arith: Arith) -> Result<Bound, CompileError> {
    let (a, b) = (number(ctx, 0)?, number(ctx, 3)?);
    let y = ctx.arithmetic(arith, a, b)?;
    quantized(ctx, y, 6)
}

fn of_one(ctx: &mut Ctx<'_, '_>, function: Expr) -> Result<Bound, CompileError> {
    let x = number(ctx, 0)?;
    let y = ctx.pointwise(function, x)?;
    quantized(ctx, y, 3)
}

/// Scale and zero point, operands `scale` and `zero`, of a tensor of `rank` dimensions.
fn grid(ctx: &mut Ctx<'_, '_>, scale: usize, zero: usize, rank: usize) -> Result<Grid, CompileError> {
    ctx.attributes.ignore(&["saturate", "precision"]);
    ctx.attributes.only("block_size", 0)?;
    let axis = ctx.attributes.int("axis")?.unwrap_or(1);
    let steps = ctx.required(scale)?;
    let zero = ctx.constant(zero)?.unwrap_or_else(|| Array::new(vec![], vec![0.0]));
    let shape = |c: Array, axis: Option<usize>| {
        let shape = axis.map_or(vec![], |axis| [vec![c.values.len()], vec![1; rank - axis - 1]].concat());
        Array { whole: false, ..c.reshaped(shape) }
    };
    let axis = if steps.values.len() > 1 { Some(ctx.axis(axis, rank)?) } else { None };
    let own = if zero.values.len() > 1 { axis } else { None };
    Ok(Grid { scale: shape(steps, axis), zero: shape(zero, own) })
}

/// The smallest and the largest integer of operand `zero`'s type.
fn ends(ctx: &mut Ctx<'_, '_>, zero: usize) -> Result<(f64, f64), CompileError> {
    let name = ctx.node.input.get(zero).filter(|name| !name.is_empty());
    let signed = match (name.map(|name| ctx.builder.bytes.get(name).copied()), ctx.attributes.int("output_dtype")?) {
        (Some(Some(signed)), _) => signed,
        (None, None | Some(0 | 2)) => false,
        (None, Some(3)) => true,
        (None, Some(other)) => {
            return Err(ctx.attributes.refuse("output_dtype", "uint8 or int8 (2 or 3)", other.to_string()));
        }
        (Some(None), _) => {
            return Err(ctx.refuse(zero, "a constant of int8 or uint8", "another type, or a computed one"));
        }
    };
    Ok(if signed { (-128.0, 127.0) } else { (0.0, 255.0) })
}

/// x in units of its scale, rounded and counted from the zero point on, of operand `zero`'s type.
fn stored(ctx: &mut Ctx<'_, '_>, x: Bound, grid: &Grid, zero: usize) -> Result<Bound, CompileError> {
    let (lo, hi) = ends(ctx, zero)?;
    let units = ctx.arithmetic(Arith::Div, x, Bound::Const(grid.scale.clone()))?;
    let Some(start) = grid.zero.scalar().map(f64::from) else {
        return Err(ctx.form("zero points that differ", "give all elements of what is computed one zero point"));
    };
    let whole = Expr::unary(Fun::Round, Expr::X);
    let above = Expr::binary(Arith::Max, whole, Expr::Const(lo - start));
    let units = ctx.pointwise(Expr::binary(Arith::Min, above, Expr::Const(hi - start)), units)?;
    ctx.arithmetic(Arith::Add, units, Bound::Const(grid.zero.clone()))
}

/// The numbers that integers mean.
fn meant(ctx: &mut Ctx<'_, '_>, x: Bound, grid: &Grid) -> Result<Bound, CompileError> {
    let x = as_numbers(x);
    let units = ctx.arithmetic(Arith::Sub, x, Bound::Const(grid.zero.clone()))?;
    ctx.arithmetic(Arith::Mul, units, Bound::Const(grid.scale.clone()))
}

/// The mean of each channel.
fn channel_means(ctx: &mut Ctx<'_, '_>, x: Bound) -> Result<Bound, CompileError> {
    ctx.attributes.only("channels_last", 0)?;
    let dims = ctx.dims(&x);
    let &[batch, channels, ..] = dims.as_slice() else {
        return Err(ctx.refuse(0, "channels", format!("dimensions {dims:?}")));
    };
    let places = count(&dims[2..]);
    let rows = ctx.reshape(x, vec![batch, channels, places])?;
    let sums = ctx.push(Kind::Sum, vec![rows], vec![batch, channels, 1])?;
    let means = ctx.scaled(1.0 / places.max(1) as f64, sums)?;
    ctx.reshape(means, [vec![batch, channels], vec![1; dims.len() - 2]].concat())
}

/// What a QLinearConcat puts together: operands after the first two, each with a scale and a zero point.
fn concatenated(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let axis = ctx.attributes.int("axis")?.unwrap_or(0);
    let mut parts = Vec::new();
    for i in (2..ctx.operands()).step_by(3) {
        parts.push(number(ctx, i)?);
    }
    let rank = parts.first().map_or(0, |part| ctx.dims(part).len());
    let axis = ctx.axis(axis, rank)?;
    ctx.concat(parts, axis)
}

/// A QGemm: `alpha · a · b + c`. c is in units of both scales' product. The result is numbers, if it has no scale of its own.
fn gemm(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    ctx.attributes.only("transA", 0)?;
    let is_turned = ctx.attributes.int("transB")?.unwrap_or(0) != 0;
    let alpha = ctx.attributes.float("alpha")?.unwrap_or(1.0);
    let a = number(ctx, 0)?;
    let (b, scale) = (ctx.required(3)?, ctx.required(4)?);
    let zero = ctx.constant(5)?.unwrap_or_else(|| Array::new(vec![], vec![0.0]));
    let &[rows, columns] = b.dims.as_slice() else {
        return Err(ctx.refuse(3, "a matrix", format!("dimensions {:?}", b.dims)));
    };
    let (k, n) = if is_turned { (columns, rows) } else { (rows, columns) };
    let own = |c: &Array, j: usize| c.values.get(j).or(c.values.first()).copied().unwrap_or(0.0);
    let stored = |i: usize, j: usize| b.values[if is_turned { j * k + i } else { i * n + j }];
    let weight = |at: usize| (stored(at / n, at % n) - own(&zero, at % n)) * own(&scale, at % n) * alpha;
    let weights = Array::new(vec![k, n], (0..k * n).map(weight).collect());
    let mut y = matmul(ctx, a, Bound::Const(weights))?;
    if let Some(c) = ctx.constant(6)? {
        let unit = ctx.required(1)?.scalar().unwrap_or(0.0);
        let units = (0..n).map(|j| unit * own(&scale, j) * own(&c, j)).collect();
        y = ctx.arithmetic(Arith::Add, y, Bound::Const(Array::new(vec![n], units)))?;
    }
    if ctx.optional(7)?.is_some() { quantized(ctx, y, 7) } else { Ok(y) }
}

/// x as integers by a scale and a zero point of its own: from its smallest element, or zero, to its largest.
fn dynamic(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    const STEPS: f64 = 255.0;
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let row = ctx.reshape(x.clone(), vec![1, count(&dims)])?;
    let negated = ctx.scaled(-1.0, row.clone())?;
    let relu = || Expr::unary(Fun::Relu, Expr::X);
    let above = ctx.push(Kind::Max, vec![row], vec![1, 1])?;
    let above = ctx.pointwise(relu(), above)?;
    let below = ctx.push(Kind::Max, vec![negated], vec![1, 1])?;
    let below = ctx.pointwise(relu(), below)?;
    let span = ctx.arithmetic(Arith::Add, above, below.clone())?;
    let scale = ctx.scaled(1.0 / STEPS, span)?;
    let zero = ctx.arithmetic(Arith::Div, below, scale.clone())?;
    let zero = ctx.pointwise(Expr::unary(Fun::Round, Expr::X), zero)?;
    let units = ctx.arithmetic(Arith::Div, x, scale.clone())?;
    let units = ctx.reshape(units, dims.clone())?;
    let units = ctx.pointwise(Expr::unary(Fun::Round, Expr::X), units)?;
    // Both ends are units of the same scale: nothing is beyond 0 and 255 by more than a rounding.
    let stored = ctx.arithmetic(Arith::Add, units, zero.clone())?;
    let stored = ctx.reshape(stored, dims)?;
    ctx.bind(0, stored);
    let (scale, zero) = (ctx.reshape(scale, vec![])?, ctx.reshape(zero, vec![])?);
    ctx.bind(1, scale);
    ctx.bind(2, zero);
    Ok(())
}

fn as_numbers(x: Bound) -> Bound {
    match x {
        Bound::Const(c) => Bound::Const(Array { whole: false, ..c }),
        Bound::Value(id) => Bound::Value(id),
    }
}

/// What operand `i` means by the scale and the zero point that follow it.
fn number(ctx: &mut Ctx<'_, '_>, i: usize) -> Result<Bound, CompileError> {
    let x = ctx.operand(i)?;
    let rank = ctx.dims(&x).len();
    let grid = grid(ctx, i + 1, i + 2, rank)?;
    meant(ctx, x, &grid)
}

/// A QLinearConv's weights, with a scale for each output or for all.
fn weights(ctx: &mut Ctx<'_, '_>) -> Result<Array, CompileError> {
    let weight = ctx.required(3)?;
    let (scale, zero) = (ctx.required(4)?, ctx.required(5)?);
    let each = (weight.values.len() / weight.dims.first().copied().unwrap_or(1).max(1)).max(1);
    let at = |c: &Array, i: usize| c.values.get(i / each).or(c.values.first()).copied().unwrap_or(0.0);
    let meant = |(i, &v): (usize, &f32)| (v - at(&zero, i)) * at(&scale, i);
    Ok(Array::new(weight.dims.clone(), weight.values.iter().enumerate().map(meant).collect()))
}

/// A QLinearConv's bias: integers in units of both scales' product.
fn bias(ctx: &mut Ctx<'_, '_>) -> Result<Option<Rc<Vec<f32>>>, CompileError> {
    let Some(bias) = ctx.constant(8)? else { return Ok(None) };
    let (input, weight) = (ctx.required(1)?, ctx.required(4)?);
    let by = |i: usize| weight.values.get(i).or(weight.values.first()).copied().unwrap_or(0.0);
    let unit = input.values.first().copied().unwrap_or(0.0);
    Ok(Some(Rc::new(bias.values.iter().enumerate().map(|(i, &v)| v * unit * by(i)).collect())))
}

/// A result as integers by the scale that operand `scale` is and the zero point after it.
fn quantized(ctx: &mut Ctx<'_, '_>, x: Bound, scale: usize) -> Result<Bound, CompileError> {
    let rank = ctx.dims(&x).len();
    let grid = grid(ctx, scale, scale + 1, rank)?;
    stored(ctx, x, &grid, scale + 1)
}

/// Operand `i` less its zero point, if it has one.
fn centred(ctx: &mut Ctx<'_, '_>, i: usize, zero: usize) -> Result<Bound, CompileError> {
    let x = as_numbers(ctx.operand(i)?);
    match ctx.optional(zero)? {
        Some(Bound::Const(zero)) => match zero.scalar() {
            Some(zero) => ctx.arithmetic(Arith::Sub, x, Bound::Const(Array::new(vec![], vec![zero]))),
            None => Err(ctx.form("zero points that differ", "give all elements one zero point")),
        },
        Some(zero) => ctx.arithmetic(Arith::Sub, x, zero),
        None => Ok(x),
    }
}
