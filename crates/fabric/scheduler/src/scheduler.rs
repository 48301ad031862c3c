//! The scheduler: committed blocks in, signed leases out.
//!
//! There is one call per block, in order. The block's events change the book and the open seats, and void claims go
//! back in line. Free workers are matched to ready seats, oldest first. Everything becomes durable in one commit, and
//! only then does the caller get the leases. Feeding a block again changes nothing.
//!
//! A job has as many seats as it pays workers: one at A0 and A4, two at A2, one more for each round the ledger reopens.
//! A worker that had the job comes last, and one that failed it never again (`crate::history`). A seat nobody can fill stays in line.

use crate::book::{Book, Demand};
use crate::config::Config;
use crate::error::SchedulerError;
use crate::history::History;
use crate::seat::{Claimants, SeatNote, pivot};
use ciro_api::{Offered, Refusal};
use ciro_queue::{Age, Mark, WorkId, WorkState, WorkStore, WorkView};
use ciro_state::fees::{paid_workers, price_ceiling};
use ciro_state::{CommittedEvent, DeclineReason, Event, Facts as _, Job, Model, Reputation, Round, SignedLease, State};
use ciro_types::{
    AccountId, Amount, Assurance, BlockId, Height, JobId, JobSpec, Lease, LeaseToken, Offer, Requirements, encode,
};
use std::collections::{BTreeMap, BTreeSet};

/// Seats looked at in one read of the store.
const PAGE: usize = 256;
/// Blocks by which the ledger may have gone back when the store was lost with it: tokens of those are out as well. Far more than a
/// validator that is made anew from a peer's lacks.
const LOST_BLOCKS: u64 = 1_024;

/// What a scheduler restarts from: the parts of the ledger's state that it follows.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// The last block applied.
    pub at: Mark,
    /// Standing offers.
    pub offers: Vec<Offer>,
    /// Every worker's standing.
    pub reputations: Vec<(AccountId, Reputation)>,
    /// Workers that were never paid.
    pub newcomers: Vec<AccountId>,
    /// Open jobs, each with the work of its model ([`ciro_state::Model::work`]).
    pub jobs: Vec<(JobId, Job, u64)>,
    /// Tokens of leases on them that were used.
    pub used: BTreeSet<LeaseToken>,
    /// Tokens up to and including this one are void for every job.
    pub token_floor: LeaseToken,
}

impl Ledger {
    /// The parts of `state`, that after `block`, which a scheduler follows. Cost: linear in workers and jobs.
    #[must_use]
    pub fn of(state: &State, block: BlockId) -> Self {
        let open = state.jobs().filter(|(_, job)| job.is_open());
        let work = |job: &Job| state.model(&job.spec.model).map_or(0, Model::work);
        let is_open = |job: &JobId| state.job(job).is_some_and(Job::is_open);
        Self {
            at: Mark { height: state.height(), block },
            offers: state.offers().cloned().collect(),
            reputations: state.workers().map(|(id, worker)| (*id, worker.reputation)).collect(),
            newcomers: state.workers().filter(|(_, worker)| worker.jobs_done == 0).map(|(id, _)| *id).collect(),
            jobs: open.map(|(id, job)| (*id, job.clone(), work(job))).collect(),
            used: state.used_tokens().filter(|(_, job)| is_open(job)).map(|(token, _)| *token).collect(),
            token_floor: state.token_floor(),
        }
    }
}

/// What the caller must do, in order, after a call returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Deliver the lease to its worker. May be delivered twice.
    Grant(SignedLease),
    /// Tell the ledger that this lease ran out unused.
    ReportTimeout(SignedLease),
}

/// An open job as the scheduler follows it.
#[derive(Debug)]
struct OpenJob {
    spec: JobSpec,
    /// Blocks that a lease on it runs.
    lease_blocks: u64,
    /// Seats the ledger still wants taken in this round.
    wanted: usize,
    /// Leases that may still become a settlement or a commitment.
    outstanding: BTreeSet<LeaseToken>,
    /// Leases whose worker has committed.
    committed: BTreeSet<LeaseToken>,
    /// Workers that had the job or may not have it.
    history: History,
    /// The client wants it back: no new leases.
    is_cancelling: bool,
}

impl OpenJob {
    fn new(spec: JobSpec, lease_blocks: u64) -> Self {
        Self {
            wanted: seats_of(&spec),
            spec,
            lease_blocks,
            outstanding: BTreeSet::new(),
            committed: BTreeSet::new(),
            history: History::default(),
            is_cancelling: false,
        }
    }
}

/// A lease that is out.
#[derive(Clone, Debug)]
struct Claimed {
    work: WorkId,
    lease: Lease,
}

/// The step machine. See the module's documentation.
pub struct Scheduler<W> {
    config: Config,
    store: W,
    /// The last block taken in.
    at: Mark,
    book: Book,
    jobs: BTreeMap<JobId, OpenJob>,
    claims: BTreeMap<LeaseToken, Claimed>,
}

impl<W: WorkStore> Scheduler<W> {
    /// Starts from the ledger's state and whatever the store remembers. The effects repeat the leases that are out.
    ///
    /// # Errors
    /// [`SchedulerError`] if the store fails or is damaged.
    pub fn restore(config: Config, store: W, ledger: Ledger) -> Result<(Self, Vec<Effect>), SchedulerError> {
        let mut scheduler =
            Self { config, store, at: ledger.at, book: Book::new(), jobs: BTreeMap::new(), claims: BTreeMap::new() };
        scheduler.book.advance(ledger.at.height);
        scheduler.restore_book(ledger.offers, ledger.reputations);
        ledger.newcomers.into_iter().for_each(|worker| scheduler.book.note_newcomer(worker));
        if scheduler.store.mark()?.is_none() {
            // The store is new or was lost: tokens may be out that it does not remember.
            scheduler.store.start_tokens_after(ledger.at.height.plus(LOST_BLOCKS))?;
        }
        scheduler.forget_closed(&ledger.jobs)?;
        for (id, job, work) in ledger.jobs {
            let known = Claimants::of(&job, ledger.token_floor, &ledger.used);
            scheduler.restore_job(id, job, work, &known)?;
        }
        scheduler.store.commit(ledger.at)?;
        let effects = scheduler.outstanding_grants();
        Ok((scheduler, effects))
    }

    /// Takes in a block. Blocks come in order; one that was taken in before changes nothing.
    ///
    /// # Errors
    /// [`SchedulerError`] if the store fails: nothing of this block is durable then, and no effect may be acted on.
    pub fn on_block(&mut self, at: Mark, events: &[CommittedEvent]) -> Result<Vec<Effect>, SchedulerError> {
        let mut effects = Vec::new();
        if at.height > self.at.height {
            self.at = at;
            self.book.advance(at.height);
            for event in events {
                self.apply(&event.event)?;
            }
            self.take_back_expired(&mut effects)?;
            self.fill_seats(&mut effects)?;
            self.store.commit(at)?;
        }
        Ok(effects)
    }

    /// The last block taken in.
    pub const fn height(&self) -> Height {
        self.at.height
    }

    /// The store of work.
    pub const fn store(&self) -> &W {
        &self.store
    }

    /// The offer book.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The order behind an open job.
    #[must_use]
    pub fn spec(&self, id: JobId) -> Option<&JobSpec> {
        self.jobs.get(&id).map(|job| &job.spec)
    }

    /// Why an open job has a seat that nobody holds. `None` if all its seats are held or it is not open.
    #[must_use]
    pub fn explain(&self, id: JobId) -> Option<Refusal> {
        let job = self.jobs.get(&id)?;
        (job.outstanding.len() < job.wanted).then(|| self.book.explain(&self.demand(job, AccountId::ZERO)))
    }

    /// The workers that would be given a job with these requirements now, and what each asks before the fee.
    ///
    /// # Errors
    /// [`Refusal`] if fewer than `count` workers can serve.
    pub fn quote(&mut self, requirements: &Requirements, count: usize) -> Result<Vec<Offered>, Refusal> {
        let mut excluded = BTreeSet::new();
        let mut workers = Vec::new();
        while workers.len() < count {
            let demand =
                Demand { requirements, price_cap: Amount(u128::MAX), excluded: &excluded, pivot: AccountId::ZERO };
            let picked = self.book.pick(&demand).or_else(|| self.book.pick_on_trial(&demand));
            match picked.or_else(|| self.book.pick_benched(&demand, &excluded)) {
                Some((worker, price)) => {
                    workers.push(Offered { worker, price });
                    excluded.insert(worker);
                }
                None => return Err(self.book.explain(&demand)),
            }
        }
        Ok(workers)
    }

    fn apply(&mut self, event: &Event) -> Result<(), SchedulerError> {
        match event {
            Event::OfferPublished { offer } => self.publish(offer.clone()),
            Event::WorkerRegistered { worker, .. } => self.book.note_newcomer(*worker),
            Event::OfferWithdrawn { worker, .. } => self.book.withdraw(*worker),
            Event::ReputationChanged { worker, reputation } => self.book.set_reputation(*worker, *reputation),
            Event::JobOpened { job, spec, work, .. } => self.open(*job, spec, *work)?,
            Event::JobCancelRequested { job, .. } => self.set_cancelling(*job, true),
            Event::JobCancelOverruled { job } => self.set_cancelling(*job, false),
            Event::LeaseAbandoned { token, reason, .. } => {
                self.give_back(*token, &format!("{reason:?}"), passes(*reason))?;
            }
            Event::JobFailureReported { token, reason, .. } => {
                self.give_back(*token, &format!("{reason:?}"), false)?;
            }
            Event::JobCommitted { job, worker, .. } => self.commit_seat(*job, *worker)?,
            Event::JobReopened { job, wanted, excluded, fence, .. } => {
                self.reopen(*job, *wanted as usize, excluded, *fence)?;
            }
            Event::JobSettled { record, .. } => {
                record.payments.iter().for_each(|payment| self.book.absolve(payment.worker));
                self.close(record.job)?;
            }
            Event::JobRefunded { job, .. } => self.close(*job)?,
            // Money, and what leases and seats came to: nothing that a lease depends on.
            Event::Transfer { .. }
            | Event::ModelRegistered { .. }
            | Event::StakeAdded { .. }
            | Event::UnstakeRequested { .. }
            | Event::StakeReleased { .. }
            | Event::StakeWithdrawn { .. }
            | Event::LeaseObserved { .. }
            | Event::LeaseTimedOut { .. }
            | Event::JobRevealed { .. }
            | Event::Slashed { .. }
            | Event::FeePaid { .. }
            | Event::DepositReturned { .. } => {}
        }
        Ok(())
    }

    fn open(&mut self, id: JobId, spec: &JobSpec, work: u64) -> Result<(), SchedulerError> {
        let lease_blocks = self.config.leases.blocks(work);
        self.jobs.entry(id).or_insert_with(|| OpenJob::new(spec.clone(), lease_blocks));
        self.ensure_seats(id)
    }

    fn set_cancelling(&mut self, id: JobId, is_cancelling: bool) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.is_cancelling = is_cancelling;
        }
    }

    /// Enqueues seats until the job has as many untaken ones as its round wants.
    fn ensure_seats(&mut self, id: JobId) -> Result<(), SchedulerError> {
        let Some(job) = self.jobs.get(&id) else { return Ok(()) };
        let seats = self.store.seats(id)?;
        let is_taken = |view: &&WorkView| match view.state {
            WorkState::Claimed { token, .. } => job.committed.contains(&token),
            WorkState::Ready | WorkState::Delayed { .. } | WorkState::Dead { .. } => false,
        };
        let untaken = seats.len() - seats.iter().filter(is_taken).count();
        let first = seats.last().map_or(0, |view| view.work.seat.saturating_add(1));
        for seat in (first..u8::MAX).take(job.wanted.saturating_sub(untaken)) {
            self.store.enqueue(WorkId { job: id, seat }, &encode(&SeatNote::default()))?;
        }
        Ok(())
    }

    /// The lease is void: its seat goes back in line and its worker's slot is free. If the reason `passes`, its worker may be asked
    /// again.
    fn give_back(&mut self, token: LeaseToken, reason: &str, passes: bool) -> Result<(), SchedulerError> {
        if let Some(claimed) = self.drop_claim(token) {
            if passes {
                self.note_return(&claimed);
            }
            self.store.nack(claimed.work, token, self.at.height, self.at.height, reason)?;
        }
        Ok(())
    }

    fn drop_claim(&mut self, token: LeaseToken) -> Option<Claimed> {
        let claimed = self.claims.remove(&token)?;
        self.book.vacate(claimed.lease.worker, token);
        if let Some(job) = self.jobs.get_mut(&claimed.work.job) {
            job.outstanding.remove(&token);
            job.committed.remove(&token);
        }
        Some(claimed)
    }

    fn note_return(&mut self, claimed: &Claimed) {
        if let Some(job) = self.jobs.get_mut(&claimed.work.job) {
            job.history.give_back(claimed.lease.worker, self.at.height);
        }
    }

    /// A lease ran out unused.
    fn note_miss(&mut self, claimed: &Claimed) {
        if self.book.is_newcomer(&claimed.lease.worker)
            && let Some(job) = self.jobs.get_mut(&claimed.work.job)
        {
            job.history.let_down();
        }
    }

    /// Whether the order's deadline ended the lease. Whoever ordered chose that end, so it says nothing about the worker, and the ledger
    /// closes the job a block later.
    fn is_cut(&self, claimed: &Claimed) -> bool {
        self.jobs.get(&claimed.work.job).is_none_or(|job| claimed.lease.expires >= job.spec.deadline)
    }

    /// A worker took a seat on the ledger, with our lease or without one.
    fn commit_seat(&mut self, id: JobId, worker: AccountId) -> Result<(), SchedulerError> {
        let Some(job) = self.jobs.get_mut(&id) else { return Ok(()) };
        job.wanted = job.wanted.saturating_sub(1);
        job.history.bar(worker);
        let is_its = |token: &&LeaseToken| self.claims.get(*token).is_some_and(|found| found.lease.worker == worker);
        let Some(token) = job.outstanding.iter().find(is_its).copied() else { return Ok(()) };
        job.outstanding.remove(&token);
        job.committed.insert(token);
        // The answer is computed: only the seat is held, and a slot that waited for the others' would starve them.
        self.book.vacate(worker, token);
        // From here on the ledger's reveal window counts, not the lease.
        if let Some(claimed) = self.claims.get(&token) {
            self.store.extend(claimed.work, token, job.spec.deadline.next())?;
        }
        Ok(())
    }

    fn reopen(
        &mut self,
        id: JobId,
        wanted: usize,
        excluded: &[AccountId],
        fence: LeaseToken,
    ) -> Result<(), SchedulerError> {
        let Some(job) = self.jobs.get_mut(&id) else { return Ok(()) };
        job.wanted = wanted;
        excluded.iter().for_each(|worker| job.history.bar(*worker));
        for token in job.outstanding.range(..=fence).copied().collect::<Vec<_>>() {
            self.give_back(token, "the round was reopened", true)?;
        }
        self.ensure_seats(id)
    }

    fn close(&mut self, id: JobId) -> Result<(), SchedulerError> {
        if let Some(job) = self.jobs.remove(&id) {
            for token in job.outstanding.into_iter().chain(job.committed) {
                self.drop_claim(token);
            }
        }
        Ok(self.store.retire(id)?)
    }

    fn take_back_expired(&mut self, effects: &mut Vec<Effect>) -> Result<(), SchedulerError> {
        // Slots that run out together are one miss: the worker was away once.
        let mut late = BTreeSet::new();
        for expired in self.store.tick(self.at.height)? {
            let Some(claimed) = self.drop_claim(expired.token) else { continue };
            self.note_return(&claimed);
            if !self.is_cut(&claimed) {
                self.note_miss(&claimed);
                late.insert(claimed.lease.worker);
                effects.push(Effect::ReportTimeout(self.sign(claimed.lease)));
            }
        }
        late.into_iter().for_each(|worker| self.book.bench(worker, self.config.leases.least));
        Ok(())
    }

    fn fill_seats(&mut self, effects: &mut Vec<Effect>) -> Result<(), SchedulerError> {
        let mut after = Age::default();
        // Demands nobody could serve in this pass: the book only shrinks while it runs, so they still cannot be.
        let mut hopeless = BTreeSet::new();
        while self.book.has_free_slot() {
            let page = self.store.ready(after, PAGE)?;
            let Some(youngest) = page.last() else { break };
            after = youngest.age;
            for view in &page {
                self.fill(view, &mut hopeless, effects)?;
            }
        }
        Ok(())
    }

    fn fill(
        &mut self,
        view: &WorkView,
        hopeless: &mut BTreeSet<(u32, u16, u16, Amount)>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), SchedulerError> {
        let Some(job) = self.jobs.get(&view.work.job) else { return Ok(()) };
        let expires = self.at.height.plus(job.lease_blocks).min(job.spec.deadline);
        if job.is_cancelling
            || job.outstanding.len() >= job.wanted
            || expires < self.at.height.plus(Config::least_blocks(job.lease_blocks))
        {
            return Ok(());
        }
        let demand = self.demand(job, pivot(view.work.job, view.work.seat));
        let needs = demand.requirements;
        let kind = (needs.memory.0, needs.flags.0, needs.min_reputation, demand.price_cap);
        if hopeless.contains(&kind) {
            return Ok(());
        }
        match pick(&mut self.book, &demand, &job.history, self.at.height) {
            Some((worker, price)) => {
                let is_trial = self.book.is_newcomer(&worker);
                let blocks = if is_trial { Config::trial_blocks(job.lease_blocks) } else { job.lease_blocks };
                effects.push(self.grant(view, worker, price, expires.min(self.at.height.plus(blocks)))?);
            }
            // An exclusion concerns this job alone.
            None if job.history.is_empty() => drop(hopeless.insert(kind)),
            None => {}
        }
        Ok(())
    }

    fn grant(
        &mut self,
        view: &WorkView,
        worker: AccountId,
        price: Amount,
        expires: Height,
    ) -> Result<Effect, SchedulerError> {
        let mut note = SeatNote::read(view)?;
        note.given.push((worker, price));
        note.expires = expires;
        let token = self.store.claim(view.work, self.at.height, expires, &encode(&note))?.token;
        let lease = Lease { job: view.work.job, worker, token, price, expires };
        self.hold(view.work, lease.clone());
        Ok(Effect::Grant(self.sign(lease)))
    }

    fn hold(&mut self, work: WorkId, lease: Lease) {
        self.book.occupy(lease.worker, lease.token);
        if let Some(job) = self.jobs.get_mut(&work.job) {
            job.history.bar(lease.worker);
            job.outstanding.insert(lease.token);
        }
        self.claims.insert(lease.token, Claimed { work, lease });
    }

    fn demand<'a>(&self, job: &'a OpenJob, pivot: AccountId) -> Demand<'a> {
        let price_cap = price_ceiling(job.spec.max_price, self.config.fee, job.spec.assurance);
        Demand { requirements: &job.spec.requirements, price_cap, excluded: job.history.known(), pivot }
    }

    fn sign(&self, lease: Lease) -> SignedLease {
        SignedLease::sign(lease, &self.config.key, self.config.chain)
    }

    fn restore_book(&mut self, offers: Vec<Offer>, reputations: Vec<(AccountId, Reputation)>) {
        for (worker, reputation) in reputations {
            self.book.set_reputation(worker, reputation);
        }
        for offer in offers {
            self.publish(offer);
        }
    }

    fn publish(&mut self, offer: Offer) {
        if self.config.reach.includes(&offer.worker) {
            self.book.publish(offer);
        }
    }

    /// Drops from the log what the ledger closed while nobody was listening.
    fn forget_closed(&mut self, open: &[(JobId, Job, u64)]) -> Result<(), SchedulerError> {
        let open: BTreeSet<JobId> = open.iter().map(|(id, ..)| *id).collect();
        let mut after = None;
        loop {
            let page = self.store.jobs(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for closed in page.into_iter().filter(|id| !open.contains(id)) {
                self.store.retire(closed)?;
            }
        }
    }

    fn restore_job(&mut self, id: JobId, job: Job, work: u64, known: &Claimants<'_>) -> Result<(), SchedulerError> {
        let mut open = OpenJob::new(job.spec, self.config.leases.blocks(work));
        open.is_cancelling = job.cancel_at.is_some();
        known.out.iter().for_each(|worker| open.history.bar(*worker));
        open.wanted = seats_still_wanted(&open.spec, &job.round);
        self.jobs.insert(id, open);
        for view in self.store.seats(id)? {
            self.restore_seat(&view, known)?;
        }
        self.ensure_seats(id)
    }

    fn restore_seat(&mut self, view: &WorkView, known: &Claimants<'_>) -> Result<(), SchedulerError> {
        let note = SeatNote::read(view)?;
        if let Some(job) = self.jobs.get_mut(&view.work.job) {
            let returned = note.given.iter().map(|(worker, _)| *worker).filter(|worker| !known.out.contains(worker));
            returned.for_each(|worker| job.history.give_back(worker, self.at.height));
        }
        let Some(lease) = note.lease(view) else { return Ok(()) };
        let (token, worker) = (lease.token, lease.worker);
        if known.voids(&lease) {
            // In a block that nobody here saw.
            let now = self.at.height;
            self.store.nack(view.work, token, now, now, "the ledger voided the lease")?;
            return Ok(());
        }
        self.hold(view.work, lease);
        if let Some(job) = self.jobs.get_mut(&view.work.job).filter(|_| known.seated.contains(&worker)) {
            job.outstanding.remove(&token);
            job.committed.insert(token);
            self.book.vacate(worker, token);
        }
        Ok(())
    }

    fn outstanding_grants(&self) -> Vec<Effect> {
        let is_out = |claimed: &&Claimed| {
            let job = self.jobs.get(&claimed.work.job);
            job.is_some_and(|job| job.outstanding.contains(&claimed.lease.token))
                && claimed.lease.expires > self.at.height
        };
        self.claims.values().filter(is_out).map(|claimed| Effect::Grant(self.sign(claimed.lease.clone()))).collect()
    }
}

/// The best worker that has not had the job, or else the best that has rested from it, or else one that is benched. Whom a newcomer
/// let down is served by one that is none, if there is one.
fn pick(book: &mut Book, demand: &Demand<'_>, history: &History, now: Height) -> Option<(AccountId, Amount)> {
    let proven = if history.was_let_down() { book.pick_proven(demand) } else { None };
    let fresh = proven.or_else(|| book.pick(demand));
    if fresh.is_some() {
        return fresh;
    }
    let out = history.out(now);
    let demand = Demand { excluded: out.as_ref().unwrap_or(demand.excluded), ..demand.clone() };
    let rested = if out.is_some() { book.pick(&demand) } else { None };
    rested.or_else(|| book.pick_benched(&demand, &history.gone()))
}

/// Whether a worker that declines for this reason may have the job later.
const fn passes(reason: DeclineReason) -> bool {
    match reason {
        DeclineReason::Busy | DeclineReason::Impaired => true,
        DeclineReason::Draining | DeclineReason::Unsuitable | DeclineReason::TooSlow => false,
    }
}

/// Seats the ledger would still let workers take.
fn seats_still_wanted(spec: &JobSpec, round: &Round) -> usize {
    match (spec.assurance, round.reveal_by) {
        (Assurance::A2, Some(_)) => 0,
        (Assurance::A2, None) => round.wanted().saturating_sub(round.seats.len()),
        (Assurance::A0 | Assurance::A4, _) => seats_of(spec),
    }
}

fn seats_of(spec: &JobSpec) -> usize {
    usize::try_from(paid_workers(spec.assurance)).unwrap_or(usize::MAX)
}
