//! Elements that are read or written at constant positions, each at one of its own: one gather of what they are of.

use super::builder::Bound;
use super::ctx::Ctx;
use super::moves::is_position;
use super::products::matmul;
use crate::graph::array::{Array, count};
use crate::graph::expr::Arith;
use crate::graph::net::{Kind, Linear, integral};
use crate::graph::operators::family::Scattered;
use crate::terms::error::CompileError;
use std::rc::Rc;

/// For each element of a result, the part that it is of and its number there.
type Places = Vec<(usize, usize)>;

/// Most entries of the matrix by which elements are added where several meet.
const MOST_ENTRIES: usize = 1 << 22;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Scattered) -> Result<(), CompileError> {
    let result = match operator {
        Scattered::GatherElements => gather_elements(ctx)?,
        Scattered::ScatterElements => {
            let (targets, data) = (element_targets(ctx)?, ctx.operand(0)?);
            written(ctx, data, targets)?
        }
        Scattered::ScatterNd => {
            let (targets, data) = (slice_targets(ctx)?, ctx.operand(0)?);
            written(ctx, data, targets)?
        }
    };
    ctx.bind(0, result);
    Ok(())
}

fn gather_elements(ctx: &mut Ctx<'_, '_>) -> Result<Bound, CompileError> {
    if let (data, Bound::Value(id)) = (ctx.operand(0)?, ctx.operand(1)?)
        && integral(&ctx.builder.net, id)
    {
        return gather_computed(ctx, data, Bound::Value(id));
    }
    let (data, index) = (ctx.operand(0)?, positions(ctx)?);
    let dims = ctx.dims(&data);
    let places = along_axis(ctx, &dims, &index)?.into_iter().map(|at| (0, at)).collect();
    placed(ctx, vec![data], &places, index.dims)
}

/// Elements along one dimension at positions that are computed; the others are those of the data.
fn gather_computed(ctx: &mut Ctx<'_, '_>, data: Bound, index: Bound) -> Result<Bound, CompileError> {
    let (dims, own) = (ctx.dims(&data), ctx.dims(&index));
    let axis = ctx.attributes.int("axis")?.unwrap_or(0);
    let axis = ctx.axis(axis, dims.len())?;
    let is_alike = own.len() == dims.len() && own.iter().zip(&dims).enumerate().all(|(i, (a, b))| i == axis || a == b);
    if !is_alike {
        return Err(ctx.refuse(1, format!("dimensions {dims:?} but for the gathered one"), format!("{own:?}")));
    }
    let mut perm: Vec<usize> = (0..dims.len()).collect();
    perm.swap(axis, dims.len() - 1);
    let (data, index) = (ctx.transpose(data, perm.clone())?, ctx.transpose(index, perm.clone())?);
    let shape = ctx.dims(&index);
    let found = at_positions(ctx, data, index)?;
    let found = ctx.reshape(found, shape)?;
    ctx.transpose(found, perm)
}

/// Most flags that computed positions are told by.
const MOST_FLAGS: usize = 1 << 20;

/// The elements of each row at its own computed positions: flags for each, times the row.
pub(super) fn at_positions(ctx: &mut Ctx<'_, '_>, rows: Bound, at: Bound) -> Result<Bound, CompileError> {
    let (dims, places) = (ctx.dims(&rows), ctx.dims(&at));
    let (n, k) = (dims.last().copied().unwrap_or(1), places.last().copied().unwrap_or(1));
    if count(&dims) == n && ctx.builder.is_classical {
        return super::classical::looked_up(ctx, rows, at);
    }
    let outer = count(&dims) / n.max(1);
    if outer.saturating_mul(n).saturating_mul(k) > MOST_FLAGS {
        let hint = format!("up to {MOST_FLAGS} pairs of both work");
        return Err(ctx.form(format!("{k} computed positions in each of {outer} rows of {n}"), hint));
    }
    let at = ctx.reshape(at, vec![outer, k, 1])?;
    let at = ctx.expand(at, &[outer, k, n])?;
    let numbers = Array::whole(vec![n], (0..n).map(|i| i as f32).collect());
    let apart = ctx.arithmetic(Arith::Sub, at, Bound::Const(numbers))?;
    let flags = ctx.pointwise(is_position(n), apart)?;
    let rows = ctx.reshape(rows, vec![outer, n, 1])?;
    matmul(ctx, flags, rows)
}

/// The constant positions of operand 1.
fn positions(ctx: &Ctx<'_, '_>) -> Result<Array, CompileError> {
    match ctx.operand(1)? {
        Bound::Const(index) => Ok(index),
        Bound::Value(_) => {
            let hint = "constant positions work; a tree model in tensor form is exported as TreeEnsembleClassifier or TreeEnsembleRegressor";
            Err(ctx.form("positions that depend on the input", hint))
        }
    }
}

/// The element of a tensor that each position means: its own place, but for one coordinate.
fn along_axis(ctx: &mut Ctx<'_, '_>, dims: &[usize], index: &Array) -> Result<Vec<usize>, CompileError> {
    let axis = ctx.attributes.int("axis")?.unwrap_or(0);
    let axis = ctx.axis(axis, dims.len())?;
    let fits = index.dims.len() == dims.len()
        && index.dims.iter().zip(dims).enumerate().all(|(i, (own, of))| i == axis || own <= of);
    if !fits {
        return Err(ctx.refuse(1, format!("positions inside {dims:?}"), format!("dimensions {:?}", index.dims)));
    }
    let len = dims[axis] as i64;
    let mut found = Vec::with_capacity(index.values.len());
    for (i, at) in index.ints().into_iter().enumerate() {
        let at = if at < 0 { at + len } else { at };
        if !(0..len).contains(&at) {
            return Err(ctx.refuse(1, format!("positions below {len}"), at.to_string()));
        }
        let mut place = coordinates(i, &index.dims);
        place[axis] = at as usize;
        found.push(place.iter().zip(dims).fold(0, |flat, (&at, &d)| flat * d + at));
    }
    Ok(found)
}

fn coordinates(mut i: usize, dims: &[usize]) -> Vec<usize> {
    let mut place = vec![0; dims.len()];
    for (at, &d) in place.iter_mut().zip(dims).rev() {
        *at = i % d.max(1);
        i /= d.max(1);
    }
    place
}

/// The element of operand 0 that each element of the updates goes to.
fn element_targets(ctx: &mut Ctx<'_, '_>) -> Result<Vec<usize>, CompileError> {
    let (data, index) = (ctx.operand(0)?, positions(ctx)?);
    let dims = ctx.dims(&data);
    along_axis(ctx, &dims, &index)
}

/// As [`element_targets`], of positions that mean slices.
fn slice_targets(ctx: &mut Ctx<'_, '_>) -> Result<Vec<usize>, CompileError> {
    let (data, index) = (ctx.operand(0)?, positions(ctx)?);
    let dims = ctx.dims(&data);
    let depth = index.dims.last().copied().unwrap_or(0);
    if depth == 0 || depth > dims.len() {
        return Err(ctx.refuse(1, format!("positions in up to {} dimensions", dims.len()), format!("{depth}")));
    }
    let (outer, inner) = (&dims[..depth], count(&dims[depth..]));
    let mut targets = Vec::new();
    for position in index.ints().chunks_exact(depth) {
        let mut flat = 0;
        for (&at, &d) in position.iter().zip(outer) {
            let at = if at < 0 { at + d as i64 } else { at };
            if !(0..d as i64).contains(&at) {
                return Err(ctx.refuse(1, format!("positions inside {outer:?}"), format!("{position:?}")));
            }
            flat = flat * d + at as usize;
        }
        targets.extend(flat * inner..(flat + 1) * inner);
    }
    Ok(targets)
}

/// Operand 0 with the elements of operand 2 written over it, or added to it.
fn written(ctx: &mut Ctx<'_, '_>, data: Bound, targets: Vec<usize>) -> Result<Bound, CompileError> {
    let updates = ctx.operand(2)?;
    let (dims, from) = (ctx.dims(&data), ctx.dims(&updates));
    if count(&from) != targets.len() {
        return Err(ctx.refuse(2, format!("{} elements", targets.len()), format!("dimensions {from:?}")));
    }
    let reduction = ctx.attributes.text("reduction")?.unwrap_or_else(|| "none".into());
    match reduction.as_str() {
        "none" => {
            let mut places: Places = (0..count(&dims)).map(|i| (0, i)).collect();
            // Of several that meet, the last one stays.
            targets.into_iter().enumerate().for_each(|(i, target)| places[target] = (1, i));
            placed(ctx, vec![data, updates], &places, dims)
        }
        "add" => {
            let (m, n) = (targets.len(), count(&dims));
            if m.saturating_mul(n) > MOST_ENTRIES {
                let what = format!("{m} elements added at positions of {n}");
                return Err(ctx.form(what, format!("up to {MOST_ENTRIES} pairs of both work")));
            }
            let mut weight = vec![0.0; m * n];
            targets.into_iter().enumerate().for_each(|(i, target)| weight[i * n + target] = 1.0);
            let linear = Linear { k: m, n, weight: Rc::new(weight), bias: None };
            let row = ctx.reshape(updates, vec![1, m])?;
            let spread = ctx.push(Kind::Linear(linear), vec![row], vec![1, n])?;
            let spread = ctx.reshape(spread, dims)?;
            ctx.arithmetic(Arith::Add, data, spread)
        }
        _ => Err(ctx.attributes.refuse("reduction", "none or add", reduction)),
    }
}

/// Elements of `parts` in other places: along one dimension, if that is all they move along, else one by one.
fn placed(ctx: &mut Ctx<'_, '_>, parts: Vec<Bound>, places: &Places, dims: Vec<usize>) -> Result<Bound, CompileError> {
    let shapes: Vec<Vec<usize>> = parts.iter().map(|part| ctx.dims(part)).collect();
    let found = (0..dims.len()).find_map(|axis| Some((axis, along(axis, places, &dims, &shapes)?)));
    let (axis, index) = match &found {
        Some((axis, index)) => (*axis, index),
        None => (0, places),
    };
    let mut used = Vec::new();
    let mut starts = vec![0; parts.len()];
    let mut start = 0;
    for (i, part) in parts.into_iter().enumerate().filter(|(i, _)| index.iter().any(|(part, _)| part == i)) {
        let len = count(&shapes[i]);
        let part = if found.is_some() { part } else { ctx.reshape(part, vec![len])? };
        starts[i] = start;
        start += ctx.dims(&part)[axis];
        used.push(part);
    }
    let index = index.iter().map(|&(part, at)| Some(starts[part] + at)).collect();
    let all = ctx.concat(used, axis)?;
    let taken = ctx.take(all, vec![(axis, index)])?;
    ctx.reshape(taken, dims)
}

/// Part and position along `axis` for each position of the result along it, if nothing moves otherwise.
fn along(axis: usize, places: &Places, dims: &[usize], shapes: &[Vec<usize>]) -> Option<Places> {
    let apart = |i: usize, dims: &[usize]| {
        let inner = count(&dims[axis + 1..]);
        (i / (inner * dims[axis]), i / inner % dims[axis], i % inner)
    };
    let is_alike = |shape: &Vec<usize>| {
        shape.len() == dims.len() && shape.iter().zip(dims).enumerate().all(|(i, (a, b))| i == axis || a == b)
    };
    let mut index = vec![None; dims[axis]];
    for (i, &(part, from)) in places.iter().enumerate() {
        let shape = shapes.get(part).filter(|shape| is_alike(shape))?;
        let ((outer, at, inner), (from_outer, from_at, from_inner)) = (apart(i, dims), apart(from, shape));
        if (outer, inner) != (from_outer, from_inner) || index[at].is_some_and(|known| known != (part, from_at)) {
            return None;
        }
        index[at] = Some((part, from_at));
    }
    index.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_move_as_wholes_are_picked_along_their_dimension() {
        // Row 1 of two is replaced by the only row of another part.
        let places = vec![(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)];
        let shapes = [vec![2, 3], vec![1, 3]];
        assert_eq!(along(0, &places, &[2, 3], &shapes), Some(vec![(0, 0), (1, 0)]));
        assert_eq!(along(1, &places, &[2, 3], &shapes), None);
        let mixed = vec![(0, 0), (0, 4), (0, 2), (1, 0), (1, 1), (1, 2)];
        assert_eq!(along(0, &mixed, &[2, 3], &shapes), None);
    }
}
