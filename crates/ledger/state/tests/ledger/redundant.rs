//! A2: commit, reveal, compare, tie break, slashing.

use crate::support::{FUNDS, OUTPUT, PRICE, STAKE, Who, World, params, reveal_action};
use ciro_state::{
    Action, Authority, Event, FailReason, JobAction, JobStatus, Outcome, RefundReason, SlashDestination, SlashReason,
    TxError, WorkerAction, commitment, output_hash,
};
use ciro_types::{Amount, Assurance, Hash32, Height, JobId};

const LIE: &[u8] = b"lie";
const OTHER_LIE: &[u8] = b"other lie";

/// Two workers have committed to these outputs.
fn committed(outputs: [(Who, &[u8]); 2]) -> (World, JobId) {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    for (who, output) in outputs {
        world.commit(job, who, output);
    }
    (world, job)
}

/// W1 is honest, W2 lies, both are open.
fn tied() -> (World, JobId) {
    let (mut world, job) = committed([(Who::W1, OUTPUT), (Who::W2, LIE)]);
    world.reveal(job, Who::W2, LIE);
    world.reveal(job, Who::W1, OUTPUT);
    (world, job)
}

fn earned(world: &World, who: Who) -> i128 {
    world.balance(who).0.cast_signed() - (FUNDS.0 - STAKE.0).cast_signed()
}

#[test]
fn two_equal_answers_pay_both_and_the_rest_goes_back() {
    let (mut world, job) = committed([(Who::W1, OUTPUT), (Who::W2, OUTPUT)]);
    world.reveal(job, Who::W2, OUTPUT);
    assert_eq!(world.status(job), JobStatus::Open);
    world.reveal(job, Who::W1, OUTPUT);
    assert!(matches!(world.status(job), JobStatus::Settled { .. }));
    let record = world.record();
    assert_eq!(record.payments.iter().map(|payment| payment.price).sum::<Amount>(), Amount::ciro(20));
    assert_eq!((record.fee, record.refund), (Amount::ciro(2), Amount::ciro(3)));
    for who in [Who::W1, Who::W2] {
        assert_eq!(earned(&world, who), PRICE.0.cast_signed());
        assert_eq!(world.worker(who).reputation.0, 510);
    }
}

#[test]
fn a_third_worker_breaks_the_tie_and_the_liar_loses_half() {
    let (mut world, job) = tied();
    let reopened = world.events().iter().find_map(|event| match event {
        Event::JobReopened { wanted, excluded, .. } => Some((*wanted, excluded.clone())),
        _ => None,
    });
    assert_eq!(reopened, Some((1, vec![Who::W1.id(), Who::W2.id()])));
    world.commit(job, Who::W3, OUTPUT);
    world.reveal(job, Who::W3, OUTPUT);
    assert!(matches!(world.status(job), JobStatus::Settled { .. }));
    let half = Amount(STAKE.0 / 2);
    assert_eq!(world.worker(Who::W2).stake, half);
    assert_eq!((world.worker(Who::W2).reputation.0, world.worker(Who::W2).disputes_lost), (400, 1));
    assert!(world.events().contains(&Event::Slashed {
        account: Who::W2.id(),
        reason: SlashReason::Malicious,
        amount: half,
        destination: SlashDestination::Insurance,
        job: Some(job),
    }));
    let earnings = [Who::W1, Who::W2, Who::W3].map(|who| earned(&world, who));
    assert_eq!(earnings, [PRICE.0.cast_signed(), 0, PRICE.0.cast_signed()]);
    let fee_share = Amount::ciro(2).0 / 10;
    assert_eq!(world.insurance(), Amount(half.0 + fee_share));
}

#[test]
fn the_first_worker_is_the_liar_when_the_third_says_so() {
    let (mut world, job) = tied();
    world.commit(job, Who::W3, LIE);
    world.reveal(job, Who::W3, LIE);
    assert_eq!(world.record().output, output_hash(LIE));
    assert_eq!(world.worker(Who::W1).stake, Amount(STAKE.0 / 2));
}

#[test]
fn three_different_answers_convict_nobody_and_refund_the_client() {
    let (mut world, job) = tied();
    world.commit(job, Who::W3, OTHER_LIE);
    world.reveal(job, Who::W3, OTHER_LIE);
    assert_eq!(world.refund_reason(job), Some(RefundReason::Failed(FailReason::NoMajority)));
    assert_eq!(world.balance(Who::Alice), FUNDS);
    for who in [Who::W1, Who::W2, Who::W3] {
        assert_eq!((world.worker(who).stake, earned(&world, who)), (STAKE, 0));
    }
}

#[test]
fn a_tie_that_nobody_breaks_is_refunded_without_a_conviction() {
    let (mut world, job) = tied();
    world.run_to_before(world.job(job).spec.deadline.plus(2));
    assert_eq!(world.refund_reason(job), Some(RefundReason::Failed(FailReason::NoMajority)));
    assert_eq!(world.balance(Who::Alice), FUNDS);
    assert_eq!(world.worker(Who::W2).stake, STAKE);
}

#[test]
fn a_silent_worker_loses_a_tenth_and_is_replaced() {
    let (mut world, job) = committed([(Who::W1, OUTPUT), (Who::W2, OUTPUT)]);
    let reveal_by = world.job(job).round.reveal_by.expect("the window is open");
    assert_eq!(reveal_by, world.height().plus(params().reveal_window));
    world.reveal(job, Who::W1, OUTPUT);
    world.run_to_before(reveal_by.next());
    assert_eq!(world.worker(Who::W2).stake, STAKE);
    world.block(&[]);
    let tenth = Amount(STAKE.0 / 10);
    assert_eq!(world.worker(Who::W2).stake, Amount(STAKE.0 - tenth.0));
    assert_eq!((world.worker(Who::W2).reputation.0, world.worker(Who::W2).timeouts), (450, 1));
    assert_eq!(world.insurance(), tenth);

    let authority = world.leased(job, Who::W2);
    let back = world.commitment_action(Who::W2, authority, OUTPUT);
    assert_eq!(world.err(Who::W2, back), TxError::AlreadySeated { job, worker: Who::W2.id() });
    world.commit(job, Who::W3, OUTPUT);
    world.reveal(job, Who::W3, OUTPUT);
    assert_eq!(earned(&world, Who::W1), PRICE.0.cast_signed());
}

#[test]
fn a_reveal_counts_in_the_last_block_of_the_window_and_not_after() {
    let (mut world, job) = committed([(Who::W1, OUTPUT), (Who::W2, OUTPUT)]);
    let reveal_by = world.job(job).round.reveal_by.expect("the window is open");
    world.reveal(job, Who::W1, OUTPUT);
    world.run_to_before(reveal_by);
    let mut late = world.clone();
    world.reveal(job, Who::W2, OUTPUT);
    assert_eq!(world.height(), reveal_by);
    assert!(matches!(world.status(job), JobStatus::Settled { .. }));
    late.block(&[]);
    let refused = late.err(Who::W2, reveal_action(job, Who::W2, OUTPUT));
    assert_eq!(refused, TxError::NotSeated { job, worker: Who::W2.id() });
}

#[test]
fn two_silent_workers_are_both_punished_and_the_job_starts_over() {
    let (mut world, job) = committed([(Who::W1, OUTPUT), (Who::W2, OUTPUT)]);
    let reveal_by = world.job(job).round.reveal_by.expect("the window is open");
    world.run_to_before(reveal_by.plus(2));
    for who in [Who::W1, Who::W2] {
        assert_eq!(world.worker(who).stake, Amount(STAKE.0 / 10 * 9));
    }
    world.commit(job, Who::W3, OUTPUT);
    assert_eq!(world.job(job).round.reveal_by, None);
    world.commit(job, Who::W4, OUTPUT);
    world.reveal(job, Who::W3, OUTPUT);
    world.reveal(job, Who::W4, OUTPUT);
    assert!(matches!(world.status(job), JobStatus::Settled { .. }));
}

#[test]
fn a_silent_tie_breaker_is_punished_and_a_fourth_worker_decides() {
    let (mut world, job) = tied();
    world.commit(job, Who::W3, OUTPUT);
    let reveal_by = world.job(job).round.reveal_by.expect("the window is open");
    world.run_to_before(reveal_by.plus(2));
    assert_eq!(world.worker(Who::W3).stake, Amount(STAKE.0 / 10 * 9));
    world.commit(job, Who::W4, OUTPUT);
    world.reveal(job, Who::W4, OUTPUT);
    assert_eq!(world.worker(Who::W2).stake, Amount(STAKE.0 / 2));
    assert_eq!(earned(&world, Who::W4), PRICE.0.cast_signed());
}

#[test]
fn stake_on_its_way_out_is_slashed_too() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    world.commit(job, Who::W1, OUTPUT);
    world.commit(job, Who::W2, LIE);
    // The liar sees it coming: all but the slash of its active stake would otherwise be out of reach.
    world.ok(Who::W2, Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ciro(900) }));
    world.reveal(job, Who::W1, OUTPUT);
    world.reveal(job, Who::W2, LIE);
    world.commit(job, Who::W3, OUTPUT);
    world.reveal(job, Who::W3, OUTPUT);
    assert_eq!(world.worker(Who::W2).stake, Amount::ZERO);
    assert_eq!(world.worker(Who::W2).unbonding_total(), Amount::ciro(500));
    assert!(world.state.offer(&Who::W2.id()).is_none());
}

#[test]
fn a_copied_commitment_opens_for_nobody_else() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    world.commit(job, Who::W1, OUTPUT);
    let copied = world.job(job).round.seats[0].commitment;
    let authority = world.leased(job, Who::W2);
    world.ok(Who::W2, Action::Job(JobAction::Commit { authority, commitment: copied }));
    world.reveal(job, Who::W1, OUTPUT);
    // The copier now knows output and salt, and still cannot open.
    let mut theft = reveal_action(job, Who::W1, OUTPUT);
    assert!(matches!(world.err(Who::W2, theft.clone()), TxError::WrongReveal { .. }));
    if let Action::Job(JobAction::Reveal { salt, .. }) = &mut theft {
        *salt = Hash32::ZERO;
    }
    assert!(matches!(world.err(Who::W2, theft), TxError::WrongReveal { .. }));
}

#[test]
fn nobody_reveals_before_the_round_is_full_or_commits_after() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    world.commit(job, Who::W1, OUTPUT);
    assert_eq!(world.err(Who::W1, reveal_action(job, Who::W1, OUTPUT)), TxError::RevealTooEarly { job });
    let authority = world.leased(job, Who::W1);
    let twice = world.commitment_action(Who::W1, authority, OUTPUT);
    assert_eq!(world.err(Who::W1, twice), TxError::AlreadySeated { job, worker: Who::W1.id() });
    world.commit(job, Who::W2, OUTPUT);
    world.reveal(job, Who::W1, OUTPUT);
    let authority = world.leased(job, Who::W3);
    let late = world.commitment_action(Who::W3, authority, OUTPUT);
    assert!(matches!(world.err(Who::W3, late), TxError::RoundFull { .. }));
    assert!(matches!(world.err(Who::W1, reveal_action(job, Who::W1, OUTPUT)), TxError::AlreadyRevealed { .. }));
    assert!(matches!(world.err(Who::W3, reveal_action(job, Who::W3, OUTPUT)), TxError::NotSeated { .. }));
}

#[test]
fn a_commitment_needs_room_for_its_reveal_window_before_the_deadline() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    let latest = Height(world.job(job).spec.deadline.0 - params().reveal_window);
    world.run_to_before(latest);
    let mut late = world.clone();
    world.commit(job, Who::W1, OUTPUT);
    assert_eq!(world.height(), latest);
    late.block(&[]);
    let authority = late.leased(job, Who::W1);
    let commit = late.commitment_action(Who::W1, authority, OUTPUT);
    assert_eq!(late.err(Who::W1, commit), TxError::TooLateToCommit { latest, height: latest.next() });
}

#[test]
fn a_reveal_window_that_ends_at_the_deadline_punishes_before_it_refunds() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    let deadline = world.job(job).spec.deadline;
    world.run_to_before(Height(deadline.0 - params().reveal_window));
    let commits = [Who::W1, Who::W2].map(|who| {
        let authority = world.leased(job, who);
        world.sign(who, 0, world.commitment_action(who, authority, OUTPUT))
    });
    world.block(&commits);
    assert_eq!(world.job(job).round.reveal_by, Some(deadline));
    world.reveal(job, Who::W1, OUTPUT);
    world.run_to_before(deadline.plus(2));
    assert_eq!(world.worker(Who::W2).stake, Amount(STAKE.0 / 10 * 9));
    assert_eq!(world.refund_reason(job), Some(RefundReason::Expired));
}

#[test]
fn each_seat_may_ask_for_half_of_what_the_client_pays() {
    let mut world = World::new();
    for (price, fits) in [(Amount::ciro(10), true), (Amount(Amount::ciro(10).0 + 1), false)] {
        let mut spec = world.spec(Assurance::A2);
        spec.max_price = Amount::ciro(22);
        let job = world.submit_spec(spec);
        let mut lease = world.lease(job, Who::W1).lease;
        lease.price = price;
        let commit = world.commitment_action(Who::W1, Authority::Lease(world.grant(lease)), OUTPUT);
        assert_eq!(world.send(Who::W1, commit).is_ok(), fits);
    }
}

#[test]
fn a_committed_worker_protects_the_job_from_cancellation() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    let Outcome::CancelRequested { at, .. } = world.ok(Who::Alice, Action::Job(JobAction::Cancel { job })) else {
        unreachable!("a request")
    };
    world.commit(job, Who::W1, OUTPUT);
    world.run_to_before(at.next());
    assert!(world.events().contains(&Event::JobCancelOverruled { job }));
    assert_eq!(world.err(Who::Alice, Action::Job(JobAction::Cancel { job })), TxError::JobInProgress { job, seats: 1 });
    world.commit(job, Who::W2, OUTPUT);
    world.reveal(job, Who::W1, OUTPUT);
    world.reveal(job, Who::W2, OUTPUT);
    assert_eq!(earned(&world, Who::W2), PRICE.0.cast_signed());
}

#[test]
fn a_cancellation_overruled_in_the_block_after_the_deadline_still_expires_the_job() {
    let mut world = World::new();
    let mut spec = world.spec(Assurance::A2);
    // The cancellation is asked for one block after the order and takes effect `max_lease_blocks` later.
    spec.deadline = world.height().plus(1 + params().max_lease_blocks);
    let job = world.submit_spec(spec);
    let Outcome::CancelRequested { at, .. } = world.ok(Who::Alice, Action::Job(JobAction::Cancel { job })) else {
        unreachable!("a request")
    };
    assert_eq!(at, world.job(job).spec.deadline.next());
    world.commit(job, Who::W1, OUTPUT);
    world.run_to_before(at.next());
    assert!(world.events().contains(&Event::JobCancelOverruled { job }));
    assert_eq!(world.refund_reason(job), Some(RefundReason::Expired));
    assert_eq!(world.balance(Who::Alice), FUNDS);
}

#[test]
fn one_committed_worker_alone_is_refunded_as_expired() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    world.commit(job, Who::W1, OUTPUT);
    world.run_to_before(world.job(job).spec.deadline.plus(2));
    assert_eq!(world.refund_reason(job), Some(RefundReason::Expired));
    assert_eq!(world.worker(Who::W1).stake, STAKE);
}

#[test]
fn failure_reports_do_not_end_a_job_that_a_worker_has_committed_to() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    world.commit(job, Who::W1, OUTPUT);
    for who in [Who::W2, Who::W3] {
        let lease = world.lease(job, who);
        world.ok(who, Action::Job(JobAction::Fail { lease, reason: FailReason::InputUnavailable }));
    }
    assert_eq!(world.status(job), JobStatus::Open);
}

#[test]
fn a_lease_of_an_earlier_round_does_not_break_the_tie() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    let leftover = world.lease(job, Who::W3);
    world.commit(job, Who::W1, OUTPUT);
    world.commit(job, Who::W2, LIE);
    world.reveal(job, Who::W1, OUTPUT);
    world.reveal(job, Who::W2, LIE);
    let commit = world.commitment_action(Who::W3, Authority::Lease(leftover), LIE);
    assert!(matches!(world.err(Who::W3, commit), TxError::StaleToken { .. }));
}

#[test]
fn the_tie_break_needs_no_lease_only_a_full_window_after_the_tie() {
    let (mut world, job) = tied();
    let open_from = world.job(job).open_from;
    assert_eq!(open_from, world.height().plus(params().open_window));
    let accomplice = world.commitment_action(Who::W3, Authority::Open { job }, LIE);
    assert!(matches!(world.err(Who::W3, accomplice), TxError::LeaseRequired { .. }));
    world.run_to_before(open_from);
    let seat = |who| (who, world.commitment_action(who, Authority::Open { job }, OUTPUT));
    let drawn: Vec<_> = [Who::W3, Who::W4]
        .map(seat)
        .into_iter()
        .filter(|(who, seat)| world.clone().send(*who, seat.clone()).is_ok())
        .collect();
    let [(honest, seat)] = &drawn[..] else { panic!("one of two is drawn, got {drawn:?}") };
    world.ok(*honest, seat.clone());
    world.reveal(job, *honest, OUTPUT);
    assert_eq!(world.record().output, output_hash(OUTPUT));
}

#[test]
fn commitments_of_different_jobs_workers_outputs_and_salts_differ() {
    let base = commitment(JobId([1; 32]), Who::W1.id(), output_hash(OUTPUT), Hash32::ZERO);
    let others = [
        commitment(JobId([2; 32]), Who::W1.id(), output_hash(OUTPUT), Hash32::ZERO),
        commitment(JobId([1; 32]), Who::W2.id(), output_hash(OUTPUT), Hash32::ZERO),
        commitment(JobId([1; 32]), Who::W1.id(), output_hash(LIE), Hash32::ZERO),
        commitment(JobId([1; 32]), Who::W1.id(), output_hash(OUTPUT), Hash32([1; 32])),
    ];
    assert!(others.iter().all(|other| *other != base));
}
