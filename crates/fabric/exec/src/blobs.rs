//! Where models and inputs come from. Nothing fetched is believed. An input must hash to its name. A model's weights
//! are committed to again, and it must then have the id by which it was fetched.

use ciro_types::{Hash32, ModelId};

/// Why a blob could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// Nobody has it.
    #[error("no copy of {what} {name} can be found")]
    Missing {
        /// Model or input.
        what: &'static str,
        /// Its id or hash.
        name: String,
    },
    /// What came is something else.
    #[error("{what} {name} is damaged: {reason}")]
    Damaged {
        /// Model or input.
        what: &'static str,
        /// Its id or hash.
        name: String,
        /// How it shows.
        reason: String,
    },
    /// This machine cannot read it now, and another may: no descriptors, a disk that fails, no permission.
    #[error("{what} {name} cannot be read on this machine: {reason}")]
    Unreadable {
        /// Model or input.
        what: &'static str,
        /// Its id or hash.
        name: String,
        /// What the machine said.
        reason: String,
    },
}

impl BlobError {
    /// Whether the fault is this machine's, not the blob's.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } => false,
            Self::Unreadable { .. } => true,
        }
    }
}

/// A source of blobs by name. Called from any thread; may block.
pub trait Blobs: Send + Sync {
    /// The canonical bytes of a compiled model ([`ciro_graph::Model`]): program and weights.
    ///
    /// # Errors
    /// [`BlobError`]. The caller checks that the bytes have this id.
    fn model(&self, id: ModelId) -> Result<Vec<u8>, BlobError>;

    /// The canonical bytes of a raw input.
    ///
    /// # Errors
    /// [`BlobError`]. The caller checks that the bytes have this hash.
    fn input(&self, hash: Hash32) -> Result<Vec<u8>, BlobError>;
}
