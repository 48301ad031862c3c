//! The store against power cuts, forged proofs and its own growth.

use ciro_consensus::file::Fate;
use ciro_consensus::{Block, BlockHeader, CommitCertificate, DecidedBlock, MemoryFile, SealedBlock, txs_root};
use ciro_state::{BlockEffects, Write};
use ciro_store::{MemoryBackend, Store, StoreError};
use ciro_types::{AccountId, BlockId, ChainId, Hash32, Height, StateRoot, TxId};
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn genesis() -> Rows {
    (0..50u8).map(|n| (vec![2, n], vec![n; 20])).collect()
}

fn decided(height: u64) -> DecidedBlock {
    let header = BlockHeader {
        chain: ChainId([1; 32]),
        height: Height(height),
        proposer: AccountId([2; 32]),
        parent: BlockId([3; 32]),
        validators: Hash32::ZERO,
        next_validators: Hash32::ZERO,
        txs_root: txs_root(&[[height as u8]]),
        state_root: StateRoot::ZERO,
        receipts_root: Hash32::ZERO,
    };
    let block = SealedBlock::seal(Block { header, txs: vec![vec![height as u8]] }).expect("built to match");
    let certificate = CommitCertificate { height: Height(height), round: 0, block: block.id(), signatures: Vec::new() };
    DecidedBlock { block, certificate }
}

/// A block that rewrites some rows, adds one and deletes one, and the rows after it.
fn change(height: u64, rows: &mut Rows) -> BlockEffects {
    let byte = height as u8;
    let mut writes: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
        (0..10u8).map(|n| (vec![2, n * 5], Some(vec![byte, n]))).collect();
    writes.insert(vec![3, byte], Some(vec![byte; 9]));
    writes.insert(vec![3, byte.wrapping_sub(4)], None);
    for (key, value) in &writes {
        match value {
            Some(value) => drop(rows.insert(key.clone(), value.clone())),
            None => drop(rows.remove(key)),
        }
    }
    BlockEffects {
        height: Height(height),
        outcomes: vec![Ok(ciro_state::Outcome::Transferred)],
        events: Vec::new(),
        records: Vec::new(),
        receipts_root: Hash32::ZERO,
        writes: writes.into_iter().map(|(key, value)| Write { key, value }).collect(),
    }
}

fn id(height: u64) -> TxId {
    TxId([height as u8; 32])
}

fn stored(store: &Store) -> Rows {
    store.rows().expect("readable").into_iter().collect()
}

fn run(store: &Store, rows: &mut Rows, heights: std::ops::RangeInclusive<u64>) {
    for height in heights {
        let effects = change(height, rows);
        store.commit(&decided(height), &[id(height)], effects).expect("in order");
    }
}

fn fresh(file: &MemoryFile) -> (Store, Rows) {
    let store = Store::open_on(MemoryBackend(file.clone())).expect("a new file");
    store.write_genesis(genesis().into_iter().collect()).expect("empty");
    (store, genesis())
}

#[test]
fn everything_written_is_there_after_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("store.redb");
    let mut rows = genesis();
    let root = {
        let store = Store::open(&path).expect("a new file");
        assert_eq!(store.height().expect("readable"), None);
        store.write_genesis(genesis().into_iter().collect()).expect("empty");
        run(&store, &mut rows, 1..=20);
        store.root().expect("readable")
    };
    let store = Store::open(&path).expect("its own file");
    assert_eq!(store.height().expect("readable"), Some(Height(20)));
    assert_eq!(store.root().expect("readable"), root);
    assert_eq!(stored(&store), rows);
    assert_eq!(store.decided(Height(7)).expect("readable"), Some(decided(7)));
    assert_eq!(store.tx_height(&id(7)).expect("readable"), Some(Height(7)));
    assert_eq!(store.journal(Height(7)).expect("readable").map(|j| j.txs[0].id), Some(id(7)));
    assert!(store.decided(Height(21)).expect("readable").is_none());
}

#[test]
fn equal_rows_have_equal_roots_and_different_rows_have_not() {
    let (a, mut rows_a) = fresh(&MemoryFile::default());
    let (b, mut rows_b) = fresh(&MemoryFile::default());
    run(&a, &mut rows_a, 1..=9);
    run(&b, &mut rows_b, 1..=8);
    assert_ne!(a.root().expect("readable"), b.root().expect("readable"));
    run(&b, &mut rows_b, 9..=9);
    assert_eq!(a.root().expect("readable"), b.root().expect("readable"));
}

#[test]
fn blocks_out_of_order_and_a_second_genesis_are_refused() {
    let (store, mut rows) = fresh(&MemoryFile::default());
    run(&store, &mut rows, 1..=3);
    let before = stored(&store);
    for wrong in [0, 3, 5] {
        let refused = store.commit(&decided(wrong), &[], change(wrong, &mut rows.clone()));
        assert!(matches!(refused, Err(StoreError::OutOfOrder { expected: Height(4), got }) if got == Height(wrong)));
    }
    assert!(matches!(store.write_genesis(Vec::new()), Err(StoreError::NotEmpty { .. })));
    assert_eq!(stored(&store), before);
}

#[test]
fn proofs_show_rows_and_absences_and_nothing_else() {
    let (store, mut rows) = fresh(&MemoryFile::default());
    run(&store, &mut rows, 1..=12);
    let root = store.root().expect("readable");
    let absent = vec![9, 9, 9];
    for key in rows.keys().chain([&absent]) {
        let (value, proof) = store.prove(Height(12), key).expect("kept");
        assert_eq!(value.as_ref(), rows.get(key));
        assert_eq!(proof.verify(root, key, value.as_deref()), Ok(()));
        assert!(proof.verify(root, key, Some(b"forged")).is_err());
        assert!(proof.verify(root, b"another key", value.as_deref()).is_err() || value.is_none());
        assert!(proof.verify(StateRoot([1; 32]), key, value.as_deref()).is_err());
        let opposite = if value.is_some() { None } else { Some(&b""[..]) };
        assert!(proof.verify(root, key, opposite).is_err(), "presence and absence exclude each other");
    }
}

#[test]
fn the_certified_height_is_still_provable_while_the_next_one_is_the_latest() {
    let (store, mut rows) = fresh(&MemoryFile::default());
    run(&store, &mut rows, 1..=11);
    let (before, root) = (rows.clone(), store.root().expect("readable"));
    run(&store, &mut rows, 12..=12);
    for key in before.keys().chain(rows.keys()) {
        let (value, proof) = store.prove(Height(11), key).expect("kept");
        assert_eq!(value.as_ref(), before.get(key));
        assert_eq!(proof.verify(root, key, value.as_deref()), Ok(()));
    }
    assert!(matches!(store.prove(Height(10), &[2, 0]), Err(StoreError::NotKept { .. })));
}

#[test]
fn the_pruned_tree_does_not_grow_with_history() {
    let (store, mut rows) = fresh(&MemoryFile::default());
    run(&store, &mut rows, 1..=20);
    let (nodes, values) = store.tree_size().expect("readable");
    run(&store, &mut rows, 21..=250);
    let (later_nodes, later_values) = store.tree_size().expect("readable");
    assert!(later_nodes <= nodes + nodes / 4, "{nodes} nodes after 20 blocks, {later_nodes} after 250");
    assert!(later_values <= values + 4, "{values} rows after 20 blocks, {later_values} after 250");
}

/// A disk that keeps a copy of itself at every write and sync of one commit.
#[derive(Debug)]
struct Recorder {
    disk: MemoryBackend,
    cuts: Arc<Mutex<Option<Vec<MemoryFile>>>>,
}

impl Recorder {
    fn cut(&self) {
        if let Some(cuts) = self.cuts.lock().expect("single-threaded").as_mut() {
            cuts.push(self.disk.0.fork());
        }
    }
}

impl StorageBackend for Recorder {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.cut();
        self.disk.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.cut();
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.cut();
        self.disk.write(offset, data)
    }
}

#[test]
fn a_power_cut_at_any_write_of_a_commit_leaves_a_whole_block_boundary() {
    let cuts = Arc::new(Mutex::new(None));
    let recorder = Recorder { disk: MemoryBackend::default(), cuts: cuts.clone() };
    let store = Store::open_on(recorder).expect("a new file");
    store.write_genesis(genesis().into_iter().collect()).expect("empty");
    let mut rows = genesis();
    run(&store, &mut rows, 1..=30);
    let before = (store.root().expect("readable"), rows.clone());
    *cuts.lock().expect("single-threaded") = Some(Vec::new());
    run(&store, &mut rows, 31..=31);
    let after = (store.root().expect("readable"), rows);

    let taken = cuts.lock().expect("single-threaded").take().expect("recorded");
    assert!(taken.len() > 3, "a commit is more than one write");
    let (mut old, mut new) = (0, 0);
    for (n, cut) in taken.iter().enumerate() {
        for seed in 0..24u64 {
            let disk = cut.fork();
            let mut draw = (n as u64 * 24 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            disk.crash(|| {
                draw ^= draw << 13;
                draw ^= draw >> 7;
                draw ^= draw << 17;
                match draw % 3 {
                    0 => Fate::Kept,
                    1 => Fate::Lost,
                    _ => Fate::Torn((draw >> 8) as usize % 4096),
                }
            });
            let store = Store::open_on(MemoryBackend(disk)).expect("recoverable");
            let found = (store.root().expect("readable"), stored(&store));
            match store.height().expect("readable") {
                Some(Height(30)) if found == before => old += 1,
                Some(Height(31)) if found == after => new += 1,
                height => panic!("cut {n} seed {seed}: height {height:?} with the rows of neither side"),
            }
        }
    }
    assert!(old > 0 && new + old == taken.len() * 24);
}
