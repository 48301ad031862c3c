//! Doubles that forests compare: their ranks among all thresholds.

use super::thresholds::{Images, cut};
use crate::graph::forest::{Ensemble, TreeNode};
use crate::graph::plan::sources::Source;
use crate::lower::builder::ProgramBuilder;
use crate::terms::error::{At, CompileError};
use ciro_graph::cuts::LAST_CUT;
use ciro_graph::forest::NUMBER_ORIGIN;
use ciro_graph::{Op, ValueId};
use std::collections::{BTreeMap, BTreeSet};

/// Bits below each limb of a cut, the lowest limb first.
const SHIFTS: [u32; 4] = [0, 16, 32, 48];

/// The rows of [`Op::Rank`]: each element's cuts, between those that begin and end them.
pub(super) struct Rows {
    /// Of each element, in order.
    cuts: Vec<Vec<u64>>,
    /// Number of each element's first row.
    first: Vec<usize>,
}

impl Rows {
    /// The rows for `elements` elements of an input that `forest` compares by these features.
    pub(super) fn of<'a>(
        elements: usize,
        forest: &Ensemble,
        features: impl Iterator<Item = (&'a usize, &'a Source<'a>)>,
    ) -> Self {
        let features: BTreeMap<usize, &Source<'_>> = features.map(|(feature, source)| (*feature, source)).collect();
        let mut cuts = vec![BTreeSet::from([0, LAST_CUT]); elements];
        for node in &forest.nodes {
            if let TreeNode::Split { feature, mode, threshold, .. } = node
                && let Some(source) = features.get(feature)
            {
                cuts[source.element].insert(cut(&source.steps, Images::Doubles, *mode, *threshold).threshold);
            }
        }
        let first = cuts.iter().scan(0, |next, cuts| Some(std::mem::replace(next, *next + cuts.len()))).collect();
        Self { cuts: cuts.into_iter().map(|cuts| cuts.into_iter().collect()).collect(), first }
    }

    fn len(&self) -> usize {
        self.cuts.iter().map(Vec::len).sum()
    }

    /// What a node compares an element's rank with, for one of its cuts: smaller ranks are those of numbers below the cut.
    pub(super) fn threshold(&self, element: usize, cut: u64) -> u32 {
        let row = self.first[element] + self.cuts[element].partition_point(|&other| other < cut);
        (row as i64 + NUMBER_ORIGIN) as u32
    }
}

/// The ranks of an input of doubles, and if values may be missing a copy in which these are above all others.
pub(super) fn lower(
    builder: &mut ProgramBuilder,
    at: &At,
    x: ValueId,
    rows: &Rows,
    may_miss: bool,
) -> Result<Vec<ValueId>, CompileError> {
    let cuts = rows.cuts.concat();
    let feature = rows.cuts.iter().zip(0..).flat_map(|(cuts, i)| vec![i; cuts.len()]).collect();
    let feature = builder.constant(at, "cut_feature", feature);
    let limb = |shift: u32| cuts.iter().map(|cut| (cut >> shift & 0xffff) as i32).collect();
    let cut = SHIFTS.map(|shift| builder.constant(at, "cut", limb(shift)));
    let rank = builder.node(at, Op::Rank { x, feature, cut })?;
    if !may_miss {
        return Ok(vec![rank]);
    }
    let missing = builder.node(at, Op::Missing { x })?;
    let above = builder.node(at, Op::Scale { x: missing, factor: rows.len() as i32 })?;
    Ok(vec![rank, builder.node(at, Op::Add { a: rank, b: above })?])
}
