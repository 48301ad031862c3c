//! The scheduler's machine: the product's desk with a matcher alone, and its queue on one file.

use super::{Follower, Stopped};
use crate::cast::{Place, leases};
use crate::disk::{Disk, Power};
use crate::rng::Rng;
use ciro_devnet::desk::{Effect, Input};
use ciro_devnet::{Desk, Matcher};
use ciro_engine::Store;
use ciro_queue::{EmbeddedStore, Limits};
use ciro_scheduler::{Reach, Scheduler};
use ciro_state::State;
use ciro_types::{Height, chain};

/// The scheduler's machine.
pub struct SchedulerNode {
    power: Power,
    disk: Disk,
    /// The queue's file was made whole once: from then on damage is a fault, not a making cut short.
    is_made: bool,
    desk: Option<Desk>,
    /// Whom it follows.
    pub follower: Follower,
}

impl Default for SchedulerNode {
    fn default() -> Self {
        let power = Power::default();
        let disk = Disk::new(&power);
        Self { power, disk, is_made: false, desk: None, follower: Follower { home: 0, next: Height(1) } }
    }
}

impl SchedulerNode {
    /// Starts from the queue, the ledger's `state` and the `store` it is kept in. Returns what to do.
    ///
    /// # Errors
    /// [`Stopped`] if the power goes meanwhile, or the queue does not hold what it must.
    pub fn start(&mut self, state: &State, store: &Store) -> Result<Vec<Effect>, Stopped> {
        let work = self.open_work()?;
        let opened = Matcher::open(&Place::Scheduler.key(), leases(), Reach::Everyone, work, state, store);
        let (matcher, first) = opened.map_err(|e| self.stopped(&e))?;
        let mut desk = Desk::new(Some(matcher), Vec::new());
        let effects = desk.start(state, first);
        self.follower.next = state.height().next();
        self.desk = Some(desk);
        Ok(effects)
    }

    /// Takes one step, if the machine is on. Returns what to do.
    ///
    /// # Errors
    /// [`Stopped`] if the queue failed.
    pub fn step(&mut self, input: Input<'_>) -> Result<Vec<Effect>, Stopped> {
        match self.desk.as_mut().map(|desk| desk.step(input)) {
            Some(Ok(effects)) => Ok(effects),
            Some(Err(error)) => Err(self.stopped(&error)),
            None => Ok(Vec::new()),
        }
    }

    /// Opens the queue. A file whose making was cut short holds nothing; as in the product, it is set aside and made anew.
    fn open_work(&mut self) -> Result<EmbeddedStore, Stopped> {
        let limits = Limits { cache_bytes: 1 << 20, ..Limits::default() };
        let opened = match EmbeddedStore::open_on(self.disk.clone(), limits) {
            Err(_) if !self.is_made && !self.power.is_out() => {
                self.disk.wipe();
                EmbeddedStore::open_on(self.disk.clone(), limits)
            }
            opened => opened,
        };
        self.is_made |= opened.is_ok();
        opened.map_err(|e| self.stopped(&e))
    }

    fn stopped(&self, error: &dyn std::error::Error) -> Stopped {
        if self.power.is_out() { Stopped::Dark } else { Stopped::Broken(chain(error)) }
    }

    /// The scheduler, while the machine is on.
    #[must_use]
    pub fn scheduler(&self) -> Option<&Scheduler<EmbeddedStore>> {
        Some(&self.desk.as_ref()?.matcher.as_ref()?.scheduler)
    }

    /// Cuts the power at a later flush.
    pub fn cut_after(&self, flushes: u64) {
        self.power.cut_after(flushes);
    }

    /// The machine is off, and its disk holds what the cut left, or nothing.
    pub fn crash(&mut self, rng: &mut Rng, wipes: bool) {
        self.power.cut();
        self.desk = None;
        self.disk.crash(rng);
        if wipes {
            self.disk.wipe();
            self.is_made = false;
        }
        self.power.restore();
    }
}
