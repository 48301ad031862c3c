//! Starting and stopping a whole network.

use crate::blobs::BlobStore;
use crate::desk::Desk;
use crate::dispatcher::{Clients, Dispatcher, Job};
use crate::error::NetworkError;
use crate::genesis::{Members, VALIDATORS, WORKER_STAKE, load_or_found};
use crate::hand::{Hand, Terms};
use crate::latency::Latencies;
use crate::layout::Layout;
use crate::matcher::Matcher;
use crate::node::LocalNode;
use crate::pool::Pool;
use crate::validator::{MAILBOX, Mail, Outlet, Port, Runner};
use ciro_crypto::Keypair;
use ciro_engine::{
    Admission, Committed, Config, DiskFile, Disks, Effect, EngineError, Limits, Store, Timeouts, Validator, VerifiedTxs,
};
use ciro_queue::{EmbeddedLog, Limits as LogLimits, QueueError};
use ciro_receipt::ProofVerifier;
use ciro_scheduler::Effect as Scheduled;
use ciro_state::{Genesis, State};
use ciro_types::{AccountId, Amount, CapabilityFlags, Height, MemoryMib, Offer, Requirements};
use ciro_worker::Blobs;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Jobs one worker has in work at once.
const SLOTS: u16 = 4;
/// How long a lease runs, blocks: seconds under load, minutes on an idle network.
const LEASE_BLOCKS: u64 = 120;
/// Messages that wait for the dispatcher.
const DESK: usize = 65_536;
/// Transactions whose check each validator remembers.
const VERIFIED_TXS: usize = 16_384;
const VERIFIED_BYTES: usize = 64 << 20;
/// How long the workers may take to join.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// Something an operator should see.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Something only a bug or a Byzantine majority explains.
    Anomaly {
        /// Which validator saw it.
        validator: usize,
        /// What.
        text: String,
    },
    /// A member stopped by itself; the others go on.
    Failed {
        /// Which member.
        member: String,
        /// Why.
        reason: String,
    },
    /// The job log was unusable and is being rebuilt from the ledger.
    JobLogRebuilt {
        /// What was wrong with it.
        reason: String,
    },
}

/// Where notices go. Called from any thread.
pub type Notify = Arc<dyn Fn(Notice) + Send + Sync>;

/// A running network. Dropping it stops every member and waits for them.
pub struct Network {
    node: Arc<LocalNode>,
    mailboxes: Vec<SyncSender<Mail>>,
    jobs: SyncSender<Job>,
    threads: Vec<JoinHandle<()>>,
    _lock: File,
}

impl Network {
    /// Starts the network of a data directory, founding it if there is none, and waits until its workers serve.
    ///
    /// # Errors
    /// [`NetworkError`] if the directory is in use or damaged, or the network does not become ready.
    pub fn start(root: &Path, notify: &Notify) -> Result<Self, NetworkError> {
        let layout = Layout::new(root);
        let lock = layout.acquire().map_err(NetworkError::Layout)?;
        let (genesis, members) = load_or_found(&layout)?;
        let blobs = BlobStore::open(&layout.blobs()).map_err(NetworkError::Blobs)?;

        let (desk, jobs) = sync_channel(DESK);
        let epoch = Instant::now();
        let opened = open_validators(&layout, &genesis, &members.validators)?;
        let store = Arc::clone(opened[0].validator.ledger().store());
        let state = opened[0].validator.state().clone();
        let (mailboxes, mut threads) = run_validators(opened, &desk, notify, epoch);

        let (dispatcher, first, node) = assemble(
            &layout,
            genesis,
            members,
            &state,
            Wires { store, blobs, desk: desk.clone(), ledger: mailboxes[0].clone() },
            notify,
        )?;
        threads.push(run_dispatcher(dispatcher, state, first, jobs, notify));
        let network = Self { node: Arc::new(node), mailboxes, jobs: desk, threads, _lock: lock };
        network.wait_until_ready()?;
        Ok(network)
    }

    /// What the gateway serves.
    #[must_use]
    pub fn node(&self) -> Arc<LocalNode> {
        Arc::clone(&self.node)
    }

    fn wait_until_ready(&self) -> Result<(), NetworkError> {
        use ciro_gateway::Node as _;
        let deadline = Instant::now() + READY_PATIENCE;
        while Instant::now() < deadline {
            // The matcher's view decides: that is who serves.
            let requirements = Requirements::default();
            if let Ok(Ok(_)) = self.node.offers(requirements, crate::genesis::WORKERS) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(NetworkError::NotReady { seconds: READY_PATIENCE.as_secs() })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
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

/// A validator that is open and not running yet.
struct Opened {
    validator: Validator<DiskFile>,
    first: Vec<Effect>,
}

fn open_validators(layout: &Layout, genesis: &Genesis, keys: &[Keypair]) -> Result<Vec<Opened>, NetworkError> {
    (0..VALIDATORS).zip(keys).map(|(number, key)| open_validator(layout, genesis, number, key)).collect()
}

fn open_validator(layout: &Layout, genesis: &Genesis, number: usize, key: &Keypair) -> Result<Opened, NetworkError> {
    let directory = layout.validator(number);
    let io_error = |source| NetworkError::Io { what: "a validator's directory", source };
    std::fs::create_dir_all(&directory).map_err(io_error)?;
    let failed = |source| NetworkError::Validator { number, source };
    let store = Store::open(&directory.join("store.redb")).map_err(|e| failed(EngineError::Store(e)))?;
    let disks = Disks {
        wal: DiskFile::open(&directory.join("wal")).map_err(io_error)?,
        guard: DiskFile::open(&directory.join("last-signed")).map_err(io_error)?,
        store: Arc::new(store),
    };
    let config = Config {
        genesis: genesis.clone(),
        key: Keypair::from_seed(key.seed()),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        // Each validator verifies every proof and signature itself, as it would on a machine of its own.
        proofs: Arc::new(ProofVerifier::default()),
        verified: Arc::new(VerifiedTxs::new(VERIFIED_TXS, VERIFIED_BYTES)),
    };
    let (validator, first) = Validator::open(config, disks, 0).map_err(failed)?;
    Ok(Opened { validator, first })
}

fn run_validators(
    opened: Vec<Opened>,
    desk: &SyncSender<Job>,
    notify: &Notify,
    epoch: Instant,
) -> (Vec<SyncSender<Mail>>, Vec<JoinHandle<()>>) {
    let accounts: Vec<AccountId> = opened.iter().map(|open| open.validator.account()).collect();
    let (mailboxes, receivers): (Vec<_>, Vec<_>) = accounts.iter().map(|_| sync_channel(MAILBOX)).unzip();
    let by_account: BTreeMap<_, _> = accounts.iter().copied().zip(mailboxes.iter().cloned()).collect();
    let start = |(number, (open, mailbox)): (usize, (Opened, Receiver<Mail>))| {
        let runner = Runner {
            port: Port::new(open.validator.account(), &by_account),
            validator: open.validator,
            mailbox,
            outlet: Reporter { number, desk: desk.clone(), notify: Arc::clone(notify) },
            epoch,
        };
        std::thread::spawn(move || runner.run(open.first))
    };
    let threads = opened.into_iter().zip(receivers).enumerate().map(start).collect();
    (mailboxes, threads)
}

/// Passes a validator's words on. The dispatcher follows validator 0 alone.
struct Reporter {
    number: usize,
    desk: SyncSender<Job>,
    notify: Notify,
}

impl Outlet for Reporter {
    fn admission(&self, admission: Admission) {
        self.tell(Job::Admission(admission));
    }

    fn committed(&self, committed: Arc<Committed>) {
        if self.number == 0 {
            self.tell(Job::Committed(committed));
        }
    }

    fn anomaly(&self, text: String) {
        (self.notify)(Notice::Anomaly { validator: self.number, text });
    }

    fn failed(&self, error: EngineError) {
        let member = format!("validator {}", self.number);
        (self.notify)(Notice::Failed { member, reason: chain(&error) });
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
}

fn assemble(
    layout: &Layout,
    genesis: Genesis,
    members: Members,
    state: &State,
    wires: Wires,
    notify: &Notify,
) -> Result<(Dispatcher, Vec<Scheduled>, LocalNode), NetworkError> {
    let (matcher, first) = start_matcher(layout, &members.scheduler, state, &wires.store, notify)?;
    let (head, seen) = watch::channel(state.height());
    let latencies = Arc::new(Mutex::new(Latencies::default()));
    let hands = members.workers.into_iter().enumerate().map(|(number, key)| hand(number, key, state)).collect();
    let dispatcher = Dispatcher {
        desk: Desk::new(Some(matcher), hands),
        pool: start_pool(&wires.blobs, &wires.desk),
        ledger: wires.ledger.clone(),
        latencies: Arc::clone(&latencies),
        head,
        clients: Clients::default(),
    };
    let node = LocalNode {
        genesis,
        ledger: wires.ledger,
        store: wires.store,
        jobs: wires.desk,
        blobs: wires.blobs,
        latencies,
        head: seen,
    };
    Ok((dispatcher, first, node))
}

fn start_matcher(
    layout: &Layout,
    key: &Keypair,
    state: &State,
    store: &Store,
    notify: &Notify,
) -> Result<(Matcher, Vec<Scheduled>), NetworkError> {
    let log = open_log(&layout.job_log(), notify)?;
    Matcher::open(key, LEASE_BLOCKS, log, state, store).map_err(NetworkError::Scheduler)
}

/// Opens the job log. One that is damaged is set aside and made anew: the ledger has everything it held.
fn open_log(path: &Path, notify: &Notify) -> Result<EmbeddedLog, NetworkError> {
    let scheduler = |e: QueueError| NetworkError::Scheduler(e.into());
    let refusal = match EmbeddedLog::open(path, LogLimits::default()) {
        Ok(log) => return Ok(log),
        Err(refusal) => refusal,
    };
    notify(Notice::JobLogRebuilt { reason: chain(&refusal) });
    let aside = path.with_extension("damaged");
    std::fs::rename(path, aside).map_err(|source| NetworkError::Io { what: "the job log", source })?;
    EmbeddedLog::open(path, LogLimits::default()).map_err(scheduler)
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

fn hand(number: usize, key: Keypair, state: &State) -> Hand {
    Hand::new(key, Terms { offer: local_offer(number), stake: WORKER_STAKE }, state)
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

fn run_dispatcher(
    dispatcher: Dispatcher,
    state: State,
    first: Vec<Scheduled>,
    jobs: Receiver<Job>,
    notify: &Notify,
) -> JoinHandle<()> {
    let notify = Arc::clone(notify);
    std::thread::spawn(move || {
        if let Err(error) = dispatcher.run(&state, first, &jobs) {
            notify(Notice::Failed { member: "the scheduler".into(), reason: chain(&error) });
        }
    })
}

/// An error and its causes, outermost first.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
