//! Disks that are full, changed or lost.

use crate::support::client::Client;
use crate::support::node::Node;
use crate::support::{CALM, CLIENTS, Event, Net, VALIDATORS, assert_whole, genesis, key};
use ciro_types::Height;
use ciro_validator::{Health, Retention, Store, SubmitError, ValidatorError, repair};
use redb::{Database, ReadableTable as _, TableDefinition};
use std::sync::Arc;

fn is_read_only(node: &Node) -> bool {
    matches!(node.health, Health::ReadOnly { .. })
}

/// A transfer by one of the clients every so many milliseconds, through some of the nodes in turn.
fn traffic(net: &mut Net, nodes: &[usize], until_ms: u64) {
    let mut clients: Vec<_> = CLIENTS.map(Client::new).into();
    for (turn, at_ms) in (net.now_ms + 10..until_ms).step_by(70).enumerate() {
        let tx = clients[turn % CLIENTS.len()].transfer(key(CLIENTS[(turn + 1) % CLIENTS.len()]).account(), 1);
        net.at(at_ms, Event::Submit { node: nodes[turn % nodes.len()], txs: vec![tx] });
    }
}

/// Every event was announced once, in order, and by everybody alike.
fn assert_announced_once(net: &Net) {
    let longest = net.nodes.iter().map(|node| &node.events).max_by_key(|events| events.len()).expect("four nodes");
    assert!(longest.windows(2).all(|pair| pair[0].position < pair[1].position));
    for node in &net.nodes {
        assert_eq!(node.events, longest[..node.events.len()]);
    }
}

#[test]
fn a_validator_with_a_full_disk_is_read_only_and_goes_on_once_there_is_room() {
    let mut net = Net::new(3, CALM);
    traffic(&mut net, &[0, 1, 3], 9_000);
    net.run_for(1_000);
    net.nodes[2].set_full(true);
    net.run_for(1_500);
    assert!(is_read_only(&net.nodes[2]), "nothing said that the disk is full");
    let stuck = net.nodes[2].height();
    let tx = Client::new(11).transfer(key(12).account(), 1);
    net.submit(2, tx);
    net.run_for(5_000);
    let answers: Vec<_> = net.nodes[2].admissions.iter().map(|admission| &admission.result).collect();
    assert!(matches!(answers[..], [Err(SubmitError::ReadOnly { .. })]), "{answers:?}");
    let (others, its) = (net.nodes[0].height(), net.nodes[2].height());
    assert!(others > stuck + 3 && its == stuck, "the others go on from {stuck} to {others}, it is at {its}");
    net.nodes[2].set_full(false);
    let ahead = net.nodes[0].height();
    assert!(net.run_until(20_000, |net| net.nodes[2].height() > ahead && !is_read_only(&net.nodes[2])));
    assert!(net.run_until(40_000, |net| net.nodes.iter().all(|node| node.events.len() == net.nodes[0].events.len())));
    assert_announced_once(&net);
    assert_whole(&net);
}

#[test]
fn disks_that_fill_at_any_moment_on_all_machines_lose_no_block() {
    for seed in 0..12 {
        let mut net = Net::new(seed, CALM);
        traffic(&mut net, &[0, 1, 2, 3], 6_000);
        for _ in 0..4 {
            let pause_ms = 200 + net.rng.below(900);
            net.run_for(net.now_ms + pause_ms);
            let (first, all) = (net.rng.below(4) as usize, net.rng.below(2) == 0);
            (0..4).filter(|n| all || *n == first).for_each(|n| net.nodes[n].set_full(true));
            let pause_ms = 200 + net.rng.below(2_000);
            net.run_for(net.now_ms + pause_ms);
            net.nodes.iter().for_each(|node| node.set_full(false));
        }
        let height = net.nodes.iter().map(Node::height).max().unwrap_or_default();
        let limit_ms = net.now_ms + 60_000;
        assert!(net.run_to_height(height + 5, limit_ms), "seed {seed}: stuck at {height}");
        assert!(net.nodes.iter().all(|node| !is_read_only(node)), "seed {seed}");
        assert_announced_once(&net);
        assert_whole(&net);
    }
}

/// Nodes of which all but one keep a few blocks.
fn forgetful(seed: u64) -> Net {
    let mut nodes: Vec<Node> = VALIDATORS.map(Node::new).into();
    nodes[..3].iter_mut().for_each(|node| node.retention = Retention::Blocks(5));
    Net::with_nodes(seed, CALM, nodes)
}

#[test]
fn a_validator_that_nobody_can_catch_up_says_so_and_goes_on_from_a_peers_state() {
    let mut net = forgetful(9);
    traffic(&mut net, &[0, 1, 2], 9_000);
    net.crash(3, 1_000, 8_000);
    assert!(net.run_until(20_000, |net| net.nodes[3].stranded.is_some()), "it waits in silence");
    let Some(ValidatorError::Stranded { height, oldest }) = net.nodes[3].stranded else { panic!("stranded") };
    assert!(height < oldest, "{height} and {oldest}");
    assert!(net.nodes[3].anomalies.iter().any(|text| text.contains("keeps blocks from")));

    net.nodes[3].lose_database();
    let store = net.nodes[3].fresh_store();
    let at = repair(&store, net.nodes[0].store(), &genesis()).expect("a peer that is intact");
    assert_eq!(at, Height(net.nodes[0].height() - 1), "as of the last certified state");
    drop(store);
    net.boot(3);
    let ahead = net.nodes[0].height() + 5;
    let limit_ms = net.now_ms + 20_000;
    assert!(net.run_to_height(ahead, limit_ms), "it does not go on");
    assert_whole(&net);
}

/// The archive is away when it asks, and two of four tell it that the block is gone.
#[test]
fn an_archive_serves_whoever_is_behind_what_the_others_forgot() {
    for away in 0..3 {
        let mut net = forgetful(9);
        let others: Vec<_> = (0..4).filter(|n| *n != away).collect();
        traffic(&mut net, &others, 9_000);
        net.crash(away, 1_000, 8_000);
        net.run_for(7_900);
        let ahead = net.nodes[3].height();
        net.crash(3, 7_950, 9_500);
        let is_there = |net: &Net| net.nodes[away].validator.is_some() && net.nodes[away].height() >= ahead;
        assert!(net.run_until(20_000, is_there), "validator {away} stays behind");
        assert!(net.nodes[away].stranded.is_none());
        assert_whole(&net);
    }
}

#[test]
fn a_ledger_does_not_open_on_rows_that_are_not_those_of_its_root() {
    let mut net = Net::new(3, CALM);
    traffic(&mut net, &[0], 2_000);
    net.run_for(2_500);
    let rows: TableDefinition<'_, &'static [u8], &'static [u8]> = TableDefinition::new("tree_rows");
    let copy = net.nodes[0].database_copy();
    let database = Database::builder().create_with_backend(copy.clone()).expect("recoverable");
    let txn = database.begin_write().expect("writable");
    {
        let mut table = txn.open_table(rows).expect("a table of bytes");
        // A balance: of the accounts, which are tagged so, the newest version of the first.
        let is_account = |row: &[u8]| row.get(4) == Some(&2);
        let all = table.iter().expect("readable").map(|row| row.expect("readable"));
        let found =
            all.map(|(key, row)| (key.value().to_vec(), row.value().to_vec())).filter(|(_, row)| is_account(row));
        let mut accounts: Vec<_> = found.collect();
        accounts.sort_by_key(|(key, _)| std::cmp::Reverse(key[32..].to_vec()));
        let (key, mut row) = accounts.swap_remove(0);
        row[4 + 33 + 5] ^= 1;
        table.insert(key.as_slice(), row.as_slice()).expect("writable");
    }
    txn.commit().expect("writable");
    drop(database);
    let store = Arc::new(Store::open_on(copy).expect("the database itself is intact"));
    let proofs = Arc::new(crate::support::node::CountingProofs::default());
    let opened = ciro_validator::ledger::Ledger::open(&genesis(), store, proofs, Arc::default());
    let error = opened.err().expect("a changed balance is not served");
    assert!(error.is_damage(), "{error:?}");
    let source = std::error::Error::source(&error).expect("the store's words").to_string();
    assert!(source.contains("tree_rows") && source.contains("Account("), "{source}");
}
