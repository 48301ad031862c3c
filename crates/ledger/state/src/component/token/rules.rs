//! What is said of an action about money before it is executed.
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

use crate::component::token::action::TokenAction;
use crate::error::TxError;
use crate::lane::Errand;

impl TokenAction {
    pub(crate) const fn errand(&self) -> Errand {
        match self {
            Self::Transfer { .. } => Errand::Plain,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TxError> {
        match self {
            Self::Transfer { amount, .. } if amount.0 == 0 => Err(TxError::ZeroAmount),
            Self::Transfer { .. } => Ok(()),
        }
    }
}
