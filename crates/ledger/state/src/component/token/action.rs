//! What can be asked of this component.
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

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount};

/// What an account asks about its money.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TokenAction {
    /// Moves `amount` from the sender to `to`.
    Transfer {
        /// Who receives.
        to: AccountId,
        /// How much, above zero.
        amount: Amount,
    },
}
