//! Normalisations written out as means, differences and roots.

use super::fuse;
use super::rewriter::Rewriter;
use crate::graph::expr::{Arith, Expr};
use crate::graph::net::{Id, Kind, Net, Step, integral};

pub(super) fn rewrite(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let (x, spread, inverse) = match step.kind {
        Kind::Binary(Arith::Div) => (step.operands[0], step.operands[1], false),
        Kind::Binary(Arith::Mul) if is_spread(rewriter, step.operands[1], step.operands[0]) => {
            (step.operands[0], step.operands[1], true)
        }
        Kind::Binary(Arith::Mul) => (step.operands[1], step.operands[0], true),
        Kind::Softmax { log: false } => return masked(rewriter, step).or_else(|| hidden(rewriter, step)),
        Kind::Softmax { log: true } => return masked(rewriter, step),
        _ => return None,
    };
    let source = centred(rewriter, x);
    let eps = mean_square(rewriter, spread, x, inverse)
        .or_else(|| difference_of_squares(rewriter, spread, source?, inverse))?;
    let (source, centred) = (source.unwrap_or(x), source.is_some());
    Some(rewriter.add(&step.at, Kind::Normalize { centred, eps }, vec![source], step.dims.clone()))
}

/// The eps for which `spread` is `√(mean(x²) + eps)` over x's rows, or one over it.
fn mean_square(rewriter: &Rewriter, spread: Id, x: Id, inverse: bool) -> Option<f64> {
    let Step { kind: Kind::Pointwise(root), operands, .. } = rewriter.net.step(spread)? else { return None };
    let Step { kind: Kind::Sum, operands, .. } = rewriter.net.step(operands[0])? else { return None };
    let Step { kind: Kind::Pointwise(square), operands, .. } = rewriter.net.step(operands[0])? else { return None };
    if operands[0] != x || !fuse::is_square(square) {
        return None;
    }
    eps_of(root, rewriter.net.row(x) as f64, inverse)
}

/// The eps for which a function of s is `√(s/n + eps)`, or one over it.
pub(super) fn eps_of(root: &Expr, n: f64, inverse: bool) -> Option<f64> {
    let square_of = |sum: f64| if inverse { root.at(sum).powi(-2) } else { root.at(sum).powi(2) };
    let eps = square_of(0.0);
    let alike = |sum: f64| (square_of(sum) - (sum / n + eps)).abs() <= 1e-5 * (sum / n + eps);
    (eps.is_finite() && eps >= 0.0 && [0.1, 1.0, 30.0, 4000.0].into_iter().all(alike)).then_some(eps)
}

/// Whether x times `inverse` is x divided by its spread.
fn is_spread(rewriter: &Rewriter, inverse: Id, x: Id) -> bool {
    mean_square(rewriter, inverse, x, true).is_some()
        || centred(rewriter, x).is_some_and(|source| difference_of_squares(rewriter, inverse, source, true).is_some())
}

/// The eps for which `spread` is `√(mean(x²) − mean(x)² + eps)` over x's rows, or one over it.
fn difference_of_squares(rewriter: &Rewriter, spread: Id, x: Id, inverse: bool) -> Option<f64> {
    let Step { kind: Kind::Pointwise(root), operands, .. } = rewriter.net.step(spread)? else { return None };
    let Step { kind: Kind::Binary(Arith::Sub), operands, .. } = rewriter.net.step(operands[0])? else { return None };
    let (squares, square) = (operands[0], operands[1]);
    let n = rewriter.net.row(x) as f64;
    let Step { kind: Kind::Pointwise(own), operands, .. } = rewriter.net.step(mean_of(rewriter, squares)?)? else {
        return None;
    };
    let of_squares = operands[0] == x && fuse::is_square(own);
    let Step { kind: Kind::Pointwise(of_mean), operands, .. } = rewriter.net.step(square)? else { return None };
    let of_sum =
        matches!(rewriter.net.step(operands[0]), Some(Step { kind: Kind::Sum, operands, .. }) if operands[0] == x);
    let squared = if of_sum {
        of_mean.behaves_as(|sum| (sum / n).powi(2))
    } else {
        fuse::is_square(of_mean) && mean_of(rewriter, operands[0]) == Some(x)
    };
    if of_squares && squared { eps_of(root, 1.0, inverse) } else { None }
}

/// The value of which `id` holds the means of the rows.
fn mean_of(rewriter: &Rewriter, id: Id) -> Option<Id> {
    let Step { kind: Kind::Pointwise(scale), operands, .. } = rewriter.net.step(id)? else { return None };
    let Step { kind: Kind::Sum, operands, .. } = rewriter.net.step(operands[0])? else { return None };
    let n = rewriter.net.row(operands[0]) as f64;
    scale.behaves_as(|sum| sum / n).then_some(operands[0])
}

/// The value of which `id` is the difference from its rows' means.
fn centred(rewriter: &Rewriter, id: Id) -> Option<Id> {
    let Step { kind: Kind::Binary(Arith::Sub), operands, .. } = rewriter.net.step(id)? else { return None };
    let (x, mean) = (operands[0], operands[1]);
    (mean_of(rewriter, mean) == Some(x)).then_some(x)
}

/// From this far down, a Softmax gives nothing that float32 or the table of powers could hold.
pub(crate) const HIDES: f32 = -1e3;

/// An offset that takes elements out of a Softmax is a mask.
fn masked(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let Step { kind: Kind::AddConst(c), operands, at, dims } = rewriter.net.step(step.operands[0])?.clone() else {
        return None;
    };
    let none = |&c: &f32| c == 0.0 || c <= HIDES;
    if !c.values.iter().all(none) {
        return None;
    }
    let keep = c.map(|c| f32::from(c == 0.0));
    let x = rewriter.add(&at, Kind::Mask { keep, fill: f32::NEG_INFINITY }, operands, dims);
    Some(rewriter.add(&step.at, step.kind.clone(), vec![x], step.dims.clone()))
}

/// So is one that depends on the input, as of padding: zero or far down for each flag.
fn hidden(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let Step { kind: Kind::Binary(Arith::Add), operands, at, .. } = rewriter.net.step(step.operands[0])?.clone() else {
        return None;
    };
    let (x, offset) = match (operands[0], operands[1]) {
        (x, offset) if is_offset(&rewriter.net, offset) => (x, offset),
        (offset, x) if is_offset(&rewriter.net, offset) => (x, offset),
        _ => return None,
    };
    if rewriter.net.dims(x) != step.dims {
        return None;
    }
    let shown = Expr::binary(Arith::Greater, Expr::X, Expr::Const(f64::from(HIDES)));
    let dims = rewriter.net.dims(offset).to_vec();
    let keep = rewriter.add(&at, Kind::Pointwise(shown), vec![offset], dims);
    let x = rewriter.add(&at, Kind::Hide, vec![x, keep], step.dims.clone());
    Some(rewriter.add(&step.at, step.kind.clone(), vec![x], step.dims.clone()))
}

/// What an integer that a mask is made of may be.
const FLAGS: [f64; 2] = [0.0, 1.0];
/// Numbers that a function has to map to zero or far down, if it is of any numbers.
const NUMBERS: [f64; 6] = [-3.0, -1.0, 0.0, 0.5, 1.0, 7.0];

/// Whether a value is a function of flags, moved at most, that is zero or far down.
fn is_offset(net: &Net, id: Id) -> bool {
    let Some(step) = net.step(id) else { return false };
    match &step.kind {
        Kind::Pointwise(expr) => {
            let flags: &[f64] = if integral(net, step.operands[0]) { &FLAGS } else { &NUMBERS };
            let offsets = || flags.iter().map(|&x| expr.at(x));
            offsets().all(|v| v == 0.0 || v <= f64::from(HIDES)) && offsets().any(|v| v != 0.0)
        }
        Kind::Take(picks) => {
            picks.iter().all(|(_, index)| index.iter().all(Option::is_some)) && is_offset(net, step.operands[0])
        }
        Kind::Reshape | Kind::Transpose(_) => is_offset(net, step.operands[0]),
        _ => false,
    }
}
