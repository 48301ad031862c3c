//! What happens by itself, and when. An index over the rows, ordered by height, so that a block looks only at what is
//! due. It is derived: the rows decide it, and a restored node rebuilds it from them.

use crate::component::job::row::{Job, JobStatus, TokenUse};
use crate::component::worker::row::Worker;
use crate::params::Params;
use ciro_types::{AccountId, Height, JobId, LeaseToken, Offer};

/// A thing to do in the block at its height, in this order. A reveal window closes before its job's deadline refunds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The reveal window of an A2 round is over.
    CloseReveals(JobId),
    /// A cancellation takes effect.
    Cancel(JobId),
    /// The deadline has passed.
    Expire(JobId),
    /// An ended job is dropped.
    ForgetJob(JobId),
    /// A token no lease can still carry is dropped.
    ForgetToken(LeaseToken),
    /// Stake may be withdrawn.
    ReleaseStake(AccountId),
    /// A standing offer is gone.
    ExpireOffer(AccountId),
}

/// When something is due.
pub(crate) type DueAt = (Height, Due);

pub(crate) fn of_job(id: JobId, job: &Job, params: &Params) -> Vec<DueAt> {
    let after_deadline = job.spec.deadline.next();
    match job.status {
        JobStatus::Open => {
            let reveals = job.round.reveal_by.map(|last| (last.next(), Due::CloseReveals(id)));
            let cancel = job.cancel_at.map(|at| (at, Due::Cancel(id)));
            let expire = (after_deadline, Due::Expire(id));
            reveals.into_iter().chain(cancel).chain([expire]).collect()
        }
        // Until the deadline the id must be known, so that a second submission is absorbed; later it is refused.
        JobStatus::Settled { .. } | JobStatus::Refunded { .. } => {
            vec![(after_deadline.plus(params.retention_blocks), Due::ForgetJob(id))]
        }
    }
}

pub(crate) fn of_token(token: LeaseToken, seen: &TokenUse) -> Vec<DueAt> {
    vec![(seen.forget, Due::ForgetToken(token))]
}

pub(crate) fn of_worker(id: AccountId, worker: &Worker) -> Vec<DueAt> {
    worker.unbonding.iter().map(|part| (part.release, Due::ReleaseStake(id))).collect()
}

pub(crate) fn of_offer(id: AccountId, offer: &Offer) -> Vec<DueAt> {
    vec![(offer.expires.next(), Due::ExpireOffer(id))]
}
