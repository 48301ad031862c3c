//! Secret keys on disk. A key file is never replaced and never readable by others.

use crate::durable::{Access, flush_directory, replace};
use ciro_crypto::Keypair;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Larger than any key file; anything longer is not one.
const FILE_BYTES_MAX: u64 = 4096;

/// Why a key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// No key there.
    #[error("no key file at {}", path.display())]
    Absent {
        /// Where.
        path: PathBuf,
    },
    /// A key is there already.
    #[error("a key file already exists at {}", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("{} can be read by others: expected mode 600, got {got:o}", path.display())]
    Exposed {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        got: u32,
    },
    /// Not a key file, or an altered one.
    #[error("{} is not a key file", path.display())]
    Malformed {
        /// Where.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot use the key file {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gives no randomness.
    #[error("the system gives no randomness: {reason}")]
    Entropy {
        /// What it said.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    version: u32,
    account: String,
    seed: String,
}

/// Draws a key and stores it at `path`.
///
/// # Errors
/// [`KeyFileError::Exists`] if anything is there: a key that held money must never be lost to a typo.
pub fn create_key(path: &Path) -> Result<Keypair, KeyFileError> {
    if path.exists() {
        return Err(KeyFileError::Exists { path: path.to_path_buf() });
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| KeyFileError::Entropy { reason: e.to_string() })?;
    let key = Keypair::from_seed(seed);
    let file = KeyFile { version: 1, account: key.account().to_string(), seed: hex::encode(seed) };
    let json = serde_json::to_vec_pretty(&file).map_err(|e| io_error(path)(e.into()))?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(io_error(path))?;
        flush_directory(parent).map_err(io_error(path))?;
    }
    replace(path, &json, Access::Private).map_err(io_error(path))?;
    Ok(key)
}

/// Reads the key at `path`.
///
/// # Errors
/// [`KeyFileError`] saying what is wrong with it.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the standard library's")]
pub fn load_key(path: &Path) -> Result<Keypair, KeyFileError> {
    let file = File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => KeyFileError::Absent { path: path.to_path_buf() },
        _ => io_error(path)(e),
    })?;
    let mode = file.metadata().map_err(io_error(path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.to_path_buf(), got: mode });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(io_error(path))?;
    parse(&text).ok_or_else(|| KeyFileError::Malformed { path: path.to_path_buf() })
}

/// Reads the key at `path`, or makes it.
///
/// # Errors
/// [`KeyFileError`] saying what is wrong.
pub fn load_or_create_key(path: &Path) -> Result<Keypair, KeyFileError> {
    match load_key(path) {
        Err(KeyFileError::Absent { .. }) => create_key(path),
        other => other,
    }
}

fn parse(text: &str) -> Option<Keypair> {
    let file: KeyFile = serde_json::from_str(text).ok()?;
    let mut seed = [0; 32];
    hex::decode_to_slice(&file.seed, &mut seed).ok()?;
    let key = Keypair::from_seed(seed);
    (file.version == 1 && key.account().to_string() == file.account).then_some(key)
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.to_path_buf();
    move |source| KeyFileError::Io { path, source }
}
