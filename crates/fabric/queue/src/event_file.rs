//! A log of committed events in one redb file.

use crate::error::QueueError;
use crate::events::{EventLog, EventSource};
use ciro_state::{CommittedEvent, EventPosition};
use ciro_types::{Height, decode, encode};
use redb::{AccessGuard, Builder, Database, ReadableDatabase as _, StorageBackend, TableDefinition};
use std::path::Path;

/// (height, index) → the event, in canonical bytes. Keys sort as positions do.
const EVENTS: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("events");
/// The last block appended; one row, or none in a new log.
const HEAD: TableDefinition<'_, (), u64> = TableDefinition::new("head");

/// A row of [`EVENTS`] as the database hands it over.
type Row<'a> = (AccessGuard<'a, (u64, u32)>, AccessGuard<'a, &'static [u8]>);

/// An [`EventLog`] in one file, or on any [`StorageBackend`]. One process writes it.
#[derive(Debug)]
pub struct EventFile(Database);

impl EventFile {
    /// Opens or creates the log at `path`.
    ///
    /// # Errors
    /// [`QueueError::Storage`], for instance when another process holds the file.
    pub fn open(path: &Path) -> Result<Self, QueueError> {
        Self::start(Database::create(path).map_err(QueueError::storage("open the file"))?)
    }

    /// Opens or creates the log on `backend`.
    ///
    /// # Errors
    /// [`QueueError::Storage`].
    pub fn open_on(backend: impl StorageBackend) -> Result<Self, QueueError> {
        Self::start(Builder::new().create_with_backend(backend).map_err(QueueError::storage("open the backend"))?)
    }

    fn start(database: Database) -> Result<Self, QueueError> {
        let making = database.begin_write().map_err(QueueError::storage("begin"))?;
        making.open_table(EVENTS).map_err(QueueError::storage("make a table"))?;
        making.open_table(HEAD).map_err(QueueError::storage("make a table"))?;
        making.commit().map_err(QueueError::storage("commit"))?;
        Ok(Self(database))
    }
}

impl EventSource for EventFile {
    type Error = QueueError;

    fn head(&self) -> Result<Option<Height>, QueueError> {
        let reading = self.0.begin_read().map_err(QueueError::storage("begin"))?;
        let table = reading.open_table(HEAD).map_err(QueueError::storage("open a table"))?;
        let head = table.get(()).map_err(QueueError::storage("read the head"))?;
        Ok(head.map(|height| Height(height.value())))
    }

    fn read(&self, from: EventPosition, limit: usize) -> Result<Vec<CommittedEvent>, QueueError> {
        let reading = self.0.begin_read().map_err(QueueError::storage("begin"))?;
        let table = reading.open_table(EVENTS).map_err(QueueError::storage("open a table"))?;
        let rows = table.range((from.height.0, from.index)..).map_err(QueueError::storage("read events"))?;
        let read = |row: Result<Row<'_>, _>| {
            let (_, bytes) = row.map_err(QueueError::storage("read events"))?;
            decode(bytes.value(), bytes.value().len())
                .map_err(|e| QueueError::Damaged { row: "event", reason: e.to_string() })
        };
        rows.take(limit).map(read).collect()
    }
}

impl EventLog for EventFile {
    fn append(&mut self, height: Height, events: &[CommittedEvent]) -> Result<bool, QueueError> {
        check(height, events)?;
        if self.head()?.is_some_and(|head| head >= height) {
            return Ok(false);
        }
        let writing = self.0.begin_write().map_err(QueueError::storage("begin"))?;
        {
            let mut table = writing.open_table(EVENTS).map_err(QueueError::storage("open a table"))?;
            for event in events {
                let position = (event.position.height.0, event.position.index);
                table.insert(position, encode(event).as_slice()).map_err(QueueError::storage("append an event"))?;
            }
            let mut head = writing.open_table(HEAD).map_err(QueueError::storage("open a table"))?;
            head.insert((), height.0).map_err(QueueError::storage("move the head"))?;
        }
        writing.commit().map_err(QueueError::storage("commit"))?;
        Ok(true)
    }
}

/// Refuses what is not one block's events in order.
fn check(height: Height, events: &[CommittedEvent]) -> Result<(), QueueError> {
    for (index, event) in (0..).zip(events) {
        let (expected, got) = (EventPosition { height, index }, event.position);
        if expected != got {
            return Err(QueueError::Misplaced { expected, got });
        }
    }
    Ok(())
}
