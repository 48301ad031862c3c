//! The database: one write per block, and every read a node serves.

use crate::disk::{Disk, Reading};
use crate::error::StoreError;
use crate::history::{self, Journal, Retention, Span, TxRecord};
use crate::proof::StateProof;
use crate::tables::{ALL, JOB_HEIGHTS, KeyValue, META, TX_HEIGHTS};
use crate::tree;
use ciro_consensus::{CertifiedHeader, CommitCertificate, DecidedBlock, SealedBlock, SetChange, ValidatorSet};
use ciro_state::{BlockEffects, CommittedEvent, EventPosition, Model, SettlementRecord, Write};
use ciro_types::{Hash32, Height, JobId, ModelId, StateRoot, TxId, decode};
use redb::{StorageBackend, WriteTransaction};
use std::fmt;
use std::path::Path;

/// Changes with the meaning of any table.
const FORMAT: u64 = 3;

/// A validator's database.
pub struct Store {
    pub(crate) disk: Disk,
    retention: Retention,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("retention", &self.retention).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens or creates the database file at `path`. It keeps every block, see [`Store::retaining`].
    ///
    /// # Errors
    /// [`StoreError`] if it is in use, damaged beyond repair, or of another format.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_path_buf();
        Self::checked(Disk::new(move |builder| builder.create(&path))?)
    }

    /// Opens or creates a database on any disk, such as a [`crate::MemoryBackend`], whose clones are the same disk.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(backend: impl StorageBackend + Clone) -> Result<Self, StoreError> {
        Self::checked(Disk::new(move |builder| builder.create_with_backend(backend.clone()))?)
    }

    /// The same store, keeping whole blocks as `retention` says from the next commit on.
    #[must_use]
    pub fn retaining(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    fn checked(disk: Disk) -> Result<Self, StoreError> {
        let store = Self { disk, retention: Retention::All };
        let got = match store.disk.write(create_tables) {
            Ok(format) => format,
            // Numbers were numbers in the first format.
            Err(StoreError::Database(error)) if matches!(*error, redb::Error::TableTypeMismatch { .. }) => 1,
            Err(error) => return Err(error),
        };
        if got == FORMAT { Ok(store) } else { Err(StoreError::Format { expected: FORMAT, got }) }
    }

    /// Writes something that changes nothing: fails as long as the disk has no room.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`].
    pub fn probe(&self) -> Result<(), StoreError> {
        self.disk.write(|txn| META.put(&mut META.edit(txn)?, &"format", &FORMAT))
    }

    /// The last written height, or `None` before the genesis.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn height(&self) -> Result<Option<Height>, StoreError> {
        let reading = self.read()?;
        Ok(META.get(&META.of(&reading)?, &"height")?.map(Height))
    }

    /// The oldest height whose block is kept whole, or would be.
    ///
    /// # Errors
    /// [`StoreError`] if the store is empty or cannot be read.
    pub fn oldest(&self) -> Result<Height, StoreError> {
        Ok(Span::read(&self.read()?)?.oldest)
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
        self.disk.write(|txn| {
            Span { oldest: Height(1), newest: Height(0) }.write(txn)?;
            tree::write(txn, 0, &writes)
        })
    }

    /// Writes a decided block, its certificate and everything it did, all or nothing, and returns the state root after
    /// it. When this returns, all of it survives a crash. `next` is the validator set that its header hands over to, if that is
    /// another one.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] unless the block follows the last one. The store is unchanged on any error, and the same
    /// may be tried again.
    pub fn commit(
        &self,
        decided: &DecidedBlock,
        ids: &[TxId],
        effects: &BlockEffects,
        next: Option<&ValidatorSet>,
    ) -> Result<StateRoot, StoreError> {
        let span = Span::read(&self.read()?)?;
        let (expected, got) = (span.newest.next(), decided.block.height());
        if got != expected {
            return Err(StoreError::OutOfOrder { expected, got });
        }
        let journal = journal(ids, effects);
        let written = self.disk.write(|txn| {
            next.map_or(Ok(()), |next| history::put_handover(txn, decided, next))?;
            self.write_block(txn, span, decided, &journal, &effects.writes)
        });
        match written {
            // The commit failed, and happened all the same: the disk refused what came after it.
            Err(StoreError::NoRoom(_)) if self.height().is_ok_and(|height| height == Some(got)) => self.root(),
            result => result,
        }
    }

    fn write_block(
        &self,
        txn: &WriteTransaction,
        span: Span,
        decided: &DecidedBlock,
        journal: &Journal,
        writes: &[Write],
    ) -> Result<StateRoot, StoreError> {
        let height = decided.block.height();
        history::put_block(txn, decided)?;
        history::put_journal(txn, height, journal)?;
        history::put_removals(txn, height, writes)?;
        history::prune(txn, Span { newest: height, ..span }, self.retention)?.write(txn)?;
        tree::write(txn, height.0, writes)
    }

    /// The state root after the last written height.
    ///
    /// # Errors
    /// [`StoreError`] if the store is empty or cannot be read.
    pub fn root(&self) -> Result<StateRoot, StoreError> {
        let reading = self.read()?;
        tree::root(&reading, Span::read(&reading)?.newest)
    }

    /// Every row of the state, for [`ciro_state::State::restore`]. Not checked: [`Store::check`] does that.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn rows(&self) -> Result<Vec<KeyValue>, StoreError> {
        let reading = self.read()?;
        tree::rows(&reading, Span::read(&reading)?.newest)
    }

    /// The row of `key` after `height`, or its absence, with a proof that has been checked. It is kept for the two latest heights. The
    /// next header will certify the root of the last one. The root of the one before is certified.
    ///
    /// # Errors
    /// [`StoreError::NotKept`] for any other height.
    pub fn prove(&self, height: Height, key: &[u8]) -> Result<(Option<Vec<u8>>, StateProof), StoreError> {
        let reading = self.read()?;
        let newest = Span::read(&reading)?.newest;
        let oldest = Height(newest.0.saturating_sub(1));
        if height < oldest || height > newest {
            return Err(StoreError::NotKept { oldest, newest, got: height });
        }
        tree::prove(&reading, height, key)
    }

    /// The decided block of `height` with its certificate.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] if it is no longer kept; [`StoreError::Damaged`] if it is not what was written.
    pub fn decided(&self, height: Height) -> Result<Option<DecidedBlock>, StoreError> {
        history::decided(&self.read()?, height)
    }

    /// The block of `height`.
    ///
    /// # Errors
    /// As [`Store::decided`].
    pub fn block(&self, height: Height) -> Result<Option<SealedBlock>, StoreError> {
        Ok(self.decided(height)?.map(|decided| decided.block))
    }

    /// The commit certificate of `height`.
    ///
    /// # Errors
    /// As [`Store::decided`].
    pub fn certificate(&self, height: Height) -> Result<Option<CommitCertificate>, StoreError> {
        Ok(self.decided(height)?.map(|decided| decided.certificate))
    }

    /// The certified header of `height`. Of a pruned block it is kept if the block before it settled jobs.
    ///
    /// # Errors
    /// As [`Store::decided`].
    pub fn certified_header(&self, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
        history::certified_header(&self.read()?, height)
    }

    /// Every handover from one validator set to the next whose header is below `height`, in order. They are kept for good.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if one is not what was written.
    pub fn handovers(&self, height: Height) -> Result<Vec<SetChange>, StoreError> {
        history::handovers(&self.read()?, height)
    }

    /// What the block of `height` did.
    ///
    /// # Errors
    /// As [`Store::decided`].
    pub fn journal(&self, height: Height) -> Result<Option<Journal>, StoreError> {
        history::journal(&self.read()?, height)
    }

    /// The jobs settled at `height`, in order. They are kept for good.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if they are not what was written.
    pub fn records(&self, height: Height) -> Result<Vec<SettlementRecord>, StoreError> {
        history::records(&self.read()?, height)
    }

    /// Up to `limit` committed events at or after `from`, in order. Blocks without events cost nothing.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] if events at `from` were kept once and are no longer.
    pub fn events(&self, from: EventPosition, limit: usize) -> Result<Vec<CommittedEvent>, StoreError> {
        let reading = self.read()?;
        let oldest = Span::read(&reading)?.oldest;
        if from.height > Height(0) && from.height < oldest {
            return Err(StoreError::Pruned { oldest, got: from.height });
        }
        history::events(&reading, from, None, limit)
    }

    /// The height of the last block that held this transaction, as long as that block is kept.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn tx_height(&self, id: &TxId) -> Result<Option<Height>, StoreError> {
        history::by_name(&self.read()?, TX_HEIGHTS, Hash32(id.0))
    }

    /// The height at which this job settled.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn settled_height(&self, job: &JobId) -> Result<Option<Height>, StoreError> {
        history::by_name(&self.read()?, JOB_HEIGHTS, Hash32(job.0))
    }

    /// A model that was removed from the state, as long as the block that removed it is kept.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the row is not what was written.
    pub fn removed_model(&self, id: &ModelId) -> Result<Option<Model>, StoreError> {
        let found = history::removed_model(&self.read()?, Hash32(id.0))?;
        let decoded = found.map(|(_, row)| decode(&row, row.len()));
        decoded.transpose().map_err(|source| StoreError::Row { what: "removed_models", source })
    }

    /// How many tree nodes and state rows the database holds: bounded by the size of the state, not of its history.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn tree_size(&self) -> Result<(u64, u64), StoreError> {
        tree::size(&self.read()?)
    }

    pub(crate) fn read(&self) -> Result<Reading<'_>, StoreError> {
        self.disk.read()
    }
}

fn journal(ids: &[TxId], effects: &BlockEffects) -> Journal {
    let results = effects.outcomes.iter().cloned();
    let txs = ids.iter().zip(results).map(|(&id, result)| TxRecord { id, result }).collect();
    Journal { txs, events: effects.events.clone(), records: effects.records.clone() }
}

/// Readers may open a table only if it exists, so a new file gets all of them at once. Returns the file's format.
fn create_tables(txn: &WriteTransaction) -> Result<u64, StoreError> {
    let mut meta = META.edit(txn)?;
    let found = META.get(&meta, &"format")?;
    if found.is_none() {
        if META.get::<u64>(&meta, &"height")?.is_some() {
            return Err(META.damaged(b"format", "a row", "none"));
        }
        META.put(&mut meta, &"format", &FORMAT)?;
    }
    drop(meta);
    for table in ALL {
        table.edit(txn)?;
    }
    tree::create_tables(txn)?;
    Ok(found.unwrap_or(FORMAT))
}
