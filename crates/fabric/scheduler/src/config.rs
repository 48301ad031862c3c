//! What a scheduler is told when it is made, besides the ledger.

use ciro_crypto::Keypair;
use ciro_types::{AccountId, BasisPoints, ChainId};
use std::collections::BTreeSet;

/// To whom leases can be delivered. A worker that never hears of its lease lets it run out, and the job waits as long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To every worker.
    Everyone,
    /// To these alone: offers of others are not considered.
    Only(BTreeSet<AccountId>),
}

impl Reach {
    pub(crate) fn includes(&self, worker: &AccountId) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(workers) => workers.contains(worker),
        }
    }
}

/// How long a lease runs. It runs longer the more its job's model asks of a worker. So a slow worker has the time that a dear answer
/// takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseLength {
    /// Blocks, on a model that asks nothing.
    pub least: u64,
    /// Blocks, whatever a model asks: [`ciro_state::Params::max_lease_blocks`] at most.
    pub most: u64,
    /// Work ([`ciro_state::Model::work`]) for which a lease runs for `least` blocks more.
    pub work_per_least: u64,
}

impl LeaseLength {
    /// Blocks of a lease on a model of so much work, in proportion and rounded down.
    #[must_use]
    pub const fn blocks(&self, work: u64) -> u64 {
        let per = if self.work_per_least == 0 { 1 } else { self.work_per_least };
        let more = self.least.saturating_mul(work) / per;
        let blocks = self.least.saturating_add(more);
        if blocks < self.most { blocks } else { self.most }
    }
}

/// What a scheduler needs to know besides the ledger.
pub struct Config {
    /// The network.
    pub chain: ChainId,
    /// The key named in the genesis.
    pub key: Keypair,
    /// The protocol fee on top of a worker's price.
    pub fee: BasisPoints,
    /// How long leases run.
    pub leases: LeaseLength,
    /// Who can be granted one.
    pub reach: Reach,
}

/// Blocks for which a lease runs at least, if leases do: a newcomer's, and one that a deadline cuts.
const LEASE_BLOCKS_MIN: u64 = 6;

impl Config {
    /// How long the lease of a worker runs that was never paid, where others have one of `blocks`. That is long enough for an honest
    /// worker, and a third of what waiting for another one costs.
    pub(crate) fn trial_blocks(blocks: u64) -> u64 {
        (blocks / 3).max(LEASE_BLOCKS_MIN).min(blocks)
    }

    /// With fewer blocks than this before its deadline a job gets no lease. Nobody could be expected to answer in time, and a slot would
    /// be held.
    pub(crate) fn least_blocks(blocks: u64) -> u64 {
        blocks.clamp(2, LEASE_BLOCKS_MIN)
    }
}
