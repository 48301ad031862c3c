//! Showing one row of the state, or its absence, to somebody who knows only the state root of a certified header.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::Hasher;
use ciro_types::StateRoot;
use jmt::proof::SparseMerkleProof;
use jmt::{KeyHash, RootHash, SimpleHasher};

const TREE_DOMAIN: &str = "ciro/state/tree/v1";

/// The tree's hash function: ours, under one domain. The tree separates leaves from inner nodes itself.
pub(crate) struct TreeHasher(Hasher);

impl SimpleHasher for TreeHasher {
    fn new() -> Self {
        Self(Hasher::new(TREE_DOMAIN))
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self) -> [u8; 32] {
        self.0.finish().0
    }
}

pub(crate) fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(TreeHasher::hash(key))
}

/// A path from one row, or from the place where it would be, to the root.
#[derive(Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct StateProof(pub(crate) SparseMerkleProof<TreeHasher>);

/// Why a proof does not show its row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state proof refused: {reason}")]
pub struct StateProofError {
    /// For people.
    pub reason: String,
}

impl StateProof {
    /// Checks that under `root` the row of `key` is `value`, or that there is none. `root` is the `state_root` of the
    /// header *after* the block that wrote the row.
    ///
    /// # Errors
    /// [`StateProofError`] if the path shows something else.
    pub fn verify(&self, root: StateRoot, key: &[u8], value: Option<&[u8]>) -> Result<(), StateProofError> {
        let refuse = |reason: String| StateProofError { reason };
        self.0.verify(RootHash(root.0), key_hash(key), value).map_err(|error| refuse(error.to_string()))
    }
}

impl std::fmt::Debug for StateProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
