//! Models and inputs on disk.
//!
//! A blob's file begins with the hash of the rest, so a damaged one is noticed at every read and counts as absent. An input's
//! name is its own hash; a model's name is its id, which whoever computes with it checks by committing to the weights again.

use crate::durable::{Access, replace};
use ciro_crypto::hash;
use ciro_state::input_hash;
use ciro_types::{Hash32, ModelId};
use ciro_worker::{BlobError, Blobs};
use std::io;
use std::path::{Path, PathBuf};

const BLOB_DOMAIN: &str = "ciro/blob/v1";

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
}

/// A directory of blobs. Shared by threads; one process at a time.
#[derive(Clone, Debug)]
pub struct BlobStore {
    directory: PathBuf,
}

impl BlobStore {
    /// Opens or creates the store in `directory`.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn open(directory: &Path) -> Result<Self, BlobStoreError> {
        let store = Self { directory: directory.to_path_buf() };
        for kind in ["models", "inputs"] {
            let path = store.directory.join(kind);
            std::fs::create_dir_all(&path).map_err(|source| BlobStoreError::Io { path, source })?;
        }
        Ok(store)
    }

    /// Stores a raw input's canonical bytes. Durable once this returns.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn put_input(&self, bytes: &[u8]) -> Result<Hash32, BlobStoreError> {
        let name = input_hash(bytes);
        self.put(&self.path("inputs", &name.to_string()), bytes)?;
        Ok(name)
    }

    /// Stores a model's canonical bytes under an id that the caller has checked. Durable once this returns.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn put_model(&self, id: ModelId, bytes: &[u8]) -> Result<(), BlobStoreError> {
        self.put(&self.path("models", &id.to_string()), bytes)
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), BlobStoreError> {
        if read(path).is_ok_and(|stored| stored == bytes) {
            return Ok(());
        }
        let mut content = hash(BLOB_DOMAIN, bytes).0.to_vec();
        content.extend_from_slice(bytes);
        replace(path, &content, Access::Shared)
            .map_err(|source| BlobStoreError::Io { path: path.to_path_buf(), source })
    }

    fn path(&self, kind: &str, name: &str) -> PathBuf {
        self.directory.join(kind).join(name)
    }

    fn get(&self, kind: &'static str, what: &'static str, name: String) -> Result<Vec<u8>, BlobError> {
        read(&self.path(kind, &name)).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => BlobError::Missing { what, name },
            // What the checksum refuses.
            io::ErrorKind::InvalidData => BlobError::Damaged { what, name, reason: e.to_string() },
            _ => BlobError::Unreadable { what, name, reason: e.to_string() },
        })
    }
}

impl Blobs for BlobStore {
    fn model(&self, id: ModelId) -> Result<Vec<u8>, BlobError> {
        self.get("models", "model", id.to_string())
    }

    fn input(&self, hash: Hash32) -> Result<Vec<u8>, BlobError> {
        self.get("inputs", "input", hash.to_string())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = std::fs::read(path)?;
    let Some((checksum, bytes)) = content.split_first_chunk::<32>() else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is cut short"));
    };
    if hash(BLOB_DOMAIN, bytes).0 != *checksum {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the content does not match its checksum"));
    }
    content.drain(..32);
    Ok(content)
}
