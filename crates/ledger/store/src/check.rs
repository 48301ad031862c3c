//! Whether a store holds what was written, and another store standing in for one that does not.

use crate::error::{StoreError, database};
use crate::history::{self, Journal, Span};
use crate::store::Store;
use crate::tables::{
    ALL, BLOCKS, HANDOVERS, HEADERS, JOB_HEIGHTS, RECORDS, REMOVALS, ROOTS, RowKey as _, Sealed, TX_HEIGHTS,
};
use crate::{disk::Reading, tree};
use ciro_consensus::{BlockHeader, CertifiedHeader, DecidedBlock, SetChange};
use ciro_state::{SettlementRecord, merkle_root};
use ciro_types::{BlockId, Hash32, Height, StateRoot};
use redb::{ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};
use std::collections::BTreeMap;

impl Store {
    /// Checks the state against its root, and the root before it against the last block's header. Cost: proportional to the rows of the
    /// state, not to its history. The rows of the history are checked whenever they are read.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], naming the first row that is not what was written.
    pub fn check(&self) -> Result<(), StoreError> {
        let reading = self.read()?;
        let span = Span::read(&reading)?;
        check_last_block(&reading, span.newest)?;
        let before = Height(span.newest.0.saturating_sub(1));
        // The tree library relies on the nodes of both versions, also of the one that only proofs are made from.
        if tree::is_kept(&reading, before)? {
            tree::check(&reading, before)?;
        }
        tree::check(&reading, span.newest)
    }

    /// Checks everything: as [`Store::check`], and every row of the history. Cost: proportional to the file.
    ///
    /// # Errors
    /// As [`Store::check`].
    pub fn check_all(&self) -> Result<(), StoreError> {
        self.check()?;
        let reading = self.read()?;
        check_seals(&reading)?;
        let span = Span::read(&reading)?;
        let mut parent = None;
        for height in heights(span.oldest, span.newest) {
            let Some(DecidedBlock { block, .. }) = history::decided(&reading, height)? else { break };
            check_link(height, parent, block.header().parent)?;
            parent = Some(block.id());
            let Some(journal) = history::journal(&reading, height)? else { break };
            for tx in &journal.txs {
                check_name(&reading, TX_HEIGHTS, Hash32(tx.id.0), height)?;
            }
        }
        check_handovers(&reading, span)?;
        check_settlements(&reading, span.newest)
    }

    /// Makes this empty store a copy of `peer`, a checked one, as of the height before its last. The last block certifies that state, and
    /// is itself fetched again like any other. `trust` judges a certified header, given the handovers before it.
    ///
    /// Rows, blocks and records are checked against that header. Events and outcomes stand under no root: they are the
    /// peer's word.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] if the peer is not trusted, or contradicts itself; this store is then still empty.
    pub fn adopt(
        &self,
        peer: &Self,
        trust: impl Fn(&[SetChange], &CertifiedHeader) -> Result<(), String>,
    ) -> Result<Height, StoreError> {
        if let Some(height) = self.height()? {
            return Err(StoreError::NotEmpty { height });
        }
        let reading = peer.read()?;
        let span = Span::read(&reading)?;
        let foreign = |reason: &str| StoreError::Foreign { height: span.newest, reason: reason.into() };
        let last = history::certified_header(&reading, span.newest)?.ok_or_else(|| foreign("it has no block"))?;
        let handovers = history::handovers(&reading, span.newest)?;
        trust(&handovers, &last).map_err(|reason| foreign(&reason))?;
        let height = Height(span.newest.0.saturating_sub(1));
        self.disk.write(|txn| {
            let root = tree::found(txn, height.0, tree::rows(&reading, height)?)?;
            if root != last.header.state_root {
                return Err(foreign(&format!("rows: expected root {}, got {root}", last.header.state_root)));
            }
            copy_blocks(&reading, txn, span.oldest, &last)?;
            if let Some(below) = history::certified_header(&reading, height)? {
                // The root before, as this store would have it had it always been there.
                tree::put_root(txn, height.0 - 1, below.header.state_root)?;
            }
            copy_records(&reading, txn, span.oldest)?;
            history::put_handovers(txn, &handovers)?;
            copy_removals(&reading, txn)?;
            Span { oldest: span.oldest, newest: height }.write(txn)
        })?;
        Ok(height)
    }
}

fn heights(from: Height, to: Height) -> impl DoubleEndedIterator<Item = Height> {
    (from.0..=to.0).map(Height)
}

/// The last block is intact, and certifies the root before it.
fn check_last_block(reading: &Reading<'_>, newest: Height) -> Result<(), StoreError> {
    let Some(before) = newest.0.checked_sub(1).map(Height) else { return Ok(()) };
    let Some(last) = history::certified_header(reading, newest)? else { return Ok(()) };
    let (expected, got) = (last.header.state_root, tree::root(reading, before)?);
    check_root(before, expected, got)
}

fn check_root(height: Height, expected: StateRoot, got: StateRoot) -> Result<(), StoreError> {
    if expected == got {
        return Ok(());
    }
    Err(ROOTS.damaged(&height.bytes(), &expected.to_string(), &got.to_string()))
}

fn check_link(height: Height, expected: Option<BlockId>, got: BlockId) -> Result<(), StoreError> {
    match expected {
        Some(expected) if expected != got => {
            Err(BLOCKS.damaged(&height.bytes(), &expected.to_string(), &got.to_string()))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_seals(reading: &Reading<'_>) -> Result<(), StoreError> {
    for table in ALL {
        for row in table.of(reading)?.iter().map_err(database)? {
            let (key, value) = row.map_err(database)?;
            table.unseal(key.value(), value.value())?;
        }
    }
    Ok(())
}

/// A name leads to `height`, or to a later block that repeats it.
fn check_name(reading: &Reading<'_>, table: Sealed, name: Hash32, height: Height) -> Result<(), StoreError> {
    match history::by_name(reading, table, name)? {
        Some(got) if got >= height => Ok(()),
        got => {
            Err(table.damaged(&name.bytes(), &height.to_string(), &got.map_or("none".into(), |got| got.to_string())))
        }
    }
}

/// Each handover begins with the set that the one before it ends with, and every retained block that hands over is among them.
fn check_handovers(reading: &Reading<'_>, span: Span) -> Result<(), StoreError> {
    let changes = history::handovers(reading, span.newest.next())?;
    let (expected, got) = (history::handover_count(reading)?, changes.len() as u64);
    if expected != got {
        return Err(HANDOVERS.damaged(b"", &expected.to_string(), &got.to_string()));
    }
    for (before, after) in changes.iter().zip(changes.iter().skip(1)) {
        check_set(&after.last.header, after.last.header.validators, before.next.digest())?;
    }
    let sets: BTreeMap<Height, Hash32> =
        changes.iter().map(|change| (change.last.header.height, change.next.digest())).collect();
    for height in heights(span.oldest, span.newest) {
        let Some(CertifiedHeader { header, .. }) = history::certified_header(reading, height)? else { break };
        let unchanged = (header.validators == header.next_validators).then_some(header.validators);
        let got = sets.get(&height).copied().or(unchanged);
        let got = got.ok_or_else(|| HANDOVERS.damaged(&height.bytes(), "a row", "none"))?;
        check_set(&header, header.next_validators, got)?;
    }
    Ok(())
}

fn check_set(header: &BlockHeader, expected: Hash32, got: Hash32) -> Result<(), StoreError> {
    if expected == got {
        return Ok(());
    }
    Err(HANDOVERS.damaged(&header.height.bytes(), &expected.to_string(), &got.to_string()))
}

/// Every settled job has a record under the root of a certified header, and there are no others.
fn check_settlements(reading: &Reading<'_>, newest: Height) -> Result<(), StoreError> {
    let mut count = 0;
    for row in RECORDS.of(reading)?.iter().map_err(database)? {
        let (key, value) = row.map_err(database)?;
        let records: Vec<SettlementRecord> = RECORDS.open(key.value(), value.value())?;
        for record in &records {
            check_name(reading, JOB_HEIGHTS, Hash32(record.job.0), record.height)?;
        }
        count += records.len() as u64;
        check_carrier(reading, &records, newest)?;
    }
    let jobs = JOB_HEIGHTS.of(reading)?.len().map_err(database)?;
    if jobs == count { Ok(()) } else { Err(RECORDS.damaged(b"", &jobs.to_string(), &count.to_string())) }
}

/// The header after the records' block carries their root. The newest block has none after it yet.
fn check_carrier(reading: &Reading<'_>, records: &[SettlementRecord], newest: Height) -> Result<(), StoreError> {
    let Some(at) = records.first().map(|record| record.height).filter(|at| *at < newest) else { return Ok(()) };
    let damaged = |expected: Hash32, got: &str| HEADERS.damaged(&at.next().bytes(), &expected.to_string(), got);
    let expected = root_of(records);
    match history::certified_header(reading, at.next()) {
        Ok(Some(above)) if above.header.receipts_root == expected => Ok(()),
        Ok(Some(above)) => Err(damaged(expected, &above.header.receipts_root.to_string())),
        Ok(None) | Err(StoreError::Pruned { .. }) => Err(damaged(expected, "no header")),
        Err(error) => Err(error),
    }
}

/// Copies the blocks below `above`, from the top down: each is named by the one above it.
fn copy_blocks(
    reading: &Reading<'_>,
    txn: &WriteTransaction,
    oldest: Height,
    above: &CertifiedHeader,
) -> Result<(), StoreError> {
    let mut header = above.header.clone();
    while header.height > oldest {
        let height = Height(header.height.0 - 1);
        let foreign = |reason: &str| StoreError::Foreign { height, reason: reason.into() };
        let decided = history::decided(reading, height)?.ok_or_else(|| foreign("it has no such block"))?;
        if decided.block.id() != header.parent {
            return Err(foreign("the block above names another one"));
        }
        let journal = history::journal(reading, height)?.ok_or_else(|| foreign("it has no such journal"))?;
        check_journal(&decided, &journal, header.receipts_root).map_err(foreign)?;
        history::put_block(txn, &decided)?;
        history::put_journal(txn, height, &journal)?;
        header = decided.block.header().clone();
    }
    Ok(())
}

fn check_journal(decided: &DecidedBlock, journal: &Journal, receipts_root: Hash32) -> Result<(), &'static str> {
    if root_of(&journal.records) != receipts_root {
        return Err("the records are not under the root of the block above");
    }
    if journal.txs.len() == decided.block.txs().len() { Ok(()) } else { Err("outcomes of other transactions") }
}

fn root_of(records: &[SettlementRecord]) -> Hash32 {
    merkle_root(&records.iter().map(SettlementRecord::digest).collect::<Vec<_>>())
}

/// Copies what is left of pruned blocks: records, each under the root in a certified header.
fn copy_records(reading: &Reading<'_>, txn: &WriteTransaction, oldest: Height) -> Result<(), StoreError> {
    let mut headers = HEADERS.edit(txn)?;
    for row in RECORDS.of(reading)?.range(..oldest.bytes().as_slice()).map_err(database)? {
        let (key, value) = row.map_err(database)?;
        let records: Vec<SettlementRecord> = RECORDS.open(key.value(), value.value())?;
        let Some(height) = records.first().map(|record| record.height) else { continue };
        let foreign = |reason: &str| StoreError::Foreign { height, reason: reason.into() };
        let carrier = history::certified_header(reading, height.next())?;
        let header = carrier.ok_or_else(|| foreign("its records stand under no header"))?;
        let is_named = header.certificate.block == header.header.id();
        if !is_named || header.header.receipts_root != root_of(&records) {
            return Err(foreign("the records are not under the root of the block above"));
        }
        history::put_records(txn, height, &records)?;
        if height.next() < oldest {
            HEADERS.put(&mut headers, &height.next(), &header)?;
        }
    }
    Ok(())
}

/// Copies the models that retained blocks removed. Each stands under its own hash, and receipts are checked against it.
fn copy_removals(reading: &Reading<'_>, txn: &WriteTransaction) -> Result<(), StoreError> {
    for row in REMOVALS.of(reading)?.iter().map_err(database)? {
        let (key, value) = row.map_err(database)?;
        let (at, id): (_, Hash32) = (history::position(key.value())?, REMOVALS.open(key.value(), value.value())?);
        if let Some((_, model)) = history::removed_model(reading, id)?.filter(|(height, _)| *height == at.height.0) {
            history::put_removal(txn, (at.height, at.index), id, model)?;
        }
    }
    Ok(())
}
