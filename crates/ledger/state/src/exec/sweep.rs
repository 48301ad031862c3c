//! What happens at the beginning of a block by itself.

use crate::component::job::leases;
use crate::component::job::orders as jobs;
use crate::component::job::redundant;
use crate::component::job::row::Job;
use crate::component::model::exec as models;
use crate::component::worker::exec::withdraw_offer;
use crate::due::Due;
use crate::event::Event;
use crate::state::State;
use ciro_types::{AccountId, JobId};

/// Does everything that is due. Cost: proportional to what is due. One thing may make a later one pointless: a job that
/// a cancellation refunds does not expire.
pub(crate) fn sweep(state: &mut State) {
    for at in state.take_due() {
        if state.is_still_due(&at) {
            run(state, at.1);
        }
    }
    state.commit();
}

fn run(state: &mut State, due: Due) {
    match due {
        Due::CloseReveals(id) => redundant::close_reveals(state, id),
        Due::Cancel(id) => {
            let job = row(state, id);
            jobs::finish_cancel(state, id, &job);
        }
        Due::Expire(id) => {
            let reason = jobs::expiry_reason(&row(state, id));
            jobs::refund(state, id, reason);
        }
        Due::ForgetJob(id) => {
            if let Some(job) = state.remove_job(&id) {
                models::drop_if_done(state, job.spec.model);
            }
        }
        Due::ForgetToken(token) => leases::forget(state, token),
        Due::ReleaseStake(worker) => release_stake(state, worker),
        Due::ExpireOffer(worker) => withdraw_offer(state, worker),
    }
}

fn row(state: &State, id: JobId) -> Job {
    state.tables.jobs.get(&id).expect("the index follows the rows").clone()
}

/// Says that stake may be withdrawn; the worker fetches it.
fn release_stake(state: &mut State, worker: AccountId) {
    let height = state.height();
    let parts = state.worker(&worker).into_iter().flat_map(|row| &row.unbonding);
    let amount = parts.filter(|part| part.release <= height).map(|part| part.amount).sum();
    state.emit(Event::StakeReleased { worker, amount });
}
