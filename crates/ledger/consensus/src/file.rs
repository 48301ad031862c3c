//! The disk as the log and the guard see it, real and simulated.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A small random-access file.
///
/// Contract: after [`WalFile::sync`] returns, everything written before survives a crash. Without it, any part of what
/// was written since the last sync may survive, in any order, torn at any byte.
pub trait WalFile: Send {
    /// The whole content.
    ///
    /// # Errors
    /// Whatever the disk reports.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Writes `bytes` at `offset`, growing the file with zeros if needed.
    ///
    /// # Errors
    /// Whatever the disk reports.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts or zero-extends the file to `length` bytes.
    ///
    /// # Errors
    /// Whatever the disk reports.
    fn set_len(&mut self, length: u64) -> io::Result<()>;

    /// Makes everything written so far survive a crash.
    ///
    /// # Errors
    /// Whatever the disk reports. The caller must stop: what survives is unknown from here on.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file on a real disk.
#[derive(Debug)]
pub struct DiskFile(File);

impl DiskFile {
    /// Opens or creates the file at `path` and makes its directory entry durable.
    ///
    /// # Errors
    /// Whatever the file system reports.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        if let Some(directory) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            File::open(directory)?.sync_all()?;
        }
        Ok(Self(file))
    }
}

impl WalFile for DiskFile {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.0.metadata()?.len()).map_err(io::Error::other)?;
        let mut content = vec![0; length];
        self.0.read_exact_at(&mut content, 0)?;
        Ok(content)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// What a crash does to one write that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It reached the disk.
    Kept,
    /// It did not.
    Lost,
    /// Only its first bytes did. More than its length means all of it.
    Torn(usize),
}

/// A file in memory with a disk's failure modes. Clones are handles to the same file: a simulator keeps one, crashes
/// it, and hands another to the restarted node.
#[derive(Clone, Debug, Default)]
pub struct MemoryFile(Arc<Mutex<Platter>>);

#[derive(Clone, Debug, Default)]
struct Platter {
    /// What survives a crash for certain.
    durable: Vec<u8>,
    /// What a reader sees now.
    visible: Vec<u8>,
    /// Not yet synced, in order.
    pending: Vec<Change>,
    lying: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

impl MemoryFile {
    /// From now on `sync` reports success and does nothing, as some disks do.
    pub fn lie_about_syncs(&self, lying: bool) {
        self.platter().lying = lying;
    }

    /// Power loss: every unsynced write meets the fate that `fate` draws for it, in order of writing.
    pub fn crash(&self, mut fate: impl FnMut() -> Fate) {
        let mut platter = self.platter();
        let mut survivor = std::mem::take(&mut platter.durable);
        for change in std::mem::take(&mut platter.pending) {
            match fate() {
                Fate::Kept => change.apply(&mut survivor),
                Fate::Lost => {}
                Fate::Torn(bytes) => change.tear(bytes).apply(&mut survivor),
            }
        }
        platter.visible.clone_from(&survivor);
        platter.durable = survivor;
    }

    /// Another file with the same content and the same unsynced writes: the disk at this moment, to be crashed while the
    /// original runs on.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.platter().clone())))
    }

    /// Length in bytes, as a reader sees it.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.platter().visible.len() as u64
    }

    /// Whether the file has no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` beyond the end.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let source = start.checked_add(out.len()).and_then(|end| platter.visible.get(start..end));
        out.copy_from_slice(source.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn change(&self, change: Change) {
        let mut platter = self.platter();
        change.apply(&mut platter.visible);
        platter.pending.push(change);
    }

    /// A panic elsewhere while holding the lock leaves plain bytes behind, which are still a possible disk content.
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let start = *offset as usize;
                let end = start + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[start..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length as usize, 0),
        }
    }

    fn tear(self, keep: usize) -> Self {
        match self {
            Self::Write(offset, mut bytes) => {
                bytes.truncate(keep);
                Self::Write(offset, bytes)
            }
            whole @ Self::Length(_) => whole,
        }
    }
}

impl WalFile for MemoryFile {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.platter().visible.clone())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset, bytes.to_vec()));
        Ok(())
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.change(Change::Length(length));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut platter = self.platter();
        if !platter.lying {
            let synced = std::mem::take(&mut platter.pending);
            synced.iter().for_each(|change| change.apply(&mut platter.durable));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What any [`WalFile`] must do when nothing crashes.
    fn obeys_the_contract(mut file: impl WalFile) -> io::Result<()> {
        assert_eq!(file.read()?, b"");
        file.write_at(3, b"abc")?;
        assert_eq!(file.read()?, b"\0\0\0abc", "a gap reads as zeros");
        file.write_at(1, b"xyz")?;
        file.sync()?;
        assert_eq!(file.read()?, b"\0xyzbc");
        file.set_len(2)?;
        file.set_len(4)?;
        assert_eq!(file.read()?, b"\0x\0\0", "what was cut off does not come back");
        Ok(())
    }

    #[test]
    fn memory_obeys_the_contract() {
        obeys_the_contract(MemoryFile::default()).expect("memory does not fail");
    }

    #[test]
    fn a_disk_obeys_the_contract_and_keeps_what_it_holds() {
        let path = std::env::temp_dir().join(format!("ciro-walfile-{}", std::process::id()));
        obeys_the_contract(DiskFile::open(&path).expect("a new file")).expect("a working disk");
        let kept = DiskFile::open(&path).and_then(|mut file| file.read());
        std::fs::remove_file(&path).expect("its own file");
        assert_eq!(kept.expect("readable"), b"\0x\0\0");
    }

    #[test]
    fn a_crash_keeps_synced_bytes_and_judges_each_later_write() {
        let mut file = MemoryFile::default();
        file.write_at(0, b"synced").and_then(|()| file.sync()).expect("memory does not fail");
        for (at, bytes) in [(0, b"A"), (1, b"B"), (2, b"C")] {
            file.write_at(at, bytes).expect("memory does not fail");
        }
        let disk = file.fork();
        let mut fates = [Fate::Lost, Fate::Kept, Fate::Torn(0)].into_iter();
        file.crash(|| fates.next().unwrap_or(Fate::Lost));
        assert_eq!(file.read().expect("memory does not fail"), b"sBnced");
        disk.crash(|| Fate::Lost);
        assert_eq!(disk.clone().read().expect("memory does not fail"), b"synced", "a fork meets its own fate");
    }
}
