//! A file that waits for room on a full disk instead of failing.
//!
//! While the disk is full there is nothing to match, since the ledger does not move either. So
//! the writer waits in the middle of a write, and goes on where it was.

use redb::StorageBackend;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

/// Asked each time there is no room, with what the disk said: waits a while and returns whether to try again.
pub type Patience = Arc<dyn Fn(&io::Error) -> bool + Send + Sync>;

/// See the module's documentation. Whoever opens it sees to it that nobody else does.
pub(crate) struct PatientFile {
    file: File,
    patience: Patience,
}

impl PatientFile {
    pub(crate) fn open(path: &Path, patience: Patience) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file, patience })
    }

    fn insist(&self, attempt: impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
        loop {
            match attempt(&self.file) {
                Err(error) if is_full(&error) && (self.patience)(&error) => {}
                result => return result,
            }
        }
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl std::fmt::Debug for PatientFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PatientFile").field("file", &self.file).finish_non_exhaustive()
    }
}

impl StorageBackend for PatientFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.insist(|file| file.set_len(length))
    }

    /// A flush that failed has lost what it was to flush: trying again would only hide that.
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.insist(|file| file.write_all_at(data, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_writer_without_room_asks_for_patience_and_fails_only_when_told_to() {
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        let patience: Patience = Arc::new(move |error| {
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            count.fetch_add(1, Ordering::Relaxed) < 4
        });
        // The device that is always full.
        let file = PatientFile::open(Path::new("/dev/full"), patience).expect("every Linux has it");
        let refused = file.write(0, b"anything").expect_err("there is no room");
        assert_eq!((refused.kind(), asked.load(Ordering::Relaxed)), (io::ErrorKind::StorageFull, 5));
    }
}
