//! What a transaction achieved.

use crate::component::job::row::JobStatus;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, Height, JobId, ModelId};
use serde::{Deserialize, Serialize};

/// What a transaction achieved.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all_fields = "snake_case")]
#[expect(missing_docs, reason = "fields are named after what the variant's sentence says")]
pub enum Outcome {
    /// The money moved.
    Transferred,
    /// The model is available under this id.
    ModelRegistered { model: ModelId },
    /// The model was available already; nothing changed.
    ModelKnown { model: ModelId },
    /// The sender is a worker.
    WorkerRegistered,
    /// The stake grew.
    StakeAdded,
    /// The part may be withdrawn from this height on.
    UnstakeRequested { release: Height },
    /// This much went back to the balance.
    StakeWithdrawn { amount: Amount },
    /// The offer stands.
    OfferPublished,
    /// The job is funded.
    JobSubmitted { job: JobId },
    /// The job was submitted before; nothing was charged.
    JobAbsorbed { job: JobId, status: JobStatus },
    /// The job will be refunded in this block unless it is answered before.
    CancelRequested { job: JobId, at: Height },
    /// The job is paid.
    JobSettled { job: JobId },
    /// The commitment stands.
    Committed { job: JobId },
    /// The commitment is open; the job stands like this now.
    Revealed { job: JobId, status: JobStatus },
    /// The lease is void, without penalty.
    LeaseAbandoned { job: JobId },
    /// The report counts; the job stands like this now.
    FailureReported { job: JobId, status: JobStatus },
    /// The worker's reputation bears it.
    TimeoutReported { job: JobId, worker: AccountId },
    /// The validator lost this much.
    EquivocationPunished { validator: AccountId, amount: Amount },
    /// The model goes, and its deposit returns, with the last of so many jobs that name it.
    ModelRetired { model: ModelId, jobs: u64 },
}
