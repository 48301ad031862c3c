//! What whoever follows the ledger is told: blocks, and what became of transactions.

use crate::error::NodeError;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_state::{CommittedEvent, SignedLease, TxError};
use ciro_types::{AccountId, BlockId, Height, JobSpec, Nonce, TxId};
use std::collections::BTreeMap;

/// A committed block. Blocks are told in order of height, and none is left out.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockNews {
    /// Its height.
    pub height: Height,
    /// Its name.
    pub id: BlockId,
    /// What became of its transactions, in order.
    pub txs: Vec<TxNews>,
    /// What the next transaction of each account with a transaction here must carry.
    pub nonces: BTreeMap<AccountId, Nonce>,
    /// What happened, in order, each with its position.
    pub events: Vec<CommittedEvent>,
}

/// A transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TxNews {
    /// Its id.
    pub id: TxId,
    /// Why it left no trace, if it left none.
    pub refusal: Option<TxError>,
}

/// Whether a transaction that was handed in waits for a block now.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Verdict {
    /// Which.
    pub tx: TxId,
    /// It waits, or why not.
    pub result: Result<(), Turned>,
}

/// Why a transaction does not wait for a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Turned {
    /// It can never succeed as it is.
    Invalid {
        /// What the ledger says.
        error: TxError,
        /// The same for a client.
        told: NodeError,
    },
    /// The same bytes may be taken later.
    Later {
        /// After so many blocks.
        blocks: u64,
        /// What a client is told.
        told: NodeError,
    },
    /// These bytes are never taken, and a block says what becomes of their nonce.
    Void {
        /// What a client is told.
        told: NodeError,
    },
}

impl Turned {
    /// What a client is told.
    #[must_use]
    pub const fn told(&self) -> &NodeError {
        match self {
            Self::Invalid { told, .. } | Self::Later { told, .. } | Self::Void { told } => told,
        }
    }
}

/// A lease on its way to its worker. May come twice.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Grant {
    /// The lease, signed by the scheduler.
    pub lease: SignedLease,
    /// The order it is for.
    pub spec: JobSpec,
}
