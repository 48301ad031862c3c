//! Starting and stopping a whole network.

use crate::dispatcher::{Clients, Dispatcher, First};
use crate::error::NetworkError;
use crate::genesis::{BLOCK_MS, Members, WORKER_STAKE, load_or_found};
use crate::observe::counted;
use crate::opening::{Opened, open_validators};
use crate::options::Options;
use crate::work::Work;
use ciro_api::{Asking as _, ask};
use ciro_crypto::Keypair;
use ciro_exec::{Blobs, Pool};
use ciro_node::LocalNode;
use ciro_node::alarm::{Alarm, Notice, Notify, suspect, words};
use ciro_node::blobs::{BlobStore, Quotas};
use ciro_node::counter::Counter;
use ciro_node::latency::Latencies;
use ciro_node::layout::Layout;
use ciro_node::mailbox::Job;
use ciro_node::news;
use ciro_node::uploads::Uploads;
use ciro_node::validator::{MAILBOX, Mail, Outlet, Port, Runner};
use ciro_scheduler::{LeaseLength, Reach, SchedulerError};
use ciro_state::{Genesis, State};
use ciro_telemetry::Metrics;
use ciro_types::{AccountId, Amount, CapabilityFlags, Height, MemoryMib, Offer, Requirements, chain};
use ciro_validator::{Admission, Committed, Health, Store, ValidatorError};
use ciro_worker::hand::Effect as Worked;
use ciro_worker::{Hand, Known, Terms};
use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Jobs one worker has in work at once.
const SLOTS: u16 = 4;
/// How long a lease runs, blocks: seconds under load, minutes on an idle network. Whatever a settlement may take to verify has up to
/// eight thirds of that, and more for the weights.
const LEASES: LeaseLength = LeaseLength { least: 120, most: u64::MAX, work_per_least: 30_000 };
/// Messages that wait for the dispatcher.
const DESK: usize = 65_536;
/// How long the workers may take to join.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// A running network. Dropping it stops every member and waits for them.
pub struct Network {
    node: Arc<LocalNode>,
    mailboxes: Vec<SyncSender<Mail>>,
    jobs: SyncSender<Job>,
    threads: Vec<JoinHandle<()>>,
    failure: watch::Receiver<Option<String>>,
    is_stopping: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    _lock: File,
}

impl Network {
    /// Starts the network of a data directory, founding it if there is none, and waits until its workers serve.
    ///
    /// # Errors
    /// [`NetworkError`] if the directory is in use or damaged, or the network does not become ready.
    pub fn start(root: &Path, options: Options, notify: &Notify) -> Result<Self, NetworkError> {
        let metrics = Arc::<Metrics>::default();
        let notify = &counted(&metrics, notify);
        let layout = Layout::new(root);
        let lock = layout.acquire().map_err(NetworkError::Layout)?;
        let (genesis, members) = load_or_found(&layout)?;
        let blobs = BlobStore::open(&layout.blobs(), &Quotas::default()).map_err(NetworkError::Blobs)?;

        let (desk, jobs) = sync_channel(DESK);
        let epoch = Instant::now();
        let opened = open_validators(&layout, &genesis, &members.validators, options, notify)?;
        let store = Arc::clone(opened[0].validator.validator().ledger().store());
        let state = opened[0].validator.state().clone();
        let (alarm, failure) = Alarm::new(&layout, notify);
        let (mailboxes, mut threads) = run_validators(opened, &desk, &alarm, epoch);

        let (dispatcher, first, node) = assemble(
            &layout,
            genesis,
            members,
            &state,
            Wires {
                store,
                blobs,
                desk: desk.clone(),
                ledger: mailboxes[0].clone(),
                alarm: alarm.clone(),
                metrics: Arc::clone(&metrics),
            },
        )?;
        threads.push(run_dispatcher(dispatcher, first, jobs, &alarm));
        let is_stopping = Arc::clone(&alarm.is_stopping);
        let network =
            Self { node: Arc::new(node), mailboxes, jobs: desk, threads, failure, is_stopping, metrics, _lock: lock };
        network.wait_until_ready()?;
        Ok(network)
    }

    /// What the gateway serves.
    #[must_use]
    pub fn node(&self) -> Arc<LocalNode> {
        Arc::clone(&self.node)
    }

    /// Holds why the first member stopped by itself, as soon as one has. A network that lacks a member is not the one that
    /// was asked for: whoever runs it ends with an error.
    #[must_use]
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.clone()
    }

    /// What is counted of this network.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    fn wait_until_ready(&self) -> Result<(), NetworkError> {
        let count = crate::genesis::WORKERS as u32;
        let deadline = Instant::now() + READY_PATIENCE;
        while Instant::now() < deadline {
            // The matcher's view decides: that is who serves.
            if let Ok(Ok(_)) = self.node.ask(ask::Offers { requirements: Requirements::default(), count }) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(NetworkError::NotReady { seconds: READY_PATIENCE.as_secs() })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        // A member that stopped by itself hears nothing, and a full mailbox is drained by a live one.
        let _ = self.jobs.send(Job::Stop);
        for mailbox in &self.mailboxes {
            let _ = mailbox.send(Mail::Stop);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn run_validators(
    opened: Vec<Opened>,
    desk: &SyncSender<Job>,
    alarm: &Alarm,
    epoch: Instant,
) -> (Vec<SyncSender<Mail>>, Vec<JoinHandle<()>>) {
    let accounts: Vec<AccountId> = opened.iter().map(|open| open.validator.validator().account()).collect();
    let (mailboxes, receivers): (Vec<_>, Vec<_>) = accounts.iter().map(|_| sync_channel(MAILBOX)).unzip();
    let by_account: BTreeMap<_, _> = accounts.iter().copied().zip(mailboxes.iter().cloned()).collect();
    let start = |(number, (open, mailbox)): (usize, (Opened, Receiver<Mail>))| {
        let runner = Runner {
            port: Port::new(open.validator.validator().account(), &by_account),
            validator: open.validator,
            mailbox,
            outlet: Reporter { number, desk: desk.clone(), alarm: alarm.clone() },
            epoch,
        };
        let alarm = alarm.clone();
        std::thread::spawn(move || alarm.watch(&format!("validator {number}"), || runner.run(open.first)))
    };
    let threads = opened.into_iter().zip(receivers).enumerate().map(start).collect();
    (mailboxes, threads)
}

/// Passes a validator's words on. The dispatcher follows validator 0 alone.
struct Reporter {
    number: usize,
    desk: SyncSender<Job>,
    alarm: Alarm,
}

impl Outlet for Reporter {
    fn admission(&self, admission: Admission) {
        if let Some(verdict) = news::verdict(&admission) {
            self.tell(Job::Verdict(verdict));
        }
    }

    fn committed(&self, committed: Arc<Committed>) {
        if self.number == 0 {
            self.tell(Job::Block(Box::new(news::block(&committed))));
        }
    }

    fn anomaly(&self, text: String) {
        (self.alarm.notify)(Notice::Anomaly { validator: self.number, text });
    }

    fn health(&self, health: Health) {
        if self.number == 0 {
            self.alarm.health.send_replace(health.clone());
        }
        (self.alarm.notify)(Notice::Health { validator: self.number, health });
    }

    fn failed(&self, error: ValidatorError) {
        let reason = chain(&error);
        if error.is_damage() {
            suspect(&self.alarm.layout.validator(self.number), &reason);
        }
        self.alarm.failed(&format!("validator {}", self.number), &reason);
    }
}

impl Reporter {
    fn tell(&self, job: Job) {
        // Waits while the dispatcher is behind; once it has stopped, nobody needs to know.
        let _ = self.desk.send(job);
    }
}

/// The ends that join dispatcher and node to the validators.
struct Wires {
    store: Arc<Store>,
    blobs: BlobStore,
    desk: SyncSender<Job>,
    ledger: SyncSender<Mail>,
    alarm: Alarm,
    metrics: Arc<Metrics>,
}

fn assemble(
    layout: &Layout,
    genesis: Genesis,
    members: Members,
    state: &State,
    wires: Wires,
) -> Result<(Dispatcher, First, LocalNode), NetworkError> {
    // Nothing carries a lease to a worker of another process: it would wait there until it runs out.
    let reach = Reach::Only(members.workers.iter().map(Keypair::account).collect());
    let (key, alarm) = (&members.scheduler, &wires.alarm);
    let work = Work { path: &layout.work(), key, leases: LEASES, reach, state, store: &wires.store, alarm };
    let (matcher, scheduled) = work.open()?;
    let (head, seen) = watch::channel(state.height());
    let latencies = Arc::new(Mutex::new(Latencies::default()));
    let started = members.workers.into_iter().enumerate().map(|(number, key)| hand(number, key, state));
    let (hands, worked) = started.unzip();
    let dispatcher = Dispatcher {
        matcher,
        hands,
        counter: Counter::default(),
        pool: start_pool(&wires.blobs, &wires.desk),
        ledger: wires.ledger.clone(),
        latencies: Arc::clone(&latencies),
        head,
        clients: Clients::default(),
        metrics: wires.metrics,
    };
    let node = LocalNode {
        genesis,
        ledger: wires.ledger,
        store: wires.store,
        jobs: wires.desk,
        blobs: wires.blobs,
        latencies,
        head: seen,
        health: wires.alarm.health.subscribe(),
        uploads: Uploads::default(),
        block_ms: BLOCK_MS,
        alarm: wires.alarm,
    };
    Ok((dispatcher, First { scheduled, worked }, node))
}

fn start_pool(blobs: &BlobStore, desk: &SyncSender<Job>) -> Pool {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let blobs: Arc<dyn Blobs> = Arc::new(blobs.clone());
    let desk = desk.clone();
    Pool::start(threads, &blobs, move |computed| {
        // A dispatcher that has stopped takes no more answers; the ledger asks for them again.
        let _ = desk.try_send(Job::Computed(computed));
    })
}

fn hand(number: usize, key: Keypair, state: &State) -> (Hand, Vec<Worked>) {
    let known = Known::of(state, key.account());
    Hand::start(key, Terms { offer: local_offer(number), stake: WORKER_STAKE }, &known)
}

/// The offer of worker `number` of a local network. Prices differ, so that matching is seen to choose.
fn local_offer(number: usize) -> Offer {
    let step = Amount(Amount::ONE.0 / 10);
    let premium = step.mul_div(u64::try_from(number).unwrap_or(0), 1).unwrap_or(Amount::ZERO);
    Offer {
        worker: AccountId::ZERO,
        sequence: 0,
        flags: CapabilityFlags(0),
        memory: MemoryMib(4_096),
        price: Amount::ONE.checked_add(premium).unwrap_or(Amount::ONE),
        slots: SLOTS,
        expires: Height(0),
        label: format!("local worker {number}"),
    }
}

fn run_dispatcher(dispatcher: Dispatcher, first: First, jobs: Receiver<Job>, alarm: &Alarm) -> JoinHandle<()> {
    let alarm = alarm.clone();
    std::thread::spawn(move || {
        let run = || dispatcher.run(first, &jobs);
        if let Some(reason) = scheduler_failed(&alarm, catch_unwind(AssertUnwindSafe(run))) {
            alarm.failed("the scheduler", &reason);
        }
    })
}

/// Why the scheduler stopped, unless it was told to. The store that may be the cause is made anew at the next start.
fn scheduler_failed(alarm: &Alarm, end: std::thread::Result<Result<(), SchedulerError>>) -> Option<String> {
    let reason = match end {
        Ok(Ok(())) => return None,
        Ok(Err(error)) if error.is_no_room() => return Some(chain(&error)),
        Ok(Err(error)) => chain(&error),
        Err(panic) => format!("panic: {}", words(panic.as_ref())),
    };
    // A disk that is damaged may refuse this as well; the reason is printed in any case.
    let _ = std::fs::write(alarm.layout.suspect_work(), &reason);
    Some(reason)
}
