//! Attention and RotaryEmbedding of opsets 23 and 24.

use super::builder::Bound;
use super::choices::choice;
use super::ctx::Ctx;
use super::products::matmul;
use crate::graph::array::{self, Array};
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::{Kind, integral};
use crate::graph::operators::family::Attention;
use crate::terms::error::CompileError;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Attention) -> Result<(), CompileError> {
    match operator {
        Attention::Attention => attention(ctx)?,
        Attention::RotaryEmbedding => rotary(ctx)?,
    }
    Ok(())
}

fn attention(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    ctx.attributes.ignore(&["softmax_precision"]);
    ctx.attributes.only("qk_matmul_output_mode", 0)?;
    for bound in ["left_window_size", "right_window_size"] {
        ctx.attributes.only(bound, -1)?;
    }
    let heads = ctx.attributes.int("q_num_heads")?;
    let shared = ctx.attributes.int("kv_num_heads")?;
    let is_flat = ctx.dims(&ctx.operand(0)?).len() == 3;
    let (q, k, v) = (by_heads(ctx, 0, heads)?, by_heads(ctx, 1, shared)?, by_heads(ctx, 2, shared)?);
    let (k, v) = (with_past(ctx, k, 4)?, with_past(ctx, v, 5)?);
    ctx.bind(1, k.clone());
    ctx.bind(2, v.clone());
    let dims = ctx.dims(&q);
    let &[_, heads, queries, size] = dims.as_slice() else {
        return Err(ctx.refuse(0, "batch, heads, positions and size", format!("dimensions {dims:?}")));
    };
    let (k, v) = (repeated(ctx, k, heads)?, repeated(ctx, v, heads)?);
    let scale = ctx.attributes.float("scale")?.map_or((size as f64).sqrt().recip(), f64::from);
    let turned = ctx.transpose(k, vec![0, 1, 3, 2])?;
    let products = matmul(ctx, q, turned)?;
    let mut scores = ctx.scaled(scale, products)?;
    ctx.bind(3, scores.clone());
    let cap = f64::from(ctx.attributes.float("softcap")?.unwrap_or(0.0));
    if cap > 0.0 {
        let soft = Expr::unary(Fun::Tanh, Expr::line(1.0 / cap, 0.0));
        scores = ctx.pointwise(Expr::binary(Arith::Mul, soft, Expr::Const(cap)), scores)?;
    }
    let shown = shown(ctx, &scores, queries)?;
    if let Some(offset) = offset(ctx, &scores)? {
        scores = ctx.arithmetic(Arith::Add, scores, offset)?;
    }
    if let Some(shown) = shown.clone() {
        let offset = ctx.pointwise(choice(0.0, f64::from(f32::MIN)), shown)?;
        scores = ctx.arithmetic(Arith::Add, scores, offset)?;
    }
    let shape = ctx.dims(&scores);
    let weights = ctx.push(Kind::Softmax { log: false }, vec![scores], shape)?;
    let mut y = matmul(ctx, weights, v)?;
    if let Some(shown) = shown {
        y = unless_blind(ctx, y, shown)?;
    }
    if is_flat {
        y = ctx.transpose(y, vec![0, 2, 1, 3])?;
        let &[batch, positions, heads, size] = ctx.dims(&y).as_slice() else {
            return Err(ctx.refuse(0, "batch, positions and size", format!("dimensions {dims:?}")));
        };
        y = ctx.reshape(y, vec![batch, positions, heads * size])?;
    }
    ctx.bind(0, y);
    Ok(())
}

/// Operand `i` as batch, heads, positions and size; of three dimensions, the last is cut into heads.
fn by_heads(ctx: &mut Ctx<'_, '_>, i: usize, heads: Option<i64>) -> Result<Bound, CompileError> {
    let x = ctx.operand(i)?;
    let dims = ctx.dims(&x);
    let &[batch, positions, width] = dims.as_slice() else { return Ok(x) };
    let heads = heads.map_or(0, |heads| heads.max(0) as usize);
    if heads == 0 || width % heads != 0 {
        return Err(ctx.refuse(i, format!("rows in {heads} heads"), format!("dimensions {dims:?}")));
    }
    let x = ctx.reshape(x, vec![batch, positions, heads, width / heads])?;
    ctx.transpose(x, vec![0, 2, 1, 3])
}

/// What operand `i` holds of earlier positions comes before x.
fn with_past(ctx: &mut Ctx<'_, '_>, x: Bound, i: usize) -> Result<Bound, CompileError> {
    match ctx.optional(i)? {
        Some(past) => ctx.concat(vec![past, x], 2),
        None => Ok(x),
    }
}

/// Each head as often as several share it.
fn repeated(ctx: &mut Ctx<'_, '_>, x: Bound, heads: usize) -> Result<Bound, CompileError> {
    let own = ctx.dims(&x).get(1).copied().unwrap_or(0);
    if own == 0 || !heads.is_multiple_of(own) {
        return Err(ctx.refuse(1, format!("heads that {heads} share evenly"), own.to_string()));
    }
    ctx.take(x, vec![(1, (0..heads).map(|head| Some(head / (heads / own))).collect())])
}

/// A constant mask of numbers that only shows and hides.
fn as_flags(c: &Array) -> Option<Array> {
    let known = |&v: &f32| if v == 0.0 { Some(1.0) } else { (v == f32::NEG_INFINITY).then_some(0.0) };
    match c.whole {
        true => Some(c.map(|v| f32::from(v != 0.0))),
        false => Some(Array::whole(c.dims.clone(), c.values.iter().map(known).collect::<Option<_>>()?)),
    }
}

/// Which keys each query sees: one or zero, by the mask and by what comes later. `None` if it sees all of them.
fn shown(ctx: &mut Ctx<'_, '_>, scores: &Bound, queries: usize) -> Result<Option<Bound>, CompileError> {
    let mask = match ctx.optional(3)? {
        Some(Bound::Const(c)) => as_flags(&c).map(Bound::Const),
        Some(Bound::Value(id)) if integral(&ctx.builder.net, id) => {
            Some(ctx.pointwise(Expr::truth(), Bound::Value(id))?)
        }
        Some(Bound::Value(_)) | None => None,
    };
    let is_causal = ctx.attributes.int("is_causal")?.unwrap_or(0) != 0;
    let placed = match ctx.optional(6)? {
        Some(count) => Some(counted(ctx, count, (queries, scores), is_causal)?),
        None if is_causal => Some(causal(ctx, queries, scores)?),
        None => None,
    };
    match (mask, placed) {
        (Some(mask), Some(placed)) => ctx.arithmetic(Arith::Mul, mask, placed).map(Some),
        (mask, placed) => Ok(mask.or(placed)),
    }
}

/// One for each key that counts: the first `count` ones. With `is_causal`, the last query is at the last of these. Then for each query
/// only the keys up to its own count.
fn counted(
    ctx: &mut Ctx<'_, '_>,
    count: Bound,
    (queries, scores): (usize, &Bound),
    is_causal: bool,
) -> Result<Bound, CompileError> {
    if array::count(&ctx.dims(&count)) != 1 || ctx.optional(4)?.is_some() {
        return Err(ctx.refuse(6, "one number of keys, and no keys of earlier positions", "others"));
    }
    let keys = ctx.dims(scores).last().copied().unwrap_or(0).max(1);
    let rows = if is_causal { queries } else { 1 };
    // How many keys there are at least, if this one is seen.
    let least = |i: usize| (i % keys + rows - 1 - i / keys) as f32;
    let least = Array::whole(vec![rows, keys], (0..rows * keys).map(least).collect());
    let count = ctx.reshape(count, vec![1, 1])?;
    let left = ctx.arithmetic(Arith::Sub, count, Bound::Const(least))?;
    ctx.pointwise(Expr::binary(Arith::Greater, Expr::X, Expr::Const(0.0)), left)
}

/// A mask of numbers that are added to scores.
fn offset(ctx: &Ctx<'_, '_>, scores: &Bound) -> Result<Option<Bound>, CompileError> {
    let Some(mask) = ctx.optional(3)? else { return Ok(None) };
    let (dims, keys) = (ctx.dims(&mask), ctx.dims(scores).last().copied());
    if dims.last().copied() != keys {
        return Err(ctx.refuse(3, format!("a mask of {keys:?} positions"), format!("dimensions {dims:?}")));
    }
    let is_number = match &mask {
        Bound::Const(c) => as_flags(c).is_none(),
        Bound::Value(id) => !integral(&ctx.builder.net, *id),
    };
    Ok(is_number.then_some(match mask {
        Bound::Const(c) => Bound::Const(c.map(|v| v.max(f32::MIN))),
        Bound::Value(id) => Bound::Value(id),
    }))
}

/// One for keys up to the query's own position, which comes after all that is remembered of earlier ones.
fn causal(ctx: &Ctx<'_, '_>, queries: usize, scores: &Bound) -> Result<Bound, CompileError> {
    let keys = ctx.dims(scores).last().copied().unwrap_or(0).max(1);
    let before = match ctx.optional(4)? {
        Some(past) => ctx.dims(&past).get(2).copied().unwrap_or(0),
        None => 0,
    };
    let flag = |i: usize| f32::from(i % keys <= i / keys + before);
    Ok(Bound::Const(Array::whole(vec![queries, keys], (0..queries * keys).map(flag).collect())))
}

/// What a query that sees nothing gets is zero.
fn unless_blind(ctx: &mut Ctx<'_, '_>, y: Bound, shown: Bound) -> Result<Bound, CompileError> {
    let mut dims = ctx.dims(&shown);
    if let Some(last) = dims.last_mut() {
        *last = 1;
    }
    let sees = ctx.push(Kind::Max, vec![shown], dims)?;
    match &sees {
        Bound::Const(c) if c.values.iter().all(|&v| v != 0.0) => Ok(y),
        _ => ctx.arithmetic(Arith::Mul, y, sees),
    }
}

/// Pairs of elements turned by an angle for each position: `x·cos + swapped(x)·(±sin)`.
fn rotary(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    let interleaved = ctx.attributes.int("interleaved")?.unwrap_or(0) != 0;
    let heads = ctx.attributes.int("num_heads")?;
    let x = ctx.operand(0)?;
    let flat = ctx.dims(&x);
    let x = by_heads(ctx, 0, heads)?;
    let dims = ctx.dims(&x);
    let &[_, _, positions, size] = dims.as_slice() else {
        return Err(ctx.refuse(0, "batch, heads, positions and size", format!("dimensions {dims:?}")));
    };
    let turned = ctx.attributes.int("rotary_embedding_dim")?.filter(|&n| n > 0).map_or(size, |n| n as usize);
    if turned > size || turned % 2 != 0 {
        return Err(ctx.attributes.refuse(
            "rotary_embedding_dim",
            format!("an even number up to {size}"),
            turned.to_string(),
        ));
    }
    let half = turned / 2;
    // Of an element: which angle is its own, where its partner is, and whether the sine counts against it.
    let own = |i: usize| match (interleaved, i < half) {
        (true, _) => (i / 2, i ^ 1, i.is_multiple_of(2)),
        (false, true) => (i, i + half, true),
        (false, false) => (i - half, i - half, false),
    };
    let angles: Vec<Option<usize>> = (0..size).map(|i| (i < turned).then(|| own(i).0)).collect();
    let partners: Vec<Option<usize>> = (0..size).map(|i| (i < turned).then(|| own(i).1)).collect();
    let signs = (0..size).map(|i| if i < turned && own(i).2 { -1.0 } else { 1.0 }).collect();
    let cos = cache(ctx, 1, positions, &angles)?;
    let sin = cache(ctx, 2, positions, &angles)?;
    // What is not turned stays.
    let rest = (0..size).map(|i| f32::from(i >= turned)).collect();
    let cos = ctx.arithmetic(Arith::Add, cos, Bound::Const(Array::new(vec![size], rest)))?;
    let sin = ctx.arithmetic(Arith::Mul, sin, Bound::Const(Array::new(vec![size], signs)))?;
    let swapped = ctx.take(x.clone(), vec![(3, partners)])?;
    let straight = ctx.arithmetic(Arith::Mul, x, cos)?;
    let across = ctx.arithmetic(Arith::Mul, swapped, sin)?;
    let mut y = ctx.arithmetic(Arith::Add, straight, across)?;
    if flat.len() == 3 {
        y = ctx.transpose(y, vec![0, 2, 1, 3])?;
        y = ctx.reshape(y, flat)?;
    }
    ctx.bind(0, y);
    Ok(())
}

/// Operand `i`, cosines or sines, at each position and for each element: batch, one head, positions and size.
fn cache(ctx: &mut Ctx<'_, '_>, i: usize, positions: usize, angles: &[Option<usize>]) -> Result<Bound, CompileError> {
    let mut cache = ctx.operand(i)?;
    if let Some(ids) = ctx.optional(3)? {
        let Bound::Const(ids) = ids else {
            let hint = "constant positions work; or give the cosines and sines of the positions themselves";
            return Err(ctx.form("angles of positions that depend on the input", hint));
        };
        let rows = ctx.dims(&cache).first().copied().unwrap_or(0);
        let picked: Vec<Option<usize>> = ids.ints().into_iter().map(|id| usize::try_from(id).ok()).collect();
        if picked.len() != positions || picked.iter().any(|id| id.is_none_or(|id| id >= rows)) {
            return Err(ctx.refuse(3, format!("{positions} positions below {rows}"), format!("{:?}", ids.ints())));
        }
        cache = ctx.take(cache, vec![(0, picked)])?;
    }
    let dims = ctx.dims(&cache);
    let half = angles.iter().flatten().max().map_or(0, |most| most + 1);
    if dims.last() != Some(&half) || array::count(&dims) != positions * half {
        return Err(ctx.refuse(i, format!("{positions} rows of {half} angles"), format!("dimensions {dims:?}")));
    }
    let cache = ctx.reshape(cache, vec![1, 1, positions, half])?;
    ctx.take(cache, vec![(3, angles.to_vec())])
}
