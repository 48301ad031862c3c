//! Taking stake.

use crate::component::worker::exec::withdraw_offer_if_inactive;
use crate::event::Event;
use crate::fees::portion;
use crate::money::Pot;
use crate::slash::SlashReason;
use crate::state::State;
use ciro_types::{AccountId, Amount, JobId};

/// Takes the offence's share of everything the worker has at risk: active stake first, then the parts on their way out,
/// soonest release first. Slashed money moves (defect 5).
pub(crate) fn slash_worker(state: &mut State, worker: AccountId, reason: SlashReason, job: JobId) {
    let pots = slashable(state, worker);
    let at_risk: Amount = pots.iter().map(|pot| state.level(*pot)).sum();
    let amount = portion(at_risk, reason.rate());
    take(state, &pots, reason, amount);
    announce(state, worker, reason, (amount, Some(job)));
    withdraw_offer_if_inactive(state, worker);
}

fn slashable(state: &State, worker: AccountId) -> Vec<Pot> {
    let parts = state.worker(&worker).into_iter().flat_map(|row| &row.unbonding);
    let unbonding = parts.map(|part| Pot::Unbonding(worker, part.release));
    std::iter::once(Pot::Stake(worker)).chain(unbonding).collect()
}

fn take(state: &mut State, pots: &[Pot], reason: SlashReason, amount: Amount) {
    let mut left = amount;
    for pot in pots {
        let part = left.min(state.level(*pot));
        state.shift_held(*pot, reason.destination().into(), part);
        left = Amount(left.0 - part.0);
    }
}

/// Takes the offence's share of a validator's stake and returns how much that was.
pub(crate) fn slash_validator(state: &mut State, validator: AccountId, reason: SlashReason) -> Amount {
    let pot = Pot::ValidatorStake(validator);
    let amount = portion(state.level(pot), reason.rate());
    state.shift_held(pot, reason.destination().into(), amount);
    announce(state, validator, reason, (amount, None));
    amount
}

fn announce(state: &mut State, account: AccountId, reason: SlashReason, (amount, job): (Amount, Option<JobId>)) {
    state.emit(Event::Slashed { account, reason, amount, destination: reason.destination(), job });
}
