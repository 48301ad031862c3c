//! What happened, in order. Committed events feed the queue; nothing reads backwards.

use crate::component::job::row::{DeclineReason, FailReason, RefundReason};
use crate::component::worker::row::Reputation;
use crate::receipt::SettlementRecord;
use crate::slash::{SlashDestination, SlashReason};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, Hash32, Height, JobId, JobSpec, LeaseToken, ModelId, Offer, TxId};
use serde::{Deserialize, Serialize};

/// Where an event is in the history of the network: the key by which consumers drop duplicates.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct EventPosition {
    /// The block.
    pub height: Height,
    /// Position within the block's events, from zero.
    pub index: u32,
}

impl EventPosition {
    /// The next position in the same block.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { height: self.height, index: self.index.saturating_add(1) }
    }
}

/// An event and its position.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct CommittedEvent {
    /// Where.
    pub position: EventPosition,
    /// What.
    pub event: Event,
}

/// One fact. Variants are encoded by position: new ones are appended, none is reordered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "event", rename_all_fields = "snake_case")]
pub enum Event {
    /// Money moved between accounts.
    Transfer {
        /// Who paid.
        from: AccountId,
        /// Who received.
        to: AccountId,
        /// How much.
        amount: Amount,
    },
    /// A model is available for jobs.
    ModelRegistered {
        /// Its id.
        model: ModelId,
        /// Who registered it.
        by: AccountId,
        /// What is kept back until the model goes.
        deposit: Amount,
    },
    /// A worker arrived.
    WorkerRegistered {
        /// Who.
        worker: AccountId,
        /// With this stake.
        stake: Amount,
    },
    /// A worker added stake.
    StakeAdded {
        /// Who.
        worker: AccountId,
        /// How much.
        amount: Amount,
    },
    /// A part of a stake started its way out.
    UnstakeRequested {
        /// Who.
        worker: AccountId,
        /// How much.
        amount: Amount,
        /// First height at which it may be withdrawn.
        release: Height,
    },
    /// A part of a stake may be withdrawn from now on.
    StakeReleased {
        /// Who.
        worker: AccountId,
        /// How much is withdrawable now, in total.
        amount: Amount,
    },
    /// Released stake went back to the balance.
    StakeWithdrawn {
        /// Who.
        worker: AccountId,
        /// How much.
        amount: Amount,
    },
    /// A standing offer replaced any earlier one of its worker.
    OfferPublished {
        /// The offer.
        offer: Offer,
    },
    /// A worker's standing offer is gone: it expired, or the stake behind it fell below the minimum.
    OfferWithdrawn {
        /// Who.
        worker: AccountId,
        /// Which one.
        sequence: u64,
    },
    /// A job is funded and waits for an answer.
    JobOpened {
        /// Its id.
        job: JobId,
        /// The order.
        spec: JobSpec,
        /// From this height on a worker needs no lease.
        open_from: Height,
        /// What its model asks of a worker: [`crate::Model::work`].
        work: u64,
    },
    /// The client asked to withdraw a job.
    JobCancelRequested {
        /// The job.
        job: JobId,
        /// It is refunded in this block, unless it settles or a worker commits before.
        at: Height,
    },
    /// A withdrawal came to nothing, because a worker had committed in the meantime.
    JobCancelOverruled {
        /// The job.
        job: JobId,
    },
    /// A token was presented for the first time. It is never valid again.
    LeaseObserved {
        /// The job.
        job: JobId,
        /// Who held it.
        worker: AccountId,
        /// The token.
        token: LeaseToken,
    },
    /// A worker handed its lease back; the job wants another.
    LeaseAbandoned {
        /// The job.
        job: JobId,
        /// Who.
        worker: AccountId,
        /// Which lease.
        token: LeaseToken,
        /// Why.
        reason: DeclineReason,
    },
    /// A worker says that nobody can answer the job.
    JobFailureReported {
        /// The job.
        job: JobId,
        /// Who.
        worker: AccountId,
        /// Which lease.
        token: LeaseToken,
        /// Why.
        reason: FailReason,
    },
    /// A lease ran out unused.
    LeaseTimedOut {
        /// The job.
        job: JobId,
        /// Who let it run out.
        worker: AccountId,
        /// Which lease.
        token: LeaseToken,
    },
    /// An A2 worker took a seat.
    JobCommitted {
        /// The job.
        job: JobId,
        /// Who.
        worker: AccountId,
        /// To what.
        commitment: Hash32,
        /// Set when this was the last wanted seat: reveals count up to and including this height, or longer if blocks
        /// until then are crowded.
        reveal_by: Option<Height>,
    },
    /// An A2 worker opened its commitment.
    JobRevealed {
        /// The job.
        job: JobId,
        /// Who.
        worker: AccountId,
        /// Hash of its output.
        output: Hash32,
        /// The transaction that carries the output itself.
        tx: TxId,
    },
    /// An A2 round closed without agreement; another one wants workers.
    JobReopened {
        /// The job.
        job: JobId,
        /// How many more workers it wants.
        wanted: u32,
        /// Workers that may not serve it: they have a seat or are barred.
        excluded: Vec<AccountId>,
        /// Tokens up to and including this one are void for the job.
        fence: LeaseToken,
        /// From this height on a worker needs no lease.
        open_from: Height,
    },
    /// A job was answered and paid.
    JobSettled {
        /// The record under this block's `receipts_root`.
        record: SettlementRecord,
        /// The transaction that carries the output, and at A4 the proof.
        tx: TxId,
    },
    /// A job ended without an answer; the whole escrow went back.
    JobRefunded {
        /// The job.
        job: JobId,
        /// Who got it.
        client: AccountId,
        /// How much.
        amount: Amount,
        /// Why.
        reason: RefundReason,
    },
    /// Stake was taken.
    Slashed {
        /// From whom.
        account: AccountId,
        /// Why.
        reason: SlashReason,
        /// How much.
        amount: Amount,
        /// Where it went.
        destination: SlashDestination,
        /// The job it was about, if any.
        job: Option<JobId>,
    },
    /// A worker's standing changed.
    ReputationChanged {
        /// Who.
        worker: AccountId,
        /// The standing now.
        reputation: Reputation,
    },
    /// An account paid the fees of its transactions in this block, or for a row that one of them made.
    FeePaid {
        /// Who.
        account: AccountId,
        /// How much: of fees all together, of rows for each.
        amount: Amount,
    },
    /// A model's deposit went back: the model is gone, or another account keeps it from now on.
    DepositReturned {
        /// Which model.
        model: ModelId,
        /// Who gets it.
        owner: AccountId,
        /// How much.
        amount: Amount,
    },
}

impl Event {
    /// Its name in logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transfer { .. } => "transfer",
            Self::ModelRegistered { .. } => "model_registered",
            Self::WorkerRegistered { .. } => "worker_registered",
            Self::StakeAdded { .. } => "stake_added",
            Self::UnstakeRequested { .. } => "unstake_requested",
            Self::StakeReleased { .. } => "stake_released",
            Self::StakeWithdrawn { .. } => "stake_withdrawn",
            Self::OfferPublished { .. } => "offer_published",
            Self::OfferWithdrawn { .. } => "offer_withdrawn",
            Self::JobOpened { .. } => "job_opened",
            Self::JobCancelRequested { .. } => "job_cancel_requested",
            Self::JobCancelOverruled { .. } => "job_cancel_overruled",
            Self::LeaseObserved { .. } => "lease_observed",
            Self::LeaseAbandoned { .. } => "lease_abandoned",
            Self::JobFailureReported { .. } => "job_failure_reported",
            Self::LeaseTimedOut { .. } => "lease_timed_out",
            Self::JobCommitted { .. } => "job_committed",
            Self::JobRevealed { .. } => "job_revealed",
            Self::JobReopened { .. } => "job_reopened",
            Self::JobSettled { .. } => "job_settled",
            Self::JobRefunded { .. } => "job_refunded",
            Self::Slashed { .. } => "slashed",
            Self::ReputationChanged { .. } => "reputation_changed",
            Self::FeePaid { .. } => "fee_paid",
            Self::DepositReturned { .. } => "deposit_returned",
        }
    }

    /// Why it happened, where there is a reason to name.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::LeaseAbandoned { reason, .. } => Some(reason.name()),
            Self::JobFailureReported { reason, .. } => Some(reason.name()),
            Self::JobRefunded { reason, .. } => Some(reason.name()),
            Self::Slashed { reason, .. } => Some(reason.name()),
            Self::Transfer { .. }
            | Self::ModelRegistered { .. }
            | Self::WorkerRegistered { .. }
            | Self::StakeAdded { .. }
            | Self::UnstakeRequested { .. }
            | Self::StakeReleased { .. }
            | Self::StakeWithdrawn { .. }
            | Self::OfferPublished { .. }
            | Self::OfferWithdrawn { .. }
            | Self::JobOpened { .. }
            | Self::JobCancelRequested { .. }
            | Self::JobCancelOverruled { .. }
            | Self::LeaseObserved { .. }
            | Self::LeaseTimedOut { .. }
            | Self::JobCommitted { .. }
            | Self::JobRevealed { .. }
            | Self::JobReopened { .. }
            | Self::JobSettled { .. }
            | Self::ReputationChanged { .. }
            | Self::FeePaid { .. }
            | Self::DepositReturned { .. } => None,
        }
    }

    /// The job that it is about, if it is about one.
    #[must_use]
    pub const fn job(&self) -> Option<JobId> {
        match self {
            Self::JobOpened { job, .. }
            | Self::JobCancelRequested { job, .. }
            | Self::JobCancelOverruled { job, .. }
            | Self::LeaseObserved { job, .. }
            | Self::LeaseAbandoned { job, .. }
            | Self::JobFailureReported { job, .. }
            | Self::LeaseTimedOut { job, .. }
            | Self::JobCommitted { job, .. }
            | Self::JobRevealed { job, .. }
            | Self::JobReopened { job, .. }
            | Self::JobRefunded { job, .. } => Some(*job),
            Self::JobSettled { record, .. } => Some(record.job),
            Self::Slashed { job, .. } => *job,
            Self::Transfer { .. }
            | Self::ModelRegistered { .. }
            | Self::WorkerRegistered { .. }
            | Self::StakeAdded { .. }
            | Self::UnstakeRequested { .. }
            | Self::StakeReleased { .. }
            | Self::StakeWithdrawn { .. }
            | Self::OfferPublished { .. }
            | Self::OfferWithdrawn { .. }
            | Self::ReputationChanged { .. }
            | Self::FeePaid { .. }
            | Self::DepositReturned { .. } => None,
        }
    }
}
