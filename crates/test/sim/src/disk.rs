//! Disks that lose their power, or have no room.
//!
//! Each node has one [`Power`] and as many [`Disk`]s as it has files. The power goes at once or at a chosen flush.
//! That flush and everything after it fails, as it does for a process whose machine goes dark. When the power returns,
//! every write that was not flushed was kept, lost or torn, each as the seed decides.

use crate::rng::Rng;
use ciro_validator::WalFile;
use redb::StorageBackend;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The power of one machine.
#[derive(Clone, Debug, Default)]
pub struct Power(Arc<Mutex<Supply>>);

#[derive(Debug, Default)]
struct Supply {
    is_out: bool,
    /// Flushes that still succeed; none while the power is stable.
    flushes: Option<u64>,
    /// Whether somebody else has taken all the room.
    is_full: bool,
}

impl Power {
    /// Takes the power away now.
    pub fn cut(&self) {
        self.supply().is_out = true;
    }

    /// Takes the power away at the flush after `flushes` more.
    pub fn cut_after(&self, flushes: u64) {
        self.supply().flushes = Some(flushes);
    }

    /// Brings it back.
    pub fn restore(&self) {
        let supply = &mut *self.supply();
        *supply = Supply { is_full: supply.is_full, ..Supply::default() };
    }

    /// Takes all the room on the machine's disk, or gives it back.
    pub fn set_full(&self, is_full: bool) {
        self.supply().is_full = is_full;
    }

    /// Whether the machine's disk has no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.supply().is_full
    }

    /// Whether it is away.
    #[must_use]
    pub fn is_out(&self) -> bool {
        self.supply().is_out
    }

    fn check(&self) -> Result<()> {
        if self.is_out() { Err(dark()) } else { Ok(()) }
    }

    /// Counts a flush.
    fn flush(&self) -> Result<()> {
        let mut supply = self.supply();
        match supply.flushes {
            Some(0) => supply.is_out = true,
            Some(left) => supply.flushes = Some(left - 1),
            None => {}
        }
        if supply.is_out { Err(dark()) } else { Ok(()) }
    }

    fn supply(&self) -> MutexGuard<'_, Supply> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dark() -> Error {
    Error::other("the power is out")
}

/// One file. Clones are handles to the same file.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    power: Power,
    platter: Arc<Mutex<Platter>>,
}

#[derive(Debug, Default)]
struct Platter {
    /// What survives for certain.
    durable: Vec<u8>,
    /// What a reader sees.
    visible: Vec<u8>,
    /// Not flushed yet, in order.
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length, 0),
        }
    }

    /// What is left of it after a crash.
    fn survivor(self, rng: &mut Rng) -> Option<Self> {
        match (rng.between(0, 2), self) {
            (0, _) => None,
            (1, Self::Write(offset, mut bytes)) => {
                bytes.truncate(rng.between(0, bytes.len() as u64) as usize);
                Some(Self::Write(offset, bytes))
            }
            (_, whole) => Some(whole),
        }
    }
}

impl Disk {
    /// An empty file on a machine's disk.
    #[must_use]
    pub fn new(power: &Power) -> Self {
        Self { power: power.clone(), platter: Arc::default() }
    }

    /// What the power cut left behind becomes the content.
    pub fn crash(&self, rng: &mut Rng) {
        let platter = &mut *self.platter();
        for change in std::mem::take(&mut platter.pending) {
            if let Some(change) = change.survivor(rng) {
                change.apply(&mut platter.durable);
            }
        }
        platter.visible.clone_from(&platter.durable);
    }

    /// The file is gone.
    pub fn wipe(&self) {
        *self.platter() = Platter::default();
    }

    fn change(&self, change: Change) -> Result<()> {
        self.power.check()?;
        if self.power.supply().is_full && matches!(change, Change::Write(..)) {
            return Err(ErrorKind::StorageFull.into());
        }
        let mut platter = self.platter();
        change.apply(&mut platter.visible);
        platter.pending.push(change);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        self.power.flush()?;
        let platter = &mut *self.platter();
        for change in platter.pending.drain(..) {
            change.apply(&mut platter.durable);
        }
        Ok(())
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.platter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WalFile for Disk {
    fn read(&mut self) -> Result<Vec<u8>> {
        self.power.check()?;
        Ok(self.platter().visible.clone())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.change(Change::Write(offset as usize, bytes.to_vec()))
    }

    fn set_len(&mut self, length: u64) -> Result<()> {
        self.change(Change::Length(length as usize))
    }

    fn sync(&mut self) -> Result<()> {
        self.flush()
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        self.power.check()?;
        Ok(self.platter().visible.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.power.check()?;
        let (platter, start) = (self.platter(), offset as usize);
        let source = platter.visible.get(start..start + out.len());
        out.copy_from_slice(source.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<()> {
        self.change(Change::Length(length as usize))
    }

    fn sync_data(&self) -> Result<()> {
        self.flush()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.change(Change::Write(offset as usize, data.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(disk: &Disk) -> Vec<u8> {
        disk.platter().visible.clone()
    }

    #[test]
    fn what_was_flushed_survives_and_a_flush_in_the_dark_fails() {
        let power = Power::default();
        let disk = Disk::new(&power);
        disk.write(0, b"kept").and_then(|()| disk.sync_data()).expect("the power is on");
        power.cut_after(0);
        disk.write(4, b"gone").expect("a write is no flush");
        assert!(disk.sync_data().is_err() && disk.write(8, b"x").is_err() && power.is_out());
        let mut left: Vec<Vec<u8>> = Vec::new();
        for seed in 0..64 {
            let copy = Disk::new(&Power::default());
            copy.write(0, b"kept").and_then(|()| copy.sync_data()).expect("the power is on");
            copy.write(4, b"gone").expect("the power is on");
            copy.crash(&mut Rng::new(seed, "test"));
            assert!(content(&copy).starts_with(b"kept"));
            left.push(content(&copy));
        }
        for whole in [b"kept".as_slice(), b"keptgo", b"keptgone"] {
            assert!(left.iter().any(|found| found == whole), "no crash left {whole:?}");
        }
    }
}
