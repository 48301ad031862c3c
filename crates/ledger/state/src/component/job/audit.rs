//! What must hold of jobs.

use crate::audit::{AuditError, check_name};
use crate::component::job::row::{AGREEING_SEATS, Job, MAX_SEATS, Round};
use crate::state::State;
use ciro_crypto::job_id;
use ciro_types::{Amount, Height, JobId};
use std::collections::BTreeSet;

impl State {
    pub(crate) fn audit_jobs(&self) -> Result<(), AuditError> {
        self.tables.jobs.iter().try_for_each(|(id, job)| self.audit_job(*id, job))
    }

    fn audit_job(&self, id: JobId, job: &Job) -> Result<(), AuditError> {
        check_name(job_id(&job.spec) == id, &id)?;
        let expected = if job.is_open() { job.spec.max_price } else { Amount::ZERO };
        if job.escrow != expected {
            return Err(AuditError::Escrow { job: id, expected, got: job.escrow });
        }
        if job.highest_token < job.fence {
            return Err(AuditError::Fence { job: id, fence: job.fence, highest: job.highest_token });
        }
        let height = self.height();
        let is_counted = job.round.crowded <= self.tip.crowded;
        let consistent = is_counted && if job.is_open() { may_be_open(job, height) } else { is_at_rest(job) };
        if consistent { Ok(()) } else { Err(AuditError::Lifecycle { job: id, status: job.status, height }) }
    }
}

/// An open job has its deadline, and any reveal window or cancellation, still ahead.
fn may_be_open(job: &Job, height: Height) -> bool {
    height <= job.spec.deadline
        && job.round.reveal_by.is_none_or(|last| height <= last && last <= job.spec.deadline)
        && job.cancel_at.is_none_or(|at| height < at)
        && is_sound_round(job)
}

/// Seats are distinct workers, none barred, and reveals are open exactly while a full round has a closed seat.
fn is_sound_round(job: &Job) -> bool {
    let seats = &job.round.seats;
    let workers = seats.iter().map(|seat| seat.worker).chain(job.barred.iter().copied());
    let is_revealing = seats.len() >= AGREEING_SEATS && seats.iter().any(|seat| seat.output.is_none());
    workers.collect::<BTreeSet<_>>().len() == seats.len() + job.barred.len()
        && seats.len() <= MAX_SEATS
        && job.round.reveal_by.is_some() == is_revealing
}

fn is_at_rest(job: &Job) -> bool {
    let is_blameless = job.barred.is_empty() && job.failures.is_empty() && job.timed_out.is_empty();
    job.cancel_at.is_none() && job.round == Round::default() && is_blameless
}
