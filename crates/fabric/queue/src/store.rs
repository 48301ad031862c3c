//! The contract of a store of work and the types it speaks.

use crate::QueueError;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{BlockId, Height, JobId, LeaseToken};
use core::fmt;

/// The block whose consequences a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Its height.
    pub height: Height,
    /// Its id: whether the store belongs to a ledger is seen by it.
    pub block: BlockId,
}

/// One seat of a job: a job that needs k workers has k seats, each claimed and released on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct WorkId {
    /// The job.
    pub job: JobId,
    /// Which of its workers, from 0.
    pub seat: u8,
}

impl fmt::Display for WorkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.job.short(), self.seat)
    }
}

/// A place in line. Given when work is enqueued and kept when it is requeued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Age(pub u64);

/// A granted claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Greater than every token ever issued before.
    pub token: LeaseToken,
    /// How many claims this work has had, this one included.
    pub attempt: u32,
}

/// Where work stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum WorkState {
    /// May be claimed.
    Ready,
    /// Becomes ready at a height.
    Delayed {
        /// The first height at which it may be claimed.
        until: Height,
    },
    /// Held under a token until a height.
    Claimed {
        /// The holder's fencing token.
        token: LeaseToken,
        /// The first height at which the claim is void.
        until: Height,
    },
    /// Given up after too many attempts, kept for people to see. The ledger's deadline still refunds the client.
    Dead {
        /// Why the last attempt ended.
        reason: String,
    },
}

/// Open work as the store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkView {
    /// Which seat.
    pub work: WorkId,
    /// Its place in line: smaller is older.
    pub age: Age,
    /// Where it stands.
    pub state: WorkState,
    /// How many claims it has had.
    pub attempts: u32,
    /// What was enqueued with it, or written by the last claim.
    pub payload: Vec<u8>,
}

/// What became of released work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It will be claimed again.
    Requeued,
    /// It ran out of attempts and is kept as a dead letter.
    Dead,
}

/// A claim that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The work.
    pub work: WorkId,
    /// The token that is void now.
    pub token: LeaseToken,
    /// What became of the work.
    pub released: Released,
}

/// A durable store of open work.
///
/// Contract, for every backend:
///
/// * **One writer.** Reads see the writer's own uncommitted changes.
/// * **Group commit.** Calls change nothing durable until [`commit`](Self::commit) returns. After a crash the store is as of the last
///   commit that returned, or of the one that was under way. It is never in between. Nothing a call returned may leave the process
///   before its commit returns. A token in particular is used only after it is durable.
/// * **Order.** Ready work is offered oldest first, and keeps its age when it is requeued.
/// * **Tokens** strictly increase over the life of the store. A token is at least `height << 20`. A rebuilt store is told the height of
///   the rebuild with [`start_tokens_after`](Self::start_tokens_after), so that it cannot repeat one. The heights may be those of a
///   ledger that has gone back. Then [`start_tokens_beyond`](Self::start_tokens_beyond) carries over how far the old store was.
/// * **Refusals** ([`QueueError`] other than `Storage` and `Damaged`) leave the store unchanged.
pub trait WorkStore {
    /// The last block that changed something here; none in a new store.
    ///
    /// # Errors
    /// Storage only.
    fn mark(&self) -> Result<Option<Mark>, QueueError>;

    /// Opens work. Enqueueing what is already open changes nothing and returns `false`.
    ///
    /// # Errors
    /// [`QueueError::TooLong`].
    fn enqueue(&mut self, work: WorkId, payload: &[u8]) -> Result<bool, QueueError>;

    /// Up to `limit` pieces of ready work younger than `after`, oldest first. [`Age::default`] is older than all.
    ///
    /// # Errors
    /// Storage only.
    fn ready(&self, after: Age, limit: usize) -> Result<Vec<WorkView>, QueueError>;

    /// Every seat of `job` that is open, in any state.
    ///
    /// # Errors
    /// Storage only.
    fn seats(&self, job: JobId) -> Result<Vec<WorkView>, QueueError>;

    /// Up to `limit` jobs with open work after `after`, in order of id.
    ///
    /// # Errors
    /// Storage only.
    fn jobs(&self, after: Option<JobId>, limit: usize) -> Result<Vec<JobId>, QueueError>;

    /// One piece of open work.
    ///
    /// # Errors
    /// Storage only.
    fn work(&self, work: WorkId) -> Result<Option<WorkView>, QueueError>;

    /// Claims ready work until `until`, with a token greater than all before it. `payload` replaces the work's own,
    /// so that the claimer can record to whom it hands the work on.
    ///
    /// # Errors
    /// [`QueueError::Unknown`], [`QueueError::NotReady`], [`QueueError::TooLong`].
    fn claim(&mut self, work: WorkId, now: Height, until: Height, payload: &[u8]) -> Result<Claim, QueueError>;

    /// The holder needs longer: moves the claim's end to `until`.
    ///
    /// # Errors
    /// [`QueueError::Unknown`], [`QueueError::Stale`].
    fn extend(&mut self, work: WorkId, token: LeaseToken, until: Height) -> Result<(), QueueError>;

    /// The holder is done: closes the work.
    ///
    /// # Errors
    /// [`QueueError::Unknown`], [`QueueError::Stale`].
    fn ack(&mut self, work: WorkId, token: LeaseToken) -> Result<(), QueueError>;

    /// The holder gives up: the work is ready again at `ready_at`, or dead after too many attempts.
    ///
    /// # Errors
    /// [`QueueError::Unknown`], [`QueueError::Stale`].
    fn nack(
        &mut self,
        work: WorkId,
        token: LeaseToken,
        now: Height,
        ready_at: Height,
        reason: &str,
    ) -> Result<Released, QueueError>;

    /// Takes back every claim that is void at `now` and wakes delayed work whose height has come.
    ///
    /// # Errors
    /// Storage only.
    fn tick(&mut self, now: Height) -> Result<Vec<Expired>, QueueError>;

    /// Closes every seat of `job`, whoever holds it: the ledger has settled or refunded it.
    ///
    /// # Errors
    /// Storage only.
    fn retire(&mut self, job: JobId) -> Result<(), QueueError>;

    /// Up to `limit` dead letters, by job.
    ///
    /// # Errors
    /// Storage only.
    fn dead(&self, limit: usize) -> Result<Vec<WorkView>, QueueError>;

    /// Gives a dead letter another round of attempts.
    ///
    /// # Errors
    /// [`QueueError::Unknown`] if it is not a dead letter.
    fn revive(&mut self, work: WorkId) -> Result<(), QueueError>;

    /// Every later token will exceed those that could have been issued at or before `height`.
    ///
    /// # Errors
    /// Storage only.
    fn start_tokens_after(&mut self, height: Height) -> Result<(), QueueError>;

    /// The greatest token issued, or skipped on behalf of others.
    ///
    /// # Errors
    /// Storage only.
    fn last_token(&self) -> Result<LeaseToken, QueueError>;

    /// Every later token will exceed `token`.
    ///
    /// # Errors
    /// Storage only.
    fn start_tokens_beyond(&mut self, token: LeaseToken) -> Result<(), QueueError>;

    /// Makes every change so far durable, and notes that they follow from the chain up to `mark`. Without a change nothing is
    /// written, and the mark stays.
    ///
    /// # Errors
    /// Storage only. The changes are then not kept: reopen the store.
    fn commit(&mut self, mark: Mark) -> Result<(), QueueError>;
}
