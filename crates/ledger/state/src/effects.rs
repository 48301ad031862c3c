//! What follows from a block: outcomes, events, records, changed rows.

use crate::error::TxError;
use crate::event::{CommittedEvent, Event, EventPosition};
use crate::merkle::MerklePath;
use crate::outcome::Outcome;
use crate::receipt::SettlementRecord;
use ciro_types::{Hash32, Height, JobId};

/// A change to the authenticated store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Encoded [`crate::keys::Key`].
    pub key: Vec<u8>,
    /// Encoded row, or none to delete it.
    pub value: Option<Vec<u8>>,
}

/// Everything that follows from a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockEffects {
    /// The block.
    pub height: Height,
    /// One per transaction, in order.
    pub outcomes: Vec<Result<Outcome, TxError>>,
    /// In order; an event's index is its position here.
    pub events: Vec<Event>,
    /// Settled in this block, in order: the leaves under `receipts_root`.
    pub records: Vec<SettlementRecord>,
    /// Merkle root over the digests of `records`.
    pub receipts_root: Hash32,
    /// Changes to the store, in ascending order of key, each key once.
    pub writes: Vec<Write>,
}

impl BlockEffects {
    /// The events with their positions.
    pub fn committed(&self) -> impl Iterator<Item = CommittedEvent> {
        let height = self.height;
        (0..).zip(&self.events).map(move |(index, event)| CommittedEvent {
            position: EventPosition { height, index },
            event: event.clone(),
        })
    }

    /// Shows that `job` was settled in this block, under its `receipts_root`.
    #[must_use]
    pub fn receipt_path(&self, job: &JobId) -> Option<MerklePath> {
        let index = self.records.iter().position(|record| record.job == *job)?;
        MerklePath::new(&digests(&self.records), index)
    }
}

/// The leaves of the tree of records.
pub(crate) fn digests(records: &[SettlementRecord]) -> Vec<Hash32> {
    records.iter().map(SettlementRecord::digest).collect()
}
