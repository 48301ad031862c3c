//! A node restarts from its store with the state it had.

use crate::support::{OUTPUT, Who, World};
use ciro_state::state::Tip;
use ciro_state::{Action, JobAction, Key, RestoreError, State, ValidatorAction, WorkerAction, Write};
use ciro_types::{Amount, Assurance, decode, encode};
use std::collections::BTreeMap;

type Store = BTreeMap<Vec<u8>, Vec<u8>>;

fn write(store: &mut Store, writes: &[Write]) {
    assert!(writes.is_sorted_by(|a, b| a.key < b.key), "each key once, in order");
    for Write { key, value } in writes {
        match value {
            Some(value) => store.insert(key.clone(), value.clone()),
            None => Some(store.remove(key).expect("only rows that exist are deleted")),
        };
    }
}

fn restore(store: &Store) -> Result<State, RestoreError> {
    State::restore(store.clone())
}

/// A network with something of every kind in its state.
fn busy() -> World {
    let mut world = World::new();
    let tied = world.submit(Assurance::A2);
    for (who, output) in [(Who::W1, OUTPUT), (Who::W2, b"lie")] {
        world.commit(tied, who, output);
    }
    world.reveal(tied, Who::W1, OUTPUT);
    let cancelled = world.submit(Assurance::A0);
    world.ok(Who::Alice, Action::Job(JobAction::Cancel { job: cancelled }));
    let settled = world.submit(Assurance::A4);
    let authority = world.leased(settled, Who::W3);
    let settle = world.proven(Who::W3, authority);
    world.ok(Who::W3, settle);
    world.ok(Who::W4, Action::Worker(WorkerAction::RequestUnstake { amount: Amount::ONE }));
    let offence = ciro_state::Offence { validator: Who::Validator.id(), height: world.height(), round: 1 };
    world.ok(
        Who::Bob,
        Action::Validator(ValidatorAction::ReportEquivocation { evidence: crate::support::toy_evidence(&offence) }),
    );
    world
}

#[test]
fn writes_keep_a_store_equal_to_the_state() {
    let mut world = World::empty();
    let mut store: Store = world.state.snapshot().into_iter().collect();
    for who in crate::support::WORKERS {
        let stake = Action::Worker(WorkerAction::Register { stake: crate::support::STAKE });
        let offer = Action::Worker(WorkerAction::PublishOffer { offer: world.offer(who, 1) });
        // Published and withdrawn in one block: a row that never was.
        let leave = Action::Worker(WorkerAction::RequestUnstake { amount: crate::support::STAKE });
        let txs = [(0, stake), (1, offer), (2, leave)].map(|(offset, action)| world.sign(who, offset, action));
        let effects = world.block(&txs).clone();
        assert!(effects.outcomes.iter().all(Result::is_ok));
        write(&mut store, &effects.writes);
        assert!(store.clone().into_iter().eq(world.state.snapshot()));
    }
    world.submit(Assurance::A4);
    write(&mut store, &world.last.clone().expect("a block").writes);
    for _ in 0..70 {
        let effects = world.block(&[]).clone();
        write(&mut store, &effects.writes);
    }
    assert!(store.into_iter().eq(world.state.snapshot()));
}

#[test]
fn a_restored_state_is_the_same_and_goes_on_the_same() {
    let mut world = busy();
    let mut restored = world.clone();
    restored.state = State::restore(world.state.snapshot()).expect("a whole snapshot");
    assert_eq!(restored.state.snapshot(), world.state.snapshot());
    // Through every window, deadline and retention that is pending.
    for _ in 0..130 {
        assert_eq!(world.block(&[]), restored.block(&[]));
    }
    assert_eq!(world.state.totals().escrow, Amount::ZERO);
}

#[test]
fn the_order_of_stored_rows_does_not_matter() {
    let world = busy();
    let mut rows = world.state.snapshot();
    rows.reverse();
    assert_eq!(State::restore(rows).map(|state| state.snapshot()), Ok(world.state.snapshot()));
}

#[test]
fn missing_torn_and_foreign_rows_are_refused() {
    let world = busy();
    let store: Store = world.state.snapshot().into_iter().collect();
    for (key, value) in &store {
        let mut without = store.clone();
        without.remove(key);
        // A model may be absent without contradiction: nothing else in the rows speaks of it. So may an offer, a token
        // or a past offence. That no row is lost is what the state root is for.
        let kind = Key::decode(key).expect("our own key");
        let is_counted = !matches!(kind, Key::Model(_) | Key::Offer(_) | Key::Token(_) | Key::Offence(_));
        let holds_money = !matches!(kind, Key::Job(_)) || is_open(value);
        assert!(restore(&without).is_err() || !is_counted || !holds_money || is_empty_account(kind, value), "{kind:?}");

        let mut torn = store.clone();
        torn.insert(key.clone(), value[..value.len() - 1].to_vec());
        assert!(matches!(restore(&torn), Err(RestoreError::Row { .. })), "{kind:?}");
    }
    let mut foreign = store;
    foreign.insert(vec![42], vec![]);
    assert!(matches!(restore(&foreign), Err(RestoreError::Key(_))));
}

fn is_open(job: &[u8]) -> bool {
    decode::<ciro_state::Job>(job, job.len()).expect("our own row").is_open()
}

fn is_empty_account(kind: Key, row: &[u8]) -> bool {
    matches!(kind, Key::Account(_))
        && decode::<ciro_state::Account>(row, row.len()).expect("our own row").balance == Amount::ZERO
}

#[test]
fn rows_that_make_money_are_refused() {
    let world = busy();
    let mut store: Store = world.state.snapshot().into_iter().collect();
    let (key, row) = store.iter().find(|(key, _)| key[0] == 2).map(|(k, v)| (k.clone(), v.clone())).expect("accounts");
    let mut account: ciro_state::Account = decode(&row, row.len()).expect("our own row");
    account.balance.0 += 1;
    store.insert(key, encode(&account));
    assert!(matches!(restore(&store), Err(RestoreError::Audit(_))));
    // Not even when the totals are made to agree: the supply is fixed.
    let tip_key = Key::Tip.encode();
    let mut tip: Tip = decode(&store[&tip_key], usize::MAX).expect("our own row");
    tip.totals.balances.0 += 1;
    store.insert(tip_key, encode(&tip));
    assert!(matches!(restore(&store), Err(RestoreError::Audit(_))));
}
