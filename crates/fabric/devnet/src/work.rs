//! Opening the scheduler's store of work.
//!
//! It is read as a whole first. A store that is damaged, suspected or another ledger's is set aside as `work.damaged`.
//! A new one is made from the ledger, which has everything it held.

use crate::error::NetworkError;
use ciro_crypto::Keypair;
use ciro_node::alarm::{Alarm, Notice, words};
use ciro_queue::{EmbeddedStore, Limits, QueueError, WorkStore as _};
use ciro_scheduler::matcher::Effect;
use ciro_scheduler::{Known, LeaseLength, Matcher, Reach, SchedulerError};
use ciro_state::State;
use ciro_types::{BlockId, LeaseToken, chain};
use ciro_validator::Store;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What is needed to open the store of work and the scheduler on it.
pub(crate) struct Work<'a> {
    pub(crate) path: &'a Path,
    pub(crate) key: &'a Keypair,
    pub(crate) leases: LeaseLength,
    pub(crate) reach: Reach,
    pub(crate) state: &'a State,
    pub(crate) store: &'a Store,
    pub(crate) alarm: &'a Alarm,
}

/// A scheduler and its words on starting.
type Opened = (Matcher<EmbeddedStore>, Vec<Effect>);

/// Why the scheduler does not go on with the store that is there.
enum Refused {
    /// The disk is full: the store may well be sound.
    NoRoom(SchedulerError),
    /// The ledger knows better.
    Unusable(String),
}

impl From<SchedulerError> for Refused {
    fn from(error: SchedulerError) -> Self {
        if error.is_no_room() { Self::NoRoom(error) } else { Self::Unusable(chain(&error)) }
    }
}

impl From<QueueError> for Refused {
    fn from(error: QueueError) -> Self {
        Self::from(SchedulerError::Store(error))
    }
}

impl Work<'_> {
    /// Opens the store and the scheduler on it.
    ///
    /// # Errors
    /// If there is no room, or a new store cannot be made.
    pub(crate) fn open(&self) -> Result<Opened, NetworkError> {
        // The database library may panic over pages that it has not written so, when it closes them too.
        let mut issued = None;
        let opened = catch_unwind(AssertUnwindSafe(|| self.go_on(&mut issued)));
        match opened.unwrap_or_else(|panic| Err(Refused::Unusable(format!("panic: {}", words(panic.as_ref()))))) {
            Ok(opened) => Ok(opened),
            Err(Refused::NoRoom(error)) => Err(NetworkError::Scheduler(error)),
            Err(Refused::Unusable(reason)) => self.rebuild(reason, issued),
        }
    }

    /// Goes on with the store that is there. Notes the last token `issued` once that can be relied on.
    fn go_on(&self, issued: &mut Option<LeaseToken>) -> Result<Opened, Refused> {
        let mut work = self.open_store()?;
        work.check_pages()?;
        *issued = Some(work.last_token()?);
        if let Ok(reason) = std::fs::read_to_string(self.alarm.layout.suspect_work()) {
            return Err(Refused::Unusable(format!("the scheduler failed over it: {reason}")));
        }
        match self.contradiction(&work)? {
            Some(reason) => Err(Refused::Unusable(reason)),
            None => Ok(self.start(work)?),
        }
    }

    fn open_store(&self) -> Result<EmbeddedStore, QueueError> {
        EmbeddedStore::open_patiently(self.path, Limits::default(), self.alarm.patience())
    }

    fn start(&self, work: EmbeddedStore) -> Result<Opened, SchedulerError> {
        // A store that cannot be read fails its validator, which says so.
        let last = self.store.block(self.state.height()).ok().flatten().map_or(BlockId::ZERO, |block| block.id());
        let known = Known::of(self.state, last, self.key.account());
        Matcher::open(self.key, self.leases, self.reach.clone(), work, known)
    }

    fn start_anew(&self, issued: Option<LeaseToken>) -> Result<Opened, SchedulerError> {
        let mut work = self.open_store()?;
        if let Some(token) = issued {
            work.start_tokens_beyond(token)?;
        }
        self.start(work)
    }

    /// Why the store of work is not that of this ledger: it remembers a block that the ledger has not. Stores may have been lost, and
    /// this one not.
    fn contradiction(&self, work: &EmbeddedStore) -> Result<Option<String>, QueueError> {
        let Some(mark) = work.mark()? else { return Ok(None) };
        let (block, height) = (mark.block.short(), mark.height);
        let reason = format!("it remembers block {block} at height {height}, which is not this ledger's");
        let head = self.state.height();
        if height > head {
            // A store that was made anew from a peer's lacks the last block at first.
            return Ok((height > head.next()).then_some(reason));
        }
        // A ledger that forgot the block says nothing.
        let Ok(Some(block)) = self.store.block(height) else { return Ok(None) };
        Ok((block.id() != mark.block).then_some(reason))
    }

    /// Makes a new store. No later token is one of the old store's, even where the ledger has gone back. If nobody knows which were
    /// `issued`, the scheduler keeps its distance.
    fn rebuild(&self, reason: String, issued: Option<LeaseToken>) -> Result<Opened, NetworkError> {
        (self.alarm.notify)(Notice::WorkRebuilt { reason });
        let io_error = |source| NetworkError::Io { what: "the work store", source };
        std::fs::rename(self.path, self.path.with_extension("damaged")).map_err(io_error)?;
        let opened = self.start_anew(issued).map_err(NetworkError::Scheduler)?;
        match std::fs::remove_file(self.alarm.layout.suspect_work()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(error)),
            Ok(()) | Err(_) => Ok(opened),
        }
    }
}
