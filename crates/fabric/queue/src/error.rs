//! Why the log refused or failed.

use crate::log::{Position, WorkId};
use ciro_types::LeaseToken;

/// A refusal (the caller's mistake, the log is unchanged) or a failure of the storage below.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The storage failed. Nothing since the last commit is kept; reopen the log.
    #[error("the job log's storage failed while it tried to {operation}")]
    Storage {
        /// What was being done.
        operation: &'static str,
        /// What the storage said.
        #[source]
        source: Box<redb::Error>,
    },
    /// An earlier commit failed, so what the log holds is known only after reopening it.
    #[error("the job log is closed since a commit failed")]
    Closed,
    /// A stored row is not what this version writes. Delete the log and rebuild it from the ledger.
    #[error("the job log holds a damaged {row}: {reason}")]
    Damaged {
        /// Which kind of row.
        row: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The same position came twice with different contents: the feed is not one ledger's.
    #[error("event {position} differs from the one already logged there")]
    Conflict {
        /// The position.
        position: Position,
    },
    /// A body or payload is longer than the log accepts.
    #[error("record too long: expected at most {expected} bytes, got {got}")]
    TooLong {
        /// The limit, bytes.
        expected: usize,
        /// The record's length, bytes.
        got: usize,
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
    /// Wraps a storage error with what was being done.
    pub(crate) fn storage<E: Into<redb::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Storage { operation, source: Box::new(source.into()) }
    }
}
