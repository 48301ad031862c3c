//! The database: one write per block, and every read a node serves.

use crate::error::{StoreError, database};
use crate::proof::StateProof;
use crate::tree;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_consensus::{CommitCertificate, DecidedBlock, SealedBlock};
use ciro_state::{BlockEffects, Event, Outcome, SettlementRecord, TxError, Write};
use ciro_types::{Height, JobId, StateRoot, TxId, decode, encode};
use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
    WriteTransaction,
};
use std::path::Path;

/// Changes with the meaning of any table.
const FORMAT: u64 = 1;
/// Pages kept in memory, bytes. The state's hot rows are in the state machine; this is for tree nodes and old blocks.
const CACHE_BYTES: usize = 64 << 20;

/// Name → number: the format, and the last written height once there is a genesis.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Height → encoded block.
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// Height → encoded commit certificate.
const CERTIFICATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("certificates");
/// Height → encoded [`Journal`].
const JOURNALS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journals");
/// Transaction id → height of its block.
const TX_HEIGHTS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("tx_heights");
/// Job id → height at which it settled.
const JOB_HEIGHTS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("job_heights");

/// A row of the state: encoded key, encoded value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// What became of one transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TxRecord {
    /// Its id.
    pub id: TxId,
    /// What it achieved, or why it left no trace.
    pub result: Result<Outcome, TxError>,
}

/// What a block did. Not part of the authenticated state, but the same on every validator.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Journal {
    /// One per transaction, in block order.
    pub txs: Vec<TxRecord>,
    /// In order; an event's index is its position here.
    pub events: Vec<Event>,
    /// Settled jobs, in order: the leaves under the next header's `receipts_root`.
    pub records: Vec<SettlementRecord>,
}

/// A validator's database.
#[derive(Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens or creates the database file at `path`.
    ///
    /// # Errors
    /// [`StoreError`] if it is in use, damaged beyond repair, or of another format.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::checked(Builder::new().set_cache_size(CACHE_BYTES).create(path).map_err(database)?)
    }

    /// Opens or creates a database on any disk, such as a [`crate::MemoryBackend`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(backend: impl StorageBackend) -> Result<Self, StoreError> {
        Self::checked(Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(backend).map_err(database)?)
    }

    fn checked(database: Database) -> Result<Self, StoreError> {
        let store = Self { database };
        store.write(create_tables)?;
        match store.meta("format")? {
            Some(FORMAT) => Ok(store),
            got => Err(StoreError::Format { expected: FORMAT, got: got.unwrap_or(0) }),
        }
    }

    /// The last written height, or `None` before the genesis.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn height(&self) -> Result<Option<Height>, StoreError> {
        Ok(self.meta("height")?.map(Height))
    }

    /// Writes the state before the first block and returns its root.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] if there is one already.
    pub fn write_genesis(&self, rows: Vec<KeyValue>) -> Result<StateRoot, StoreError> {
        if let Some(height) = self.height()? {
            return Err(StoreError::NotEmpty { height });
        }
        let writes: Vec<_> = rows.into_iter().map(|(key, value)| Write { key, value: Some(value) }).collect();
        self.write(|txn| {
            txn.open_table(META).map_err(database)?.insert("height", 0).map_err(database)?;
            tree::write(txn, 0, &writes)
        })
    }

    /// Writes a decided block, its certificate and everything it did, all or nothing, and returns the state root after
    /// it. When this returns, all of it survives a crash.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] unless the block follows the last one. The store is unchanged on any error.
    pub fn commit(&self, decided: &DecidedBlock, ids: &[TxId], effects: BlockEffects) -> Result<StateRoot, StoreError> {
        let expected = self.height()?.ok_or(StoreError::Empty)?.next();
        let got = decided.block.height();
        if got != expected {
            return Err(StoreError::OutOfOrder { expected, got });
        }
        let writes = effects.writes;
        let txs = ids.iter().zip(effects.outcomes).map(|(&id, result)| TxRecord { id, result }).collect();
        let journal = Journal { txs, events: effects.events, records: effects.records };
        self.write(|txn| {
            put_block(txn, decided)?;
            put_journal(txn, got, &journal)?;
            tree::write(txn, got.0, &writes)
        })
    }

    /// The state root after the last written height.
    ///
    /// # Errors
    /// [`StoreError`] if the store is empty or cannot be read.
    pub fn root(&self) -> Result<StateRoot, StoreError> {
        let height = self.height()?.ok_or(StoreError::Empty)?;
        tree::root(&self.read()?, height.0)
    }

    /// Every row of the state, for [`ciro_state::State::restore`].
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn rows(&self) -> Result<Vec<KeyValue>, StoreError> {
        tree::rows(&self.read()?)
    }

    /// The row of `key` after `height`, or its absence, with a proof. Kept for the two latest heights: the last, whose
    /// root the next header will certify, and the one before, whose root is certified.
    ///
    /// # Errors
    /// [`StoreError::NotKept`] for any other height.
    pub fn prove(&self, height: Height, key: &[u8]) -> Result<(Option<Vec<u8>>, StateProof), StoreError> {
        let newest = self.height()?.ok_or(StoreError::Empty)?;
        let oldest = Height(newest.0.saturating_sub(1));
        if height < oldest || height > newest {
            return Err(StoreError::NotKept { oldest, newest, got: height });
        }
        tree::prove(&self.read()?, height.0, key)
    }

    /// The decided block of `height` with its certificate.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn decided(&self, height: Height) -> Result<Option<DecidedBlock>, StoreError> {
        let Some(block) = self.block(height)? else { return Ok(None) };
        Ok(self.certificate(height)?.map(|certificate| DecidedBlock { block, certificate }))
    }

    /// The block of `height`.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn block(&self, height: Height) -> Result<Option<SealedBlock>, StoreError> {
        self.by_height(BLOCKS, "block", height)
    }

    /// The commit certificate of `height`.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn certificate(&self, height: Height) -> Result<Option<CommitCertificate>, StoreError> {
        self.by_height(CERTIFICATES, "certificate", height)
    }

    /// What the block of `height` did.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn journal(&self, height: Height) -> Result<Option<Journal>, StoreError> {
        self.by_height(JOURNALS, "journal", height)
    }

    /// The height of the last block that held this transaction.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn tx_height(&self, id: &TxId) -> Result<Option<Height>, StoreError> {
        self.by_name(TX_HEIGHTS, &id.0)
    }

    /// The height at which this job settled.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn settled_height(&self, job: &JobId) -> Result<Option<Height>, StoreError> {
        self.by_name(JOB_HEIGHTS, &job.0)
    }

    /// How many tree nodes and state rows the database holds: bounded by the size of the state, not of its history.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn tree_size(&self) -> Result<(u64, u64), StoreError> {
        tree::size(&self.read()?)
    }

    fn meta(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let table = self.read()?.open_table(META).map_err(database)?;
        Ok(table.get(name).map_err(database)?.map(|value| value.value()))
    }

    fn by_height<T: BorshDeserialize>(
        &self,
        table: TableDefinition<'_, u64, &'static [u8]>,
        what: &'static str,
        height: Height,
    ) -> Result<Option<T>, StoreError> {
        let table = self.read()?.open_table(table).map_err(database)?;
        let found = table.get(height.0).map_err(database)?;
        found.map(|bytes| row(what, bytes.value())).transpose()
    }

    fn by_name(
        &self,
        table: TableDefinition<'_, &'static [u8; 32], u64>,
        name: &[u8; 32],
    ) -> Result<Option<Height>, StoreError> {
        let table = self.read()?.open_table(table).map_err(database)?;
        Ok(table.get(name).map_err(database)?.map(|height| Height(height.value())))
    }

    fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.database.begin_read().map_err(database)
    }

    /// Runs `change` in one durable transaction. Any error takes all of it back.
    fn write<T>(&self, change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let txn = self.database.begin_write().map_err(database)?;
        let result = change(&txn)?;
        txn.commit().map_err(database)?;
        Ok(result)
    }
}

/// Readers may open a table only if it exists, so a new file gets all of them at once.
fn create_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    let mut meta = txn.open_table(META).map_err(database)?;
    if meta.get("format").map_err(database)?.is_none() {
        meta.insert("format", FORMAT).map_err(database)?;
    }
    for table in [BLOCKS, CERTIFICATES, JOURNALS] {
        txn.open_table(table).map_err(database)?;
    }
    for table in [TX_HEIGHTS, JOB_HEIGHTS] {
        txn.open_table(table).map_err(database)?;
    }
    tree::create_tables(txn)
}

fn put_block(txn: &WriteTransaction, decided: &DecidedBlock) -> Result<(), StoreError> {
    let height = decided.block.height().0;
    let put = |table, bytes: Vec<u8>| -> Result<(), StoreError> {
        txn.open_table(table).map_err(database)?.insert(height, bytes.as_slice()).map_err(database)?;
        Ok(())
    };
    put(BLOCKS, encode(&decided.block))?;
    put(CERTIFICATES, encode(&decided.certificate))?;
    txn.open_table(META).map_err(database)?.insert("height", height).map_err(database)?;
    Ok(())
}

fn put_journal(txn: &WriteTransaction, height: Height, journal: &Journal) -> Result<(), StoreError> {
    let bytes = encode(journal);
    txn.open_table(JOURNALS).map_err(database)?.insert(height.0, bytes.as_slice()).map_err(database)?;
    let mut txs = txn.open_table(TX_HEIGHTS).map_err(database)?;
    for tx in &journal.txs {
        txs.insert(&tx.id.0, height.0).map_err(database)?;
    }
    let mut jobs = txn.open_table(JOB_HEIGHTS).map_err(database)?;
    for record in &journal.records {
        jobs.insert(&record.job.0, height.0).map_err(database)?;
    }
    Ok(())
}

/// Decodes a row that this store wrote: whatever is there is bounded by having been written.
pub(crate) fn row<T: BorshDeserialize>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    decode(bytes, bytes.len()).map_err(|source| StoreError::Row { what, source })
}
