//! Scheduler, workers and clients: what they learn from a validator, and what they send to it.

use super::{Happening, Ordered, Sim};
use crate::cast::{Place, VALIDATORS};
use crate::model::Shelf;
use crate::node::client::Books;
use crate::node::worker::MEMORY;
use crate::node::{Follower, Request, Stopped, sent};
use crate::plan::{Order, Wish};
use crate::violation::{TokenUse, Violation};
use ciro_api::{Grant, Message};
use ciro_exec::Task;
use ciro_node::counter::known;
use ciro_node::news;
use ciro_state::{Action, Facts, JobAction, SignedTx, job_id};
use ciro_types::{Amount, CapabilityFlags, JobSpec, JobType, MemoryMib, Nonce, Requirements, encode};
use ciro_validator::{Admission, Committed};
use std::sync::Arc;

/// When a worker looks again for the job of a lease, milliseconds.
const LOOK_MS: (u64, u64) = (10, 30);
/// Between two looks at a validator that nothing has prompted, milliseconds.
const POLL_MS: (u64, u64) = (300, 500);
/// What a client pays at most: two workers, the fee, and something to give back.
const MAX_PRICE: Amount = Amount::ciro(25);
/// When an order is repeated by a client that repeats itself, milliseconds after the first time.
const AGAIN_MS: [u64; 2] = [300, 1_700];

impl Sim {
    pub(super) fn follower(&self, place: Place) -> Follower {
        match place {
            Place::Worker(n) => self.workers[n].follower,
            Place::Client(n) => self.clients[n].follower,
            Place::Scheduler | Place::Validator(_) | Place::Stranger(_) => self.scheduler.follower,
        }
    }

    fn follower_mut(&mut self, place: Place) -> &mut Follower {
        match place {
            Place::Worker(n) => &mut self.workers[n].follower,
            Place::Client(n) => &mut self.clients[n].follower,
            Place::Scheduler | Place::Validator(_) | Place::Stranger(_) => &mut self.scheduler.follower,
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
        let Some(validator) = self.validators[home].validator() else { return Ok(()) };
        let state = validator.state();
        match place {
            Place::Scheduler => {
                let started = self.scheduler.start(state, validator.ledger().store());
                self.do_or_stop(place, started)?;
            }
            Place::Worker(n) => {
                let requests = self.workers[n].start(state);
                self.act(place, requests)?;
            }
            Place::Client(_) | Place::Validator(_) | Place::Stranger(_) => {}
        }
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
        self.go_on(place)
    }

    fn on_news(&mut self, place: Place, news: &Committed) -> Result<(), Violation> {
        self.trace.note(self.now_ms, &[b"news", place.to_string().as_bytes(), &news.header.height.0.to_le_bytes()]);
        self.follower_mut(place).next = news.header.height.next();
        self.tell_member(place, &sent(&Message::Block(Box::new(news::block(news)))))
    }

    /// A message arrives at `place`.
    fn tell_member(&mut self, place: Place, message: &Message) -> Result<(), Violation> {
        match place {
            Place::Scheduler => {
                let heard = self.scheduler.hear(message);
                self.do_or_stop(place, heard)
            }
            Place::Worker(n) => {
                let requests = self.workers[n].hear(message);
                self.act(place, requests)
            }
            Place::Client(n) => {
                self.clients[n].hear(message);
                Ok(())
            }
            // Strangers wait for no answer.
            Place::Validator(_) | Place::Stranger(_) => Ok(()),
        }
    }

    fn do_or_stop(&mut self, place: Place, stepped: Result<Vec<Request>, Stopped>) -> Result<(), Violation> {
        match stepped {
            Ok(effects) => self.act(place, effects),
            Err(stopped) => self.on_stopped(place, stopped),
        }
    }

    /// Does what `place` asks for.
    fn act(&mut self, place: Place, requests: Vec<Request>) -> Result<(), Violation> {
        for request in requests {
            match (request, place) {
                (Request::Submit(txs), _) => self.send_txs(place, &txs),
                (Request::Grant(grant), _) => self.hand_out(grant)?,
                (Request::Compute(task), Place::Worker(n)) => self.compute(n, task),
                (Request::Compute(_), _) => {}
            }
        }
        Ok(())
    }

    /// A client's commands go on, if a validator answers.
    fn go_on(&mut self, place: Place) -> Result<(), Violation> {
        let Place::Client(n) = place else { return Ok(()) };
        let Some(home) = self.home(place) else { return Ok(()) };
        let Some(validator) = self.validators[home].validator() else { return Ok(()) };
        let account = place.account();
        let store = validator.ledger().store();
        let nonces = (validator.state().account(&account).nonce, validator.next_nonce(&account));
        // What cannot be read is not known.
        let known = |id| known(store, id).ok().flatten();
        let requests = self.clients[n].go_on(self.now_ms, &Books { nonces, known: &known });
        if let Some(at_ms) = self.clients[n].alarm(self.now_ms) {
            self.at(at_ms, Happening::Poll { place, repeats: false });
        }
        self.act(place, requests)
    }

    /// A lease goes to its worker; it is noted, whether it arrives or not.
    fn hand_out(&mut self, grant: Grant) -> Result<(), Violation> {
        let lease = &grant.lease.lease;
        self.counts.leases += 1;
        self.chain.on_token(lease.token, TokenUse { job: lease.job, worker: lease.worker })?;
        let found = (0..self.workers.len()).find(|n| Place::Worker(*n).account() == lease.worker);
        let Some(worker) = found else { return Ok(()) };
        let text = format!("lease {} for job {} to worker {worker}", lease.token, lease.job.short());
        self.note(&text);
        let message = sent(&Message::Grant(Box::new(grant)));
        let arrives = || Happening::Grant { worker, message: Box::new(message.clone()) };
        self.post(Place::Scheduler, Place::Worker(worker), arrives);
        Ok(())
    }

    pub(super) fn on_grant(&mut self, n: usize, message: Message) -> Result<(), Violation> {
        let Message::Grant(grant) = &message else { return Ok(()) };
        let Some(home) = self.home(Place::Worker(n)) else { return Ok(()) };
        let Some(state) = self.validators[home].state() else { return Ok(()) };
        if state.job(&grant.lease.lease.job).is_none() {
            // The worker's validator is behind the scheduler's: the lease waits for the block that opens its job.
            if state.height() < grant.lease.lease.expires {
                let at_ms = self.soon(LOOK_MS.0, LOOK_MS.1);
                self.at(at_ms, Happening::Grant { worker: n, message: Box::new(message) });
            }
            return Ok(());
        }
        self.tell_member(Place::Worker(n), &message)
    }

    fn compute(&mut self, n: usize, task: Task) {
        let incarnation = self.workers[n].incarnation;
        let at_ms = self.soon(self.plan.compute_ms.0, self.plan.compute_ms.1);
        self.at(at_ms, Happening::Computed { worker: n, incarnation, task: Box::new(task) });
    }

    pub(super) fn on_computed(&mut self, n: usize, incarnation: u64, task: &Task) -> Result<(), Violation> {
        if self.workers[n].incarnation != incarnation || !self.workers[n].is_on() {
            return Ok(());
        }
        self.trace.note(self.now_ms, &[b"computed", &[n as u8], &task.job().0]);
        let requests = self.workers[n].compute(task);
        self.act(Place::Worker(n), requests)
    }

    pub(super) fn on_theft(&mut self, n: usize, action: &Action) -> Result<(), Violation> {
        let requests = self.workers[n].steal(action);
        self.act(Place::Worker(n), requests)
    }

    pub(super) fn on_answer(&mut self, to: Place, admission: &Admission) -> Result<(), Violation> {
        if let Some(verdict) = news::verdict(admission) {
            self.tell_member(to, &sent(&Message::Verdict(Box::new(verdict))))?;
        }
        self.go_on(to)
    }

    fn send_txs(&mut self, place: Place, txs: &[SignedTx]) {
        let Some(home) = self.home(place) else { return };
        for tx in txs {
            let bytes: Arc<[u8]> = encode(tx).into();
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
        self.clients[order.client].ask(job, Action::Job(JobAction::Submit { spec: spec.clone() }), self.now_ms);
        if is_first {
            self.ordered.insert(number, Ordered { order, job, spec });
            self.follow_up(number, &order);
        }
        self.go_on(place)
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
                self.clients[order.client].ask(job, Action::Job(JobAction::Cancel { job }), self.now_ms);
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
