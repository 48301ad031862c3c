//! What can be asked of this component.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use crate::component::job::lease::{Authority, SignedLease};
use crate::component::job::row::{DeclineReason, FailReason};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{Hash32, JobId, JobSpec};

/// What is asked about a job, by its client or by those who serve it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum JobAction {
    /// Orders a job and moves its `max_price` into escrow. The same spec again is absorbed without a second charge.
    Submit {
        /// The order; its client is the sender.
        spec: JobSpec,
    },
    /// Withdraws the sender's own job. Takes effect once every lease that may be out has run out.
    Cancel {
        /// The job.
        job: JobId,
    },
    /// Answers an A0 job (empty proof: the signed transaction is the signed answer) or an A4 job (full proof).
    Settle {
        /// By what right.
        authority: Authority,
        /// The canonical raw input; its hash must be the spec's.
        input: Vec<u8>,
        /// The canonical raw output.
        output: Vec<u8>,
        /// The proof, empty exactly at A0.
        proof: Vec<u8>,
    },
    /// Takes a seat in an A2 job by committing to an answer nobody else can see.
    Commit {
        /// By what right.
        authority: Authority,
        /// [`commitment`](crate::commitment) of the job, the sender, the output hash and a secret salt.
        commitment: Hash32,
    },
    /// Opens a commitment, once every seat of the round is taken.
    Reveal {
        /// The job.
        job: JobId,
        /// The canonical raw input; its hash must be the spec's.
        input: Vec<u8>,
        /// The canonical raw output.
        output: Vec<u8>,
        /// The salt of the commitment.
        salt: Hash32,
    },
    /// Hands an unused lease back: this worker cannot serve the job. No penalty.
    Abandon {
        /// The lease; its worker is the sender.
        lease: SignedLease,
        /// Why.
        reason: DeclineReason,
    },
    /// Says that nobody can serve the job, and hands the lease back. A quorum of workers refunds the client.
    Fail {
        /// The lease; its worker is the sender.
        lease: SignedLease,
        /// Why.
        reason: FailReason,
    },
    /// Shows that a lease ran out unused while its job was open. Anyone who holds the lease may.
    ReportTimeout {
        /// The expired lease.
        lease: SignedLease,
    },
}
