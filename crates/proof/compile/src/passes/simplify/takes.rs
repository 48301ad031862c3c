//! Positions that are picked later are picked earlier, so that nothing is computed for the others.
//!
//! For example, a decoder's logits after the last token need no more than that token in its last layer.
//!
//! This holds for positions among rows, and for steps that work element by element: a step that reads whole rows gets whole rows. It comes
//! after all other rules, which recognise steps by what they read.

use super::rewriter::Rewriter;
use crate::graph::array::{Array, count};
use crate::graph::net::eval::fold;
use crate::graph::net::{Id, Kind, Step};

/// Positions along some dimensions.
type Picks = Vec<(usize, Vec<Option<usize>>)>;

/// Most steps that are looked through for one that would stop a pick.
const DEPTH: usize = 16;

pub(super) fn rewrite(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let Kind::Take(picks) = &step.kind else { return None };
    if let Some(id) = twin(rewriter, step) {
        // One more than the rewriter counts: the twin has a reader of its own.
        rewriter.reads[id] += 1;
        return Some(id);
    }
    let dims = rewriter.net.dims(step.operands[0]);
    let selects =
        |(axis, index): &(usize, Vec<Option<usize>>)| index.len() <= dims[*axis] && index.iter().all(Option::is_some);
    if count(&step.dims) >= count(dims) || !picks.iter().all(selects) {
        return None;
    }
    let below = rewriter.own(step.operands[0])?.clone();
    if !passes(rewriter, &below, picks, DEPTH) {
        return None;
    }
    let kind = match &below.kind {
        Kind::AddConst(c) => Kind::AddConst(picked(c, &below.dims, picks)),
        Kind::MulConst(c) => Kind::MulConst(picked(c, &below.dims, picks)),
        Kind::Mask { keep, fill } => Kind::Mask { keep: picked(keep, &below.dims, picks), fill: *fill },
        kind => kind.clone(),
    };
    let operands = below.operands.iter().enumerate();
    let operands = operands.map(|(i, &x)| taken(rewriter, step, x, &before(rewriter, &below, i, picks))).collect();
    Some(rewriter.add(&below.at, kind, operands, step.dims.clone()))
}

/// A step that is there already and picks the same.
fn twin(rewriter: &Rewriter, step: &Step) -> Option<Id> {
    let takes = rewriter.takes.get(step.operands.first()?)?;
    let same = |&&id: &&Id| match (rewriter.net.step(id).map(|other| &other.kind), &step.kind) {
        (Some(Kind::Take(a)), Kind::Take(b)) => a == b,
        _ => false,
    };
    takes.iter().find(same).copied()
}

/// Whether the positions can be picked before a step. What works element by element stays with what it works on. Picked between a sum and
/// a function of it, all of the sum would be rounded.
fn passes(rewriter: &Rewriter, below: &Step, picks: &Picks, depth: usize) -> bool {
    let Some(last) = below.dims.len().checked_sub(1) else { return false };
    let among = |axes: fn(usize, usize) -> bool| picks.iter().all(|(axis, _)| axes(*axis, last));
    match &below.kind {
        // What hides a Softmax's elements goes with it.
        Kind::Softmax { .. } => {
            let hidden = rewriter.own(below.operands[0]);
            let hidden = hidden.filter(|step| matches!(step.kind, Kind::Mask { .. } | Kind::Hide));
            among(|axis, last| axis != last) && hidden.is_none_or(|step| passes(rewriter, step, picks, depth))
        }
        Kind::Linear(_) | Kind::Normalize { .. } => among(|axis, last| axis != last),
        Kind::Contract { .. } => among(|axis, last| axis + 1 == last),
        Kind::Transpose(_) => true,
        Kind::Reshape => {
            let [(axis, _)] = picks.as_slice() else { return false };
            kept_axis(rewriter.net.dims(below.operands[0]), &below.dims, *axis).is_some()
        }
        Kind::Pointwise(_)
        | Kind::Binary(_)
        | Kind::AddConst(_)
        | Kind::MulConst(_)
        | Kind::Mask { .. }
        | Kind::Hide => below.operands.iter().enumerate().all(|(i, &x)| match rewriter.own(x) {
            Some(step) if depth > 0 => passes(rewriter, step, &before(rewriter, below, i, picks), depth - 1),
            // It has a column in any case.
            None => true,
            Some(_) => false,
        }),
        _ => false,
    }
}

/// Positions of a step's value as those of its operand `i`; none of one that has all it has at each.
fn before(rewriter: &Rewriter, below: &Step, i: usize, picks: &Picks) -> Picks {
    let dims = rewriter.net.dims(below.operands[i]);
    match &below.kind {
        Kind::Contract { .. } if i > 0 => Vec::new(),
        Kind::Binary(_) | Kind::Hide => aligned(dims, below.dims.len(), picks),
        Kind::Transpose(perm) => {
            let mut moved: Picks = picks.iter().map(|(axis, index)| (perm[*axis], index.clone())).collect();
            moved.sort_by_key(|(axis, _)| *axis);
            moved
        }
        Kind::Reshape => {
            let own = |(axis, index): &(usize, Vec<Option<usize>>)| {
                Some((kept_axis(dims, &below.dims, *axis)?, index.clone()))
            };
            picks.iter().filter_map(own).collect()
        }
        _ => picks.clone(),
    }
}

/// The picked positions of a value.
fn taken(rewriter: &mut Rewriter, step: &Step, x: Id, picks: &Picks) -> Id {
    if picks.is_empty() {
        return x;
    }
    let mut dims = rewriter.net.dims(x).to_vec();
    picks.iter().for_each(|(axis, index)| dims[*axis] = index.len());
    rewriter.add(&step.at, Kind::Take(picks.clone()), vec![x], dims)
}

/// Positions of a value of `rank` dimensions as those of one that is broadcast to it.
fn aligned(dims: &[usize], rank: usize, picks: &Picks) -> Picks {
    let own = picks.iter().filter_map(|(axis, index)| Some(((axis + dims.len()).checked_sub(rank)?, index.clone())));
    own.filter(|(axis, _)| dims[*axis] > 1).collect()
}

/// The picked positions of a constant that is broadcast to `dims`.
fn picked(c: &Array, dims: &[usize], picks: &Picks) -> Array {
    let own = aligned(&c.dims, dims.len(), picks);
    let mut left = c.dims.clone();
    own.iter().for_each(|(axis, index)| left[*axis] = index.len());
    fold(&Kind::Take(own), &[c], &left)
}

/// The dimension of a value before a Reshape that is dimension `axis` behind it: as long, with as much before it.
fn kept_axis(before: &[usize], after: &[usize], axis: usize) -> Option<usize> {
    let outer = count(&after[..axis]);
    (0..before.len()).find(|&i| before[i] == after[axis] && count(&before[..i]) == outer)
}
