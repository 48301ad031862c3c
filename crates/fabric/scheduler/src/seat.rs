//! What the scheduler notes with each seat in the store of work, and what the ledger says of it: a restart needs both.

use crate::error::SchedulerError;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_queue::{WorkState, WorkView};
use ciro_state::Job;
use ciro_types::{AccountId, Amount, Height, JobId, Lease, LeaseToken, decode};
use std::collections::BTreeSet;

/// The workers a seat was given to, the last being the present one while the seat is claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SeatNote {
    /// In order of grant.
    pub given: Vec<(AccountId, Amount)>,
    /// When the present lease ends. The claim outlasts it once its worker has committed.
    pub expires: Height,
}

impl SeatNote {
    /// Reads a seat's note.
    ///
    /// # Errors
    /// [`SchedulerError::Note`] if it is not one.
    pub fn read(view: &WorkView) -> Result<Self, SchedulerError> {
        decode(&view.payload, view.payload.len()).map_err(SchedulerError::Note)
    }

    /// The lease a claimed seat stands for: the same each time, so that it can be sent again after a restart.
    #[must_use]
    pub fn lease(&self, view: &WorkView) -> Option<Lease> {
        let WorkState::Claimed { token, .. } = view.state else { return None };
        let &(worker, price) = self.given.last()?;
        Some(Lease { job: view.work.job, worker, token, price, expires: self.expires })
    }
}

/// What the ledger says of those who have or had a job.
pub(crate) struct Claimants<'a> {
    /// Workers that hold a seat of the round.
    pub(crate) seated: BTreeSet<AccountId>,
    /// Those, and workers that may not have the job again.
    pub(crate) out: BTreeSet<AccountId>,
    /// Tokens up to and including this one are void for the job.
    fence: LeaseToken,
    /// Tokens that were used, for whatever job.
    used: &'a BTreeSet<LeaseToken>,
}

impl<'a> Claimants<'a> {
    pub(crate) fn of(job: &Job, token_floor: LeaseToken, used: &'a BTreeSet<LeaseToken>) -> Self {
        let seated: BTreeSet<AccountId> = job.round.seats.iter().map(|seat| seat.worker).collect();
        let failed = job.failures.iter().map(|(worker, _)| *worker);
        let out = seated.iter().chain(&job.barred).copied().chain(failed).collect();
        Self { seated, out, fence: job.fence.max(token_floor), used }
    }

    /// Whether the lease can become neither a settlement nor a commitment, nor has become one that counts.
    pub(crate) fn voids(&self, lease: &Lease) -> bool {
        !self.seated.contains(&lease.worker) && (lease.token <= self.fence || self.used.contains(&lease.token))
    }
}

/// Where ties between equal workers are broken for `seat` of `job`: anywhere, but the same for everyone.
#[must_use]
pub fn pivot(job: JobId, seat: u8) -> AccountId {
    AccountId(ciro_crypto::hash_encoded("ciro/pivot/v1", &(job, seat)).0)
}
