//! Why a validator must stop. Nothing a peer or a client sends causes any of these.

use crate::ledger::BlockRefusal;
use ciro_consensus::{ConsensusError, ValidatorSetError};
use ciro_state::{BlockError, GenesisError, RestoreError};
use ciro_store::StoreError;
use ciro_types::{BlockId, ChainId, Height};

/// A validator that returned this is in an unknown state. Restarting it from its disks is safe.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No network can start from this genesis.
    #[error("genesis refused")]
    Genesis(#[source] GenesisError),
    /// The genesis validators cannot decide anything.
    #[error("genesis validator set refused")]
    Validators(#[source] ValidatorSetError),
    /// The store belongs to another network.
    #[error("store of another network: expected {expected}, got {got}")]
    OtherChain {
        /// The network of the genesis.
        expected: ChainId,
        /// The network in the store.
        got: ChainId,
    },
    /// The stored rows are no state.
    #[error("stored state refused")]
    Restore(#[source] RestoreError),
    /// The store failed.
    #[error("store failed")]
    Store(#[source] StoreError),
    /// The agreement failed.
    #[error("agreement failed")]
    Consensus(#[source] ConsensusError),
    /// A decided block holds what no honest validator votes for: two thirds of the network, or this machine, are broken.
    #[error("decided block {block} at height {height} is refused here")]
    Unexpected {
        /// The height.
        height: Height,
        /// The block.
        block: BlockId,
        /// Why it is refused.
        #[source]
        source: Box<BlockRefusal>,
    },
    /// A decided block does not follow our state: two thirds of the network, or this machine, are broken.
    #[error("decided block {block} at height {height} cannot be executed")]
    Undecidable {
        /// The height.
        height: Height,
        /// The block.
        block: BlockId,
        /// What does not fit.
        #[source]
        source: Box<BlockError>,
    },
}
