//! Reductions, Softmax and normalisations.

use super::builder::Bound;
use super::ctx::Ctx;
use super::products::matmul;
use crate::graph::array::{Array, count};
use crate::graph::elem::Norm;
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::Kind;
use crate::graph::operators::family::{Reductions, Rows};
use crate::terms::error::CompileError;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Rows) -> Result<(), CompileError> {
    let result = match operator {
        Rows::LpNormalization => lp_normalization(ctx)?,
        Rows::Softmax => softmax(ctx, false)?,
        Rows::LogSoftmax => softmax(ctx, true)?,
        Rows::TopK => return top(ctx),
        Rows::ArgMax => argmax(ctx, false)?,
        Rows::ArgMin => argmax(ctx, true)?,
        Rows::LayerNormalization => layer_normalization(ctx, true)?,
        Rows::RmsNormalization | Rows::SimplifiedLayerNormalization => layer_normalization(ctx, false)?,
        Rows::InstanceNormalization => group_normalization(ctx, false)?,
        Rows::GroupNormalization => group_normalization(ctx, true)?,
        Rows::Lrn => local_response(ctx)?,
    };
    ctx.bind(0, result);
    Ok(())
}

/// Adds a sum, a product or an extreme along dimensions.
pub(super) fn reduction(ctx: &mut Ctx<'_, '_>, operator: Reductions) -> Result<(), CompileError> {
    let result = reduce(ctx, operator)?;
    ctx.bind(0, result);
    Ok(())
}

fn reduce(ctx: &mut Ctx<'_, '_>, operator: Reductions) -> Result<Bound, CompileError> {
    let mut x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let keep = ctx.attributes.int("keepdims")?.unwrap_or(1) != 0;
    let noop = ctx.attributes.int("noop_with_empty_axes")?.unwrap_or(0) != 0;
    let axes = ctx.ints("axes", 1)?.filter(|axes| !axes.is_empty());
    let axes: Vec<usize> = match axes {
        None if noop => return Ok(x),
        None => (0..dims.len()).collect(),
        Some(axes) => axes.into_iter().map(|axis| ctx.axis(axis, dims.len())).collect::<Result<_, _>>()?,
    };
    let reduced = |axis: &usize| axes.contains(axis);
    let result: Vec<usize> = if keep {
        (0..dims.len()).map(|axis| if reduced(&axis) { 1 } else { dims[axis] }).collect()
    } else {
        (0..dims.len()).filter(|axis| !reduced(axis)).map(|axis| dims[axis]).collect()
    };
    if let (Reductions::ReduceProd, Bound::Const(c)) = (operator, &x) {
        return Ok(Bound::Const(Array { dims: result, ..Array::whole(vec![], vec![c.values.iter().product()]) }));
    }
    if matches!(operator, Reductions::ReduceSumSquare | Reductions::ReduceL2) {
        x = ctx.pointwise(Expr::binary(Arith::Mul, Expr::X, Expr::X), x)?;
    } else if operator == Reductions::ReduceL1 {
        x = ctx.pointwise(Expr::unary(Fun::Abs, Expr::X), x)?;
    } else if operator == Reductions::ReduceMin {
        x = ctx.pointwise(Expr::unary(Fun::Neg, Expr::X), x)?;
    }
    let rows = ctx.axes_last(x, &axes)?;
    let row = ctx.dims(&rows).last().copied().unwrap_or(1);
    let mut shape = ctx.dims(&rows);
    shape.pop();
    shape.push(1);
    if operator == Reductions::ReduceProd {
        let y = product(ctx, &rows, row)?;
        return ctx.reshape(y, result);
    }
    if operator == Reductions::ReduceLogSumExp {
        let y = log_sum_exp(ctx, rows, &shape)?;
        return ctx.reshape(y, result);
    }
    let kind = match operator {
        Reductions::ReduceMax | Reductions::ReduceMin => Kind::Max,
        Reductions::ReduceL1
        | Reductions::ReduceL2
        | Reductions::ReduceLogSum
        | Reductions::ReduceLogSumExp
        | Reductions::ReduceMean
        | Reductions::ReduceProd
        | Reductions::ReduceSum
        | Reductions::ReduceSumSquare => Kind::Sum,
    };
    let mut y = ctx.push(kind, vec![rows], shape)?;
    y = match operator {
        Reductions::ReduceMean => ctx.scaled(1.0 / row as f64, y)?,
        Reductions::ReduceLogSum => ctx.pointwise(Expr::unary(Fun::Log, Expr::X), y)?,
        Reductions::ReduceL2 => ctx.pointwise(Expr::unary(Fun::Sqrt, Expr::X), y)?,
        Reductions::ReduceMin => ctx.pointwise(Expr::unary(Fun::Neg, Expr::X), y)?,
        Reductions::ReduceL1
        | Reductions::ReduceLogSumExp
        | Reductions::ReduceMax
        | Reductions::ReduceProd
        | Reductions::ReduceSum
        | Reductions::ReduceSumSquare => y,
    };
    ctx.reshape(y, result)
}

/// Most factors of a product.
const MOST_FACTORS: usize = 16;

/// The product of each row.
fn product(ctx: &mut Ctx<'_, '_>, rows: &Bound, row: usize) -> Result<Bound, CompileError> {
    if row == 0 || row > MOST_FACTORS {
        return Err(ctx.form(format!("a product of {row} values"), format!("1 to {MOST_FACTORS} factors work")));
    }
    let axis = ctx.dims(rows).len() - 1;
    let column = |ctx: &mut Ctx<'_, '_>, i: usize| ctx.take(rows.clone(), vec![(axis, vec![Some(i)])]);
    let mut product = column(ctx, 0)?;
    for i in 1..row {
        let factor = column(ctx, i)?;
        product = ctx.arithmetic(Arith::Mul, product, factor)?;
    }
    Ok(product)
}

/// `m + ln Σ e^(x − m)` of each row, where m is its largest.
fn log_sum_exp(ctx: &mut Ctx<'_, '_>, rows: Bound, shape: &[usize]) -> Result<Bound, CompileError> {
    let largest = ctx.push(Kind::Max, vec![rows.clone()], shape.to_vec())?;
    let below = ctx.arithmetic(Arith::Sub, rows, largest.clone())?;
    let powers = ctx.pointwise(Expr::unary(Fun::Exp, Expr::X), below)?;
    let sum = ctx.push(Kind::Sum, vec![powers], shape.to_vec())?;
    let log = ctx.pointwise(Expr::unary(Fun::Log, Expr::X), sum)?;
    ctx.arithmetic(Arith::Add, largest, log)
}

fn softmax(ctx: &mut Ctx<'_, '_>, log: bool) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let old = ctx.builder.opset < 13;
    let axis = ctx.attributes.int("axis")?.unwrap_or(if old { 1 } else { -1 });
    let axis = ctx.axis(axis, dims.len().max(1))?;
    // Before version 13, all dimensions from the axis on are one row.
    if old && axis + 1 < dims.len() {
        let rows = ctx.reshape(x, vec![count(&dims[..axis]), count(&dims[axis..])])?;
        let shape = ctx.dims(&rows);
        let y = ctx.push(Kind::Softmax { log }, vec![rows], shape)?;
        return ctx.reshape(y, dims);
    }
    let mut perm: Vec<usize> = (0..dims.len()).collect();
    perm.swap(axis, dims.len().saturating_sub(1));
    let x = ctx.transpose(x, perm.clone())?;
    let shape = ctx.dims(&x);
    let y = ctx.push(Kind::Softmax { log }, vec![x], shape)?;
    ctx.transpose(y, perm)
}

/// The index of the largest element, or the smallest.
fn argmax(ctx: &mut Ctx<'_, '_>, smallest: bool) -> Result<Bound, CompileError> {
    let mut x = ctx.operand(0)?;
    if smallest {
        x = ctx.pointwise(Expr::unary(Fun::Neg, Expr::X), x)?;
    }
    let dims = ctx.dims(&x);
    ctx.attributes.only("select_last_index", 0)?;
    let keep = ctx.attributes.int("keepdims")?.unwrap_or(1) != 0;
    let axis = ctx.attributes.int("axis")?.unwrap_or(0);
    let axis = ctx.axis(axis, dims.len())?;
    let mut rest = dims.clone();
    if keep {
        rest[axis] = 1;
    } else {
        rest.remove(axis);
    }
    if dims[axis] != count(&dims) {
        let rows = ctx.axes_last(x, &[axis])?;
        let at = ranked(ctx, rows, 1, true)?;
        return ctx.reshape(at, rest);
    }
    let x = ctx.reshape(x, vec![dims[axis]])?;
    ctx.push(Kind::ArgMax, vec![x], rest)
}

/// Most comparisons by which positions are told.
const MOST_RANKED: usize = 1 << 20;

/// The positions of the `k` largest of each row, or the smallest.
fn ranked(ctx: &mut Ctx<'_, '_>, rows: Bound, k: usize, largest: bool) -> Result<Bound, CompileError> {
    let mut dims = ctx.dims(&rows);
    if count(&dims).saturating_mul(k) > MOST_RANKED {
        let hint = format!("up to {MOST_RANKED} elements times positions work");
        return Err(ctx.form(format!("the {k} largest along rows of {dims:?}"), hint));
    }
    dims.pop();
    dims.push(k);
    ctx.push(Kind::Top { k, largest }, vec![rows], dims)
}

/// The largest elements of rows, or the smallest, and their positions.
fn top(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    let (x, k) = (ctx.operand(0)?, ctx.required(1)?.ints().first().copied().unwrap_or(0));
    let (dims, largest) = (ctx.dims(&x), ctx.attributes.int("largest")?.unwrap_or(1) != 0);
    ctx.attributes.ignore(&["sorted"]);
    let axis = ctx.attributes.int("axis")?.unwrap_or(-1);
    let axis = ctx.axis(axis, dims.len())?;
    let n = dims[axis];
    let k = usize::try_from(k).ok().filter(|k| (1..=n).contains(k));
    let k = k.ok_or_else(|| ctx.refuse(1, format!("a number from 1 to {n}"), "another one"))?;
    let perm = last(dims.len(), axis);
    let rows = ctx.transpose(x, perm.clone())?;
    let at = match ctx.dims(&rows) {
        // One row, as classical models read it.
        one if count(&one) == n => {
            let row = ctx.reshape(rows.clone(), vec![1, n])?;
            ranked(ctx, row, k, largest)?
        }
        _ => ranked(ctx, rows.clone(), k, largest)?,
    };
    let mut shape = ctx.dims(&rows);
    shape.pop();
    shape.push(k);
    if ctx.names(0) {
        let values = super::scatter::at_positions(ctx, rows, at.clone())?;
        let values = ctx.reshape(values, shape.clone())?;
        let values = ctx.transpose(values, perm.clone())?;
        ctx.bind(0, values);
    }
    let at = ctx.reshape(at, shape)?;
    let at = ctx.transpose(at, perm)?;
    ctx.bind(1, at);
    Ok(())
}

/// The order of dimensions in which one changes places with the last: its own inverse.
fn last(rank: usize, axis: usize) -> Vec<usize> {
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(axis, rank.saturating_sub(1));
    perm
}

/// A row divided by the sum of its magnitudes, or by its length.
fn lp_normalization(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let axis = ctx.attributes.int("axis")?.unwrap_or(-1);
    let axis = ctx.axis(axis, dims.len())?;
    let norm = match ctx.attributes.int("p")?.unwrap_or(2) {
        1 => Norm::L1,
        2 => Norm::L2,
        other => return Err(ctx.attributes.refuse("p", "1 or 2", other.to_string())),
    };
    if dims[axis] != count(&dims) {
        return Err(ctx.form(format!("norms along dimension {axis} of {dims:?}"), "the norm of one row works"));
    }
    ctx.push(Kind::Norm(norm), vec![x], dims)
}

/// Rows from `axis` on normalised, then scaled and offset.
fn layer_normalization(ctx: &mut Ctx<'_, '_>, centred: bool) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let axis = ctx.attributes.int("axis")?.unwrap_or(-1);
    let axis = ctx.axis(axis, dims.len())?;
    let eps = f64::from(ctx.attributes.float("epsilon")?.unwrap_or(1e-5));
    ctx.attributes.ignore(&["stash_type"]);
    if ctx.names(1) || ctx.names(2) {
        return Err(ctx.form("mean and deviation as results", "use only the first result"));
    }
    let rows = [&dims[..axis], &[count(&dims[axis..])]].concat();
    let x = ctx.reshape(x, rows.clone())?;
    let y = ctx.push(Kind::Normalize { centred, eps }, vec![x], rows)?;
    let mut y = ctx.reshape(y, dims)?;
    for (i, arith) in [(1, Arith::Mul), (2, Arith::Add)] {
        if let Some(c) = ctx.constant(i)? {
            y = ctx.arithmetic(arith, y, Bound::Const(c))?;
        }
    }
    Ok(y)
}

/// Groups of channels normalised over all their positions.
fn group_normalization(ctx: &mut Ctx<'_, '_>, is_grouped: bool) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let eps = f64::from(ctx.attributes.float("epsilon")?.unwrap_or(1e-5));
    ctx.attributes.ignore(&["stash_type"]);
    let channels = dims.get(1).copied().unwrap_or(1);
    let groups = if is_grouped { ctx.number("num_groups")? } else { channels };
    if dims.len() < 2 || count(&dims) == 0 || channels % groups != 0 {
        return Err(ctx.refuse(0, format!("channels in {groups} groups"), format!("dimensions {dims:?}")));
    }
    let rows = vec![dims[0], groups, count(&dims[2..]) * (channels / groups)];
    let x = ctx.reshape(x, rows.clone())?;
    let y = ctx.push(Kind::Normalize { centred: true, eps }, vec![x], rows)?;
    let mut y = ctx.reshape(y, dims.clone())?;
    for (i, arith) in [(1, Arith::Mul), (2, Arith::Add)] {
        let c = ctx.required(i)?;
        // One per channel, or (before version 21) one per group.
        let per = channels / c.values.len().max(1);
        let values: Vec<f32> = c.values.iter().flat_map(|&v| std::iter::repeat_n(v, per)).collect();
        if values.len() != channels {
            return Err(ctx.refuse(i, format!("{channels} elements"), format!("{}", c.values.len())));
        }
        let shape = [vec![channels], vec![1; dims.len() - 2]].concat();
        y = ctx.arithmetic(arith, y, Bound::Const(Array::new(shape, values)))?;
    }
    Ok(y)
}

/// `x / (bias + alpha / size · Σ x²)^beta`, the sum over the channels around each.
fn local_response(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let size = ctx.number("size")?;
    let alpha = f64::from(ctx.attributes.float("alpha")?.unwrap_or(1e-4));
    let beta = f64::from(ctx.attributes.float("beta")?.unwrap_or(0.75));
    let bias = f64::from(ctx.attributes.float("bias")?.unwrap_or(1.0));
    let &[batch, channels, ..] = dims.as_slice() else {
        return Err(ctx.refuse(0, "channels", format!("dimensions {dims:?}")));
    };
    ctx.room(&[channels, channels])?;
    let (before, after) = ((size - 1) / 2, size - 1 - (size - 1) / 2);
    let is_near = |from: usize, to: usize| from + before >= to && from <= to + after;
    let band = (0..channels * channels).map(|i| f32::from(is_near(i % channels, i / channels))).collect();
    let rows = ctx.reshape(x.clone(), vec![batch, channels, count(&dims[2..])])?;
    let squares = ctx.pointwise(Expr::binary(Arith::Mul, Expr::X, Expr::X), rows)?;
    let sums = matmul(ctx, Bound::Const(Array::new(vec![channels, channels], band)), squares)?;
    let shifted = Expr::line(alpha / size as f64, bias);
    let factor = ctx.pointwise(Expr::binary(Arith::Pow, shifted, Expr::Const(-beta)), sums)?;
    let factor = ctx.reshape(factor, dims)?;
    ctx.arithmetic(Arith::Mul, x, factor)
}
