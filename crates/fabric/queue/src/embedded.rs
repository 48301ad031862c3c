//! The default backend: one redb file.
//!
//! redb is copy-on-write with checksums, so a torn commit is recognised and the one before it is used. Changes gather
//! in one write transaction and become durable together at [`WorkStore::commit`].

use crate::error::QueueError;
use crate::patient::{Patience, PatientFile};
use crate::row::{COUNTERS, DEAD, LAST_AGE, LAST_TOKEN, MARK, READY, TIMERS, WORK, WorkKey, WorkRow, from_key, key};
use crate::store::{Age, Claim, Expired, Mark, Released, WorkId, WorkState, WorkStore, WorkView};
use ciro_types::{BlockId, Height, JobId, LeaseToken, encode};
use redb::{Builder, Database, ReadableTable as _, StorageBackend, TableDefinition, WriteTransaction};
use std::cell::Cell;
use std::fmt;
use std::ops::Bound;
use std::path::Path;

/// Bounds of an [`EmbeddedStore`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest payload, bytes.
    pub payload_bytes: usize,
    /// Claims after which work becomes a dead letter.
    pub attempts: u32,
    /// Longest stored reason, bytes.
    pub reason_bytes: usize,
    /// Memory redb may use for pages, bytes.
    pub cache_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload_bytes: 16 << 20, attempts: 16, reason_bytes: 256, cache_bytes: 4 << 20 }
    }
}

/// Tokens issued at one height: 2²⁰ before the next height's range is entered, which is allowed but not expected.
const TOKEN_BITS_PER_HEIGHT: u32 = 20;

/// A [`WorkStore`] in one file, or on any [`StorageBackend`].
pub struct EmbeddedStore {
    database: Database,
    /// The group that is gathering. Reads go through it, so they see the writer's own changes. Gone after a failed
    /// commit: redb may then hold either group, and only a reopened store knows which.
    group: Option<WriteTransaction>,
    /// Whether the group holds anything worth a disk flush.
    dirty: Cell<bool>,
    limits: Limits,
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("limits", &self.limits)
            .field("dirty", &self.dirty)
            .finish_non_exhaustive()
    }
}

impl EmbeddedStore {
    /// Opens or creates the store at `path`.
    ///
    /// # Errors
    /// [`QueueError::Storage`], for instance when another process holds the file.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, QueueError> {
        let database = builder(limits).create(path).map_err(QueueError::storage("open the file"))?;
        Self::start(database, limits)
    }

    /// Opens or creates the store at `path`, which nobody else has open. Its writer waits for room as `patience` says.
    ///
    /// # Errors
    /// [`QueueError::Storage`].
    ///
    /// # Panics
    /// The database library may panic over pages that it has not written so.
    pub fn open_patiently(path: &Path, limits: Limits, patience: Patience) -> Result<Self, QueueError> {
        let file = PatientFile::open(path, patience).map_err(redb::StorageError::from);
        Self::open_on(file.map_err(QueueError::storage("open the file"))?, limits)
    }

    /// Opens or creates the store on `backend`: memory, or a simulated disk that tears writes.
    ///
    /// # Errors
    /// [`QueueError::Storage`].
    pub fn open_on(backend: impl StorageBackend, limits: Limits) -> Result<Self, QueueError> {
        let database = builder(limits).create_with_backend(backend).map_err(QueueError::storage("open the backend"))?;
        Self::start(database, limits)
    }

    /// Reads every page and compares it with its checksum: opening a file alone does not. Cost: linear in the file. What was not
    /// committed is lost.
    ///
    /// # Errors
    /// [`QueueError::Damaged`] if a page is not what was written, [`QueueError::Storage`] if one cannot be read.
    ///
    /// # Panics
    /// As [`Self::open_patiently`].
    pub fn check_pages(&mut self) -> Result<(), QueueError> {
        drop(self.group.take());
        let is_sound = self.database.check_integrity().map_err(QueueError::storage("check its pages"))?;
        self.group = Some(begin(&self.database)?);
        self.dirty.set(false);
        let reason = "its checksum is that of another";
        if is_sound { Ok(()) } else { Err(QueueError::Damaged { row: "page", reason: reason.into() }) }
    }

    fn start(database: Database, limits: Limits) -> Result<Self, QueueError> {
        let group = Some(begin(&database)?);
        let mut store = Self { database, group, dirty: Cell::new(true), limits };
        store.create_tables()?;
        store.flush()?;
        Ok(store)
    }

    /// Makes the group durable and begins the next.
    fn flush(&mut self) -> Result<(), QueueError> {
        self.dirty.set(false);
        let group = self.group.take().ok_or(QueueError::Closed)?;
        group.commit().map_err(QueueError::storage("commit"))?;
        self.group = Some(begin(&self.database)?);
        Ok(())
    }

    fn create_tables(&self) -> Result<(), QueueError> {
        self.table(MARK)?;
        self.table(WORK)?;
        self.table(READY)?;
        self.table(TIMERS)?;
        self.table(DEAD)?;
        self.table(COUNTERS)?;
        Ok(())
    }

    fn check_length(&self, bytes: &[u8]) -> Result<(), QueueError> {
        if bytes.len() > self.limits.payload_bytes {
            return Err(QueueError::TooLong { expected: self.limits.payload_bytes, got: bytes.len() });
        }
        Ok(())
    }

    fn counter(&self, name: &str) -> Result<u64, QueueError> {
        let counters = self.table(COUNTERS)?;
        let value = counters.get(name).map_err(QueueError::storage("read a counter"))?;
        Ok(value.map_or(0, |v| v.value()))
    }

    fn set_counter(&self, name: &str, value: u64) -> Result<(), QueueError> {
        self.put(COUNTERS, name, value)
    }

    fn next_age(&self) -> Result<u64, QueueError> {
        let age = self.counter(LAST_AGE)? + 1;
        self.set_counter(LAST_AGE, age)?;
        Ok(age)
    }

    fn next_token(&self, now: Height) -> Result<LeaseToken, QueueError> {
        let token = (self.counter(LAST_TOKEN)? + 1).max(first_token_of(now));
        self.set_counter(LAST_TOKEN, token)?;
        Ok(LeaseToken(token))
    }

    fn row(&self, work: WorkId) -> Result<Option<WorkRow>, QueueError> {
        let rows = self.table(WORK)?;
        let found = rows.get(key(work)).map_err(QueueError::storage("read work"))?;
        found.map(|bytes| WorkRow::decode(bytes.value())).transpose()
    }

    fn open_row(&self, work: WorkId) -> Result<WorkRow, QueueError> {
        self.row(work)?.ok_or(QueueError::Unknown { work })
    }

    /// The row of `work`, if `token` is the one that holds it.
    fn held_row(&self, work: WorkId, token: LeaseToken) -> Result<WorkRow, QueueError> {
        let row = self.open_row(work)?;
        match row.state {
            WorkState::Claimed { token: holder, .. } if holder == token => Ok(row),
            WorkState::Claimed { token: holder, .. } => {
                Err(QueueError::Stale { work, expected: Some(holder), got: token })
            }
            WorkState::Ready | WorkState::Delayed { .. } | WorkState::Dead { .. } => {
                Err(QueueError::Stale { work, expected: None, got: token })
            }
        }
    }

    /// Writes `row` in `state` and keeps the indexes in step. The one place where work changes.
    fn place(&self, work: WorkId, mut row: WorkRow, state: WorkState) -> Result<(), QueueError> {
        self.unindex(work, &row)?;
        row.state = state;
        match row.state {
            WorkState::Ready => self.put(READY, row.age, key(work))?,
            WorkState::Delayed { until } | WorkState::Claimed { until, .. } => {
                self.put(TIMERS, (until.0, work.job.0, work.seat), ())?;
            }
            WorkState::Dead { .. } => self.put(DEAD, key(work), ())?,
        }
        self.put(WORK, key(work), encode(&row).as_slice())
    }

    fn unindex(&self, work: WorkId, row: &WorkRow) -> Result<(), QueueError> {
        match row.state {
            WorkState::Ready => self.drop_key(READY, row.age),
            WorkState::Delayed { until } | WorkState::Claimed { until, .. } => {
                self.drop_key(TIMERS, (until.0, work.job.0, work.seat))
            }
            WorkState::Dead { .. } => self.drop_key(DEAD, key(work)),
        }
    }

    fn close(&self, work: WorkId, row: &WorkRow) -> Result<(), QueueError> {
        self.unindex(work, row)?;
        self.drop_key(WORK, key(work))
    }

    /// Puts released work back in line, or among the dead letters.
    fn release(
        &self,
        work: WorkId,
        row: WorkRow,
        now: Height,
        ready_at: Height,
        reason: &str,
    ) -> Result<Released, QueueError> {
        if row.attempts >= self.limits.attempts {
            let reason = truncate(reason, self.limits.reason_bytes);
            self.place(work, row, WorkState::Dead { reason })?;
            return Ok(Released::Dead);
        }
        let state = if ready_at <= now { WorkState::Ready } else { WorkState::Delayed { until: ready_at } };
        self.place(work, row, state)?;
        Ok(Released::Requeued)
    }

    fn due(&self, now: Height) -> Result<Vec<WorkId>, QueueError> {
        let timers = self.table(TIMERS)?;
        let range = timers.range(..=(now.0, [u8::MAX; 32], u8::MAX)).map_err(QueueError::storage("scan timers"))?;
        range
            .map(|item| {
                let (key, _) = item.map_err(QueueError::storage("scan timers"))?;
                let (_, job, seat) = key.value();
                Ok(WorkId { job: JobId(job), seat })
            })
            .collect()
    }

    fn seat_ids(&self, job: JobId) -> Result<Vec<WorkId>, QueueError> {
        let rows = self.table(WORK)?;
        let range = rows.range((job.0, 0)..=(job.0, u8::MAX)).map_err(QueueError::storage("scan work"))?;
        range
            .map(|item| {
                let (work, _) = item.map_err(QueueError::storage("scan work"))?;
                Ok(from_key(work.value()))
            })
            .collect()
    }

    fn view(&self, work: WorkId) -> Result<WorkView, QueueError> {
        let row = self.row(work)?.ok_or_else(|| QueueError::Damaged {
            row: "index",
            reason: format!("it names {work}, which is not stored"),
        })?;
        Ok(row.into_view(work))
    }

    fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<redb::Table<'_, K, V>, QueueError> {
        let group = self.group.as_ref().ok_or(QueueError::Closed)?;
        group.open_table(definition).map_err(QueueError::storage("open a table"))
    }

    fn put<'k, 'v, K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
        key: impl std::borrow::Borrow<K::SelfType<'k>>,
        value: impl std::borrow::Borrow<V::SelfType<'v>>,
    ) -> Result<(), QueueError> {
        self.dirty.set(true);
        self.table(definition)?.insert(key, value).map_err(QueueError::storage("write a row"))?;
        Ok(())
    }

    fn drop_key<'k, K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
        key: impl std::borrow::Borrow<K::SelfType<'k>>,
    ) -> Result<(), QueueError> {
        self.dirty.set(true);
        self.table(definition)?.remove(key).map_err(QueueError::storage("remove a row"))?;
        Ok(())
    }
}

impl WorkStore for EmbeddedStore {
    fn mark(&self) -> Result<Option<Mark>, QueueError> {
        let row = self.table(MARK)?;
        let found = row.get(()).map_err(QueueError::storage("read the mark"))?;
        Ok(found.map(|found| {
            let (height, block) = found.value();
            Mark { height: Height(height), block: BlockId(block) }
        }))
    }

    fn enqueue(&mut self, work: WorkId, payload: &[u8]) -> Result<bool, QueueError> {
        self.check_length(payload)?;
        if self.row(work)?.is_some() {
            return Ok(false);
        }
        let row = WorkRow { age: self.next_age()?, attempts: 0, state: WorkState::Ready, payload: payload.to_vec() };
        self.place(work, row, WorkState::Ready)?;
        Ok(true)
    }

    fn ready(&self, after: Age, limit: usize) -> Result<Vec<WorkView>, QueueError> {
        let line = self.table(READY)?;
        let range = line.range(after.0 + 1..).map_err(QueueError::storage("scan ready work"))?;
        range
            .take(limit)
            .map(|item| {
                let (_, work) = item.map_err(QueueError::storage("scan ready work"))?;
                self.view(from_key(work.value()))
            })
            .collect()
    }

    fn seats(&self, job: JobId) -> Result<Vec<WorkView>, QueueError> {
        self.seat_ids(job)?.into_iter().map(|work| self.view(work)).collect()
    }

    fn jobs(&self, after: Option<JobId>, limit: usize) -> Result<Vec<JobId>, QueueError> {
        let rows = self.table(WORK)?;
        let from = after.map_or(Bound::Unbounded, |job| Bound::Excluded((job.0, u8::MAX)));
        let range = rows.range((from, Bound::Unbounded)).map_err(QueueError::storage("scan work"))?;
        let mut jobs = Vec::new();
        for item in range {
            let (work, _) = item.map_err(QueueError::storage("scan work"))?;
            let job = from_key(work.value()).job;
            if jobs.last() != Some(&job) {
                if jobs.len() == limit {
                    break;
                }
                jobs.push(job);
            }
        }
        Ok(jobs)
    }

    fn work(&self, work: WorkId) -> Result<Option<WorkView>, QueueError> {
        Ok(self.row(work)?.map(|row| row.into_view(work)))
    }

    fn claim(&mut self, work: WorkId, now: Height, until: Height, payload: &[u8]) -> Result<Claim, QueueError> {
        self.check_length(payload)?;
        let mut row = self.open_row(work)?;
        if row.state != WorkState::Ready {
            return Err(QueueError::NotReady { work });
        }
        row.attempts += 1;
        row.payload = payload.to_vec();
        let claim = Claim { token: self.next_token(now)?, attempt: row.attempts };
        self.place(work, row, WorkState::Claimed { token: claim.token, until })?;
        Ok(claim)
    }

    fn extend(&mut self, work: WorkId, token: LeaseToken, until: Height) -> Result<(), QueueError> {
        let row = self.held_row(work, token)?;
        self.place(work, row, WorkState::Claimed { token, until })
    }

    fn ack(&mut self, work: WorkId, token: LeaseToken) -> Result<(), QueueError> {
        let row = self.held_row(work, token)?;
        self.close(work, &row)
    }

    fn nack(
        &mut self,
        work: WorkId,
        token: LeaseToken,
        now: Height,
        ready_at: Height,
        reason: &str,
    ) -> Result<Released, QueueError> {
        let row = self.held_row(work, token)?;
        self.release(work, row, now, ready_at, reason)
    }

    fn tick(&mut self, now: Height) -> Result<Vec<Expired>, QueueError> {
        let mut expired = Vec::new();
        for work in self.due(now)? {
            let row = self.open_row(work)?;
            match row.state {
                WorkState::Claimed { token, .. } => {
                    let released = self.release(work, row, now, now, "the claim expired")?;
                    expired.push(Expired { work, token, released });
                }
                WorkState::Ready | WorkState::Delayed { .. } | WorkState::Dead { .. } => {
                    self.place(work, row, WorkState::Ready)?;
                }
            }
        }
        Ok(expired)
    }

    fn retire(&mut self, job: JobId) -> Result<(), QueueError> {
        for work in self.seat_ids(job)? {
            let row = self.open_row(work)?;
            self.close(work, &row)?;
        }
        Ok(())
    }

    fn dead(&self, limit: usize) -> Result<Vec<WorkView>, QueueError> {
        let letters = self.table(DEAD)?;
        let range = letters.range::<WorkKey>(..).map_err(QueueError::storage("scan dead letters"))?;
        range
            .take(limit)
            .map(|item| {
                let (work, _) = item.map_err(QueueError::storage("scan dead letters"))?;
                self.view(from_key(work.value()))
            })
            .collect()
    }

    fn revive(&mut self, work: WorkId) -> Result<(), QueueError> {
        let mut row = self.open_row(work)?;
        if !matches!(row.state, WorkState::Dead { .. }) {
            return Err(QueueError::Unknown { work });
        }
        self.unindex(work, &row)?;
        row.attempts = 0;
        self.place(work, row, WorkState::Ready)
    }

    fn start_tokens_after(&mut self, height: Height) -> Result<(), QueueError> {
        self.start_tokens_beyond(LeaseToken(first_token_of(height.next()) - 1))
    }

    fn last_token(&self) -> Result<LeaseToken, QueueError> {
        Ok(LeaseToken(self.counter(LAST_TOKEN)?))
    }

    fn start_tokens_beyond(&mut self, token: LeaseToken) -> Result<(), QueueError> {
        self.set_counter(LAST_TOKEN, self.last_token()?.max(token).0)
    }

    fn commit(&mut self, mark: Mark) -> Result<(), QueueError> {
        if self.dirty.get() {
            self.put(MARK, (), (mark.height.0, mark.block.0))?;
            self.flush()?;
        }
        Ok(())
    }
}

fn builder(limits: Limits) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(limits.cache_bytes);
    builder
}

fn begin(database: &Database) -> Result<WriteTransaction, QueueError> {
    database.begin_write().map_err(QueueError::storage("begin a group"))
}

/// The smallest token that may be issued at `height`.
fn first_token_of(height: Height) -> u64 {
    height.0.saturating_mul(1 << TOKEN_BITS_PER_HEIGHT)
}

/// The longest prefix of `text` within `limit` bytes that ends between characters.
fn truncate(text: &str, limit: usize) -> String {
    text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= limit).map(|(_, c)| c).collect()
}
