//! Why a node gave no answer.

use crate::code;
use borsh::{BorshDeserialize, BorshSerialize};

/// Why the node gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
pub enum NodeError {
    /// The ledger would refuse this transaction.
    #[error("{reason}")]
    Refused {
        /// The ledger's words.
        reason: String,
    },
    /// Another transaction of this account has this nonce, in a block or waiting for one. Once it is in a block this one can never be
    /// executed and may be signed anew.
    #[error("{reason}")]
    Nonce {
        /// The ledger's words.
        reason: String,
    },
    /// It was kept once and is no longer.
    #[error("{reason}")]
    Pruned {
        /// From where on such things are kept.
        reason: String,
    },
    /// The bytes are not what they are sent as.
    #[error("{reason}")]
    Invalid {
        /// What is wrong with them.
        reason: String,
    },
    /// The client keeps as much here as it may, or the node as much as it has room for.
    #[error("{reason}")]
    Quota {
        /// What is full.
        reason: String,
        /// After how many milliseconds there may be room.
        wait_ms: u64,
    },
    /// The node is stopping, overloaded or broken.
    #[error("the node cannot answer: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

impl NodeError {
    /// The code under which a gateway passes it on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => code::REFUSED,
            Self::Nonce { .. } => code::NONCE,
            Self::Pruned { .. } => code::PRUNED,
            Self::Invalid { .. } => code::BAD_REQUEST,
            Self::Quota { .. } => code::TOO_MANY,
            Self::Unavailable { .. } => code::UNAVAILABLE,
        }
    }
}
