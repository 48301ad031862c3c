//! Fencing tokens.

use crate::support::{OUTPUT, Who, World, params};
use ciro_state::{
    Action, Authority, DeclineReason, Event, FailReason, JobAction, JobStatus, SignedLease, TxError, WorkerAction,
};
use ciro_types::{Assurance, Height, JobId, Lease, LeaseToken};

fn settle_with(world: &mut World, who: Who, lease: SignedLease) -> Result<(), TxError> {
    let action = world.proven(who, Authority::Lease(lease));
    world.send(who, action).map(drop)
}

#[test]
fn a_lease_is_good_until_the_block_before_it_expires() {
    for (expires_in, is_good) in [(1, false), (2, true)] {
        let mut world = World::new();
        let job = world.submit(Assurance::A4);
        // The settlement lands in the next block.
        let lease = world.lease_until(job, Who::W1, world.height().plus(expires_in));
        assert_eq!(settle_with(&mut world, Who::W1, lease).is_ok(), is_good, "expires {expires_in} blocks ahead");
    }
}

#[test]
fn a_lease_that_runs_longer_than_allowed_is_refused() {
    for (over, is_good) in [(0, true), (1, false)] {
        let mut world = World::new();
        let job = world.submit(Assurance::A4);
        let expires = world.height().plus(1 + params().max_lease_blocks + over);
        let lease = world.lease_until(job, Who::W1, expires);
        assert_eq!(settle_with(&mut world, Who::W1, lease).is_ok(), is_good, "{over} over");
    }
}

#[test]
fn a_lease_is_worth_nothing_unless_the_scheduler_signed_exactly_it() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let honest = world.lease(job, Who::W1);
    let forged = SignedLease::sign(honest.lease.clone(), &Who::W1.key(), world.state.meta().chain);
    assert!(matches!(settle_with(&mut world, Who::W1, forged), Err(TxError::BadLeaseSignature { .. })));
    let mut raised = honest.clone();
    raised.lease.price.0 += 1;
    assert!(matches!(settle_with(&mut world, Who::W1, raised), Err(TxError::BadLeaseSignature { .. })));
    let other_chain = SignedLease::sign(honest.lease.clone(), &Who::Scheduler.key(), ciro_types::ChainId([1; 32]));
    assert!(matches!(settle_with(&mut world, Who::W1, other_chain), Err(TxError::BadLeaseSignature { .. })));
    assert_eq!(settle_with(&mut world, Who::W1, honest), Ok(()));
}

#[test]
fn a_token_serves_one_job_and_one_worker() {
    let mut world = World::new();
    let (first, second) = (world.submit(Assurance::A4), world.submit(Assurance::A4));
    let lease = world.lease(first, Who::W1).lease;
    let to_other_job = world.grant(Lease { job: second, ..lease.clone() });
    let to_other_worker = world.grant(Lease { job: second, worker: Who::W2.id(), ..lease.clone() });
    let granted = world.grant(lease.clone());
    assert_eq!(settle_with(&mut world, Who::W1, granted), Ok(()));
    let used = TxError::TokenUsed { token: lease.token, job: first, worker: Who::W1.id() };
    assert_eq!(settle_with(&mut world, Who::W1, to_other_job), Err(used.clone()));
    assert_eq!(settle_with(&mut world, Who::W2, to_other_worker), Err(used));
    assert_eq!(world.status(second), JobStatus::Open);
}

#[test]
fn a_refused_answer_does_not_use_up_its_token() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.lease(job, Who::W1);
    let mut dear = lease.lease.clone();
    dear.price = ciro_types::Amount::ciro(24);
    let dear = world.grant(dear);
    assert!(matches!(settle_with(&mut world, Who::W1, dear), Err(TxError::PriceAboveMaximum { .. })));
    assert_eq!(settle_with(&mut world, Who::W1, lease), Ok(()));
}

#[test]
fn an_abandoned_lease_and_every_older_one_are_void() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let (older, newer) = (world.lease(job, Who::W1), world.lease(job, Who::W2));
    let token = newer.lease.token;
    world.ok(Who::W2, Action::Job(JobAction::Abandon { lease: newer.clone(), reason: DeclineReason::Busy }));
    assert!(world.events().contains(&Event::LeaseAbandoned {
        job,
        worker: Who::W2.id(),
        token,
        reason: DeclineReason::Busy
    }));
    assert_eq!(world.worker(Who::W2).reputation.0, 500);
    let stale = settle_with(&mut world, Who::W1, older.clone());
    assert_eq!(stale, Err(TxError::StaleToken { expected: token, got: older.lease.token }));
    let void = settle_with(&mut world, Who::W2, newer);
    assert_eq!(void, Err(TxError::TokenUsed { token, job, worker: Who::W2.id() }));
    let fresh = world.lease(job, Who::W3);
    assert_eq!(settle_with(&mut world, Who::W3, fresh), Ok(()));
}

#[test]
fn an_a2_lease_stays_good_when_its_neighbour_is_abandoned() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    let (first, second) = (world.lease(job, Who::W1), world.lease(job, Who::W2));
    world.ok(Who::W2, Action::Job(JobAction::Abandon { lease: second, reason: DeclineReason::TooSlow }));
    let commit = world.commitment_action(Who::W1, Authority::Lease(first), OUTPUT);
    world.ok(Who::W1, commit);
}

#[test]
fn only_the_holder_abandons_and_only_while_the_lease_runs() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.lease_until(job, Who::W1, world.height().plus(3));
    let abandon = Action::Job(JobAction::Abandon { lease: lease.clone(), reason: DeclineReason::Draining });
    assert!(matches!(world.err(Who::W2, abandon.clone()), TxError::WrongSender { .. }));
    world.block(&[]);
    assert!(matches!(world.err(Who::W1, abandon), TxError::LeaseExpired { .. }));
}

#[test]
fn a_timeout_is_reported_from_the_block_in_which_the_lease_is_void_and_once() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.lease_until(job, Who::W1, world.height().plus(2));
    let report = Action::Job(JobAction::ReportTimeout { lease: lease.clone() });
    assert!(matches!(world.err(Who::Alice, report.clone()), TxError::LeaseStillValid { .. }));
    world.ok(Who::Alice, report.clone());
    assert_eq!(world.height(), lease.lease.expires);
    assert!(matches!(world.err(Who::Alice, report), TxError::TokenUsed { .. }));
    assert_eq!((world.worker(Who::W1).reputation.0, world.worker(Who::W1).timeouts), (450, 1));
}

#[test]
fn a_lease_of_a_settled_job_is_no_timeout() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let (slow, fast) = (world.lease_until(job, Who::W1, world.height().plus(2)), world.lease(job, Who::W2));
    assert_eq!(settle_with(&mut world, Who::W2, fast), Ok(()));
    let report = world.err(Who::Bob, Action::Job(JobAction::ReportTimeout { lease: slow }));
    assert!(matches!(report, TxError::JobClosed { .. }));
    assert_eq!(world.worker(Who::W1).reputation.0, 500);
}

#[test]
fn tokens_are_forgotten_only_when_no_older_lease_can_still_run() {
    let mut world = World::new();
    let (job, other) = (world.submit(Assurance::A4), world.submit(Assurance::A4));
    let lease = world.lease(job, Who::W1);
    let token = lease.lease.token;
    let forgotten_at = lease.lease.expires.plus(params().max_lease_blocks);
    assert_eq!(settle_with(&mut world, Who::W1, lease.clone()), Ok(()));

    let reuse_until = |world: &mut World, at: Height| {
        world.run_to_before(at);
        let mut again = lease.lease.clone();
        (again.job, again.expires) = (other, at.plus(1));
        let again = world.grant(again);
        settle_with(world, Who::W1, again)
    };
    let used = TxError::TokenUsed { token, job, worker: Who::W1.id() };
    assert_eq!(reuse_until(&mut world, Height(forgotten_at.0 - 1)), Err(used));
    assert_eq!(world.state.tip().token_floor, LeaseToken(0));
    let stale = TxError::StaleToken { expected: token, got: token };
    assert_eq!(reuse_until(&mut world, forgotten_at), Err(stale));
    assert_eq!(world.state.tip().token_floor, token);
}

#[test]
fn a_timeout_reported_late_uses_up_its_token_all_the_same() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let lease = world.lease_until(job, Who::W1, world.height().plus(2));
    let token = lease.lease.token;
    // Later than the token of an answered lease would be kept.
    world.run_to_before(lease.lease.expires.plus(2 * params().max_lease_blocks));
    let report = Action::Job(JobAction::ReportTimeout { lease });
    world.ok(Who::Bob, report.clone());
    let used = TxError::TokenUsed { token, job, worker: Who::W1.id() };
    assert_eq!(world.err(Who::Bob, report.clone()), used);
    world.run_to_before(world.height().plus(params().max_lease_blocks));
    assert_eq!(world.err(Who::Bob, report), TxError::StaleToken { expected: token, got: token });
}

#[test]
fn a_worker_without_the_minimum_stake_answers_nothing() {
    let mut world = World::new();
    world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: crate::support::STAKE }));
    let (proven, redundant) = (world.submit(Assurance::A4), world.submit(Assurance::A2));
    let lease = world.leased(proven, Who::W1);
    let settle = world.proven(Who::W1, lease);
    let lease = world.leased(redundant, Who::W1);
    let commit = world.commitment_action(Who::W1, lease, OUTPUT);
    let lease = world.lease(proven, Who::W1);
    let fail = Action::Job(JobAction::Fail { lease, reason: FailReason::InputInvalid });
    for action in [settle, commit, fail] {
        let refused = world.err(Who::W1, action);
        assert!(matches!(refused, TxError::StakeBelowMinimum { .. }), "{refused}");
    }
}

#[test]
fn a_lease_for_an_unknown_job_is_refused() {
    let mut world = World::new();
    let lease = world.lease(JobId([9; 32]), Who::W1);
    let refused = world.err(Who::W1, Action::Job(JobAction::Abandon { lease, reason: DeclineReason::Busy }));
    assert_eq!(refused, TxError::UnknownJob { job: JobId([9; 32]) });
}
