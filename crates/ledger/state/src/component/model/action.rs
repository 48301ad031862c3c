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
use ciro_types::{ModelId, ModelRoots};

/// What an owner asks about a model.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ModelAction {
    /// Publishes a compiled model, for a deposit by its size. Idempotent: the model's id is the hash of both fields.
    Register {
        /// Public part of the integer program, judged by a [`crate::ProofCheck`].
        program: Vec<u8>,
        /// Its key and its weights.
        roots: ModelRoots,
    },
    /// Withdraws the sender's model. No job may be ordered on it from then on. Once the last one is forgotten, the row goes and its
    /// deposit returns to the sender.
    Remove {
        /// The model.
        model: ModelId,
    },
}
