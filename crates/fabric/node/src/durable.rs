//! Files that are whole or absent after a crash, and there once the call returned.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner.
    Private,
    /// Whoever the directory lets in.
    Shared,
}

/// Writes `bytes` to `path` in place of whatever is there: to a neighbour first, flushed, then renamed.
///
/// # Errors
/// Whatever the file system says; `path` is then as it was.
pub fn replace(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let neighbour = neighbour(path)?;
    let mode = if access == Access::Private { 0o600 } else { 0o644 };
    // Left behind by a crash, and nobody else writes here: the data directory has one owner.
    match std::fs::remove_file(&neighbour) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&neighbour)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&neighbour, path)?;
    flush_directory(path)
}

/// Makes the names in the directory of `path` durable.
///
/// # Errors
/// Whatever the file system says.
pub fn flush_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn neighbour(path: &Path) -> io::Result<std::path::PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let mut temporary = name.to_os_string();
    // Threads of one process may write the same blob at once.
    temporary.push(format!(".{:?}.part", std::thread::current().id()));
    Ok(path.with_file_name(temporary))
}
