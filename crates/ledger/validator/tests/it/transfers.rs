//! The plain path: a transaction goes in anywhere and comes out everywhere, once, soon.

use crate::support::client::{Client, tx_at};
use crate::support::node::Node;
use crate::support::{CALM, Net, VALIDATORS, assert_whole, key};
use ciro_state::{Action, Event as Happened, SignedTx, TokenAction};
use ciro_types::{Amount, Nonce};
use ciro_validator::query::events_after;
use ciro_validator::{SubmitError, VerifiedTxs};
use std::sync::Arc;

fn balance(node: &Node, n: u8) -> Amount {
    node.state().account(&key(n).account()).balance
}

#[test]
fn a_transfer_submitted_anywhere_moves_money_everywhere_once() {
    for node in 0..4 {
        let mut net = Net::new(1, CALM);
        let tx = Client::new(11).transfer(key(12).account(), 7);
        net.submit(node, tx);
        assert!(net.run_to_height(1, 1_000));
        for node in &net.nodes {
            assert_eq!(balance(node, 12), Amount::ciro(10_007));
            let (payer, left) = (balance(node, 11), Amount::ciro(9_993));
            assert!(
                payer < left && payer.0 + Amount::ONE.0 / 100 > left.0,
                "{payer}: the transfer and its fee are gone"
            );
        }
        assert_whole(&net);
    }
}

#[test]
fn an_idle_network_commits_a_transaction_within_gossip_and_three_hops() {
    for node in 0..4 {
        let mut net = Net::new(1, CALM);
        // Between two idle blocks, which come every 1,030 ms.
        net.run_for(12_800);
        let (start, height) = (net.now_ms, net.nodes[0].height());
        net.submit(node, Client::new(11).transfer(key(12).account(), 1));
        assert!(net.run_to_height(height + 1, start + 1_000));
        assert!(net.now_ms - start <= 40, "10 ms links, {} ms", net.now_ms - start);
        assert_eq!(balance(&net.nodes[3], 12), Amount::ciro(10_001));
    }
}

#[test]
fn the_same_transaction_sent_to_everyone_again_and_again_counts_once() {
    let mut net = Net::new(1, CALM);
    let tx = Client::new(11).transfer(key(12).account(), 5);
    for at in [0, 3, 9, 20, 31, 60, 500] {
        for node in 0..4 {
            net.at(at, crate::support::Event::Submit { node, txs: vec![tx.clone()] });
        }
    }
    net.run_for(3_000);
    assert_eq!(balance(&net.nodes[2], 12), Amount::ciro(10_005));
    let refusals = net.nodes.iter().flat_map(|n| &n.admissions).filter_map(|a| a.result.as_ref().err());
    for refusal in refusals {
        assert_eq!(*refusal, SubmitError::NonceUsed { expected: Nonce(1), got: Nonce(0) });
    }
}

#[test]
fn transactions_sent_backwards_are_executed_forwards() {
    let mut net = Net::new(1, CALM);
    let mut client = Client::new(11);
    let txs: Vec<_> = (0..17).map(|_| client.transfer(key(12).account(), 1)).collect();
    for (n, tx) in txs.into_iter().rev().enumerate() {
        net.at(n as u64, crate::support::Event::Submit { node: n % 4, txs: vec![tx] });
    }
    net.run_for(2_000);
    assert_eq!(net.nodes[0].state().account(&client.account()).nonce, Nonce(17));
    assert_eq!(balance(&net.nodes[1], 12), Amount::ciro(10_017));
}

#[test]
fn what_cannot_be_accepted_is_refused_with_its_reason() {
    let mut net = Net::new(1, CALM);
    let send = |nonce| {
        tx_at(11, nonce, Action::Token(TokenAction::Transfer { to: key(12).account(), amount: Amount::ciro(1) }))
    };
    let mut forged: SignedTx = SignedTx::decode(&send(0), 1 << 20).expect("a transaction");
    forged.body.action = Action::Token(TokenAction::Transfer { to: key(13).account(), amount: Amount::ciro(9_000) });
    net.submit(0, b"garbage".to_vec());
    net.submit(0, ciro_types::encode(&forged));
    net.submit(0, send(1_000_000));
    net.submit(0, send(3));
    net.submit(
        0,
        tx_at(11, 3, Action::Token(TokenAction::Transfer { to: key(14).account(), amount: Amount::ciro(1) })),
    );
    net.run_for(100);
    let results: Vec<_> = net.nodes[0].admissions.iter().map(|a| &a.result).collect();
    assert!(matches!(results[0], Err(SubmitError::Malformed(_))));
    assert!(matches!(results[1], Err(SubmitError::Invalid(ciro_state::TxError::BadSignature { .. }))));
    assert!(matches!(results[2], Err(SubmitError::NonceAhead { .. })));
    assert_eq!(*results[3], Ok(()));
    assert!(matches!(results[4], Err(SubmitError::NonceTaken { nonce: Nonce(3), .. })));
    assert!(net.nodes.iter().all(|n| balance(n, 13) == Amount::ciro(10_000)), "a forged transfer moved money");
}

#[test]
fn a_consumer_that_remembers_its_position_misses_and_repeats_no_event() {
    let mut net = Net::new(1, CALM);
    let mut client = Client::new(11);
    for n in 0..30 {
        let tx = client.transfer(key(12).account(), 1);
        net.at(n * 25, crate::support::Event::Submit { node: (n % 4) as usize, txs: vec![tx] });
    }
    net.run_for(3_000);
    let (mut after, mut read) = (None, Vec::new());
    loop {
        let page = events_after(net.nodes[1].store(), after, 4).expect("readable");
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        read.extend(page);
    }
    let transfers = read.iter().filter(|e| matches!(e.event, Happened::Transfer { .. })).count();
    assert_eq!(transfers, 30);
    assert_eq!(read, net.nodes[1].events, "the store and the live feed agree");
    assert!(read.is_sorted_by_key(|e| e.position));
}

#[test]
fn validators_that_share_a_cache_agree_with_those_that_do_not() {
    let run = |shared: Option<Arc<VerifiedTxs>>| {
        let mut nodes: Vec<_> = VALIDATORS.map(Node::new).into();
        if let Some(cache) = shared {
            nodes.iter_mut().for_each(|n| n.verified = cache.clone());
        }
        let mut net = Net::with_nodes(5, CALM, nodes);
        let mut clients: Vec<_> = [11, 12, 13].map(Client::new).into();
        for n in 0..60 {
            let tx = clients[n as usize % 3].transfer(key(14).account(), 1);
            net.at(n * 7, crate::support::Event::Submit { node: (n % 4) as usize, txs: vec![tx] });
        }
        net.run_for(4_000);
        assert_whole(&net);
        net.nodes[0].store().root().expect("readable")
    };
    assert_eq!(run(None), run(Some(Arc::new(VerifiedTxs::default()))));
    assert_eq!(run(None), run(Some(Arc::new(VerifiedTxs::new(2, 1 << 20)))), "a cache that forgets changes nothing");
}
