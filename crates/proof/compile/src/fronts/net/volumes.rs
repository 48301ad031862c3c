//! Windows over three dimensions: slices of depth become channels of a convolution, and a pool along depth comes before one of
//! each plane.

use super::builder::Bound;
use super::ctx::Ctx;
use super::products::{bias, convolved};
use super::windows::{Edges, Span, UNIT, pool_planes, round_up, spans, window};
use crate::graph::array::Array;
use crate::graph::expr::Arith;
use crate::graph::operators::SLICES;
use crate::graph::operators::family::Pools;
use crate::terms::error::CompileError;
use ciro_graph::Window;

/// Most slices of depth of a result: each is a convolution.
const MOST_SLICES: usize = 1024;

/// Adds a convolution; `false` if it is one over fewer dimensions.
pub(super) fn convolution(ctx: &mut Ctx<'_, '_>) -> Result<bool, CompileError> {
    let Some(x) = volume(ctx)? else { return Ok(false) };
    let result = conv(ctx, &x)?;
    ctx.bind(0, result);
    Ok(true)
}

/// Adds a pool; `false` if it is one over fewer dimensions.
pub(super) fn pooled(ctx: &mut Ctx<'_, '_>, operator: Pools) -> Result<bool, CompileError> {
    let Some(x) = volume(ctx)? else { return Ok(false) };
    let result = pool(ctx, &x, operator == Pools::MaxPool)?;
    ctx.bind(0, result);
    Ok(true)
}

/// The first operand, if it has three dimensions of positions.
fn volume(ctx: &Ctx<'_, '_>) -> Result<Option<Bound>, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    Ok((dims.len() == 5 && dims[0] == 1).then_some(x))
}

/// Which slices of depth each window has: for each result, one per tap.
fn slices(ctx: &Ctx<'_, '_>, depth: Window, len: usize) -> Result<Vec<Vec<Option<usize>>>, CompileError> {
    let count = depth.count(0, len as u32).filter(|&count| count as usize <= MOST_SLICES);
    let Some(count) = count else {
        let expected = format!("between 1 and {MOST_SLICES} windows along the depth");
        return Err(ctx.refuse(0, expected, format!("a depth of {len}")));
    };
    ctx.room(&[count as usize, depth.kernel[0] as usize])?;
    let source = |i: u32, tap: u32| depth.source(0, i, tap, len as u32).map(|at| at as usize);
    Ok((0..count).map(|i| (0..depth.kernel[0]).map(|tap| source(i, tap)).collect()).collect())
}

fn conv(ctx: &mut Ctx<'_, '_>, x: &Bound) -> Result<Bound, CompileError> {
    let (dims, weight) = (ctx.dims(x), ctx.required(1)?);
    let &[o, per_group, kd, kh, kw] = weight.dims.as_slice() else {
        return Err(ctx.refuse(1, "weights of five dimensions", format!("{:?}", weight.dims)));
    };
    if weight.values.is_empty() {
        return Err(ctx.refuse(1, "weights", format!("dimensions {:?}", weight.dims)));
    }
    let groups = ctx.number("group")?;
    let kernel = [kd, kh, kw].map(|k| k as u32).to_vec();
    let spans = spans(ctx, Some(kernel), &dims[2..])?;
    let slices = slices(ctx, along(spans[0]), dims[2])?;
    let plane = window(spans[1], spans[2]);
    let bias = bias(ctx)?;
    let weight = weight.reshaped(vec![o, per_group * kd, kh, kw]);
    let at = ctx.at.clone();
    // One name for all slices: calibrated together, they have the same integers for weights.
    ctx.at.node = format!("{}/slice", at.node);
    ctx.at.operator = SLICES.into();
    let mut parts = Vec::with_capacity(slices.len());
    for slice in slices {
        let taken = ctx.take(x.clone(), vec![(2, slice)])?;
        let channels = ctx.reshape(taken, vec![1, dims[1] * kd, dims[3], dims[4]])?;
        let y = convolved(ctx, channels, (&weight, bias.clone()), plane, groups)?;
        let flat = ctx.dims(&y);
        parts.push(ctx.reshape(y, vec![1, o, 1, flat[2], flat[3]])?);
    }
    ctx.at = at;
    ctx.concat(parts, 2)
}

fn along(span: Span) -> Window {
    window(span, UNIT)
}

fn pool(ctx: &mut Ctx<'_, '_>, x: &Bound, largest: bool) -> Result<Bound, CompileError> {
    let dims = ctx.dims(x);
    let edges = Edges::read(ctx)?;
    let spans = spans(ctx, None, &dims[2..])?;
    let inside = along(spans[0]);
    let mut depth = inside;
    if edges.ceil {
        round_up(&mut depth, [dims[2], 1]);
    }
    let slices = slices(ctx, depth, dims[2])?;
    let counted: Vec<usize> = (0..slices.len()).map(|i| edges.counted(&depth, &inside, (0, i), dims[2])).collect();
    let pooled = if largest { deepest(ctx, x, &slices)? } else { mean(ctx, x, &slices, &counted)? };
    let planes = ctx.reshape(pooled, vec![1, dims[1] * slices.len(), dims[3], dims[4]])?;
    let pooled = pool_planes(ctx, planes, window(spans[1], spans[2]), edges, largest)?;
    let flat = ctx.dims(&pooled);
    ctx.reshape(pooled, vec![1, dims[1], slices.len(), flat[2], flat[3]])
}

/// Slices at one tap of all windows.
fn tap(slices: &[Vec<Option<usize>>], tap: usize) -> Vec<Option<usize>> {
    slices.iter().map(|slice| slice[tap]).collect()
}

/// The largest along the depth. A tap in the padding is replaced by another of its window, which changes nothing.
fn deepest(ctx: &mut Ctx<'_, '_>, x: &Bound, slices: &[Vec<Option<usize>>]) -> Result<Bound, CompileError> {
    let inner = |slice: &Vec<Option<usize>>| {
        let near = slice.iter().flatten().next().copied();
        slice.iter().map(|at| at.or(near)).collect::<Vec<_>>()
    };
    let inner: Vec<Vec<Option<usize>>> = slices.iter().map(inner).collect();
    if inner.iter().flatten().any(Option::is_none) {
        return Err(ctx.form("a window that lies in the padding altogether", "use a padding smaller than the window"));
    }
    folded(ctx, x, &inner, Arith::Max)
}

/// The mean along the depth, over the slices that count.
fn mean(
    ctx: &mut Ctx<'_, '_>,
    x: &Bound,
    slices: &[Vec<Option<usize>>],
    counted: &[usize],
) -> Result<Bound, CompileError> {
    let sum = folded(ctx, x, slices, Arith::Add)?;
    let parts = counted.iter().map(|&count| 1.0 / count.max(1) as f32).collect();
    ctx.arithmetic(Arith::Mul, sum, Bound::Const(Array::new(vec![slices.len(), 1, 1], parts)))
}

fn folded(
    ctx: &mut Ctx<'_, '_>,
    x: &Bound,
    slices: &[Vec<Option<usize>>],
    arith: Arith,
) -> Result<Bound, CompileError> {
    let taps = slices.first().map_or(0, Vec::len);
    let mut all = ctx.take(x.clone(), vec![(2, tap(slices, 0))])?;
    for i in 1..taps {
        let next = ctx.take(x.clone(), vec![(2, tap(slices, i))])?;
        all = ctx.arithmetic(arith, all, next)?;
    }
    Ok(all)
}
