//! The thread that connects the ledger to its workers: committed blocks to the scheduler, leases to workers, answers to the
//! ledger, and outcomes to the clients that wait for them.
//!
//! Everything here can be made again from the ledger's state: a crash loses no job, because the job is the ledger's.

use crate::latency::Latencies;
use crate::outbox::Outbox;
use crate::pool::{Computed, Pool};
use crate::validator::Mail;
use ciro_engine::{Admission, Committed, SubmitError};
use ciro_gateway::{NodeError, Until};
use ciro_queue::EmbeddedLog;
use ciro_scheduler::{Effect as Scheduled, Scheduler, SchedulerError};
use ciro_state::{Action, CommittedEvent, Event, Params, SignedTx, State, TxError};
use ciro_types::{AccountId, Amount, CapabilityFlags, Height, MemoryMib, Offer, TxId, encode};
use ciro_worker::{Effect as Ordered, Input, Worker};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A look at the scheduler.
pub type Question = Box<dyn FnOnce(&mut Scheduler<EmbeddedLog>) + Send>;

/// What the dispatcher is sent.
pub enum Job {
    /// The followed validator committed a block.
    Committed(Arc<Committed>),
    /// What became of a submitted transaction.
    Admission(Admission),
    /// A pool thread is done.
    Computed(Computed),
    /// A client's transaction.
    Client {
        /// The transaction.
        tx: Box<SignedTx>,
        /// When the client is answered.
        until: Until,
        /// Where the client waits.
        reply: Sender<Result<TxId, NodeError>>,
    },
    /// A question to the scheduler.
    Ask(Question),
    /// No more.
    Stop,
}

/// A client that waits for a transaction.
pub struct Waiter {
    /// For what.
    pub until: Until,
    /// Where.
    pub reply: Sender<Result<TxId, NodeError>>,
}

impl Waiter {
    fn answer(self, result: Result<TxId, NodeError>) {
        // A client that stopped waiting needs no answer.
        let _ = self.reply.send(result);
    }
}

/// A worker of this process, and the account it acts for.
pub struct Hand {
    /// Decides.
    pub worker: Worker,
    /// Sends.
    pub outbox: Outbox,
    /// Its standing offer, as last published.
    pub offer: Offer,
}

/// See the module's documentation.
pub struct Dispatcher {
    /// Matches jobs to workers.
    pub scheduler: Scheduler<EmbeddedLog>,
    /// Sends what the scheduler reports.
    pub reports: Outbox,
    /// The workers of this process.
    pub hands: Vec<Hand>,
    /// Computes answers.
    pub pool: Pool,
    /// The followed validator.
    pub ledger: SyncSender<Mail>,
    /// Clients that wait for a transaction.
    pub clients: BTreeMap<TxId, Vec<Waiter>>,
    /// How long jobs take.
    pub latencies: Arc<Mutex<Latencies>>,
    /// Told of every block, last of all.
    pub head: watch::Sender<Height>,
    /// The network's fixed numbers.
    pub params: Params,
}

impl Dispatcher {
    /// Works until told to stop. `first` are the scheduler's words on starting.
    ///
    /// # Errors
    /// If the job log fails.
    pub fn run(mut self, state: &State, first: Vec<Scheduled>, jobs: &Receiver<Job>) -> Result<(), SchedulerError> {
        self.resume(state, first);
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Committed(committed) => self.on_committed(&committed)?,
                Job::Admission(admission) => self.on_admission(admission),
                Job::Computed(computed) => self.on_computed(computed),
                Job::Client { tx, until, reply } => self.on_client(&tx, Waiter { until, reply }),
                Job::Ask(question) => question(&mut self.scheduler),
                Job::Stop => return Ok(()),
            }
            self.flush();
        }
        Ok(())
    }

    /// Picks up where the process before stopped: commitments to open, leases that are out, offers to renew.
    fn resume(&mut self, state: &State, first: Vec<Scheduled>) {
        for number in 0..self.hands.len() {
            self.join(state, number);
            let known: Vec<_> = state.jobs().filter(|(_, job)| job.is_open()).collect();
            for (id, job) in known {
                let effects = self.hands[number].worker.step(Input::Known { id: *id, job });
                self.carry_out(number, effects);
            }
        }
        self.schedule(first);
        self.flush();
    }

    /// Registers a worker that is new to the ledger, and publishes its offer.
    fn join(&mut self, state: &State, number: usize) {
        let hand = &mut self.hands[number];
        let account = hand.worker.account();
        let registered = state.worker(&account);
        if registered.is_none() {
            hand.outbox.push(None, Action::RegisterWorker { stake: crate::genesis::WORKER_STAKE });
        }
        hand.offer.sequence = registered.map_or(0, |worker| worker.offer_sequence);
        self.renew(number, state.height());
    }

    /// Publishes the worker's offer for as long as the ledger lets it stand.
    fn renew(&mut self, number: usize, now: Height) {
        let hand = &mut self.hands[number];
        hand.offer.sequence += 1;
        // One below the limit: the transaction may be executed a block later than it is made, never earlier.
        hand.offer.expires = now.plus(self.params.max_offer_blocks.max(2) - 1);
        hand.outbox.push(None, Action::PublishOffer { offer: hand.offer.clone() });
    }

    fn on_committed(&mut self, committed: &Committed) -> Result<(), SchedulerError> {
        let height = committed.header.height;
        let effects = self.scheduler.on_block(height, &committed.events)?;
        self.conclude_transactions(committed);
        self.note_latencies(&committed.events);
        for number in 0..self.hands.len() {
            let input = Input::Block { height, events: &committed.events };
            let effects = self.hands[number].worker.step(input);
            self.carry_out(number, effects);
            if self.hands[number].offer.expires.0 < height.0 + self.params.max_offer_blocks / 2 {
                self.renew(number, height);
            }
        }
        self.schedule(effects);
        self.answer_clients(committed);
        self.head.send_replace(height);
        Ok(())
    }

    fn conclude_transactions(&mut self, committed: &Committed) {
        self.reports.on_committed(committed);
        for hand in &mut self.hands {
            for (job, error) in hand.outbox.on_committed(committed) {
                // A refusal asks nothing of a worker but to forget.
                drop(hand.worker.step(Input::Refused { job, error }));
            }
        }
    }

    fn note_latencies(&self, events: &[CommittedEvent]) {
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            match &event.event {
                Event::JobSettled { record, .. } => latencies.settled(record.job, record.assurance),
                Event::JobRefunded { job, .. } => latencies.forget(*job),
                _ => {}
            }
        }
    }

    fn answer_clients(&mut self, committed: &Committed) {
        for tx in &committed.txs {
            self.answer(
                tx.id,
                &match &tx.result {
                    Ok(_) => Ok(tx.id),
                    Err(error) => Err(refused(error)),
                },
            );
        }
    }

    fn answer(&mut self, id: TxId, result: &Result<TxId, NodeError>) {
        for waiter in self.clients.remove(&id).into_iter().flatten() {
            waiter.answer(result.clone());
        }
    }

    /// The transaction waits for a block, which is all that some of its clients wait for.
    fn answer_waiting(&mut self, id: TxId) {
        let waiters = self.clients.remove(&id).unwrap_or_default();
        let (waiting, others): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|waiter| waiter.until == Until::Waiting);
        waiting.into_iter().for_each(|waiter| waiter.answer(Ok(id)));
        if !others.is_empty() {
            self.clients.insert(id, others);
        }
    }

    fn on_admission(&mut self, admission: Admission) {
        let Some(id) = admission.tx else { return };
        let Err(error) = admission.result else { return self.answer_waiting(id) };
        let words = match &error {
            SubmitError::Invalid(error) => refused(error),
            SubmitError::NonceUsed { .. } | SubmitError::NonceTaken { .. } | SubmitError::NonceAhead { .. } => {
                NodeError::Nonce { reason: error.to_string() }
            }
            other => NodeError::Refused { reason: other.to_string() },
        };
        self.answer(id, &Err(words));
        self.reports.on_refused(id, error.clone());
        for hand in &mut self.hands {
            if let Some((job, error)) = hand.outbox.on_refused(id, error.clone()) {
                drop(hand.worker.step(Input::Refused { job, error }));
            }
        }
    }

    fn on_computed(&mut self, computed: Computed) {
        let job = computed.task.job();
        let effects = self.hands[computed.worker].worker.step(Input::Computed { job, result: computed.result });
        self.carry_out(computed.worker, effects);
    }

    fn on_client(&mut self, tx: &SignedTx, waiter: Waiter) {
        if let Action::SubmitJob { spec } = &tx.body.action {
            let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            latencies.ordered(ciro_state::job_id(spec));
        }
        let id = tx.id();
        self.clients.entry(id).or_default().push(waiter);
        if !self.submit(vec![encode(tx)]) {
            self.answer(id, &Err(NodeError::Unavailable { reason: "the validator is overloaded or stopping".into() }));
        }
    }

    fn schedule(&mut self, effects: Vec<Scheduled>) {
        for effect in effects {
            match effect {
                Scheduled::ReportTimeout(lease) => self.reports.push(None, Action::ReportTimeout { lease }),
                Scheduled::Grant(lease) => self.deliver(lease),
            }
        }
    }

    fn deliver(&mut self, lease: ciro_state::SignedLease) {
        let Some(number) = self.number_of(lease.lease.worker) else { return };
        let Some(spec) = self.scheduler.spec(lease.lease.job) else { return };
        let effects = self.hands[number].worker.step(Input::Lease { lease, spec });
        self.carry_out(number, effects);
    }

    fn number_of(&self, worker: AccountId) -> Option<usize> {
        self.hands.iter().position(|hand| hand.worker.account() == worker)
    }

    fn carry_out(&mut self, number: usize, effects: Vec<Ordered>) {
        for effect in effects {
            match effect {
                Ordered::Compute(task) => self.pool.compute(number, task),
                Ordered::Submit { job, action } => self.hands[number].outbox.push(Some(job), action),
            }
        }
    }

    fn flush(&mut self) {
        let outboxes = self.hands.iter_mut().map(|hand| &mut hand.outbox).chain([&mut self.reports]);
        let due: Vec<_> = outboxes.flat_map(Outbox::flush).map(|tx| encode(&tx)).collect();
        if !due.is_empty() {
            // What finds the mailbox full is sent again some blocks later.
            self.submit(due);
        }
    }

    fn submit(&self, txs: Vec<Vec<u8>>) -> bool {
        match self.ledger.try_send(Mail::Submit(txs)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

/// The ledger's refusal as a client is told.
pub(crate) fn refused(error: &TxError) -> NodeError {
    let reason = error.to_string();
    match error {
        TxError::WrongNonce { .. } => NodeError::Nonce { reason },
        _ => NodeError::Refused { reason },
    }
}

/// The offer of worker `number` of a local network. Prices differ, so that matching is seen to choose.
#[must_use]
pub fn local_offer(worker: AccountId, number: usize, slots: u16) -> Offer {
    let step = Amount(Amount::ONE.0 / 10);
    let premium = step.mul_div(u64::try_from(number).unwrap_or(0), 1).unwrap_or(Amount::ZERO);
    Offer {
        worker,
        sequence: 0,
        flags: CapabilityFlags(0),
        memory: MemoryMib(4_096),
        price: Amount::ONE.checked_add(premium).unwrap_or(Amount::ONE),
        slots,
        expires: Height(0),
        label: format!("local worker {number}"),
    }
}
