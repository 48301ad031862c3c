//! Why the store must stop. None of these is caused by a peer.

use ciro_types::{DecodeError, Height};

/// A failed read or write. The store is still at a block boundary.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened, read or written.
    #[error("database")]
    Database(#[source] Box<redb::Error>),
    /// The state tree contradicts itself.
    #[error("state tree: {reason}")]
    Tree {
        /// What the tree reported.
        reason: String,
    },
    /// A row that this store wrote does not decode.
    #[error("stored {what} does not decode")]
    Row {
        /// Which kind of row.
        what: &'static str,
        /// Why not.
        #[source]
        source: DecodeError,
    },
    /// The file was written by another version of this format.
    #[error("store format: expected {expected}, got {got}")]
    Format {
        /// The format this build reads.
        expected: u64,
        /// The format of the file.
        got: u64,
    },
    /// Blocks are written one after the other.
    #[error("block out of order: expected height {expected}, got {got}")]
    OutOfOrder {
        /// The next height.
        expected: Height,
        /// The height that was to be written.
        got: Height,
    },
    /// The store has no genesis yet.
    #[error("the store is empty: write a genesis first")]
    Empty,
    /// The store has one already.
    #[error("the store already holds height {height}")]
    NotEmpty {
        /// The last written height.
        height: Height,
    },
    /// Proofs are kept for the two latest heights only.
    #[error("state of height {got} is pruned or not written yet: expected {oldest} to {newest}")]
    NotKept {
        /// The oldest height with proofs.
        oldest: Height,
        /// The newest height.
        newest: Height,
        /// The height that was asked for.
        got: Height,
    },
}

/// Wraps any of the database's many error types.
pub(crate) fn database<E: Into<redb::Error>>(error: E) -> StoreError {
    StoreError::Database(Box::new(error.into()))
}
