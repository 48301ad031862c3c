//! Crashes, storms and traitors: the chain stays one, the money whole, and work gets done once the faults stop.

use crate::support::client::{Client, tx_at};
use crate::support::node::Node;
use crate::support::{CALM, CLIENTS, Event, Net, STORM, VALIDATORS, assert_whole, genesis, key};
use ciro_consensus::{Message, Signed, Vote, VoteKind};
use ciro_state::{Action, Event as Happened, SlashReason, WorkerAction};
use ciro_types::{Amount, BlockId, Height, Nonce};
use ciro_validator::wire::Wire;

const SEEDS: std::ops::Range<u64> = 0..8;

/// Schedules transfers from every client through some of `nodes`, often through two of them, and returns them all.
fn traffic(net: &mut Net, nodes: &[usize], until_ms: u64) -> Vec<Vec<u8>> {
    let mut clients: Vec<_> = CLIENTS.map(Client::new).into();
    let (mut at_ms, mut sent) = (10, Vec::new());
    while at_ms < until_ms {
        let who = net.rng.below(4) as usize;
        let to = key(CLIENTS[net.rng.below(4) as usize]).account();
        let tx = clients[who].transfer(to, 1 + net.rng.below(5));
        for _ in 0..=net.rng.below(2) {
            let node = nodes[net.rng.below(nodes.len() as u64) as usize];
            let later = at_ms + net.rng.below(200);
            net.at(later, Event::Submit { node, txs: vec![tx.clone()] });
        }
        sent.push(tx);
        at_ms += 20 + net.rng.below(60);
    }
    sent
}

fn total_nonces(node: &Node) -> u64 {
    CLIENTS.iter().map(|&n| node.state().account(&key(n).account()).nonce.0).sum()
}

#[test]
fn storms_and_crashes_leave_one_chain_whole_money_and_every_transaction_executed_once() {
    for seed in SEEDS {
        let mut net = Net::new(seed, STORM);
        let sent = traffic(&mut net, &[0, 1, 2, 3], 4_000);
        for n in 0..6 {
            let at_ms = n * 700 + net.rng.below(600);
            let node = net.rng.below(4) as usize;
            let down = 1 + net.rng.below(800);
            net.crash(node, at_ms, at_ms + down);
        }
        net.run_for(6_000);
        // A pool does not survive a crash. Clients try again, here all of them with everything.
        net.at(6_000, Event::Submit { node: (seed % 4) as usize, txs: sent.clone() });
        let all = sent.len() as u64;
        let done = |net: &Net| net.living().count() == 4 && net.living().all(|n| total_nonces(n) == all);
        assert!(net.run_until(20_000, done), "seed {seed}: {:?}", net.living().map(total_nonces).collect::<Vec<_>>());
        assert_whole(&net);
    }
}

#[test]
fn nothing_committed_is_lost_when_everybody_loses_power_at_once() {
    for seed in SEEDS {
        let mut net = Net::new(seed, CALM);
        traffic(&mut net, &[0, 1, 2, 3], 1_500);
        net.run_for(300 + seed % 16 * 97);
        let before: Vec<_> = net.nodes.iter().map(|n| (n.height(), total_nonces(n))).collect();
        let mut rng = crate::support::Rng(seed);
        net.nodes.iter_mut().for_each(|node| node.crash(&mut rng));
        for (n, before) in before.iter().enumerate() {
            net.boot(n);
            let after = (net.nodes[n].height(), total_nonces(&net.nodes[n]));
            assert!(after >= *before, "seed {seed}: node {n} was at {before:?}, is at {after:?}");
        }
        let height = before.iter().map(|b| b.0).max().unwrap_or(0);
        assert!(net.run_to_height(height + 3, 30_000), "seed {seed}: stuck");
        assert_whole(&net);
    }
}

#[test]
fn one_dead_of_four_delays_nobody_for_ever() {
    for dead in 0..4 {
        let mut net = Net::new(7, CALM);
        net.nodes[dead].validator = None;
        let alive = (0..4).find(|&n| n != dead).expect("three live");
        let mut client = Client::new(11);
        for n in 0..10 {
            let tx = client.transfer(key(12).account(), 1);
            net.at(n * 40, Event::Submit { node: alive, txs: vec![tx] });
        }
        let done = |net: &Net| net.living().all(|n| n.state().account(&key(11).account()).nonce == Nonce(10));
        assert!(net.run_until(20_000, done), "validator {dead} is dead");
        assert_whole(&net);
    }
}

#[test]
fn a_validator_that_was_away_catches_up_from_the_others() {
    let mut net = Net::new(3, CALM);
    net.crash(2, 5, 8_000);
    traffic(&mut net, &[0, 1, 3], 7_000);
    net.run_for(7_999);
    let ahead = net.nodes[0].height();
    assert!(ahead > 30);
    assert!(net.run_until(10_000, |net| net.nodes[2].validator.is_some() && net.nodes[2].height() >= ahead));
    assert_whole(&net);
}

/// The vote of a traitor, once for nothing and once for some block.
pub(crate) fn contradiction(traitor: u8, height: u64) -> [Vec<u8>; 2] {
    [None, Some(BlockId([7; 32]))].map(|block| {
        let validator = key(traitor).account();
        let body = Vote { kind: VoteKind::Prevote, height: Height(height), round: 0, block, validator };
        Wire::Consensus(Message::Vote(Signed::sign(body, genesis().chain_id(), &key(traitor)))).to_bytes()
    })
}

/// Defect 5 of an earlier implementation: only an administrator could slash, and slashed tokens did not move.
#[test]
fn an_equivocator_is_reported_and_loses_stake_once_per_offence() {
    let mut net = Net::new(3, CALM);
    net.run_for(200);
    let traitor = VALIDATORS[3];
    let account = key(traitor).account();
    let position = net.nodes.iter().position(|n| n.account == account).expect("a validator");
    net.nodes[position].validator = None;
    let height = net.living().map(Node::height).max().unwrap_or(0) + 1;
    for bytes in contradiction(traitor, height) {
        for n in (0..4).filter(|&n| n != position) {
            net.post_one(account, n, &bytes);
        }
    }
    net.run_for(10_000);
    for node in net.living() {
        let slashes: Vec<_> = node
            .events
            .iter()
            .filter_map(|e| match &e.event {
                Happened::Slashed { account, reason, amount, .. } => Some((*account, *reason, *amount)),
                _ => None,
            })
            .collect();
        assert_eq!(slashes, [(account, SlashReason::Equivocation, Amount::ciro(300))]);
        assert_eq!(node.state().validator(&account).map(|v| v.stake), Some(Amount::ciro(700)));
    }
    assert_whole(&net);
}

#[test]
fn foreign_bytes_of_any_kind_neither_stop_nor_slow_a_validator() {
    let mut net = Net::new(3, CALM);
    let stranger = key(99).account();
    let genuine = Wire::Txs(vec![Client::new(11).transfer(key(12).account(), 1)]).to_bytes();
    for n in 0..2_000u64 {
        let mut bytes = genuine.clone();
        let cut = net.rng.below(bytes.len() as u64) as usize;
        bytes[cut] ^= net.rng.next() as u8;
        if n % 3 == 0 {
            bytes.truncate(cut);
        }
        net.at(n, Event::Deliver { to: (n % 4) as usize, from: stranger, bytes });
    }
    net.run_for(3_000);
    assert!(net.nodes.iter().all(|n| n.anomalies.is_empty()));
    let height = net.nodes[0].height();
    assert!(net.run_to_height(height + 1, 5_000));
    assert_whole(&net);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = |seed| {
        let mut net = Net::new(seed, STORM);
        traffic(&mut net, &[0, 1, 2, 3], 3_000);
        net.crash(1, 900, 1_700);
        net.run_for(4_000);
        (net.trace_hash(), net.nodes[0].store().root().expect("readable"))
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

/// A full pool once silenced a report for good: it was counted as sent before it had a place.
#[test]
fn a_full_pool_silences_no_evidence() {
    let mut nodes: Vec<_> = VALIDATORS.map(Node::new).into();
    nodes.iter_mut().for_each(|node| node.limits.pool_txs = 8);
    let mut net = Net::with_nodes(3, CALM, nodes);
    net.run_for(200);
    let traitor = VALIDATORS[3];
    let account = key(traitor).account();
    let position = net.nodes.iter().position(|n| n.account == account).expect("a validator");
    net.nodes[position].validator = None;
    for node in (0..4).filter(|&n| n != position) {
        let gaps = (1..=8).map(|nonce| tx_at(11, nonce, Action::Worker(WorkerAction::WithdrawStake))).collect();
        net.at(net.now_ms, Event::Submit { node, txs: gaps });
    }
    net.run_for(400);
    let height = net.living().map(Node::height).max().unwrap_or(0) + 1;
    for bytes in contradiction(traitor, height) {
        for n in (0..4).filter(|&n| n != position) {
            net.post_one(account, n, &bytes);
        }
    }
    net.run_for(10_000);
    for node in net.living() {
        let slashes = node.events.iter().filter(|e| matches!(e.event, Happened::Slashed { .. })).count();
        assert_eq!(slashes, 1, "height {}", node.height());
    }
    assert_whole(&net);
}
