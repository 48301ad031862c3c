//! The digest by which a compiled folder names its files.

use crate::Program;
use ciro_crypto::hash;
use ciro_types::{Hash32, encode};

/// The domain of digests of compiled files.
pub const FILE_DOMAIN: &str = "ciro/compiled-file/v1";

impl Program {
    /// The digest of its canonical bytes, which are those of `program.bin`.
    #[must_use]
    pub fn digest(&self) -> Hash32 {
        hash(FILE_DOMAIN, &encode(self))
    }
}
