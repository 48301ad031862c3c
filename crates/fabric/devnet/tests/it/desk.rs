//! A desk without matcher and workers: what it tells the clients that wait.

use ciro_api::{NodeError, Until};
use ciro_consensus::BlockHeader;
use ciro_crypto::Keypair;
use ciro_devnet::Desk;
use ciro_devnet::desk::{Effect, Input};
use ciro_engine::{Admission, Committed, SubmitError};
use ciro_state::{Action, Outcome, SignedTx, TokenAction, TxBody, TxError};
use ciro_store::TxRecord;
use ciro_types::{AccountId, Amount, BlockId, ChainId, Hash32, Height, Nonce, StateRoot, TxId};
use std::collections::BTreeMap;

const CHAIN: ChainId = ChainId([1; 32]);

fn tx() -> SignedTx {
    let key = Keypair::from_seed([5; 32]);
    let action = Action::Token(TokenAction::Transfer { to: AccountId([2; 32]), amount: Amount(1) });
    SignedTx::sign(TxBody { chain: CHAIN, sender: key.account(), nonce: Nonce(3), action }, &key)
}

fn block(height: u64, txs: Vec<TxRecord>) -> Committed {
    let header = BlockHeader {
        chain: CHAIN,
        height: Height(height),
        proposer: AccountId([3; 32]),
        parent: BlockId::ZERO,
        validators: Hash32([0; 32]),
        next_validators: Hash32([0; 32]),
        txs_root: Hash32([0; 32]),
        state_root: StateRoot::ZERO,
        receipts_root: Hash32([0; 32]),
    };
    Committed { id: header.id(), header, txs, nonces: BTreeMap::new(), events: Vec::new(), records: Vec::new() }
}

fn step(desk: &mut Desk, input: Input<'_>) -> Vec<(u64, Result<TxId, NodeError>)> {
    let effects = desk.step(input).expect("there is no log");
    let reply = |effect| match effect {
        Effect::Reply { ticket, result } => Some((ticket, result)),
        Effect::Submit(_) | Effect::Compute { .. } | Effect::Grant(_) => None,
    };
    effects.into_iter().filter_map(reply).collect()
}

/// A desk at which one client waits until `tx` waits and another until it is committed.
fn desk() -> Desk {
    let mut desk = Desk::default();
    for (ticket, until) in [(1, Until::Waiting), (2, Until::Committed)] {
        let effects = desk.step(Input::Client { tx: Box::new(tx()), until, ticket }).expect("there is no log");
        assert!(matches!(&effects[..], [Effect::Submit(txs)] if *txs == [tx()]));
    }
    desk
}

fn admission(result: Result<(), SubmitError>) -> Input<'static> {
    Input::Admission(Admission { tx: Some(tx().id()), result })
}

#[test]
fn each_client_is_told_what_it_waits_for_and_once() {
    let (mut desk, id) = (desk(), tx().id());
    assert_eq!(step(&mut desk, admission(Ok(()))), [(1, Ok(id))]);
    let included = block(1, vec![TxRecord { id, result: Ok(Outcome::Transferred) }]);
    assert_eq!(step(&mut desk, Input::Committed(&included)), [(2, Ok(id))]);
    assert_eq!(step(&mut desk, Input::Committed(&included)), []);
}

#[test]
fn a_refusal_is_told_to_all_in_words_that_say_whether_to_try_again() {
    let used = SubmitError::NonceUsed { expected: Nonce(4), got: Nonce(3) };
    let cases = [
        (admission(Err(SubmitError::PoolFull)), "unavailable"),
        (admission(Err(used)), "nonce"),
        (admission(Err(SubmitError::Invalid(TxError::ZeroAmount))), "refused"),
        (Input::Undelivered(vec![tx().id()]), "unavailable"),
    ];
    for (input, expected) in cases {
        let replies = step(&mut desk(), input);
        let kind = |result: &Result<TxId, NodeError>| match result {
            Ok(_) => "done",
            Err(NodeError::Refused { .. }) => "refused",
            Err(NodeError::Nonce { .. }) => "nonce",
            Err(NodeError::Invalid { .. }) => "invalid",
            Err(NodeError::Quota { .. }) => "quota",
            Err(NodeError::Pruned { .. }) => "pruned",
            Err(NodeError::Unavailable { .. }) => "unavailable",
        };
        let told: Vec<_> = replies.iter().map(|(ticket, result)| (*ticket, kind(result))).collect();
        assert_eq!(told, [(1, expected), (2, expected)]);
    }
}

#[test]
fn a_refusal_by_a_block_is_told_as_one() {
    let (mut desk, id) = (desk(), tx().id());
    step(&mut desk, admission(Ok(())));
    let included = block(1, vec![TxRecord { id, result: Err(TxError::ZeroAmount) }]);
    let replies = step(&mut desk, Input::Committed(&included));
    assert!(matches!(&replies[..], [(2, Err(NodeError::Refused { .. }))]), "{replies:?}");
}

#[test]
fn nobody_waits_for_ever() {
    let mut desk = desk();
    let told = (1..2_000).find_map(|height| {
        let replies = step(&mut desk, Input::Committed(&block(height, Vec::new())));
        (!replies.is_empty()).then_some(replies)
    });
    let told = told.expect("the wait has an end");
    assert!(told.iter().all(|(_, result)| matches!(result, Err(NodeError::Unavailable { .. }))), "{told:?}");
    assert_eq!(told.len(), 2);
}
