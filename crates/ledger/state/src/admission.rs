//! What is not worth a place in a pool: whatever the next block would refuse as the state stands. It is found without
//! a signature or a proof. A block may hold such a transaction all the same, and its sender pays for it. A validator
//! that looks here first does not spend a proof check on somebody without a right to answer.
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
use crate::error::TxError;
use crate::state::State;
use ciro_types::AccountId;

impl State {
    /// Whether `sender` has the right that this action claims, by the present state. Signatures inside are not looked at.
    /// Cost: a few lookups; a hash of the program for a model; one pass over the workers for an A2 seat without a lease.
    ///
    /// # Errors
    /// [`TxError`] as the next block would refuse it. Some pass: see [`is_premature`].
    pub fn admit(&self, sender: AccountId, action: &Action) -> Result<(), TxError> {
        action.admit(self, sender)
    }
}

/// Whether a block that is on its way may make this acceptable: it holds the order, the last seat or the model.
#[must_use]
pub const fn is_premature(error: &TxError) -> bool {
    matches!(
        error,
        TxError::UnknownJob { .. }
            | TxError::UnknownModel { .. }
            | TxError::NotSeated { .. }
            | TxError::RevealTooEarly { .. }
            | TxError::LeaseRequired { .. }
    )
}
