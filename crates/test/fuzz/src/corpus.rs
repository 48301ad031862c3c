//! What libFuzzer found worth keeping: inputs that reach much of a target together, in one file for each target in `fuzz/kept`.
//!
//! They are bytes of formats that change, and a corpus of a format that is gone reaches nothing but the decoder. [`Kept::read`] counts
//! what is still read, so that a test can say when to make them anew.

use borsh::BorshDeserialize;
use ciro_auditor::statement::STATEMENT_BYTES_MAX;
use ciro_forge::Answer;
use ciro_graph::{Model, Program};
use ciro_receipt::{Receipt, SampleReceipt, receipt::RECEIPT_BYTES_MAX};
use ciro_types::{decode, encode};
use std::path::{Path, PathBuf};

use crate::seeds;

/// Most bytes of a target's file: a repository keeps every version of it.
pub const BYTES_MAX: usize = 400 << 10;

/// Inputs of one target.
#[derive(Clone, Copy)]
pub struct Kept {
    /// The target.
    pub target: &'static str,
    /// Whether a target gets further than to decode its input.
    is_read: fn(&[u8]) -> bool,
}

/// The targets that search longest: what `ciro verify` does, and what it costs.
pub const KEPT: [Kept; 3] = [
    Kept { target: "program_cost", is_read: is::<Program> },
    Kept { target: "verify_file", is_read: is_file },
    Kept { target: "whole", is_read: is::<(Model, u64)> },
];

fn is<T: BorshDeserialize>(bytes: &[u8]) -> bool {
    decode::<T>(bytes, STATEMENT_BYTES_MAX).is_ok()
}

/// By its first byte, as [`crate::targets::verify_file`] takes it.
fn is_file(bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return false };
    match kind % seeds::FILES {
        0 => Receipt::from_bytes(rest).is_ok() || SampleReceipt::from_bytes(rest).is_ok(),
        1 => decode::<Receipt>(rest, RECEIPT_BYTES_MAX).is_ok(),
        2 => decode::<SampleReceipt>(rest, RECEIPT_BYTES_MAX).is_ok(),
        _ => decode::<Answer>(rest, STATEMENT_BYTES_MAX).is_ok(),
    }
}

impl Kept {
    fn file(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/kept").join(self.target)
    }

    /// The inputs, the shortest first.
    ///
    /// # Panics
    /// If the file is not there, or is no list of inputs.
    #[must_use]
    pub fn load(&self) -> Vec<Vec<u8>> {
        let file = self.file();
        let bytes = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        decode(&bytes, usize::MAX).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }

    /// Writes inputs to the file: the shortest, as many as fit [`BYTES_MAX`].
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn store(&self, mut inputs: Vec<Vec<u8>>) {
        inputs.sort_by_key(|input| (input.len(), input.clone()));
        let mut bytes = 0;
        inputs.retain(|input| {
            bytes += input.len();
            bytes <= BYTES_MAX
        });
        std::fs::write(self.file(), encode(&inputs)).unwrap_or_else(|e| panic!("{}: {e}", self.file().display()));
    }

    /// How many of these are read as what they stand for.
    #[must_use]
    pub fn read(&self, inputs: &[Vec<u8>]) -> usize {
        inputs.iter().filter(|input| (self.is_read)(input)).count()
    }
}
