//! The thread that carries messages: from the validator, the pool and clients to whoever follows the ledger here, and back.
//!
//! Scheduler, workers and the clients' counter share nothing but messages. What one of them asks for is carried out here, or
//! becomes another's input.

use crate::observe;
use ciro_api::Until;
use ciro_api::news::{BlockNews, Verdict};
use ciro_exec::Pool;
use ciro_exec::pool::Computed;
use ciro_node::counter::{self, Counter, Ticket};
use ciro_node::latency::Latencies;
use ciro_node::mailbox::{Job, Reply};
use ciro_node::validator::Mail;
use ciro_queue::EmbeddedStore;
use ciro_scheduler::matcher::{Effect as Scheduled, Input as ToMatcher};
use ciro_scheduler::{Matcher, SchedulerError};
use ciro_state::{Action, CommittedEvent, Event, JobAction, SignedTx};
use ciro_telemetry::Metrics;
use ciro_types::{Height, TxId, encode};
use ciro_worker::Hand;
use ciro_worker::hand::{Effect as Worked, Input as ToHand};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// See the module's documentation.
pub struct Dispatcher {
    /// Gives jobs to workers.
    pub matcher: Matcher<EmbeddedStore>,
    /// The workers, by number.
    pub hands: Vec<Hand>,
    /// What clients wait for.
    pub counter: Counter,
    /// Computes answers.
    pub pool: Pool,
    /// The followed validator.
    pub ledger: SyncSender<Mail>,
    /// How long jobs take.
    pub latencies: Arc<Mutex<Latencies>>,
    /// Told of every block once its followers have seen it, before clients are answered.
    pub head: watch::Sender<Height>,
    /// Clients that wait.
    pub clients: Clients,
    /// Counts what happens.
    pub metrics: Arc<Metrics>,
}

/// What the members ask for on starting.
pub struct First {
    /// The scheduler.
    pub scheduled: Vec<Scheduled>,
    /// Each worker.
    pub worked: Vec<Vec<Worked>>,
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

    fn answer(&mut self, replies: Vec<counter::Reply>) {
        for counter::Reply { ticket, result } in replies {
            if let Some(reply) = self.replies.remove(&ticket) {
                // A client that stopped waiting needs no answer.
                let _ = reply.send(result);
            }
        }
    }

    /// A transaction that never comes must not keep the clients that gave it up.
    fn forget_gone(&mut self) {
        self.replies.retain(|_, reply| !reply.is_closed());
    }
}

impl Dispatcher {
    /// Works until told to stop. `first` is what the members ask for on starting.
    ///
    /// # Errors
    /// If the work store fails.
    pub fn run(mut self, first: First, jobs: &Receiver<Job>) -> Result<(), SchedulerError> {
        self.on_worked(first.worked)?;
        self.on_scheduled(first.scheduled)?;
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Block(news) => self.on_block(&news)?,
                Job::Verdict(verdict) => self.on_verdict(&verdict)?,
                Job::Computed(computed) => self.on_computed(computed)?,
                Job::Client { tx, until, reply } => self.on_client(*tx, until, reply)?,
                Job::Ask { query, reply } => {
                    if let Some(answer) = self.matcher.answer(&query) {
                        // Who stopped waiting needs no answer.
                        let _ = reply.send(answer);
                    }
                }
                Job::Stop => return Ok(()),
            }
        }
        Ok(())
    }

    fn on_block(&mut self, news: &BlockNews) -> Result<(), SchedulerError> {
        observe::committed(&self.metrics, news);
        self.note_latencies(&news.events);
        let scheduled = self.matcher.step(ToMatcher::Block(news))?;
        let worked = self.hands.iter_mut().map(|hand| hand.step(ToHand::Block(news))).collect();
        let replies = self.counter.on_news(news);
        self.clients.forget_gone();
        // Before anybody is answered: who is told that a block holds its transaction finds the network at that height.
        self.head.send_replace(news.height);
        self.on_worked(worked)?;
        self.clients.answer(replies);
        self.on_scheduled(scheduled)
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

    fn on_verdict(&mut self, verdict: &Verdict) -> Result<(), SchedulerError> {
        let replies = self.counter.on_verdict(verdict);
        self.clients.answer(replies);
        let worked = self.hands.iter_mut().map(|hand| hand.step(ToHand::Verdict(verdict))).collect();
        let scheduled = self.matcher.step(ToMatcher::Verdict(verdict))?;
        self.on_worked(worked)?;
        self.on_scheduled(scheduled)
    }

    fn on_computed(&mut self, computed: Computed) -> Result<(), SchedulerError> {
        let Computed { worker, task, result, took } = computed;
        observe::computed(&self.metrics, &result, took);
        let Some(hand) = self.hands.get_mut(worker) else { return Ok(()) };
        let effects = hand.step(ToHand::Computed { job: task.job(), result });
        self.on_hand(worker, effects)
    }

    fn on_client(&mut self, tx: SignedTx, until: Until, reply: Reply) -> Result<(), SchedulerError> {
        if let Action::Job(JobAction::Submit { spec }) = &tx.body.action {
            let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            latencies.ordered(ciro_state::job_id(spec));
        }
        let ticket = self.clients.admit(reply);
        self.counter.expect(tx.id(), until, ticket);
        self.submit(&[tx])
    }

    fn on_worked(&mut self, worked: Vec<Vec<Worked>>) -> Result<(), SchedulerError> {
        worked.into_iter().enumerate().try_for_each(|(number, effects)| self.on_hand(number, effects))
    }

    fn on_hand(&mut self, number: usize, effects: Vec<Worked>) -> Result<(), SchedulerError> {
        for effect in effects {
            match effect {
                Worked::Compute(task) => self.pool.compute(number, task),
                Worked::Submit(txs) => self.submit(&txs)?,
            }
        }
        Ok(())
    }

    fn on_scheduled(&mut self, scheduled: Vec<Scheduled>) -> Result<(), SchedulerError> {
        for effect in scheduled {
            match effect {
                Scheduled::Submit(txs) => self.submit(&txs)?,
                Scheduled::Grant(grant) => {
                    // Every worker of a local network is here; the lease of another ends by itself.
                    let is_its = |hand: &Hand| hand.worker.account() == grant.lease.lease.worker;
                    let Some(number) = self.hands.iter().position(is_its) else { continue };
                    let effects = self.hands[number].step(ToHand::Grant(&grant));
                    self.on_hand(number, effects)?;
                }
            }
        }
        Ok(())
    }

    fn submit(&mut self, txs: &[SignedTx]) -> Result<(), SchedulerError> {
        match self.ledger.try_send(Mail::Submit(txs.iter().map(encode).collect())) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                let ids: Vec<TxId> = txs.iter().map(SignedTx::id).collect();
                self.on_undelivered(&ids)
            }
        }
    }

    /// Nothing is sent anew before the next block, so this ends.
    fn on_undelivered(&mut self, txs: &[TxId]) -> Result<(), SchedulerError> {
        for id in txs {
            let replies = self.counter.on_undelivered(*id);
            self.clients.answer(replies);
        }
        let worked = self.hands.iter_mut().map(|hand| hand.step(ToHand::Undelivered(txs))).collect();
        let scheduled = self.matcher.step(ToMatcher::Undelivered(txs))?;
        self.on_worked(worked)?;
        self.on_scheduled(scheduled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_api::TxNews;
    use ciro_crypto::Keypair;
    use ciro_exec::{BlobError, Blobs};
    use ciro_scheduler::{Known, LeaseLength, Ledger, Reach};
    use ciro_state::{TokenAction, TxBody};
    use ciro_types::{AccountId, Amount, BasisPoints, BlockId, ChainId, Hash32, ModelId, Nonce};
    use std::path::Path;
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

    fn block(tx: &SignedTx, height: Height) -> BlockNews {
        let txs = vec![TxNews { id: tx.id(), refusal: None }];
        BlockNews { height, id: BlockId::ZERO, txs, nonces: BTreeMap::new(), events: vec![] }
    }

    /// A matcher at a ledger without workers and jobs.
    fn matcher(folder: &Path) -> Matcher<EmbeddedStore> {
        let work = EmbeddedStore::open(&folder.join("work.redb"), ciro_queue::Limits::default()).expect("opens");
        let (key, leases) = (Keypair::from_seed([2; 32]), LeaseLength { least: 1, most: 1, work_per_least: 1 });
        let (chain, fee) = (ChainId::ZERO, BasisPoints(0));
        let known = Known { chain, fee, max_lease_blocks: 1, nonce: Nonce(0), ledger: Ledger::default() };
        Matcher::open(&key, leases, Reach::Everyone, work, known).expect("starts").0
    }

    #[test]
    fn who_is_told_that_a_block_holds_its_transaction_finds_the_network_at_that_height() {
        let (ledger, _mail) = sync_channel(8);
        let (head, seen) = watch::channel(Height(3));
        let folder = tempfile::tempdir().expect("a folder");
        let mut dispatcher = Dispatcher {
            matcher: matcher(folder.path()),
            hands: Vec::new(),
            counter: Counter::default(),
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
        dispatcher.on_client(tx.clone(), Until::Committed, reply).expect("no log fails");

        let looks = Arc::new(Looks { head: seen, seen: Mutex::default() });
        let (waker, mut answer) = (Waker::from(Arc::clone(&looks)), pin!(answer));
        assert!(answer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        dispatcher.on_block(&block(&tx, Height(4))).expect("no log fails");
        assert_eq!(answer.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(Ok(tx.id()))));
        assert_eq!(*looks.seen.lock().expect("no panic"), Some(Height(4)));
    }
}
