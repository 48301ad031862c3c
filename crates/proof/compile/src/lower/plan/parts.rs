//! Values of the program that a forest reads, and how their numbers are compared.
//!
//! An input that nothing computes with is compared exactly, by the order of its numbers. Float32 is compared itself, float64 by its rank
//! among the thresholds. Everything else is compared as the integers that stand for it.

use super::affine::narrow;
use super::analysis::Analysis;
use super::missing::{fills, is_replaced, takes_missing};
use super::ranks::{self, Rows};
use super::thresholds::Images;
use crate::graph::forest::Ensemble;
use crate::graph::plan::sources::{Source, Steps, sources};
use crate::graph::plan::{Id, Plan, Step};
use crate::lower::builder::{ProgramBuilder, Quant};
use crate::terms::error::{At, CompileError};
use ciro_graph::ValueId;
use ciro_graph::forest::NUMBER_ORIGIN;
use std::collections::BTreeMap;

/// Widest number that a forest reads, bits: rounding up leaves it below 2²⁹.
const FEATURE_BITS: u32 = 28;

/// A value of the program that a forest reads.
struct Part {
    value: Id,
    /// The value, or two with a copy each.
    ids: Vec<ValueId>,
    /// Number of its first element among the features.
    start: usize,
    /// Elements, of one copy.
    len: usize,
    scale: Scale,
}

enum Scale {
    /// Ordered images; twice over if values may be missing.
    Ordered { two: bool },
    /// Ranks of doubles; twice over if some go right where they are missing.
    Ranks { rows: Rows, two: bool },
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
            let (ids, scale) = match &values[value] {
                _ if analysis.is_ordered(value) && plan.inputs[value].double => {
                    let rows = Rows::of(len, forest, sources.iter().filter(|(_, source)| source.value == value));
                    let ids =
                        ranks::lower(builder, &step.at, ValueId(value as u32), &rows, takes_missing(plan, value))?;
                    let two = ids.len() == 2;
                    (ids, Scale::Ranks { rows, two })
                }
                _ if analysis.is_ordered(value) => {
                    (vec![ValueId(value as u32)], Scale::Ordered { two: takes_missing(plan, value) })
                }
                Some(quant) => {
                    let fits = builder.interval(quant.id).magnitude() <= 1 << FEATURE_BITS;
                    let quant = if fits { quant.clone() } else { narrow(builder, &step.at, quant, FEATURE_BITS)? };
                    let lowest = value < plan.inputs.len() && fills(plan, value).is_some();
                    (vec![quant.id], Scale::Numbers { quant, lowest })
                }
                None => return Err(undefined(&step.at, value)),
            };
            let two = matches!(scale, Scale::Ordered { two: true } | Scale::Ranks { two: true, .. });
            let copies = if two { 2 } else { 1 };
            parts.push(Part { value, ids, start, len, scale });
            start += copies * len;
        }
        Ok(Self { parts, sources })
    }

    pub(super) fn ids(&self) -> Vec<ValueId> {
        self.parts.iter().flat_map(|part| &part.ids).copied().collect()
    }

    /// A feature that the forest compares: what is computed from it, and its images.
    pub(super) fn feature(&self, builder: &ProgramBuilder, feature: usize) -> Option<(&Steps<'a>, Images)> {
        let (source, part) = self.find(feature)?;
        let images = match &part.scale {
            Scale::Ordered { .. } => Images::Ordered,
            Scale::Ranks { .. } => Images::Doubles,
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
        match &part.scale {
            Scale::Ordered { two: true } | Scale::Ranks { two: true, .. } if !missing_left => Some(first + part.len),
            Scale::Numbers { lowest: true, .. } if !missing_left && !is_replaced(source) => None,
            Scale::Ordered { .. } | Scale::Ranks { .. } | Scale::Numbers { .. } => Some(first),
        }
    }

    /// The image that stands for a missing value of a feature, if that is the least one and no number's. It is an odd end of the range,
    /// as `inputs::ingest` reserves it.
    pub(super) fn lowest(&self, builder: &ProgramBuilder, feature: usize) -> Option<u64> {
        let (source, part) = self.find(feature)?;
        match &part.scale {
            Scale::Numbers { quant, lowest: true } if !is_replaced(source) => {
                let lo = builder.interval(quant.id).lo;
                u64::try_from(lo + NUMBER_ORIGIN).ok().filter(|_| lo % 2 != 0)
            }
            Scale::Numbers { .. } | Scale::Ordered { .. } | Scale::Ranks { .. } => None,
        }
    }

    /// What a node compares with, for a cut between images of a feature.
    pub(super) fn threshold(&self, feature: usize, cut: u64) -> u32 {
        match self.find(feature) {
            Some((source, Part { scale: Scale::Ranks { rows, .. }, .. })) => rows.threshold(source.element, cut),
            _ => cut as u32,
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
