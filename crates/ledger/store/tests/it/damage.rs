//! Disks that give back other bytes than were written.

use crate::support::{Chain, Rng, Rows, anybody, stored};
use ciro_consensus::MemoryFile;
use ciro_store::{MemoryBackend, Retention, Store, StoreError};
use ciro_types::{Height, StateRoot};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, TableHandle as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tables of the tree: a row there may be one that no kept version needs any more.
const TREE: [&str; 2] = ["tree_nodes", "tree_rows"];

fn table(name: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

fn open(file: &MemoryFile) -> Result<Store, StoreError> {
    Store::open_on(MemoryBackend(file.clone()))
}

/// A chain that has pruned some blocks, closed in an orderly way, and what it holds.
fn written() -> (MemoryFile, Rows, StateRoot) {
    let file = MemoryFile::default();
    let mut chain = Chain::new(open(&file).expect("a new file").retaining(Retention::Blocks(6)));
    chain.run(12);
    let Chain { store, rows, .. } = chain;
    let root = store.root().expect("readable");
    drop(store);
    (file, rows, root)
}

fn raw(file: &MemoryFile) -> Database {
    Database::builder().create_with_backend(MemoryBackend(file.clone())).expect("a database")
}

fn table_names(file: &MemoryFile) -> Vec<String> {
    let database = raw(file);
    let reading = database.begin_read().expect("readable");
    reading.list_tables().expect("readable").map(|handle| handle.name().to_owned()).collect()
}

fn keys(file: &MemoryFile, name: &str) -> Vec<Vec<u8>> {
    let database = raw(file);
    let reading = database.begin_read().expect("readable");
    let rows = reading.open_table(table(name)).expect("a table of bytes");
    rows.iter().expect("readable").map(|row| row.expect("readable").0.value().to_vec()).collect()
}

/// Changes one row through the database itself, whose own checksums then hold.
fn edit(file: &MemoryFile, name: &str, key: &[u8], change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) {
    let database = raw(file);
    let txn = database.begin_write().expect("writable");
    {
        let mut rows = txn.open_table(table(name)).expect("a table of bytes");
        let value = rows.get(key).expect("readable").expect("its own key").value().to_vec();
        match change(value) {
            Some(value) => drop(rows.insert(key, value.as_slice()).expect("writable")),
            None => drop(rows.remove(key).expect("writable")),
        }
    }
    txn.commit().expect("writable");
}

/// Whether the damage is named; if not, then nothing that is served has changed.
fn is_named(file: &MemoryFile, rows: &Rows, root: StateRoot, context: &str) -> bool {
    match open(file).and_then(|store| store.check_all().map(|()| store)) {
        Err(error) => {
            assert!(
                error.is_damage() || matches!(error, StoreError::Format { .. } | StoreError::Empty),
                "{context}: {error}"
            );
            true
        }
        Ok(store) => {
            assert_eq!(stored(&store), *rows, "{context}");
            assert_eq!(store.root().expect("readable"), root, "{context}");
            for key in rows.keys() {
                for height in [Height(11), Height(12)] {
                    match store.prove(height, key) {
                        Ok((value, _)) if height == Height(12) => {
                            assert_eq!(value.as_ref(), rows.get(key), "{context}");
                        }
                        Ok(_) => {}
                        Err(error) => assert!(error.is_damage(), "{context}: {error}"),
                    }
                }
            }
            false
        }
    }
}

#[test]
fn a_changed_cut_or_lost_row_of_any_table_is_named_and_never_served() {
    type Change = fn(Vec<u8>, &mut Rng) -> Option<Vec<u8>>;
    let changes: [(&str, Change); 4] = [
        ("flipped", |mut value, rng| {
            let at = rng.below(value.len() as u64) as usize;
            value[at] ^= 1 << rng.below(8);
            Some(value)
        }),
        ("cut", |mut value, rng| {
            value.truncate(rng.below(value.len() as u64) as usize);
            Some(value)
        }),
        ("grown", |mut value, rng| {
            value.push(rng.below(256) as u8);
            Some(value)
        }),
        ("lost", |_, _| None),
    ];
    let (file, rows, root) = written();
    let mut rng = Rng(11);
    // No block of this chain removes a model.
    for name in table_names(&file).into_iter().filter(|name| !["removed_models", "removals"].contains(&name.as_str())) {
        let keys = keys(&file, &name);
        let mut named = 0;
        for (kind, change) in changes {
            for _ in 0..6 {
                let key = &keys[rng.below(keys.len() as u64) as usize];
                let copy = file.fork();
                edit(&copy, &name, key, |value| change(value, &mut rng));
                let context = format!("{kind} row of {name}");
                let is_named = is_named(&copy, &rows, root, &context);
                assert!(is_named || TREE.contains(&name.as_str()) || name == "tree_stale", "{context} went unnoticed");
                named += usize::from(is_named);
            }
        }
        assert!(named > 0, "no damage of {name} was noticed");
    }
}

#[test]
fn a_changed_row_of_the_state_is_named_by_its_key_with_both_hashes() {
    let (file, rows, _) = written();
    for key in keys(&file, "tree_rows") {
        let copy = file.fork();
        // The last byte of a row belongs to its value.
        edit(&copy, "tree_rows", &key, |mut row| {
            *row.last_mut().expect("rows have bytes") ^= 1;
            Some(row)
        });
        let store = open(&copy).expect("the database itself is intact");
        match store.check() {
            Err(StoreError::Damaged { table: "tree_rows", expected, got, .. }) => assert_ne!(expected, got),
            Ok(()) => assert_eq!(stored(&store), rows, "only a row of an older version"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn bytes_flipped_anywhere_in_the_file_are_refused_or_change_nothing() {
    let (file, rows, root) = written();
    let mut rng = Rng(5);
    let mut refused = 0;
    for _ in 0..300 {
        let copy = file.fork();
        let at = rng.below(copy.len());
        let mut byte = [0];
        copy.read_at(at, &mut byte).expect("within the file");
        let flipped = [byte[0] ^ 1 << rng.below(8)];
        ciro_consensus::WalFile::write_at(&mut copy.clone(), at, &flipped).expect("memory does not fail");
        // The database library may panic over its own pages; whoever opens it treats that as damage.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let store = open(&copy)?;
            store.check_all()?;
            Ok::<_, StoreError>((stored(&store), store.root()?, store.height()?))
        }));
        match outcome {
            Ok(Ok((found, found_root, Some(Height(12))))) => assert!(found == rows && found_root == root, "byte {at}"),
            // The database went back to the commit before: a block boundary as well.
            Ok(Ok((_, _, height))) => assert_eq!(height, Some(Height(11)), "byte {at}"),
            Ok(Err(_)) | Err(_) => refused += 1,
        }
    }
    assert!(refused > 10, "only {refused} of 300 flips were refused");
}

#[test]
fn a_peer_stands_in_for_a_damaged_store_and_the_chain_goes_on() {
    let (file, rows, _) = written();
    let peer = open(&file).expect("intact");
    let store = open(&MemoryFile::default()).expect("a new file");
    assert_eq!(store.adopt(&peer, anybody).expect("intact"), Height(11));
    store.check_all().expect("whole");
    for height in 1..=11 {
        let height = Height(height);
        assert_eq!(store.records(height).expect("readable"), peer.records(height).expect("readable"));
        match (store.journal(height), peer.journal(height)) {
            (Ok(mine), Ok(theirs)) => assert_eq!(mine, theirs),
            (Err(StoreError::Pruned { oldest: mine, .. }), Err(StoreError::Pruned { oldest, .. })) => {
                assert_eq!(mine, oldest);
            }
            (mine, theirs) => panic!("{mine:?} and {theirs:?}"),
        }
        let settled = !peer.records(height).expect("readable").is_empty();
        assert!(!settled || store.certified_header(height.next()).is_ok(), "settlements stay provable");
    }
    let last = peer.decided(Height(12)).expect("readable").expect("kept");
    let journal = peer.journal(Height(12)).expect("readable").expect("kept");
    assert_eq!(last.block.header().parent, store.block(Height(11)).expect("readable").expect("kept").id());
    assert_eq!(last.block.header().state_root, store.root().expect("readable"));
    assert_eq!(journal.records, crate::support::records(12));
    assert!(rows.len() > 40 && store.adopt(&peer, anybody).is_err(), "only an empty store takes another's place");
}

#[test]
fn a_peer_that_is_not_trusted_or_contradicts_itself_is_refused() {
    let (file, ..) = written();
    let refuse = |_: &[_], _: &_| Err("unknown validators".to_owned());
    let store = open(&MemoryFile::default()).expect("a new file");
    let peer = open(&file).expect("intact");
    assert!(matches!(store.adopt(&peer, refuse), Err(StoreError::Foreign { .. })));
    drop(peer);
    for name in ["tree_rows", "blocks", "records", "outcomes", "handovers"] {
        for key in keys(&file, name) {
            let copy = file.fork();
            edit(&copy, name, &key, |mut row| {
                *row.last_mut().expect("rows have bytes") ^= 1;
                Some(row)
            });
            let (peer, store) = (open(&copy).expect("a database"), open(&MemoryFile::default()).expect("a new file"));
            if let Ok(height) = store.adopt(&peer, anybody) {
                store.check_all().expect("whole");
                assert_eq!(height, Height(11));
            } else {
                assert_eq!(store.height().expect("readable"), None, "still empty");
            }
        }
    }
}
