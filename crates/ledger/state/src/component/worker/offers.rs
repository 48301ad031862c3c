//! What a worker asks for a job, and whether it may.

use crate::component::job::row::Job;
use crate::component::worker::exec::{find, require_price};
use crate::error::TxError;
use crate::fees::price_ceiling;
use crate::state::State;
use ciro_types::{AccountId, Amount};

/// What a worker asks whose standing offer fits the job.
pub(crate) fn offer_price(state: &State, job: &Job, worker: AccountId) -> Result<Amount, TxError> {
    let offer = state.offer(&worker).ok_or(TxError::NoOffer { worker })?;
    let needs = &job.spec.requirements;
    let standing = find(state, worker)?.reputation.0;
    let fits = offer.memory >= needs.memory && offer.flags.covers(needs.flags) && standing >= needs.min_reputation;
    if !fits {
        return Err(TxError::RequirementsNotMet { job: job.id(), worker });
    }
    check_price(state, job, offer.price)?;
    Ok(offer.price)
}

pub(crate) fn check_price(state: &State, job: &Job, price: Amount) -> Result<(), TxError> {
    let (spec, params) = (&job.spec, &state.meta.params);
    require_price(state, price)?;
    let expected = price_ceiling(spec.max_price, params.fee, spec.assurance);
    if price <= expected { Ok(()) } else { Err(TxError::PriceAboveMaximum { expected, got: price }) }
}
