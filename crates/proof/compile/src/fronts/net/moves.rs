//! What moves elements and what changes only their dimensions.

use super::builder::{Bound, MAX_LEN};
use super::ctx::Ctx;
use super::products::matmul;
use crate::graph::array::{Array, count};
use crate::graph::expr::{Arith, Expr};
use crate::graph::net::{Kind, Linear, integral};
use crate::graph::operators::family::{Dims, Moves};
use crate::terms::error::CompileError;

/// Positions along one dimension.
type Index = Vec<Option<usize>>;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Moves) -> Result<(), CompileError> {
    let result = match operator {
        Moves::Transpose => transpose(ctx)?,
        Moves::Slice => slice(ctx)?,
        Moves::Concat => {
            let parts = (0..ctx.operands()).map(|i| ctx.operand(i)).collect::<Result<Vec<_>, _>>()?;
            let parts: Vec<Bound> = parts.into_iter().filter(|part| count(&ctx.dims(part)) > 0).collect();
            let rank = parts.first().map_or(0, |part| ctx.dims(part).len());
            let axis = ctx.attributes.int("axis")?.unwrap_or(1);
            let axis = ctx.axis(axis, rank)?;
            ctx.concat(parts, axis)?
        }
        Moves::SequenceConstruct => stacked(ctx)?,
        Moves::Split => return split(ctx),
        Moves::Pad => pad(ctx)?,
        Moves::Gather => gather(ctx)?,
        Moves::GatherND => gather_nd(ctx)?,
        Moves::Expand => {
            let (x, dims) = (ctx.operand(0)?, ctx.sizes(1)?);
            ctx.expand(x, &dims)?
        }
        Moves::Tile => tile(ctx)?,
        Moves::DepthToSpace => depth(ctx, false)?,
        Moves::SpaceToDepth => depth(ctx, true)?,
        Moves::Trilu => trilu(ctx)?,
    };
    ctx.bind(0, result);
    Ok(())
}

fn tile(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let (x, times) = (ctx.operand(0)?, ctx.sizes(1)?);
    let dims = ctx.dims(&x);
    if times.len() != dims.len() {
        return Err(ctx.refuse(1, format!("{} numbers", dims.len()), times.len().to_string()));
    }
    let whole: Vec<usize> = dims.iter().zip(times).map(|(&d, times)| d.saturating_mul(times)).collect();
    ctx.room(&whole)?;
    let repeated = |(axis, (&d, len)): (usize, (&usize, usize))| (axis, (0..len).map(|i| Some(i % d)).collect());
    ctx.take(x, dims.iter().zip(whole).enumerate().map(repeated).collect())
}

/// A sequence of tensors of the same dimensions, as one tensor.
fn stacked(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let mut parts = Vec::with_capacity(ctx.operands());
    for i in 0..ctx.operands() {
        let part = ctx.operand(i)?;
        let dims = [&[1], ctx.dims(&part).as_slice()].concat();
        parts.push(ctx.reshape(part, dims)?);
    }
    let name = ctx.node.output.first().cloned().unwrap_or_default();
    ctx.builder.net.notes.push(format!("output {name:?} is one tensor of {} instead of a sequence", parts.len()));
    ctx.concat(parts, 0)
}

/// The same elements under other dimensions.
pub(super) fn reshaped(ctx: &mut Ctx<'_, '_>, operator: Dims) -> Result<(), CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let result = match operator {
        Dims::Reshape => {
            let zero_is_zero = ctx.attributes.int("allowzero")?.unwrap_or(0) != 0;
            let spec = ctx.ints("shape", 1)?.ok_or_else(|| ctx.refuse(1, "a shape", "nothing"))?;
            crate::fronts::shape::reshape(&dims, &spec, zero_is_zero)
                .map_err(|got| ctx.refuse(1, format!("a shape of {} elements", count(&dims)), got))?
        }
        Dims::Flatten => {
            let axis = ctx.attributes.int("axis")?.unwrap_or(1);
            let axis = if axis == dims.len() as i64 { dims.len() } else { ctx.axis(axis, dims.len())? };
            vec![count(&dims[..axis]), count(&dims[axis..])]
        }
        Dims::Squeeze => {
            let axes = match ctx.ints("axes", 1)? {
                None => (0..dims.len()).filter(|&axis| dims[axis] == 1).collect(),
                Some(axes) => axes.into_iter().map(|axis| ctx.axis(axis, dims.len())).collect::<Result<Vec<_>, _>>()?,
            };
            dims.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &d)| d).collect()
        }
        Dims::Unsqueeze => {
            let axes = ctx.ints("axes", 1)?.unwrap_or_default();
            let rank = dims.len() + axes.len();
            let axes = axes.into_iter().map(|axis| ctx.axis(axis, rank)).collect::<Result<Vec<_>, _>>()?;
            let mut rest = dims.iter().copied();
            (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }).collect()
        }
    };
    let y = ctx.reshape(x, result)?;
    ctx.bind(0, y);
    Ok(())
}

fn transpose(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let rank = ctx.dims(&x).len();
    let given = ctx.attributes.ints("perm")?;
    if given.is_empty() {
        return ctx.transpose(x, (0..rank).rev().collect());
    }
    let perm = given.iter().map(|&axis| ctx.axis(axis, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(ctx.attributes.refuse("perm", format!("a permutation of {rank} dimensions"), format!("{given:?}")));
    }
    ctx.transpose(x, perm)
}

fn slice(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let starts = ctx.ints("starts", 1)?.unwrap_or_default();
    let ends = ctx.ints("ends", 2)?.unwrap_or_default();
    let axes = ctx.ints("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = ctx.constant(4)?.map_or_else(|| vec![1; starts.len()], |c| c.ints());
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(ctx.form("lists of different lengths", "give as many starts, ends, axes and steps"));
    }
    let mut picks = Vec::new();
    for (i, &axis) in axes.iter().enumerate() {
        let axis = ctx.axis(axis, dims.len())?;
        let index = sliced(dims[axis] as i64, starts[i], ends[i], steps[i]);
        if matches!(x, Bound::Value(_)) && index.is_empty() {
            return Err(ctx.form("an empty slice", "slices have to keep something"));
        }
        picks.push((axis, index));
    }
    ctx.take(x, picks)
}

/// Python's slice of 0..len.
fn sliced(len: i64, start: i64, end: i64, step: i64) -> Index {
    let from_end = |i: i64| if i < 0 { i.saturating_add(len) } else { i };
    let (start, end) = (from_end(start), from_end(end));
    let mut index = Vec::new();
    let mut at = if step > 0 { start.clamp(0, len) } else { start.clamp(-1, len - 1) };
    let end = if step > 0 { end.clamp(0, len) } else { end.clamp(-1, len - 1) };
    while step != 0 && (if step > 0 { at < end } else { at > end }) {
        index.push(Some(at as usize));
        at = at.saturating_add(step);
    }
    index
}

fn split(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let axis = ctx.attributes.int("axis")?.unwrap_or(0);
    let axis = ctx.axis(axis, dims.len())?;
    let parts = match ctx.attributes.int("num_outputs")? {
        Some(_) => ctx.number("num_outputs")?,
        None => ctx.node.output.len(),
    };
    let sizes = match ctx.ints("split", 1)? {
        Some(sizes) => sizes.into_iter().map(|size| usize::try_from(size).unwrap_or(0)).collect(),
        None => {
            let size = dims[axis].div_ceil(parts.max(1));
            (0..parts).map(|i| size.min(dims[axis].saturating_sub(i * size))).collect::<Vec<usize>>()
        }
    };
    let total = sizes.iter().fold(0, |total: usize, &size| total.saturating_add(size));
    if total != dims[axis] || sizes.contains(&0) {
        return Err(ctx.form(format!("parts {sizes:?} of {}", dims[axis]), "the parts have to add up, none empty"));
    }
    let mut from = 0;
    for (i, size) in sizes.into_iter().enumerate() {
        let part = ctx.take(x.clone(), vec![(axis, (from..from + size).map(Some).collect())])?;
        ctx.bind(i, part);
        from += size;
    }
    Ok(())
}

fn pad(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let dims = ctx.dims(&x);
    let mode = ctx.attributes.text("mode")?.unwrap_or_else(|| "constant".into());
    let value = match ctx.constant(2)? {
        Some(c) => c.scalar().unwrap_or(0.0),
        None => ctx.attributes.float("value")?.unwrap_or(0.0),
    };
    let pads = ctx.ints("pads", 1)?.unwrap_or_default();
    let axes = match ctx.constant(3)? {
        None => (0..dims.len()).collect(),
        Some(axes) => axes.ints().into_iter().map(|axis| ctx.axis(axis, dims.len())).collect::<Result<Vec<_>, _>>()?,
    };
    if pads.len() != 2 * axes.len() {
        return Err(ctx.form(format!("{} pads", pads.len()), format!("give {}", 2 * axes.len())));
    }
    let filled = mode == "constant" && value != 0.0;
    let mut picks = Vec::new();
    let to = padded(ctx, &dims, &axes, &pads)?;
    ctx.room(&to)?;
    for (i, &axis) in axes.iter().enumerate() {
        let len = dims[axis] as i64;
        let source = |at: i64| match mode.as_str() {
            _ if (0..len).contains(&at) => Some(Some(at as usize)),
            "constant" => Some(None),
            _ if len == 0 => None,
            "edge" => Some(Some(at.clamp(0, len - 1) as usize)),
            "reflect" => Some(Some(if at < 0 { -at } else { 2 * (len - 1) - at }.clamp(0, len - 1) as usize)),
            "wrap" => Some(Some(at.rem_euclid(len) as usize)),
            _ => None,
        };
        let before = -pads[i];
        let index = (before..before + to[axis] as i64).map(source).collect::<Option<Index>>();
        let index =
            index.ok_or_else(|| ctx.attributes.refuse("mode", "constant, edge, reflect or wrap", mode.clone()))?;
        picks.push((axis, index));
    }
    let padded = ctx.take(x, picks.clone())?;
    if !filled {
        return Ok(padded);
    }
    // What is taken from nowhere is zero: one minus ones padded alike is one there.
    let ones = Bound::Const(Array::new(dims.clone(), vec![1.0; count(&dims)]));
    let Bound::Const(inside) = ctx.take(ones, picks)? else { return Ok(padded) };
    let fill = inside.map(|inside| if inside == 0.0 { value } else { 0.0 });
    ctx.arithmetic(crate::graph::expr::Arith::Add, padded, Bound::Const(fill))
}

/// Dimensions with pads at both ends of some of them.
fn padded(ctx: &Ctx<'_, '_>, dims: &[usize], axes: &[usize], pads: &[i64]) -> Result<Vec<usize>, CompileError> {
    let most = MAX_LEN as i64;
    if !pads.iter().all(|pad| (-most..=most).contains(pad)) {
        return Err(ctx.attributes.refuse("pads", format!("pads from -{most} to {most}"), format!("{pads:?}")));
    }
    let mut padded = dims.to_vec();
    for (i, &axis) in axes.iter().enumerate() {
        let len = dims[axis] as i64 + pads[i] + pads[axes.len() + i];
        padded[axis] = usize::try_from(len).unwrap_or(0);
    }
    Ok(padded)
}

fn gather(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let (x, index) = (ctx.operand(0)?, ctx.operand(1)?);
    let dims = ctx.dims(&x);
    let axis = ctx.attributes.int("axis")?.unwrap_or(0);
    let axis = ctx.axis(axis, dims.len())?;
    match (x, index) {
        (x, Bound::Const(index)) => {
            let len = dims[axis] as i64;
            let at = |i: i64| {
                Some(if i < 0 { i + len } else { i }).filter(|i| (0..len).contains(i)).map(|i| Some(i as usize))
            };
            let picked: Option<Index> = index.ints().into_iter().map(at).collect();
            let picked = picked.ok_or_else(|| ctx.refuse(1, format!("indices below {len}"), "others"))?;
            let taken = ctx.take(x, vec![(axis, picked)])?;
            ctx.reshape(taken, [&dims[..axis], &index.dims, &dims[axis + 1..]].concat())
        }
        (Bound::Const(table), Bound::Value(ids)) if axis == 0 && dims.len() == 2 => embed(ctx, table, ids, dims[1]),
        (x, Bound::Value(ids)) if integral(&ctx.builder.net, ids) => slices(ctx, x, ids, axis),
        _ => Err(ctx.form(
            "a gather at positions that are no integers by their type",
            "positions that an integer input gives, or ArgMax, TopK or a cast, work",
        )),
    }
}

/// Slices along a dimension at computed positions: a flag for each, times all slices.
fn slices(ctx: &mut Ctx<'_, '_>, x: Bound, ids: usize, axis: usize) -> Result<Bound, CompileError> {
    let (dims, places) = (ctx.dims(&x), ctx.builder.net.dims(ids).to_vec());
    let (outer, rest) = (dims[..axis].to_vec(), dims[axis + 1..].to_vec());
    let n = dims[axis];
    let mut perm: Vec<usize> = (0..dims.len()).filter(|&i| i != axis).collect();
    perm.insert(0, axis);
    let first = ctx.transpose(x, perm)?;
    let table = ctx.reshape(first, vec![n, count(&outer) * count(&rest)])?;
    let flags = flags(ctx, ids, n, &[count(&places)])?;
    let found = matmul(ctx, flags, table)?;
    // The places come first, and go to where the dimension was.
    let found = ctx.reshape(found, vec![count(&places), count(&outer), count(&rest)])?;
    let found = ctx.transpose(found, vec![1, 0, 2])?;
    ctx.reshape(found, [outer, places, rest].concat())
}

/// Elements, or slices, at constant positions over the first dimensions.
fn gather_nd(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let (x, index) = (ctx.operand(0)?, ctx.required(1)?);
    ctx.attributes.only("batch_dims", 0)?;
    let dims = ctx.dims(&x);
    let Some((&depth, lead)) = index.dims.split_last().filter(|(depth, _)| (1..=dims.len()).contains(*depth)) else {
        return Err(ctx.refuse(
            1,
            format!("positions in up to {} dimensions", dims.len()),
            format!("{:?}", index.dims),
        ));
    };
    let (picked, rest) = dims.split_at(depth);
    let flat = |position: &[i64]| {
        position.iter().zip(picked).try_fold(0, |flat, (&i, &d)| {
            let i = if i < 0 { i + d as i64 } else { i };
            usize::try_from(i).ok().filter(|&i| i < d).map(|i| flat * d + i)
        })
    };
    let positions: Option<Index> = index.ints().chunks_exact(depth).map(|position| flat(position).map(Some)).collect();
    let positions = positions.ok_or_else(|| ctx.refuse(1, format!("positions inside {picked:?}"), "others"))?;
    let x = ctx.reshape(x, [&[count(picked)], rest].concat())?;
    let taken = ctx.take(x, vec![(0, positions)])?;
    ctx.reshape(taken, [lead, rest].concat())
}

fn embed(ctx: &mut Ctx<'_, '_>, table: Array, ids: usize, width: usize) -> Result<Bound, CompileError> {
    if table.values.is_empty() {
        return Err(ctx.refuse(0, "a table with rows", format!("dimensions {:?}", table.dims)));
    }
    let net = &ctx.builder.net;
    let dims = [net.dims(ids), &[width]].concat();
    if net.inputs.get(ids).is_some_and(|input| input.whole) {
        return ctx.push(Kind::Embed(table), vec![Bound::Value(ids)], dims);
    }
    if !integral(net, ids) {
        return Err(ctx.refuse(1, "integers", "numbers"));
    }
    rows_by_flags(ctx, &table, ids, dims)
}

/// Most rows of a table that is read at a computed position: each costs a flag per position.
const FLAGGED_ROWS: usize = 1 << 10;

/// Rows of a table at computed positions, such as one column of an input of several ids: a flag for each row, times the table.
fn rows_by_flags(ctx: &mut Ctx<'_, '_>, table: &Array, ids: usize, dims: Vec<usize>) -> Result<Bound, CompileError> {
    let (rows, width) = (table.dims[0], table.dims[1]);
    let flags = flags(ctx, ids, rows, &dims[..dims.len() - 1])?;
    let weight = Linear { k: rows, n: width, weight: table.values.clone(), bias: None };
    ctx.push(Kind::Linear(weight), vec![flags], dims)
}

/// For each of `lead` positions, a one where the row's number is the position, counted from the end if it is negative.
fn flags(ctx: &mut Ctx<'_, '_>, ids: usize, rows: usize, lead: &[usize]) -> Result<Bound, CompileError> {
    if rows > FLAGGED_ROWS {
        let hint = "give each column of ids an input of its own, or a table of fewer rows";
        return Err(ctx.form(format!("a table of {rows} rows that is read at computed positions"), hint));
    }
    let ids = ctx.reshape(Bound::Value(ids), [lead, &[1]].concat())?;
    let ids = ctx.expand(ids, &[lead, &[rows]].concat())?;
    let numbers = Array::whole(vec![rows], (0..rows).map(|row| row as f32).collect());
    let distance = ctx.arithmetic(Arith::Sub, ids, Bound::Const(numbers))?;
    ctx.pointwise(is_position(rows), distance)
}

/// Whether a position less a place in a row of `n` says that it is that place; negative ones count from the row's end.
pub(super) fn is_position(n: usize) -> Expr {
    let is_at = |end: f64| Expr::binary(Arith::Equal, Expr::X, Expr::Const(-end));
    Expr::binary(Arith::Or, is_at(0.0), is_at(n as f64))
}

fn depth(ctx: &mut Ctx<'_, '_>, to_depth: bool) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let b = ctx.number("blocksize")?;
    let mode = ctx.attributes.text("mode")?.unwrap_or_else(|| "DCR".into());
    let &[n, c, h, w] = ctx.dims(&x).as_slice() else {
        return Err(ctx.refuse(0, "four dimensions", format!("{:?}", ctx.dims(&x))));
    };
    let is_whole = if to_depth { h % b == 0 && w % b == 0 } else { c % (b * b) == 0 };
    if !is_whole {
        return Err(ctx.attributes.refuse("blocksize", "blocks that dimensions divide into", b.to_string()));
    }
    let (split, perm, merged) = match (to_depth, mode.as_str()) {
        (true, "CRD") => (vec![n, c, h / b, b, w / b, b], vec![0, 1, 3, 5, 2, 4], vec![n, c * b * b, h / b, w / b]),
        (true, _) => (vec![n, c, h / b, b, w / b, b], vec![0, 3, 5, 1, 2, 4], vec![n, c * b * b, h / b, w / b]),
        (false, "DCR") => {
            (vec![n, b, b, c / (b * b), h, w], vec![0, 3, 4, 1, 5, 2], vec![n, c / (b * b), h * b, w * b])
        }
        (false, _) => (vec![n, c / (b * b), b, b, h, w], vec![0, 1, 4, 2, 5, 3], vec![n, c / (b * b), h * b, w * b]),
    };
    let x = ctx.reshape(x, split)?;
    let x = ctx.transpose(x, perm)?;
    ctx.reshape(x, merged)
}

fn trilu(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    let x = ctx.operand(0)?;
    let upper = ctx.attributes.int("upper")?.unwrap_or(1) != 0;
    let k = ctx.constant(1)?.and_then(|c| c.scalar()).unwrap_or(0.0) as i64;
    let dims = ctx.dims(&x);
    let [.., rows, cols] = dims.as_slice() else {
        return Err(ctx.refuse(0, "a matrix", format!("dimensions {dims:?}")));
    };
    let kept = |(i, j): (usize, usize)| {
        let above = j as i64 - i as i64;
        f32::from(if upper { above >= k } else { above <= k })
    };
    let mask = (0..*rows).flat_map(|i| (0..*cols).map(move |j| (i, j))).map(kept).collect();
    let mask = Bound::Const(Array::whole(vec![*rows, *cols], mask));
    ctx.arithmetic(crate::graph::expr::Arith::Mul, x, mask)
}
