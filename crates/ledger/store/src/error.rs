//! Why the store must stop, or cannot answer. None of these is caused by a peer.

use ciro_types::{DecodeError, Height};
use std::io;

/// A failed read or write. The store is still at a block boundary.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened, read or written.
    #[error("database")]
    Database(#[source] Box<redb::Error>),
    /// The disk is full. Nothing was written; the same may be tried again once there is room.
    #[error("no room on the disk for the store")]
    NoRoom(#[source] io::Error),
    /// A row is not what was written: the disk, or whoever has access to it, changed it.
    #[error("store damaged: table {table}, row {key}: expected {expected}, got {got}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row's key; hexadecimal, unless it is a key of the state.
        key: String,
        /// The hash that was written or is committed to, or what must be there.
        expected: String,
        /// The hash of what was found, or what it is.
        got: String,
    },
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
    /// Whole blocks are kept for a while only.
    #[error("block {got} is pruned: the oldest that is kept whole is {oldest}")]
    Pruned {
        /// The oldest height that is kept whole.
        oldest: Height,
        /// The height that was asked for.
        got: Height,
    },
    /// Another store cannot stand in for this one.
    #[error("the other store at height {height} is refused: {reason}")]
    Foreign {
        /// The height that was looked at.
        height: Height,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// Whether room on the disk would help.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        matches!(self, Self::NoRoom(_))
    }

    /// Whether what is on the disk is not what was written.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Tree { .. } | Self::Row { .. } => true,
            Self::Database(error) => is_unreadable(error),
            Self::NoRoom(_)
            | Self::Format { .. }
            | Self::OutOfOrder { .. }
            | Self::Empty
            | Self::NotEmpty { .. }
            | Self::NotKept { .. }
            | Self::Pruned { .. }
            | Self::Foreign { .. } => false,
        }
    }
}

/// Whether the file is no database of ours any more.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the database's")]
fn is_unreadable(error: &redb::Error) -> bool {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_) => true,
        redb::Error::Io(source) => matches!(source.kind(), InvalidData | UnexpectedEof),
        _ => false,
    }
}

/// Whether a write failed for want of room: a full disk, a quota, or a limit on the file's size.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Wraps any of the database's many error types.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the database's")]
pub(crate) fn database<E: Into<redb::Error>>(error: E) -> StoreError {
    match error.into() {
        redb::Error::Io(source) if is_full(&source) => StoreError::NoRoom(source),
        error => StoreError::Database(Box::new(error)),
    }
}
