//! Why a validator must stop. Nothing a peer or a client sends causes any of these.

use crate::ledger::BlockRefusal;
use ciro_consensus::{ConsensusError, ValidatorSetError};
use ciro_state::{BlockError, GenesisError, RestoreError};
use ciro_store::{StoreError, is_full};
use ciro_types::{BlockId, ChainId, Height};

/// A validator that returned this is in an unknown state. Restarting it from its disks is safe.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
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
    /// The peers no longer keep the blocks that this validator lacks.
    #[error(
        "stranded at height {height}: the others keep blocks from {oldest} on; set the store aside and restart, to take a peer's state"
    )]
    Stranded {
        /// The height that is lacked.
        height: Height,
        /// The oldest height that any of them keeps.
        oldest: Height,
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

impl ValidatorError {
    /// Whether room on the disk would help: nothing is lost, and the validator may be opened again from its disks.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        match self {
            Self::Store(error) => error.is_no_room(),
            Self::Consensus(ConsensusError::Disk { source, .. }) => is_full(source),
            Self::Consensus(ConsensusError::CertifiedInvalid { .. } | ConsensusError::Engine { .. })
            | Self::Genesis(_)
            | Self::Validators(_)
            | Self::OtherChain { .. }
            | Self::Restore(_)
            | Self::Unexpected { .. }
            | Self::Stranded { .. }
            | Self::Undecidable { .. } => false,
        }
    }

    /// Whether what is on the disk is not what was written. Such a store is to be set aside and taken from a peer.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(error) => error.is_damage(),
            // Rows that pass as those of the root but are no state were written by something else.
            Self::Restore(_) => true,
            Self::Consensus(_)
            | Self::Genesis(_)
            | Self::Validators(_)
            | Self::OtherChain { .. }
            | Self::Unexpected { .. }
            | Self::Stranded { .. }
            | Self::Undecidable { .. } => false,
        }
    }
}
