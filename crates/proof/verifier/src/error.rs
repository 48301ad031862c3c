//! Why a proof is rejected.

use ciro_pcs::PcsError;
use ciro_relation::{Misfit, TooCostly};
use ciro_transcript::ReadError;
use ciro_types::DecodeError;

/// Why bytes are no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// They are not canonical.
    #[error("key: {0}")]
    Decode(#[from] DecodeError),
    /// Parts of the relation do not fit one another.
    #[error("key: {0}")]
    Misfit(#[from] Misfit),
    /// Reading them, or verifying proofs, takes too much.
    #[error("key: {0}")]
    TooCostly(#[from] TooCostly),
}

/// The phase that rejects. Tamper tests name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Program, input or output are not well formed, or do not fit one another.
    Statement,
    /// The proof's bytes are not a sequence of canonical messages of the expected lengths.
    Encoding,
    /// A tuple is not a row of its table.
    Lookup,
    /// A constraint does not vanish.
    Constraints,
    /// A product is wrong.
    Products,
    /// A gathered column is not what was picked.
    Gathers,
    /// Claimed evaluations contradict one another.
    Batch,
    /// Claimed evaluations contradict the commitments.
    Opening,
}

/// Why a proof is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The output's shape does not fit the program.
    #[error("output {output}: expected {expected} integers in range, got {got}")]
    Output {
        /// Which output.
        output: usize,
        /// Elements the program produces.
        expected: usize,
        /// Elements given (or, for a label, the index given).
        got: usize,
    },
    /// An input cannot have these integers.
    #[error("input {input}: expected {expected} integers that an input gives, got {got}")]
    Integers {
        /// Which input.
        input: usize,
        /// Integers of the input's value.
        expected: usize,
        /// Integers given.
        got: usize,
    },
    /// The batch has no such sample.
    #[error("sample: expected a number below {below}, got {got}")]
    Sample {
        /// Samples of the batch.
        below: u32,
        /// The number.
        got: u32,
    },
    /// The statement shows more or less than the program says.
    #[error("{what}: expected it to be {expected}, got one that is {got}")]
    Shown {
        /// Input or output.
        what: &'static str,
        /// What the program says.
        expected: &'static str,
        /// What the statement does.
        got: &'static str,
    },
    /// The proof is shorter or longer than any of its kind.
    #[error("proof: expected {least} to {most} bytes, got {got}")]
    ProofLength {
        /// Bytes that each has.
        least: usize,
        /// Bytes that none exceeds.
        most: usize,
        /// Bytes given.
        got: usize,
    },
    /// The proof's bytes could not be read.
    #[error("proof: {0}")]
    Read(#[from] ReadError),
    /// The fractions of lookups and tables do not sum to zero.
    #[error("lookup: some looked-up row is in no table")]
    LookupSum,
    /// A layer of the lookup circuit contradicts the layer above.
    #[error("lookup: layer {layer} contradicts the layer above")]
    LookupLayer {
        /// Layer, the root's children being 1.
        layer: usize,
    },
    /// The leaves of the lookup circuit contradict the columns.
    #[error("lookup: the leaves contradict the columns")]
    LookupLeaves,
    /// The constraints do not vanish.
    #[error("constraints: some constraint does not vanish")]
    Constraints,
    /// The products do not hold.
    #[error("products: some product does not hold")]
    Products,
    /// The gathered columns are not what was picked.
    #[error("gathers: some gathered column is not what was picked")]
    Gathers,
    /// A claim on a column that is not committed was left to the batch: the relation is not well formed.
    #[error("batch: a claim is left that no phase discharges")]
    Undischarged,
    /// The claims do not reduce to the claimed values.
    #[error("batch: claimed evaluations contradict one another")]
    Batch,
    /// The opening fails.
    #[error("{0}")]
    Opening(PcsError),
}

impl VerifyError {
    /// The phase that rejected.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::Integers { .. } | Self::Output { .. } | Self::Sample { .. } | Self::Shown { .. } => Phase::Statement,
            Self::ProofLength { .. } | Self::Read(_) | Self::Opening(PcsError::Read(_)) => Phase::Encoding,
            Self::LookupSum | Self::LookupLayer { .. } | Self::LookupLeaves => Phase::Lookup,
            Self::Constraints => Phase::Constraints,
            Self::Products => Phase::Products,
            Self::Gathers => Phase::Gathers,
            Self::Undischarged | Self::Batch => Phase::Batch,
            Self::Opening(_) => Phase::Opening,
        }
    }
}
