//! Fencing tokens: how a lease is used once, by whom it names, for the job it names, while it runs.

use super::workers::{change_standing, find, require_active, require_height};
use super::{jobs, open_job};
use crate::block::Outcome;
use crate::error::{TimedField, TxError};
use crate::event::Event;
use crate::fees::price_ceiling;
use crate::job::{DeclineReason, FailReason, Job, RefundReason};
use crate::lease::Authority;
use crate::state::{State, TokenUse};
use crate::worker::Reputation;
use ciro_types::{AccountId, Amount, Assurance, JobId, Lease, LeaseToken};

/// Accepts `sender`'s right to answer and returns its price.
pub(super) fn authorize(state: &mut State, sender: AccountId, authority: &Authority) -> Result<Amount, TxError> {
    require_active(state, sender)?;
    let price = match authority {
        Authority::Lease(signed) => {
            use_running(state, &signed.lease)?;
            signed.lease.price
        }
        Authority::Open { job } => open_price(state, sender, *job)?,
    };
    let spec = &open_job(state, authority.job())?.spec;
    let expected = price_ceiling(spec.max_price, state.meta.params.fee, spec.assurance);
    if price <= expected { Ok(price) } else { Err(TxError::PriceAboveMaximum { expected, got: price }) }
}

/// The price of a worker that answers without a lease: that of its standing offer.
fn open_price(state: &State, worker: AccountId, id: JobId) -> Result<Amount, TxError> {
    let job = open_job(state, id)?;
    if let Some(at) = job.cancel_at {
        return Err(TxError::JobCancelling { job: id, at });
    }
    let (open_from, height) = (job.open_from, state.height());
    if height < open_from {
        return Err(TxError::LeaseRequired { job: id, open_from, height });
    }
    let offer = state.offer(&worker).ok_or(TxError::NoOffer { worker })?;
    let needs = &job.spec.requirements;
    let standing = find(state, worker)?.reputation.0;
    let fits = offer.memory >= needs.memory && offer.flags.covers(needs.flags) && standing >= needs.min_reputation;
    if fits { Ok(offer.price) } else { Err(TxError::RequirementsNotMet { job: id, worker }) }
}

/// Uses the token of a lease that still runs.
fn use_running(state: &mut State, lease: &Lease) -> Result<(), TxError> {
    check_token(state, lease)?;
    let (token, expires, height) = (lease.token, lease.expires, state.height());
    if expires <= height {
        return Err(TxError::LeaseExpired { token, expires, height });
    }
    require_height(state, TimedField::LeaseExpiry, expires, state.meta.params.max_lease_blocks)?;
    record_use(state, lease);
    Ok(())
}

/// Uses the token of a lease that has run out.
fn use_expired(state: &mut State, lease: &Lease) -> Result<(), TxError> {
    check_token(state, lease)?;
    let (token, expires, height) = (lease.token, lease.expires, state.height());
    if expires > height {
        return Err(TxError::LeaseStillValid { token, expires, height });
    }
    record_use(state, lease);
    Ok(())
}

fn check_token(state: &State, lease: &Lease) -> Result<(), TxError> {
    let job = open_job(state, lease.job)?;
    let (expected, token) = (job.fence.max(state.tip.token_floor), lease.token);
    match state.tables.tokens.get(&token) {
        Some(used) => Err(TxError::TokenUsed { token, job: used.job, worker: used.worker }),
        None if token <= expected => Err(TxError::StaleToken { expected, got: token }),
        None => Ok(()),
    }
}

/// Remembers the use for as long as a lease that is not newer can run: tokens grow from lease to lease, so when this one
/// could have been granted `max_lease_blocks` after an older one, the older one is void too.
fn record_use(state: &mut State, lease: &Lease) {
    let Lease { job, worker, token, .. } = *lease;
    let forget = lease.expires.max(state.height()).plus(state.meta.params.max_lease_blocks);
    state.put_token(token, TokenUse { job, worker, forget });
    state.edit_job(job, |row| row.highest_token = row.highest_token.max(token));
    state.emit(Event::LeaseObserved { job, worker, token });
}

/// Forgets a token that no running lease can carry, and with it every older one.
pub(super) fn forget(state: &mut State, token: LeaseToken) {
    state.tables.tokens.remove(&token);
    state.tip.token_floor = state.tip.token_floor.max(token);
}

/// Voids a lease that ended without an answer. Where one worker serves a job, everything older is void with it; the
/// two workers of an A2 job hold their leases side by side.
fn fence(state: &mut State, lease: &Lease) {
    state.edit_job(lease.job, |job| {
        if job.spec.assurance != Assurance::A2 {
            job.fence = job.fence.max(lease.token);
        }
    });
}

pub(super) fn abandon(state: &mut State, lease: &Lease, reason: DeclineReason) -> Result<Outcome, TxError> {
    use_running(state, lease)?;
    fence(state, lease);
    let Lease { job, worker, token, .. } = *lease;
    state.emit(Event::LeaseAbandoned { job, worker, token, reason });
    Ok(Outcome::LeaseAbandoned { job })
}

/// Counts a worker's word that nobody can answer the job. One worker alone cannot end it.
pub(super) fn fail_job(state: &mut State, lease: &Lease, reason: FailReason) -> Result<Outcome, TxError> {
    let Lease { job: id, worker, token, .. } = *lease;
    require_active(state, worker)?;
    use_running(state, lease)?;
    fence(state, lease);
    state.edit_job(id, |job| add_failure(job, worker, reason));
    state.emit(Event::JobFailureReported { job: id, worker, token, reason });
    if has_failed(state, id)? {
        jobs::refund(state, id, RefundReason::Failed(reason));
    }
    Ok(Outcome::FailureReported { job: id, status: status(state, id)? })
}

fn add_failure(job: &mut Job, worker: AccountId, reason: FailReason) {
    job.failures.retain(|(by, _)| *by != worker);
    job.failures.push((worker, reason));
}

/// A committed worker claims to have an answer, which no number of failures outvotes.
fn has_failed(state: &State, id: JobId) -> Result<bool, TxError> {
    let job = open_job(state, id)?;
    Ok(job.failures.len() >= state.meta.params.fail_quorum as usize && job.round.seats.is_empty())
}

pub(super) fn status(state: &State, id: JobId) -> Result<crate::JobStatus, TxError> {
    state.tables.jobs.get(&id).map(|job| job.status).ok_or(TxError::UnknownJob { job: id })
}

pub(super) fn report_timeout(state: &mut State, lease: &Lease) -> Result<Outcome, TxError> {
    let Lease { job, worker, token, .. } = *lease;
    find(state, worker)?;
    use_expired(state, lease)?;
    fence(state, lease);
    state.emit(Event::LeaseTimedOut { job, worker, token });
    change_standing(state, worker, Reputation::TIMEOUT, |row| row.timeouts += 1);
    Ok(Outcome::TimeoutReported { job, worker })
}
