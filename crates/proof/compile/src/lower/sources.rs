//! What a forest reads: elements of values that the program holds, each after functions of that element alone.
//!
//! An input that nothing computes with is compared by the order of its float32, exactly. Everything else is compared as the
//! integers that stand for it.

use super::affine::narrow;
use super::analysis::Analysis;
use super::builder::{ProgramBuilder, Quant};
use super::missing::{fills, is_replaced, takes_missing};
use super::thresholds::{Images, Steps};
use crate::error::{At, CompileError};
use crate::plan::{Ensemble, Id, Kind, Plan, Step, TreeNode};
use ciro_graph::ValueId;
use std::collections::{BTreeMap, BTreeSet};

/// Widest number that a forest reads, bits: rounding up leaves it below 2²⁹.
const FEATURE_BITS: u32 = 28;

/// Where one feature of a forest comes from.
pub(super) struct Source<'a> {
    /// The value.
    pub(super) value: Id,
    /// Which of its elements.
    pub(super) element: usize,
    /// What is computed from it, in order.
    pub(super) steps: Steps<'a>,
}

/// Follows element `element` of a value back, through what picks elements and what works on each alone.
pub(super) fn source(plan: &Plan, value: Id, element: usize) -> Source<'_> {
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

/// A value of the program that a forest reads.
struct Part {
    value: Id,
    id: ValueId,
    /// Number of its first element among the features.
    start: usize,
    /// Elements, of one copy.
    len: usize,
    scale: Scale,
}

enum Scale {
    /// Ordered images; twice over if values may be missing.
    Ordered { two: bool },
    /// Integers; `lowest` if the least of them stands for a missing value, unless an imputer replaces it.
    Numbers { quant: Quant, lowest: bool },
}

/// All that a forest reads.
pub(super) struct Parts<'a> {
    parts: Vec<Part>,
    sources: BTreeMap<usize, Source<'a>>,
}

impl<'a> Parts<'a> {
    /// The parts that `forest` reads; `values` are the program's, by the plan's.
    pub(super) fn of(
        builder: &mut ProgramBuilder,
        (plan, analysis): (&'a Plan, &Analysis),
        (step, forest): (&Step, &Ensemble),
        values: &[Option<Quant>],
    ) -> Result<Self, CompileError> {
        let sources = sources(plan, step, forest);
        let mut parts: Vec<Part> = Vec::new();
        let mut start = 0;
        for source in sources.values() {
            let value = source.value;
            if parts.iter().any(|part| part.value == value) {
                continue;
            }
            let len = plan.len(value);
            let (id, scale) = match &values[value] {
                _ if analysis.is_ordered(value) => {
                    (ValueId(value as u32), Scale::Ordered { two: takes_missing(plan, value) })
                }
                Some(quant) => {
                    let fits = builder.interval(quant.id).magnitude() <= 1 << FEATURE_BITS;
                    let quant = if fits { quant.clone() } else { narrow(builder, &step.at, quant, FEATURE_BITS)? };
                    let lowest = value < plan.inputs.len() && fills(plan, value).is_some();
                    (quant.id, Scale::Numbers { quant, lowest })
                }
                None => return Err(undefined(&step.at, value)),
            };
            let copies = if matches!(scale, Scale::Ordered { two: true }) { 2 } else { 1 };
            parts.push(Part { value, id, start, len, scale });
            start += copies * len;
        }
        Ok(Self { parts, sources })
    }

    pub(super) fn ids(&self) -> Vec<ValueId> {
        self.parts.iter().map(|part| part.id).collect()
    }

    /// A feature that the forest compares: what is computed from it, and its images.
    pub(super) fn feature(&self, builder: &ProgramBuilder, feature: usize) -> Option<(&Steps<'a>, Images)> {
        let (source, part) = self.find(feature)?;
        let images = match &part.scale {
            Scale::Ordered { .. } => Images::Ordered,
            Scale::Numbers { quant, .. } => {
                let exponent = quant.exponents.at(source.element);
                Images::Numbers { exponent, interval: builder.interval(quant.id) }
            }
        };
        Some((&source.steps, images))
    }

    /// Where a node finds a feature that, if it is missing, goes left or right as the node says. A threshold is above zero, so a
    /// missing value of the first copy is below it. `None` if there is no such place: the least number, which stands for a missing
    /// value and lies below every threshold, goes left.
    pub(super) fn place(&self, feature: usize, missing_left: bool) -> Option<usize> {
        let (source, part) = self.find(feature)?;
        let first = part.start + source.element;
        match part.scale {
            Scale::Ordered { two: true } if !missing_left => Some(first + part.len),
            Scale::Numbers { lowest: true, .. } if !missing_left && !is_replaced(source) => None,
            _ => Some(first),
        }
    }

    fn find(&self, feature: usize) -> Option<(&Source<'a>, &Part)> {
        let source = self.sources.get(&feature)?;
        Some((source, self.parts.iter().find(|part| part.value == source.value)?))
    }
}

fn undefined(at: &At, value: Id) -> CompileError {
    CompileError::Undefined { at: at.clone(), name: format!("value {value}") }
}
