//! The database on a simulated disk, so that a simulator can cut its power at any write.

use ciro_consensus::{MemoryFile, WalFile};
use redb::StorageBackend;
use std::io;

/// A database file in memory. Clones of the inner handle see the same file.
#[derive(Clone, Debug, Default)]
pub struct MemoryBackend(pub MemoryFile);

impl StorageBackend for MemoryBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.clone().set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.clone().sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.clone().write_at(offset, data)
    }
}
