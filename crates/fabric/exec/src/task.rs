//! What is computed, what comes of it, and whose fault it is if nothing does.

use crate::blobs::BlobError;
use ciro_state::{DeclineReason, FailReason, job_id};
use ciro_types::{AccountId, JobId, JobSpec, JobType};

/// One job to compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The order.
    pub spec: JobSpec,
    /// For whom the proof is made.
    pub worker: AccountId,
}

impl Task {
    /// The job's id. Cost: one hash.
    #[must_use]
    pub fn job(&self) -> JobId {
        job_id(&self.spec)
    }
}

/// A computed answer in canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The raw input it answers.
    pub input: Vec<u8>,
    /// The raw output.
    pub output: Vec<u8>,
    /// The proof; empty below A4.
    pub proof: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing on this machine runs jobs of this type.
    #[error("no executor runs jobs of type {job_type:?}")]
    Unsupported {
        /// What was asked for.
        job_type: JobType,
    },
    /// The input could not be had.
    #[error("the input is not available")]
    Input(#[source] BlobError),
    /// The model could not be had.
    #[error("the model is not available")]
    Model(#[source] BlobError),
    /// The input does not fit the model.
    #[error("the model does not accept the input: {reason}")]
    Refused {
        /// What the model said.
        reason: String,
    },
    /// The program runs but cannot be proven.
    #[error("the answer cannot be proven: {reason}")]
    Unprovable {
        /// What the prover said.
        reason: String,
    },
    /// The ledger takes no answer of this length.
    #[error("the {what} is too long for the network: expected at most {expected} bytes, got {got}")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// The limit, bytes.
        expected: u32,
        /// The part's length, bytes.
        got: usize,
    },
    /// Our own proof does not verify: a fault of this machine. Never submitted.
    #[error("this worker's own proof does not verify: {reason}")]
    SelfCheck {
        /// What the verifier said.
        reason: String,
    },
}

/// Whose fault a failure is, and what the ledger is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The job's: nobody can answer it.
    Job(FailReason),
    /// The job's as long as its client does not bring what is missing.
    Absent(FailReason),
    /// This machine's: another one may answer it, and so may this one later or never.
    Machine(DeclineReason),
}

impl Failure {
    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Input(error) | Self::Model(error) if error.is_local() => Fault::Machine(DeclineReason::Impaired),
            Self::Input(_) => Fault::Absent(FailReason::InputUnavailable),
            Self::Model(_) => Fault::Absent(FailReason::ModelUnavailable),
            Self::Refused { .. } => Fault::Job(FailReason::InputInvalid),
            Self::Unprovable { .. } | Self::TooLong { .. } => Fault::Job(FailReason::ModelInvalid),
            Self::SelfCheck { .. } | Self::Unsupported { .. } => Fault::Machine(DeclineReason::Unsuitable),
        }
    }
}
