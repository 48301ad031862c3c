//! What a matcher begins with.

use crate::scheduler::Ledger;
use ciro_state::{Facts as _, State};
use ciro_types::{AccountId, BasisPoints, BlockId, ChainId, Nonce};

/// What a matcher must know of the ledger to begin. Plain data, wherever it is read.
#[derive(Clone, Debug)]
pub struct Known {
    /// The network.
    pub chain: ChainId,
    /// The protocol fee.
    pub fee: BasisPoints,
    /// The longest lease that the ledger takes, blocks.
    pub max_lease_blocks: u64,
    /// The next nonce of the account that reports.
    pub nonce: Nonce,
    /// What the scheduler follows.
    pub ledger: Ledger,
}

impl Known {
    /// The parts of `state`, that after `block`, with which the matcher of `account` begins. Cost: linear in workers and jobs.
    #[must_use]
    pub fn of(state: &State, block: BlockId, account: AccountId) -> Self {
        Self {
            chain: state.chain(),
            fee: state.params().fee,
            max_lease_blocks: state.params().max_lease_blocks,
            nonce: state.account(&account).nonce,
            ledger: Ledger::of(state, block),
        }
    }
}
