//! Ordering a job, withdrawing it, and the exits that refund it.

use crate::component::job::row::{AGREEING_SEATS, FailReason, Job, JobStatus, RefundReason, Round};
use crate::component::job::seats::release_seats;
use crate::component::model::row::Model;
use crate::component::worker::exec::require_height;
use crate::error::{TimedField, TxError};
use crate::event::Event;
use crate::fees::cost;
use crate::money::Pot;
use crate::outcome::Outcome;
use crate::state::State;
use ciro_crypto::job_id;
use ciro_types::{AccountId, Amount, JobId, JobSpec, LeaseToken};

/// Orders a job and moves its price into escrow (defect 1). The same order again changes nothing.
pub(crate) fn submit(state: &mut State, spec: &JobSpec) -> Result<Outcome, TxError> {
    let id = job_id(spec);
    if let Some(job) = state.tables.jobs.get(&id) {
        return Ok(Outcome::JobAbsorbed { job: id, status: job.status });
    }
    check_order(state, spec)?;
    let job = opened(state, spec);
    let open_from = job.open_from;
    let work = state.tables.models.get(&spec.model).map_or(0, Model::work);
    state.put_job(id, job);
    state.spend(spec.client, Pot::Escrow(id), spec.max_price)?;
    state.emit(Event::JobOpened { job: id, spec: spec.clone(), open_from, work });
    Ok(Outcome::JobSubmitted { job: id })
}

fn check_order(state: &State, spec: &JobSpec) -> Result<(), TxError> {
    let params = &state.meta.params;
    let model = spec.model;
    if state.tables.models.get(&model).ok_or(TxError::UnknownModel { model })?.is_retired {
        return Err(TxError::ModelRetired { model });
    }
    let expected = cost(params.min_price, params.fee, spec.assurance).unwrap_or(Amount(u128::MAX));
    if spec.max_price < expected {
        return Err(TxError::PriceBelowMinimum { expected, got: spec.max_price });
    }
    require_height(state.height(), TimedField::Deadline, spec.deadline, params.max_job_blocks)
}

fn opened(state: &State, spec: &JobSpec) -> Job {
    let height = state.height();
    Job {
        spec: spec.clone(),
        opened: height,
        status: JobStatus::Open,
        escrow: Amount::ZERO,
        open_from: height.plus(state.meta.params.open_window),
        fence: LeaseToken(0),
        highest_token: LeaseToken(0),
        cancel_at: None,
        round: Round::default(),
        barred: Vec::new(),
        failures: Vec::new(),
        timed_out: Vec::new(),
    }
}

/// Starts a withdrawal. A lease may be out that the ledger has not seen. A client could see the answer in a mempool, cancel, and have it
/// for nothing. So the refund waits as long as a lease can run.
pub(crate) fn cancel(state: &mut State, sender: AccountId, id: JobId) -> Result<Outcome, TxError> {
    let job = open_job(state, id)?;
    if job.spec.client != sender {
        return Err(TxError::WrongSender { expected: job.spec.client, got: sender });
    }
    if let Some(at) = job.cancel_at {
        return Err(TxError::JobCancelling { job: id, at });
    }
    if !job.round.seats.is_empty() {
        return Err(TxError::JobInProgress { job: id, seats: job.round.seats.len() as u64 });
    }
    let at = state.height().plus(state.meta.params.max_lease_blocks);
    state.edit_job(id, |job| job.cancel_at = Some(at));
    state.emit(Event::JobCancelRequested { job: id, at });
    Ok(Outcome::CancelRequested { job: id, at })
}

/// Refunds a withdrawn job, unless a worker has committed in the meantime.
pub(crate) fn finish_cancel(state: &mut State, id: JobId, job: &Job) {
    if job.round.seats.is_empty() {
        refund(state, id, RefundReason::Cancelled);
    } else {
        state.edit_job(id, |job| job.cancel_at = None);
        state.emit(Event::JobCancelOverruled { job: id });
    }
}

/// Why a job that reached its deadline unanswered is refunded.
pub(crate) fn expiry_reason(job: &Job) -> RefundReason {
    let revealed = job.round.seats.iter().filter(|seat| seat.output.is_some()).count();
    match job.failures.last() {
        _ if job.cancel_at.is_some() => RefundReason::Cancelled,
        _ if revealed >= AGREEING_SEATS => RefundReason::Failed(FailReason::NoMajority),
        Some((_, reason)) => RefundReason::Failed(*reason),
        None if was_taken(job) => RefundReason::Expired,
        None => RefundReason::Unmatched,
    }
}

fn was_taken(job: &Job) -> bool {
    job.highest_token > LeaseToken(0) || !job.round.seats.is_empty() || !job.barred.is_empty()
}

/// Gives the whole escrow back and ends the job.
pub(crate) fn refund(state: &mut State, id: JobId, reason: RefundReason) {
    let (client, amount) = return_escrow(state, id);
    close(state, id, JobStatus::Refunded { height: state.height(), reason });
    state.emit(Event::JobRefunded { job: id, client, amount, reason });
}

/// Moves what is left in escrow to the client.
pub(crate) fn return_escrow(state: &mut State, id: JobId) -> (AccountId, Amount) {
    let job = state.tables.jobs.get(&id).expect("an open job has a row");
    let (client, amount) = (job.spec.client, job.escrow);
    state.shift_held(Pot::Escrow(id), Pot::Balance(client), amount);
    (client, amount)
}

/// Ends a job whose escrow is empty. What decided its future is dropped with it, and its seats' stake is free.
pub(crate) fn close(state: &mut State, id: JobId, status: JobStatus) {
    let seats = state.tables.jobs.get(&id).expect("an open job has a row").round.seats.clone();
    release_seats(state, &seats);
    state.edit_job(id, |job| {
        assert!(job.is_open() && job.escrow == Amount::ZERO, "a job ends once, with an empty escrow");
        job.status = status;
        job.cancel_at = None;
        job.round = Round::default();
        job.barred = Vec::new();
        job.failures = Vec::new();
        job.timed_out = Vec::new();
    });
}

/// An open job, or why there is none.
pub(crate) fn open_job(state: &State, id: JobId) -> Result<&Job, TxError> {
    let job = state.tables.jobs.get(&id).ok_or(TxError::UnknownJob { job: id })?;
    if job.is_open() { Ok(job) } else { Err(TxError::JobClosed { job: id, status: job.status }) }
}
