//! What can be read from a validator. Reads of the database need no validator at all: see [`crate::Store`].

use crate::settlement::SettlementProof;
use ciro_consensus::CertifiedHeader;
use ciro_state::{CommittedEvent, EventPosition, MerklePath, SettlementRecord};
use ciro_store::{Store, StoreError};
use ciro_types::{Hash32, Height, JobId};

/// The certified header of `height`, if it is committed here.
///
/// # Errors
/// [`StoreError`] if the database cannot be read, or keeps that header no longer.
pub fn certified_header(store: &Store, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
    store.certified_header(height)
}

/// The proof that `job` was paid, or none if it was not, or if the block after its own is not committed yet. It is kept for
/// good, longer than the answer itself.
///
/// # Errors
/// [`StoreError`] if the database cannot be read.
pub fn settlement_proof(store: &Store, job: &JobId) -> Result<Option<SettlementProof>, StoreError> {
    let Some(height) = store.settled_height(job)? else { return Ok(None) };
    let Some(certified) = certified_header(store, height.next())? else { return Ok(None) };
    let found = record_and_path(&store.records(height)?, job);
    let (record, path) = found.ok_or_else(|| StoreError::Damaged {
        table: "records",
        key: height.to_string(),
        expected: format!("a record of {job}"),
        got: "none".into(),
    })?;
    let changes = store.handovers(certified.header.height)?;
    Ok(Some(SettlementProof { record, path, changes, certified }))
}

fn record_and_path(records: &[SettlementRecord], job: &JobId) -> Option<(SettlementRecord, MerklePath)> {
    let digests: Vec<Hash32> = records.iter().map(SettlementRecord::digest).collect();
    let index = records.iter().position(|record| record.job == *job)?;
    Some((records.get(index)?.clone(), MerklePath::new(&digests, index)?))
}

/// Up to `limit` committed events after `after`, or from the oldest that is kept, in order. A consumer that remembers the
/// last position misses and repeats nothing. Cost: proportional to the events returned, wherever they stand.
///
/// # Errors
/// [`StoreError::Pruned`] if events after `after` were kept once and are no longer.
pub fn events_after(
    store: &Store,
    after: Option<EventPosition>,
    limit: usize,
) -> Result<Vec<CommittedEvent>, StoreError> {
    let from = after.map_or(EventPosition { height: Height(0), index: 0 }, next);
    store.events(from, limit)
}

/// The position after `position`. No block has 2³² events.
fn next(position: EventPosition) -> EventPosition {
    match position.index.checked_add(1) {
        Some(index) => EventPosition { index, ..position },
        None => EventPosition { height: Height(position.height.0.saturating_add(1)), index: 0 },
    }
}
