//! A job as the ledger keeps it, from escrow to its one terminal state.
//!
//! ```text
//!              ┌─────────────── Settle (A0, A4) ────────────────┐
//!    Submit → Open ─ commits fill the round ─ reveals agree (A2) ─┴→ Settled
//!              │            ↑ next round: tie or silent seat ↓
//!              └─ cancelled, expired, unmatched, failed ────────→ Refunded(reason)
//! ```
//!
//! **A2 rounds.** A round wants two seats. When the last wanted seat commits, the reveal window opens and no further
//! seat is taken. So nobody commits after seeing an answer of its own round. When all seats have revealed, or the
//! window closes: silent seats lose 10 % of their stake and are barred from the job. Two equal answers settle it and
//! every differing answer loses 50 %; without two equal answers one more worker is asked, up to three. Three different
//! answers convict nobody: the client is refunded and no stake moves. A tie-break worker can read the earlier answers.
//! Its independence rests on its own stake and on who chose it: the scheduler, or, where that is silent, lots.
//!
//! **Silence.** A reveal that found no room is no silence. Blocks in which some lane was full ([`crate::lane`]) do not
//! count. A window that saw `n` of them is `n` blocks longer, and what it sees meanwhile counts again. If it would
//! outlast the job's deadline, it ends without punishing anybody. A validator gains nothing by leaving reveals out:
//! its block then has room, so it counts, and the next proposer includes them. Filling a block costs its fees, every
//! time.
//!
//! **Stake.** A seat is refused unless the worker's active stake is `seat_cover` times the prices of all its open
//! seats. Half of the stake is what a lie costs. So with a cover of 20 it costs ten times what all seats together
//! could earn.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, Hash32, Height, JobId, JobSpec, LeaseToken};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Seats that agree before an A2 job settles.
pub const AGREEING_SEATS: usize = 2;
/// The most seats an A2 job ever has at once: the two first and the tie break.
pub const MAX_SEATS: usize = 3;

/// Why one worker hands a lease back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub enum DeclineReason {
    /// No free slot.
    Busy,
    /// The worker is leaving.
    Draining,
    /// The machine lacks memory or a capability the job needs.
    Unsuitable,
    /// The answer would not be ready before the lease expires.
    TooSlow,
    /// The machine lacks something for now that it usually has: file descriptors, room on a disk, a disk that reads.
    Impaired,
}

impl DeclineReason {
    /// Its name in logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Draining => "draining",
            Self::Unsuitable => "unsuitable",
            Self::TooSlow => "too_slow",
            Self::Impaired => "impaired",
        }
    }
}

/// Why a job cannot be answered by anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub enum FailReason {
    /// No copy of the input could be fetched.
    InputUnavailable,
    /// The input does not fit the model.
    InputInvalid,
    /// No copy of the weights could be fetched.
    ModelUnavailable,
    /// The program cannot be executed or proven.
    ModelInvalid,
    /// A2 only, concluded by the ledger: the answers that were revealed do not agree.
    NoMajority,
}

impl FailReason {
    /// Its name in logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InputUnavailable => "input_unavailable",
            Self::InputInvalid => "input_invalid",
            Self::ModelUnavailable => "model_unavailable",
            Self::ModelInvalid => "model_invalid",
            Self::NoMajority => "no_majority",
        }
    }
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InputUnavailable => "no copy of the input could be fetched",
            Self::InputInvalid => "the input does not fit the model",
            Self::ModelUnavailable => "no copy of the model could be fetched",
            Self::ModelInvalid => "the model cannot be executed or proven",
            Self::NoMajority => "the answers that were revealed do not agree",
        })
    }
}

impl FailReason {
    /// Whether it says something of bytes that the worker held, so that an answer by another proves it wrong. That bytes were
    /// nowhere to be had proves nothing: whoever has them may bring them a block later.
    #[must_use]
    pub const fn is_judgement(self) -> bool {
        match self {
            Self::InputInvalid | Self::ModelInvalid => true,
            Self::InputUnavailable | Self::ModelUnavailable | Self::NoMajority => false,
        }
    }
}

/// Why escrow went back to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub enum RefundReason {
    /// The deadline passed although some worker had taken the job.
    Expired,
    /// The client withdrew it.
    Cancelled,
    /// It cannot be answered.
    Failed(FailReason),
    /// The deadline passed and no worker ever took the job.
    Unmatched,
}

impl RefundReason {
    /// Its name in logs and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed(reason) => reason.name(),
            Self::Unmatched => "unmatched",
        }
    }
}

impl fmt::Display for RefundReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("its deadline passed before a worker who had taken it answered"),
            Self::Cancelled => f.write_str("its client withdrew it"),
            Self::Failed(reason) => reason.fmt(f),
            Self::Unmatched => f.write_str("its deadline passed and no worker had taken it"),
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub enum JobStatus {
    /// Escrow is held; an answer or a refund will come.
    Open,
    /// Paid.
    Settled {
        /// In this block.
        height: Height,
        /// Digest of its [`crate::SettlementRecord`].
        record: Hash32,
    },
    /// Escrow went back in full.
    Refunded {
        /// In this block.
        height: Height,
        /// For this reason.
        reason: RefundReason,
    },
}

/// One worker's place in an A2 round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Seat {
    /// Who.
    pub worker: AccountId,
    /// What it is paid if its answer prevails.
    pub price: Amount,
    /// What it committed to.
    pub commitment: Hash32,
    /// Hash of the revealed output, once revealed.
    pub output: Option<Hash32>,
}

/// The A2 round under way. Empty and idle for other rungs.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Round {
    /// Who is in, in order of commitment.
    pub seats: Vec<Seat>,
    /// Last height at which a reveal counts; set while every wanted seat is taken.
    pub reveal_by: Option<Height>,
    /// How many crowded blocks there had been when the window began, or was last extended.
    pub crowded: u64,
}

impl Round {
    /// The seats this round wants before reveals open: two at first, one more after each round without agreement.
    #[must_use]
    pub fn wanted(&self) -> usize {
        let revealed = self.seats.iter().filter(|seat| seat.output.is_some()).count();
        (revealed + 1).max(AGREEING_SEATS)
    }
}

/// A job and everything that decides its future.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Job {
    /// The order, as signed by the client.
    pub spec: JobSpec,
    /// When it was ordered.
    pub opened: Height,
    /// Where it stands.
    pub status: JobStatus,
    /// Money held: `max_price` while open, zero afterwards.
    pub escrow: Amount,
    /// From this height on a worker needs no lease.
    pub open_from: Height,
    /// Tokens up to and including this one are void for this job.
    pub fence: LeaseToken,
    /// The highest token presented for this job.
    pub highest_token: LeaseToken,
    /// The client's withdrawal takes effect in this block.
    pub cancel_at: Option<Height>,
    /// The A2 round under way.
    pub round: Round,
    /// Workers that left a commitment of this job unopened.
    pub barred: Vec<AccountId>,
    /// Who said that the job cannot be answered, and why.
    pub failures: Vec<(AccountId, FailReason)>,
    /// Workers whose lease of this job ran out.
    pub timed_out: Vec<AccountId>,
}

impl Job {
    /// Whether escrow is still held.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.status, JobStatus::Open)
    }

    /// The job's id. Cost: one hash of the spec.
    #[must_use]
    pub fn id(&self) -> JobId {
        ciro_crypto::job_id(&self.spec)
    }
}

/// The first and only use of a fencing token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TokenUse {
    /// For which job.
    pub job: JobId,
    /// By whom.
    pub worker: AccountId,
    /// When no lease with this token or an older one can still run, so that the row may go and the floor rise.
    pub forget: Height,
}
