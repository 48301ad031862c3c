//! What a forest reads: elements of values that the program holds, each after functions of that element alone.

use crate::graph::elem::Elem;
use crate::graph::forest::{Ensemble, TreeNode};
use crate::graph::plan::{Id, Kind, Plan, Step};
use std::collections::{BTreeMap, BTreeSet};

/// Where one feature of a forest comes from.
pub(crate) struct Source<'a> {
    /// The value.
    pub(crate) value: Id,
    /// Which of its elements.
    pub(crate) element: usize,
    /// What is computed from it, in order.
    pub(crate) steps: Steps<'a>,
}

/// Follows element `element` of a value back, through what picks elements and what works on each alone.
pub(crate) fn source(plan: &Plan, value: Id, element: usize) -> Source<'_> {
    let mut source = Source { value, element, steps: vec![] };
    while let Some(step) = plan.step(source.value) {
        match &step.kind {
            Kind::Elem(elem) => {
                source.steps.push((elem, source.element));
                source.value = step.operands[0];
            }
            Kind::Pick(places) => {
                let (operand, element) = places[source.element];
                (source.value, source.element) = (step.operands[operand], element);
            }
            _ => break,
        }
    }
    source.steps.reverse();
    source
}

/// The sources of the features that a forest compares; of the first one if it compares none.
pub(crate) fn sources<'a>(plan: &'a Plan, step: &Step, forest: &Ensemble) -> BTreeMap<usize, Source<'a>> {
    let split = |node: &TreeNode| if let TreeNode::Split { feature, .. } = node { Some(*feature) } else { None };
    let mut features: BTreeSet<usize> = forest.nodes.iter().filter_map(split).collect();
    if features.is_empty() {
        features.insert(0);
    }
    features.into_iter().map(|feature| (feature, source(plan, step.operands[0], feature))).collect()
}

/// Functions of one number, in order, each with the element of its constants that counts.
pub(crate) type Steps<'a> = Vec<(&'a Elem, usize)>;

/// What comes out of the steps. Of a double, those that compute in float32 take what that keeps.
pub(crate) fn result(steps: &Steps<'_>, x: f64) -> f64 {
    let after = |x: f64, (step, i): &(&Elem, usize)| match step {
        Elem::Impute(c) if x.is_nan() => f64::from(c[*i]),
        Elem::Impute(_) => x,
        Elem::Wide(wide) => wide.apply(*i, x),
        Elem::Add(_) | Elem::Sub(_) | Elem::SubFrom(_) | Elem::Mul(_) | Elem::Div(_) | Elem::Scale { .. } => {
            f64::from(step.apply(*i, x as f32))
        }
    };
    steps.iter().fold(x, after)
}
