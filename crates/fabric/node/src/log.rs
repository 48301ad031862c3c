//! The ledger's own log of committed events, as everything else that is one.

use ciro_queue::EventSource;
use ciro_state::{CommittedEvent, EventPosition};
use ciro_store::StoreError;
use ciro_types::Height;
use ciro_validator::Store;
use std::sync::Arc;

/// What a validator has committed. It is appended to by committing a block, and by nothing else.
#[derive(Clone)]
pub struct LedgerLog(pub Arc<Store>);

impl EventSource for LedgerLog {
    type Error = StoreError;

    fn head(&self) -> Result<Option<Height>, StoreError> {
        self.0.height()
    }

    fn read(&self, from: EventPosition, limit: usize) -> Result<Vec<CommittedEvent>, StoreError> {
        self.0.events(from, limit)
    }
}
