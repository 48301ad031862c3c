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

/// What a scheduler needs to know besides the ledger.
pub struct Config {
    /// The network.
    pub chain: ChainId,
    /// The key named in the genesis.
    pub key: Keypair,
    /// The protocol fee on top of a worker's price.
    pub fee: BasisPoints,
    /// How long a lease runs, blocks.
    pub lease_blocks: u64,
    /// Who can be granted one.
    pub reach: Reach,
}

/// Blocks for which a lease runs at least, if leases do: a newcomer's, and one that a deadline cuts.
const LEASE_BLOCKS_MIN: u64 = 6;

impl Config {
    /// How long the lease of a worker runs that was never paid: long enough for an honest one, and a third of what waiting for
    /// another one costs.
    pub(crate) fn trial_blocks(&self) -> u64 {
        (self.lease_blocks / 3).max(LEASE_BLOCKS_MIN).min(self.lease_blocks)
    }

    /// With fewer blocks than this before its deadline a job gets no lease: nobody could be expected to answer in time, and a slot
    /// would be held.
    pub(crate) fn least_blocks(&self) -> u64 {
        self.lease_blocks.clamp(2, LEASE_BLOCKS_MIN)
    }
}
