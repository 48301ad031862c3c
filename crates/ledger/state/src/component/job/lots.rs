//! Drawing lots: which workers may take an A2 seat that nobody leased in time.
//!
//! At A2 two equal answers decide, so whoever chooses the two workers decides who is believed. While the scheduler
//! works, it chooses. When it does not, chance does. Every [`EPOCH_BLOCKS`] the hash of a block becomes the *beacon*.
//! Each open job then draws as many workers as it still wants seats. They were registered before it opened, have a
//! fitting offer, and cover the seat with stake. Chances are proportional to the stake before the job opened. So
//! splitting one stake over many accounts gains nothing, and neither does adding to those that drew well. Who holds a
//! part `f` of that stake is drawn for both seats with probability `f²` or less.
//!
//! Each worker runs a race: its time is `−log₂(u) / stake`, with `u` the beacon's hash for worker and job, uniform in (0, 1).
//! The smallest times win: with exponential times this is sampling without replacement in proportion to stake.
//!
//! What it does not do: a proposer that leaves its block unproposed when the beacon displeases it gets another one, once.

use crate::component::job::row::Job;
use crate::component::job::seats::{cover, excluded};
use crate::component::worker::offers::offer_price;
use crate::state::State;
use ciro_crypto::hash_encoded;
use ciro_types::{AccountId, Amount, Hash32, JobId};

/// Blocks for which a draw holds: time to see it, commit and be included.
const EPOCH_BLOCKS: u64 = 8;
const BEACON_DOMAIN: &str = "ciro/beacon/v1";
const LOT_DOMAIN: &str = "ciro/lot/v1";
/// Bits after the point of a logarithm.
const FRACTION_BITS: u32 = 32;

/// Takes a block's hash in, once an epoch.
pub(crate) fn stir(state: &mut State, entropy: Hash32) {
    if state.tip.height.0.is_multiple_of(EPOCH_BLOCKS) {
        state.tip.beacon = hash_encoded(BEACON_DOMAIN, &(state.tip.beacon, entropy));
    }
}

/// Whether `worker` is among those that may take one of the job's `wanted` seats now. Cost: linear in workers.
pub(crate) fn is_drawn(state: &State, id: JobId, job: &Job, worker: AccountId) -> bool {
    let wanted = job.round.wanted().saturating_sub(job.round.seats.len());
    let Some(own) = entry(state, id, job, worker) else { return false };
    let others = state.workers().filter(|(other, _)| **other != worker);
    let faster = others.filter_map(|(other, _)| entry(state, id, job, *other)).filter(|other| other.is_before(&own));
    faster.take(wanted).count() < wanted
}

/// A worker's time, as a fraction.
struct Entry {
    time: u128,
    stake: u128,
    worker: AccountId,
}

impl Entry {
    /// Compares `time / stake` without dividing: times are below 2³⁹ and stakes, in whole CIRO, below 2³⁰. Equal times, which
    /// nobody will see, go by account.
    fn is_before(&self, other: &Self) -> bool {
        (self.time * other.stake, self.worker) < (other.time * self.stake, other.worker)
    }
}

/// The race of a worker that may take part in the draw.
fn entry(state: &State, id: JobId, job: &Job, worker: AccountId) -> Option<Entry> {
    let row = state.worker(&worker).filter(|row| row.registered < job.opened)?;
    let price = offer_price(state, job, worker).ok()?;
    let staked = row.stake_before(job.opened);
    if excluded(job).contains(&worker) || cover(state, row, price) > staked {
        return None;
    }
    let lot = hash_encoded(LOT_DOMAIN, &(state.tip.beacon, id, worker)).0;
    let draw = lot.iter().take(8).fold(0, |draw: u64, byte| draw << 8 | u64::from(*byte));
    let stake = (staked.0 / Amount::ONE.0).max(1);
    Some(Entry { time: minus_log2(draw), stake, worker })
}

/// `−log₂(draw / 2⁶⁴)` in units of 2⁻³², rounded up; a draw of zero counts as one. At most 64 × 2³².
fn minus_log2(draw: u64) -> u128 {
    let number = draw.max(1);
    let shift = number.leading_zeros();
    // In [2⁶³, 2⁶⁴), for a mantissa in [1, 2): each squaring doubles the logarithm and yields its next bit.
    let mut mantissa = u128::from(number << shift);
    let mut log = u128::from(63 - shift);
    for _ in 0..FRACTION_BITS {
        let square = (mantissa * mantissa) >> 63;
        let bit = square >> 64;
        mantissa = square >> bit;
        log = (log << 1) | bit;
    }
    (64 << FRACTION_BITS) - log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_powers_of_two_are_whole() {
        for power in 0..64_u32 {
            assert_eq!(minus_log2(1 << power), u128::from(64 - power) << FRACTION_BITS);
        }
    }

    #[test]
    fn logarithms_fall_and_stay_within_their_neighbours() {
        let draws: Vec<u64> = (0..2_000).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).collect();
        for draw in draws {
            let (low, exact, high) = (1 << (63 - draw.leading_zeros()), minus_log2(draw), minus_log2(draw / 2 + 1));
            assert!(exact <= minus_log2(low) && exact > minus_log2(low) - (1 << FRACTION_BITS), "{draw}");
            assert!(exact <= high, "half the number has the larger time: {draw}");
        }
    }
}
