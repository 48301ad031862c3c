//! Models and inputs on disk.
//!
//! A blob's file begins with the hash of the rest, so a damaged one is noticed at every read and counts as absent. An input's
//! name is its own hash; a model's name is its id, which whoever computes with it checks by committing to the weights again.
//! Files are readable by the process's user alone: workers of this process read them, and nobody else is served any.
//!
//! What clients send goes into a file of its own as it comes ([`Intake`]), counted against [`Quotas`], and gets its name when it is
//! whole. A blob that the ledger does not refer to is removed after a while ([`BlobStore::sweep`]), or when there is no room for
//! another client's. An input that it refers to has been paid for and burdens no client; weights are on their sender's quota for good.

use crate::durable::flush_directory;
use crate::shelf::{BLOB_CHARGE_MIN, Full, Mark, Room, Shelf};
use ciro_api::Client;
use ciro_crypto::{Hasher, hash};
use ciro_exec::{BlobError, Blobs};
use ciro_state::input_hasher;
use ciro_types::{Hash32, ModelId};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const BLOB_DOMAIN: &str = "ciro/blob/v1";
/// Length of the checksum in front of a blob.
const CHECKSUM_BYTES: usize = 32;

/// What clients may keep here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Bytes of inputs in all.
    pub inputs: u64,
    /// Bytes of inputs of one client that the ledger does not refer to.
    pub inputs_per_client: u64,
    /// Bytes of models in all.
    pub models: u64,
    /// Bytes of models of one client.
    pub models_per_client: u64,
    /// Blobs of each kind in all.
    pub blobs: usize,
    /// Blobs of each kind of one client that burden it.
    pub blobs_per_client: usize,
    /// How long a blob is kept that the ledger does not refer to.
    pub age: Duration,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            inputs: 4 << 30,
            inputs_per_client: 256 << 20,
            models: 16 << 30,
            models_per_client: 1 << 30,
            blobs: 65_536,
            blobs_per_client: 4_096,
            age: Duration::from_secs(3_600),
        }
    }
}

/// Why a blob was not stored.
#[derive(Debug, thiserror::Error)]
pub enum BlobStoreError {
    /// The file system refused.
    #[error("cannot write the blob {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no room for it.
    #[error("no room for the {kind}: {source}; what no order refers to is removed after {} s", age.as_secs())]
    Full {
        /// Model or input.
        kind: &'static str,
        /// What is full.
        source: Full,
        /// How long a blob is kept that the ledger does not refer to.
        age: Duration,
    },
}

/// What a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A compiled model.
    Model,
    /// A raw input.
    Input,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Model, Self::Input];

    const fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Input => "input",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Input => "inputs",
        }
    }
}

/// A directory of blobs. Shared by threads; one process at a time.
#[derive(Clone, Debug)]
pub struct BlobStore {
    directory: PathBuf,
    age: Duration,
    models: Arc<Mutex<Shelf>>,
    inputs: Arc<Mutex<Shelf>>,
}

impl BlobStore {
    /// Opens or creates the store in `directory`. What uploads of a process before left behind is removed.
    ///
    /// # Errors
    /// If the directory cannot be made or read.
    pub fn open(directory: &Path, quotas: &Quotas) -> Result<Self, BlobStoreError> {
        let room = Room {
            bytes: quotas.inputs,
            bytes_each: quotas.inputs_per_client,
            count: quotas.blobs,
            count_each: quotas.blobs_per_client,
            is_lifted: true,
        };
        let weights = Room { bytes: quotas.models, bytes_each: quotas.models_per_client, is_lifted: false, ..room };
        let shelf = |room| Arc::new(Mutex::new(Shelf::new(room)));
        let store =
            Self { directory: directory.to_path_buf(), age: quotas.age, models: shelf(weights), inputs: shelf(room) };
        for kind in Kind::ALL {
            let path = store.directory.join(kind.folder());
            store.take_stock(kind, &path).map_err(|source| BlobStoreError::Io { path, source })?;
        }
        Ok(store)
    }

    fn take_stock(&self, kind: Kind, folder: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(PART) {
                std::fs::remove_file(entry.path())?;
            } else {
                self.shelf(kind).found(&name, entry.metadata()?.len(), Instant::now());
            }
        }
        Ok(())
    }

    /// Begins to take in a blob, in the name of `client`; without one it counts in all only.
    #[must_use]
    pub fn intake(&self, kind: Kind, client: Option<Client>) -> Intake {
        let number = self.shelf(kind).next_number();
        let part = self.directory.join(kind.folder()).join(format!("{number}{PART}"));
        let (checksum, name) = (Hasher::new(BLOB_DOMAIN), input_hasher());
        Intake { store: self.clone(), kind, client, part, checksum, name, received: 0, reserved: 0, is_kept: false }
    }

    /// Stores a raw input's canonical bytes. Durable once this returns.
    ///
    /// # Errors
    /// If the file system refuses or there is no room.
    pub fn put_input(&self, bytes: &[u8]) -> Result<Hash32, BlobStoreError> {
        let mut intake = self.intake(Kind::Input, None);
        intake.write(bytes)?;
        intake.keep_input()
    }

    /// Stores a model's canonical bytes under an id that the caller has checked. Durable once this returns.
    ///
    /// # Errors
    /// If the file system refuses or there is no room.
    pub fn put_model(&self, id: ModelId, bytes: &[u8]) -> Result<(), BlobStoreError> {
        let mut intake = self.intake(Kind::Model, None);
        intake.write(bytes)?;
        intake.keep_model(id)
    }

    /// Removes what has been here for longer than its age without being referred to. `refers` is asked for every blob by name.
    ///
    /// # Errors
    /// If the file system refuses; what could not be removed is tried again next time.
    pub fn sweep(&self, kind: Kind, now: Instant, refers: impl Fn(&str) -> bool) -> Result<(), BlobStoreError> {
        let mut shelf = self.shelf(kind);
        for name in shelf.stale(now, self.age, refers) {
            self.remove(kind, &name)?;
            shelf.removed(&name);
        }
        Ok(())
    }

    /// Removes a blob's file, while the caller holds the shelf: nobody gives the name to another one meanwhile.
    fn remove(&self, kind: Kind, name: &str) -> Result<(), BlobStoreError> {
        let path = self.path(kind, name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(BlobStoreError::Io { path, source }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Counts bytes that are about to be written, and removes what makes room for them.
    fn reserve(&self, kind: Kind, client: Option<&Client>, bytes: u64) -> Result<(), BlobStoreError> {
        let full = |source| BlobStoreError::Full { kind: kind.word(), source, age: self.age };
        let mut shelf = self.shelf(kind);
        let evicted = shelf.reserve(client, bytes).map_err(full)?;
        evicted.iter().try_for_each(|name| self.remove(kind, name))
    }

    /// Whether a blob of this name is here with its checksum right, and makes it as good as new. The file is read once for each time
    /// it is written.
    #[must_use]
    pub fn holds(&self, kind: Kind, name: &str) -> bool {
        let path = self.path(kind, name);
        let Ok(mark) = mark(&path) else { return false };
        let known = self.shelf(kind).intact(name);
        if known != Some(mark) {
            let is_intact = read(&path).is_ok();
            self.shelf(kind).checked(name, is_intact.then_some(mark));
            if !is_intact {
                return false;
            }
        }
        self.shelf(kind).touch(name, Instant::now());
        true
    }

    fn shelf(&self, kind: Kind) -> MutexGuard<'_, Shelf> {
        let shelf = match kind {
            Kind::Model => &self.models,
            Kind::Input => &self.inputs,
        };
        shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, kind: Kind, name: &str) -> PathBuf {
        self.directory.join(kind.folder()).join(name)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the standard library's")]
    fn get(&self, kind: Kind, name: String) -> Result<Vec<u8>, BlobError> {
        let what = kind.word();
        read(&self.path(kind, &name)).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => BlobError::Missing { what, name },
            io::ErrorKind::InvalidData => {
                self.shelf(kind).checked(&name, None);
                BlobError::Damaged { what, name, reason: e.to_string() }
            }
            // Descriptors, memory, a disk: our own trouble says nothing of the blob.
            _ => BlobError::Unreadable { what, name, reason: e.to_string() },
        })
    }
}

impl Blobs for BlobStore {
    fn model(&self, id: ModelId) -> Result<Vec<u8>, BlobError> {
        self.get(Kind::Model, id.to_string())
    }

    fn input(&self, hash: Hash32) -> Result<Vec<u8>, BlobError> {
        self.get(Kind::Input, hash.to_string())
    }
}

/// How the file of an unfinished upload ends. No blob's name does.
const PART: &str = ".part";

/// A blob on its way in. Dropping it leaves nothing behind. Holds no file open between writes, so that however many slow
/// uploads there are, none takes a descriptor.
pub struct Intake {
    store: BlobStore,
    kind: Kind,
    client: Option<Client>,
    part: PathBuf,
    checksum: Hasher,
    /// The name, if this is an input.
    name: Hasher,
    /// Bytes that came.
    received: u64,
    /// Bytes that are charged for them.
    reserved: u64,
    is_kept: bool,
}

impl Intake {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`BlobStoreError::Full`] if there is no room for them; [`BlobStoreError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobStoreError> {
        self.reserve(bytes.len() as u64)?;
        let is_new = !self.part.exists();
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(&self.part);
        let written = file.and_then(|mut file| {
            if is_new {
                file.write_all(&[0; CHECKSUM_BYTES])?;
            }
            file.write_all(bytes)
        });
        written.map_err(|source| self.io_error(source))?;
        self.checksum.update(bytes);
        self.name.update(bytes);
        Ok(())
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), BlobStoreError> {
        let received = self.received.saturating_add(bytes);
        let charge = received.max(BLOB_CHARGE_MIN);
        self.store.reserve(self.kind, self.client.as_ref(), charge - self.reserved)?;
        (self.received, self.reserved) = (received, charge);
        Ok(())
    }

    /// What came so far.
    ///
    /// # Errors
    /// [`BlobStoreError::Io`].
    pub fn read_back(&self) -> Result<Vec<u8>, BlobStoreError> {
        let mut content = std::fs::read(&self.part).map_err(|source| self.io_error(source))?;
        content.drain(..CHECKSUM_BYTES.min(content.len()));
        Ok(content)
    }

    /// Keeps the input and says its hash. Durable once this returns.
    ///
    /// # Errors
    /// [`BlobStoreError::Io`].
    pub fn keep_input(self) -> Result<Hash32, BlobStoreError> {
        let name = self.name.clone().finish();
        self.keep(&name.to_string())?;
        Ok(name)
    }

    /// Keeps the model under an id that the caller has checked. Durable once this returns.
    ///
    /// # Errors
    /// [`BlobStoreError::Io`].
    pub fn keep_model(self, id: ModelId) -> Result<(), BlobStoreError> {
        self.keep(&id.to_string())
    }

    fn keep(mut self, name: &str) -> Result<(), BlobStoreError> {
        let path = self.store.path(self.kind, name);
        self.seal().map_err(|source| self.io_error(source))?;
        let store = self.store.clone();
        let mut shelf = store.shelf(self.kind);
        std::fs::rename(&self.part, &path).map_err(|source| self.io_error(source))?;
        self.is_kept = true;
        shelf.release(self.client.as_ref(), self.reserved);
        shelf.kept(name, self.client.clone(), self.reserved, Instant::now());
        drop(shelf);
        flush_directory(&path).map_err(|source| self.io_error(source))
    }

    /// Writes the checksum in front.
    fn seal(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(&self.part)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&self.checksum.clone().finish().0)?;
        file.sync_all()
    }

    fn io_error(&self, source: io::Error) -> BlobStoreError {
        BlobStoreError::Io { path: self.part.clone(), source }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if !self.is_kept {
            self.store.shelf(self.kind).release(self.client.as_ref(), self.reserved);
            // Nothing was written yet, or the next start removes it.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

fn mark(path: &Path) -> io::Result<Mark> {
    let file = std::fs::metadata(path)?;
    Ok((file.len(), file.modified()?))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    io::Read::read_to_end(&mut File::open(path)?, &mut content)?;
    let Some((checksum, bytes)) = content.split_first_chunk::<CHECKSUM_BYTES>() else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is cut short"));
    };
    if hash(BLOB_DOMAIN, bytes).0 != *checksum {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the content does not match its checksum"));
    }
    content.drain(..CHECKSUM_BYTES);
    Ok(content)
}
