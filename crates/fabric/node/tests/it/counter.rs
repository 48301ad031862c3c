//! What clients are told that wait for a transaction.

use ciro_api::news::{BlockNews, TxNews, Verdict};
use ciro_api::{NodeError, Until};
use ciro_crypto::Keypair;
use ciro_node::counter::{Counter, Reply, Ticket};
use ciro_node::news;
use ciro_state::{Action, SignedTx, TokenAction, TxBody, TxError};
use ciro_types::{AccountId, Amount, BlockId, ChainId, Height, Nonce, TxId};
use ciro_validator::{Admission, SubmitError};
use std::collections::BTreeMap;

const CHAIN: ChainId = ChainId([1; 32]);

fn tx() -> SignedTx {
    let key = Keypair::from_seed([5; 32]);
    let action = Action::Token(TokenAction::Transfer { to: AccountId([2; 32]), amount: Amount(1) });
    SignedTx::sign(TxBody { chain: CHAIN, sender: key.account(), nonce: Nonce(3), action }, &key)
}

fn block(height: u64, txs: Vec<TxNews>) -> BlockNews {
    BlockNews { height: Height(height), id: BlockId([8; 32]), txs, nonces: BTreeMap::new(), events: Vec::new() }
}

fn told(replies: Vec<Reply>) -> Vec<(Ticket, Result<TxId, NodeError>)> {
    replies.into_iter().map(|Reply { ticket, result }| (ticket, result)).collect()
}

/// Where one client waits until `tx` waits and another until it is committed.
fn counter() -> Counter {
    let mut counter = Counter::default();
    for (ticket, until) in [(1, Until::Waiting), (2, Until::Committed)] {
        counter.expect(tx().id(), until, ticket);
    }
    counter
}

fn verdict(result: Result<(), SubmitError>) -> Verdict {
    news::verdict(&Admission { tx: Some(tx().id()), result }).expect("it is a transaction")
}

#[test]
fn each_client_is_told_what_it_waits_for_and_once() {
    let (mut counter, id) = (counter(), tx().id());
    assert_eq!(told(counter.on_verdict(&verdict(Ok(())))), [(1, Ok(id))]);
    let included = block(1, vec![TxNews { id, refusal: None }]);
    assert_eq!(told(counter.on_news(&included)), [(2, Ok(id))]);
    assert_eq!(told(counter.on_news(&included)), []);
}

#[test]
fn a_refusal_is_told_to_all_in_words_that_say_whether_to_try_again() {
    let used = SubmitError::NonceUsed { expected: Nonce(4), got: Nonce(3) };
    let cases = [
        (counter().on_verdict(&verdict(Err(SubmitError::PoolFull))), "unavailable"),
        (counter().on_verdict(&verdict(Err(used))), "nonce"),
        (counter().on_verdict(&verdict(Err(SubmitError::Invalid(TxError::ZeroAmount)))), "refused"),
        (counter().on_undelivered(tx().id()), "unavailable"),
    ];
    for (replies, expected) in cases {
        let kind = |result: &Result<TxId, NodeError>| match result {
            Ok(_) => "done",
            Err(NodeError::Refused { .. }) => "refused",
            Err(NodeError::Nonce { .. }) => "nonce",
            Err(NodeError::Invalid { .. }) => "invalid",
            Err(NodeError::Quota { .. }) => "quota",
            Err(NodeError::Pruned { .. }) => "pruned",
            Err(NodeError::Unavailable { .. }) => "unavailable",
        };
        let heard: Vec<_> = told(replies).iter().map(|(ticket, result)| (*ticket, kind(result))).collect();
        assert_eq!(heard, [(1, expected), (2, expected)]);
    }
}

#[test]
fn a_refusal_by_a_block_is_told_as_one() {
    let (mut counter, id) = (counter(), tx().id());
    counter.on_verdict(&verdict(Ok(())));
    let included = block(1, vec![TxNews { id, refusal: Some(TxError::ZeroAmount) }]);
    let replies = told(counter.on_news(&included));
    assert!(matches!(&replies[..], [(2, Err(NodeError::Refused { .. }))]), "{replies:?}");
}

#[test]
fn nobody_waits_for_ever() {
    let mut counter = counter();
    let last = (1..2_000).find_map(|height| {
        let replies = told(counter.on_news(&block(height, Vec::new())));
        (!replies.is_empty()).then_some(replies)
    });
    let told = last.expect("the wait has an end");
    assert!(told.iter().all(|(_, result)| matches!(result, Err(NodeError::Unavailable { .. }))), "{told:?}");
    assert_eq!(told.len(), 2);
}
