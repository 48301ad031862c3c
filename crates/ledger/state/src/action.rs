//! What can be asked of the ledger.
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

use crate::job::{DeclineReason, FailReason};
use crate::lease::{Authority, SignedLease};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, Hash32, JobId, JobSpec, ModelId, ModelRoots, Offer};

/// One request, by the component that it is for. Components and their actions are encoded by position: new ones are appended, none is
/// reordered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// What an account asks about its money.
    Token(TokenAction),
    /// What an owner asks about a model.
    Model(ModelAction),
    /// What a worker asks about its stake and its offer.
    Worker(WorkerAction),
    /// What is asked about a job, by its client or by those who serve it.
    Job(JobAction),
    /// What is reported of validators.
    Validator(ValidatorAction),
}

/// What an account asks about its money.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TokenAction {
    /// Moves `amount` from the sender to `to`.
    Transfer {
        /// Who receives.
        to: AccountId,
        /// How much, above zero.
        amount: Amount,
    },
}

impl From<TokenAction> for Action {
    fn from(action: TokenAction) -> Self {
        Self::Token(action)
    }
}

/// What an owner asks about a model.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ModelAction {
    /// Publishes a compiled model, for a deposit by its size. Idempotent: the model's id is the hash of both fields.
    Register {
        /// Public part of the integer program, judged by a [`crate::ProofCheck`].
        program: Vec<u8>,
        /// Its key and its weights.
        roots: ModelRoots,
    },
    /// Withdraws the sender's model. No job may be ordered on it from then on; once the last one is forgotten, the row goes
    /// and its deposit returns to the sender.
    Remove {
        /// The model.
        model: ModelId,
    },
}

impl From<ModelAction> for Action {
    fn from(action: ModelAction) -> Self {
        Self::Model(action)
    }
}

/// What a worker asks about its stake and its offer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum WorkerAction {
    /// Makes the sender a worker with an initial stake.
    Register {
        /// Moved from the balance; at least the minimum stake.
        stake: Amount,
    },
    /// Adds to the sender's worker stake. Unbonding already under way keeps its release heights.
    AddStake {
        /// Moved from the balance, above zero.
        amount: Amount,
    },
    /// Starts the unstaking delay for a part of the stake. That part stays slashable until it is withdrawn.
    RequestUnstake {
        /// How much of the stake, above zero.
        amount: Amount,
    },
    /// Returns every part of the stake whose delay is over to the balance.
    WithdrawStake,
    /// Replaces the sender's standing offer.
    PublishOffer {
        /// The offer; its worker is the sender.
        offer: Offer,
    },
}

impl From<WorkerAction> for Action {
    fn from(action: WorkerAction) -> Self {
        Self::Worker(action)
    }
}

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
        /// [`commitment`] of the job, the sender, the output hash and a secret salt.
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

impl From<JobAction> for Action {
    fn from(action: JobAction) -> Self {
        Self::Job(action)
    }
}

/// What is reported of validators.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ValidatorAction {
    /// Shows that a validator signed two conflicting consensus messages. Anyone may.
    ReportEquivocation {
        /// Opaque here; judged by an [`crate::EvidenceCheck`].
        evidence: Vec<u8>,
    },
}

impl From<ValidatorAction> for Action {
    fn from(action: ValidatorAction) -> Self {
        Self::Validator(action)
    }
}
