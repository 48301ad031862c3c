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

/// What is reported of validators.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ValidatorAction {
    /// Shows that a validator signed two conflicting consensus messages. Anyone may.
    ReportEquivocation {
        /// Opaque here; judged by an [`crate::EvidenceCheck`].
        evidence: Vec<u8>,
    },
}
