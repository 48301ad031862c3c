//! What a seat of a redundant job takes: stake that covers it, and a worker that has none of its seats yet.

use crate::component::job::row::{Job, Seat};
use crate::component::worker::row::Worker;
use crate::state::State;
use ciro_types::{AccountId, Amount};

/// The stake that a worker needs for its seats and one more at this price.
pub(crate) fn cover(state: &State, row: &Worker, price: Amount) -> Amount {
    let pledged = row.pledged.0.saturating_add(price.0);
    Amount(pledged.saturating_mul(state.meta.params.seat_cover.into()))
}

/// The seats are gone: their workers' stake covers others.
pub(crate) fn release_seats(state: &mut State, seats: &[Seat]) {
    for seat in seats {
        state.edit_worker(seat.worker, |row| row.pledged = Amount(row.pledged.0 - seat.price.0));
    }
}

/// Workers that may not take a seat.
pub(crate) fn excluded(job: &Job) -> Vec<AccountId> {
    job.round.seats.iter().map(|seat| seat.worker).chain(job.barred.iter().copied()).collect()
}
