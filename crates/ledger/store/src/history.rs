//! What happened: blocks with their certificates, what each transaction came to, events, and settlement records.
//!
//! Whole blocks are kept for a while, see [`Retention`]. Of a block that is older only what shows its settlements to a
//! stranger stays. These are its records, and the certified header of the block after it, which carries their root.
//! Models that a block removed are kept as long as that block: receipts of the blocks before need their programs.
//! Handovers from one validator set to the next are kept for good: whoever knows the genesis follows them to whoever
//! decided a block.

use crate::disk::Reading;
use crate::error::{StoreError, database};
use crate::tables::{
    BLOCKS, CERTIFICATES, EVENTS, HANDOVERS, HEADERS, JOB_HEIGHTS, META, OUTCOMES, RECORDS, REMOVALS, REMOVED_MODELS,
    RowKey as _, Sealed, TX_HEIGHTS,
};
use crate::tree;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_consensus::{CertifiedHeader, CommitCertificate, DecidedBlock, SealedBlock, SetChange, ValidatorSet};
use ciro_state::{CommittedEvent, Event, EventPosition, Key, Outcome, SettlementRecord, TxError, Write};
use ciro_types::{Hash32, Height, TxId};
use redb::{ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};

/// Most blocks pruned by one commit: a store that begins to prune catches up without a long pause.
const PRUNED_PER_COMMIT: u64 = 8;

/// How long whole blocks are kept, with the proofs in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// For good: an archive.
    #[default]
    All,
    /// This many of the latest, at least two.
    Blocks(u64),
}

impl Retention {
    /// The oldest height to keep once `newest` is written.
    fn oldest(self, newest: Height) -> Height {
        match self {
            Self::All => Height(1),
            Self::Blocks(count) => Height(newest.0.saturating_sub(count.max(2) - 1).max(1)),
        }
    }
}

/// What became of one transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TxRecord {
    /// Its id.
    pub id: TxId,
    /// What it achieved, or why it left no trace.
    pub result: Result<Outcome, TxError>,
}

/// What a block did. Not part of the authenticated state, but the same on every validator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// One per transaction, in block order.
    pub txs: Vec<TxRecord>,
    /// In order; an event's index is its position here.
    pub events: Vec<Event>,
    /// Settled jobs, in order: the leaves under the next header's `receipts_root`.
    pub records: Vec<SettlementRecord>,
}

/// What is stored of a journal in one row.
#[derive(BorshSerialize, BorshDeserialize)]
struct Outcomes {
    txs: Vec<TxRecord>,
    /// How many events there are: a lost row is noticed.
    events: u64,
}

/// The span of whole blocks that a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) oldest: Height,
    pub(crate) newest: Height,
}

impl Span {
    pub(crate) fn read(reading: &Reading<'_>) -> Result<Self, StoreError> {
        let meta = META.of(reading)?;
        let newest = META.get(&meta, &"height")?.ok_or(StoreError::Empty)?;
        let oldest = META.get(&meta, &"oldest")?.ok_or_else(|| META.damaged(b"oldest", "a row", "none"))?;
        Ok(Self { oldest: Height(oldest), newest: Height(newest) })
    }

    pub(crate) fn write(self, txn: &WriteTransaction) -> Result<(), StoreError> {
        let mut meta = META.edit(txn)?;
        META.put(&mut meta, &"height", &self.newest.0)?;
        META.put(&mut meta, &"oldest", &self.oldest.0)
    }

    /// Whether the block of `height` is held.
    fn holds(self, height: Height) -> Result<bool, StoreError> {
        match height {
            Height(0) => Ok(false),
            height if height < self.oldest => Err(StoreError::Pruned { oldest: self.oldest, got: height }),
            height => Ok(height <= self.newest),
        }
    }
}

/// The decided block of `height` with its certificate.
pub(crate) fn decided(reading: &Reading<'_>, height: Height) -> Result<Option<DecidedBlock>, StoreError> {
    if !Span::read(reading)?.holds(height)? {
        return Ok(None);
    }
    let block: SealedBlock = kept(reading, BLOCKS, height)?;
    let certificate: CommitCertificate = kept(reading, CERTIFICATES, height)?;
    if block.height() != height {
        return Err(BLOCKS.damaged(&height.bytes(), &height.to_string(), &block.height().to_string()));
    }
    if certificate.block != block.id() {
        let (expected, got) = (certificate.block.to_string(), block.id().to_string());
        return Err(BLOCKS.damaged(&height.bytes(), &expected, &got));
    }
    Ok(Some(DecidedBlock { block, certificate }))
}

/// A row that must be there.
fn kept<T: BorshDeserialize>(reading: &Reading<'_>, table: Sealed, height: Height) -> Result<T, StoreError> {
    let found = table.get(&table.of(reading)?, &height)?;
    found.ok_or_else(|| table.damaged(&height.bytes(), "a row", "none"))
}

/// The certified header of `height`: of a pruned block only if it carries the root of some records.
pub(crate) fn certified_header(reading: &Reading<'_>, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
    match decided(reading, height) {
        Ok(found) => Ok(found.map(|DecidedBlock { block, certificate }| certified(&block, certificate))),
        Err(pruned @ StoreError::Pruned { .. }) => {
            HEADERS.get(&HEADERS.of(reading)?, &height)?.map_or(Err(pruned), |header| Ok(Some(header)))
        }
        Err(error) => Err(error),
    }
}

fn certified(block: &SealedBlock, certificate: CommitCertificate) -> CertifiedHeader {
    CertifiedHeader { header: block.header().clone(), certificate }
}

/// Every handover of a header below `height`, in order: they lead from the genesis validators to those that decide `height`.
pub(crate) fn handovers(reading: &Reading<'_>, height: Height) -> Result<Vec<SetChange>, StoreError> {
    let table = HANDOVERS.of(reading)?;
    let rows = table.range(..height.bytes().as_slice()).map_err(database)?;
    rows.map(|row| {
        let (key, value) = row.map_err(database)?;
        HANDOVERS.open(key.value(), value.value())
    })
    .collect()
}

/// What the block of `height` did.
pub(crate) fn journal(reading: &Reading<'_>, height: Height) -> Result<Option<Journal>, StoreError> {
    if !Span::read(reading)?.holds(height)? {
        return Ok(None);
    }
    let until = EventPosition { height: height.next(), index: 0 };
    let events = events(reading, EventPosition { height, index: 0 }, Some(until), usize::MAX)?;
    let Outcomes { txs, events: count } = kept(reading, OUTCOMES, height)?;
    if events.len() as u64 != count {
        return Err(EVENTS.damaged(&height.bytes(), &format!("{count} events"), &events.len().to_string()));
    }
    let events = events.into_iter().map(|event| event.event).collect();
    Ok(Some(Journal { txs, events, records: records(reading, height)? }))
}

/// The records of a block, kept for good.
pub(crate) fn records(reading: &Reading<'_>, height: Height) -> Result<Vec<SettlementRecord>, StoreError> {
    Ok(RECORDS.get(&RECORDS.of(reading)?, &height)?.unwrap_or_default())
}

/// Up to `limit` events at or after `from` and before `until`, in order. Blocks without events cost nothing.
pub(crate) fn events(
    reading: &Reading<'_>,
    from: EventPosition,
    until: Option<EventPosition>,
    limit: usize,
) -> Result<Vec<CommittedEvent>, StoreError> {
    let table = EVENTS.of(reading)?;
    let first = (from.height, from.index).bytes();
    // No position has a key as long as this one.
    let end = until.map_or(vec![u8::MAX; 13], |until| (until.height, until.index).bytes());
    let rows = table.range(first.as_slice()..end.as_slice()).map_err(database)?;
    rows.take(limit)
        .map(|row| {
            let (key, value) = row.map_err(database)?;
            Ok(CommittedEvent { position: position(key.value())?, event: EVENTS.open(key.value(), value.value())? })
        })
        .collect()
}

pub(crate) fn position(key: &[u8]) -> Result<EventPosition, StoreError> {
    let parts = key.split_first_chunk::<8>().and_then(|(height, index)| Some((height, index.try_into().ok()?)));
    let (height, index) = parts.ok_or_else(|| EVENTS.damaged(key, "a position", "other bytes"))?;
    Ok(EventPosition { height: Height(u64::from_be_bytes(*height)), index: u32::from_be_bytes(index) })
}

/// The height that a table of names holds for `name`.
pub(crate) fn by_name(reading: &Reading<'_>, table: Sealed, name: Hash32) -> Result<Option<Height>, StoreError> {
    Ok(table.get(&table.of(reading)?, &name)?.map(Height))
}

/// Writes a block with its certificate.
pub(crate) fn put_block(txn: &WriteTransaction, decided: &DecidedBlock) -> Result<(), StoreError> {
    let height = decided.block.height();
    BLOCKS.put(&mut BLOCKS.edit(txn)?, &height, &decided.block)?;
    CERTIFICATES.put(&mut CERTIFICATES.edit(txn)?, &height, &decided.certificate)
}

/// Keeps the header of a block that hands over to `next`.
pub(crate) fn put_handover(
    txn: &WriteTransaction,
    decided: &DecidedBlock,
    next: &ValidatorSet,
) -> Result<(), StoreError> {
    let last = certified(&decided.block, decided.certificate.clone());
    put_handovers(txn, &[SetChange { last, next: next.clone() }])
}

/// Writes handovers, and how many there are by now: a lost row is noticed.
pub(crate) fn put_handovers(txn: &WriteTransaction, changes: &[SetChange]) -> Result<(), StoreError> {
    let mut table = HANDOVERS.edit(txn)?;
    changes.iter().try_for_each(|change| HANDOVERS.put(&mut table, &change.last.header.height, change))?;
    let count = table.len().map_err(database)?;
    META.put(&mut META.edit(txn)?, &"handovers", &count)
}

/// How many handovers were written.
pub(crate) fn handover_count(reading: &Reading<'_>) -> Result<u64, StoreError> {
    Ok(META.get(&META.of(reading)?, &"handovers")?.unwrap_or(0))
}

/// Writes what a block did.
pub(crate) fn put_journal(txn: &WriteTransaction, height: Height, journal: &Journal) -> Result<(), StoreError> {
    let outcomes = Outcomes { txs: journal.txs.clone(), events: journal.events.len() as u64 };
    OUTCOMES.put(&mut OUTCOMES.edit(txn)?, &height, &outcomes)?;
    let mut events = EVENTS.edit(txn)?;
    for (index, event) in (0..).zip(&journal.events) {
        EVENTS.put(&mut events, &(height, index), event)?;
    }
    let mut txs = TX_HEIGHTS.edit(txn)?;
    for tx in &journal.txs {
        TX_HEIGHTS.put(&mut txs, &Hash32(tx.id.0), &height.0)?;
    }
    put_records(txn, height, &journal.records)
}

/// Writes the records of a block, and where each job's is.
pub(crate) fn put_records(
    txn: &WriteTransaction,
    height: Height,
    records: &[SettlementRecord],
) -> Result<(), StoreError> {
    if !records.is_empty() {
        RECORDS.put(&mut RECORDS.edit(txn)?, &height, &records)?;
    }
    let mut jobs = JOB_HEIGHTS.edit(txn)?;
    records.iter().try_for_each(|record| JOB_HEIGHTS.put(&mut jobs, &Hash32(record.job.0), &height.0))
}

/// Keeps the rows of the models that the block of `height` removes, while the state still has them.
pub(crate) fn put_removals(txn: &WriteTransaction, height: Height, writes: &[Write]) -> Result<(), StoreError> {
    let gone = writes.iter().filter(|write| write.value.is_none());
    let models = gone.filter_map(|write| match Key::decode(&write.key) {
        Ok(Key::Model(id)) => Some((&write.key, id)),
        Ok(_) | Err(_) => None,
    });
    for (index, (key, id)) in (0..).zip(models) {
        if let Some(row) = tree::last(txn, key)? {
            put_removal(txn, (height, index), Hash32(id.0), row)?;
        }
    }
    Ok(())
}

/// Writes one removed row, and when it was removed.
pub(crate) fn put_removal(
    txn: &WriteTransaction,
    at: (Height, u32),
    model: Hash32,
    row: Vec<u8>,
) -> Result<(), StoreError> {
    REMOVED_MODELS.put(&mut REMOVED_MODELS.edit(txn)?, &model, &(at.0.0, row))?;
    REMOVALS.put(&mut REMOVALS.edit(txn)?, &at, &model)
}

/// The row of a model that was removed, and at which height.
pub(crate) fn removed_model(reading: &Reading<'_>, id: Hash32) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    REMOVED_MODELS.get(&REMOVED_MODELS.of(reading)?, &id)
}

/// Forgets the models that the block of `height` removed, unless a later one removed them again.
fn prune_removals(txn: &WriteTransaction, height: Height) -> Result<(), StoreError> {
    let (first, end) = ((height, 0).bytes(), (height.next(), 0).bytes());
    let (mut removals, mut models) = (REMOVALS.edit(txn)?, REMOVED_MODELS.edit(txn)?);
    let mut named: Vec<Hash32> = Vec::new();
    for row in removals.range(first.as_slice()..end.as_slice()).map_err(database)? {
        let (key, value) = row.map_err(database)?;
        named.push(REMOVALS.open(key.value(), value.value())?);
    }
    removals.retain_in(first.as_slice()..end.as_slice(), |_, _| false).map_err(database)?;
    for id in named {
        let found: Option<(u64, Vec<u8>)> = REMOVED_MODELS.get(&models, &id)?;
        if found.is_some_and(|(removed, _)| removed == height.0) {
            REMOVED_MODELS.remove(&mut models, &id)?;
        }
    }
    Ok(())
}

/// Removes what `retention` no longer asks for, some blocks at a time.
pub(crate) fn prune(txn: &WriteTransaction, span: Span, retention: Retention) -> Result<Span, StoreError> {
    let end = retention.oldest(span.newest).min(Height(span.oldest.0.saturating_add(PRUNED_PER_COMMIT)));
    let mut oldest = span.oldest;
    while oldest < end {
        prune_block(txn, oldest)?;
        oldest = oldest.next();
    }
    Ok(Span { oldest, ..span })
}

fn prune_block(txn: &WriteTransaction, height: Height) -> Result<(), StoreError> {
    let mut blocks = BLOCKS.edit(txn)?;
    let mut certificates = CERTIFICATES.edit(txn)?;
    let settled_before = Height(height.0.saturating_sub(1));
    if RECORDS.get::<Vec<SettlementRecord>>(&RECORDS.edit(txn)?, &settled_before)?.is_some() {
        let absent = |table: Sealed| table.damaged(&height.bytes(), "a row", "none");
        let block: SealedBlock = BLOCKS.get(&blocks, &height)?.ok_or_else(|| absent(BLOCKS))?;
        let certificate = CERTIFICATES.get(&certificates, &height)?.ok_or_else(|| absent(CERTIFICATES))?;
        HEADERS.put(&mut HEADERS.edit(txn)?, &height, &certified(&block, certificate))?;
    }
    BLOCKS.remove(&mut blocks, &height)?;
    CERTIFICATES.remove(&mut certificates, &height)?;
    prune_outcomes(txn, height)?;
    prune_removals(txn, height)?;
    let (first, end) = ((height, 0).bytes(), (height.next(), 0).bytes());
    let mut events = EVENTS.edit(txn)?;
    events.retain_in(first.as_slice()..end.as_slice(), |_, _| false).map_err(database)
}

/// Forgets the transactions of a block, unless a later block held them again.
fn prune_outcomes(txn: &WriteTransaction, height: Height) -> Result<(), StoreError> {
    let mut outcomes = OUTCOMES.edit(txn)?;
    let Some(Outcomes { txs, .. }) = OUTCOMES.get(&outcomes, &height)? else {
        return Err(OUTCOMES.damaged(&height.bytes(), "a row", "none"));
    };
    OUTCOMES.remove(&mut outcomes, &height)?;
    let mut heights = TX_HEIGHTS.edit(txn)?;
    for tx in txs {
        if TX_HEIGHTS.get::<u64>(&heights, &Hash32(tx.id.0))? == Some(height.0) {
            TX_HEIGHTS.remove(&mut heights, &Hash32(tx.id.0))?;
        }
    }
    Ok(())
}
