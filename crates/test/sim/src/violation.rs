//! What must never happen.

use crate::cast::Place;
use ciro_state::AuditError;
use ciro_types::{AccountId, Amount, BlockId, Hash32, Height, JobId, LeaseToken};
use core::fmt;

/// What a token is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// The job.
    pub job: JobId,
    /// Who may answer it.
    pub worker: AccountId,
}

impl fmt::Display for TokenUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} by {}", self.job, self.worker)
    }
}

/// The first invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two validators committed different blocks.
    #[error("fork at height {height}: {first} and {second}")]
    Fork {
        /// Where.
        height: Height,
        /// Committed first.
        first: BlockId,
        /// Committed by somebody else.
        second: BlockId,
    },
    /// Blocks were committed out of order, or one does not follow its parent.
    #[error("block {got} at height {height} does not follow the chain")]
    Order {
        /// Where.
        height: Height,
        /// Which.
        got: BlockId,
    },
    /// A committed block's certificate does not convince a stranger.
    #[error("certificate of height {height}: {reason}")]
    Certificate {
        /// Where.
        height: Height,
        /// Why not.
        reason: String,
    },
    /// Two validators have different states after the same block.
    #[error("states differ after height {height} at {place}")]
    State {
        /// After this block.
        height: Height,
        /// Whose differs from the first one's.
        place: Place,
    },
    /// The ledger contradicts itself.
    #[error("audit after height {height}: {source}")]
    Audit {
        /// After this block.
        height: Height,
        /// What it found.
        source: AuditError,
    },
    /// An account does not hold what its history leaves.
    #[error("{what} of {account}: expected {expected}, got {got}")]
    Money {
        /// Whose.
        account: AccountId,
        /// Balance or stake.
        what: &'static str,
        /// By the events.
        expected: Amount,
        /// In the state.
        got: Amount,
    },
    /// A job was opened, paid or refunded out of turn.
    #[error("job {job}: {what}")]
    Job {
        /// Which.
        job: JobId,
        /// What is wrong.
        what: &'static str,
    },
    /// A wrong answer was paid for at a rung that excludes it.
    #[error("job {job} was paid for output {got}, expected {expected}")]
    WrongAnswer {
        /// Which job.
        job: JobId,
        /// Hash of the right answer.
        expected: Hash32,
        /// Hash of the answer that was paid.
        got: Hash32,
    },
    /// A fencing token serves two jobs or two workers.
    #[error("token {token} was given for {} and for {}", .uses[0], .uses[1])]
    Token {
        /// Which.
        token: LeaseToken,
        /// Earlier and later.
        uses: Box<[TokenUse; 2]>,
    },
    /// A machine stopped although its power was on.
    #[error("{place} stopped: {reason}")]
    Stopped {
        /// Which.
        place: Place,
        /// Its words.
        reason: String,
    },
    /// A validator saw what only a bug explains.
    #[error("{place} reports an anomaly: {reason}")]
    Anomaly {
        /// Which.
        place: Place,
        /// Its words.
        reason: String,
    },
    /// The scheduler's store follows from a block that this chain does not have.
    #[error("the scheduler's store at height {height}: expected block {expected}, got {got}")]
    Queue {
        /// The height of its mark.
        height: Height,
        /// The chain's block.
        expected: BlockId,
        /// The store's.
        got: BlockId,
    },
    /// The scheduler does not follow the chain.
    #[error("the scheduler is at height {height}, the chain at {chain}")]
    Behind {
        /// The scheduler's.
        height: Height,
        /// The chain's.
        chain: Height,
    },
    /// The scheduler still holds work for a job that has ended.
    #[error("the scheduler holds work for job {job}, which has ended")]
    Leftover {
        /// The job.
        job: JobId,
    },
    /// The network did not come to rest once faults had stopped.
    #[error("stuck at height {height}: {what}")]
    Stuck {
        /// Where.
        height: Height,
        /// What is missing.
        what: String,
    },
    /// Something goes round in circles: far more happened than a run has to do.
    #[error("no end after {steps} steps: {what}")]
    Endless {
        /// How many were taken.
        steps: u64,
        /// How many there were of each kind.
        what: String,
    },
    /// An order that was made in calm was not served.
    #[error("job {job}, ordered in calm, ended as {end}")]
    Unserved {
        /// Which.
        job: JobId,
        /// How it ended.
        end: String,
    },
    /// The receipt of a paid job does not convince a stranger.
    #[error("receipt of job {job}: {reason}")]
    Receipt {
        /// Which.
        job: JobId,
        /// Why not.
        reason: String,
    },
    /// A scenario's adversary did not get what it should.
    #[error("verdict: {what}")]
    Verdict {
        /// What was expected.
        what: String,
    },
    /// Something panicked.
    #[error("panic: {reason}")]
    Panic {
        /// Its words.
        reason: String,
    },
}
