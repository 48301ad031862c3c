//! The worker's decisions.
//!
//! ```text
//! lease ──► computing ──► A0, A4: settling ──────────────────────────────► closed by the ledger
//!                    └──► A2: committing ──► seated ──► reveals open: revealing ──┘
//! ```
//!
//! At most `slots` jobs are computed at once; a lease beyond that is handed back at once, which costs nothing. A job
//! that nobody can answer is reported with its reason. One whose input or model is nowhere to be had only after some
//! blocks, in which it may still come. One that only this machine cannot answer now is handed back. Who has a seat
//! owes an answer and tries again instead, until it has one or the job is closed. From its `open_from` height on, a
//! job needs no lease. The worker then takes it by itself, so that a silent scheduler censors nobody. It waits for a
//! delay that differs between workers, so that they seldom race.

use ciro_crypto::{hash, hash_encoded};
use ciro_exec::{Answer, Failure, Fault, Task};
use ciro_state::fees::price_ceiling;
use ciro_state::{
    Action, Authority, CommittedEvent, DeclineReason, Event, Job, JobAction, SignedLease, TxError, commitment, job_id,
    output_hash,
};
use ciro_types::{AccountId, Amount, Assurance, BasisPoints, ChainId, Hash32, Height, JobId, JobSpec, Requirements};
use std::collections::BTreeMap;

/// Blocks until an answer that is owed is computed again.
const RETRY_BLOCKS: u64 = 2;
/// Blocks for which an input or model that is nowhere to be had is looked for again.
const FETCH_BLOCKS: u64 = 8;
/// Blocks before the end of a lease by which its worker says that it will not answer.
const NOTICE_BLOCKS: u64 = 4;
/// Blocks over which workers spread when a job needs no lease any more.
const STAGGER_BLOCKS: u64 = 16;

/// Blocks after which the ledger draws other lots.
const DRAW_BLOCKS: u64 = 8;

/// What a worker is and has.
#[derive(Clone)]
pub struct Config {
    /// The network.
    pub chain: ChainId,
    /// Who.
    pub account: AccountId,
    /// From which salts are drawn; nobody else may know it.
    pub secret: [u8; 32],
    /// The key that signs leases.
    pub scheduler: AccountId,
    /// Jobs in work at once.
    pub slots: usize,
    /// What the machine has: the same as in its offer. The reputation is the ledger's to judge.
    pub machine: Requirements,
    /// What the worker asks, as in its offer.
    pub price: Amount,
    /// The protocol fee on top.
    pub fee: BasisPoints,
    /// Longest output that the ledger takes, bytes.
    pub output_bytes_max: u32,
    /// Longest proof that the ledger takes, bytes.
    pub proof_bytes_max: u32,
}

/// What happens to a worker.
#[derive(Debug)]
pub enum Input<'a> {
    /// The scheduler granted a lease; the order is the ledger's. May come twice.
    Lease {
        /// The grant.
        lease: SignedLease,
        /// The order it is for.
        spec: &'a JobSpec,
    },
    /// A job that is open when the worker starts.
    Known {
        /// Its id.
        id: JobId,
        /// As the ledger has it.
        job: &'a Job,
    },
    /// A block was committed. Blocks come in order.
    Block {
        /// Its height.
        height: Height,
        /// What happened in it.
        events: &'a [CommittedEvent],
    },
    /// A task is done.
    Computed {
        /// Which job.
        job: JobId,
        /// How it ended.
        result: Result<Answer, Failure>,
    },
    /// The ledger refused one of this worker's transactions about a job.
    Refused {
        /// Which job.
        job: JobId,
        /// Why.
        error: TxError,
    },
}

/// What the caller must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Compute this and come back with [`Input::Computed`].
    Compute(Task),
    /// Sign and send, again and again until the ledger includes or refuses it.
    Submit {
        /// The job it is about.
        job: JobId,
        /// What to ask.
        action: Action,
    },
}

/// Where a job in work stands.
#[derive(Clone, Debug)]
enum Stage {
    Computing,
    /// The answer could not be computed, and a seat is held or something was missing: again from this height on.
    Resting(Height),
    /// A settlement, commitment or reveal is on its way.
    Sent,
    /// The commitment was sent; the answer waits for the reveal window.
    Committed(Answer),
}

/// A job in work.
#[derive(Clone, Debug)]
struct Work {
    spec: JobSpec,
    authority: Authority,
    stage: Stage,
    /// Until when what is missing is looked for. Set once something is.
    waits_until: Option<Height>,
    /// The ledger has our commitment.
    is_seated: bool,
    /// Every seat is taken: reveals count now.
    is_reveal_open: bool,
}

/// An open job this worker may take without a lease.
#[derive(Clone, Debug)]
struct OpenJob {
    spec: JobSpec,
    /// When it is this worker's turn.
    turn: Height,
}

/// The step machine. See the module's documentation.
pub struct Worker {
    config: Config,
    height: Height,
    work: BTreeMap<JobId, Work>,
    open: BTreeMap<JobId, OpenJob>,
}

impl Worker {
    /// A worker with nothing to do, at the ledger's `height`.
    #[must_use]
    pub const fn new(config: Config, height: Height) -> Self {
        Self { config, height, work: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// Who this is.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.config.account
    }

    /// Jobs in work.
    #[must_use]
    pub fn in_work(&self) -> usize {
        self.work.len()
    }

    /// Takes one step. Inputs that make no sense any more change nothing.
    #[must_use]
    pub fn step(&mut self, input: Input<'_>) -> Vec<Effect> {
        match input {
            Input::Lease { lease, spec } => self.on_lease(lease, spec).into_iter().collect(),
            Input::Known { id, job } => self.on_known(id, job).into_iter().collect(),
            Input::Block { height, events } => self.on_block(height, events),
            Input::Computed { job, result: Ok(answer) } => self.on_answer(job, answer).into_iter().collect(),
            Input::Computed { job, result: Err(failure) } => self.on_failure(job, &failure).into_iter().collect(),
            Input::Refused { job, error } => {
                self.on_refused(job, &error);
                Vec::new()
            }
        }
    }

    fn on_lease(&mut self, lease: SignedLease, spec: &JobSpec) -> Option<Effect> {
        if !self.is_mine(&lease, spec) {
            return None;
        }
        let job = lease.lease.job;
        if let Some(work) = self.work.get_mut(&job) {
            // A lease pays better than none; a repeated one changes nothing.
            if matches!(work.stage, Stage::Computing | Stage::Resting(_)) {
                work.authority = Authority::Lease(lease);
            }
            return None;
        }
        if self.computing() >= self.config.slots {
            return Some(abandon(lease, DeclineReason::Busy));
        }
        if !self.can_run(&spec.requirements) {
            return Some(abandon(lease, DeclineReason::Unsuitable));
        }
        Some(self.start(job, spec.clone(), Authority::Lease(lease)))
    }

    /// Jobs that take a slot. An answer that waits for others to commit, or for a block, takes none.
    fn computing(&self) -> usize {
        self.work.values().filter(|work| matches!(work.stage, Stage::Computing)).count()
    }

    /// Whether the scheduler granted this to us, for this order, and it still runs.
    fn is_mine(&self, lease: &SignedLease, spec: &JobSpec) -> bool {
        let grant = &lease.lease;
        grant.worker == self.config.account
            && grant.job == job_id(spec)
            && grant.expires > self.height
            && lease.verify(self.config.scheduler, self.config.chain).is_ok()
    }

    fn can_run(&self, needs: &Requirements) -> bool {
        self.config.machine.memory >= needs.memory && self.config.machine.flags.covers(needs.flags)
    }

    fn start(&mut self, job: JobId, spec: JobSpec, authority: Authority) -> Effect {
        let task = Task { spec: spec.clone(), worker: self.config.account };
        let work = Work {
            spec,
            authority,
            stage: Stage::Computing,
            waits_until: None,
            is_seated: false,
            is_reveal_open: false,
        };
        self.work.insert(job, work);
        Effect::Compute(task)
    }

    /// After a restart: what we owe, and what is open to all.
    fn on_known(&mut self, id: JobId, job: &Job) -> Option<Effect> {
        if !job.is_open() {
            return None;
        }
        let seat = job.round.seats.iter().find(|seat| seat.worker == self.config.account);
        match seat {
            Some(seat) if seat.output.is_none() => {
                // The salt follows from our key and the answer from the input: both can be made again.
                let effect = self.start(id, job.spec.clone(), Authority::Open { job: id });
                if let Some(work) = self.work.get_mut(&id) {
                    work.is_seated = true;
                    work.is_reveal_open = job.round.reveal_by.is_some();
                }
                Some(effect)
            }
            Some(_) => None,
            None if job.barred.contains(&self.config.account) => None,
            None => {
                self.remember_open(id, job.spec.clone(), job.open_from);
                None
            }
        }
    }

    fn remember_open(&mut self, id: JobId, spec: JobSpec, open_from: Height) {
        let digest = hash_encoded("ciro/stagger/v1", &(id, self.config.account));
        let delay = u64::from(digest.0[0]) % STAGGER_BLOCKS;
        self.open.insert(id, OpenJob { spec, turn: open_from.plus(delay) });
    }

    fn on_block(&mut self, height: Height, events: &[CommittedEvent]) -> Vec<Effect> {
        self.height = height;
        let mut effects: Vec<Effect> = events.iter().filter_map(|event| self.on_event(&event.event)).collect();
        effects.extend(self.retry());
        effects.extend(self.take_open());
        effects
    }

    fn on_event(&mut self, event: &Event) -> Option<Effect> {
        match event {
            Event::JobOpened { job, spec, open_from, .. } => self.remember_open(*job, spec.clone(), *open_from),
            Event::JobReopened { job, excluded, open_from, .. } => self.on_reopened(*job, excluded, *open_from),
            Event::JobSettled { record, .. } => self.forget(record.job),
            Event::JobRefunded { job, .. } => self.forget(*job),
            Event::JobCommitted { job, worker, reveal_by, .. } => {
                return self.on_committed(*job, *worker, reveal_by.is_some());
            }
            Event::Transfer { .. }
            | Event::ModelRegistered { .. }
            | Event::WorkerRegistered { .. }
            | Event::StakeAdded { .. }
            | Event::UnstakeRequested { .. }
            | Event::StakeReleased { .. }
            | Event::StakeWithdrawn { .. }
            | Event::OfferPublished { .. }
            | Event::OfferWithdrawn { .. }
            | Event::JobCancelRequested { .. }
            | Event::JobCancelOverruled { .. }
            | Event::LeaseObserved { .. }
            | Event::LeaseAbandoned { .. }
            | Event::JobFailureReported { .. }
            | Event::LeaseTimedOut { .. }
            | Event::JobRevealed { .. }
            | Event::Slashed { .. }
            | Event::ReputationChanged { .. }
            | Event::FeePaid { .. }
            | Event::DepositReturned { .. } => {}
        }
        None
    }

    fn on_reopened(&mut self, id: JobId, excluded: &[AccountId], open_from: Height) {
        if excluded.contains(&self.config.account) {
            self.open.remove(&id);
        } else if let Some(open) = self.open.remove(&id) {
            self.remember_open(id, open.spec, open_from);
        }
    }

    fn forget(&mut self, job: JobId) {
        self.work.remove(&job);
        self.open.remove(&job);
    }

    fn on_committed(&mut self, id: JobId, worker: AccountId, is_last: bool) -> Option<Effect> {
        if worker == self.config.account {
            self.open.remove(&id);
        }
        let work = self.work.get_mut(&id)?;
        work.is_seated |= worker == self.config.account;
        work.is_reveal_open = is_last;
        self.reveal(id)
    }

    /// Opens our commitment if it is our turn.
    fn reveal(&mut self, id: JobId) -> Option<Effect> {
        let salt = self.salt(id);
        let work = self.work.get_mut(&id).filter(|work| work.is_seated && work.is_reveal_open)?;
        let Stage::Committed(answer) = &work.stage else { return None };
        let Answer { input, output, .. } = answer.clone();
        work.stage = Stage::Sent;
        Some(Effect::Submit { job: id, action: Action::Job(JobAction::Reveal { job: id, input, output, salt }) })
    }

    fn on_answer(&mut self, id: JobId, answer: Answer) -> Option<Effect> {
        if let Some(failure) = self.too_long(&answer) {
            return self.on_failure(id, &failure);
        }
        let salt = self.salt(id);
        let work = self.work.get_mut(&id)?;
        let authority = work.authority.clone();
        if work.spec.assurance != Assurance::A2 {
            work.stage = Stage::Sent;
            let Answer { input, output, proof } = answer;
            return Some(Effect::Submit {
                job: id,
                action: Action::Job(JobAction::Settle { authority, input, output, proof }),
            });
        }
        let commitment = commitment(id, self.config.account, output_hash(&answer.output), salt);
        work.stage = Stage::Committed(answer);
        if work.is_seated {
            return self.reveal(id);
        }
        Some(Effect::Submit { job: id, action: Action::Job(JobAction::Commit { authority, commitment }) })
    }

    /// Why the ledger would refuse the answer. To commit to one that cannot be revealed would cost stake.
    fn too_long(&self, answer: &Answer) -> Option<Failure> {
        let parts = [
            ("output", self.config.output_bytes_max, answer.output.len()),
            ("proof", self.config.proof_bytes_max, answer.proof.len()),
        ];
        let (what, expected, got) = parts.into_iter().find(|(_, expected, got)| *got > *expected as usize)?;
        Some(Failure::TooLong { what, expected, got })
    }

    /// The salt of our commitment to `job`: secret, and the same after a restart.
    fn salt(&self, job: JobId) -> Hash32 {
        let key = hash("ciro/salt-key/v1", &self.config.secret);
        hash_encoded("ciro/salt/v1", &(key, job))
    }

    fn on_failure(&mut self, id: JobId, failure: &Failure) -> Option<Effect> {
        let work = self.work.get_mut(&id)?;
        if work.is_seated {
            // Silence would cost stake, and it was answered before: the trouble is here, whatever it looks like.
            work.stage = Stage::Resting(self.height.plus(RETRY_BLOCKS));
            return None;
        }
        let fault = failure.fault();
        if matches!(fault, Fault::Absent(_))
            && self.height < *work.waits_until.get_or_insert(patience(work, self.height))
        {
            work.stage = Stage::Resting(self.height.plus(RETRY_BLOCKS));
            return None;
        }
        let work = self.work.remove(&id)?;
        match fault {
            Fault::Machine(DeclineReason::Impaired) => self.postpone(id, STAGGER_BLOCKS),
            Fault::Job(_) | Fault::Absent(_) | Fault::Machine(_) => drop(self.open.remove(&id)),
        }
        match work.authority {
            Authority::Lease(lease) => Some(decline(lease, fault)),
            // Without a lease nobody waits for us.
            Authority::Open { .. } => None,
        }
    }

    /// Computes again what failed before and may succeed, as far as slots reach.
    fn retry(&mut self) -> Vec<Effect> {
        let free = self.config.slots.saturating_sub(self.computing());
        let (now, worker) = (self.height, self.config.account);
        let is_due = |work: &&mut Work| matches!(work.stage, Stage::Resting(until) if until <= now);
        let due = self.work.values_mut().filter(is_due).take(free).map(|work| {
            work.stage = Stage::Computing;
            Effect::Compute(Task { spec: work.spec.clone(), worker })
        });
        due.collect()
    }

    /// The ledger will not have it. What is refused for good is forgotten. What came too early or too late may be wanted again when the
    /// job is reopened, or once it needs no lease.
    fn on_refused(&mut self, id: JobId, error: &TxError) {
        if is_passing(error) {
            self.postpone(id, pause_after(error));
        } else {
            self.open.remove(&id);
        }
        // A seat keeps its duty to reveal, whatever became of another transaction.
        let owes_reveal = |work: &Work| work.is_seated && !matches!(error, TxError::JobClosed { .. });
        if !self.work.get(&id).is_some_and(owes_reveal) {
            self.work.remove(&id);
        }
    }

    /// Leaves a job to others for a while.
    fn postpone(&mut self, id: JobId, blocks: u64) {
        let turn = self.height.plus(blocks);
        if let Some(open) = self.open.get_mut(&id) {
            open.turn = open.turn.max(turn);
        }
    }

    /// Takes jobs that need no lease any more and whose turn has come, as far as slots reach.
    fn take_open(&mut self) -> Vec<Effect> {
        let free = self.config.slots.saturating_sub(self.computing());
        let is_due = |(id, open): &(&JobId, &OpenJob)| {
            open.turn <= self.height
                && open.spec.deadline > self.height
                && !self.work.contains_key(id)
                && self.can_run(&open.spec.requirements)
                && self.config.price <= price_ceiling(open.spec.max_price, self.config.fee, open.spec.assurance)
        };
        let due: Vec<JobId> = self.open.iter().filter(is_due).take(free).map(|(id, _)| *id).collect();
        let take = |id: JobId| {
            let spec = self.open.get(&id)?.spec.clone();
            Some(self.start(id, spec, Authority::Open { job: id }))
        };
        due.into_iter().filter_map(take).collect()
    }
}

/// Whether the same worker may be welcome later: the seats were taken, or the lease was void by then.
const fn is_passing(error: &TxError) -> bool {
    matches!(
        error,
        TxError::RoundFull { .. }
            | TxError::LeaseExpired { .. }
            | TxError::StaleToken { .. }
            | TxError::TokenUsed { .. }
            | TxError::LeaseRequired { .. }
            | TxError::JobCancelling { .. }
            | TxError::NotDrawn { .. }
            | TxError::SeatNotCovered { .. }
    )
}

/// Lots are drawn again soon; everything else takes as long as it takes others to have their turn.
const fn pause_after(error: &TxError) -> u64 {
    if matches!(error, TxError::NotDrawn { .. }) { DRAW_BLOCKS } else { STAGGER_BLOCKS }
}

/// Until when a job waits for what is missing: never so long that its lease runs out.
fn patience(work: &Work, now: Height) -> Height {
    let latest = match &work.authority {
        Authority::Lease(lease) => Height(lease.lease.expires.0.saturating_sub(NOTICE_BLOCKS)),
        Authority::Open { .. } => work.spec.deadline,
    };
    now.plus(FETCH_BLOCKS).min(latest)
}

fn abandon(lease: SignedLease, reason: DeclineReason) -> Effect {
    Effect::Submit { job: lease.lease.job, action: Action::Job(JobAction::Abandon { lease, reason }) }
}

/// The job's fault is reported; this machine's own is a plain decline.
fn decline(lease: SignedLease, fault: Fault) -> Effect {
    match fault {
        Fault::Job(reason) | Fault::Absent(reason) => {
            Effect::Submit { job: lease.lease.job, action: Action::Job(JobAction::Fail { lease, reason }) }
        }
        Fault::Machine(reason) => abandon(lease, reason),
    }
}
