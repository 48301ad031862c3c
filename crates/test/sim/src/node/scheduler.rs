//! The scheduler's machine: the product's matcher, and its queue on one file.

use super::{Follower, Request, Stopped};
use crate::cast::{Place, leases};
use crate::disk::{Disk, Power};
use crate::rng::Rng;
use ciro_api::Message;
use ciro_queue::{EmbeddedStore, Limits};
use ciro_scheduler::matcher::{Effect, Input};
use ciro_scheduler::{Known, Matcher, Reach, Scheduler, SchedulerError};
use ciro_state::State;
use ciro_types::{BlockId, Height, chain};
use ciro_validator::Store;

/// The scheduler's machine.
pub struct SchedulerNode {
    power: Power,
    disk: Disk,
    /// The queue's file was made whole once: from then on damage is a fault, not a making cut short.
    is_made: bool,
    matcher: Option<Matcher<EmbeddedStore>>,
    /// Whom it follows.
    pub follower: Follower,
}

impl Default for SchedulerNode {
    fn default() -> Self {
        let power = Power::default();
        let disk = Disk::new(&power);
        Self { power, disk, is_made: false, matcher: None, follower: Follower { home: 0, next: Height(1) } }
    }
}

impl SchedulerNode {
    /// Starts from the queue, the ledger's `state` and the `store` it is kept in. Returns what to do.
    ///
    /// # Errors
    /// [`Stopped`] if the power goes meanwhile, or the queue does not hold what it must.
    pub fn start(&mut self, state: &State, store: &Store) -> Result<Vec<Request>, Stopped> {
        let (work, key) = (self.open_work()?, Place::Scheduler.key());
        let last = store.block(state.height()).ok().flatten().map_or(BlockId::ZERO, |block| block.id());
        let known = Known::of(state, last, key.account());
        let opened = Matcher::open(&key, leases(), Reach::Everyone, work, known);
        let (matcher, first) = opened.map_err(|e| self.stopped(&e))?;
        self.follower.next = state.height().next();
        self.matcher = Some(matcher);
        Ok(first.into_iter().map(Request::from).collect())
    }

    /// Takes in a message, if the machine is on. Returns what to do.
    ///
    /// # Errors
    /// [`Stopped`] if the queue failed.
    pub fn hear(&mut self, message: &Message) -> Result<Vec<Request>, Stopped> {
        let Some((matcher, input)) = self.matcher.as_mut().zip(Input::of(message)) else { return Ok(Vec::new()) };
        let stepped: Result<Vec<Effect>, SchedulerError> = matcher.step(input);
        let effects = stepped.map_err(|e| self.stopped(&e))?;
        Ok(effects.into_iter().map(Request::from).collect())
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
        Some(&self.matcher.as_ref()?.scheduler)
    }

    /// Cuts the power at a later flush.
    pub fn cut_after(&self, flushes: u64) {
        self.power.cut_after(flushes);
    }

    /// The machine is off, and its disk holds what the cut left, or nothing.
    pub fn crash(&mut self, rng: &mut Rng, wipes: bool) {
        self.power.cut();
        self.matcher = None;
        self.disk.crash(rng);
        if wipes {
            self.disk.wipe();
            self.is_made = false;
        }
        self.power.restore();
    }
}
