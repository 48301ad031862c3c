//! Why the scheduler stops.

use ciro_queue::QueueError;
use ciro_types::DecodeError;

/// A failure the scheduler cannot work around. Restart it from the ledger.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The store of work failed.
    #[error("the scheduler's work store failed")]
    Log(#[source] QueueError),
    /// A seat's note in the store is not ours. Delete the store and rebuild it from the ledger.
    #[error("a seat in the work store carries a damaged note")]
    Note(#[source] DecodeError),
}

impl From<QueueError> for SchedulerError {
    fn from(error: QueueError) -> Self {
        Self::Log(error)
    }
}
