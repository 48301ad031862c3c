//! Numbers as integers of eight bits: what QDQ and QLinear models read and write, as steps of the numbers that they stand for.

use super::super::array::Array;
use super::super::expr::{Arith, Expr, Fun};
use super::ctx::{Bound, Ctx};
use super::products::{convolution, matmul};
use crate::error::CompileError;
use std::rc::Rc;

/// A scale and a zero point: for all elements, or for each along one dimension.
struct Grid {
    scale: Array,
    zero: Array,
}

/// Adds the node's steps; `false` if the operator is not one of these.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: &str) -> Result<bool, CompileError> {
    let result = match operator {
        "QuantizeLinear" => {
            let x = ctx.operand(0)?;
            let grid = grid(ctx, 1, 2, ctx.dims(&x).len())?;
            stored(ctx, x, &grid, 2)?
        }
        "DequantizeLinear" => {
            ctx.attributes.ignore(&["output_dtype"]);
            let x = ctx.operand(0)?;
            let grid = grid(ctx, 1, 2, ctx.dims(&x).len())?;
            meant(ctx, x, &grid)?
        }
        "QLinearMatMul" => {
            let (a, b) = (number(ctx, 0)?, number(ctx, 3)?);
            let product = matmul(ctx, a, b)?;
            quantized(ctx, product, 6)?
        }
        "QLinearConv" => {
            let (x, weight) = (number(ctx, 0)?, weights(ctx)?);
            let bias = bias(ctx)?;
            let sum = convolution(ctx, x, weight, bias)?;
            quantized(ctx, sum, 6)?
        }
        "MatMulInteger" => {
            let (a, b) = (centred(ctx, 0, 2)?, centred(ctx, 1, 3)?);
            matmul(ctx, a, b)?
        }
        "ConvInteger" => {
            let (x, weight) = (centred(ctx, 0, 2)?, centred(ctx, 1, 3)?);
            let Bound::Const(weight) = weight else { return Err(ctx.refuse(1, "a constant", "a value")) };
            convolution(ctx, x, weight, None)?
        }
        _ => return Ok(false),
    };
    ctx.bind(0, result);
    Ok(true)
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
    match ctx.constant(zero)? {
        Some(zero) if zero.scalar().is_some() => {
            let shift = Bound::Const(Array::new(vec![], vec![zero.scalar().unwrap_or(0.0)]));
            ctx.arithmetic(Arith::Sub, x, shift)
        }
        Some(_) => Err(ctx.form("zero points that differ", "give all elements one zero point")),
        None => Ok(x),
    }
}
