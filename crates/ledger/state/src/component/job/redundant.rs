//! A2: commit, reveal, compare, break a tie. The rules are in [`crate::component::job::row`].

use crate::component::job::lease::Authority;
use crate::component::job::leases;
use crate::component::job::orders::{self as jobs, open_job};
use crate::component::job::row::{AGREEING_SEATS, FailReason, Job, MAX_SEATS, RefundReason, Seat};
use crate::component::job::seats::{cover, excluded, release_seats};
use crate::component::job::settle;
use crate::component::worker::exec::change_standing;
use crate::component::worker::row::Reputation;
use crate::error::TxError;
use crate::event::Event;
use crate::exec::origin::Origin;
use crate::exec::slashing::slash_worker;
use crate::outcome::Outcome;
use crate::receipt::Payment;
use crate::slash::SlashReason;
use crate::state::State;
use crate::tx::commitment as commit_to;
use ciro_types::{AccountId, Amount, Hash32, Height, JobId, TxId};

/// Takes a seat.
pub(crate) fn commit(
    state: &mut State,
    worker: AccountId,
    authority: &Authority,
    commitment: Hash32,
) -> Result<Outcome, TxError> {
    let id = authority.job();
    check_seat(state, state.height(), id, worker)?;
    let price = leases::authorize(state, worker, authority)?;
    check_cover(state, worker, price)?;
    state.edit_worker(worker, |row| row.pledged = Amount(row.pledged.0 + price.0));
    let window_end = state.height().plus(state.meta.params.reveal_window);
    let (seat, crowded) = (Seat { worker, price, commitment, output: None }, state.tip.crowded);
    let reveal_by = state.edit_job(id, |job| take_seat(job, seat, (window_end, crowded))).flatten();
    state.emit(Event::JobCommitted { job: id, worker, commitment, reveal_by });
    Ok(Outcome::Committed { job: id })
}

/// Whether the worker's stake covers one more seat at this price.
pub(crate) fn check_cover(state: &State, worker: AccountId, price: Amount) -> Result<(), TxError> {
    let row = state.worker(&worker).ok_or(TxError::UnknownWorker { worker })?;
    let (expected, got) = (cover(state, row, price), row.stake);
    if got >= expected { Ok(()) } else { Err(TxError::SeatNotCovered { worker, expected, got }) }
}

/// Whether `worker` may take a seat in the block at `height`.
pub(crate) fn check_seat(state: &State, height: Height, id: JobId, worker: AccountId) -> Result<(), TxError> {
    let job = open_job(state, id)?;
    if let Some(reveal_by) = job.round.reveal_by {
        return Err(TxError::RoundFull { job: id, reveal_by });
    }
    if excluded(job).contains(&worker) {
        return Err(TxError::AlreadySeated { job: id, worker });
    }
    // A window that ended after the deadline would let a silent worker escape, or punish one that had time left.
    let latest = job.spec.deadline.0.saturating_sub(state.meta.params.reveal_window);
    if height.0 <= latest { Ok(()) } else { Err(TxError::TooLateToCommit { latest: Height(latest), height }) }
}

/// Seats a worker; the last wanted one opens the reveal window.
fn take_seat(job: &mut Job, seat: Seat, (window_end, crowded): (Height, u64)) -> Option<Height> {
    job.round.seats.push(seat);
    if job.round.seats.len() == job.round.wanted() {
        job.round.reveal_by = Some(window_end);
        job.round.crowded = crowded;
    }
    job.round.reveal_by
}

/// Opens a commitment; the last one closes the round.
pub(crate) fn reveal(
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

/// Whether `worker` has a seat in this job that waits to be opened.
pub(crate) fn check_silence(state: &State, id: JobId, worker: AccountId) -> Result<(), TxError> {
    silent_seat(open_job(state, id)?, id, worker).map(|_| ())
}

fn silent_seat(job: &Job, id: JobId, worker: AccountId) -> Result<usize, TxError> {
    let not_seated = TxError::NotSeated { job: id, worker };
    let position = job.round.seats.iter().position(|seat| seat.worker == worker).ok_or(not_seated)?;
    if job.round.seats[position].output.is_some() {
        return Err(TxError::AlreadyRevealed { job: id, worker });
    }
    if job.round.reveal_by.is_none() {
        return Err(TxError::RevealTooEarly { job: id });
    }
    Ok(position)
}

/// Finds the seat that may be opened with this output and salt.
fn check_reveal(job: &Job, id: JobId, worker: AccountId, (output, salt): (Hash32, Hash32)) -> Result<usize, TxError> {
    let position = silent_seat(job, id, worker)?;
    let (expected, got) = (job.round.seats[position].commitment, commit_to(id, worker, output, salt));
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

/// Ends a reveal window that somebody let pass, unless crowded blocks have shortened it. The seats that did reveal cannot
/// agree: they would have closed the round before, or are alone.
pub(crate) fn close_reveals(state: &mut State, id: JobId) {
    let silent = match lost_blocks(state, id) {
        0 => {
            let silent = drop_silent_seats(state, id);
            punish_silence(state, id, &silent);
            silent
        }
        lost if extend_reveals(state, id, lost) => return,
        // There is no time left to make up for it, so nobody can be blamed.
        _ => drop_silent_seats(state, id),
    };
    release_seats(state, &silent);
    reopen(state, id);
}

/// How many blocks of the window had no room.
fn lost_blocks(state: &State, id: JobId) -> u64 {
    let round = state.tables.jobs.get(&id).map(|job| &job.round);
    round.map_or(0, |round| state.tip.crowded - round.crowded)
}

/// Makes the window longer, if the deadline lets it.
fn extend_reveals(state: &mut State, id: JobId, blocks: u64) -> bool {
    let crowded = state.tip.crowded;
    let extended = state.edit_job(id, |job| {
        let later = job.round.reveal_by?.plus(blocks);
        (later <= job.spec.deadline).then(|| {
            job.round.reveal_by = Some(later);
            job.round.crowded = crowded;
        })
    });
    extended.flatten().is_some()
}

/// Takes the seats that were not opened, and keeps their workers out of the job.
fn drop_silent_seats(state: &mut State, id: JobId) -> Vec<Seat> {
    let silent = state.edit_job(id, |job| {
        let (open, silent): (Vec<_>, Vec<_>) = job.round.seats.drain(..).partition(|seat| seat.output.is_some());
        job.round.seats = open;
        job.barred.extend(silent.iter().map(|seat| seat.worker));
        silent
    });
    silent.unwrap_or_default()
}

fn punish_silence(state: &mut State, id: JobId, silent: &[Seat]) {
    for seat in silent {
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
        job.round.crowded = 0;
        job.fence = job.highest_token;
        job.open_from = open_from;
        let wanted = job.round.wanted() - job.round.seats.len();
        Event::JobReopened { job: id, wanted: wanted as u32, excluded: excluded(job), fence: job.fence, open_from }
    });
    if let Some(event) = event {
        state.emit(event);
    }
}
