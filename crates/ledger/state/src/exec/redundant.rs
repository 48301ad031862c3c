//! A2: commit, reveal, compare, break a tie. The rules are in [`crate::job`].

use super::slashing::slash_worker;
use super::workers::change_standing;
use super::{Origin, jobs, leases, open_job, settle};
use crate::block::Outcome;
use crate::error::TxError;
use crate::event::Event;
use crate::job::{AGREEING_SEATS, FailReason, Job, MAX_SEATS, RefundReason, Seat};
use crate::lease::Authority;
use crate::receipt::Payment;
use crate::slash::SlashReason;
use crate::state::State;
use crate::tx::commitment as commit_to;
use crate::worker::Reputation;
use ciro_types::{AccountId, Hash32, Height, JobId, TxId};

/// Takes a seat.
pub(super) fn commit(
    state: &mut State,
    worker: AccountId,
    authority: &Authority,
    commitment: Hash32,
) -> Result<Outcome, TxError> {
    let id = authority.job();
    check_seat(state, id, worker)?;
    let price = leases::authorize(state, worker, authority)?;
    let window_end = state.height().plus(state.meta.params.reveal_window);
    let reveal_by = state
        .edit_job(id, |job| take_seat(job, Seat { worker, price, commitment, output: None }, window_end))
        .flatten();
    state.emit(Event::JobCommitted { job: id, worker, commitment, reveal_by });
    Ok(Outcome::Committed { job: id })
}

fn check_seat(state: &State, id: JobId, worker: AccountId) -> Result<(), TxError> {
    let job = open_job(state, id)?;
    if let Some(reveal_by) = job.round.reveal_by {
        return Err(TxError::RoundFull { job: id, reveal_by });
    }
    if excluded(job).contains(&worker) {
        return Err(TxError::AlreadySeated { job: id, worker });
    }
    // A window that ended after the deadline would let a silent worker escape, or punish one that had time left.
    let latest = job.spec.deadline.0.saturating_sub(state.meta.params.reveal_window);
    let height = state.height();
    if height.0 <= latest { Ok(()) } else { Err(TxError::TooLateToCommit { latest: Height(latest), height }) }
}

/// Seats a worker; the last wanted one opens the reveal window.
fn take_seat(job: &mut Job, seat: Seat, window_end: Height) -> Option<Height> {
    job.round.seats.push(seat);
    if job.round.seats.len() == job.round.wanted() {
        job.round.reveal_by = Some(window_end);
    }
    job.round.reveal_by
}

/// Workers that may not take a seat.
fn excluded(job: &Job) -> Vec<AccountId> {
    job.round.seats.iter().map(|seat| seat.worker).chain(job.barred.iter().copied()).collect()
}

/// Opens a commitment; the last one closes the round.
pub(super) fn reveal(
    state: &mut State,
    origin: Origin,
    id: JobId,
    (output, salt): (Hash32, Hash32),
) -> Result<Outcome, TxError> {
    let worker = origin.sender;
    let position = check_reveal(open_job(state, id)?, id, worker, (output, salt))?;
    state.edit_job(id, |job| job.round.seats[position].output = Some(output));
    state.emit(Event::JobRevealed { job: id, worker, output, tx: origin.tx });
    decide(state, id, origin.tx);
    Ok(Outcome::Revealed { job: id, status: leases::status(state, id)? })
}

/// Finds the seat that may be opened with this output and salt.
fn check_reveal(job: &Job, id: JobId, worker: AccountId, (output, salt): (Hash32, Hash32)) -> Result<usize, TxError> {
    let not_seated = TxError::NotSeated { job: id, worker };
    let position = job.round.seats.iter().position(|seat| seat.worker == worker).ok_or(not_seated)?;
    let seat = &job.round.seats[position];
    if seat.output.is_some() {
        return Err(TxError::AlreadyRevealed { job: id, worker });
    }
    if job.round.reveal_by.is_none() {
        return Err(TxError::RevealTooEarly { job: id });
    }
    let (expected, got) = (seat.commitment, commit_to(id, worker, output, salt));
    if expected == got { Ok(position) } else { Err(TxError::WrongReveal { expected, got }) }
}

/// Once every seat is open, the answers decide.
fn decide(state: &mut State, id: JobId, tx: TxId) {
    let seats = state.tables.jobs.get(&id).expect("a round belongs to a job").round.seats.clone();
    match agreed_output(&seats) {
        _ if seats.iter().any(|seat| seat.output.is_none()) => {}
        Some(output) => settle_round(state, id, &seats, (output, tx)),
        None if seats.len() >= MAX_SEATS => jobs::refund(state, id, RefundReason::Failed(FailReason::NoMajority)),
        None => reopen(state, id),
    }
}

/// Ends a reveal window that somebody let pass. The seats that did reveal cannot agree: they would have closed the
/// round before, or are alone.
pub(super) fn close_reveals(state: &mut State, id: JobId) {
    drop_silent_seats(state, id);
    reopen(state, id);
}

fn drop_silent_seats(state: &mut State, id: JobId) {
    let silent = state.edit_job(id, |job| {
        let (open, silent): (Vec<_>, Vec<_>) = job.round.seats.drain(..).partition(|seat| seat.output.is_some());
        job.round.seats = open;
        job.barred.extend(silent.iter().map(|seat| seat.worker));
        silent
    });
    for seat in silent.into_iter().flatten() {
        slash_worker(state, seat.worker, SlashReason::Unavailable, id);
        change_standing(state, seat.worker, Reputation::TIMEOUT, |row| row.timeouts += 1);
    }
}

/// The output that enough seats revealed. With three seats there is at most one.
fn agreed_output(seats: &[Seat]) -> Option<Hash32> {
    let votes = |output: Hash32| seats.iter().filter(|seat| seat.output == Some(output)).count();
    seats.iter().filter_map(|seat| seat.output).find(|output| votes(*output) >= AGREEING_SEATS)
}

fn settle_round(state: &mut State, id: JobId, seats: &[Seat], (output, tx): (Hash32, TxId)) {
    let (right, wrong): (Vec<_>, Vec<_>) = seats.iter().partition(|seat| seat.output == Some(output));
    for seat in wrong {
        slash_worker(state, seat.worker, SlashReason::Malicious, id);
        change_standing(state, seat.worker, Reputation::LOST_DISPUTE, |row| row.disputes_lost += 1);
    }
    let payments = right.iter().map(|seat| Payment { worker: seat.worker, price: seat.price }).collect();
    settle::pay(state, id, payments, (output, tx));
}

/// Asks for one more worker. Leases of the closed round are void, and the scheduler gets its window again.
fn reopen(state: &mut State, id: JobId) {
    let open_from = state.height().plus(state.meta.params.open_window);
    let event = state.edit_job(id, |job| {
        job.round.reveal_by = None;
        job.fence = job.highest_token;
        job.open_from = open_from;
        let wanted = job.round.wanted() - job.round.seats.len();
        Event::JobReopened { job: id, wanted: wanted as u32, excluded: excluded(job), fence: job.fence, open_from }
    });
    if let Some(event) = event {
        state.emit(event);
    }
}
