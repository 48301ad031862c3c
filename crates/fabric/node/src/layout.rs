//! What lies where in a data directory.
//!
//! ```text
//! DIR
//! ├── wallet.json            the key that pays; funded in the genesis of a network made here
//! ├── wallet.lock            held by a command while it signs, so that commands do not take each other's nonce
//! ├── publish.lock           held by a command while it publishes a model
//! ├── orders                 orders under way, each held by the command that follows it
//! ├── endpoint               where the gateway answers, while the network runs
//! └── network
//!     ├── lock               held by the process that runs it
//!     ├── genesis            canonical bytes; its hash is the chain id
//!     ├── keys               validators, scheduler, workers
//!     ├── validator-N        write-ahead log and store of each
//!     ├── work.redb          the store of work; can be rebuilt from the ledger
//!     └── blobs              models and inputs
//! ```

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A process that was killed holds its lock until the system has taken its memory and files away.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Another process runs a network here.
    #[error("a network is running in {}", path.display())]
    Held {
        /// The data directory.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot use the data directory {}: {source}", path.display())]
    Io {
        /// The data directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The paths of one data directory.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout of `root`. Touches nothing.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The data directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The wallet's key file.
    #[must_use]
    pub fn wallet(&self) -> PathBuf {
        self.root.join("wallet.json")
    }

    /// Whose lock a command holds while it signs with the wallet.
    #[must_use]
    pub fn wallet_lock(&self) -> PathBuf {
        self.root.join("wallet.lock")
    }

    /// Whose lock a command holds while it publishes a model.
    #[must_use]
    pub fn publish_lock(&self) -> PathBuf {
        self.root.join("publish.lock")
    }

    /// Where orders under way are kept.
    #[must_use]
    pub fn orders(&self) -> PathBuf {
        self.root.join("orders")
    }

    /// Where the gateway's address is written.
    #[must_use]
    pub fn endpoint(&self) -> PathBuf {
        self.root.join("endpoint")
    }

    /// The genesis of the network made here.
    #[must_use]
    pub fn genesis(&self) -> PathBuf {
        self.network().join("genesis")
    }

    /// The key file of a member: `validator-0`, `scheduler`, `worker-0`.
    #[must_use]
    pub fn key(&self, member: &str) -> PathBuf {
        self.network().join("keys").join(format!("{member}.json"))
    }

    /// The directory of a validator.
    #[must_use]
    pub fn validator(&self, number: usize) -> PathBuf {
        self.network().join(format!("validator-{number}"))
    }

    /// The scheduler's store of work.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.network().join("work.redb")
    }

    /// There after the scheduler failed over its store of work: why it did.
    #[must_use]
    pub fn suspect_work(&self) -> PathBuf {
        self.work().with_extension("suspect")
    }

    /// The blob store.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.network().join("blobs")
    }

    fn network(&self) -> PathBuf {
        self.root.join("network")
    }

    /// Makes the directory, for its owner alone, and takes it for this process. The lock ends with the file, also after a crash.
    ///
    /// # Errors
    /// [`LayoutError::Held`] if another process has it.
    pub fn acquire(&self) -> Result<File, LayoutError> {
        let io_error = |source| LayoutError::Io { path: self.root.clone(), source };
        std::fs::create_dir_all(self.network()).map_err(io_error)?;
        // Stores and logs hold what clients sent, whatever mask the process has.
        std::fs::set_permissions(self.network(), Permissions::from_mode(0o700)).map_err(io_error)?;
        let path = self.network().join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(io_error)?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => return Err(LayoutError::Held { path: self.root.clone() }),
                Err(TryLockError::Error(source)) => return Err(io_error(source)),
            }
        }
    }
}
