//! Workers' stake, offers, and validators' offences.

use crate::support::{FUNDS, PRICE, STAKE, Who, World, genesis, params, toy_evidence};
use ciro_state::worker::MAX_UNBONDINGS;
use ciro_state::{
    Action, BlockContext, BlockError, Event, GenesisValidator, JobAction, Offence, Outcome, State, TxError,
    ValidatorAction, WorkerAction, apply_block,
};
use ciro_types::{AccountId, Amount, Height};
use std::collections::BTreeMap;

#[test]
fn stake_moves_from_the_balance_and_back() {
    let mut world = World::new();
    assert_eq!(world.balance(Who::W1), Amount(FUNDS.0 - STAKE.0));
    world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: STAKE }));
    assert_eq!(world.worker(Who::W1).stake, Amount::ZERO);
    let release = world.worker(Who::W1).unbonding[0].release;
    world.run_to_before(release);
    world.block(&[]);
    assert!(world.events().contains(&Event::StakeReleased { worker: Who::W1.id(), amount: STAKE }));
    world.ok(Who::W1, Action::Worker(WorkerAction::WithdrawStake));
    assert_eq!(world.balance(Who::W1), FUNDS);
}

#[test]
fn the_minimum_stake_is_enough_and_a_unit_less_is_not() {
    let mut world = World::empty();
    let minimum = params().min_stake;
    let below = Amount(minimum.0 - 1);
    let refused = world.err(Who::W1, Action::Worker(WorkerAction::Register { stake: below }));
    assert_eq!(refused, TxError::StakeBelowMinimum { worker: Who::W1.id(), expected: minimum, got: below });
    world.ok(Who::W1, Action::Worker(WorkerAction::Register { stake: minimum }));
    assert!(matches!(
        world.err(Who::W1, Action::Worker(WorkerAction::Register { stake: minimum })),
        TxError::WorkerExists { .. }
    ));
}

#[test]
fn an_offer_falls_with_the_stake_behind_it() {
    let mut world = World::new();
    let spare = Amount(STAKE.0 - params().min_stake.0);
    world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: spare }));
    assert!(world.state.offer(&Who::W1.id()).is_some());
    world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: Amount(1) }));
    assert!(world.events().contains(&Event::OfferWithdrawn { worker: Who::W1.id(), sequence: 1 }));
    assert!(world.state.offer(&Who::W1.id()).is_none());
    let offer = world.offer(Who::W1, 2);
    assert!(matches!(
        world.err(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer })),
        TxError::StakeBelowMinimum { .. }
    ));
}

#[test]
fn withdrawals_are_bounded_in_number_and_released_one_by_one() {
    let mut world = World::new();
    for _ in 1..MAX_UNBONDINGS {
        world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ONE }));
    }
    // The last row takes two requests of one block.
    let halves = [0, 1].map(|offset| {
        world.sign(Who::W1, offset, Action::Worker(WorkerAction::RequestUnstake { amount: Amount(Amount::ONE.0 / 2) }))
    });
    assert!(world.block(&halves).outcomes.iter().all(Result::is_ok));
    let refused = world.err(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ONE }));
    assert_eq!(refused, TxError::TooManyUnbondings { expected: MAX_UNBONDINGS as u64 });
    let third = world.worker(Who::W1).unbonding[2].release;
    world.run_to_before(third);
    assert_eq!(
        world.ok(Who::W1, Action::Worker(WorkerAction::WithdrawStake)),
        Outcome::StakeWithdrawn { amount: Amount::ciro(3) }
    );
    assert_eq!(world.worker(Who::W1).unbonding.len(), MAX_UNBONDINGS - 3);
}

#[test]
fn two_requests_in_one_block_are_one_withdrawal() {
    let mut world = World::new();
    let txs = [0, 1]
        .map(|offset| world.sign(Who::W1, offset, Action::Worker(WorkerAction::RequestUnstake { amount: PRICE })));
    world.block(&txs);
    assert_eq!(world.worker(Who::W1).unbonding.len(), 1);
    assert_eq!(world.worker(Who::W1).unbonding_total(), Amount(2 * PRICE.0));
}

#[test]
fn no_one_unstakes_more_than_is_staked() {
    let mut world = World::new();
    let more = Amount(STAKE.0 + 1);
    let refused = world.err(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: more }));
    assert_eq!(refused, TxError::InsufficientStake { worker: Who::W1.id(), expected: more, got: STAKE });
}

#[test]
fn a_newer_offer_replaces_an_older_one_and_never_the_reverse() {
    let mut world = World::new();
    let mut offer = world.offer(Who::W1, 5);
    offer.price = Amount::ciro(7);
    world.ok(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer }));
    for sequence in [1, 5] {
        let offer = world.offer(Who::W1, sequence);
        let refused = world.err(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer }));
        assert_eq!(refused, TxError::StaleOffer { expected: 5, got: sequence });
    }
    assert_eq!(world.state.offer(&Who::W1.id()).map(|offer| offer.price), Some(Amount::ciro(7)));
}

#[test]
fn an_offer_stands_through_its_last_height() {
    let mut world = World::new();
    let mut offer = world.offer(Who::W1, 2);
    offer.expires = world.height().plus(3);
    let expires = offer.expires;
    world.ok(Who::W1, Action::Worker(WorkerAction::PublishOffer { offer }));
    world.run_to_before(expires.next());
    assert!(world.state.offer(&Who::W1.id()).is_some());
    world.block(&[]);
    assert!(world.state.offer(&Who::W1.id()).is_none());
    assert!(world.events().contains(&Event::OfferWithdrawn { worker: Who::W1.id(), sequence: 2 }));
}

#[test]
fn leaving_does_not_launder_a_reputation() {
    let mut world = World::new();
    let job = world.submit(ciro_types::Assurance::A4);
    let lease = world.lease_until(job, Who::W1, world.height().plus(2));
    world.block(&[]);
    world.ok(Who::Bob, Action::Job(JobAction::ReportTimeout { lease }));
    world.ok(Who::W1, Action::Worker(WorkerAction::RequestUnstake { amount: STAKE }));
    world.run_to_before(world.worker(Who::W1).unbonding[0].release);
    world.ok(Who::W1, Action::Worker(WorkerAction::WithdrawStake));
    assert!(matches!(
        world.err(Who::W1, Action::Worker(WorkerAction::Register { stake: STAKE })),
        TxError::WorkerExists { .. }
    ));
    world.ok(Who::W1, Action::Worker(WorkerAction::AddStake { amount: STAKE }));
    assert_eq!(world.worker(Who::W1).reputation.0, 450);
}

#[test]
fn every_offence_of_a_validator_is_punished_once() {
    let mut world = World::new();
    let offences = [(3, 0), (3, 1), (4, 0)].map(|(height, round)| Offence {
        validator: Who::Validator.id(),
        height: Height(height),
        round,
    });
    for offence in &offences {
        let report = Action::Validator(ValidatorAction::ReportEquivocation { evidence: toy_evidence(offence) });
        world.ok(Who::Bob, report.clone());
        assert!(matches!(world.err(Who::Alice, report), TxError::AlreadyPunished { .. }));
    }
    let row = world.state.validator(&Who::Validator.id()).expect("a validator");
    assert_eq!((row.stake, row.offences), (Amount(STAKE.0 / 1_000 * 343), 3));
    assert_eq!(row.power, 1_000, "the only voter: without it nothing could be decided again");
}

/// Finding f06 of the audit: power was that of the genesis, however much was slashed.
#[test]
fn a_validator_that_signs_twice_loses_its_vote_two_blocks_later() {
    let offender = AccountId([90; 32]);
    let mut genesis = genesis(params());
    genesis.validators.push(GenesisValidator { account: offender, stake: STAKE });
    let mut world = World { state: State::genesis(&genesis).expect("a sound genesis"), ..World::empty() };
    let both = [(Who::Validator.id(), 1_000), (offender, 1_000)].into_iter().collect::<BTreeMap<_, _>>();
    let sets = |world: &World| [world.state.voters(), world.state.successors()].map(BTreeMap::from_iter);
    assert_eq!(sets(&world), [both.clone(), both.clone()]);

    let offence = |round| Offence { validator: offender, height: Height(1), round };
    let report =
        |round| Action::Validator(ValidatorAction::ReportEquivocation { evidence: toy_evidence(&offence(round)) });
    world.ok(Who::Bob, report(0));
    let one = BTreeMap::from([(Who::Validator.id(), 1_000)]);
    assert_eq!(sets(&world), [both, one.clone()], "the next header says so, and the old set certifies it");
    world.block(&[]);
    assert_eq!(sets(&world), [one.clone(), one.clone()]);

    let context = BlockContext { proposer: offender, ..world.context() };
    let refused = apply_block(&mut world.state.clone(), &context, &[]).expect_err("it has no vote");
    assert_eq!(refused, BlockError::UnknownProposer { got: offender });
    let restored = State::restore(world.state.snapshot()).expect("whole");
    assert_eq!(restored.voters(), world.state.voters());

    world.ok(Who::Bob, report(1));
    let row = world.state.validator(&offender).expect("a validator");
    assert_eq!((row.stake, row.power), (Amount(STAKE.0 / 100 * 49), 0), "what it keeps stays at risk");
}

#[test]
fn the_last_voters_keep_their_vote() {
    let mut world = World::empty();
    let offence = Offence { validator: Who::Validator.id(), height: Height(1), round: 0 };
    world.ok(Who::Bob, Action::Validator(ValidatorAction::ReportEquivocation { evidence: toy_evidence(&offence) }));
    world.block(&[]);
    assert_eq!(world.state.voters(), [(Who::Validator.id(), 1_000)]);
    assert_eq!(world.state.successors(), world.state.voters());
}
