//! Files of folders that others made: regular ones only, and no more of them than there is room for.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::{fs, io};

/// Opens a file that is no link, pipe, folder or device: such a one may lead out of its folder, or have no end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let kind = fs::symlink_metadata(path)?.file_type();
    let got = match () {
        () if kind.is_file() => return File::open(path),
        () if kind.is_symlink() => "a link; put a copy of what it leads to in its place",
        () if kind.is_dir() => "a folder",
        () => "a pipe or a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("expected a regular file, got {got}")))
}

/// The bytes of such a file, of which there may be `most`.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 <= most {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("expected at most {most} bytes, got more")))
}
