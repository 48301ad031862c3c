//! Transfers, nonces, and transactions that fail.

use crate::support::{FUNDS, Who, World, genesis, params};
use ciro_state::fees::tx_fee;
use ciro_state::{
    Account, Action, BlockContext, BlockError, Event, InclusionError, JobAction, Key, Outcome, State, TokenAction,
    TxError, Write, apply_block,
};
use ciro_types::{Amount, Hash32, Height, Nonce};

fn transfer(to: Who, amount: Amount) -> Action {
    Action::Token(TokenAction::Transfer { to: to.id(), amount })
}

#[test]
fn a_transfer_moves_everything_or_nothing() {
    let mut world = World::empty();
    let tx = world.sign(Who::Alice, 0, transfer(Who::Bob, FUNDS));
    let fee = tx_fee(&params(), tx.size(), 0);
    // The fee of the transfer itself is gone before it is executed.
    let left = Amount(FUNDS.0 - fee.0);
    let refused = world.err(Who::Alice, transfer(Who::Bob, FUNDS));
    assert_eq!(refused, TxError::InsufficientBalance { account: Who::Alice.id(), expected: FUNDS, got: left });
    let rest = Amount(left.0 - fee.0);
    world.ok(Who::Alice, transfer(Who::Bob, rest));
    assert_eq!((world.purse(Who::Alice), world.purse(Who::Bob)), (Amount::ZERO, Amount(FUNDS.0 + rest.0)));
    let paid = Event::FeePaid { account: Who::Alice.id(), amount: fee };
    let moved = Event::Transfer { from: Who::Alice.id(), to: Who::Bob.id(), amount: rest };
    assert_eq!(world.events(), [paid, moved]);
}

#[test]
fn a_transfer_to_oneself_changes_no_balance() {
    let mut world = World::empty();
    world.ok(Who::Alice, transfer(Who::Alice, Amount(FUNDS.0 / 2)));
    assert_eq!(world.balance(Who::Alice), FUNDS);
}

#[test]
fn a_transaction_is_executed_once_and_in_order() {
    let mut world = World::empty();
    let first = world.sign(Who::Alice, 0, transfer(Who::Bob, Amount::ONE));
    let second = world.sign(Who::Alice, 1, transfer(Who::Bob, Amount::ONE));
    let sender = Who::Alice.id();
    let wrong = |expected, got| InclusionError::Nonce { sender, expected: Nonce(expected), got: Nonce(got) };
    assert_eq!(world.not_includable(&[second.clone(), first.clone()]), wrong(0, 1));
    assert_eq!(world.not_includable(&[first.clone(), first.clone()]), wrong(1, 0));
    let effects = world.block(&[first.clone(), second]);
    assert_eq!(effects.outcomes, [Ok(Outcome::Transferred), Ok(Outcome::Transferred)]);
    assert_eq!(world.not_includable(&[first]), wrong(2, 0));
    assert_eq!(world.balance(Who::Bob), Amount(FUNDS.0 + 2 * Amount::ONE.0));
}

#[test]
fn a_refused_transaction_leaves_nothing_but_its_fee_and_its_spent_nonce() {
    let mut world = World::new();
    let (before, mut quiet) = (world.state.account(&Who::Alice.id()), world.clone());
    // Refused after it has created the row and started to move money.
    let mut spec = world.spec(ciro_types::Assurance::A4);
    spec.max_price = Amount(u128::MAX);
    world.err(Who::Alice, Action::Job(JobAction::Submit { spec }));
    let noisy = world.last.clone().expect("a block");
    let silent = quiet.block(&[]).clone();
    let [Event::FeePaid { account, amount }] = noisy.events[..] else { panic!("{:?}", noisy.events) };
    let after = Account { balance: Amount(before.balance.0 - amount.0), nonce: Nonce(before.nonce.0 + 1) };
    assert_eq!((account, world.state.account(&Who::Alice.id())), (Who::Alice.id(), after));
    let others = |writes: &[Write]| {
        let its = [Key::Tip.encode(), Key::Account(Who::Alice.id()).encode()];
        writes.iter().filter(|write| !its.contains(&write.key)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(others(&noisy.writes), others(&silent.writes));
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
    let entropy = Hash32::ZERO;
    for height in [0, 2] {
        let context = BlockContext { height: Height(height), proposer, entropy };
        let refused = apply_block(&mut state, &context, &[]).expect_err("refused");
        assert_eq!(refused, BlockError::WrongHeight { expected: Height(1), got: Height(height) });
    }
    let context = BlockContext { height: Height(1), proposer: Who::Alice.id(), entropy };
    let refused = apply_block(&mut state, &context, &[]).expect_err("refused");
    assert_eq!(refused, BlockError::UnknownProposer { got: Who::Alice.id() });
    assert_eq!(state.snapshot(), before);
}

#[test]
fn the_genesis_counts_every_unit() {
    let state = State::genesis(&genesis(params())).expect("a sound genesis");
    assert_eq!(state.audit(), Ok(()));
    assert_eq!(state.totals().balances, Amount(7 * FUNDS.0));
    assert_eq!(state.totals().sum(), state.meta().supply);
}
