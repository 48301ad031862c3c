//! The open database, and how it is opened again after the disk has failed a write.
//!
//! After a failed write the database library refuses everything until it is opened anew, and whether the last commit
//! happened is known only then. Readers hold the database while they read, so that it is never closed under them.

use crate::error::{StoreError, database as failed};
use redb::{Builder, Database, ReadTransaction, ReadableDatabase as _, WriteTransaction};
use std::ops::Deref;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Pages kept in memory, bytes. The state's rows are in the state machine; this is for tree nodes and recent blocks. Several
/// validators may share a process, so it is small.
const CACHE_BYTES: usize = 8 << 20;

type Open = Box<dyn Fn(&mut Builder) -> Result<Database, redb::DatabaseError> + Send + Sync>;

/// A database that can be opened again.
pub(crate) struct Disk {
    open: Open,
    /// None after it could not be opened again.
    database: RwLock<Option<Database>>,
}

/// A consistent view, during which the database stays open.
pub(crate) struct Reading<'a> {
    // In this order: the view ends before the hold on the database.
    txn: ReadTransaction,
    _held: RwLockReadGuard<'a, Option<Database>>,
}

impl Deref for Reading<'_> {
    type Target = ReadTransaction;

    fn deref(&self) -> &ReadTransaction {
        &self.txn
    }
}

impl Disk {
    pub(crate) fn new(
        open: impl Fn(&mut Builder) -> Result<Database, redb::DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let disk = Self { open: Box::new(open), database: RwLock::new(None) };
        disk.reopen()?;
        Ok(disk)
    }

    /// Closes the database once nobody reads, and opens it at its last durable commit.
    pub(crate) fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The file is locked until it is closed.
        drop(database.take());
        *database = Some((self.open)(Builder::new().set_cache_size(CACHE_BYTES)).map_err(failed)?);
        Ok(())
    }

    pub(crate) fn read(&self) -> Result<Reading<'_>, StoreError> {
        let held = self.ensure_open()?;
        let txn = opened(&held)?.begin_read().map_err(failed)?;
        Ok(Reading { txn, _held: held })
    }

    /// Runs `change` in one durable transaction. Any error takes all of it back, except one of the commit itself, after
    /// which either may be found.
    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = self.try_write(change);
        if let Err(StoreError::NoRoom(_) | StoreError::Database(_)) = &result {
            // What is readable stays readable. If this fails as well, the next read or write tries again and says so.
            let _ = self.reopen();
        }
        result
    }

    fn try_write<T>(&self, change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let held = self.ensure_open()?;
        let txn = opened(&held)?.begin_write().map_err(failed)?;
        let result = change(&txn)?;
        txn.commit().map_err(failed)?;
        Ok(result)
    }

    /// The database, opened again if the last attempt failed.
    fn ensure_open(&self) -> Result<RwLockReadGuard<'_, Option<Database>>, StoreError> {
        let held = self.held();
        if held.is_some() {
            return Ok(held);
        }
        drop(held);
        self.reopen()?;
        Ok(self.held())
    }

    /// A panic elsewhere cannot leave the database half open.
    fn held(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn opened<'a>(held: &'a RwLockReadGuard<'_, Option<Database>>) -> Result<&'a Database, StoreError> {
    held.as_ref().ok_or_else(|| failed(redb::Error::DatabaseClosed))
}
