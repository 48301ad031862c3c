//! Stores that were changed, cut or swept away while the network was down, and blocks that are no longer kept.

use crate::jobs::{Client, client_of, raw, start_with};
use ciro_api::{Asking as _, NodeError, ask};
use ciro_devnet::{Network, NetworkError, Options};
use ciro_node::{Layout, Notice, Notify};
use ciro_queue::{EmbeddedStore, Limits, WorkStore as _};
use ciro_state::Event;
use ciro_types::{Assurance, Height, JobId, Requirements};
use ciro_validator::Retention;
use redb::{Database, ReadableTable as _, TableDefinition};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const ROWS: TableDefinition<'_, &'static [u8], &'static [u8]> = TableDefinition::new("tree_rows");

/// Keeps every notice.
fn listen() -> (Notify, Arc<Mutex<Vec<Notice>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    (Arc::new(move |notice| ear.lock().expect("no panic").push(notice)), heard)
}

fn store(root: &Path, validator: usize) -> PathBuf {
    Layout::new(root).validator(validator).join("store.redb")
}

/// Changes the newest row of an account, a balance for instance, as a tired disk or a curious owner would.
fn change_a_balance(path: &Path) {
    let database = Database::open(path).expect("a closed store");
    let txn = database.begin_write().expect("writable");
    {
        let mut rows = txn.open_table(ROWS).expect("the state's rows");
        let all = rows.iter().expect("readable").map(|row| row.expect("readable"));
        let all = all.map(|(key, row)| (key.value().to_vec(), row.value().to_vec()));
        // Behind the length of the key, the tag of accounts.
        let newest = all.filter(|(_, row)| row[4] == 2).max_by_key(|(key, _)| key[32..].to_vec());
        let (key, mut row) = newest.expect("the network has accounts");
        row[4 + 33 + 5] ^= 1;
        rows.insert(key.as_slice(), row.as_slice()).expect("writable");
    }
    txn.commit().expect("writable");
}

/// Founds a network that has settled a job, and stops it.
fn settled(root: &Path) -> JobId {
    let (notify, _) = listen();
    let (_network, client) = start_with(root, Options::default(), &notify);
    let job = settle(&client, 0);
    client.receipt(job);
    job
}

fn settle(client: &Client, nonce: u64) -> JobId {
    let model = client.register();
    let input = client.put_input(&raw([5.0, 2.0]));
    client.order(model, input, Assurance::A4, nonce)
}

fn repaired(heard: &Mutex<Vec<Notice>>) -> Vec<(usize, String)> {
    let heard = heard.lock().expect("no panic");
    let repairs = heard.iter().filter_map(|notice| match notice {
        Notice::Repaired { validator, reason } => Some((*validator, reason.clone())),
        _ => None,
    });
    repairs.collect()
}

#[test]
fn a_damaged_store_is_named_and_made_anew_from_a_peer_before_anything_is_served() {
    type Damage = fn(&Path);
    let damages: [Damage; 3] = [
        change_a_balance,
        |path| std::fs::write(path, b"not a database at all").expect("writable"),
        |path| {
            let file = std::fs::File::options().write(true).open(path).expect("its file");
            let length = file.metadata().expect("its length").len();
            file.set_len(length / 2).expect("cut");
        },
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let job = settled(directory.path());
    for (number, damage) in damages.into_iter().enumerate() {
        damage(&store(directory.path(), number));
        let (notify, heard) = listen();
        let (_network, client) = start_with(directory.path(), Options::default(), &notify);
        let repairs = repaired(&heard);
        assert_eq!(repairs.iter().map(|(validator, _)| *validator).collect::<Vec<_>>(), [number], "{repairs:?}");
        assert!(number > 0 || repairs[0].1.contains("tree_rows") && repairs[0].1.contains("Account"), "{repairs:?}");
        assert!(Layout::new(directory.path()).validator(number).join("store.damaged").exists());
        assert_eq!(client.receipt(job).settlement.expect("settled").record.job, job);
        let next = settle(&client, number as u64 + 1);
        client.receipt(next);
    }
}

#[test]
fn without_an_intact_store_the_network_does_not_start_and_says_which_row() {
    let directory = tempfile::tempdir().expect("a directory");
    settled(directory.path());
    (0..4).for_each(|number| change_a_balance(&store(directory.path(), number)));
    let (notify, _) = listen();
    match Network::start(directory.path(), Options::default(), &notify) {
        Err(NetworkError::Validator { number: 0, source }) => assert!(source.is_damage(), "{source:?}"),
        Err(error) => panic!("another error: {error:?}"),
        Ok(_) => panic!("it serves what was not written"),
    }
}

#[test]
fn a_work_store_of_a_ledger_that_is_gone_is_made_anew_and_repeats_no_token() {
    let directory = tempfile::tempdir().expect("a directory");
    settled(directory.path());
    let layout = Layout::new(directory.path());
    let last_token = || {
        let work = EmbeddedStore::open(&layout.work(), Limits::default()).expect("a closed store");
        work.last_token().expect("readable")
    };
    for _ in 0..2 {
        let before = last_token();
        for number in 0..4 {
            std::fs::remove_dir_all(layout.validator(number)).expect("there");
        }
        let (notify, heard) = listen();
        let (network, client) = start_with(directory.path(), Options::default(), &notify);
        assert!(reasons_to_rebuild(&heard)[0].contains("not this ledger's"));
        client.receipt(settle(&client, 7));
        let leases = client.events(10_000).into_iter().filter_map(|event| match event.event {
            Event::LeaseObserved { token, .. } => Some(token),
            _ => None,
        });
        assert!(leases.min().expect("a lease was used") > before);
        drop(network);
    }
}

/// Flips bits of the pages behind the header, where something is written.
fn flip(path: &Path, bits: usize, mut seed: u64) {
    const HEADER: usize = 4_096;
    let mut bytes = std::fs::read(path).expect("a closed store");
    let written: Vec<usize> = (HEADER..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    for _ in 0..bits {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes[written[(seed >> 32) as usize % written.len()]] ^= 1 << (seed >> 29 & 7);
    }
    std::fs::write(path, bytes).expect("writable");
}

fn reasons_to_rebuild(heard: &Mutex<Vec<Notice>>) -> Vec<String> {
    let heard = heard.lock().expect("no panic");
    let rebuilt = heard.iter().filter_map(|notice| match notice {
        Notice::WorkRebuilt { reason } => Some(reason.clone()),
        _ => None,
    });
    rebuilt.collect()
}

/// Founds a network with orders that nobody can serve, and stops it.
fn waiting(root: &Path) {
    let (notify, _) = listen();
    let (_network, client) = start_with(root, Options::default(), &notify);
    let model = client.register();
    let input = client.put_input(&raw([5.0, 2.0]));
    let nobody = Requirements { min_reputation: 999, ..Requirements::default() };
    for nonce in 0..6 {
        client.order_from(&nobody, model, input, Assurance::A2, nonce);
    }
}

#[test]
fn a_work_store_with_flipped_bits_is_made_anew_at_the_first_start() {
    let directory = tempfile::tempdir().expect("a directory");
    waiting(directory.path());
    let work = Layout::new(directory.path()).work();
    let mut rebuilt = 0;
    for seed in 0..24 {
        flip(&work, [1, 20, 100][seed as usize % 3], seed);
        let (notify, heard) = listen();
        let (network, client) = start_with(directory.path(), Options::default(), &notify);
        rebuilt += reasons_to_rebuild(&heard).len();
        client.receipt(settle(&client, 100 + seed));
        assert_eq!(*network.failure().borrow(), None, "seed {seed}");
    }
    // The other flips hit pages that nothing refers to.
    assert!((8..=24).contains(&rebuilt), "{rebuilt}");
}

#[test]
fn a_work_store_over_which_the_scheduler_failed_is_made_anew_once() {
    let directory = tempfile::tempdir().expect("a directory");
    waiting(directory.path());
    std::fs::write(Layout::new(directory.path()).suspect_work(), "a seat that is none").expect("writable");
    for rebuilt in [1, 0] {
        let (notify, heard) = listen();
        drop(start_with(directory.path(), Options::default(), &notify));
        let reasons = reasons_to_rebuild(&heard);
        assert!(reasons.len() == rebuilt && reasons.iter().all(|reason| reason.contains("a seat")), "{reasons:?}");
    }
}

#[test]
fn stores_that_are_gone_without_what_was_signed_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    settled(directory.path());
    (0..4).for_each(|number| std::fs::remove_file(store(directory.path(), number)).expect("there"));
    let (notify, _) = listen();
    match Network::start(directory.path(), Options::default(), &notify) {
        Err(NetworkError::StoresLost { height: Height(0), silent: 4, validators: 4 }) => {}
        Err(error) => panic!("another error: {error:?}"),
        Ok(_) => panic!("it starts, and never decides"),
    }
}

#[test]
fn three_stores_that_are_gone_come_back_from_the_fourth_or_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    settled(directory.path());
    (1..4).for_each(|number| std::fs::remove_file(store(directory.path(), number)).expect("there"));
    let (notify, _) = listen();
    match Network::start(directory.path(), Options::default(), &notify) {
        // Three have signed for the height after the last of the fourth's blocks.
        Err(NetworkError::StoresLost { silent: 3, validators: 4, .. }) => {}
        Err(error) => panic!("another error: {error:?}"),
        Ok(network) => {
            let client = client_of(directory.path(), &network);
            client.receipt(settle(&client, 7));
        }
    }
}

#[test]
fn a_receipt_is_there_inside_the_window_and_refused_by_name_after_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (notify, _) = listen();
    let options = Options { retention: Retention::Blocks(12) };
    let (_network, client) = start_with(directory.path(), options, &notify);
    let job = settle(&client, 0);
    let settled = client.receipt(job).settlement.expect("settled").record.height;
    let nonce = std::cell::Cell::new(0);
    let refusal = client.wait("the end of the window", || {
        nonce.set(nonce.get() + 1);
        settle(&client, nonce.get());
        client.node.ask(ask::Receipt { job }).err()
    });
    assert!(matches!(&refusal, NodeError::Pruned { reason } if reason.contains("oldest")), "{refusal:?}");
    assert!(matches!(client.node.ask(ask::Block { height: settled }), Err(NodeError::Pruned { .. })));
    let newest = client.network().height;
    assert!(
        client.node.ask(ask::Block { height: newest }).expect("answers").is_some() && newest > Height(settled.0 + 11)
    );
    let next = settle(&client, nonce.get() + 1);
    client.receipt(next);
}
