//! Why the store refused or failed.

use crate::patient::is_full;
use crate::store::WorkId;
use ciro_state::EventPosition;
use ciro_types::LeaseToken;

/// A refusal (the caller's mistake, the store is unchanged) or a failure of the storage below.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The storage failed. Nothing since the last commit is kept; reopen the store.
    #[error("the work store failed while it tried to {operation}")]
    Storage {
        /// What was being done.
        operation: &'static str,
        /// What the storage said.
        #[source]
        source: Box<redb::Error>,
    },
    /// An earlier commit failed, so what the store holds is known only after reopening it.
    #[error("the work store is closed since a commit failed")]
    Closed,
    /// A stored row is not what this version writes. Delete the store and rebuild it from the ledger.
    #[error("the work store holds a damaged {row}: {reason}")]
    Damaged {
        /// Which kind of row.
        row: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A payload is longer than the store accepts.
    #[error("payload too long: expected at most {expected} bytes, got {got}")]
    TooLong {
        /// The limit, bytes.
        expected: usize,
        /// The payload's length, bytes.
        got: usize,
    },
    /// Events are not those of one block in order.
    #[error("expected an event at {}.{}, got one at {}.{}", expected.height, expected.index, got.height, got.index)]
    Misplaced {
        /// Where the next event of the block is.
        expected: EventPosition,
        /// Where this one says that it is.
        got: EventPosition,
    },
    /// No such work is open.
    #[error("no open work {work}")]
    Unknown {
        /// The work that was named.
        work: WorkId,
    },
    /// The work is not waiting for a claim.
    #[error("work {work} is not ready to be claimed")]
    NotReady {
        /// The work that was named.
        work: WorkId,
    },
    /// The caller's claim has been overtaken.
    #[error("stale claim on {work}: expected token {expected:?}, got {got}")]
    Stale {
        /// The work that was named.
        work: WorkId,
        /// The token that holds the work now, if any does.
        expected: Option<LeaseToken>,
        /// The caller's token.
        got: LeaseToken,
    },
}

impl QueueError {
    /// Whether there was no room on the disk, which is no damage.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        match self {
            Self::Storage { source, .. } => matches!(&**source, redb::Error::Io(error) if is_full(error)),
            Self::Closed
            | Self::Damaged { .. }
            | Self::TooLong { .. }
            | Self::Misplaced { .. }
            | Self::Unknown { .. }
            | Self::NotReady { .. }
            | Self::Stale { .. } => false,
        }
    }

    /// Wraps a storage error with what was being done.
    pub(crate) fn storage<E: Into<redb::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Storage { operation, source: Box::new(source.into()) }
    }
}
