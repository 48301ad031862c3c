//! What a client orders, what a worker offers, and what a scheduler grants.
//!
//! These are the unsigned bodies. Signing, hashing into a [`crate::JobId`] and checking happen in the ledger.

use crate::{AccountId, Amount, ChainId, Hash32, Height, JobId, LeaseToken, MemoryMib, ModelId, Nonce};
use alloc::string::String;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A rung of the assurance ladder: how a wrong answer is caught.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Assurance {
    /// A worker signs its answer. Nobody checks; the signature makes a lie attributable.
    A0 = 0,
    /// Two workers answer without seeing each other's answer; bit-exact comparison; a third breaks a tie.
    A2 = 2,
    /// A full proof of the inference, verified by every validator.
    A4 = 4,
}

impl Assurance {
    /// Every rung that this version offers, weakest first.
    pub const ALL: [Self; 3] = [Self::A0, Self::A2, Self::A4];
}

/// The 13 AI job types (FEATURES C11). Only [`JobType::AIInference`] has an executor so far; the others parse, so that
/// a refusal can name what was asked.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the documentation: they are fixed by FEATURES, names and constants")]
pub enum JobType {
    AIInference = 0,
    AITraining = 1,
    ComputerVision = 2,
    NLP = 3,
    AudioProcessing = 4,
    TimeSeriesAnalysis = 5,
    MultimodalAI = 6,
    ReinforcementLearning = 7,
    SpecializedAI = 8,
    ProofGeneration = 9,
    ProofVerification = 10,
    DataProcessing = 11,
    Custom = 12,
}

/// Hardware capability bits (FEATURES, `capability_flags`).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct CapabilityFlags(pub u16);

impl CapabilityFlags {
    /// CUDA cores.
    pub const CUDA: Self = Self(1);
    /// An OpenCL device.
    pub const OPENCL: Self = Self(2);
    /// Fast half precision.
    pub const FP16: Self = Self(4);
    /// Fast 8-bit integers.
    pub const INT8: Self = Self(8);
    /// NVLink between devices.
    pub const NVLINK: Self = Self(16);
    /// InfiniBand between hosts.
    pub const INFINIBAND: Self = Self(32);
    /// Tensor cores.
    pub const TENSOR_CORES: Self = Self(64);
    /// More than one device.
    pub const MULTI_GPU: Self = Self(128);

    /// Whether every bit of `required` is set here.
    #[must_use]
    pub const fn covers(self, required: Self) -> bool {
        self.0 & required.0 == required.0
    }

    /// The bits of `required` that are missing here.
    #[must_use]
    pub const fn missing(self, required: Self) -> Self {
        Self(required.0 & !self.0)
    }
}

/// What a job asks of the machine that runs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Requirements {
    /// Memory the job needs.
    pub memory: MemoryMib,
    /// Capability bits the job needs.
    pub flags: CapabilityFlags,
    /// Lowest acceptable reputation, 0–1000.
    pub min_reputation: u16,
}

/// A job as its client signs it. Its hash is the [`JobId`], so a retry is the same job.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct JobSpec {
    /// The network this order is for.
    pub chain: ChainId,
    /// Who pays.
    pub client: AccountId,
    /// Client-chosen number that makes two equal orders distinct. Not the account's transaction nonce.
    pub nonce: Nonce,
    /// What kind of work.
    pub job_type: JobType,
    /// The compiled model.
    pub model: ModelId,
    /// Hash of the canonical raw input.
    pub input: Hash32,
    /// How a wrong answer is caught.
    pub assurance: Assurance,
    /// The most the client pays in total, protocol fee included. Escrowed at submission.
    pub max_price: Amount,
    /// Height after which the job is refunded if it has not settled.
    pub deadline: Height,
    /// What the machine must have.
    pub requirements: Requirements,
}

/// A worker's standing offer. One per worker; a newer `sequence` replaces an older one.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Offer {
    /// Who offers.
    pub worker: AccountId,
    /// Strictly increasing per worker.
    pub sequence: u64,
    /// What the machine has.
    pub flags: CapabilityFlags,
    /// Memory for jobs.
    pub memory: MemoryMib,
    /// What the worker asks for one job at each rung, before the protocol fee.
    pub price: Amount,
    /// How many jobs it runs at once.
    pub slots: u16,
    /// Height after which the offer is gone.
    pub expires: Height,
    /// Free text for people: region, host name. Never matched on.
    pub label: String,
}

/// The right to settle one job until a height. The scheduler signs it; the ledger checks it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// Who may settle it.
    pub worker: AccountId,
    /// Strictly increasing over all leases of the scheduler: the fencing token.
    pub token: LeaseToken,
    /// What the worker is paid, before the protocol fee is added on top.
    pub price: Amount,
    /// First height at which the lease is void.
    pub expires: Height,
}
