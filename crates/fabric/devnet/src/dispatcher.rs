//! The thread around a [`Desk`]: it brings what the validator, the pool and clients say, and carries out what the desk asks for.

use crate::desk::{Desk, Effect, Input};
use crate::observe;
use ciro_api::{Fate, Until};
use ciro_engine::Committed;
use ciro_exec::Pool;
use ciro_exec::pool::Computed;
use ciro_node::counter::Ticket;
use ciro_node::latency::Latencies;
use ciro_node::mailbox::{Job, Question, Reply};
use ciro_node::validator::Mail;
use ciro_scheduler::{Effect as Scheduled, SchedulerError};
use ciro_state::{Action, CommittedEvent, Event, JobAction, SignedTx, State};
use ciro_telemetry::Metrics;
use ciro_types::{Height, encode};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// See the module's documentation.
pub struct Dispatcher {
    /// Decides.
    pub desk: Desk,
    /// Computes answers.
    pub pool: Pool,
    /// The followed validator.
    pub ledger: SyncSender<Mail>,
    /// How long jobs take.
    pub latencies: Arc<Mutex<Latencies>>,
    /// Told of every block once the desk has seen it, before clients are answered.
    pub head: watch::Sender<Height>,
    /// Clients that wait.
    pub clients: Clients,
    /// Counts what happens.
    pub metrics: Arc<Metrics>,
}

/// Where clients wait, by ticket.
#[derive(Default)]
pub struct Clients {
    last: Ticket,
    replies: BTreeMap<Ticket, Reply>,
}

impl Clients {
    fn admit(&mut self, reply: Reply) -> Ticket {
        self.last += 1;
        self.replies.insert(self.last, reply);
        self.last
    }

    fn answer(&mut self, ticket: Ticket, result: Fate) {
        if let Some(reply) = self.replies.remove(&ticket) {
            // A client that stopped waiting needs no answer.
            let _ = reply.send(result);
        }
    }

    /// A transaction that never comes must not keep the clients that gave it up.
    fn forget_gone(&mut self) {
        self.replies.retain(|_, reply| !reply.is_closed());
    }
}

impl Dispatcher {
    /// Works until told to stop. `first` are the scheduler's words on starting.
    ///
    /// # Errors
    /// If the work store fails.
    pub fn run(mut self, state: &State, first: Vec<Scheduled>, jobs: &Receiver<Job>) -> Result<(), SchedulerError> {
        let effects = self.desk.start(state, first);
        self.carry_out(effects)?;
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Committed(committed) => self.on_committed(&committed)?,
                Job::Admission(admission) => self.step(Input::Admission(admission))?,
                Job::Computed(Computed { worker, task, result, took }) => {
                    observe::computed(&self.metrics, &result, took);
                    self.step(Input::Computed { hand: worker, job: task.job(), result })?;
                }
                Job::Client { tx, until, reply } => self.on_client(tx, until, reply)?,
                Job::Ask(question) => self.on_question(question),
                Job::Stop => return Ok(()),
            }
        }
        Ok(())
    }

    fn step(&mut self, input: Input<'_>) -> Result<(), SchedulerError> {
        let effects = self.desk.step(input)?;
        self.carry_out(effects)
    }

    fn on_committed(&mut self, committed: &Committed) -> Result<(), SchedulerError> {
        observe::committed(&self.metrics, committed);
        self.note_latencies(&committed.events);
        let effects = self.desk.step(Input::Committed(committed))?;
        self.clients.forget_gone();
        // Before anybody is answered: who is told that a block holds its transaction finds the network at that height.
        self.head.send_replace(committed.header.height);
        self.carry_out(effects)
    }

    fn note_latencies(&self, events: &[CommittedEvent]) {
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            if let Event::JobSettled { record, .. } = &event.event {
                latencies.settled(record.job, record.assurance);
            } else if let Event::JobRefunded { job, .. } = &event.event {
                latencies.forget(*job);
            }
        }
    }

    fn on_client(&mut self, tx: Box<SignedTx>, until: Until, reply: Reply) -> Result<(), SchedulerError> {
        if let Action::Job(JobAction::Submit { spec }) = &tx.body.action {
            let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            latencies.ordered(ciro_state::job_id(spec));
        }
        let ticket = self.clients.admit(reply);
        self.step(Input::Client { tx, until, ticket })
    }

    fn on_question(&mut self, question: Question) {
        let Some(matcher) = &mut self.desk.matcher else { return };
        // Who stopped waiting needs no answer.
        match question {
            Question::Offers { requirements, count, reply } => {
                let _ = reply.send(matcher.scheduler.quote(&requirements, count as usize));
            }
            Question::Wait { job, reply } => {
                let _ = reply.send(matcher.scheduler.explain(job));
            }
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), SchedulerError> {
        for effect in effects {
            match effect {
                Effect::Submit(txs) => self.submit(&txs)?,
                Effect::Compute { hand, task } => self.pool.compute(hand, task),
                // Every worker of a local network is at this desk; a lease of another ends by itself.
                Effect::Grant(_) => {}
                Effect::Reply { ticket, result } => self.clients.answer(ticket, result),
            }
        }
        Ok(())
    }

    fn submit(&mut self, txs: &[SignedTx]) -> Result<(), SchedulerError> {
        match self.ledger.try_send(Mail::Submit(txs.iter().map(encode).collect())) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                // Nothing is sent anew before the next block, so this ends.
                self.step(Input::Undelivered(txs.iter().map(SignedTx::id).collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_consensus::BlockHeader;
    use ciro_crypto::Keypair;
    use ciro_exec::{BlobError, Blobs};
    use ciro_state::TokenAction;
    use ciro_state::{Outcome, TxBody};
    use ciro_store::TxRecord;
    use ciro_types::{AccountId, Amount, BlockId, ChainId, Hash32, ModelId, Nonce, StateRoot};
    use std::pin::pin;
    use std::sync::mpsc::sync_channel;
    use std::task::{Context, Poll, Wake, Waker};
    use tokio::sync::oneshot;

    /// Nobody computes here.
    struct NoBlobs;

    impl Blobs for NoBlobs {
        fn model(&self, _: ModelId) -> Result<Vec<u8>, BlobError> {
            Err(BlobError::Missing { what: "blob", name: String::new() })
        }

        fn input(&self, _: Hash32) -> Result<Vec<u8>, BlobError> {
            Err(BlobError::Missing { what: "blob", name: String::new() })
        }
    }

    /// A client that looks at the network's height in the moment in which it is answered.
    struct Looks {
        head: watch::Receiver<Height>,
        seen: Mutex<Option<Height>>,
    }

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            *self.seen.lock().expect("no panic") = Some(*self.head.borrow());
        }
    }

    fn committed(tx: &SignedTx, height: Height) -> Committed {
        let header = BlockHeader {
            chain: ChainId::ZERO,
            height,
            proposer: AccountId::ZERO,
            parent: BlockId::ZERO,
            validators: Hash32::ZERO,
            next_validators: Hash32::ZERO,
            txs_root: Hash32::ZERO,
            state_root: StateRoot::ZERO,
            receipts_root: Hash32::ZERO,
        };
        let txs = vec![TxRecord { id: tx.id(), result: Ok(Outcome::Transferred) }];
        Committed { id: header.id(), header, txs, nonces: BTreeMap::new(), events: vec![], records: vec![] }
    }

    #[test]
    fn who_is_told_that_a_block_holds_its_transaction_finds_the_network_at_that_height() {
        let (ledger, _mail) = sync_channel(8);
        let (head, seen) = watch::channel(Height(3));
        let mut dispatcher = Dispatcher {
            desk: Desk::default(),
            pool: Pool::start(1, &(Arc::new(NoBlobs) as Arc<dyn Blobs>), |_| {}),
            ledger,
            latencies: Arc::default(),
            head,
            clients: Clients::default(),
            metrics: Arc::default(),
        };
        let key = Keypair::from_seed([1; 32]);
        let action = Action::Token(TokenAction::Transfer { to: AccountId::ZERO, amount: Amount(1) });
        let body = TxBody { chain: ChainId::ZERO, sender: key.account(), nonce: Nonce(0), action };
        let tx = SignedTx::sign(body, &key);
        let (reply, answer) = oneshot::channel();
        dispatcher.on_client(Box::new(tx.clone()), Until::Committed, reply).expect("no log fails");

        let looks = Arc::new(Looks { head: seen, seen: Mutex::default() });
        let (waker, mut answer) = (Waker::from(Arc::clone(&looks)), pin!(answer));
        assert!(answer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        dispatcher.on_committed(&committed(&tx, Height(4))).expect("no log fails");
        assert_eq!(answer.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(Ok(tx.id()))));
        assert_eq!(*looks.seen.lock().expect("no panic"), Some(Height(4)));
    }
}
