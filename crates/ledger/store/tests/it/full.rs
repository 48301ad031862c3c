//! Disks without room.

use crate::support::{Chain, stored};
use ciro_consensus::MemoryFile;
use ciro_store::{MemoryBackend, Store, StoreError};
use ciro_types::Height;
use redb::StorageBackend;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A disk that takes so many more writes, and then has no room until it is given some.
#[derive(Clone, Debug)]
struct Small {
    disk: MemoryBackend,
    writes_left: Arc<AtomicU64>,
}

impl Small {
    fn take(&self) -> io::Result<()> {
        let left = self.writes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| io::ErrorKind::StorageFull.into())
    }

    fn give(&self, writes: u64) {
        self.writes_left.store(writes, Ordering::Relaxed);
    }
}

impl StorageBackend for Small {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.take()?;
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.take()?;
        self.disk.write(offset, data)
    }
}

#[test]
fn a_disk_that_fills_at_any_write_of_a_commit_loses_nothing_and_takes_the_block_once_there_is_room() {
    let small = Small { disk: MemoryBackend(MemoryFile::default()), writes_left: Arc::new(AtomicU64::new(u64::MAX)) };
    let mut chain = Chain::new(Store::open_on(small.clone()).expect("a new file"));
    chain.run(5);
    let mut refused = 0;
    for writes in 0..60 {
        let (newest, before) = (chain.newest(), chain.rows.clone());
        small.give(writes % 12);
        match chain.grow() {
            Ok(()) => {}
            Err(StoreError::NoRoom(_)) => {
                refused += 1;
                small.give(u64::MAX);
                // The file may have been left closed: the next write opens it, whatever it says.
                let _ = chain.store.write_genesis(Vec::new());
                let (height, rows) = (chain.store.height().expect("readable"), stored(&chain.store));
                assert_eq!((height, rows), (Some(newest), before), "after {writes} writes");
                chain.store.check_all().expect("whole");
                chain.grow().expect("there is room");
            }
            Err(error) => panic!("after {writes} writes: {error}"),
        }
        small.give(u64::MAX);
        assert_eq!(stored(&chain.store), chain.rows);
    }
    assert!(refused > 10, "the disk was hardly ever full");
    assert_eq!(chain.store.height().expect("readable"), Some(Height(65)));
}
