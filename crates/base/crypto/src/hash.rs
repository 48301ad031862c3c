//! Blake2s-256 with domain separation.

use alloc::vec::Vec;
use blake2::{Blake2s256, Digest};
use borsh::BorshSerialize;
use ciro_types::Hash32;

/// An incremental hash under one domain label.
#[derive(Clone)]
pub struct Hasher(Blake2s256);

impl Hasher {
    /// Starts a hash under `domain`. The label is length-prefixed, so no label is a prefix of another's input.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        let mut inner = Blake2s256::new();
        inner.update(u64::try_from(domain.len()).unwrap_or(u64::MAX).to_le_bytes());
        inner.update(domain.as_bytes());
        Self(inner)
    }

    /// Absorbs bytes. The caller fixes lengths or prefixes them.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Hash32 {
        Hash32(self.0.finalize().into())
    }
}

/// Hash of `bytes` under `domain`.
#[must_use]
pub fn hash(domain: &str, bytes: &[u8]) -> Hash32 {
    let mut hasher = Hasher::new(domain);
    hasher.update(bytes);
    hasher.finish()
}

/// Hash of the canonical encoding of `value` under `domain`.
#[must_use]
pub fn hash_encoded<T: BorshSerialize + ?Sized>(domain: &str, value: &T) -> Hash32 {
    let bytes: Vec<u8> = ciro_types::encode(value);
    hash(domain, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_separate_even_when_label_and_input_concatenate_equally() {
        assert_ne!(hash("ab", b"c"), hash("a", b"bc"));
    }
}
