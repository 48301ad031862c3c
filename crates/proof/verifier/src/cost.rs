//! What a proof costs besides its relation: statement, public weights, and what depends on the parameters of the commitments.

use crate::layout::count;
use ciro_graph::{Disclosure, Program};
use ciro_pcs::{Params, SALT_BYTES};
use ciro_relation::{Cost, Knowledge, Relation};
use ciro_transcript::cost::{E_MUL, F_MUL, wide};

/// Bytes of an element of a public input or output, as it travels and as the integers that are made of it.
const ELEMENT_BYTES: u64 = 24;

/// Decoding, hashing and ingesting what a statement shows.
pub(crate) fn of_statement(program: &Program) -> Cost {
    let shown = |disclosure| u64::from(disclosure == Disclosure::Public);
    let inputs = program.inputs.iter().fold(0u64, |sum, input| sum.saturating_add(input.value_len()));
    let outputs = program
        .outputs
        .iter()
        .fold(0u64, |sum, output| sum.saturating_add(u64::from(ciro_graph::program::element_count(&output.shape))));
    let inputs = inputs.saturating_mul(shown(program.visibility.input));
    let outputs = outputs.saturating_mul(shown(program.visibility.output));
    let elements = inputs.saturating_add(outputs).saturating_mul(u64::from(program.batch));
    Cost::hash(elements.saturating_mul(8))
        .and(Cost::field(elements.saturating_mul(E_MUL)))
        .and(Cost::memory(elements.saturating_mul(ELEMENT_BYTES)))
}

/// Holding and evaluating public weights.
pub(crate) fn of_weights(relation: &Relation) -> Cost {
    let cells = |space: &ciro_relation::Space| 1u64.checked_shl(space.vars).unwrap_or(u64::MAX);
    let known = relation.spaces.iter().filter(|space| space.known == Knowledge::Cells).map(cells);
    known.fold(Cost::ZERO, |sum, cells| {
        let held = Cost::memory(cells.saturating_mul(4)).and(Cost::hash(cells.saturating_mul(4)));
        sum.and(held).and(Cost::field(cells.saturating_mul(F_MUL)))
    })
}

/// Reading an opening: rows, paths and folds.
pub(crate) fn of_opening(params: &Params) -> Cost {
    let first = params.first.iter().map(|round| (round, 4));
    let rounds = first.chain(params.tail.iter().map(|round| (round, 20)));
    rounds.fold(Cost::ZERO, |sum, (round, cell)| {
        let (columns, queries) = (wide(round.columns), wide(round.queries));
        let leaf = Cost::hash(columns.saturating_mul(cell).saturating_add(wide(SALT_BYTES)));
        let path = Cost::hash(64).times(u64::from(round.log_leaves()));
        let folded = Cost::field(columns.saturating_mul(E_MUL));
        let last = Cost::field(wide(count(1 << params.final_vars())).saturating_mul(E_MUL));
        sum.and(leaf.and(path).and(folded).and(last).times(queries))
    })
}
