//! Power is cut at every write, with the unsynced writes lost or torn: the store is as of a commit, never between two.

use crate::laws;
use ciro_queue::{Age, EmbeddedStore, Limits, QueueError, WorkStore};
use ciro_types::Height;
use redb::StorageBackend;
use std::io::{Error, Result};
use std::sync::{Arc, Mutex};

/// A disk that survives its process. Writes reach `durable` at a sync, or partly when the power goes.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platters>>);

#[derive(Debug, Default)]
struct Platters {
    durable: Vec<u8>,
    cached: Vec<u8>,
    unsynced: Vec<Write>,
    /// Operations left until the power goes; `None` while it stays on.
    fuse: Option<u32>,
    operations: u32,
}

#[derive(Clone, Debug)]
enum Write {
    Data { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Write {
    fn reach(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Data { offset, bytes } => {
                let end = offset + bytes.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(bytes);
            }
        }
    }

    /// The first half of the write, as a sector-by-sector disk may leave it.
    fn torn(&self) -> Self {
        match self {
            Self::Data { offset, bytes } => Self::Data { offset: *offset, bytes: bytes[..bytes.len() / 2].to_vec() },
            length @ Self::Length(_) => length.clone(),
        }
    }
}

impl Disk {
    fn platters(&self) -> std::sync::MutexGuard<'_, Platters> {
        self.0.lock().expect("no test panics while it holds the disk")
    }

    fn burn(&self) -> Result<std::sync::MutexGuard<'_, Platters>> {
        let mut platters = self.platters();
        platters.operations += 1;
        match platters.fuse {
            Some(0) => return Err(Error::other("the power is out")),
            Some(left) => platters.fuse = Some(left - 1),
            None => {}
        }
        Ok(platters)
    }

    /// The power returns: of the unsynced writes, `seed` chooses which arrived whole, torn, or not at all.
    fn restart(&self, mut seed: u64) {
        let mut platters = self.platters();
        let unsynced = std::mem::take(&mut platters.unsynced);
        for write in unsynced {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match seed >> 62 {
                0 => write.reach(&mut platters.durable),
                1 => write.torn().reach(&mut platters.durable),
                _ => {}
            }
        }
        platters.cached = platters.durable.clone();
        platters.fuse = None;
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        Ok(self.burn()?.cached.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let platters = self.burn()?;
        let offset = usize::try_from(offset).map_err(Error::other)?;
        let bytes = platters.cached.get(offset..offset + out.len()).ok_or_else(|| Error::other("past the end"))?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<()> {
        self.burn()?.put(Write::Length(usize::try_from(length).map_err(Error::other)?));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut platters = self.burn()?;
        platters.unsynced.clear();
        platters.durable = platters.cached.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let offset = usize::try_from(offset).map_err(Error::other)?;
        self.burn()?.put(Write::Data { offset, bytes: data.to_vec() });
        Ok(())
    }
}

impl Platters {
    fn put(&mut self, write: Write) {
        write.reach(&mut self.cached);
        self.unsynced.push(write);
    }
}

fn limits() -> Limits {
    Limits { payload_bytes: laws::PAYLOAD_BYTES, attempts: laws::ATTEMPTS, reason_bytes: 16, cache_bytes: 1 << 20 }
}

/// One block's worth of changes: its work, and a claim on the previous block's work.
fn block(store: &mut EmbeddedStore, height: u8) -> std::result::Result<(), QueueError> {
    store.enqueue(laws::work(height, 0), &[height])?;
    if height > 1 {
        store.claim(laws::work(height - 1, 0), Height(height.into()), Height(200), b"")?;
    }
    store.commit(laws::mark(height.into()))
}

/// What must be found after `height` blocks, neither less nor more.
fn check(store: &EmbeddedStore, height: u8) {
    let opened: Vec<_> = (1..=height).map(|h| laws::work(h, 0).job).collect();
    assert_eq!(store.jobs(None, 100).expect("reads"), opened);
    let ready: Vec<_> = store.ready(Age::default(), 100).expect("reads").iter().map(|view| view.work).collect();
    let newest: Vec<_> = (height > 0).then(|| laws::work(height, 0)).into_iter().collect();
    assert_eq!(ready, newest);
}

fn head(store: &EmbeddedStore) -> u8 {
    let head = store.mark().expect("reads").map_or(0, |mark| mark.height.0);
    u8::try_from(head).expect("the test has few blocks")
}

const BLOCKS: u8 = 4;

/// Runs the blocks until the power goes. Returns how many commits returned.
fn run_until_dark(disk: &Disk) -> u8 {
    let Ok(mut store) = EmbeddedStore::open_on(disk.clone(), limits()) else {
        return 0;
    };
    (1..=BLOCKS).take_while(|&height| block(&mut store, height).is_ok()).last().unwrap_or(0)
}

#[test]
fn a_power_cut_at_any_operation_keeps_every_acknowledged_commit_whole() {
    let dry = Disk::default();
    assert_eq!(run_until_dark(&dry), BLOCKS);
    let operations = dry.platters().operations;
    assert!(operations > 50, "the run must touch the disk");

    for fuse in 0..operations {
        for seed in [1, 2, 3] {
            let disk = Disk::default();
            disk.platters().fuse = Some(fuse);
            let acknowledged = run_until_dark(&disk);
            disk.restart((seed << 32) + u64::from(fuse));

            let opened = EmbeddedStore::open_on(disk.clone(), limits());
            if acknowledged == 0 && opened.is_err() {
                // The cut hit the very creation of the file: nothing was promised yet.
                continue;
            }
            let mut store = opened.unwrap_or_else(|e| panic!("reopens after fuse {fuse}, seed {seed}: {e:?}"));
            store.check_pages().unwrap_or_else(|e| panic!("no damage after fuse {fuse}, seed {seed}: {e:?}"));
            let found = head(&store);
            assert!(found == acknowledged || found == acknowledged + 1, "fuse {fuse}: {found} after {acknowledged}");
            check(&store, found);
            for height in found + 1..=BLOCKS {
                block(&mut store, height).expect("work goes on");
            }
            check(&store, BLOCKS);
        }
    }
}
