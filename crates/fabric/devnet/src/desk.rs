//! Everything that follows the ledger on somebody's behalf, as one step machine: the matcher, workers with their outboxes, and the
//! clients that wait for transactions.
//!
//! ```text
//!            committed blocks, admissions, leases, answers, clients' transactions
//!                                       │
//!                                 Desk::step ──► transactions, tasks, leases for others, replies
//!              ┌────────────────────────┼──────────────────────┐
//!          Matcher                    Hands                 Counter
//! ```
//!
//! A desk has any of the three. A local network has one desk with all of them; the simulator has one for each member.
//! It owns no clock, thread or channel. Everything here can be made again from the ledger's state. So a crash loses no
//! job, because the job is the ledger's.

use crate::hand::Hand;
use crate::matcher::Matcher;
use ciro_api::{NodeError, Until};
use ciro_engine::{Admission, Committed};
use ciro_exec::{Answer, Failure, Task};
use ciro_node::counter::{Counter, Reply, Ticket};
use ciro_node::outbox::Outbox;
use ciro_scheduler::{Effect as Scheduled, SchedulerError};
use ciro_state::{SignedLease, SignedTx, State, TxError};
use ciro_types::{AccountId, JobId, JobSpec, TxId};
use ciro_worker::Input as Work;

/// What a desk is told.
pub enum Input<'a> {
    /// A block was committed. Blocks come in order, and none is left out.
    Committed(&'a Committed),
    /// What became of a submitted transaction, ours or not.
    Admission(Admission),
    /// The validator was not reached with these transactions.
    Undelivered(Vec<TxId>),
    /// A lease that a matcher elsewhere granted, and the order it is for.
    Lease {
        /// The grant.
        lease: SignedLease,
        /// The order.
        spec: &'a JobSpec,
    },
    /// A task is done.
    Computed {
        /// Number of the worker.
        hand: usize,
        /// The job.
        job: JobId,
        /// How it ended.
        result: Result<Answer, Failure>,
    },
    /// A client's transaction.
    Client {
        /// The transaction.
        tx: Box<SignedTx>,
        /// When the client is answered.
        until: Until,
        /// Names the client in the answer.
        ticket: Ticket,
    },
}

/// What the caller must do, in order.
#[derive(Debug)]
pub enum Effect {
    /// Hand these to a validator. Whether it takes them comes back as [`Input::Admission`].
    Submit(Vec<SignedTx>),
    /// Compute this, and come back with [`Input::Computed`].
    Compute {
        /// Number of the worker.
        hand: usize,
        /// What.
        task: Task,
    },
    /// Deliver the lease to its worker, who is not at this desk. May be asked for twice.
    Grant(SignedLease),
    /// Answer a client.
    Reply {
        /// Which.
        ticket: Ticket,
        /// How its transaction ended.
        result: Result<TxId, NodeError>,
    },
}

/// See the module's documentation.
#[derive(Default)]
pub struct Desk {
    /// Gives jobs to workers, here and elsewhere.
    pub matcher: Option<Matcher>,
    /// The workers.
    pub hands: Vec<Hand>,
    counter: Counter,
    out: Vec<Effect>,
}

impl Desk {
    /// A desk with these members.
    #[must_use]
    pub fn new(matcher: Option<Matcher>, hands: Vec<Hand>) -> Self {
        Self { matcher, hands, counter: Counter::default(), out: Vec::new() }
    }

    /// Picks up where the desk before stopped: commitments to open, leases that are out, offers to renew. `first` are the
    /// scheduler's words on starting. Once, before the first step.
    pub fn start(&mut self, state: &State, first: Vec<Scheduled>) -> Vec<Effect> {
        for number in 0..self.hands.len() {
            let ordered = self.hands[number].start(state);
            self.order(number, ordered);
        }
        self.schedule(first);
        self.finish()
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If the work store fails. The desk must not be used again then.
    pub fn step(&mut self, input: Input<'_>) -> Result<Vec<Effect>, SchedulerError> {
        match input {
            Input::Committed(committed) => self.on_committed(committed)?,
            Input::Admission(admission) => self.on_admission(&admission),
            Input::Undelivered(txs) => self.on_undelivered(&txs),
            Input::Lease { lease, spec } => self.on_lease(lease, spec),
            Input::Computed { hand, job, result } => self.work(hand, Work::Computed { job, result }),
            Input::Client { tx, until, ticket } => {
                self.counter.expect(tx.id(), until, ticket);
                self.out.push(Effect::Submit(vec![*tx]));
            }
        }
        Ok(self.finish())
    }

    /// Sends what is due, last of all.
    fn finish(&mut self) -> Vec<Effect> {
        let due: Vec<SignedTx> = self.outboxes().flat_map(Outbox::flush).collect();
        if !due.is_empty() {
            self.out.push(Effect::Submit(due));
        }
        std::mem::take(&mut self.out)
    }

    fn outboxes(&mut self) -> impl Iterator<Item = &mut Outbox> {
        let reports = self.matcher.iter_mut().map(|matcher| &mut matcher.reports);
        self.hands.iter_mut().map(|hand| &mut hand.outbox).chain(reports)
    }

    fn on_committed(&mut self, committed: &Committed) -> Result<(), SchedulerError> {
        let scheduled = match &mut self.matcher {
            Some(matcher) => matcher.on_committed(committed)?,
            None => Vec::new(),
        };
        for number in 0..self.hands.len() {
            let ordered = self.hands[number].on_committed(committed);
            self.order(number, ordered);
        }
        self.schedule(scheduled);
        let replies = self.counter.on_committed(committed);
        self.reply(replies);
        Ok(())
    }

    fn on_admission(&mut self, admission: &Admission) {
        let Some(id) = admission.tx else { return };
        let replies = self.counter.on_admission(id, &admission.result);
        self.reply(replies);
        let Err(error) = &admission.result else { return };
        for number in 0..self.hands.len() {
            if let Some((job, error)) = self.hands[number].outbox.on_refused(id, error.clone()) {
                self.refuse(number, job, error);
            }
        }
        if let Some(matcher) = &mut self.matcher {
            // Nobody waits for the job that a report is about.
            matcher.reports.on_refused(id, error.clone());
        }
    }

    fn refuse(&mut self, number: usize, job: JobId, error: TxError) {
        self.work(number, Work::Refused { job, error });
    }

    fn on_undelivered(&mut self, txs: &[TxId]) {
        for id in txs {
            self.outboxes().for_each(|outbox| outbox.on_undelivered(*id));
            let replies = self.counter.on_undelivered(*id);
            self.reply(replies);
        }
    }

    fn schedule(&mut self, scheduled: Vec<Scheduled>) {
        for effect in scheduled {
            match effect {
                Scheduled::ReportTimeout(lease) => self.report(lease),
                Scheduled::Grant(lease) => self.grant(lease),
            }
        }
    }

    fn report(&mut self, lease: SignedLease) {
        if let Some(matcher) = &mut self.matcher {
            matcher.report(lease);
        }
    }

    /// A lease for a worker at this desk goes to it at once.
    fn grant(&mut self, lease: SignedLease) {
        let spec = self.matcher.as_ref().and_then(|matcher| matcher.scheduler.spec(lease.lease.job)).cloned();
        match (self.number_of(lease.lease.worker), spec) {
            (Some(_), Some(spec)) => self.on_lease(lease, &spec),
            _ => self.out.push(Effect::Grant(lease)),
        }
    }

    fn on_lease(&mut self, lease: SignedLease, spec: &JobSpec) {
        if let Some(number) = self.number_of(lease.lease.worker) {
            self.work(number, Work::Lease { lease, spec });
        }
    }

    fn number_of(&self, worker: AccountId) -> Option<usize> {
        self.hands.iter().position(|hand| hand.worker.account() == worker)
    }

    fn work(&mut self, number: usize, input: Work<'_>) {
        let Some(hand) = self.hands.get_mut(number) else { return };
        let ordered = hand.step(input);
        self.order(number, ordered);
    }

    fn order(&mut self, hand: usize, tasks: Vec<Task>) {
        self.out.extend(tasks.into_iter().map(|task| Effect::Compute { hand, task }));
    }

    fn reply(&mut self, replies: Vec<Reply>) {
        self.out.extend(replies.into_iter().map(|Reply { ticket, result }| Effect::Reply { ticket, result }));
    }
}
