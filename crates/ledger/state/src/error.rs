//! Why a transaction was refused. A refused transaction leaves nothing behind but its fee and its spent nonce.

use crate::check::ProofCost;
use crate::component::job::row::JobStatus;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, Assurance, ChainId, Hash32, Height, JobId, JobType, LeaseToken, ModelId};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A part of a transaction that has a size limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub enum SizedField {
    /// [`crate::Params::max_program_bytes`].
    Program,
    /// [`crate::Params::max_input_bytes`].
    Input,
    /// [`crate::Params::max_output_bytes`].
    Output,
    /// [`crate::Params::max_proof_bytes`].
    Proof,
    /// [`crate::Params::max_evidence_bytes`].
    Evidence,
    /// [`crate::Params::max_label_bytes`].
    Label,
}

impl fmt::Display for SizedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Program => "program",
            Self::Input => "input",
            Self::Output => "output",
            Self::Proof => "proof",
            Self::Evidence => "evidence",
            Self::Label => "offer label",
        })
    }
}

/// A height that must lie in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub enum TimedField {
    /// A job's deadline.
    Deadline,
    /// An offer's expiry.
    OfferExpiry,
    /// A lease's expiry.
    LeaseExpiry,
}

impl fmt::Display for TimedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "job deadline",
            Self::OfferExpiry => "offer expiry",
            Self::LeaseExpiry => "lease expiry",
        })
    }
}

/// Why a transaction was refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", rename_all_fields = "snake_case")]
#[expect(missing_docs, reason = "every field is named in the variant's message")]
pub enum TxError {
    /// Signed for another network.
    #[error("wrong network: expected {expected}, got {got}")]
    WrongChain { expected: ChainId, got: ChainId },
    /// The sender did not sign this.
    #[error("the signature does not verify for sender {sender}")]
    BadSignature { sender: AccountId },
    /// The scheduler did not sign this lease.
    #[error("lease {token} is not signed by scheduler {scheduler}")]
    BadLeaseSignature { scheduler: AccountId, token: LeaseToken },
    /// A part is longer than the network allows.
    #[error("{field} too long: expected at most {expected} bytes, got {got}")]
    TooLarge { field: SizedField, expected: u64, got: u64 },
    /// An amount that must be positive is zero.
    #[error("expected an amount above zero")]
    ZeroAmount,
    /// The client, worker or lease holder named inside is not the sender.
    #[error("expected sender {expected}, got {got}")]
    WrongSender { expected: AccountId, got: AccountId },
    /// No executor for this kind of work yet.
    #[error("job type {got:?} has no executor yet; expected AIInference")]
    UnsupportedJobType { got: JobType },
    /// A reputation bound outside 0–1000.
    #[error("required reputation: expected at most {expected}, got {got}")]
    ReputationOutOfRange { expected: u16, got: u16 },
    /// An offer for no job at a time.
    #[error("an offer needs at least one slot")]
    NoSlots,
    /// The model was never registered.
    #[error("model {model} is not registered")]
    UnknownModel { model: ModelId },
    /// The job was never ordered, or ended long ago.
    #[error("job {job} is unknown")]
    UnknownJob { job: JobId },
    /// The job is already paid or refunded.
    #[error("job {job} has ended: {status:?}")]
    JobClosed { job: JobId, status: JobStatus },
    /// This action belongs to another rung.
    #[error("this action does not answer a job at assurance {got:?}")]
    WrongAssurance { got: Assurance },
    /// The input is not the one that was ordered.
    #[error("input hash: expected {expected}, got {got}")]
    WrongInput { expected: Hash32, got: Hash32 },
    /// An A4 answer without a proof.
    #[error("job {job} is ordered at A4: expected a proof, got none")]
    ProofMissing { job: JobId },
    /// An A0 answer with bytes that nobody would check.
    #[error("job {job} is ordered at A0: expected no proof, got {got} bytes")]
    ProofUnexpected { job: JobId, got: u64 },
    /// The proof does not verify.
    #[error("proof rejected: {reason}")]
    ProofRejected { reason: String },
    /// The program is malformed, or no proof about it could be verified.
    #[error("model rejected: {reason}")]
    ModelRejected { reason: String },
    /// Verifying a proof of the model would hold every validator up.
    #[error(
        "a proof of this model takes {} units and {} bytes to verify, expected at most {} and {}",
        .got.units, .got.memory, .expected.units, .expected.memory
    )]
    ModelTooCostly { expected: ProofCost, got: ProofCost },
    /// Its owner has withdrawn the model.
    #[error("model {model} is being removed")]
    ModelRetired { model: ModelId },
    /// The evidence convicts nobody.
    #[error("evidence rejected: {reason}")]
    EvidenceRejected { reason: String },
    /// Not enough money.
    #[error("balance of {account}: expected at least {expected}, got {got}")]
    InsufficientBalance { account: AccountId, expected: Amount, got: Amount },
    /// Not enough active stake to take out that much.
    #[error("stake of {worker}: expected at least {expected}, got {got}")]
    InsufficientStake { worker: AccountId, expected: Amount, got: Amount },
    /// Not a worker.
    #[error("{worker} is not a registered worker")]
    UnknownWorker { worker: AccountId },
    /// Already a worker.
    #[error("{worker} is already a registered worker; add stake instead")]
    WorkerExists { worker: AccountId },
    /// The stake is below the network's minimum.
    #[error("stake of {worker}: expected at least the minimum of {expected}, got {got}")]
    StakeBelowMinimum { worker: AccountId, expected: Amount, got: Amount },
    /// Too many parts of the stake are on their way out.
    #[error("withdrawals under way: expected at most {expected}, withdraw the released ones first")]
    TooManyUnbondings { expected: u64 },
    /// No part of the stake has been released yet.
    #[error("nothing to withdraw yet{}", .next.map_or_else(String::new, |height| format!("; next release at height {height}")))]
    NothingReleased { next: Option<Height> },
    /// The offer is not newer than the last one.
    #[error("offer sequence: expected above {expected}, got {got}")]
    StaleOffer { expected: u64, got: u64 },
    /// No standing offer says at what price this worker works without a lease.
    #[error("{worker} has no standing offer")]
    NoOffer { worker: AccountId },
    /// A height outside the range that is accepted now.
    #[error("{field}: expected a height from {earliest} to {latest}, got {got}")]
    HeightOutOfRange { field: TimedField, earliest: Height, latest: Height, got: Height },
    /// The job cannot pay its workers the network's minimum and the fee.
    #[error("maximum price: expected at least {expected}, got {got}")]
    PriceBelowMinimum { expected: Amount, got: Amount },
    /// The price of an offer or a lease is below the network's minimum.
    #[error("price of one worker: expected at least {expected}, got {got}")]
    AskBelowMinimum { expected: Amount, got: Amount },
    /// There is too little stake behind the offer.
    #[error("slots of an offer: expected at most {expected}, which the stake backs, got {got}")]
    TooManySlots { expected: u64, got: u16 },
    /// The worker asks for more than the job can pay after the fee.
    #[error("price of one worker: expected at most {expected}, got {got}")]
    PriceAboveMaximum { expected: Amount, got: Amount },
    /// A worker has committed to the job.
    #[error("job {job} is being answered by {seats} committed workers")]
    JobInProgress { job: JobId, seats: u64 },
    /// The client has asked to withdraw the job.
    #[error("job {job} is being cancelled at height {at}")]
    JobCancelling { job: JobId, at: Height },
    /// The job may be answered without a lease only later.
    #[error("job {job} needs a lease until height {open_from}, the block is at {height}")]
    LeaseRequired { job: JobId, open_from: Height, height: Height },
    /// The worker does not meet the job's requirements.
    #[error("worker {worker} does not meet the requirements of job {job}")]
    RequirementsNotMet { job: JobId, worker: AccountId },
    /// Other workers drew the lot to answer this job without a lease.
    #[error("worker {worker} may not take a seat of job {job} without a lease now: others were drawn")]
    NotDrawn { job: JobId, worker: AccountId },
    /// The stake is too small for one more seat.
    #[error("stake of {worker} for all its open seats: expected at least {expected}, got {got}")]
    SeatNotCovered { worker: AccountId, expected: Amount, got: Amount },
    /// The lease ended before its worker could have used it.
    #[error("lease {token} ended at height {got}, before {expected}: nobody could have used it")]
    LeaseNeverRan { token: LeaseToken, expected: Height, got: Height },
    /// The worker's failure is noted already.
    #[error("{worker} is known to have let job {job} lapse")]
    TimeoutKnown { job: JobId, worker: AccountId },
    /// The lease has run out.
    #[error("lease {token} was void from height {expires}, the block is at {height}")]
    LeaseExpired { token: LeaseToken, expires: Height, height: Height },
    /// The lease still runs.
    #[error("lease {token} runs until height {expires}, the block is at {height}")]
    LeaseStillValid { token: LeaseToken, expires: Height, height: Height },
    /// A newer lease, or a fenced one, makes this token void.
    #[error("stale fencing token: expected above {expected}, got {got}")]
    StaleToken { expected: LeaseToken, got: LeaseToken },
    /// This token was already presented.
    #[error("fencing token {token} was already used for job {job} by {worker}")]
    TokenUsed { token: LeaseToken, job: JobId, worker: AccountId },
    /// The round has all its workers.
    #[error("job {job} has the workers it wants; reveals are due by height {reveal_by}")]
    RoundFull { job: JobId, reveal_by: Height },
    /// One worker, one answer.
    #[error("{worker} has a seat in job {job} already, or lost it")]
    AlreadySeated { job: JobId, worker: AccountId },
    /// A reveal window would not fit before the deadline.
    #[error("too late to commit: expected at most height {latest}, the block is at {height}")]
    TooLateToCommit { latest: Height, height: Height },
    /// The sender has no seat.
    #[error("{worker} has no seat in job {job}")]
    NotSeated { job: JobId, worker: AccountId },
    /// Reveals wait for the other commitments.
    #[error("job {job} is still waiting for commitments")]
    RevealTooEarly { job: JobId },
    /// Already opened.
    #[error("{worker} has already revealed its answer to job {job}")]
    AlreadyRevealed { job: JobId, worker: AccountId },
    /// The commitment does not open to this.
    #[error("commitment: expected {expected}, got {got}")]
    WrongReveal { expected: Hash32, got: Hash32 },
    /// The offender is no validator.
    #[error("{validator} is not a validator")]
    UnknownValidator { validator: AccountId },
    /// This offence is already punished.
    #[error("{validator} was already punished for height {height}, round {round}")]
    AlreadyPunished { validator: AccountId, height: Height, round: u32 },
    /// The offender has nothing left to lose.
    #[error("validator {validator} has no stake left to take")]
    NothingToSlash { validator: AccountId },
    /// A text that is not fit to be shown to people.
    #[error("{field}: {reason}")]
    Unprintable { field: SizedField, reason: String },
    /// What is left does not pay for a new row that stays for good.
    #[error("balance of {account} for a new account or worker: expected at least {expected} on top, got {got}")]
    RowNotPaid { account: AccountId, expected: Amount, got: Amount },
    /// The model is registered, so that registering it would change nothing. Told at admission alone: in a block it is no failure.
    #[error("model {model} is registered already")]
    ModelKnown { model: ModelId },
}
