//! What can be read from a validator. Reads of the database need no validator at all: see [`crate::Store`].

use crate::settlement::SettlementProof;
use ciro_consensus::{CertifiedHeader, DecidedBlock};
use ciro_state::{CommittedEvent, EventPosition, MerklePath, SettlementRecord};
use ciro_store::{Journal, Store, StoreError};
use ciro_types::{Hash32, Height, JobId};

/// The certified header of `height`, if it is committed here.
///
/// # Errors
/// [`StoreError`] if the database cannot be read.
pub fn certified_header(store: &Store, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
    let decided = store.decided(height)?;
    Ok(decided
        .map(|DecidedBlock { block, certificate }| CertifiedHeader { header: block.header().clone(), certificate }))
}

/// The proof that `job` was paid, or none if it was not, or if the block after its own is not committed yet.
///
/// # Errors
/// [`StoreError`] if the database cannot be read.
pub fn settlement_proof(store: &Store, job: &JobId) -> Result<Option<SettlementProof>, StoreError> {
    let Some(height) = store.settled_height(job)? else { return Ok(None) };
    let Some(journal) = store.journal(height)? else { return Ok(None) };
    let Some(certified) = certified_header(store, height.next())? else { return Ok(None) };
    Ok(record_and_path(journal, job).map(|(record, path)| SettlementProof { record, path, certified }))
}

fn record_and_path(journal: Journal, job: &JobId) -> Option<(SettlementRecord, MerklePath)> {
    let digests: Vec<Hash32> = journal.records.iter().map(SettlementRecord::digest).collect();
    let index = journal.records.iter().position(|record| record.job == *job)?;
    Some((journal.records.into_iter().nth(index)?, MerklePath::new(&digests, index)?))
}

/// Committed events after `after`, or from the beginning, in order: whole blocks, until at least `limit` events are
/// found or the chain ends. A consumer that remembers the last position misses and repeats nothing.
///
/// # Errors
/// [`StoreError`] if the database cannot be read.
pub fn events_after(
    store: &Store,
    after: Option<EventPosition>,
    limit: usize,
) -> Result<Vec<CommittedEvent>, StoreError> {
    let mut height = after.map_or(Height(1), |position| position.height);
    let mut events = Vec::new();
    while events.len() < limit {
        let Some(journal) = store.journal(height)? else { break };
        let positioned = (0..)
            .zip(journal.events)
            .map(|(index, event)| CommittedEvent { position: EventPosition { height, index }, event });
        events.extend(positioned.filter(|event| after.is_none_or(|after| event.position > after)));
        height = height.next();
    }
    Ok(events)
}
