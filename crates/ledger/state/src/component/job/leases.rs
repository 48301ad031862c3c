//! Fencing tokens: how a lease is used once, by whom it names, for the job it names, while it runs.

use crate::component::job::lease::Authority;
use crate::component::job::lots::is_drawn;
use crate::component::job::orders::{self as jobs, open_job};
use crate::component::job::row::TokenUse;
use crate::component::job::row::{DeclineReason, FailReason, Job, RefundReason};
use crate::component::worker::exec::{change_standing, find, require_active, require_height};
use crate::component::worker::offers::{check_price, offer_price};
use crate::component::worker::row::Reputation;
use crate::error::{TimedField, TxError};
use crate::event::Event;
use crate::outcome::Outcome;
use crate::state::State;
use ciro_types::{AccountId, Amount, Assurance, Height, JobId, Lease, LeaseToken};

/// Accepts `sender`'s right to answer and returns its price.
pub(crate) fn authorize(state: &mut State, sender: AccountId, authority: &Authority) -> Result<Amount, TxError> {
    let price = check_right(state, state.height(), sender, authority)?;
    if let Authority::Lease(signed) = authority {
        record_use(state, &signed.lease);
    }
    Ok(price)
}

/// Whether `sender` may answer by this right in the block at `height`, and at which price.
pub(crate) fn check_right(
    state: &State,
    height: Height,
    sender: AccountId,
    authority: &Authority,
) -> Result<Amount, TxError> {
    let id = authority.job();
    open_job(state, id)?;
    require_active(state, sender)?;
    let price = match authority {
        Authority::Lease(signed) => {
            check_running(state, height, &signed.lease)?;
            signed.lease.price
        }
        Authority::Open { .. } => open_price(state, height, sender, id)?,
    };
    check_price(state, open_job(state, id)?, price)?;
    Ok(price)
}

/// The price of a worker that answers without a lease: that of its standing offer. At A2, where nothing but the choice of
/// workers speaks for an answer, only those that drew the lot may.
fn open_price(state: &State, height: Height, worker: AccountId, id: JobId) -> Result<Amount, TxError> {
    let job = open_job(state, id)?;
    if let Some(at) = job.cancel_at {
        return Err(TxError::JobCancelling { job: id, at });
    }
    let open_from = job.open_from;
    if height < open_from {
        return Err(TxError::LeaseRequired { job: id, open_from, height });
    }
    let price = offer_price(state, job, worker)?;
    match job.spec.assurance {
        Assurance::A2 if !is_drawn(state, id, job, worker) => Err(TxError::NotDrawn { job: id, worker }),
        Assurance::A0 | Assurance::A2 | Assurance::A4 => Ok(price),
    }
}

/// Whether a lease is unused and runs in the block at `height`.
pub(crate) fn check_running(state: &State, height: Height, lease: &Lease) -> Result<(), TxError> {
    check_token(state, lease)?;
    let (token, expires) = (lease.token, lease.expires);
    if expires <= height {
        return Err(TxError::LeaseExpired { token, expires, height });
    }
    require_height(height, TimedField::LeaseExpiry, expires, state.meta.params.max_lease_blocks)
}

/// Uses the token of a lease that still runs.
fn use_running(state: &mut State, lease: &Lease) -> Result<(), TxError> {
    check_running(state, state.height(), lease)?;
    record_use(state, lease);
    Ok(())
}

/// Uses the token of a lease that has run out, and could have been used before.
fn use_expired(state: &mut State, lease: &Lease) -> Result<(), TxError> {
    check_token(state, lease)?;
    let (token, expires, height) = (lease.token, lease.expires, state.height());
    if expires > height {
        return Err(TxError::LeaseStillValid { token, expires, height });
    }
    check_has_run(state, lease)?;
    record_use(state, lease);
    Ok(())
}

/// A lease of a job cannot have been granted before the job's round began. One that ended too soon after that gave its worker no time, so
/// its end says nothing. Nobody lets the same job lapse twice, because nobody is granted it twice.
fn check_has_run(state: &State, lease: &Lease) -> Result<(), TxError> {
    let (job, params) = (open_job(state, lease.job)?, &state.meta.params);
    if job.timed_out.contains(&lease.worker) {
        return Err(TxError::TimeoutKnown { job: lease.job, worker: lease.worker });
    }
    let began = Height(job.open_from.0.saturating_sub(params.open_window));
    let (expected, got) = (began.plus(params.min_lease_blocks), lease.expires);
    if got >= expected { Ok(()) } else { Err(TxError::LeaseNeverRan { token: lease.token, expected, got }) }
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

/// Remembers the use until no older lease can run. Tokens grow from lease to lease, so an older lease was granted before this one. It
/// ends at most `max_lease_blocks` after this one's end.
fn record_use(state: &mut State, lease: &Lease) {
    let Lease { job, worker, token, .. } = *lease;
    let forget = lease.expires.max(state.height()).plus(state.meta.params.max_lease_blocks);
    state.put_token(token, TokenUse { job, worker, forget });
    state.edit_job(job, |row| row.highest_token = row.highest_token.max(token));
    state.emit(Event::LeaseObserved { job, worker, token });
}

/// Forgets a token that no running lease can carry, and with it every older one.
pub(crate) fn forget(state: &mut State, token: LeaseToken) {
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

pub(crate) fn abandon(state: &mut State, lease: &Lease, reason: DeclineReason) -> Result<Outcome, TxError> {
    use_running(state, lease)?;
    fence(state, lease);
    let Lease { job, worker, token, .. } = *lease;
    state.emit(Event::LeaseAbandoned { job, worker, token, reason });
    Ok(Outcome::LeaseAbandoned { job })
}

/// Counts a worker's word that nobody can answer the job. One worker alone cannot end it, and whoever is proven wrong by an
/// answer loses standing.
pub(crate) fn fail_job(state: &mut State, lease: &Lease, reason: FailReason) -> Result<Outcome, TxError> {
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

/// Whether enough workers, with more than half of all active stake between them, say so: accounts are cheap. With less, the
/// job stays open for others until its deadline. A committed worker claims to have an answer, which nothing outvotes.
fn has_failed(state: &State, id: JobId) -> Result<bool, TxError> {
    let job = open_job(state, id)?;
    let stake_of = |worker: &AccountId| state.worker(worker).map_or(Amount::ZERO, |row| row.stake);
    let agreeing: Amount = job.failures.iter().map(|(worker, _)| stake_of(worker)).sum();
    let is_majority = agreeing.0 > state.tip.totals.worker_stakes.0 - agreeing.0;
    Ok(job.failures.len() >= state.meta.params.fail_quorum as usize && is_majority && job.round.seats.is_empty())
}

pub(crate) fn status(state: &State, id: JobId) -> Result<crate::JobStatus, TxError> {
    state.tables.jobs.get(&id).map(|job| job.status).ok_or(TxError::UnknownJob { job: id })
}

pub(crate) fn report_timeout(state: &mut State, lease: &Lease) -> Result<Outcome, TxError> {
    let Lease { job, worker, token, .. } = *lease;
    find(state, worker)?;
    use_expired(state, lease)?;
    fence(state, lease);
    state.edit_job(job, |row| row.timed_out.push(worker));
    state.emit(Event::LeaseTimedOut { job, worker, token });
    change_standing(state, worker, Reputation::TIMEOUT, |row| row.timeouts += 1);
    Ok(Outcome::TimeoutReported { job, worker })
}
