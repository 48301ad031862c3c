//! An action is handed to its component.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use crate::action::Action;
use crate::check::{Checking, Finding};
use crate::error::TxError;
use crate::exec::origin::Origin;
use crate::lane::Errand;
use crate::outcome::Outcome;
use crate::params::Params;
use crate::state::State;
use ciro_types::AccountId;

impl Action {
    /// What it is about, as far as its lane goes.
    #[must_use]
    pub const fn errand(&self) -> Errand {
        match self {
            Self::Token(action) => action.errand(),
            Self::Model(action) => action.errand(),
            Self::Worker(action) => action.errand(),
            Self::Job(action) => action.errand(),
            Self::Validator(action) => action.errand(),
        }
    }

    /// Checks what is of variable length.
    pub(crate) fn check_sizes(&self, params: &Params) -> Result<(), TxError> {
        match self {
            Self::Token(_) => Ok(()),
            Self::Model(action) => action.check_sizes(params),
            Self::Worker(action) => action.check_sizes(params),
            Self::Job(action) => action.check_sizes(params),
            Self::Validator(action) => action.check_sizes(params),
        }
    }

    /// Checks what needs no order, dear things last.
    pub(crate) fn check(&self, with: &Checking<'_>) -> Result<Finding, TxError> {
        match self {
            Self::Token(action) => action.check().map(|()| Finding::Sound),
            Self::Model(action) => action.check(with),
            Self::Worker(action) => action.check(with).map(|()| Finding::Sound),
            Self::Job(action) => action.check(with).map(|()| Finding::Sound),
            Self::Validator(action) => action.check(with),
        }
    }

    /// Units of verification that it takes now.
    pub(crate) fn units(&self, state: &State) -> u64 {
        match self {
            Self::Token(_) | Self::Worker(_) | Self::Validator(_) => 0,
            Self::Model(action) => action.units(state),
            Self::Job(action) => action.units(state),
        }
    }

    /// Whether the sender has the right that it claims, by the present state.
    pub(crate) fn admit(&self, state: &State, sender: AccountId) -> Result<(), TxError> {
        match self {
            Self::Token(_) | Self::Worker(_) | Self::Validator(_) => Ok(()),
            Self::Model(action) => action.admit(state),
            Self::Job(action) => action.admit(state, sender),
        }
    }

    /// Does what is asked. Whoever calls it takes everything back if it is refused.
    pub(crate) fn execute(&self, state: &mut State, origin: Origin, finding: Finding) -> Result<Outcome, TxError> {
        match self {
            Self::Token(action) => action.execute(state, origin.sender),
            Self::Model(action) => action.execute(state, origin.sender, finding),
            Self::Worker(action) => action.execute(state, origin.sender),
            Self::Job(action) => action.execute(state, origin),
            Self::Validator(action) => action.execute(state, finding),
        }
    }
}
