//! Why the scheduler stops.

use ciro_queue::QueueError;
use ciro_types::DecodeError;

/// A failure the scheduler cannot work around. Restart it from the ledger.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The store of work failed.
    #[error("the scheduler's work store failed")]
    Store(#[source] QueueError),
    /// A seat's note in the store is not ours. Delete the store and rebuild it from the ledger.
    #[error("a seat in the work store carries a damaged note")]
    Note(#[source] DecodeError),
}

impl SchedulerError {
    /// Whether there was no room on the disk, which is no damage.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        match self {
            Self::Store(error) => error.is_no_room(),
            Self::Note(_) => false,
        }
    }
}

impl From<QueueError> for SchedulerError {
    fn from(error: QueueError) -> Self {
        Self::Store(error)
    }
}
