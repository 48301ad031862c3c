//! How rows are laid out. Every multi-byte key sorts as its number does.

use crate::{Age, QueueError, WorkId, WorkState, WorkView};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::JobId;
use redb::TableDefinition;

/// Height and id of the last block that changed something; one row, or none in a new store.
pub(crate) const MARK: TableDefinition<'_, (), (u64, [u8; 32])> = TableDefinition::new("mark");
/// (job, seat) → [`WorkRow`].
pub(crate) const WORK: TableDefinition<'_, WorkKey, &[u8]> = TableDefinition::new("work");
/// Age → (job, seat), for work that may be claimed.
pub(crate) const READY: TableDefinition<'_, u64, WorkKey> = TableDefinition::new("ready");
/// (height, job, seat), for work whose state changes at that height.
pub(crate) const TIMERS: TableDefinition<'_, (u64, [u8; 32], u8), ()> = TableDefinition::new("timers");
/// (job, seat), for dead letters.
pub(crate) const DEAD: TableDefinition<'_, WorkKey, ()> = TableDefinition::new("dead");
/// Name → value.
pub(crate) const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");

/// The greatest token issued.
pub(crate) const LAST_TOKEN: &str = "last_token";
/// The greatest age given.
pub(crate) const LAST_AGE: &str = "last_age";
/// The key of [`WORK`].
pub(crate) type WorkKey = ([u8; 32], u8);

/// A row of [`WORK`].
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct WorkRow {
    /// Place in line: smaller is older.
    pub(crate) age: u64,
    /// Claims so far.
    pub(crate) attempts: u32,
    /// Where it stands.
    pub(crate) state: WorkState,
    /// What was enqueued.
    pub(crate) payload: Vec<u8>,
}

impl WorkRow {
    /// Decodes a stored row. Our own rows are never longer than their table allows, so the limit is the row itself.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, QueueError> {
        ciro_types::decode(bytes, bytes.len())
            .map_err(|e| QueueError::Damaged { row: "work row", reason: e.to_string() })
    }

    /// The row as callers see it.
    pub(crate) fn into_view(self, work: WorkId) -> WorkView {
        WorkView { work, age: Age(self.age), state: self.state, attempts: self.attempts, payload: self.payload }
    }
}

/// `work` as a key.
pub(crate) fn key(work: WorkId) -> WorkKey {
    (work.job.0, work.seat)
}

/// A key as work.
pub(crate) fn from_key(key: WorkKey) -> WorkId {
    WorkId { job: JobId(key.0), seat: key.1 }
}
