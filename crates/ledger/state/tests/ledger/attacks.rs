//! Attackers that once won against the ledger. Each test is the attack; it must fail, or cost what it did not cost then.

use crate::support::{OUTPUT, PRICE, STAKE, WORKERS, Who, World, params, reveal_action, toy_evidence};
use ciro_state::fees::tx_fee;
use ciro_state::{
    Action, Authority, FailReason, InclusionError, JobAction, JobStatus, Offence, Outcome, Params, RefundReason,
    Reputation, TokenAction, TxError, ValidatorAction, WorkerAction, output_hash,
};
use ciro_types::{Amount, Assurance, Height, Lease, Offer};

const LIE: &[u8] = b"lie";

fn with_price(world: &mut World, who: Who, price: Amount, slots: u16) -> Result<Outcome, TxError> {
    let offer = world.offer(who, world.worker(who).offer_sequence + 1);
    world.send(who, Action::Worker(WorkerAction::PublishOffer { offer: Offer { price, slots, ..offer } }))
}

#[test]
fn two_accounts_with_little_stake_kill_no_job_and_lose_standing_when_it_is_answered() {
    for assurance in [Assurance::A0, Assurance::A4] {
        let mut world = World::new();
        let job = world.submit(assurance);
        for who in [Who::W1, Who::W2] {
            let lease = world.lease(job, who);
            world.ok(who, Action::Job(JobAction::Fail { lease, reason: FailReason::InputInvalid }));
        }
        assert_eq!(world.status(job), JobStatus::Open);
        let authority = world.leased(job, Who::W3);
        let answer = match assurance {
            Assurance::A4 => world.proven(Who::W3, authority),
            Assurance::A0 | Assurance::A2 => World::signed_answer(authority),
        };
        world.ok(Who::W3, answer);
        let standing = [Who::W1, Who::W2, Who::W3].map(|who| world.worker(who).reputation.0);
        assert_eq!((standing, world.worker(Who::W1).false_alarms), ([450, 450, 510], 1));
    }
}

#[test]
fn bytes_that_come_late_cost_no_standing() {
    for reason in [FailReason::InputUnavailable, FailReason::ModelUnavailable] {
        let mut world = World::new();
        let job = world.submit(Assurance::A0);
        let lease = world.lease(job, Who::W1);
        world.ok(Who::W1, Action::Job(JobAction::Fail { lease, reason }));
        let authority = world.leased(job, Who::W2);
        world.ok(Who::W2, World::signed_answer(authority));
        let first = world.worker(Who::W1);
        assert_eq!((first.reputation, first.false_alarms), (Reputation::START, 0), "{reason:?}");
    }
}

#[test]
fn a_job_that_nobody_can_answer_costs_honest_workers_nothing() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    for who in [Who::W1, Who::W2, Who::W3] {
        let lease = world.lease(job, who);
        world.ok(who, Action::Job(JobAction::Fail { lease, reason: FailReason::InputUnavailable }));
    }
    assert_eq!(world.refund_reason(job), Some(RefundReason::Failed(FailReason::InputUnavailable)));
    assert!(WORKERS.iter().all(|who| world.worker(*who).reputation.0 == 500));
}

/// Offers run out while a test waits for many draws.
fn renew_offers(world: &mut World) {
    for who in WORKERS {
        let refreshed = with_price(world, who, PRICE, 1);
        assert_eq!(refreshed, Ok(Outcome::OfferPublished));
    }
}

/// Who of the four may take a seat of this job without a lease now.
fn drawn(world: &World, job: ciro_types::JobId) -> Vec<Who> {
    let may = |who: &Who| {
        let seat = world.commitment_action(*who, Authority::Open { job }, LIE);
        world.clone().send(*who, seat).is_ok()
    };
    WORKERS.into_iter().filter(may).collect()
}

/// Four workers with equal stakes: a pair of one owner is drawn for both seats in a sixth of all draws, not whenever it asks.
#[test]
fn a_pair_of_accounts_rarely_gets_both_seats_that_nobody_leased() {
    let (mut world, mut both, draws) = (World::new(), 0, 48);
    for _ in 0..draws {
        renew_offers(&mut world);
        let job = world.submit(Assurance::A2);
        world.run_to_before(world.job(job).open_from);
        let drawn = drawn(&world, job);
        assert_eq!(drawn.len(), 2, "as many as there are seats");
        both += usize::from(drawn == [Who::W1, Who::W2]);
    }
    assert!((2..=16).contains(&both), "expected about {}, got {both}", draws / 6);
}

/// The same pair against nine times its stake: it has to wait for one draw in a hundred.
#[test]
fn lots_follow_stake_and_not_the_number_of_accounts() {
    let (mut world, mut wins, draws) = (World::new(), [0; 4], 60);
    let add = |ciro| Action::Worker(WorkerAction::AddStake { amount: Amount::ciro(ciro) });
    world.ok(Who::W3, add(8_000));
    world.ok(Who::W4, add(8_000));
    for _ in 0..draws {
        renew_offers(&mut world);
        let job = world.submit(Assurance::A2);
        world.run_to_before(world.job(job).open_from);
        drawn(&world, job).into_iter().for_each(|who| wins[who as usize - Who::W1 as usize] += 1);
    }
    assert!(wins[2] > 3 * wins[0] && wins[3] > 3 * wins[1], "{wins:?}");
}

#[test]
fn an_account_that_registered_after_the_order_draws_no_lot() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    world.ok(Who::Bob, Action::Worker(WorkerAction::Register { stake: Amount::ciro(5_000) }));
    let offer = world.offer(Who::Bob, 1);
    world.ok(Who::Bob, Action::Worker(WorkerAction::PublishOffer { offer }));
    world.run_to_before(world.job(job).open_from);
    let seat = world.commitment_action(Who::Bob, Authority::Open { job }, LIE);
    assert_eq!(world.err(Who::Bob, seat), TxError::NotDrawn { job, worker: Who::Bob.id() });
}

/// Stake that is moved to whoever drew well, once the beacon is known, changes no draw.
#[test]
fn stake_that_comes_after_the_order_weighs_nothing() {
    let mut world = World::new();
    let jobs: Vec<_> = (0..20).map(|_| world.submit(Assurance::A2)).collect();
    world.run_to_before(world.job(jobs[19]).open_from);
    // Lots hold for eight blocks from here.
    while !world.height().0.is_multiple_of(8) {
        world.block(&[]);
    }
    let before: Vec<_> = jobs.iter().map(|job| drawn(&world, *job)).collect();
    world.ok(Who::W1, Action::Worker(WorkerAction::AddStake { amount: STAKE }));
    world.ok(Who::W1, Action::Worker(WorkerAction::AddStake { amount: STAKE }));
    let later = world.submit(Assurance::A2);
    let now: Vec<_> = jobs.iter().map(|job| drawn(&world, *job)).collect();
    assert_eq!(now, before);
    let (row, opened) = (world.worker(Who::W1), world.job(later).opened);
    assert_eq!((row.stake_before(opened), row.stake_before(opened.plus(1))), (row.stake, row.stake));
}

/// A liar and its second account: the second one breaks the tie only if it is drawn, as in every other test of lots.
#[test]
fn a_tie_is_broken_by_whoever_was_drawn_and_by_nobody_else() {
    let (mut lies, ties) = (0, 24);
    let mut world = World::new();
    for _ in 0..ties {
        renew_offers(&mut world);
        let job = world.submit(Assurance::A2);
        world.commit(job, Who::W1, OUTPUT);
        world.commit(job, Who::W2, OUTPUT);
        world.reveal(job, Who::W1, OUTPUT);
        let reveal_by = world.job(job).round.reveal_by.expect("the window is open");
        world.run_to_before(reveal_by.next());
        world.block(&[]);
        // A second account left its seat unopened to get a third one in; 10 % is gone each time.
        world.run_to_before(world.job(job).open_from);
        let drawn = drawn(&world, job);
        assert!(drawn.len() == 1 && [Who::W3, Who::W4].contains(&drawn[0]), "{drawn:?}");
        lies += usize::from(drawn == [Who::W3]);
        let lease = world.leased(job, drawn[0]);
        let seat = world.commitment_action(drawn[0], lease, OUTPUT);
        world.ok(drawn[0], seat);
        world.reveal(job, drawn[0], OUTPUT);
        world.ok(Who::W2, Action::Worker(WorkerAction::AddStake { amount: Amount::ciro(100) }));
    }
    assert!((4..=20).contains(&lies), "expected about half of {ties}, got {lies}");
}

#[test]
fn reputation_cannot_be_bought_with_jobs_that_pay_nothing() {
    let mut world = World::new();
    let refused = with_price(&mut world, Who::W1, Amount::ZERO, 1);
    assert_eq!(refused, Err(TxError::AskBelowMinimum { expected: params().min_price, got: Amount::ZERO }));
    let job = world.submit(Assurance::A0);
    let lease = Lease { price: Amount::ZERO, ..world.lease(job, Who::W1).lease };
    let answer = World::signed_answer(Authority::Lease(world.grant(lease)));
    assert!(matches!(world.err(Who::W1, answer), TxError::AskBelowMinimum { .. }));
    // Of what an owner pays itself, the protocol fee and the fees of three transactions are gone each time.
    let before = world.purse(Who::Alice).0 + world.purse(Who::W1).0;
    for _ in 0..3 {
        let job = world.submit(Assurance::A0);
        let authority = world.leased(job, Who::W1);
        world.ok(Who::W1, World::signed_answer(authority));
    }
    let lost = before - world.purse(Who::Alice).0 - world.purse(Who::W1).0;
    assert!(lost > 3 * Amount::ONE.0, "{}", Amount(lost));
}

#[test]
fn a_lease_that_had_run_out_when_it_was_signed_harms_nobody() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    for _ in 0..3 {
        let lease = world.lease_until(job, Who::W1, Height(1));
        let refused = world.err(Who::Bob, Action::Job(JobAction::ReportTimeout { lease }));
        assert!(matches!(refused, TxError::LeaseNeverRan { .. }), "{refused}");
    }
    assert_eq!(world.worker(Who::W1).reputation.0, 500);
}

#[test]
fn one_job_costs_a_worker_its_standing_once() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    for n in 0..3 {
        let expires = world.height().plus(3);
        let lease = world.lease_until(job, Who::W1, expires);
        world.run_to_before(expires);
        assert_eq!(world.send(Who::Bob, Action::Job(JobAction::ReportTimeout { lease })).is_ok(), n == 0);
    }
    assert_eq!((world.worker(Who::W1).reputation.0, world.worker(Who::W1).timeouts), (450, 1));
}

#[test]
fn a_refused_transfer_cannot_be_played_again_when_the_money_is_there() {
    let mut world = World::new();
    let poor = Amount::ONE;
    world.ok(Who::Alice, Action::Token(TokenAction::Transfer { to: Who::Stranger.id(), amount: poor }));
    let tx = world.sign(
        Who::Stranger,
        0,
        Action::Token(TokenAction::Transfer { to: Who::Bob.id(), amount: Amount::ciro(5) }),
    );
    let fee = tx_fee(&params(), tx.size(), 0);
    assert!(world.block(std::slice::from_ref(&tx)).outcomes[0].is_err());
    assert_eq!(world.purse(Who::Stranger), Amount(poor.0 - fee.0), "a refused transaction pays");
    world.ok(Who::Alice, Action::Token(TokenAction::Transfer { to: Who::Stranger.id(), amount: Amount::ciro(5) }));
    assert!(matches!(world.not_includable(&[tx]), InclusionError::Nonce { .. }));
}

#[test]
fn whoever_pays_for_its_first_transaction_only_gets_no_second_one_in() {
    let mut world = World::new();
    let send = |world: &World, offset| {
        world.sign(
            Who::Stranger,
            offset,
            Action::Token(TokenAction::Transfer { to: Who::Bob.id(), amount: Amount::ciro(5) }),
        )
    };
    let fee = tx_fee(&params(), send(&world, 0).size(), 0);
    let amount = Amount(2 * fee.0 - 1);
    world.ok(Who::Alice, Action::Token(TokenAction::Transfer { to: Who::Stranger.id(), amount }));
    let txs = [send(&world, 0), send(&world, 1)];
    let expected = Amount(2 * fee.0);
    let refused = InclusionError::Unfunded { sender: Who::Stranger.id(), expected, got: amount };
    assert_eq!(world.not_includable(&txs), refused);
    world.block(&txs[..1]);
}

#[test]
fn a_settlement_pays_for_what_its_proof_takes_to_verify() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let authority = world.leased(job, Who::W1);
    let tx = world.sign(Who::W1, 0, world.proven(Who::W1, authority));
    let (before, size) = (world.purse(Who::W1), tx.size());
    assert!(world.block(&[tx]).outcomes[0].is_ok());
    let fee = tx_fee(&params(), size, crate::support::UNITS);
    assert_eq!(world.purse(Who::W1), Amount(before.0 - fee.0 + PRICE.0));
    assert!(fee > tx_fee(&params(), size, 0) && fee < Amount(PRICE.0 / 100), "{fee}");
}

#[test]
fn a_proof_that_fails_is_paid_for_as_well() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let authority = world.leased(job, Who::W1);
    let Action::Job(JobAction::Settle { authority, input, output, mut proof }) = world.proven(Who::W1, authority)
    else {
        unreachable!("a settlement")
    };
    proof[0] ^= 1;
    let tx = world.sign(Who::W1, 0, Action::Job(JobAction::Settle { authority, input, output, proof }));
    let (before, fee) = (world.purse(Who::W1), tx_fee(&params(), tx.size(), crate::support::UNITS));
    assert!(matches!(world.block(&[tx]).outcomes[0], Err(TxError::ProofRejected { .. })));
    assert_eq!(world.purse(Who::W1), Amount(before.0 - fee.0));
}

#[test]
fn one_stake_backs_few_seats_and_is_free_again_when_they_are_over() {
    let mut world = World::new();
    let most = STAKE.0 / (PRICE.0 * u128::from(params().seat_cover));
    let jobs: Vec<_> = (0..=most).map(|_| world.submit(Assurance::A2)).collect();
    let seats: Vec<bool> = jobs
        .iter()
        .map(|job| {
            let authority = world.leased(*job, Who::W1);
            let seat = world.commitment_action(Who::W1, authority, OUTPUT);
            world.send(Who::W1, seat).is_ok()
        })
        .collect();
    assert_eq!(seats.iter().filter(|taken| **taken).count() as u128, most);
    assert!(!seats[most as usize], "the one too many");
    world.commit(jobs[0], Who::W2, OUTPUT);
    world.reveal(jobs[0], Who::W1, OUTPUT);
    world.reveal(jobs[0], Who::W2, OUTPUT);
    world.commit(jobs[most as usize], Who::W1, OUTPUT);
}

#[test]
fn slots_are_backed_by_stake() {
    let mut world = World::new();
    let backed = u16::try_from(STAKE.0 / params().slot_stake.0).expect("few");
    let refused = with_price(&mut world, Who::W1, PRICE, backed + 1);
    assert_eq!(refused, Err(TxError::TooManySlots { expected: backed.into(), got: backed + 1 }));
    assert!(with_price(&mut world, Who::W1, PRICE, backed).is_ok());
    // An offer whose stake leaves goes with it.
    world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ONE }));
    assert!(world.state.offer(&Who::W1.id()).is_none());
}

#[test]
fn a_job_must_be_able_to_pay_its_workers_the_minimum() {
    let mut world = World::new();
    for (assurance, least) in [(Assurance::A0, "1.1"), (Assurance::A2, "2.2"), (Assurance::A4, "1.1")] {
        let least: Amount = least.parse().expect("an amount");
        for (max_price, is_good) in [(least, true), (Amount(least.0 - 1), false)] {
            let spec = ciro_types::JobSpec { max_price, ..world.spec(assurance) };
            assert_eq!(
                world.send(Who::Alice, Action::Job(JobAction::Submit { spec })).is_ok(),
                is_good,
                "{assurance:?} {max_price}"
            );
        }
    }
}

/// As many transactions as the plain lane of a block holds.
fn crowd(world: &World) -> Vec<ciro_state::SignedTx> {
    let filler =
        |n| world.sign(Who::Bob, n, Action::Token(TokenAction::Transfer { to: Who::Bob.id(), amount: Amount::ONE }));
    (0..2_000).map(filler).collect()
}

#[test]
fn a_window_is_longer_by_every_block_that_had_no_room() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    world.commit(job, Who::W1, OUTPUT);
    world.commit(job, Who::W2, OUTPUT);
    world.reveal(job, Who::W1, OUTPUT);
    let reveal_by = world.job(job).round.reveal_by.expect("open");
    for _ in 0..2 {
        let txs = crowd(&world);
        world.block(&txs);
    }
    world.run_to_before(reveal_by.next());
    world.block(&[]);
    assert_eq!(world.job(job).round.reveal_by, Some(reveal_by.plus(2)));
    assert_eq!(world.worker(Who::W2).stake, STAKE);
    // Its reveal counts in the last block of the longer window.
    world.run_to_before(reveal_by.plus(2));
    world.reveal(job, Who::W2, OUTPUT);
    assert!(matches!(world.status(job), JobStatus::Settled { .. }));
}

#[test]
fn who_stays_silent_when_there_was_room_is_slashed_after_the_longer_window() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    world.commit(job, Who::W1, OUTPUT);
    world.commit(job, Who::W2, OUTPUT);
    world.reveal(job, Who::W1, OUTPUT);
    let reveal_by = world.job(job).round.reveal_by.expect("open");
    let txs = crowd(&world);
    world.block(&txs);
    world.run_to_before(reveal_by.plus(2));
    assert_eq!(world.worker(Who::W2).stake, STAKE);
    world.block(&[]);
    assert_eq!(world.worker(Who::W2).stake, Amount(STAKE.0 - STAKE.0 / 10));
}

#[test]
fn a_window_that_cannot_be_made_longer_ends_without_blame() {
    let mut world = World::new();
    let job = world.submit(Assurance::A2);
    let deadline = world.job(job).spec.deadline;
    world.run_to_before(Height(deadline.0 - params().reveal_window - 1));
    world.commit(job, Who::W1, OUTPUT);
    world.commit(job, Who::W2, OUTPUT);
    let txs = crowd(&world);
    world.block(&txs);
    world.run_to_before(deadline.plus(2));
    assert!(matches!(world.status(job), JobStatus::Refunded { .. }));
    for who in [Who::W1, Who::W2] {
        assert_eq!((world.worker(who).stake, world.worker(who).reputation.0), (STAKE, 500));
        assert_eq!(world.worker(who).pledged, Amount::ZERO);
    }
}

#[test]
fn a_flood_of_transfers_leaves_room_for_work_reveals_and_reports() {
    let mut world = World::new();
    let (answered, committed) = (world.submit(Assurance::A4), world.submit(Assurance::A2));
    world.commit(committed, Who::W1, OUTPUT);
    world.commit(committed, Who::W2, OUTPUT);
    let mut txs = crowd(&world);
    let authority = world.leased(answered, Who::W3);
    let evidence = toy_evidence(&Offence { validator: Who::Validator.id(), height: Height(3), round: 0 });
    txs.push(world.sign(Who::W3, 0, world.proven(Who::W3, authority)));
    txs.push(world.sign(Who::W1, 0, reveal_action(committed, Who::W1, OUTPUT)));
    txs.push(world.sign(Who::Validator, 0, Action::Validator(ValidatorAction::ReportEquivocation { evidence })));
    assert!(world.block(&txs).outcomes[2_000..].iter().all(Result::is_ok));
    let mut more = crowd(&world);
    more.push(world.sign(
        Who::Alice,
        0,
        Action::Token(TokenAction::Transfer { to: Who::Bob.id(), amount: Amount::ONE }),
    ));
    assert_eq!(world.not_includable(&more), InclusionError::Full { lane: ciro_state::Lane::Plain });
}

#[test]
fn a_report_is_free_for_validators_while_it_punishes_somebody() {
    let mut world = World::new();
    let report = |world: &World, who, offset, round| {
        let evidence = toy_evidence(&Offence { validator: Who::Validator.id(), height: Height(3), round });
        world.sign(who, offset, Action::Validator(ValidatorAction::ReportEquivocation { evidence }))
    };
    let sender = Who::Validator.id();
    let idle = InclusionError::IdleReport { sender };
    let twice = [report(&world, Who::Validator, 0, 0), report(&world, Who::Validator, 1, 0)];
    assert_eq!(world.not_includable(&twice), idle);
    let tx = report(&world, Who::Validator, 0, 0);
    assert!(world.block(&[tx]).outcomes[0].is_ok());
    assert_eq!(world.purse(Who::Validator), Amount::ZERO);
    let again = report(&world, Who::Validator, 0, 0);
    assert_eq!(world.not_includable(&[again]), idle);
    let false_one =
        world.sign(Who::Validator, 0, Action::Validator(ValidatorAction::ReportEquivocation { evidence: vec![1] }));
    assert_eq!(world.not_includable(&[false_one]), idle);
    // Anybody else pays for the same words.
    let before = world.purse(Who::Bob);
    let stale = report(&world, Who::Bob, 0, 0);
    assert!(world.block(&[stale]).outcomes[0].is_err());
    assert!(world.purse(Who::Bob) < before);
}

#[test]
fn every_lane_holds_one_of_its_largest_and_a_block_fits_a_message() {
    let params = Params::with_block_ms(1_000);
    let total: usize = ciro_state::Lane::ALL.iter().map(|lane| params.quota(*lane).bytes).sum();
    assert!(total < (16 << 20) - (512 << 10), "{total}");
    for lane in ciro_state::Lane::ALL {
        assert!(
            params.largest_bytes(lane) <= params.quota(lane).bytes
                && params.largest_bytes(lane) <= params.max_tx_bytes()
        );
        assert!(!params.is_crowded(lane, ciro_state::Load::default()), "{lane}");
    }
}

/// Boundaries that the audit tried and that held: they must go on holding.
#[test]
fn boundaries_hold() {
    let mut world = World::new();
    let job = world.submit(Assurance::A4);
    let expires = world.height().plus(4);
    let lease = world.lease_until(job, Who::W1, expires);
    world.run_to_before(expires);
    let action = world.proven(Who::W1, Authority::Lease(lease));
    assert!(matches!(world.err(Who::W1, action), TxError::LeaseExpired { .. }));
    let job = world.submit(Assurance::A4);
    let (a, b) = (world.leased(job, Who::W1), world.leased(job, Who::W2));
    let txs = [world.sign(Who::W1, 0, world.proven(Who::W1, a)), world.sign(Who::W2, 0, world.proven(Who::W2, b))];
    let outcomes = world.block(&txs).outcomes.clone();
    assert!(outcomes[0].is_ok() && outcomes[1].is_err(), "paid once");
    let spec = world.spec(Assurance::A4);
    let deadline = spec.deadline;
    let job = world.submit_spec(spec);
    world.run_to_before(deadline);
    let lease = world.lease_until(job, Who::W1, deadline.plus(5));
    let action = world.proven(Who::W1, Authority::Lease(lease));
    world.ok(Who::W1, action);
    assert!(matches!(world.status(job), JobStatus::Settled { .. }));
    assert_eq!(world.record().output, output_hash(OUTPUT));
}
