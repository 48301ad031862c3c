//! Lanes: parts of a block and of a pool that one kind of transaction cannot take from another.
//!
//! | lane | who | what | quota of a block |
//! |---|---|---|---|
//! | report | a validator with stake | evidence of an offence that is unpunished yet; free | two of the largest |
//! | reveal | the holder of a closed seat whose window is open | `RevealResult` of that job | two of the largest |
//! | work | a worker with the minimum stake; the scheduler | answers, offers, leases handed back; lease reports | one of the largest and a half |
//! | plain | everybody | everything else | the largest program and a half |
//!
//! A flood in one lane fills that lane. What a lane is decided by the state before the block, so every validator sees
//! it alike. A block in which a lane had no room left is *crowded*. It does not count towards reveal windows (see
//! [`crate::component::job::row`]). A worker's reveal may wait behind another transaction of its own, in any lane.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use crate::params::Params;
use crate::state::State;
use ciro_types::{AccountId, Amount, JobId};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Bytes of a transaction besides its large fields, rounded up.
const FIXED_BYTES: usize = 4 << 10;
/// How many proofs that are as dear as allowed a block may hold in the lane of work.
const WORK_PROOFS: u64 = 40;
/// The same for models that are registered.
const PLAIN_PROOFS: u64 = 10;

/// A part of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lane {
    /// Everything else.
    Plain,
    /// Of workers and the scheduler.
    Work,
    /// Of seats that must be opened.
    Reveal,
    /// Of validators that saw an offence.
    Report,
}

impl Lane {
    /// Every lane, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Report, Self::Reveal, Self::Work, Self::Plain];
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Work => "work",
            Self::Reveal => "reveal",
            Self::Report => "report",
        })
    }
}

/// How much of something a lane holds, or may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Transactions.
    pub txs: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Their units of verification.
    pub units: u64,
}

impl Load {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            txs: self.txs.saturating_add(other.txs),
            bytes: self.bytes.saturating_add(other.bytes),
            units: self.units.saturating_add(other.units),
        }
    }

    /// Whether nothing of it is above `limit`.
    #[must_use]
    pub const fn is_within(self, limit: Self) -> bool {
        self.txs <= limit.txs && self.bytes <= limit.bytes && self.units <= limit.units
    }
}

/// What a transaction is about, as far as its lane goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// No lane of its own.
    Plain,
    /// An offer, an answer, or a lease handed back.
    Work,
    /// A lease that ran out.
    Timeout,
    /// Opens a commitment.
    Reveal(JobId),
    /// Evidence.
    Report,
}

impl State {
    /// The lane in which `sender` goes on this errand in the next block.
    #[must_use]
    pub fn lane(&self, sender: &AccountId, errand: Errand) -> Lane {
        match errand {
            Errand::Work if self.is_active_worker(sender) => Lane::Work,
            Errand::Timeout if *sender == self.meta.scheduler => Lane::Work,
            Errand::Reveal(job) if self.owes_reveal(sender, &job) => Lane::Reveal,
            Errand::Report if self.validator(sender).is_some_and(|row| row.stake > Amount::ZERO) => Lane::Report,
            Errand::Plain | Errand::Work | Errand::Timeout | Errand::Reveal(_) | Errand::Report => Lane::Plain,
        }
    }

    fn is_active_worker(&self, account: &AccountId) -> bool {
        self.worker(account).is_some_and(|worker| worker.stake >= self.meta.params.min_stake)
    }

    fn owes_reveal(&self, account: &AccountId, job: &JobId) -> bool {
        let round = self.tables.jobs.get(job).map(|job| &job.round).filter(|round| round.reveal_by.is_some());
        let owes = |seat: &crate::Seat| seat.worker == *account && seat.output.is_none();
        round.is_some_and(|round| round.seats.iter().any(owes))
    }
}

impl Params {
    /// What a block may hold in a lane. At most 15 MiB in all with the defaults, so that a block fits a message.
    #[must_use]
    pub fn quota(&self, lane: Lane) -> Load {
        let largest = self.largest_bytes(lane);
        let (two, one_and_more) = (largest.saturating_mul(2), largest.saturating_add(512 << 10));
        let proofs = |count: u64| count.saturating_mul(self.max_proof_units);
        match lane {
            Lane::Report => Load { txs: 16, bytes: two, units: 0 },
            Lane::Reveal => Load { txs: 600, bytes: two, units: 0 },
            Lane::Work => Load { txs: 1_400, bytes: one_and_more, units: proofs(WORK_PROOFS) },
            Lane::Plain => Load { txs: 2_000, bytes: one_and_more, units: proofs(PLAIN_PROOFS) },
        }
    }

    /// The longest transaction that belongs into a lane.
    #[must_use]
    pub fn largest_bytes(&self, lane: Lane) -> usize {
        let answer = [self.max_input_bytes, self.max_output_bytes];
        match lane {
            Lane::Report => with_fixed(&[self.max_evidence_bytes]),
            Lane::Reveal => with_fixed(&answer),
            Lane::Work => with_fixed(&[answer[0], answer[1], self.max_proof_bytes, self.max_label_bytes]),
            Lane::Plain => with_fixed(&[self.max_program_bytes]),
        }
    }

    /// Whether a lane that holds `used` turned something away that a worker could not do without. For reveals, that is a reveal of any
    /// size. In the other lanes, it is a transaction of an eighth of the lane.
    #[must_use]
    pub fn is_crowded(&self, lane: Lane, used: Load) -> bool {
        let quota = self.quota(lane);
        let need = match lane {
            Lane::Reveal => self.largest_bytes(lane),
            Lane::Report | Lane::Work | Lane::Plain => quota.bytes / 8,
        };
        let next =
            used.plus(Load { txs: 1, bytes: need, units: if quota.units > 0 { self.max_proof_units } else { 0 } });
        !next.is_within(quota)
    }
}

/// The bytes of a transaction with such large fields.
fn with_fixed(fields: &[u32]) -> usize {
    let size = |field: &u32| usize::try_from(*field).unwrap_or(usize::MAX);
    fields.iter().map(size).fold(FIXED_BYTES, usize::saturating_add)
}
