//! What is written is there, proves itself, and does not grow.

use crate::support::{Chain, stored, tx_id};
use ciro_consensus::MemoryFile;
use ciro_consensus::file::Fate;
use ciro_store::{MemoryBackend, Store, StoreError};
use ciro_types::{Height, StateRoot};
use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex};

fn fresh(file: &MemoryFile) -> Chain {
    Chain::new(Store::open_on(MemoryBackend(file.clone())).expect("a new file"))
}

#[test]
fn everything_written_is_there_after_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("store.redb");
    let (root, rows, decided) = {
        let store = Store::open(&path).expect("a new file");
        assert_eq!(store.height().expect("readable"), None);
        let mut chain = Chain::new(store);
        chain.run(20);
        (chain.store.root().expect("readable"), chain.rows, chain.decided)
    };
    let store = Store::open(&path).expect("its own file");
    store.check_all().expect("intact");
    assert_eq!(store.height().expect("readable"), Some(Height(20)));
    assert_eq!(store.root().expect("readable"), root);
    assert_eq!(stored(&store), rows);
    assert_eq!(store.decided(Height(7)).expect("readable").as_ref(), Some(&decided[6]));
    assert_eq!(store.tx_height(&tx_id(7)).expect("readable"), Some(Height(7)));
    let journal = store.journal(Height(7)).expect("readable").expect("kept");
    assert_eq!((journal.txs[0].id, journal.events.len(), journal.records.len()), (tx_id(7), 1, 1));
    assert!(store.decided(Height(21)).expect("readable").is_none());
}

#[test]
fn equal_rows_have_equal_roots_and_different_rows_have_not() {
    let (mut a, mut b) = (fresh(&MemoryFile::default()), fresh(&MemoryFile::default()));
    a.run(9);
    b.run(8);
    assert_ne!(a.store.root().expect("readable"), b.store.root().expect("readable"));
    b.run(1);
    assert_eq!(a.store.root().expect("readable"), b.store.root().expect("readable"));
}

#[test]
fn blocks_out_of_order_and_a_second_genesis_are_refused() {
    let mut chain = fresh(&MemoryFile::default());
    chain.run(5);
    let longer = chain.decided.clone();
    let mut chain = fresh(&MemoryFile::default());
    let genesis = chain.next();
    chain.run(3);
    let before = stored(&chain.store);
    let (_, effects) = genesis;
    for wrong in [1, 3, 5] {
        let refused = chain.store.commit(&longer[wrong as usize - 1], &[], &effects, None);
        assert!(matches!(refused, Err(StoreError::OutOfOrder { expected: Height(4), got }) if got == Height(wrong)));
    }
    assert!(matches!(chain.store.write_genesis(Vec::new()), Err(StoreError::NotEmpty { .. })));
    assert_eq!(stored(&chain.store), before);
}

#[test]
fn proofs_show_rows_and_absences_and_nothing_else() {
    let mut chain = fresh(&MemoryFile::default());
    chain.run(12);
    let root = chain.store.root().expect("readable");
    let absent = vec![9, 9, 9];
    for key in chain.rows.keys().chain([&absent]) {
        let (value, proof) = chain.store.prove(Height(12), key).expect("kept");
        assert_eq!(value.as_ref(), chain.rows.get(key));
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
    let mut chain = fresh(&MemoryFile::default());
    chain.run(11);
    let (before, root) = (chain.rows.clone(), chain.store.root().expect("readable"));
    chain.run(1);
    for key in before.keys().chain(chain.rows.keys()) {
        let (value, proof) = chain.store.prove(Height(11), key).expect("kept");
        assert_eq!(value.as_ref(), before.get(key));
        assert_eq!(proof.verify(root, key, value.as_deref()), Ok(()));
    }
    assert!(matches!(chain.store.prove(Height(10), &[2, 0]), Err(StoreError::NotKept { .. })));
}

#[test]
fn the_pruned_tree_does_not_grow_with_history() {
    let mut chain = fresh(&MemoryFile::default());
    chain.run(20);
    let (nodes, values) = chain.store.tree_size().expect("readable");
    chain.run(230);
    let (later_nodes, later_values) = chain.store.tree_size().expect("readable");
    assert!(later_nodes <= nodes + nodes / 4, "{nodes} nodes after 20 blocks, {later_nodes} after 250");
    assert!(later_values <= values + 4, "{values} rows after 20 blocks, {later_values} after 250");
}

#[test]
fn events_are_found_by_position_whatever_lies_between() {
    let mut chain = fresh(&MemoryFile::default());
    chain.run(30);
    let position = |height, index| ciro_state::EventPosition { height: Height(height), index };
    let heights = |from, limit| -> Vec<u64> {
        let found = chain.store.events(from, limit).expect("readable");
        found.iter().map(|event| event.position.height.0).collect()
    };
    assert_eq!(heights(position(0, 0), 4), [1, 2, 4, 5]);
    assert_eq!(heights(position(5, 1), 3), [7, 8, 10], "after the only event of block 5");
    assert_eq!(heights(position(29, 0), 9), [29]);
    assert!(heights(position(31, 0), 9).is_empty());
}

/// A disk that keeps a copy of itself at every write and sync of one commit.
#[derive(Clone, Debug)]
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
    let mut chain = Chain::new(Store::open_on(recorder).expect("a new file"));
    chain.run(30);
    let before = (chain.store.root().expect("readable"), chain.rows.clone());
    *cuts.lock().expect("single-threaded") = Some(Vec::new());
    chain.run(1);
    let after = (chain.store.root().expect("readable"), chain.rows.clone());

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
