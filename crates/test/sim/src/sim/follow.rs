//! Scheduler, workers and clients: what they learn from a validator, and what they send to it.

use super::{Happening, Ordered, Sim};
use crate::cast::{Place, VALIDATORS};
use crate::model::Shelf;
use crate::node::Follower;
use crate::node::worker::MEMORY;
use crate::plan::{Order, Wish};
use crate::violation::{TokenUse, Violation};
use ciro_engine::{Admission, Committed};
use ciro_state::{Action, Facts, SignedLease, SignedTx, job_id};
use ciro_types::{Amount, CapabilityFlags, JobSpec, JobType, MemoryMib, Nonce, Requirements, encode};
use ciro_worker::Task;
use std::sync::Arc;

/// Between two looks at a validator that nothing has prompted, milliseconds.
const POLL_MS: (u64, u64) = (300, 500);
/// How long a task takes, milliseconds.
const COMPUTE_MS: (u64, u64) = (5, 80);
/// What a client pays at most: two workers, the fee, and something to give back.
const MAX_PRICE: Amount = Amount::ciro(25);
/// When an order is repeated by a client that repeats itself, milliseconds after the first time.
const AGAIN_MS: [u64; 2] = [300, 1_700];

impl Sim {
    pub(super) fn follower(&self, place: Place) -> Follower {
        match place {
            Place::Worker(n) => self.workers[n].follower,
            Place::Client(n) => self.clients[n].follower,
            Place::Scheduler | Place::Validator(_) => self.scheduler.follower,
        }
    }

    fn follower_mut(&mut self, place: Place) -> &mut Follower {
        match place {
            Place::Worker(n) => &mut self.workers[n].follower,
            Place::Client(n) => &mut self.clients[n].follower,
            Place::Scheduler | Place::Validator(_) => &mut self.scheduler.follower,
        }
    }

    /// The validator that `place` talks to: another one if the last does not answer.
    fn home(&mut self, place: Place) -> Option<usize> {
        let answers =
            |sim: &Self, n: usize| sim.validators[n].state().is_some() && sim.is_linked(place, Place::Validator(n));
        let home = self.follower(place).home;
        if answers(self, home) {
            return Some(home);
        }
        let others: Vec<usize> = (0..VALIDATORS).filter(|n| answers(self, *n)).collect();
        if others.is_empty() {
            return None;
        }
        let home = others[self.rng.index(others.len())];
        self.follower_mut(place).home = home;
        Some(home)
    }

    /// Switches a machine on. Without a validator to ask it tries again at its next poll.
    pub(super) fn start_follower(&mut self, place: Place) -> Result<(), Violation> {
        let Some(home) = self.home(place) else {
            self.starting.insert(place);
            return Ok(());
        };
        self.starting.remove(&place);
        let validator = &self.validators[home];
        let Some(state) = validator.state() else { return Ok(()) };
        match place {
            Place::Scheduler => match self.scheduler.start(state, |height| validator.events(height)) {
                Ok(leases) => self.hand_out(leases)?,
                Err(stopped) => self.on_stopped(place, stopped)?,
            },
            Place::Worker(n) => {
                let tasks = self.workers[n].start(state);
                self.compute(n, tasks);
            }
            Place::Client(_) | Place::Validator(_) => {}
        }
        self.flush(place);
        Ok(())
    }

    pub(super) fn on_poll(&mut self, place: Place, repeats: bool) -> Result<(), Violation> {
        if repeats {
            let at_ms = self.soon(POLL_MS.0, POLL_MS.1);
            self.at(at_ms, Happening::Poll { place, repeats });
        }
        if self.starting.contains(&place) {
            self.start_follower(place)?;
        }
        while self.is_on(place) {
            let Some(home) = self.home(place) else { return Ok(()) };
            let next = self.follower(place).next;
            let news = self.chain.block(next).filter(|_| self.validators[home].has(next));
            let Some(news) = news.cloned() else { break };
            self.on_news(place, &news)?;
        }
        self.flush(place);
        Ok(())
    }

    fn on_news(&mut self, place: Place, news: &Committed) -> Result<(), Violation> {
        self.trace.note(self.now_ms, &[b"news", place.to_string().as_bytes(), &news.header.height.0.to_le_bytes()]);
        self.follower_mut(place).next = news.header.height.next();
        match place {
            Place::Scheduler => match self.scheduler.on_news(news) {
                Ok(leases) => self.hand_out(leases)?,
                Err(stopped) => self.on_stopped(place, stopped)?,
            },
            Place::Worker(n) => {
                let tasks = self.workers[n].on_news(news);
                self.compute(n, tasks);
            }
            Place::Client(n) => self.clients[n].on_news(news),
            Place::Validator(_) => {}
        }
        Ok(())
    }

    /// Leases go to their workers; each is noted, whether it arrives or not.
    fn hand_out(&mut self, leases: Vec<SignedLease>) -> Result<(), Violation> {
        for lease in leases {
            let grant = &lease.lease;
            self.counts.leases += 1;
            self.chain.on_token(grant.token, TokenUse { job: grant.job, worker: grant.worker })?;
            let found = (0..self.workers.len()).find(|n| Place::Worker(*n).account() == grant.worker);
            let Some(worker) = found else { continue };
            let text = format!("lease {} for job {} to worker {worker}", grant.token, grant.job.short());
            self.note(&text);
            let grant = || Happening::Grant { worker, lease: Box::new(lease.clone()) };
            self.post(Place::Scheduler, Place::Worker(worker), grant);
        }
        Ok(())
    }

    pub(super) fn on_grant(&mut self, n: usize, lease: SignedLease) -> Result<(), Violation> {
        let Some(home) = self.home(Place::Worker(n)) else { return Ok(()) };
        let job = self.validators[home].state().and_then(|state| state.job(&lease.lease.job));
        // A worker whose validator does not know the job yet has nothing to look it up in.
        let Some(spec) = job.map(|job| job.spec.clone()) else { return Ok(()) };
        let tasks = self.workers[n].on_lease(lease, &spec);
        self.compute(n, tasks);
        self.flush(Place::Worker(n));
        Ok(())
    }

    fn compute(&mut self, n: usize, tasks: Vec<Task>) {
        let incarnation = self.workers[n].incarnation;
        for task in tasks {
            let at_ms = self.soon(COMPUTE_MS.0, COMPUTE_MS.1);
            self.at(at_ms, Happening::Computed { worker: n, incarnation, task: Box::new(task) });
        }
    }

    pub(super) fn on_computed(&mut self, n: usize, incarnation: u64, task: &Task) -> Result<(), Violation> {
        if self.workers[n].incarnation != incarnation || !self.workers[n].is_on() {
            return Ok(());
        }
        self.trace.note(self.now_ms, &[b"computed", &[n as u8], &task.job().0]);
        let tasks = self.workers[n].compute(task);
        self.compute(n, tasks);
        self.flush(Place::Worker(n));
        Ok(())
    }

    pub(super) fn on_theft(&mut self, n: usize, action: &Action) -> Result<(), Violation> {
        self.workers[n].steal(action);
        self.flush(Place::Worker(n));
        Ok(())
    }

    pub(super) fn on_answer(&mut self, to: Place, admission: Admission) -> Result<(), Violation> {
        let (Some(id), Err(error)) = (admission.tx, admission.result) else { return Ok(()) };
        match to {
            Place::Worker(n) => {
                let tasks = self.workers[n].on_refused(id, error);
                self.compute(n, tasks);
            }
            Place::Client(n) => self.clients[n].on_refused(id, error),
            Place::Scheduler => {
                if let Some(outbox) = self.scheduler.outbox() {
                    outbox.on_refused(id, error);
                }
            }
            Place::Validator(_) => {}
        }
        Ok(())
    }

    /// Sends what is due.
    fn flush(&mut self, place: Place) {
        let outbox = match place {
            Place::Scheduler => self.scheduler.outbox(),
            Place::Worker(n) => self.workers[n].outbox(),
            Place::Client(n) => Some(&mut self.clients[n].outbox),
            Place::Validator(_) => None,
        };
        let due: Vec<SignedTx> = outbox.map(ciro_network::Outbox::flush).unwrap_or_default();
        let Some(home) = self.home(place) else { return };
        for tx in due {
            let bytes: Arc<[u8]> = encode(&tx).into();
            let on_arrival = || Happening::Submit { from: place, to: home, bytes: Arc::clone(&bytes) };
            self.post(place, Place::Validator(home), on_arrival);
        }
    }

    pub(super) fn on_order(&mut self, number: usize) -> Result<(), Violation> {
        let order = self.plan.orders[number];
        let place = Place::Client(order.client);
        let is_first = !self.ordered.contains_key(&number);
        let spec = match self.ordered.get(&number) {
            Some(ordered) => ordered.spec.clone(),
            None => self.spec(number, &order),
        };
        let job = job_id(&spec);
        self.note(&format!("{place} orders job {} at {:?}: {:?}", job.short(), order.assurance, order.wish));
        self.clients[order.client].ask(job, Action::SubmitJob { spec: spec.clone() });
        if is_first {
            self.ordered.insert(number, Ordered { order, job, spec });
            self.follow_up(number, &order);
        }
        self.flush(place);
        Ok(())
    }

    fn follow_up(&mut self, number: usize, order: &Order) {
        match order.wish {
            Wish::Repeated => {
                for after_ms in AGAIN_MS {
                    self.at(self.now_ms + after_ms, Happening::Order { number });
                }
            }
            Wish::Withdrawn => {
                let job = self.ordered[&number].job;
                self.clients[order.client].ask(job, Action::CancelJob { job });
            }
            Wish::Plain | Wish::Oversized | Wish::Inputless => {}
        }
    }

    fn spec(&self, number: usize, order: &Order) -> JobSpec {
        let shelf = Shelf::shared();
        let input = if order.wish == Wish::Inputless { usize::MAX } else { order.input };
        let memory = if order.wish == Wish::Oversized { MemoryMib(MEMORY.0 + 1) } else { MemoryMib(64) };
        let seen = self.clients[order.client].follower.next;
        JobSpec {
            chain: self.chain_id,
            client: Place::Client(order.client).account(),
            nonce: Nonce(number as u64),
            job_type: JobType::AIInference,
            model: shelf.model,
            input: shelf.input_hash(input),
            assurance: order.assurance,
            max_price: MAX_PRICE,
            deadline: seen.plus(order.blocks),
            requirements: Requirements { memory, flags: CapabilityFlags::default(), min_reputation: 0 },
        }
    }
}
