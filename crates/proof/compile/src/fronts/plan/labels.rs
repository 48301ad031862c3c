//! Class labels that exporters compute: the outcome of a comparison, and arithmetic with it.
//!
//! An isolation forest's label, for one, is `1 − 2·(score < 0)`. A comparison of one number with a constant is a class of two, and a
//! function of a class is the same class under other names.

use super::builder::Bound;
use super::ctx::Ctx;
use super::scores::pair;
use crate::fronts::onnx::{Data, Tensor};
use crate::graph::operators::Operator;
use crate::graph::plan::Kind;
use crate::terms::labels::Labels;

/// A constant of one element.
#[derive(Clone, Copy)]
enum Scalar {
    Float(f32),
    Int(i64),
}

fn scalar(bound: &Bound) -> Option<Scalar> {
    match bound {
        Bound::Const(Tensor { data: Data::Floats(v), .. }) if v.len() == 1 => Some(Scalar::Float(v[0])),
        Bound::Const(Tensor { data: Data::Ints(v), .. }) if v.len() == 1 => Some(Scalar::Int(v[0])),
        _ => None,
    }
}

/// Reads a node as a label; `false` if it is none.
pub(super) fn add(ctx: &mut Ctx<'_>, operator: Operator) -> bool {
    let [a, b] = ctx.node.input.as_slice() else { return false };
    let (Some(a), Some(b)) = (ctx.builder.bound(a), ctx.builder.bound(b)) else { return false };
    let (other, constant, constant_first) = match (scalar(a), scalar(b)) {
        (None, Some(c)) => (a.clone(), c, false),
        (Some(c), None) => (b.clone(), c, true),
        _ => return false,
    };
    let label = match (other, constant) {
        (Bound::Value { id, dims }, Scalar::Float(c)) if dims.iter().product::<usize>() == 1 => {
            compared(ctx, operator, (id, dims), c, constant_first)
        }
        (Bound::Label { id, dims, labels: Labels::Ints(labels) }, Scalar::Int(c)) => {
            let labels = renamed(operator, &labels, c, constant_first);
            labels.map(|labels| Bound::Label { id, dims, labels: Labels::Ints(labels) })
        }
        _ => None,
    };
    let is_label = label.is_some();
    if let Some(label) = label {
        ctx.bind(0, label);
    }
    is_label
}

/// The class of a number x that a comparison with a constant tells.
fn compared(
    ctx: &mut Ctx<'_>,
    operator: Operator,
    (x, dims): (usize, Vec<usize>),
    c: f32,
    constant_first: bool,
) -> Option<Bound> {
    // x < c, x > c, and their opposites, whose classes are numbered the other way round.
    let (below, labels) = match (operator, constant_first) {
        (Operator::Less, false) | (Operator::Greater, true) => (true, [0, 1]),
        (Operator::Greater, false) | (Operator::Less, true) => (false, [0, 1]),
        (Operator::GreaterOrEqual, false) | (Operator::LessOrEqual, true) => (true, [1, 0]),
        (Operator::LessOrEqual, false) | (Operator::GreaterOrEqual, true) => (false, [1, 0]),
        _ => return None,
    };
    // The first of equals wins, and so the second class only if x is really beyond c.
    let sign = if below { 1.0 } else { -1.0 };
    let sides = pair(ctx, x, [sign, -sign], [-sign * c, sign * c]);
    let id = ctx.push(Kind::ArgMax, vec![sides], 1);
    Some(Bound::Label { id, dims, labels: Labels::Ints(labels.to_vec()) })
}

fn renamed(operator: Operator, labels: &[i64], c: i64, constant_first: bool) -> Option<Vec<i64>> {
    let name = |&label: &i64| match (operator, constant_first) {
        (Operator::Add, _) => label.checked_add(c),
        (Operator::Mul, _) => label.checked_mul(c),
        (Operator::Sub, false) => label.checked_sub(c),
        (Operator::Sub, true) => c.checked_sub(label),
        _ => None,
    };
    labels.iter().map(name).collect()
}
