//! Geometry of windows; pooling.

use super::super::array::Array;
use super::super::step::{Conv, Kind};
use super::ctx::{Bound, Ctx};
use crate::error::CompileError;
use ciro_graph::Window;
use std::rc::Rc;

/// A window over two dimensions.
pub(super) struct Geometry {
    pub(super) window: Window,
}

/// Pads (top, left, bottom, right) from ONNX's list; `None` if one is negative or their number is wrong.
pub(super) fn pads(given: &[i64], flat: bool) -> Option<[u32; 4]> {
    let given: Vec<u32> = given.iter().map(|&p| u32::try_from(p).ok()).collect::<Option<_>>()?;
    match (given.as_slice(), flat) {
        ([], _) => Some([0; 4]),
        (&[before, after], true) => Some([0, before, 0, after]),
        (&[top, left, bottom, right], false) => Some([top, left, bottom, right]),
        _ => None,
    }
}

impl Geometry {
    /// Reads the attributes of a window over `size` (rows, columns). `flat`: the attributes speak of columns only.
    pub(super) fn read(
        ctx: &mut Ctx<'_, '_>,
        kernel: Option<[u32; 2]>,
        size: [usize; 2],
        flat: bool,
    ) -> Result<Self, CompileError> {
        let pair = |ctx: &mut Ctx<'_, '_>, name: &'static str| -> Result<Option<[u32; 2]>, CompileError> {
            let given = ctx.attributes.ints(name)?;
            let values: Option<Vec<u32>> = given.iter().map(|&v| u32::try_from(v).ok().filter(|&v| v > 0)).collect();
            match (values.as_deref(), flat) {
                (Some([]), _) => Ok(None),
                (Some(&[v]), true) => Ok(Some([1, v])),
                (Some(&[a, b]), false) => Ok(Some([a, b])),
                _ => Err(ctx.attributes.refuse(
                    name,
                    "one positive number per dimension, at most two",
                    format!("{given:?}"),
                )),
            }
        };
        let asked = pair(ctx, "kernel_shape")?;
        let Some(kernel) = kernel.or(asked) else {
            return Err(ctx.attributes.refuse("kernel_shape", "a window", "nothing"));
        };
        let stride = pair(ctx, "strides")?.unwrap_or([1, 1]);
        let dilation = pair(ctx, "dilations")?.unwrap_or([1, 1]);
        let given = ctx.attributes.ints("pads")?;
        let Some(mut pads) = pads(given, flat) else {
            return Err(ctx.attributes.refuse("pads", "two pads per dimension, none negative", format!("{given:?}")));
        };
        let mode = ctx.attributes.text("auto_pad")?.unwrap_or_default();
        if matches!(mode.as_str(), "SAME_UPPER" | "SAME_LOWER") {
            for d in 0..2 {
                let windows = (size[d] as u32).div_ceil(stride[d]);
                let reach = (windows - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1;
                let missing = reach.saturating_sub(size[d] as u32);
                let (less, more) = (missing / 2, missing.div_ceil(2));
                (pads[d], pads[2 + d]) = if mode == "SAME_UPPER" { (less, more) } else { (more, less) };
            }
        } else if !matches!(mode.as_str(), "" | "NOTSET" | "VALID") {
            return Err(ctx.attributes.refuse("auto_pad", "NOTSET, VALID, SAME_UPPER or SAME_LOWER", mode));
        }
        let window = Window { kernel, stride, dilation, before: [pads[0], pads[1]], after: [pads[2], pads[3]] };
        Ok(Self { window })
    }
}

/// Adds the node's steps; `false` if the operator is not one of these.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: &str) -> Result<bool, CompileError> {
    let result = match operator {
        "MaxPool" | "AveragePool" => pool(ctx, operator == "MaxPool")?,
        "GlobalAveragePool" | "GlobalMaxPool" => global(ctx, operator == "GlobalMaxPool")?,
        _ => return Ok(false),
    };
    ctx.bind(0, result);
    Ok(true)
}

fn global(ctx: &mut Ctx<'_, '_>, largest: bool) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let (lead, rest) = dims.split_at(2.min(dims.len()));
    let size: usize = rest.iter().product();
    let x = ctx.reshape(x, [lead, &[size]].concat())?;
    let kind = if largest { Kind::Max } else { Kind::Sum };
    let mut pooled = ctx.push(kind, vec![x], [lead, &[1]].concat())?;
    if !largest {
        pooled = ctx.scaled(1.0 / size as f64, pooled)?;
    }
    ctx.reshape(pooled, [lead, &vec![1; rest.len()]].concat())
}

fn pool(ctx: &mut Ctx<'_, '_>, largest: bool) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let (x, flat) = match *dims.as_slice() {
        [1, _, _, _] => (x, false),
        [1, c, w] => (ctx.reshape(x, vec![1, c, 1, w])?, true),
        _ => return Err(ctx.refuse(0, "(1, C, W) or (1, C, H, W)", format!("dimensions {dims:?}"))),
    };
    if ctx.names(1) {
        return Err(ctx.form("the indices of the largest elements", "use only the first result"));
    }
    ctx.attributes.ignore(&["storage_order"]);
    let dims = ctx.dims(&x);
    let ceil = ctx.attributes.int("ceil_mode")?.unwrap_or(0) != 0;
    let count_pads = ctx.attributes.int("count_include_pad")?.unwrap_or(0) != 0;
    let mut window = Geometry::read(ctx, None, [dims[2], dims[3]], flat)?.window;
    let inside = window;
    if ceil {
        round_up(&mut window, [dims[2], dims[3]]);
    }
    let (Some(rows), Some(cols)) = (window.count(0, dims[2] as u32), window.count(1, dims[3] as u32)) else {
        return Err(ctx.refuse(0, "an input at least as large as the window", format!("dimensions {dims:?}")));
    };
    let result = vec![1, dims[1], rows as usize, cols as usize];
    let pooled = if largest {
        ctx.push(Kind::MaxPool(window), vec![x], result)?
    } else {
        average(ctx, x, (window, inside, count_pads), result)?
    };
    match ctx.dims(&pooled).as_slice() {
        &[one, c, 1, w] if flat => ctx.reshape(pooled, vec![one, c, w]),
        _ => Ok(pooled),
    }
}

/// Lengthens the padding so that a last, partial window counts, as ONNX's ceil_mode asks: unless it would start beyond the
/// input and its leading padding.
fn round_up(window: &mut Window, size: [usize; 2]) {
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
    (window, inside, count_pads): (Window, Window, bool),
    dims: Vec<usize>,
) -> Result<Bound, CompileError> {
    let (channels, [kh, kw]) = (dims[1], window.kernel);
    let x_dims = ctx.dims(&x);
    // How many elements of window i count along one dimension.
    let counted = |d: usize, i: usize| {
        let len = x_dims[2 + d] as u32;
        let whole = len + inside.before[d] + inside.after[d];
        let position = |tap: &u32| i as u32 * window.stride[d] + tap * window.dilation[d];
        let counts = |tap: &u32| {
            if count_pads { position(tap) < whole } else { window.source(d, i as u32, *tap, len).is_some() }
        };
        (0..window.kernel[d]).filter(counts).count() as f32
    };
    let parts = (0..dims[2]).flat_map(|i| (0..dims[3]).map(move |j| (i, j)));
    let parts =
        Array::new(vec![dims[2], dims[3]], parts.map(|(i, j)| (counted(0, i) * counted(1, j)).recip()).collect());
    let uniform = parts.scalar();
    let taps = (kh * kw) as usize;
    let conv = Conv {
        dims: [channels, 1, kh as usize, kw as usize],
        weight: Rc::new(vec![uniform.unwrap_or(1.0); channels * taps]),
        bias: None,
        window,
        groups: channels,
    };
    let sums = ctx.push(Kind::Conv(conv), vec![x], dims.clone())?;
    if uniform.is_some() { Ok(sums) } else { ctx.push(Kind::MulConst(parts), vec![sums], dims) }
}
