//! What moves elements comes after what computes them, so that computing steps meet.

use super::rewriter::Rewriter;
use crate::graph::array::Array;
use crate::graph::expr::{Arith, Expr};
use crate::graph::net::{Id, Kind, Step};

pub(super) fn rewrite(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    match &step.kind {
        Kind::Reshape => reshape(rewriter, step),
        Kind::Transpose(perm) => transpose(rewriter, step, perm),
        Kind::Linear(_) => after_reshape(rewriter, step, step.kind.clone()),
        // Before the Reshape there may be fewer dimensions than the constant has.
        Kind::AddConst(c) if is_row(c) => after_reshape(rewriter, step, Kind::AddConst(row(c))),
        Kind::MulConst(c) if is_row(c) => after_reshape(rewriter, step, Kind::MulConst(row(c))),
        Kind::Pointwise(expr) => pointwise(rewriter, step, expr),
        _ => None,
    }
}

/// Whether a constant has a dimension for a row's positions only.
pub(super) fn is_row(c: &Array) -> bool {
    c.dims.iter().rev().skip(1).all(|&d| d == 1)
}

/// Such a constant with that dimension alone.
fn row(c: &Array) -> Array {
    c.reshaped(vec![c.values.len()])
}

fn reshape(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let x = step.operands[0];
    if rewriter.net.dims(x) == step.dims {
        return Some(x);
    }
    let Step { kind: Kind::Reshape, operands, .. } = rewriter.net.step(x)? else { return None };
    let operands = operands.clone();
    Some(rewriter.add(&step.at, Kind::Reshape, operands, step.dims.clone()))
}

fn transpose(rewriter: &mut Rewriter, step: &Step, perm: &[usize]) -> Option<Id> {
    if perm.iter().enumerate().all(|(i, &axis)| i == axis) {
        return Some(step.operands[0]);
    }
    let Step { kind: Kind::Transpose(first), operands, .. } = rewriter.net.step(step.operands[0])? else { return None };
    let (joined, operands) = (perm.iter().map(|&axis| first[axis]).collect(), operands.clone());
    Some(rewriter.add(&step.at, Kind::Transpose(joined), operands, step.dims.clone()))
}

/// A step that works row by row, on a Reshape that keeps the rows: the Reshape can wait.
fn after_reshape(rewriter: &mut Rewriter, step: &Step, kind: Kind) -> Option<Id> {
    let Step { kind: Kind::Reshape, operands, .. } = rewriter.net.step(step.operands[0])? else { return None };
    let source = operands[0];
    if rewriter.net.row(source) != rewriter.net.row(step.operands[0]) || rewriter.net.dims(source).is_empty() {
        return None;
    }
    let mut dims = rewriter.net.dims(source).to_vec();
    dims.pop();
    dims.push(step.dims.last().copied().unwrap_or(1));
    let computed = rewriter.add(&step.at, kind, vec![source], dims);
    Some(rewriter.add(&step.at, Kind::Reshape, vec![computed], step.dims.clone()))
}

fn pointwise(rewriter: &mut Rewriter, step: &Step, expr: &Expr) -> Option<Id> {
    let below = rewriter.own(step.operands[0])?.clone();
    match below.kind {
        Kind::Reshape | Kind::Transpose(_) => {
            let dims = rewriter.net.dims(below.operands[0]).to_vec();
            let computed = rewriter.add(&step.at, step.kind.clone(), below.operands, dims);
            Some(rewriter.add(&below.at, below.kind, vec![computed], step.dims.clone()))
        }
        // A factor of a product goes to where it costs nothing: the weights that the left operand comes from.
        Kind::Contract { .. } => {
            let (factor, 0.0) = expr.as_line()? else { return None };
            if !from_weights(rewriter, below.operands[0]) {
                return None;
            }
            let left = below.operands[0];
            let dims = rewriter.net.dims(left).to_vec();
            let scaled = rewriter.add(&step.at, Kind::Pointwise(Expr::line(factor, 0.0)), vec![left], dims);
            Some(rewriter.add(&below.at, below.kind, vec![scaled, below.operands[1]], step.dims.clone()))
        }
        _ => None,
    }
}

/// Whether a value is a Linear's result, moved at most, that nothing else reads.
fn from_weights(rewriter: &Rewriter, id: Id) -> bool {
    match rewriter.own(id) {
        Some(Step { kind: Kind::Linear(_), .. }) => true,
        Some(Step { kind: Kind::Reshape | Kind::Transpose(_), operands, .. }) => from_weights(rewriter, operands[0]),
        _ => false,
    }
}

/// The arithmetic that a constant step is.
pub(super) fn constant_of(kind: &Kind) -> Option<(Arith, &Array)> {
    match kind {
        Kind::AddConst(c) => Some((Arith::Add, c)),
        Kind::MulConst(c) => Some((Arith::Mul, c)),
        _ => None,
    }
}
