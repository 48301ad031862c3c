//! Stake in, stake out, offers.

use crate::component::token::exec as accounts;
use crate::component::worker::action::WorkerAction;
use crate::component::worker::row::{MAX_UNBONDINGS, Worker};
use crate::error::{TimedField, TxError};
use crate::event::Event;
use crate::money::Pot;
use crate::outcome::Outcome;
use crate::state::State;
use ciro_types::{AccountId, Amount, Height, Offer};

impl WorkerAction {
    pub(crate) fn execute(&self, state: &mut State, sender: AccountId) -> Result<Outcome, TxError> {
        match self {
            Self::Register { stake } => register(state, sender, *stake),
            Self::AddStake { amount } => add_stake(state, sender, *amount),
            Self::RequestUnstake { amount } => request_unstake(state, sender, *amount),
            Self::WithdrawStake => withdraw_stake(state, sender),
            Self::PublishOffer { offer } => publish_offer(state, offer),
        }
    }
}

/// A registered worker, or why there is none.
pub(crate) fn find(state: &State, worker: AccountId) -> Result<&Worker, TxError> {
    state.tables.workers.get(&worker).ok_or(TxError::UnknownWorker { worker })
}

/// Refuses a worker whose active stake is below the minimum.
pub(crate) fn require_active(state: &State, worker: AccountId) -> Result<(), TxError> {
    require_minimum(state, worker, find(state, worker)?.stake)
}

fn require_minimum(state: &State, worker: AccountId, got: Amount) -> Result<(), TxError> {
    let expected = state.meta.params.min_stake;
    if got >= expected { Ok(()) } else { Err(TxError::StakeBelowMinimum { worker, expected, got }) }
}

fn register(state: &mut State, worker: AccountId, stake: Amount) -> Result<Outcome, TxError> {
    if state.tables.workers.contains(&worker) {
        return Err(TxError::WorkerExists { worker });
    }
    require_minimum(state, worker, stake)?;
    state.put_worker(worker, Worker::new(state.height()));
    state.spend(worker, Pot::Stake(worker), stake)?;
    accounts::pay_for_row(state, worker)?;
    state.emit(Event::WorkerRegistered { worker, stake });
    Ok(Outcome::WorkerRegistered)
}

/// Adds stake. Parts on their way out keep their release heights (defect 4).
fn add_stake(state: &mut State, worker: AccountId, amount: Amount) -> Result<Outcome, TxError> {
    find(state, worker)?;
    state.spend(worker, Pot::Stake(worker), amount)?;
    let now = state.height();
    let oldest = Height(now.0.saturating_sub(state.meta.params.max_job_blocks));
    state.edit_worker(worker, |row| row.note_addition(now, amount, oldest));
    state.emit(Event::StakeAdded { worker, amount });
    Ok(Outcome::StakeAdded)
}

fn request_unstake(state: &mut State, worker: AccountId, amount: Amount) -> Result<Outcome, TxError> {
    let release = state.height().plus(state.meta.params.unstake_delay);
    let unbonding = &find(state, worker)?.unbonding;
    if unbonding.len() >= MAX_UNBONDINGS && unbonding.iter().all(|part| part.release != release) {
        return Err(TxError::TooManyUnbondings { expected: MAX_UNBONDINGS as u64 });
    }
    state
        .shift(Pot::Stake(worker), Pot::Unbonding(worker, release), amount)
        .map_err(|short| TxError::InsufficientStake { worker, expected: amount, got: short.got })?;
    state.emit(Event::UnstakeRequested { worker, amount, release });
    withdraw_offer_if_inactive(state, worker);
    Ok(Outcome::UnstakeRequested { release })
}

fn withdraw_stake(state: &mut State, worker: AccountId) -> Result<Outcome, TxError> {
    let height = state.height();
    let parts = find(state, worker)?.unbonding.clone();
    let released: Vec<_> = parts.iter().filter(|part| part.release <= height).collect();
    if released.is_empty() {
        return Err(TxError::NothingReleased { next: parts.first().map(|part| part.release) });
    }
    for part in &released {
        state.shift_held(Pot::Unbonding(worker, part.release), Pot::Balance(worker), part.amount);
    }
    let amount = released.iter().map(|part| part.amount).sum();
    state.emit(Event::StakeWithdrawn { worker, amount });
    Ok(Outcome::StakeWithdrawn { amount })
}

fn publish_offer(state: &mut State, offer: &Offer) -> Result<Outcome, TxError> {
    let id = offer.worker;
    require_active(state, id)?;
    let expected = find(state, id)?.offer_sequence;
    if offer.sequence <= expected {
        return Err(TxError::StaleOffer { expected, got: offer.sequence });
    }
    require_height(state.height(), TimedField::OfferExpiry, offer.expires, state.meta.params.max_offer_blocks)?;
    require_price(state, offer.price)?;
    require_backing(state, id, offer)?;
    state.edit_worker(id, |worker| worker.offer_sequence = offer.sequence);
    state.put_offer(offer.clone());
    state.emit(Event::OfferPublished { offer: offer.clone() });
    Ok(Outcome::OfferPublished)
}

/// Refuses a price that is too low to mean anything: for nothing, a worker can be idle.
pub(crate) fn require_price(state: &State, got: Amount) -> Result<(), TxError> {
    let expected = state.meta.params.min_price;
    if got >= expected { Ok(()) } else { Err(TxError::AskBelowMinimum { expected, got }) }
}

/// Refuses an offer of more slots than there is stake behind.
fn require_backing(state: &State, worker: AccountId, offer: &Offer) -> Result<(), TxError> {
    let backed = find(state, worker)?.stake.0 / state.meta.params.slot_stake.0;
    let (expected, got) = (u64::try_from(backed).unwrap_or(u64::MAX), offer.slots);
    if u64::from(got) <= expected { Ok(()) } else { Err(TxError::TooManySlots { expected, got }) }
}

/// Refuses a height that is not after the block at `now`, or more than `span` blocks after it.
pub(crate) fn require_height(now: Height, field: TimedField, got: Height, span: u64) -> Result<(), TxError> {
    let (earliest, latest) = (now.next(), now.plus(span));
    if (earliest..=latest).contains(&got) {
        Ok(())
    } else {
        Err(TxError::HeightOutOfRange { field, earliest, latest, got })
    }
}

/// An offer stands only while the minimum stake is behind it, and that of each of its slots.
pub(crate) fn withdraw_offer_if_inactive(state: &mut State, worker: AccountId) {
    let is_backed = |offer: &Offer| require_backing(state, worker, offer).is_ok();
    if require_active(state, worker).is_err() || !state.offer(&worker).is_none_or(is_backed) {
        withdraw_offer(state, worker);
    }
}

pub(crate) fn withdraw_offer(state: &mut State, worker: AccountId) {
    if let Some(offer) = state.remove_offer(&worker) {
        state.emit(Event::OfferWithdrawn { worker, sequence: offer.sequence });
    }
}

/// Changes a worker's standing and its counters. A worker that never registered has none.
pub(crate) fn change_standing(state: &mut State, worker: AccountId, points: i16, count: impl FnOnce(&mut Worker)) {
    let changed = state.edit_worker(worker, |row| {
        row.reputation = row.reputation.changed(points);
        count(row);
        row.reputation
    });
    if let Some(reputation) = changed {
        state.emit(Event::ReputationChanged { worker, reputation });
    }
}
