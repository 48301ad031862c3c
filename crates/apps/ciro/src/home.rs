//! Where things lie on disk.
//!
//! ```text
//! $CIRO_HOME or ~/.ciro
//! ├── wallet.json     the key that pays, readable by its owner only
//! └── …               a local network's own state, once `ciro up` has run here
//! ```

use crate::error::CliError;
use ciro_crypto::Keypair;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Larger than any wallet file; anything longer is not one.
const WALLET_LIMIT: u64 = 4096;

/// The data directory.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// `explicit`, else `$CIRO_HOME`, else `~/.ciro`.
    pub(crate) fn resolve(explicit: Option<&Path>) -> Result<Self, CliError> {
        if let Some(path) = explicit {
            return Ok(Self(path.to_path_buf()));
        }
        if let Some(path) = std::env::var_os("CIRO_HOME") {
            return Ok(Self(path.into()));
        }
        match std::env::var_os("HOME") {
            Some(home) => Ok(Self(Path::new(&home).join(".ciro"))),
            None => Err(CliError::usage("no home directory is set").hint("pass --data DIR or set CIRO_HOME")),
        }
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The wallet's key file.
    pub(crate) fn wallet(&self) -> PathBuf {
        self.0.join("wallet.json")
    }
}

#[derive(Serialize, Deserialize)]
struct WalletFile {
    version: u32,
    account: String,
    seed: String,
}

/// Draws a key and stores it. Refuses to replace one: a key that held money must never be lost to a typo.
pub(crate) fn create_wallet(home: &Home) -> Result<Keypair, CliError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| CliError::failed(format!("the system gives no randomness: {e}")))?;
    let key = Keypair::from_seed(seed);
    let file = WalletFile { version: 1, account: key.account().to_string(), seed: hex::encode(seed) };
    let json = serde_json::to_vec_pretty(&file).map_err(CliError::failed)?;
    std::fs::create_dir_all(home.path()).map_err(|e| on_path(home.path(), "create", &e))?;
    write_private(&home.wallet(), &json)?;
    Ok(key)
}

/// Reads the key, refusing a file that anyone else can read.
pub(crate) fn load_wallet(home: &Home) -> Result<Keypair, CliError> {
    let path = home.wallet();
    let file = File::open(&path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => {
            CliError::failed(format!("no wallet at {}", path.display())).hint("make one with `ciro wallet new`")
        }
        _ => on_path(&path, "read", &e),
    })?;
    check_private(&path, &file)?;
    let mut text = String::new();
    file.take(WALLET_LIMIT).read_to_string(&mut text).map_err(|e| on_path(&path, "read", &e))?;
    parse_wallet(&text).ok_or_else(|| {
        CliError::failed(format!("{} is not a wallet file", path.display()))
            .hint("restore it from a backup; it must hold version, account and seed")
    })
}

fn parse_wallet(text: &str) -> Option<Keypair> {
    let file: WalletFile = serde_json::from_str(text).ok()?;
    let mut seed = [0; 32];
    hex::decode_to_slice(&file.seed, &mut seed).ok()?;
    let key = Keypair::from_seed(seed);
    (file.version == 1 && key.account().to_string() == file.account).then_some(key)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => CliError::failed(format!("a wallet already exists at {}", path.display()))
                .hint("show it with `ciro wallet show`, or name another directory with --data"),
            _ => on_path(path, "create", &e),
        })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| on_path(path, "write", &e))
}

fn check_private(path: &Path, file: &File) -> Result<(), CliError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata().map_err(|e| on_path(path, "read", &e))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(CliError::failed(format!("{} can be read by others (mode {:o})", path.display(), mode & 0o777))
        .hint(format!("run `chmod 600 {}`", path.display())))
}

fn on_path(path: &Path, verb: &str, error: &std::io::Error) -> CliError {
    CliError::failed(format!("cannot {verb} {}: {error}", path.display()))
}
