//! Transfers, nonces, and transactions that fail.

use crate::support::{FUNDS, Who, World, genesis, params};
use ciro_state::{Action, BlockContext, BlockError, Event, Outcome, State, TxError, apply_block};
use ciro_types::{Amount, Height, Nonce};

fn transfer(to: Who, amount: Amount) -> Action {
    Action::Transfer { to: to.id(), amount }
}

#[test]
fn a_transfer_moves_everything_or_nothing() {
    let mut world = World::empty();
    let more = Amount(FUNDS.0 + 1);
    let refused = world.err(Who::Alice, transfer(Who::Stranger, more));
    assert_eq!(refused, TxError::InsufficientBalance { account: Who::Alice.id(), expected: more, got: FUNDS });
    world.ok(Who::Alice, transfer(Who::Stranger, FUNDS));
    assert_eq!((world.balance(Who::Alice), world.balance(Who::Stranger)), (Amount::ZERO, FUNDS));
    let event = Event::Transfer { from: Who::Alice.id(), to: Who::Stranger.id(), amount: FUNDS };
    assert_eq!(world.events(), [event]);
}

#[test]
fn a_transfer_to_oneself_changes_no_balance() {
    let mut world = World::empty();
    world.ok(Who::Alice, transfer(Who::Alice, FUNDS));
    assert_eq!(world.balance(Who::Alice), FUNDS);
}

#[test]
fn a_transaction_is_executed_once_and_in_order() {
    let mut world = World::empty();
    let first = world.sign(Who::Alice, 0, transfer(Who::Bob, Amount::ONE));
    let second = world.sign(Who::Alice, 1, transfer(Who::Bob, Amount::ONE));
    let effects = world.block(&[second.clone(), first.clone(), first, second]);
    let (now, early) = (Nonce(0), Nonce(1));
    assert_eq!(effects.outcomes[0], Err(TxError::WrongNonce { expected: now, got: early }));
    assert_eq!(effects.outcomes[1], Ok(Outcome::Transferred));
    assert_eq!(effects.outcomes[2], Err(TxError::WrongNonce { expected: early, got: now }));
    assert_eq!(effects.outcomes[3], Ok(Outcome::Transferred));
    assert_eq!(world.balance(Who::Bob), Amount(FUNDS.0 + 2 * Amount::ONE.0));
}

#[test]
fn a_refused_transaction_leaves_no_trace() {
    let mut world = World::new();
    let mut quiet = world.clone();
    // Refused after it has spent the nonce, created the row and started to move money.
    let mut spec = world.spec(ciro_types::Assurance::A4);
    spec.max_price = Amount(u128::MAX);
    world.err(Who::Alice, Action::SubmitJob { spec });
    let noisy = world.last.clone().expect("a block");
    let silent = quiet.block(&[]).clone();
    assert_eq!((noisy.events, noisy.writes), (silent.events, silent.writes));
    assert_eq!(world.state.snapshot(), quiet.state.snapshot());
}

#[test]
fn the_smallest_and_the_largest_amounts_move() {
    let mut world = World::empty();
    world.ok(Who::Alice, transfer(Who::Bob, Amount(1)));
    assert_eq!(world.err(Who::Alice, transfer(Who::Bob, Amount::ZERO)), TxError::ZeroAmount);
    let refused = world.err(Who::Alice, transfer(Who::Bob, Amount(u128::MAX)));
    assert!(matches!(refused, TxError::InsufficientBalance { .. }));
}

#[test]
fn a_block_follows_its_parent_and_names_a_validator() {
    let mut state = State::genesis(&genesis(params())).expect("a sound genesis");
    let before = state.snapshot();
    let proposer = Who::Validator.id();
    for height in [0, 2] {
        let context = BlockContext { height: Height(height), proposer };
        let refused = apply_block(&mut state, &context, &[]).expect_err("refused");
        assert_eq!(refused, BlockError::WrongHeight { expected: Height(1), got: Height(height) });
    }
    let context = BlockContext { height: Height(1), proposer: Who::Alice.id() };
    let refused = apply_block(&mut state, &context, &[]).expect_err("refused");
    assert_eq!(refused, BlockError::UnknownProposer { got: Who::Alice.id() });
    assert_eq!(state.snapshot(), before);
}

#[test]
fn the_genesis_counts_every_unit() {
    let state = State::genesis(&genesis(params())).expect("a sound genesis");
    assert_eq!(state.audit(), Ok(()));
    assert_eq!(state.totals().balances, Amount(6 * FUNDS.0));
    assert_eq!(state.totals().sum(), state.meta().supply);
}
