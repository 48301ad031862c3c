//! The scheduler's machine: its queue on one file, and an outbox for what it tells the ledger.

use super::{Follower, Stopped, explain};
use crate::cast::{LEASE_BLOCKS, Place};
use crate::disk::{Disk, Power};
use crate::rng::Rng;
use ciro_engine::Committed;
use ciro_network::Outbox;
use ciro_queue::{EmbeddedLog, Limits};
use ciro_scheduler::{Config, Effect, Ledger, Scheduler};
use ciro_state::{Action, CommittedEvent, Facts, SignedLease, State};
use ciro_types::Height;

/// What runs while the machine is on.
struct Desk {
    scheduler: Scheduler<EmbeddedLog>,
    outbox: Outbox,
}

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
    /// Starts from the queue and the ledger's `state`, and completes the queue with blocks up to that state.
    /// Returns the leases to hand out.
    ///
    /// # Errors
    /// [`Stopped`] if the power goes meanwhile, or the queue does not hold what it must.
    pub fn start(
        &mut self,
        state: &State,
        missed: impl Fn(Height) -> Result<Vec<CommittedEvent>, Stopped>,
    ) -> Result<Vec<SignedLease>, Stopped> {
        let log = self.open_log()?;
        let first = ciro_queue::JobLog::head(&log).map_err(|e| self.stopped(&e))?.map_or(Height(1), |head| head.height);
        let (chain, key) = (state.meta().chain, Place::Scheduler.key());
        let config = Config { chain, key, fee: state.params().fee, lease_blocks: LEASE_BLOCKS };
        let (scheduler, effects) = Scheduler::restore(config, log, Ledger::of(state)).map_err(|e| self.stopped(&e))?;
        let nonce = state.account(&Place::Scheduler.account()).nonce;
        let outbox = Outbox::new(chain, Place::Scheduler.key(), nonce, state.height());
        let mut desk = Desk { scheduler, outbox };
        for height in (first.0..=state.height().0).map(Height) {
            desk.scheduler.on_block(height, &missed(height)?).map_err(|e| self.stopped(&e))?;
        }
        self.follower.next = state.height().next();
        let leases = desk.carry_out(effects);
        self.desk = Some(desk);
        Ok(leases)
    }

    /// Takes in a block. Returns the leases to hand out.
    ///
    /// # Errors
    /// [`Stopped`] if the queue failed.
    pub fn on_news(&mut self, news: &Committed) -> Result<Vec<SignedLease>, Stopped> {
        let Some(desk) = &mut self.desk else { return Ok(Vec::new()) };
        // A block that the ledger includes has been refused or accepted: nobody waits for the job it was about.
        desk.outbox.on_committed(news);
        match desk.scheduler.on_block(news.header.height, &news.events) {
            Ok(effects) => Ok(desk.carry_out(effects)),
            Err(error) => Err(self.stopped(&error)),
        }
    }

    /// Opens the queue. A file whose making was cut short holds nothing; as in the product, it is set aside and made anew.
    fn open_log(&mut self) -> Result<EmbeddedLog, Stopped> {
        let limits = Limits { cache_bytes: 1 << 20, ..Limits::default() };
        let opened = match EmbeddedLog::open_on(self.disk.clone(), limits) {
            Err(_) if !self.is_made && !self.power.is_out() => {
                self.disk.wipe();
                EmbeddedLog::open_on(self.disk.clone(), limits)
            }
            opened => opened,
        };
        self.is_made |= opened.is_ok();
        opened.map_err(|e| self.stopped(&e))
    }

    fn stopped(&self, error: &dyn std::error::Error) -> Stopped {
        if self.power.is_out() { Stopped::Dark } else { Stopped::Broken(explain(error)) }
    }

    /// Takes a step with the outbox, while the machine is on.
    pub fn outbox(&mut self) -> Option<&mut Outbox> {
        self.desk.as_mut().map(|desk| &mut desk.outbox)
    }

    /// The scheduler, while the machine is on.
    #[must_use]
    pub fn scheduler(&self) -> Option<&Scheduler<EmbeddedLog>> {
        self.desk.as_ref().map(|desk| &desk.scheduler)
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

impl Desk {
    fn carry_out(&mut self, effects: Vec<Effect>) -> Vec<SignedLease> {
        let mut leases = Vec::new();
        for effect in effects {
            match effect {
                Effect::Grant(lease) => leases.push(lease),
                Effect::ReportTimeout(lease) => self.outbox.push(None, Action::ReportTimeout { lease }),
            }
        }
        leases
    }
}
