//! Positions that are picked later are picked earlier, so that nothing is computed for the others: the logits after the last token of a
//! decoder need no more than that token in its last layer.
//!
//! Only positions among rows, or of what works element by element: a step that reads whole rows gets whole rows. This comes after all
//! other rules, which recognise steps by what they read.

use super::super::array::{Array, count};
use super::super::eval::fold;
use super::super::step::{Id, Kind, Step};
use super::Rewriter;

/// Positions along some dimensions.
type Picks = Vec<(usize, Vec<Option<usize>>)>;

pub(super) fn rewrite(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let Kind::Take(picks) = &step.kind else { return None };
    if let Some(id) = twin(rewriter, step) {
        // One more than the rewriter counts: the twin has a reader of its own.
        rewriter.reads[id] += 1;
        return Some(id);
    }
    let selects = |(_, index): &(usize, Vec<Option<usize>>)| index.iter().all(Option::is_some);
    if count(&step.dims) >= rewriter.net.len(step.operands[0]) || !picks.iter().all(selects) {
        return None;
    }
    let below = rewriter.own(step.operands[0])?.clone();
    let last = below.dims.len().checked_sub(1)?;
    let among_rows = picks.iter().all(|(axis, _)| *axis != last);
    match &below.kind {
        Kind::Linear(_) | Kind::Normalize { .. } | Kind::Softmax { .. } if among_rows => {
            Some(each(rewriter, step, &below, below.kind.clone(), picks))
        }
        Kind::Pointwise(_) | Kind::Binary(_) => Some(each(rewriter, step, &below, below.kind.clone(), picks)),
        Kind::AddConst(c) => Some(each(rewriter, step, &below, Kind::AddConst(picked(c, &below.dims, picks)), picks)),
        Kind::MulConst(c) => Some(each(rewriter, step, &below, Kind::MulConst(picked(c, &below.dims, picks)), picks)),
        Kind::Mask { keep, fill } => {
            let kind = Kind::Mask { keep: picked(keep, &below.dims, picks), fill: *fill };
            Some(each(rewriter, step, &below, kind, picks))
        }
        Kind::Contract { .. } if picks.iter().all(|(axis, _)| axis + 1 == last) => {
            Some(left(rewriter, step, &below, picks))
        }
        Kind::Transpose(perm) => {
            let mut moved: Picks = picks.iter().map(|(axis, index)| (perm[*axis], index.clone())).collect();
            moved.sort_by_key(|(axis, _)| *axis);
            Some(each(rewriter, step, &below, below.kind.clone(), &moved))
        }
        Kind::Reshape => {
            let [(axis, index)] = picks.as_slice() else { return None };
            let axis = kept_axis(rewriter.net.dims(below.operands[0]), &below.dims, *axis)?;
            Some(each(rewriter, step, &below, Kind::Reshape, &vec![(axis, index.clone())]))
        }
        _ => None,
    }
}

/// A step that is there already and picks the same.
fn twin(rewriter: &Rewriter, step: &Step) -> Option<Id> {
    let net = &rewriter.net;
    let same = |other: &Step| match (&other.kind, &step.kind) {
        (Kind::Take(a), Kind::Take(b)) => other.operands == step.operands && a == b,
        _ => false,
    };
    net.steps.iter().position(same).map(|i| net.id_of(i))
}

/// The step below on operands of which only `picks` are left, where they have these dimensions at all.
fn each(rewriter: &mut Rewriter, step: &Step, below: &Step, kind: Kind, picks: &Picks) -> Id {
    let operands: Vec<Id> = below.operands.iter().map(|&x| taken(rewriter, step, x, below, picks)).collect();
    rewriter.add(&below.at, kind, operands, step.dims.clone())
}

/// A product of matrices with fewer rows.
fn left(rewriter: &mut Rewriter, step: &Step, below: &Step, picks: &Picks) -> Id {
    let rows = taken(rewriter, step, below.operands[0], below, picks);
    rewriter.add(&below.at, below.kind.clone(), vec![rows, below.operands[1]], step.dims.clone())
}

/// The picked positions of an operand, which may be one that is repeated along some dimensions.
fn taken(rewriter: &mut Rewriter, step: &Step, x: Id, below: &Step, picks: &Picks) -> Id {
    let mut dims = rewriter.net.dims(x).to_vec();
    let own = match below.kind {
        Kind::Binary(_) => aligned(&dims, below.dims.len(), picks),
        _ => picks.clone(),
    };
    if own.is_empty() {
        return x;
    }
    own.iter().for_each(|(axis, index)| dims[*axis] = index.len());
    rewriter.add(&step.at, Kind::Take(own), vec![x], dims)
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
