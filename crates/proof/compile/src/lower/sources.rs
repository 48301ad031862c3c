//! What a forest reads: elements of values that the program holds, each after functions of that element alone.

use super::thresholds::Steps;
use crate::plan::{Ensemble, Id, Kind, Plan, Step, TreeNode};
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
pub(super) fn sources<'a>(plan: &'a Plan, step: &Step, forest: &Ensemble) -> BTreeMap<usize, Source<'a>> {
    let split = |node: &TreeNode| if let TreeNode::Split { feature, .. } = node { Some(*feature) } else { None };
    let mut features: BTreeSet<usize> = forest.nodes.iter().filter_map(split).collect();
    if features.is_empty() {
        features.insert(0);
    }
    features.into_iter().map(|feature| (feature, source(plan, step.operands[0], feature))).collect()
}
