//! What verifying an opening takes, and how long it is.

use crate::params::{Params, Round, SALT_BYTES};
use alloc::vec::Vec;
use ciro_sumcheck::{cells, rounds_cost, table_ops};
use ciro_transcript::cost::{Cost, E_MUL, F_MUL, wide};
use ciro_transcript::field::E_BYTES;
use ciro_transcript::sponge::{absorb_cost, challenge_cost, positions_cost};

/// Bytes of a digest, and of a proof of work.
const DIGEST_BYTES: usize = 32;
const NONCE_BYTES: usize = 8;

/// Field operations of a point of a domain: squarings, and products, of the base field.
pub(crate) const POINT_OPS: u64 = 64;

fn small(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Siblings that a pruned multi-proof of so many leaves brings at most. On each level it is one for each node that has leaves below it,
/// but not more than there are pairs.
fn siblings(leaves: usize, depth: u32) -> usize {
    let on_level = |level: u32| 1usize.checked_shl(level).unwrap_or(usize::MAX).min(leaves);
    (0..depth).map(on_level).fold(0, usize::saturating_add)
}

/// Oracles with the bytes of a cell.
fn oracles(params: &Params) -> impl Iterator<Item = (&Round, usize)> {
    params.first.iter().map(|round| (round, 4)).chain(params.tail.iter().map(|round| (round, E_BYTES)))
}

fn leaf_bytes(round: &Round, cell: usize) -> usize {
    let salt = if round.is_salted { SALT_BYTES } else { 0 };
    round.columns.max(1).saturating_mul(cell).saturating_add(salt)
}

/// Positions of an oracle that may be opened at most.
fn positions(round: &Round) -> usize {
    round.queries.min(1usize.checked_shl(round.log_leaves()).unwrap_or(usize::MAX))
}

/// Bytes that an opening has at least and at most: how many queries fall together decides.
#[must_use]
pub fn opening_bytes(params: &Params) -> (usize, usize) {
    let nonce = |bits: u32| if bits > 0 { NONCE_BYTES } else { 0 };
    let tail = params.tail.iter().enumerate().map(|(i, round)| {
        let fold = 2usize.saturating_mul(E_BYTES).saturating_add(nonce(params.fold_work(round)));
        DIGEST_BYTES
            .saturating_add(params.samples(round).saturating_mul(E_BYTES))
            .saturating_add(nonce(params.work_bits))
            .saturating_add(nonce(params.batch_work(i)))
            .saturating_add(small(round.fold).saturating_mul(fold))
    });
    let last = small(u32::try_from(cells(small(params.final_vars()))).unwrap_or(u32::MAX)).saturating_mul(E_BYTES);
    let fixed = nonce(params.first_work()).saturating_add(last).saturating_add(nonce(params.work_bits));
    let fixed = tail.fold(fixed, usize::saturating_add);
    oracles(params).fold((fixed, fixed), |(least, most), (round, cell)| {
        let row = leaf_bytes(round, cell);
        let rows = positions(round).saturating_mul(row);
        let paths = siblings(positions(round), round.log_leaves()).saturating_mul(DIGEST_BYTES);
        // One row; where all leaves are opened, no path.
        (least.saturating_add(row), most.saturating_add(rows).saturating_add(paths))
    })
}

/// What verifying an opening takes.
#[must_use]
pub fn opening_cost(params: &Params) -> Cost {
    let last = small(params.final_vars());
    // The first oracles are queried at the same positions.
    let queried: Vec<u64> =
        params.first.iter().take(1).chain(&params.tail).map(|round| wide(positions(round))).collect();
    let (on_last, before) = queried.split_last().map_or((0, &[][..]), |(on_last, before)| (*on_last, before));
    let samples = params.tail.iter().map(|round| wide(params.samples(round))).fold(0, u64::saturating_add);
    let claims = before.iter().fold(samples, |sum, &queries| sum.saturating_add(queries));
    // Each claim is bound in every round, and evaluated on the final polynomial; the last queries are elements of the base field.
    let vars = wide(small(params.common_vars()).saturating_add(4));
    let bound = claims.saturating_add(2).saturating_mul(vars).saturating_mul(4 * E_MUL);
    let evaluated = claims.saturating_add(2).saturating_mul(E_MUL).saturating_add(on_last.saturating_mul(F_MUL));
    let evaluated = evaluated.saturating_mul(cells(last));
    let rounds = params.tail.iter().map(|round| rounds_cost(small(round.fold), 2).and(absorb_cost(64).times(16)));
    let drawn = challenge_cost().times(wide(params.tail.len()).saturating_mul(4).saturating_add(2));
    let message = absorb_cost(small(u32::try_from(cells(last)).unwrap_or(u32::MAX)).saturating_mul(E_BYTES));
    let fixed = Cost::field(bound.saturating_add(evaluated)).and(drawn).and(message).and(absorb_cost(64).times(8));
    let opened = oracles(params).map(|(round, cell)| oracle_cost(round, cell));
    let (_, bytes) = opening_bytes(params);
    let held = Cost::memory(wide(bytes).saturating_mul(3));
    rounds.chain(opened).fold(fixed.and(held), Cost::and)
}

/// Drawing the positions of an oracle, and reading and folding its rows there.
fn oracle_cost(round: &Round, cell: usize) -> Cost {
    let product = if cell == E_BYTES { E_MUL } else { F_MUL };
    let row = Cost::field(wide(round.columns).saturating_mul(product).saturating_add(2 * POINT_OPS));
    let leaf = Cost::hash(wide(leaf_bytes(round, cell)));
    // As many nodes are hashed as there may be siblings.
    let paths = Cost::hash(2 * 32).times(wide(siblings(positions(round), round.log_leaves())));
    let weights = Cost::field(table_ops(small(round.fold)));
    let weights = weights.and(Cost::memory(cells(small(round.fold)).saturating_mul(2 * 20)));
    row.and(leaf).times(wide(positions(round))).and(paths).and(weights).and(positions_cost(round.queries))
}
