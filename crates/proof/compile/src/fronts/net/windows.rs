//! Geometry of windows; pooling.

use super::builder::{Bound, MAX_LEN};
use super::ctx::Ctx;
use crate::graph::array::{Array, count};
use crate::graph::net::{Conv, Kind};
use crate::graph::operators::family::{GlobalPools, Pools};
use crate::terms::error::CompileError;
use ciro_graph::Window;
use std::rc::Rc;

/// Pads (top, left, bottom, right) from ONNX's list; `None` if one is negative or their number is wrong.
pub(super) fn pads(given: &[i64], flat: bool) -> Option<[u32; 4]> {
    let given: Vec<u32> = given.iter().map(pad).collect::<Option<_>>()?;
    match (given.as_slice(), flat) {
        ([], _) => Some([0; 4]),
        (&[before, after], true) => Some([0, before, 0, after]),
        (&[top, left, bottom, right], false) => Some([top, left, bottom, right]),
        _ => None,
    }
}

/// A pad, which may be as long as a value.
fn pad(given: &i64) -> Option<u32> {
    u32::try_from(*given).ok().filter(|&pad| pad as usize <= MAX_LEN)
}

/// A window along one dimension.
#[derive(Clone, Copy)]
pub(super) struct Span {
    kernel: u32,
    stride: u32,
    dilation: u32,
    before: u32,
    after: u32,
}

/// One element at a time.
pub(super) const UNIT: Span = Span { kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };

/// A window over rows and columns.
pub(super) fn window(rows: Span, cols: Span) -> Window {
    let both = |f: fn(Span) -> u32| [f(rows), f(cols)];
    Window {
        kernel: both(|span| span.kernel),
        stride: both(|span| span.stride),
        dilation: both(|span| span.dilation),
        before: both(|span| span.before),
        after: both(|span| span.after),
    }
}

/// Reads the attributes of a window over dimensions of the given sizes; `kernel` if the weights tell it.
pub(super) fn spans(
    ctx: &mut Ctx<'_, '_>,
    kernel: Option<Vec<u32>>,
    size: &[usize],
) -> Result<Vec<Span>, CompileError> {
    let asked = positive(ctx, "kernel_shape", size.len())?;
    let Some(kernel) = kernel.or(asked) else {
        return Err(ctx.attributes.refuse("kernel_shape", "a window", "nothing"));
    };
    let stride = positive(ctx, "strides", size.len())?;
    let dilation = positive(ctx, "dilations", size.len())?;
    let given = ctx.attributes.ints("pads")?;
    let pads: Option<Vec<u32>> = given.iter().map(pad).collect();
    let Some(pads) = pads.filter(|pads| pads.is_empty() || pads.len() == 2 * size.len()) else {
        return Err(ctx.attributes.refuse("pads", "two pads per dimension, none negative", format!("{given:?}")));
    };
    let mode = ctx.attributes.text("auto_pad")?.unwrap_or_default();
    if !matches!(mode.as_str(), "" | "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER") {
        return Err(ctx.attributes.refuse("auto_pad", "NOTSET, VALID, SAME_UPPER or SAME_LOWER", mode));
    }
    if size.contains(&0) {
        return Err(ctx.refuse(0, "an input at least as large as the window", format!("dimensions {size:?}")));
    }
    let one = |list: &Option<Vec<u32>>, d: usize| list.as_ref().and_then(|list| list.get(d)).copied().unwrap_or(1);
    let span = |(d, &kernel): (usize, &u32)| {
        let (stride, dilation) = (one(&stride, d), one(&dilation, d));
        let reach = kernel.checked_sub(1).and_then(|last| last.checked_mul(dilation));
        let Some(reach) = reach.filter(|&reach| reach as usize <= MAX_LEN) else {
            let got = format!("{kernel} by {dilation}");
            return Err(ctx.attributes.refuse("kernel_shape", format!("a window of at most {MAX_LEN} positions"), got));
        };
        let pad = |i: usize| pads.get(i).copied().unwrap_or(0);
        let (before, after) = if mode.starts_with("SAME") {
            let windows = (size[d] as u32).div_ceil(stride);
            let whole = (windows - 1) * stride + reach + 1;
            let missing = whole.saturating_sub(size[d] as u32);
            let (less, more) = (missing / 2, missing.div_ceil(2));
            if mode == "SAME_UPPER" { (less, more) } else { (more, less) }
        } else {
            (pad(d), pad(size.len() + d))
        };
        Ok(Span { kernel, stride, dilation, before, after })
    };
    kernel.iter().enumerate().map(span).collect()
}

/// A list of positive numbers, one per dimension.
fn positive(ctx: &mut Ctx<'_, '_>, name: &'static str, count: usize) -> Result<Option<Vec<u32>>, CompileError> {
    let given = ctx.attributes.ints(name)?;
    let values: Option<Vec<u32>> = given.iter().map(|v| pad(v).filter(|&v| v > 0)).collect();
    match values {
        Some(values) if values.is_empty() => Ok(None),
        Some(values) if values.len() == count => Ok(Some(values)),
        _ => Err(ctx.attributes.refuse(name, format!("{count} positive numbers"), format!("{given:?}"))),
    }
}

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Pools) -> Result<(), CompileError> {
    let result = pool(ctx, operator == Pools::MaxPool)?;
    ctx.bind(0, result);
    Ok(())
}

/// Adds a pool over everything.
pub(super) fn add_global(ctx: &mut Ctx<'_, '_>, operator: GlobalPools) -> Result<(), CompileError> {
    let result = global(ctx, operator == GlobalPools::GlobalMaxPool)?;
    ctx.bind(0, result);
    Ok(())
}

fn global(ctx: &mut Ctx<'_, '_>, largest: bool) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let (lead, rest) = dims.split_at(2.min(dims.len()));
    let size = count(rest);
    let x = ctx.reshape(x, [lead, &[size]].concat())?;
    let kind = if largest { Kind::Max } else { Kind::Sum };
    let mut pooled = ctx.push(kind, vec![x], [lead, &[1]].concat())?;
    if !largest {
        pooled = ctx.scaled(1.0 / size as f64, pooled)?;
    }
    ctx.reshape(pooled, [lead, &vec![1; rest.len()]].concat())
}

/// What a pool does with what is outside.
#[derive(Clone, Copy)]
pub(super) struct Edges {
    /// Whether a last, partial window counts.
    pub(super) ceil: bool,
    /// Whether padding counts for an average.
    count_pads: bool,
}

impl Edges {
    pub(super) fn read(ctx: &mut Ctx<'_, '_>) -> Result<Self, CompileError> {
        if ctx.names(1) {
            return Err(ctx.form("the indices of the largest elements", "use only the first result"));
        }
        ctx.attributes.ignore(&["storage_order"]);
        let ceil = ctx.attributes.int("ceil_mode")?.unwrap_or(0) != 0;
        Ok(Self { ceil, count_pads: ctx.attributes.int("count_include_pad")?.unwrap_or(0) != 0 })
    }

    /// How many elements of window `i` along dimension `d` of `len` elements count for an average. `inside` is the window
    /// before its padding was lengthened.
    pub(super) fn counted(self, window: &Window, inside: &Window, (d, i): (usize, usize), len: usize) -> usize {
        let whole = len as u32 + inside.before[d] + inside.after[d];
        let position = |tap: &u32| i as u32 * window.stride[d] + tap * window.dilation[d];
        let counts = |tap: &u32| {
            if self.count_pads { position(tap) < whole } else { window.source(d, i as u32, *tap, len as u32).is_some() }
        };
        (0..window.kernel[d]).filter(counts).count()
    }
}

fn pool(ctx: &mut Ctx<'_, '_>, largest: bool) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let (x, flat) = match *dims.as_slice() {
        [1, _, _, _] => (x, false),
        [1, c, w] => (ctx.reshape(x, vec![1, c, 1, w])?, true),
        _ => return Err(ctx.refuse(0, "(1, C, W), (1, C, H, W) or (1, C, D, H, W)", format!("dimensions {dims:?}"))),
    };
    let edges = Edges::read(ctx)?;
    let spans = spans(ctx, None, &dims[2..])?;
    let window = window(if flat { UNIT } else { spans[0] }, spans[spans.len() - 1]);
    let pooled = pool_planes(ctx, x, window, edges, largest)?;
    match ctx.dims(&pooled).as_slice() {
        &[one, c, 1, w] if flat => ctx.reshape(pooled, vec![one, c, w]),
        _ => Ok(pooled),
    }
}

/// Pools each channel's rows and columns.
pub(super) fn pool_planes(
    ctx: &mut Ctx<'_, '_>,
    x: Bound,
    mut window: Window,
    edges: Edges,
    largest: bool,
) -> Result<Bound, CompileError> {
    let dims = ctx.dims(&x);
    let inside = window;
    if edges.ceil {
        round_up(&mut window, [dims[2], dims[3]]);
    }
    let (Some(rows), Some(cols)) = (window.count(0, dims[2] as u32), window.count(1, dims[3] as u32)) else {
        return Err(ctx.refuse(0, "an input at least as large as the window", format!("dimensions {dims:?}")));
    };
    let result = vec![1, dims[1], rows as usize, cols as usize];
    if largest {
        ctx.push(Kind::MaxPool { window, positive: false }, vec![x], result)
    } else {
        average(ctx, x, (window, inside, edges), result)
    }
}

/// Lengthens the padding so that a last, partial window counts, as ONNX's ceil_mode asks. A window does not count if it would start
/// beyond the input and its leading padding.
pub(super) fn round_up(window: &mut Window, size: [usize; 2]) {
    for (d, size) in size.into_iter().enumerate() {
        let reach = (window.kernel[d] - 1) * window.dilation[d] + 1;
        let padded = size as u32 + window.before[d] + window.after[d];
        let mut windows = padded.saturating_sub(reach).div_ceil(window.stride[d]) + 1;
        if (windows - 1) * window.stride[d] >= size as u32 + window.before[d] {
            windows -= 1;
        }
        window.after[d] += ((windows - 1) * window.stride[d] + reach).saturating_sub(padded);
    }
}

/// A convolution of each channel with ones, divided by how many elements count.
fn average(
    ctx: &mut Ctx<'_, '_>,
    x: Bound,
    (window, inside, edges): (Window, Window, Edges),
    dims: Vec<usize>,
) -> Result<Bound, CompileError> {
    let (channels, [kh, kw]) = (dims[1], window.kernel);
    let x_dims = ctx.dims(&x);
    ctx.room(&dims)?;
    let weights = ctx.room(&[channels, kh as usize, kw as usize])?;
    let counted = |d: usize, i: usize| edges.counted(&window, &inside, (d, i), x_dims[2 + d]) as f32;
    let parts = (0..dims[2]).flat_map(|i| (0..dims[3]).map(move |j| (i, j)));
    let parts =
        Array::new(vec![dims[2], dims[3]], parts.map(|(i, j)| (counted(0, i) * counted(1, j)).recip()).collect());
    let uniform = parts.scalar();
    let conv = Conv {
        dims: [channels, 1, kh as usize, kw as usize],
        weight: Rc::new(vec![uniform.unwrap_or(1.0); weights]),
        bias: None,
        window,
        groups: channels,
    };
    let sums = ctx.push(Kind::Conv(conv), vec![x], dims.clone())?;
    if uniform.is_some() { Ok(sums) } else { ctx.push(Kind::MulConst(parts), vec![sums], dims) }
}
