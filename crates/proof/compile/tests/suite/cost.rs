//! What a program costs to prove, roughly: committed numbers and table look-ups per element, tables once.

use ciro_graph::{Model, Op, Program, ValueId};
use std::collections::BTreeSet;

/// Cells and look-ups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) cells: u64,
    pub(crate) lookups: u64,
    /// Rows of all tables.
    pub(crate) rows: u64,
}

/// The estimate for a model.
pub(crate) fn estimate(model: &Model) -> Cost {
    let program = &model.program;
    let limb = u64::from(program.limb_bits);
    let mut cost = Cost { cells: 0, lookups: 0, rows: 1 << limb };
    let mut tables = BTreeSet::new();
    for (i, node) in program.nodes.iter().enumerate() {
        let id = ValueId((program.inputs.len() + i) as u32);
        let limbs = |bits: u64| bits.div_ceil(limb);
        let span = u64::from((node.hi - node.lo).unsigned_abs().max(1).ilog2()) + 1;
        let (cells, lookups) = match &node.op {
            Op::Rescale { shift, .. } => {
                let only_tables = readers(program, id).all(|op| matches!(op, Op::Table { .. }));
                (1, limbs(u64::from(*shift)) + if only_tables { 0 } else { limbs(span) })
            }
            Op::Narrow { shift, bits, .. } => {
                let only_tables = readers(program, id).all(|op| matches!(op, Op::Table { .. }));
                let range = if only_tables { 0 } else { limbs(u64::from(*bits)) };
                (u64::from(*shift > 0), limbs(u64::from(*shift)) + range)
            }
            Op::Table { values, lo, .. } => {
                if tables.insert((*values, *lo)) {
                    cost.rows += model.weights[values.0 as usize].len() as u64;
                }
                (1, 1)
            }
            Op::Relu { .. } => (2, limbs(span)),
            Op::Rectify { x, shift, bits, taps } => {
                let rounded = elements(program, *x) / u64::from(node.len());
                let (compared, shift) = (taps.len().max(1) as u64, u64::from(*shift));
                (
                    if shift > 0 { rounded } else { 0 } + compared,
                    rounded * limbs(shift) + compared * limbs(u64::from(*bits)),
                )
            }
            Op::Clamp { .. } => (4, 2 * limbs(span)),
            Op::Curve { .. } => (6, 4),
            Op::Mul { .. } | Op::MulConst { .. } => {
                let all: Vec<&Op> = readers(program, id).collect();
                (u64::from(!matches!(all.as_slice(), [Op::Rescale { .. }])), 0)
            }
            Op::Largest { parts } => (parts.len() as u64, parts.len() as u64 * limbs(span)),
            Op::Quotient { .. } => (2, 3),
            Op::Isqrt { .. } => (5, 5),
            Op::Max { x } | Op::Gap { x } => {
                let row = elements(program, *x) / u64::from(node.len());
                (row, row * limbs(span))
            }
            Op::ArgMax { x } => (elements(program, *x), elements(program, *x) * limbs(span)),
            _ => (0, 0),
        };
        cost.cells += cells * u64::from(node.len());
        cost.lookups += lookups * u64::from(node.len());
    }
    cost
}

fn readers(program: &Program, id: ValueId) -> impl Iterator<Item = &Op> {
    program.nodes.iter().map(|node| &node.op).filter(move |op| op.operands().contains(&id))
}

fn elements(program: &Program, id: ValueId) -> u64 {
    let id = id.0 as usize;
    let input = program.inputs.get(id).map(|input| input.shape.iter().map(|&d| u64::from(d)).product());
    input.unwrap_or_else(|| u64::from(program.nodes[id - program.inputs.len()].len()))
}
