//! Products with constant matrices, convolutions, products of two values.

use super::builder::{Bound, MAX_LEN};
use super::ctx::Ctx;
use super::windows::{UNIT, pads, spans, window};
use crate::graph::array::{Array, count, joint};
use crate::graph::expr::Arith;
use crate::graph::net::{Conv, Kind, Linear};
use crate::graph::operators::family::Products;
use crate::terms::error::CompileError;
use ciro_graph::Window;
use std::rc::Rc;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Products) -> Result<(), CompileError> {
    let result = match operator {
        Products::Gemm => gemm(ctx)?,
        Products::MatMul => {
            let (a, b) = (ctx.operand(0)?, ctx.operand(1)?);
            matmul(ctx, a, b)?
        }
        Products::ConvTranspose => conv_transpose(ctx)?,
        Products::CumSum => cumulative_sum(ctx)?,
    };
    ctx.bind(0, result);
    Ok(())
}

/// Running sums: the product with a triangle of ones.
fn cumulative_sum(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let axis = ctx.required(1)?.scalar().unwrap_or(0.0);
    let axis = ctx.axis(axis as i64, dims.len())?;
    let exclusive = ctx.attributes.int("exclusive")?.unwrap_or(0) != 0;
    let reverse = ctx.attributes.int("reverse")?.unwrap_or(0) != 0;
    let (n, last) = (dims[axis], dims.len() - 1);
    let is_added = |from: usize, to: usize| {
        let (before, after) = if reverse { (to, from) } else { (from, to) };
        before < after || (!exclusive && before == after)
    };
    ctx.room(&[n, n])?;
    let triangle = (0..n * n).map(|i| f32::from(is_added(i / n, i % n))).collect();
    // The axis changes places with the last one, and back.
    let mut swap: Vec<usize> = (0..dims.len()).collect();
    swap.swap(axis, last);
    let turned = ctx.transpose(x, swap.clone())?;
    let row = if last == 0 { ctx.reshape(turned, vec![1, n])? } else { turned };
    let sums = matmul(ctx, row, Bound::Const(Array::new(vec![n, n], triangle)))?;
    let sums = if last == 0 { ctx.reshape(sums, dims)? } else { sums };
    ctx.transpose(sums, swap)
}

fn gemm(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let flag = |value: Option<i64>| value.unwrap_or(0) != 0;
    let (trans_a, trans_b) = (flag(ctx.attributes.int("transA")?), flag(ctx.attributes.int("transB")?));
    let alpha = ctx.attributes.float("alpha")?.unwrap_or(1.0);
    let beta = ctx.attributes.float("beta")?.unwrap_or(1.0);
    let mut operands = [ctx.operand(0)?, ctx.operand(1)?];
    for (i, (operand, transposed)) in operands.iter_mut().zip([trans_a, trans_b]).enumerate() {
        let dims = ctx.dims(operand);
        if dims.len() != 2 {
            return Err(ctx.refuse(i, "a matrix", format!("dimensions {dims:?}")));
        }
        if transposed {
            *operand = ctx.transpose(operand.clone(), vec![1, 0])?;
        }
    }
    let [a, b] = operands;
    let mut product = matmul(ctx, a, b)?;
    if alpha.to_bits() != 1f32.to_bits() {
        product = ctx.scaled(f64::from(alpha), product)?;
    }
    match ctx.optional(2)? {
        None => Ok(product),
        Some(mut c) => {
            if beta.to_bits() != 1f32.to_bits() {
                c = ctx.scaled(f64::from(beta), c)?;
            }
            ctx.arithmetic(Arith::Add, product, c)
        }
    }
}

/// NumPy's product.
pub(super) fn matmul(ctx: &mut Ctx<'_, '_>, a: Bound, b: Bound) -> Result<Bound, CompileError> {
    let (a_dims, b_dims) = (ctx.dims(&a), ctx.dims(&b));
    if a_dims.is_empty() || b_dims.is_empty() {
        return Err(ctx.refuse(0, "at least one dimension", "a scalar"));
    }
    // A vector is a row on the left and a column on the right, and that dimension is dropped from the result.
    if a_dims.len() == 1 {
        let row = ctx.reshape(a, vec![1, a_dims[0]])?;
        let product = matmul(ctx, row, b)?;
        let mut dims = ctx.dims(&product);
        dims.remove(dims.len().saturating_sub(if b_dims.len() == 1 { 1 } else { 2 }));
        return ctx.reshape(product, dims);
    }
    if b_dims.len() == 1 {
        let column = ctx.reshape(b, vec![b_dims[0], 1])?;
        let product = matmul(ctx, a, column)?;
        let mut dims = ctx.dims(&product);
        dims.pop();
        return ctx.reshape(product, dims);
    }
    let (k, b_k, n) = (a_dims[a_dims.len() - 1], b_dims[b_dims.len() - 2], b_dims[b_dims.len() - 1]);
    if k != b_k {
        return Err(ctx.refuse(1, format!("{k} rows"), format!("dimensions {b_dims:?}")));
    }
    match (a, b) {
        (a @ Bound::Value(_), Bound::Const(b)) if b_dims.iter().rev().skip(2).all(|&d| d == 1) => {
            let mut dims = a_dims;
            if b_dims.len() > dims.len() {
                let mut longer = vec![1; b_dims.len() - dims.len()];
                longer.extend(&dims);
                dims = longer;
            }
            let a = ctx.reshape(a, dims.clone())?;
            dims.pop();
            dims.push(n);
            ctx.push(Kind::Linear(Linear { k, n, weight: b.values, bias: None }), vec![a], dims)
        }
        (Bound::Const(a), b @ Bound::Value(_)) if a_dims.len() == 2 => {
            // W·x = (xᵀ·Wᵀ)ᵀ
            let swap = |rank: usize| (0..rank - 2).chain([rank - 1, rank - 2]).collect::<Vec<usize>>();
            let turned = ctx.transpose(b, swap(b_dims.len()))?;
            let weight = ctx.transpose(Bound::Const(a), vec![1, 0])?;
            let product = matmul(ctx, turned, weight)?;
            ctx.transpose(product, swap(b_dims.len()))
        }
        (a, b) => contract(ctx, (a, &a_dims), (b, &b_dims)),
    }
}

fn contract(
    ctx: &mut Ctx<'_, '_>,
    (a, a_dims): (Bound, &[usize]),
    (b, b_dims): (Bound, &[usize]),
) -> Result<Bound, CompileError> {
    let split = |dims: &[usize]| (dims[..dims.len() - 2].to_vec(), dims[dims.len() - 2..].to_vec());
    let ((a_lead, a_last), (b_lead, b_last)) = (split(a_dims), split(b_dims));
    let Some(lead) = joint(&a_lead, &b_lead) else {
        return Err(ctx.refuse(1, format!("dimensions that broadcast with {a_dims:?}"), format!("{b_dims:?}")));
    };
    let whole = |last: &[usize]| [lead.as_slice(), last].concat();
    let a = ctx.expand(a, &whole(&a_last))?;
    let b = ctx.expand(b, &whole(&b_last))?;
    let dims = whole(&[a_last[0], b_last[1]]);
    ctx.push(Kind::Contract { transposed: false }, vec![a, b], dims)
}

/// A bias for each output.
type Bias = Option<Rc<Vec<f32>>>;

/// The bias that Conv and ConvTranspose have as operand 2.
pub(super) fn bias(ctx: &Ctx<'_, '_>) -> Result<Bias, CompileError> {
    Ok(ctx.constant(2)?.map(|c| c.values))
}

/// x and weight as of two dimensions, and whether they had one.
fn planar(ctx: &mut Ctx<'_, '_>, x: Bound, weight: Array) -> Result<(Bound, Array, bool), CompileError> {
    let dims = ctx.dims(&x);
    if weight.values.is_empty() || count(&dims) == 0 {
        let got = format!("dimensions {dims:?} and weights {:?}", weight.dims);
        return Err(ctx.refuse(0, "elements, and weights for them", got));
    }
    match (dims.as_slice(), weight.dims.as_slice()) {
        (&[1, _, _, _], &[_, _, _, _]) => Ok((x, weight, false)),
        (&[1, c, w], &[o, g, k]) => {
            let x = ctx.reshape(x, vec![1, c, 1, w])?;
            Ok((x, weight.reshaped(vec![o, g, 1, k]), true))
        }
        _ => Err(ctx.refuse(
            0,
            "one sample of one or two dimensions, (1, C, W) or (1, C, H, W)",
            format!("dimensions {dims:?} and weights {:?}", weight.dims),
        )),
    }
}

fn unplanar(ctx: &mut Ctx<'_, '_>, y: Bound, flat: bool) -> Result<Bound, CompileError> {
    match ctx.dims(&y).as_slice() {
        &[one, o, 1, w] if flat => ctx.reshape(y, vec![one, o, w]),
        _ => Ok(y),
    }
}

/// Adds a convolution over two dimensions or one.
pub(super) fn plane_convolution(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    let (x, weight, bias) = (ctx.operand(0)?, ctx.required(1)?, bias(ctx)?);
    let y = convolution(ctx, x, weight, bias)?;
    ctx.bind(0, y);
    Ok(())
}

/// x under windows that the node's attributes describe.
pub(super) fn convolution(ctx: &mut Ctx<'_, '_>, x: Bound, weight: Array, bias: Bias) -> Result<Bound, CompileError> {
    let (x, weight, flat) = planar(ctx, x, weight)?;
    let groups = ctx.number("group")?;
    let dims = ctx.dims(&x);
    let first = if flat { 3 } else { 2 };
    let kernel = weight.dims[first..].iter().map(|&k| k as u32).collect();
    let spans = spans(ctx, Some(kernel), &dims[first..])?;
    let window = window(if flat { UNIT } else { spans[0] }, spans[spans.len() - 1]);
    let y = convolved(ctx, x, (&weight, bias), window, groups)?;
    unplanar(ctx, y, flat)
}

pub(super) fn convolved(
    ctx: &mut Ctx<'_, '_>,
    x: Bound,
    (weight, bias): (&Array, Bias),
    window: Window,
    groups: usize,
) -> Result<Bound, CompileError> {
    let dims = ctx.dims(&x);
    let [o, per_group, kh, kw] = [weight.dims[0], weight.dims[1], weight.dims[2], weight.dims[3]];
    if per_group * groups != dims[1] || o % groups != 0 {
        return Err(ctx.refuse(
            1,
            format!("weights for {} channels in {groups} groups", dims[1]),
            format!("dimensions {:?}", weight.dims),
        ));
    }
    if let Some(got) = bias.as_ref().map(|bias| bias.len()).filter(|&len| len != o) {
        return Err(ctx.refuse(2, format!("{o} elements"), got.to_string()));
    }
    let (Some(rows), Some(cols)) = (window.count(0, dims[2] as u32), window.count(1, dims[3] as u32)) else {
        return Err(ctx.refuse(0, "an input at least as large as the window", format!("dimensions {dims:?}")));
    };
    let conv = Conv { dims: [o, per_group, kh, kw], weight: Rc::clone(&weight.values), bias, window, groups };
    ctx.push(Kind::Conv(conv), vec![x], vec![1, o, rows as usize, cols as usize])
}

/// A convolution of the input with zeros between its elements, by the flipped kernel.
fn conv_transpose(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let (x, weight, bias) = (ctx.operand(0)?, ctx.required(1)?, bias(ctx)?);
    let (x, weight, flat) = planar(ctx, x, weight)?;
    let groups = ctx.number("group")?;
    let dims = ctx.dims(&x);
    if weight.dims[0] != dims[1] || !dims[1].is_multiple_of(groups) {
        let expected = format!("weights for {} channels in {groups} groups", dims[1]);
        return Err(ctx.refuse(1, expected, format!("dimensions {:?}", weight.dims)));
    }
    let kernel = [weight.dims[2], weight.dims[3]];
    let mut extra = planar_numbers(ctx, "output_padding", 0, flat)?;
    let stride = planar_numbers(ctx, "strides", 1, flat)?;
    let dilation = planar_numbers(ctx, "dilations", 1, flat)?;
    ctx.attributes.ignore(&["kernel_shape"]);
    let given = ctx.attributes.ints("pads")?;
    let mut pads = pads(given, flat)
        .ok_or_else(|| ctx.attributes.refuse("pads", "pads that are not negative", format!("{given:?}")))?
        .map(|pad| pad as usize);
    let mode = ctx.attributes.text("auto_pad")?.unwrap_or_default();
    let wanted = match ctx.attributes.ints("output_shape")? {
        [] if mode.starts_with("SAME") => Some([dims[2] * stride[0], dims[3] * stride[1]]),
        [] => None,
        _ => Some(planar_numbers(ctx, "output_shape", 1, flat)?),
    };
    if let Some(wanted) = wanted {
        for d in 0..2 {
            let whole = (dims[2 + d] - 1) * stride[d] + dilation[d] * (kernel[d] - 1) + 1 + extra[d];
            extra[d] += wanted[d].saturating_sub(whole);
            let (less, more) = halves(whole.saturating_sub(wanted[d]));
            (pads[d], pads[2 + d]) = if mode == "SAME_UPPER" { (less, more) } else { (more, less) };
        }
    }
    let mut picks = Vec::new();
    let mut window = Window { kernel: [0; 2], stride: [1; 2], dilation: [0; 2], before: [0; 2], after: [0; 2] };
    for d in 0..2 {
        let reach = dilation[d] * (kernel[d] - 1);
        let (before, after) = (pads[d], pads[2 + d]);
        // The zero-stuffed input with all its padding; what a pad larger than the kernel's reach would cut is left out.
        let stuffed = (dims[2 + d] - 1) * stride[d] + 1;
        ctx.room(&[stuffed + 2 * reach + extra[d]])?;
        let whole: Vec<Option<usize>> = std::iter::repeat_n(None, reach)
            .chain((0..stuffed).map(|i| (i % stride[d] == 0).then_some(i / stride[d])))
            .chain(std::iter::repeat_n(None, reach + extra[d]))
            .collect();
        let kept = whole.get(before..whole.len().saturating_sub(after)).unwrap_or(&[]).to_vec();
        picks.push((2 + d, kept));
        (window.kernel[d], window.dilation[d]) = (kernel[d] as u32, dilation[d] as u32);
    }
    let x = ctx.take(x, picks)?;
    let flipped = flipped(&weight, groups);
    let y = convolved(ctx, x, (&flipped, bias), window, groups)?;
    unplanar(ctx, y, flat)
}

/// Numbers of at least `least` for rows and columns, the last ones of a list; `least` where it has none.
fn planar_numbers(
    ctx: &mut Ctx<'_, '_>,
    name: &'static str,
    least: usize,
    flat: bool,
) -> Result<[usize; 2], CompileError> {
    let given = ctx.attributes.ints(name)?;
    let own = &given[given.len().saturating_sub(if flat { 1 } else { 2 })..];
    let number = |&v: &i64| usize::try_from(v).ok().filter(|v| (least..=MAX_LEN).contains(v));
    match (own.iter().map(number).collect::<Option<Vec<usize>>>().as_deref(), flat) {
        (Some([]), _) => Ok([least; 2]),
        (Some(&[columns]), true) => Ok([least, columns]),
        (Some(&[rows, columns]), false) => Ok([rows, columns]),
        _ => Err(ctx.attributes.refuse(name, format!("numbers from {least} to {MAX_LEN}"), format!("{given:?}"))),
    }
}

/// What is cut at two ends, if it is cut evenly.
const fn halves(cut: usize) -> (usize, usize) {
    (cut / 2, cut.div_ceil(2))
}

/// Weights (C, O / groups, kh, kw) of a transposed convolution as those of a convolution: (O, C / groups, kh, kw), flipped.
fn flipped(weight: &Array, groups: usize) -> Array {
    let [c, o_group, kh, kw] = [weight.dims[0], weight.dims[1], weight.dims[2], weight.dims[3]];
    let c_group = c / groups.max(1);
    let mut values = Vec::with_capacity(weight.values.len());
    for (group, o) in (0..groups).flat_map(|g| (0..o_group).map(move |o| (g, o))) {
        for i in 0..c_group {
            let from = ((group * c_group + i) * o_group + o) * kh * kw;
            values.extend(weight.values[from..from + kh * kw].iter().rev());
        }
    }
    Array::new(vec![o_group * groups, c_group, kh, kw], values)
}
