//! Pointwise steps on one value become one function of it.

use super::rewriter::Rewriter;
use crate::graph::expr::{Arith, Expr};
use crate::graph::net::{Id, Kind, Step};

pub(super) fn rewrite(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    match &step.kind {
        Kind::Pointwise(expr) => {
            if expr.as_line() == Some((1.0, 0.0)) {
                return step.operands.first().copied();
            }
            let (source, inner) = peeled(rewriter, step.operands[0]);
            // Whole numbers are exact, and what they are units of goes into the weights that read them.
            if source == step.operands[0] || (inner.is_whole() && expr.as_line().is_some()) {
                return None;
            }
            let expr = expr.of(&inner)?;
            Some(rewriter.add(&step.at, Kind::Pointwise(expr), vec![source], step.dims.clone()))
        }
        Kind::Binary(arith) => {
            let (a, b) = (step.operands[0], step.operands[1]);
            let ((source, left), (other, right)) = common(rewriter, a, b)?;
            if source != other || rewriter.net.dims(source) != step.dims {
                return None;
            }
            let expr = Expr::binary(*arith, left, right);
            (expr.size() <= 64)
                .then(|| rewriter.add(&step.at, Kind::Pointwise(simple(expr)), vec![source], step.dims.clone()))
        }
        Kind::AddConst(c) => {
            let c = c.scalar()?;
            let expr = Expr::line(1.0, f64::from(c));
            Some(rewriter.add(&step.at, Kind::Pointwise(expr), step.operands.clone(), step.dims.clone()))
        }
        Kind::MulConst(c) => {
            let c = c.scalar()?;
            let expr = Expr::line(f64::from(c), 0.0);
            Some(rewriter.add(&step.at, Kind::Pointwise(expr), step.operands.clone(), step.dims.clone()))
        }
        _ => None,
    }
}

/// A line in its shortest form.
fn simple(expr: Expr) -> Expr {
    expr.as_line().map_or(expr, |(slope, intercept)| Expr::line(slope, intercept))
}

/// The value that a value is a function of, if that function is a line or only needed here.
fn peeled(rewriter: &Rewriter, id: Id) -> (Id, Expr) {
    match rewriter.net.step(id) {
        Some(Step { kind: Kind::Pointwise(expr), operands, .. })
            if expr.as_line().is_some() || rewriter.reads[id] == 1 =>
        {
            (operands[0], expr.clone())
        }
        _ => (id, Expr::X),
    }
}

/// Both operands as functions of one value, if they are.
fn common(rewriter: &Rewriter, a: Id, b: Id) -> Option<((Id, Expr), (Id, Expr))> {
    if a == b {
        return Some(((a, Expr::X), (b, Expr::X)));
    }
    let (whole_a, whole_b) = ((a, Expr::X), (b, Expr::X));
    let (part_a, part_b) = (peeled(rewriter, a), peeled(rewriter, b));
    [(part_a.clone(), whole_b), (whole_a, part_b.clone()), (part_a, part_b)].into_iter().find(|(a, b)| a.0 == b.0)
}

/// Whether a function is a product with itself.
pub(super) fn is_square(expr: &Expr) -> bool {
    expr.behaves_as(|x| x * x) && !matches!(expr, Expr::Binary(Arith::Div, ..))
}
