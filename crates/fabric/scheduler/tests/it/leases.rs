//! The scheduler against a feed of blocks: who gets a lease, who never does, and what survives a restart.

use ciro_api::Predicate;
use ciro_crypto::Keypair;
use ciro_queue::{EmbeddedStore, Limits, Mark, WorkStore as _};
use ciro_scheduler::{Config, Effect, LeaseLength, Ledger, Reach, Scheduler};
use ciro_state::{
    CommittedEvent, DeclineReason, Event, EventPosition, FailReason, Job, JobStatus, Payment, RefundReason, Round,
    Seat, SettlementRecord, SignedLease, job_id,
};
use ciro_types::{
    AccountId, Amount, Assurance, BasisPoints, BlockId, CapabilityFlags, ChainId, Hash32, Height, JobId, JobSpec,
    JobType, Lease, LeaseToken, MemoryMib, ModelId, Nonce, Offer, Requirements,
};
use redb::backends::InMemoryBackend;
use std::collections::BTreeSet;

const CHAIN: ChainId = ChainId([1; 32]);
const LEASE_BLOCKS: u64 = 10;

pub(crate) fn config() -> Config {
    Config {
        chain: CHAIN,
        key: Keypair::from_seed([9; 32]),
        fee: BasisPoints(1_000),
        leases: LeaseLength { least: LEASE_BLOCKS, most: 25, work_per_least: 1_000 },
        reach: Reach::Everyone,
    }
}

pub(crate) fn store() -> EmbeddedStore {
    EmbeddedStore::open_on(InMemoryBackend::new(), Limits::default()).expect("opens")
}

pub(crate) fn worker(n: u8) -> AccountId {
    AccountId([n; 32])
}

pub(crate) fn offer(n: u8, price: u64, slots: u16) -> Offer {
    Offer {
        worker: worker(n),
        sequence: 1,
        flags: CapabilityFlags(0),
        memory: MemoryMib(1_024),
        price: Amount::ciro(price),
        slots,
        expires: Height(100_000),
        label: String::new(),
    }
}

pub(crate) fn spec(nonce: u64, assurance: Assurance) -> JobSpec {
    JobSpec {
        chain: CHAIN,
        client: worker(200),
        nonce: Nonce(nonce),
        job_type: JobType::AIInference,
        model: ModelId([3; 32]),
        input: Hash32([4; 32]),
        assurance,
        max_price: Amount::ciro(22),
        deadline: Height(1_000),
        requirements: Requirements::default(),
    }
}

/// A block of the chain under test.
pub(crate) fn mark(height: u64) -> Mark {
    Mark { height: Height(height), block: BlockId([height as u8; 32]) }
}

/// A scheduler, the height it is at, and every lease it ever granted.
struct Bench {
    scheduler: Scheduler<EmbeddedStore>,
    height: u64,
    granted: Vec<SignedLease>,
}

impl Bench {
    fn with_offers(offers: Vec<Offer>) -> Self {
        let (scheduler, effects) = Scheduler::restore(config(), store(), Ledger::default()).expect("starts");
        assert_eq!(effects, []);
        let mut bench = Self { scheduler, height: 0, granted: Vec::new() };
        bench.block(offers.into_iter().map(|offer| Event::OfferPublished { offer }).collect());
        bench
    }

    /// Feeds one block and returns the leases it led to.
    fn block(&mut self, events: Vec<Event>) -> Vec<SignedLease> {
        self.height += 1;
        let effects = self.scheduler.on_block(mark(self.height), &at(self.height, events)).expect("the store works");
        let leases: Vec<_> = effects.into_iter().filter_map(granted).collect();
        self.granted.extend(leases.clone());
        leases
    }

    fn open(&mut self, spec: &JobSpec) -> (JobId, Vec<SignedLease>) {
        self.open_on(spec, 0)
    }

    /// A job on a model that asks so much of a worker.
    fn open_on(&mut self, spec: &JobSpec, work: u64) -> (JobId, Vec<SignedLease>) {
        let job = job_id(spec);
        (job, self.block(vec![Event::JobOpened { job, spec: spec.clone(), open_from: Height(500), work }]))
    }

    fn abandon(&mut self, lease: &SignedLease) -> Vec<SignedLease> {
        let lease = &lease.lease;
        self.block(vec![Event::LeaseAbandoned {
            job: lease.job,
            worker: lease.worker,
            token: lease.token,
            reason: DeclineReason::Busy,
        }])
    }
}

pub(crate) fn at(height: u64, events: Vec<Event>) -> Vec<CommittedEvent> {
    let place = |(index, event)| CommittedEvent { position: EventPosition { height: Height(height), index }, event };
    (0..).zip(events).map(place).collect()
}

pub(crate) fn granted(effect: Effect) -> Option<SignedLease> {
    match effect {
        Effect::Grant(lease) => Some(lease),
        Effect::ReportTimeout(_) => None,
    }
}

fn workers(leases: &[SignedLease]) -> Vec<AccountId> {
    leases.iter().map(|lease| lease.lease.worker).collect()
}

#[test]
fn the_cheapest_worker_gets_a_signed_lease_that_ends_at_a_height() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 1), offer(2, 3, 1)]);
    let (job, leases) = bench.open(&spec(1, Assurance::A4));
    assert_eq!(leases.len(), 1);
    let lease = &leases[0].lease;
    assert_eq!((lease.job, lease.worker, lease.price), (job, worker(2), Amount::ciro(3)));
    assert_eq!(lease.expires, Height(bench.height + LEASE_BLOCKS));
    leases[0].verify(config().key.account(), CHAIN).expect("the scheduler signed it");
}

/// Half as long again for five hundred units, twice as long for a thousand, and never longer than the ledger takes one.
#[test]
fn a_lease_runs_longer_the_more_its_model_asks_of_a_worker() {
    let expected = [(0, 10), (99, 10), (100, 11), (500, 15), (1_000, 20), (1_500, 25), (1_600, 25), (u64::MAX, 25)];
    for (nonce, (work, blocks)) in (1..).zip(expected) {
        let mut bench = Bench::with_offers(vec![offer(1, 5, 1)]);
        let (_, leases) = bench.open_on(&spec(nonce, Assurance::A4), work);
        assert_eq!(leases[0].lease.expires, Height(bench.height + blocks), "{work}");
        let mut bench = with_newcomers(&[1], vec![offer(1, 5, 1)]);
        let (_, leases) = bench.open_on(&spec(nonce, Assurance::A4), work);
        assert_eq!(leases[0].lease.expires, Height(bench.height + (blocks / 3).max(6)), "{work}, on trial");
    }
}

#[test]
fn a_lease_never_outlives_the_deadline() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 1)]);
    let mut short = spec(1, Assurance::A4);
    short.deadline = Height(bench.height + 8);
    let (_, leases) = bench.open(&short);
    assert_eq!(leases[0].lease.expires, short.deadline);
}

#[test]
fn a_job_that_is_almost_over_gets_no_lease() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 2)]);
    let granted = |bench: &mut Bench, nonce: u64, blocks: u64| {
        let deadline = Height(bench.height + 1 + blocks);
        bench.open(&JobSpec { deadline, ..spec(nonce, Assurance::A0) }).1.len()
    };
    assert_eq!([granted(&mut bench, 1, 5), granted(&mut bench, 2, 6)], [0, 1]);
}

#[test]
fn orders_with_near_deadlines_take_no_worker_off_the_market() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 4), offer(2, 5, 4)]);
    let deadline = Height(bench.height + 10);
    let orders: Vec<_> = (0..8).map(|nonce| JobSpec { deadline, ..spec(nonce, Assurance::A0) }).collect();
    let opened =
        |spec: &JobSpec| Event::JobOpened { job: job_id(spec), spec: spec.clone(), open_from: Height(500), work: 0 };
    assert_eq!(bench.block(orders.iter().map(opened).collect()).len(), 8);
    while bench.height < deadline.0 {
        bench.height += 1;
        let effects = bench.scheduler.on_block(mark(bench.height), &[]).expect("the store works");
        assert_eq!(effects, [], "nobody is reported for an end that the client chose");
    }
    let refunded = |spec: &JobSpec| Event::JobRefunded {
        job: job_id(spec),
        client: spec.client,
        amount: spec.max_price,
        reason: RefundReason::Unmatched,
    };
    bench.block(orders.iter().map(refunded).collect());
    // A worker that is benched comes last, after one that asks a hundred times as much.
    bench.block(vec![Event::OfferPublished { offer: offer(3, 20, 1) }]);
    assert_ne!(workers(&bench.open(&spec(100, Assurance::A0)).1), [worker(3)]);
}

#[test]
fn where_all_are_benched_they_are_asked_all_the_same() {
    let mut bench = Bench::with_offers(vec![offer(1, 1, 1), offer(2, 2, 1)]);
    bench.open(&spec(1, Assurance::A0));
    bench.open(&spec(2, Assurance::A0));
    // Both let their leases run out, the second a block after the first, and the jobs wait for their turns.
    while bench.granted.len() < 4 {
        bench.block(Vec::new());
    }
    assert!(bench.height < 3 * LEASE_BLOCKS, "both are benched for sixteen blocks at {}", bench.height);
    assert_eq!(workers(&bench.granted[2..]), [worker(2), worker(1)], "each job goes to the one that has not had it");
    let late = offer(3, 20, 1);
    bench.block(vec![Event::OfferPublished { offer: late }]);
    assert_eq!(workers(&bench.open(&spec(3, Assurance::A0)).1), [worker(3)], "who is not benched comes first");
}

#[test]
fn a2_asks_two_distinct_workers_and_halves_the_price_cap() {
    let mut bench = Bench::with_offers(vec![offer(1, 10, 4), offer(2, 10, 4), offer(3, 11, 4)]);
    let (_, leases) = bench.open(&spec(1, Assurance::A2));
    let distinct: BTreeSet<_> = workers(&leases).into_iter().collect();
    assert_eq!(distinct, BTreeSet::from([worker(1), worker(2)]), "22 pays twice 10 and the fee, not 11");
}

#[test]
fn a_disagreement_asks_a_third_worker() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 1), offer(2, 5, 1), offer(3, 9, 1)]);
    let (job, leases) = bench.open(&spec(1, Assurance::A2));
    let commit = |lease: &SignedLease, reveal_by| Event::JobCommitted {
        job,
        worker: lease.lease.worker,
        commitment: Hash32([0; 32]),
        reveal_by,
    };
    assert_eq!(bench.block(vec![commit(&leases[0], None), commit(&leases[1], Some(Height(90)))]), []);
    let third = bench.block(vec![Event::JobReopened {
        job,
        wanted: 1,
        excluded: workers(&leases),
        fence: leases[1].lease.token,
        open_from: Height(600),
    }]);
    assert_eq!(workers(&third), [worker(3)]);
    assert!(third[0].lease.token > leases[1].lease.token);
}

#[test]
fn a_committed_seat_frees_its_workers_slot() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 1), offer(2, 5, 1), offer(3, 5, 1)]);
    let (job, first) = bench.open(&spec(1, Assurance::A2));
    let (_, second) = bench.open(&spec(2, Assurance::A2));
    assert_eq!((first.len(), second.len()), (2, 1), "three slots, four seats");
    let committed = first[0].lease.worker;
    let commitment = Hash32([0; 32]);
    let event = Event::JobCommitted { job, worker: committed, commitment, reveal_by: None };
    let third = bench.block(vec![event]);
    assert_eq!(workers(&third), [committed], "the last seat goes to whoever is done computing");
}

#[test]
fn a_committed_worker_is_not_timed_out_by_its_lease() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 1), offer(2, 5, 1)]);
    let (job, leases) = bench.open(&spec(1, Assurance::A2));
    let commitment = Hash32([0; 32]);
    bench.block(vec![Event::JobCommitted { job, worker: leases[0].lease.worker, commitment, reveal_by: None }]);
    let mut reported = Vec::new();
    for _ in 0..LEASE_BLOCKS + 2 {
        bench.height += 1;
        let effects = bench.scheduler.on_block(mark(bench.height), &[]).expect("the store works");
        reported.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::ReportTimeout(lease) => Some(lease.lease.worker),
            Effect::Grant(_) => None,
        }));
    }
    assert_eq!(reported, [leases[1].lease.worker]);
}

#[test]
fn an_expired_lease_is_reported_and_the_job_goes_to_another_worker() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 1), offer(2, 6, 1)]);
    let (_, first) = bench.open(&spec(1, Assurance::A4));
    let mut effects = Vec::new();
    for _ in 0..LEASE_BLOCKS {
        bench.height += 1;
        effects.extend(bench.scheduler.on_block(mark(bench.height), &[]).expect("the store works"));
    }
    assert_eq!(effects[0], Effect::ReportTimeout(first[0].clone()));
    let Effect::Grant(second) = &effects[1] else { panic!("expected a grant, got {:?}", effects[1]) };
    assert_eq!(second.lease.worker, worker(2));
    assert!(second.lease.token > first[0].lease.token);
}

#[test]
fn a_job_goes_to_everybody_before_it_goes_to_anybody_again_and_says_why_it_waits() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 4), offer(2, 5, 4)]);
    let (job, leases) = bench.open(&spec(1, Assurance::A0));
    let second = bench.abandon(&leases[0]);
    assert_ne!(workers(&second), workers(&leases));
    assert_eq!(bench.abandon(&second[0]), []);
    let refusal = bench.scheduler.explain(job).expect("the seat is free");
    assert_eq!(refusal.failing.get(&Predicate::Fresh), Some(&2));
    let late = bench.block(vec![Event::OfferPublished { offer: offer(3, 7, 1) }]);
    assert_eq!(workers(&late), [worker(3)], "a queued job takes the first worker that comes");
    bench.abandon(&late[0]);
    let again: Vec<_> = (0..4).flat_map(|_| bench.block(vec![])).collect();
    assert_eq!(workers(&again), workers(&leases), "whoever has rested longest is asked again");
}

#[test]
fn a_worker_that_was_late_once_has_the_job_again_after_others_and_one_that_failed_it_never() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 1)]);
    let (_, first) = bench.open(&spec(1, Assurance::A4));
    let until_granted = |bench: &mut Bench, blocks| (0..blocks).flat_map(|_| bench.block(vec![])).collect::<Vec<_>>();
    // Nobody else is there, so that it is asked although it is benched; but it rests from this job for four blocks first.
    let second = until_granted(&mut bench, LEASE_BLOCKS + 4);
    assert_eq!(workers(&second), workers(&first));
    let lease = &second[0].lease;
    let (job, worker, token) = (lease.job, lease.worker, lease.token);
    bench.block(vec![Event::JobFailureReported { job, worker, token, reason: FailReason::InputInvalid }]);
    assert_eq!(until_granted(&mut bench, 200), []);
}

#[test]
fn a_worker_that_cannot_serve_a_job_is_not_asked_again() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 1)]);
    let (_, leases) = bench.open(&spec(1, Assurance::A4));
    let Lease { job, worker, token, .. } = leases[0].lease;
    bench.block(vec![Event::LeaseAbandoned { job, worker, token, reason: DeclineReason::Unsuitable }]);
    assert_eq!((0..200).flat_map(|_| bench.block(vec![])).count(), 0);
}

#[test]
fn slots_follow_live_leases() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 2)]);
    let (first, leases) = bench.open(&spec(1, Assurance::A0));
    assert_eq!(leases.len(), 1);
    assert_eq!(bench.open(&spec(2, Assurance::A0)).1.len(), 1);
    assert_eq!(bench.open(&spec(3, Assurance::A0)).1, [], "both slots are taken");
    let refund = Event::JobRefunded {
        job: first,
        client: worker(200),
        amount: Amount::ciro(22),
        reason: RefundReason::Failed(FailReason::InputInvalid),
    };
    assert_eq!(bench.block(vec![refund]).len(), 1, "the slot of the refunded job is free again");
}

#[test]
fn no_lease_goes_to_a_worker_that_would_not_hear_of_it() {
    let (near, far) = (offer(2, 5, 4), offer(1, 1, 4));
    let mut bench = Bench::with_offers(Vec::new());
    let granted = |bench: &mut Bench, nonce| workers(&bench.open(&spec(nonce, Assurance::A0)).1);
    let ledger = Ledger { offers: vec![near.clone(), far.clone()], ..Ledger::default() };
    let near_only = || Config { reach: Reach::Only([near.worker].into()), ..config() };
    bench.scheduler = Scheduler::restore(near_only(), store(), ledger).expect("starts").0;
    assert_eq!(granted(&mut bench, 1), [near.worker], "the other one's offer stood before the start");
    bench.block(vec![Event::OfferPublished { offer: Offer { sequence: 2, ..far.clone() } }]);
    assert_eq!(granted(&mut bench, 2), [near.worker], "the other one's offer is new");
    bench.scheduler =
        Scheduler::restore(config(), store(), Ledger { offers: vec![near, far.clone()], ..Ledger::default() })
            .expect("starts")
            .0;
    assert_eq!(granted(&mut bench, 3), [far.worker], "where everybody hears, it is the cheaper one");
}

#[test]
fn a_job_that_does_not_fit_blocks_nobody_behind_it() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 4)]);
    for nonce in 0..600 {
        let mut huge = spec(nonce, Assurance::A0);
        huge.requirements.memory = MemoryMib(u32::MAX);
        assert_eq!(bench.open(&huge).1, []);
    }
    assert_eq!(bench.open(&spec(1_000, Assurance::A0)).1.len(), 1);
}

#[test]
fn a_cancelling_job_gets_no_lease_until_the_ledger_overrules() {
    let mut bench = Bench::with_offers(vec![]);
    let (job, _) = bench.open(&spec(1, Assurance::A0));
    bench.block(vec![Event::JobCancelRequested { job, at: Height(50) }]);
    assert_eq!(bench.block(vec![Event::OfferPublished { offer: offer(1, 5, 1) }]), []);
    assert_eq!(bench.block(vec![Event::JobCancelOverruled { job }]).len(), 1);
}

#[test]
fn no_token_is_granted_twice_over_many_jobs_and_ends() {
    let mut bench = Bench::with_offers((1..6).map(|n| offer(n, 5, 3)).collect());
    for nonce in 0..40 {
        let (_, leases) = bench.open(&spec(nonce, Assurance::A2));
        if nonce % 3 == 0 {
            for lease in &leases {
                bench.abandon(lease);
            }
        }
    }
    // Nobody answers, so whoever is late rests, from each job longer each time. Three lease times would see fewer grants than these.
    for _ in 0..400 * LEASE_BLOCKS {
        bench.block(vec![]);
    }
    let tokens: BTreeSet<_> = bench.granted.iter().map(|lease| lease.lease.token).collect();
    assert!(bench.granted.len() > 40, "{}", bench.granted.len());
    assert_eq!(tokens.len(), bench.granted.len());
}

#[test]
fn a_block_fed_again_changes_nothing() {
    let mut bench = Bench::with_offers(vec![offer(1, 5, 4), offer(2, 5, 4)]);
    bench.open(&spec(1, Assurance::A0));
    let events = at(
        bench.height,
        vec![Event::JobOpened {
            job: job_id(&spec(1, Assurance::A0)),
            spec: spec(1, Assurance::A0),
            open_from: Height(500),
            work: 0,
        }],
    );
    assert_eq!(bench.scheduler.on_block(mark(bench.height), &events).expect("the store works"), []);
}

/// The ledger's view of one open job.
pub(crate) fn ledger(height: u64, spec: &JobSpec, seats: Vec<AccountId>) -> Ledger {
    let seat = |worker| Seat { worker, price: Amount::ciro(5), commitment: Hash32([0; 32]), output: None };
    let job = Job {
        spec: spec.clone(),
        opened: Height(2),
        status: JobStatus::Open,
        escrow: spec.max_price,
        open_from: Height(500),
        fence: LeaseToken(0),
        highest_token: LeaseToken(0),
        cancel_at: None,
        round: Round { seats: seats.into_iter().map(seat).collect(), reveal_by: None, crowded: 0 },
        barred: Vec::new(),
        failures: Vec::new(),
        timed_out: Vec::new(),
    };
    Ledger {
        at: mark(height),
        offers: (1..4).map(|n| offer(n, 5, 1)).collect(),
        reputations: Vec::new(),
        newcomers: Vec::new(),
        jobs: vec![(job_id(spec), job, 500)],
        used: BTreeSet::new(),
        token_floor: LeaseToken(0),
    }
}

/// A store that outlives its scheduler.
pub(crate) fn shared_store(directory: &tempfile::TempDir) -> EmbeddedStore {
    EmbeddedStore::open(&directory.path().join("work.redb"), Limits::default()).expect("opens")
}

#[test]
fn a_restart_repeats_the_leases_that_are_out_and_grants_no_new_ones() {
    let directory = tempfile::tempdir().expect("a directory");
    let order = spec(1, Assurance::A2);
    let events = |_| (1..4).map(|n| Event::OfferPublished { offer: offer(n, 5, 1) }).collect::<Vec<_>>();
    let (mut before, _) = Scheduler::restore(config(), shared_store(&directory), Ledger::default()).expect("starts");
    before.on_block(mark(1), &at(1, events(()))).expect("the store works");
    let opened = Event::JobOpened { job: job_id(&order), spec: order.clone(), open_from: Height(500), work: 0 };
    let first = before.on_block(mark(2), &at(2, vec![opened])).expect("the store works");
    drop(before);

    let (mut after, again) =
        Scheduler::restore(config(), shared_store(&directory), ledger(2, &order, vec![])).expect("restarts");
    assert_eq!(again, first);
    assert_eq!(after.on_block(mark(3), &[]).expect("the store works"), []);
    assert_eq!(after.store().mark().expect("reads"), Some(mark(2)), "block 3 changed nothing");
}

#[test]
fn a_lost_log_is_rebuilt_from_the_ledger_without_repeating_a_token_or_a_seated_worker() {
    let order = spec(1, Assurance::A2);
    let mut bench = Bench::with_offers((1..4).map(|n| offer(n, 5, 1)).collect());
    let (_, lost) = bench.open(&order);
    let seated = lost[0].lease.worker;

    let (mut rebuilt, again) =
        Scheduler::restore(config(), store(), ledger(bench.height, &order, vec![seated])).expect("rebuilds");
    assert_eq!(again, []);
    let fresh: Vec<_> = rebuilt
        .on_block(mark(bench.height + 1), &[])
        .expect("the store works")
        .into_iter()
        .filter_map(granted)
        .collect();
    assert_eq!(fresh.len(), 1, "one seat is taken, one is wanted");
    assert_ne!(fresh[0].lease.worker, seated);
    assert_eq!(fresh[0].lease.expires, Height(bench.height + 1 + 15), "as long as its model's row says");
    assert!(lost.iter().all(|lease| lease.lease.token < fresh[0].lease.token));
}

#[test]
fn what_the_ledger_closed_meanwhile_is_dropped_from_the_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut before, _) = Scheduler::restore(config(), shared_store(&directory), Ledger::default()).expect("starts");
    let order = spec(1, Assurance::A0);
    let opened = Event::JobOpened { job: job_id(&order), spec: order, open_from: Height(500), work: 0 };
    before.on_block(mark(1), &at(1, vec![opened])).expect("the store works");
    drop(before);

    let ledger = Ledger { at: mark(9), offers: vec![offer(1, 5, 1)], ..Ledger::default() };
    let (mut after, _) = Scheduler::restore(config(), shared_store(&directory), ledger).expect("restarts");
    assert_eq!(after.store().jobs(None, 10).expect("reads"), []);
    assert_eq!(after.on_block(mark(10), &[]).expect("the store works"), []);
}

/// A bench where these workers registered lately, with offers; the others have been there and were paid.
fn with_newcomers(newcomers: &[u8], offers: Vec<Offer>) -> Bench {
    let registered = |n: &u8| Event::WorkerRegistered { worker: worker(*n), stake: Amount::ciro(100) };
    let mut bench = Bench::with_offers(Vec::new());
    bench.block(newcomers.iter().map(registered).collect());
    bench.block(offers.into_iter().map(|offer| Event::OfferPublished { offer }).collect());
    bench
}

fn settled(job: JobId, worker: AccountId) -> SettlementRecord {
    SettlementRecord {
        chain: CHAIN,
        job,
        client: self::worker(200),
        model: ModelId([3; 32]),
        input: Hash32([4; 32]),
        output: Hash32([5; 32]),
        assurance: Assurance::A0,
        payments: vec![Payment { worker, price: Amount::ONE }],
        fee: Amount::ZERO,
        refund: Amount::ZERO,
        height: Height(1),
    }
}

#[test]
fn a_newcomer_has_one_short_lease_at_a_time_until_it_is_paid() {
    let mut bench = with_newcomers(&[1], vec![offer(1, 1, 4)]);
    let (job, leases) = bench.open(&spec(1, Assurance::A0));
    assert_eq!(leases[0].lease.expires, Height(bench.height + 6));
    assert_eq!(bench.open(&spec(2, Assurance::A0)).1, []);
    let record = settled(job, worker(1));
    let leases = bench.block(vec![Event::JobSettled { record, tx: ciro_types::TxId([0; 32]) }]);
    assert_eq!(leases[0].lease.expires, Height(bench.height + LEASE_BLOCKS));
    assert_eq!(bench.open(&spec(3, Assurance::A0)).1.len(), 1, "all of its slots count now");
}

#[test]
fn a_job_that_one_newcomer_let_down_waits_for_no_other() {
    let newcomers: Vec<u8> = (1..=20).collect();
    let mut offers: Vec<_> = newcomers.iter().map(|n| offer(*n, 1, 4)).collect();
    offers.push(offer(100, 3, 1));
    let mut bench = with_newcomers(&newcomers, offers);
    bench.open(&spec(1, Assurance::A0));
    (0..8).for_each(|_| drop(bench.block(Vec::new())));
    let served = workers(&bench.granted);
    assert_eq!((served.len(), served[1]), (2, worker(100)), "{served:?}");
}
