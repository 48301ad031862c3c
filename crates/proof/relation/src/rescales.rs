//! Which values are rounded again: what a Rescale shows of its result and rests shows the value that it reads as well.

use crate::builder::RANGE_BITS_MAX;
use crate::lower::size;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use ciro_graph::{Op, Program, ValueId};

/// A Rescale whose results and rests are looked up in ranges.
pub(crate) struct Rescaled {
    /// Bits dropped.
    pub(crate) shift: u32,
    /// Smallest result.
    pub(crate) lo: i64,
    /// Largest result.
    pub(crate) hi: i64,
}

/// By the value that they read.
pub(crate) struct Rescales(BTreeMap<ValueId, Vec<Rescaled>>);

impl Rescales {
    /// The Rescales of a program that take no other's word for their results: those that nothing rescales and no table reads.
    pub(crate) fn of_program(program: &Program) -> Self {
        let read: BTreeSet<ValueId> = program
            .nodes
            .iter()
            .filter_map(|node| match node.op {
                Op::Rescale { x, .. } | Op::Table { x, .. } => Some(x),
                _ => None,
            })
            .collect();
        let mut rescales: BTreeMap<ValueId, Vec<Rescaled>> = BTreeMap::new();
        for (i, node) in program.nodes.iter().enumerate() {
            let result = u32::try_from(i.saturating_add(program.inputs.len())).unwrap_or(u32::MAX);
            if let Op::Rescale { x, shift } = node.op
                && size(x.0) < size(result)
                && u32::from(shift) <= RANGE_BITS_MAX
                && !read.contains(&ValueId(result))
            {
                let (lo, hi) = (i64::from(node.lo), i64::from(node.hi));
                rescales.entry(x).or_default().push(Rescaled { shift: u32::from(shift), lo, hi });
            }
        }
        Self(rescales)
    }

    /// Those of one value.
    pub(crate) fn of(&self, id: ValueId) -> impl Iterator<Item = &Rescaled> {
        self.0.get(&id).into_iter().flatten()
    }
}
