//! What a worker does with leases, blocks and refusals.

use ciro_crypto::Keypair;
use ciro_exec::{Answer, BlobError, Failure, Task};
use ciro_state::{
    Action, Authority, CommittedEvent, DeclineReason, Event, EventPosition, FailReason, Job, JobAction, JobStatus,
    RefundReason, Round, Seat, SignedLease, TxError, commitment, job_id, output_hash,
};
use ciro_types::{
    AccountId, Amount, Assurance, BasisPoints, CapabilityFlags, ChainId, Hash32, Height, JobId, JobSpec, JobType,
    Lease, LeaseToken, MemoryMib, ModelId, Nonce, Requirements,
};
use ciro_worker::{Config, Effect, Input, Worker};

const CHAIN: ChainId = ChainId([1; 32]);
const OPEN_FROM: u64 = 100;

fn scheduler() -> Keypair {
    Keypair::from_seed([9; 32])
}

fn me() -> AccountId {
    AccountId([5; 32])
}

fn worker(slots: usize) -> Worker {
    let config = Config {
        chain: CHAIN,
        account: me(),
        secret: [7; 32],
        scheduler: scheduler().account(),
        slots,
        machine: Requirements { memory: MemoryMib(64), flags: CapabilityFlags(0), min_reputation: 0 },
        price: Amount::ciro(5),
        fee: BasisPoints(1_000),
        output_bytes_max: 10,
        proof_bytes_max: 20,
    };
    Worker::new(config, Height(10))
}

fn spec(nonce: u64, assurance: Assurance) -> JobSpec {
    JobSpec {
        chain: CHAIN,
        client: AccountId([200; 32]),
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

fn lease(spec: &JobSpec, token: u64) -> SignedLease {
    let lease = Lease {
        job: job_id(spec),
        worker: me(),
        token: LeaseToken(token),
        price: Amount::ciro(5),
        expires: Height(50),
    };
    SignedLease::sign(lease, &scheduler(), CHAIN)
}

fn give(worker: &mut Worker, spec: &JobSpec, token: u64) -> Vec<Effect> {
    worker.step(Input::Lease { lease: lease(spec, token), spec })
}

fn answer(output: u8) -> Answer {
    Answer { input: vec![1], output: vec![output], proof: vec![2] }
}

fn done(worker: &mut Worker, job: JobId, result: Result<Answer, Failure>) -> Vec<Effect> {
    worker.step(Input::Computed { job, result })
}

fn block(worker: &mut Worker, height: u64, events: Vec<Event>) -> Vec<Effect> {
    let place = |(index, event)| CommittedEvent { position: EventPosition { height: Height(height), index }, event };
    let events: Vec<_> = (0..).zip(events).map(place).collect();
    worker.step(Input::Block { height: Height(height), events: &events })
}

fn submitted(effects: &[Effect]) -> Option<&Action> {
    match effects {
        [Effect::Submit { action, .. }] => Some(action),
        _ => None,
    }
}

fn committed(job: JobId, worker: AccountId, reveal_by: Option<u64>) -> Event {
    Event::JobCommitted { job, worker, commitment: Hash32([0; 32]), reveal_by: reveal_by.map(Height) }
}

#[test]
fn a_lease_becomes_a_task_and_the_answer_a_settlement_under_that_lease() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A4));
    assert_eq!(give(&mut worker, &order, 1), [Effect::Compute(Task { spec: order.clone(), worker: me() })]);
    assert_eq!(give(&mut worker, &order, 1), [], "a repeated lease is the same lease");
    let effects = done(&mut worker, job_id(&order), Ok(answer(3)));
    let expected = Action::Job(JobAction::Settle {
        authority: Authority::Lease(lease(&order, 1)),
        input: vec![1],
        output: vec![3],
        proof: vec![2],
    });
    assert_eq!(submitted(&effects), Some(&expected));
}

#[test]
fn leases_that_are_forged_foreign_expired_or_for_another_order_are_ignored() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A0));
    let good = lease(&order, 1).lease;
    let sign = |lease: Lease| SignedLease::sign(lease, &scheduler(), CHAIN);
    let bad = [
        SignedLease::sign(good.clone(), &Keypair::from_seed([8; 32]), CHAIN),
        SignedLease::sign(good.clone(), &scheduler(), ChainId([2; 32])),
        sign(Lease { worker: AccountId([6; 32]), ..good.clone() }),
        sign(Lease { expires: Height(10), ..good.clone() }),
        sign(Lease { job: JobId([0; 32]), ..good }),
    ];
    for lease in bad {
        assert_eq!(worker.step(Input::Lease { lease, spec: &order }), []);
    }
    assert_eq!(worker.in_work(), 0);
}

#[test]
fn more_leases_than_slots_are_handed_back_as_busy() {
    let mut worker = worker(1);
    give(&mut worker, &spec(1, Assurance::A0), 1);
    let effects = give(&mut worker, &spec(2, Assurance::A0), 2);
    assert!(matches!(submitted(&effects), Some(Action::Job(JobAction::Abandon { reason: DeclineReason::Busy, .. }))));
    assert_eq!(worker.in_work(), 1);
}

#[test]
fn a_job_beyond_the_machine_is_handed_back_as_unsuitable() {
    let (mut worker, mut order) = (worker(1), spec(1, Assurance::A0));
    order.requirements.memory = MemoryMib(65);
    let effects = give(&mut worker, &order, 1);
    assert!(matches!(
        submitted(&effects),
        Some(Action::Job(JobAction::Abandon { reason: DeclineReason::Unsuitable, .. }))
    ));
}

#[test]
fn the_jobs_fault_is_reported_and_the_machines_own_is_a_decline() {
    let cases = [
        (Failure::Input(unreadable()), Err(DeclineReason::Impaired)),
        (Failure::Model(unreadable()), Err(DeclineReason::Impaired)),
        (Failure::Refused { reason: String::new() }, Ok(FailReason::InputInvalid)),
        (Failure::Unprovable { reason: String::new() }, Ok(FailReason::ModelInvalid)),
        (Failure::SelfCheck { reason: String::new() }, Err(DeclineReason::Unsuitable)),
    ];
    for (failure, expected) in cases {
        let (mut worker, order) = (worker(1), spec(1, Assurance::A4));
        give(&mut worker, &order, 1);
        let effects = done(&mut worker, job_id(&order), Err(failure));
        match (submitted(&effects), expected) {
            (Some(Action::Job(JobAction::Fail { reason, .. })), Ok(expected)) => assert_eq!(*reason, expected),
            (Some(Action::Job(JobAction::Abandon { reason, .. })), Err(expected)) => assert_eq!(*reason, expected),
            other => panic!("unexpected {other:?}"),
        }
        assert_eq!(worker.in_work(), 0, "the slot is free");
    }
}

#[test]
fn what_is_missing_is_looked_for_again_before_the_job_is_given_up() {
    let cases: [(fn() -> Failure, _); 3] = [
        (|| Failure::Input(missing()), FailReason::InputUnavailable),
        (|| Failure::Model(missing()), FailReason::ModelUnavailable),
        (|| Failure::Input(damaged()), FailReason::InputUnavailable),
    ];
    for (failure, expected) in cases {
        let (mut worker, order) = (worker(1), spec(1, Assurance::A4));
        let job = job_id(&order);
        give(&mut worker, &order, 1);
        let mut effects = done(&mut worker, job, Err(failure()));
        let mut looks = 1;
        for height in 11..50 {
            if !effects.is_empty() {
                break;
            }
            if !block(&mut worker, height, vec![]).is_empty() {
                looks += 1;
                effects = done(&mut worker, job, Err(failure()));
            }
        }
        assert!(looks >= 4, "{looks} looks");
        assert!(
            matches!(submitted(&effects), Some(Action::Job(JobAction::Fail { reason, .. })) if *reason == expected)
        );
    }
}

#[test]
fn what_comes_late_is_answered_under_the_same_lease() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A4));
    let job = job_id(&order);
    give(&mut worker, &order, 1);
    assert_eq!(done(&mut worker, job, Err(Failure::Input(missing()))), []);
    let again: Vec<Effect> = (11..14).flat_map(|height| block(&mut worker, height, vec![])).collect();
    assert_eq!(again, [Effect::Compute(Task { spec: order, worker: me() })]);
    let effects = done(&mut worker, job, Ok(answer(3)));
    assert!(matches!(submitted(&effects), Some(Action::Job(JobAction::Settle { authority: Authority::Lease(_), .. }))));
}

#[test]
fn nobody_looks_for_what_is_missing_until_its_lease_runs_out() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A4));
    block(&mut worker, 47, vec![]);
    give(&mut worker, &order, 1);
    let effects = done(&mut worker, job_id(&order), Err(Failure::Input(missing())));
    assert!(matches!(submitted(&effects), Some(Action::Job(JobAction::Fail { .. }))), "{effects:?}");
}

#[test]
fn an_answer_that_the_ledger_would_not_take_is_never_committed_to() {
    let long = [
        Answer { input: vec![1], output: vec![0; 11], proof: vec![] },
        Answer { input: vec![1], output: vec![0; 10], proof: vec![0; 21] },
    ];
    for (assurance, answer) in Assurance::ALL.into_iter().flat_map(|rung| long.clone().map(|answer| (rung, answer))) {
        let (mut worker, order) = (worker(1), spec(1, assurance));
        give(&mut worker, &order, 1);
        let effects = done(&mut worker, job_id(&order), Ok(answer));
        let Some(Action::Job(JobAction::Fail { reason, .. })) = submitted(&effects) else {
            panic!("unexpected {effects:?}")
        };
        assert_eq!((*reason, worker.in_work()), (FailReason::ModelInvalid, 0));
    }
}

fn damaged() -> BlobError {
    BlobError::Damaged { what: "input", name: String::new(), reason: String::new() }
}

fn missing() -> BlobError {
    BlobError::Missing { what: "input", name: String::new() }
}

fn unreadable() -> BlobError {
    BlobError::Unreadable { what: "input", name: String::new(), reason: "too many open files".into() }
}

#[test]
fn a_worker_in_trouble_takes_the_same_job_again_later() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A4));
    let job = job_id(&order);
    give(&mut worker, &order, 1);
    done(&mut worker, job, Err(Failure::Input(unreadable())));
    assert!(matches!(&give(&mut worker, &order, 2)[..], [Effect::Compute(_)]), "with a new lease");
    done(&mut worker, job, Err(Failure::Input(unreadable())));

    block(&mut worker, 11, vec![Event::JobOpened { job, spec: order.clone(), open_from: Height(OPEN_FROM), work: 0 }]);
    let retries = (OPEN_FROM..OPEN_FROM + 80).filter(|height| {
        let is_taken = !block(&mut worker, *height, vec![]).is_empty();
        if is_taken {
            assert_eq!(done(&mut worker, job, Err(Failure::Input(unreadable()))), [], "nobody waits for it");
        }
        is_taken
    });
    assert!(retries.count() >= 3, "and without one");
}

#[test]
fn who_has_a_seat_tries_until_the_answer_is_there() {
    let order = spec(1, Assurance::A2);
    let job = job_id(&order);
    let mut worker = worker(1);
    let seat = Seat { worker: me(), price: Amount::ciro(5), commitment: Hash32([0; 32]), output: None };
    let state = known(&order, Round { seats: vec![seat], reveal_by: Some(Height(90)), crowded: 0 });
    let mut effects = worker.step(Input::Known { id: job, job: &state });
    for (tries, failure) in (1..).zip([Failure::Input(unreadable()), Failure::Input(missing())]) {
        assert_eq!(effects.len(), 1);
        assert_eq!(done(&mut worker, job, Err(failure)), []);
        effects = (0..5).flat_map(|n| block(&mut worker, 10 + 5 * tries + n, vec![])).collect();
    }
    let effects = done(&mut worker, job, Ok(answer(3)));
    assert!(matches!(submitted(&effects), Some(Action::Job(JobAction::Reveal { .. }))), "{effects:?}");
}

#[test]
fn an_a2_answer_stays_hidden_until_every_seat_is_taken() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A2));
    let job = job_id(&order);
    give(&mut worker, &order, 1);
    let effects = done(&mut worker, job, Ok(answer(3)));
    let Some(Action::Job(JobAction::Commit { commitment: hidden, .. })) = submitted(&effects).cloned() else {
        panic!("expected a commitment, got {effects:?}")
    };
    assert_eq!(block(&mut worker, 11, vec![committed(job, me(), None)]), []);
    let effects = block(&mut worker, 12, vec![committed(job, AccountId([6; 32]), Some(90))]);
    let Some(Action::Job(JobAction::Reveal { output, salt, .. })) = submitted(&effects).cloned() else {
        panic!("expected a reveal, got {effects:?}")
    };
    assert_eq!(commitment(job, me(), output_hash(&output), salt), hidden);
}

#[test]
fn a_worker_without_a_seat_reveals_nothing() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A2));
    let job = job_id(&order);
    give(&mut worker, &order, 1);
    done(&mut worker, job, Ok(answer(3)));
    let others = vec![committed(job, AccountId([6; 32]), None), committed(job, AccountId([8; 32]), Some(90))];
    assert_eq!(block(&mut worker, 11, others), []);
    assert_eq!(worker.step(Input::Refused { job, error: TxError::RoundFull { job, reveal_by: Height(90) } }), []);
    assert_eq!(worker.in_work(), 0);
}

fn known(order: &JobSpec, round: Round) -> Job {
    Job {
        spec: order.clone(),
        opened: Height(2),
        status: JobStatus::Open,
        escrow: order.max_price,
        open_from: Height(OPEN_FROM),
        fence: LeaseToken(0),
        highest_token: LeaseToken(0),
        cancel_at: None,
        round,
        barred: Vec::new(),
        failures: Vec::new(),
        timed_out: Vec::new(),
    }
}

#[test]
fn a_restarted_worker_opens_the_commitment_it_made_before() {
    let order = spec(1, Assurance::A2);
    let job = job_id(&order);
    let mut before = worker(1);
    give(&mut before, &order, 1);
    let effects = done(&mut before, job, Ok(answer(3)));
    let Some(Action::Job(JobAction::Commit { commitment: hidden, .. })) = submitted(&effects) else {
        panic!("expected a commitment, got {effects:?}")
    };

    let mut after = worker(1);
    let seat = Seat { worker: me(), price: Amount::ciro(5), commitment: *hidden, output: None };
    let state = known(&order, Round { seats: vec![seat], reveal_by: Some(Height(90)), crowded: 0 });
    assert!(matches!(&after.step(Input::Known { id: job, job: &state })[..], [Effect::Compute(_)]));
    let effects = done(&mut after, job, Ok(answer(3)));
    let Some(Action::Job(JobAction::Reveal { output, salt, .. })) = submitted(&effects) else {
        panic!("expected a reveal, got {effects:?}")
    };
    assert_eq!(commitment(job, me(), output_hash(output), *salt), *hidden);
}

#[test]
fn a_job_left_lying_is_taken_without_a_lease_once_it_is_open_to_all() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A0));
    let job = job_id(&order);
    assert_eq!(worker.step(Input::Known { id: job, job: &known(&order, Round::default()) }), []);
    assert_eq!(block(&mut worker, OPEN_FROM - 1, vec![]), []);
    let taken = (OPEN_FROM..OPEN_FROM + 16).find(|height| !block(&mut worker, *height, vec![]).is_empty());
    assert!(taken.is_some());
    let effects = done(&mut worker, job, Ok(answer(3)));
    assert!(matches!(
        submitted(&effects),
        Some(Action::Job(JobAction::Settle { authority: Authority::Open { job: open }, .. })) if *open == job
    ));
}

#[test]
fn a_job_that_pays_too_little_or_was_closed_is_not_taken() {
    let mut worker = worker(4);
    let mut poor = spec(1, Assurance::A0);
    poor.max_price = Amount::ciro(5);
    let closed = spec(2, Assurance::A0);
    for order in [&poor, &closed] {
        assert_eq!(worker.step(Input::Known { id: job_id(order), job: &known(order, Round::default()) }), []);
    }
    let refunded = Event::JobRefunded {
        job: job_id(&closed),
        client: closed.client,
        amount: closed.max_price,
        reason: RefundReason::Cancelled,
    };
    block(&mut worker, 20, vec![refunded]);
    for height in OPEN_FROM..OPEN_FROM + 20 {
        assert_eq!(block(&mut worker, height, vec![]), []);
    }
}

#[test]
fn a_closed_job_frees_its_slot_and_a_late_answer_goes_nowhere() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A4));
    let job = job_id(&order);
    give(&mut worker, &order, 1);
    let reason = RefundReason::Expired;
    block(&mut worker, 11, vec![Event::JobRefunded { job, client: order.client, amount: order.max_price, reason }]);
    assert_eq!(worker.in_work(), 0);
    assert_eq!(done(&mut worker, job, Ok(answer(3))), []);
}

#[test]
fn a_worker_that_came_too_late_for_a_round_takes_the_seat_that_a_later_round_wants() {
    let (mut worker, order) = (worker(1), spec(1, Assurance::A2));
    let job = job_id(&order);
    block(&mut worker, 11, vec![Event::JobOpened { job, spec: order.clone(), open_from: Height(OPEN_FROM), work: 0 }]);
    give(&mut worker, &order, 1);
    assert!(matches!(submitted(&done(&mut worker, job, Ok(answer(3)))), Some(Action::Job(JobAction::Commit { .. }))));
    assert_eq!(worker.step(Input::Refused { job, error: TxError::RoundFull { job, reveal_by: Height(20) } }), []);
    assert_eq!(worker.in_work(), 0);

    let reopened = Event::JobReopened {
        job,
        wanted: 1,
        excluded: vec![AccountId([1; 32]), AccountId([2; 32])],
        fence: LeaseToken(9),
        open_from: Height(OPEN_FROM),
    };
    block(&mut worker, 21, vec![reopened]);
    let taken: Vec<Effect> = (22..OPEN_FROM + 20).flat_map(|height| block(&mut worker, height, vec![])).collect();
    assert_eq!(taken, [Effect::Compute(Task { spec: order, worker: me() })]);
}
