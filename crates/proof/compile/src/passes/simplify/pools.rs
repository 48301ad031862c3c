//! A rectifier before or after a largest element of windows: one step, as it does not change which element that is.

use super::rewriter::Rewriter;
use crate::graph::net::{Id, Kind, Step};

pub(super) fn rewrite(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let below = rewriter.own(*step.operands.first()?)?.clone();
    let window = match (&step.kind, &below.kind) {
        (Kind::MaxPool { window, positive: false }, Kind::Pointwise(expr))
        | (Kind::Pointwise(expr), Kind::MaxPool { window, positive: false })
            if expr.is_relu() =>
        {
            *window
        }
        _ => return None,
    };
    let kind = Kind::MaxPool { window, positive: true };
    Some(rewriter.add(&step.at, kind, below.operands, step.dims.clone()))
}
