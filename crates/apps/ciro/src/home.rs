//! The data directory a command works in, and its wallet.

use crate::error::CliError;
use ciro_crypto::Keypair;
use ciro_node::{KeyFileError, Layout, create_key, load_key};
use std::path::Path;

/// The data directory: `explicit`, else `$CIRO_HOME`, else `~/.ciro`.
pub(crate) fn resolve(explicit: Option<&Path>) -> Result<Layout, CliError> {
    if let Some(path) = explicit {
        return Ok(Layout::new(path));
    }
    if let Some(path) = std::env::var_os("CIRO_HOME") {
        return Ok(Layout::new(Path::new(&path)));
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(Layout::new(&Path::new(&home).join(".ciro"))),
        None => Err(CliError::usage("no home directory is set").hint("pass --data DIR or set CIRO_HOME")),
    }
}

/// Makes the wallet's key.
pub(crate) fn create_wallet(home: &Layout) -> Result<Keypair, CliError> {
    create_key(&home.wallet()).map_err(|e| explain(&e))
}

/// Reads the wallet's key.
pub(crate) fn load_wallet(home: &Layout) -> Result<Keypair, CliError> {
    load_key(&home.wallet()).map_err(|e| explain(&e))
}

fn explain(error: &KeyFileError) -> CliError {
    let failed = CliError::failed(error);
    match error {
        KeyFileError::Absent { .. } => failed.hint("make one with `ciro wallet new`"),
        KeyFileError::Exists { .. } => {
            failed.hint("show it with `ciro wallet show`, or name another directory with --data")
        }
        KeyFileError::Exposed { path, .. } => failed.hint(format!("run `chmod 600 {}`", path.display())),
        KeyFileError::Malformed { .. } => {
            failed.hint("restore it from a backup; it must hold version, account and seed")
        }
        KeyFileError::Io { .. } | KeyFileError::Entropy { .. } => failed,
    }
}
