//! What opens a committed input or output: to be given to whom it should be shown.
//!
//! A file is `CIRO-OPENING` and a version byte, then [`crate::file`]. It is a secret: whoever has it can read the value.

use crate::file::{FileKind, FormatError};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_auditor::Part;
use ciro_types::{Hash32, ModelId};

/// Largest opening file, bytes.
pub const OPENING_BYTES_MAX: usize = 1 << 28;

const KIND: FileKind = FileKind {
    name: "opening",
    magic: b"CIRO-OPENING\x01",
    checksum_domain: "ciro/opening/checksum/v1",
    bytes_max: OPENING_BYTES_MAX,
};

/// The integers behind a commitment, and the seed of its salts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Opening {
    /// The model that was run.
    pub model: ModelId,
    /// What of the inference.
    pub part: Part,
    /// The seed of the commitment's salts.
    pub salts: Hash32,
    /// One vector per input or output, as the program's ingest and outputs define them.
    pub values: Vec<Vec<i64>>,
}

impl Opening {
    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        KIND.write(self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`FormatError`] for anything that [`Opening::to_bytes`] did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        KIND.read(bytes)
    }
}
