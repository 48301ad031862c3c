//! What is kept for how long, and what it costs.

use crate::support::{Chain, REIGN, anybody, job_id, records, stored, successors, tx_id};
use ciro_consensus::{CertifiedHeader, DecidedBlock, SetChange};
use ciro_state::{EventPosition, Key, Model, SettlementRecord, Write, merkle_root};
use ciro_store::{Retention, Store, StoreError};
use ciro_types::{AccountId, Amount, Hash32, Height, ModelId, ModelRoots, encode};

const WINDOW: u64 = 50;
/// About the length of a small model's proof, bytes.
const PROOF_BYTES: usize = 55_000;

fn chain(directory: &tempfile::TempDir, retention: Retention) -> Chain {
    let store = Store::open(&directory.path().join("store.redb")).expect("a new file").retaining(retention);
    Chain::new(store)
}

#[test]
fn whole_blocks_are_kept_for_the_window_and_settlements_stay_provable_for_good() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut chain = chain(&directory, Retention::Blocks(WINDOW));
    chain.run(200);
    let store = &chain.store;
    store.check_all().expect("intact");
    let oldest = Height(201 - WINDOW);
    assert_eq!(store.oldest().expect("readable"), oldest);
    for height in 1..oldest.0 {
        let (at, got) = (Height(height), |error| matches!(error, StoreError::Pruned { oldest: o, .. } if o == oldest));
        assert!(store.decided(at).is_err_and(got) && store.journal(at).is_err_and(got));
        assert_eq!(store.tx_height(&tx_id(height)).expect("readable"), None);
        assert_eq!(store.records(at).expect("readable"), records(height));
        let digests: Vec<_> = records(height).iter().map(SettlementRecord::digest).collect();
        if !digests.is_empty() {
            assert_eq!(store.settled_height(&job_id(height)).expect("readable"), Some(at));
            let certified = store.certified_header(at.next()).expect("readable").expect("kept");
            assert_eq!(certified.header.receipts_root, merkle_root(&digests));
        }
    }
    for height in oldest.0..=200 {
        assert_eq!(
            store.decided(Height(height)).expect("readable").as_ref(),
            Some(&chain.decided[height as usize - 1])
        );
        assert_eq!(store.tx_height(&tx_id(height)).expect("readable"), Some(Height(height)));
    }
    let first = store.events(EventPosition { height: Height(0), index: 0 }, 1).expect("from the oldest that is kept");
    assert!(first[0].position.height >= oldest);
    assert!(matches!(store.events(EventPosition { height: Height(1), index: 0 }, 1), Err(StoreError::Pruned { .. })));
    assert_eq!(stored(store), chain.rows);
}

/// A block that removes or restores one model's row, besides what every block does.
fn grow_with(chain: &mut Chain, row: Option<Vec<u8>>) {
    let (decided, mut effects) = chain.next();
    effects.writes.push(Write { key: Key::Model(MODEL).encode(), value: row });
    effects.writes.sort_by(|a, b| a.key.cmp(&b.key));
    chain.commit(&decided, &effects).expect("in order");
    chain.decided.push(decided);
}

const MODEL: ModelId = ModelId([5; 32]);

#[test]
fn a_removed_model_is_kept_as_long_as_the_block_that_removed_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut chain = chain(&directory, Retention::Blocks(WINDOW));
    let model = |byte: u8| Model {
        program: vec![byte; 100],
        roots: ModelRoots { key: Hash32([byte; 32]), weights: Hash32([byte; 32]) },
        owner: AccountId([1; 32]),
        registered: Height(1),
        deposit: Amount(1),
        units: 1,
        weight_bytes: 1,
        is_retired: true,
    };
    let kept = |chain: &Chain| chain.store.removed_model(&MODEL).expect("readable");
    grow_with(&mut chain, Some(encode(&model(1))));
    assert_eq!(kept(&chain), None);
    grow_with(&mut chain, None);
    assert_eq!(kept(&chain), Some(model(1)));
    chain.run(WINDOW / 2);
    grow_with(&mut chain, Some(encode(&model(2))));
    grow_with(&mut chain, None);
    chain.run(WINDOW / 2 + 1);
    assert_eq!(kept(&chain), Some(model(2)), "the first removal is forgotten, the second is not");
    chain.store.check_all().expect("intact");
    let copy = Store::open(&directory.path().join("copy.redb")).expect("a new file");
    copy.adopt(&chain.store, anybody).expect("an intact peer");
    assert_eq!(copy.removed_model(&MODEL).expect("readable"), Some(model(2)));
    chain.run(WINDOW / 2);
    assert_eq!(kept(&chain), None);
}

/// The handovers below `height` of a chain as the test support makes them.
fn handovers(chain: &Chain, height: Height) -> Vec<SetChange> {
    let below = chain.decided.iter().filter(|decided| decided.block.height() < height);
    let change = |DecidedBlock { block, certificate }: &DecidedBlock| {
        let last = CertifiedHeader { header: block.header().clone(), certificate: certificate.clone() };
        successors(block.height()).map(|next| SetChange { last, next })
    };
    below.filter_map(change).collect()
}

#[test]
fn handovers_are_kept_longer_than_their_blocks_and_copied() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut chain = chain(&directory, Retention::Blocks(WINDOW));
    chain.run(4 * WINDOW + REIGN);
    chain.store.check_all().expect("intact");
    let newest = chain.newest();
    for height in [Height(1), Height(REIGN), Height(REIGN + 1), newest, newest.next()] {
        assert_eq!(chain.store.handovers(height).expect("readable"), handovers(&chain, height), "{height}");
    }
    assert!(chain.store.oldest().expect("readable").0 > 2 * REIGN, "the first handovers' blocks are gone");
    let copy = Store::open(&directory.path().join("copy.redb")).expect("a new file");
    let adopted = copy.adopt(&chain.store, |changes, last| {
        let theirs = handovers(&chain, last.header.height);
        if changes == theirs { Ok(()) } else { Err(format!("expected {theirs:?}, got {changes:?}")) }
    });
    let adopted = adopted.expect("it shows the handovers before its last header");
    assert_eq!(copy.handovers(adopted.next()).expect("readable"), handovers(&chain, adopted.next()));
    copy.check_all().expect("whole");
}

#[test]
fn a_store_that_begins_to_prune_catches_up_and_an_archive_keeps_all() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut archive = chain(&directory, Retention::All);
    archive.run(200);
    assert_eq!(archive.store.oldest().expect("readable"), Height(1));
    assert!(archive.store.decided(Height(1)).expect("readable").is_some());
    let Chain { store, rows, decided, body_bytes } = archive;
    let mut pruning = Chain { store: store.retaining(Retention::Blocks(WINDOW)), rows, decided, body_bytes };
    pruning.run(40);
    assert_eq!(pruning.store.oldest().expect("readable"), Height(241 - WINDOW));
    pruning.store.check_all().expect("intact");
}

/// On demand, since it writes hundreds of megabytes: `cargo test --release -p ciro-store -- --ignored --nocapture`.
#[expect(clippy::print_stdout, reason = "the figure is what a test on demand is run for")]
fn bytes_per_job(jobs: u64) -> u64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut chain = chain(&directory, Retention::Blocks(WINDOW));
    chain.body_bytes = PROOF_BYTES;
    let size = || std::fs::metadata(directory.path().join("store.redb")).expect("its file").len();
    chain.run(4 * WINDOW);
    let before = size();
    // Two of three blocks settle a job.
    chain.run(jobs * 3 / 2);
    let grown = size().saturating_sub(before);
    println!("{jobs} jobs: {} MiB, then {grown} bytes more: {} a job", before >> 20, grown / jobs);
    grown / jobs
}

#[test]
fn a_settled_job_costs_at_most_three_kibibytes_after_its_window() {
    assert!(bytes_per_job(1_000) <= 3 << 10);
}

#[test]
#[ignore = "writes a gigabyte"]
fn ten_thousand_settled_jobs_cost_at_most_three_kibibytes_each() {
    assert!(bytes_per_job(10_000) <= 3 << 10);
}
