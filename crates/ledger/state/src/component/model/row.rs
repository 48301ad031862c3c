//! Registered models.
//!
//! A row is kept for as long as its owner wants. So it is paid for by a deposit per byte of it, and of the weights
//! that shelves keep beside it. Weights are no part of the state and may be lost, so their bytes are cheaper.
//! `RemoveModel` gives the deposit back. But a job is checked against its model's row, and a receipt is put together
//! from it. So a removal only retires the model, and the row goes with the last job that names it. Until then anybody
//! may register the model anew, which puts a new deposit in place of the old one.
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

use crate::params::Params;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Amount, Height, ModelRoots};

/// Bytes of a row besides its program, rounded up.
const ROW_BYTES: u64 = 256;

/// A compiled model as registered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Model {
    /// Public part of the integer program.
    pub program: Vec<u8>,
    /// Its key and its weights.
    pub roots: ModelRoots,
    /// Who registered it and gets the deposit back.
    pub owner: AccountId,
    /// When.
    pub registered: Height,
    /// Money held until the row goes.
    pub deposit: Amount,
    /// Units of verification of one proof.
    pub units: u64,
    /// Bytes of its weights, by the constants that the program declares.
    pub weight_bytes: u64,
    /// Its owner wants it removed: no further job may be ordered on it.
    pub is_retired: bool,
}

/// Bytes of weights that weigh as much as a unit of verification: reading and committing to them takes a worker about that long.
const WEIGHTS_OF_UNIT: u64 = 4_096;

impl Model {
    /// How much a job on it asks of a worker, in units. It is the units of verifying a proof, which grow with the program as proving
    /// does. Every 4 KiB of weights are one unit more. The number is public and no clock's: whoever waits for an answer waits in
    /// proportion.
    #[must_use]
    pub const fn work(&self) -> u64 {
        self.units.saturating_add(self.weight_bytes.div_ceil(WEIGHTS_OF_UNIT))
    }
}

/// What registering a program of this length with so many bytes of weights keeps back. More than there can be where that
/// overflows.
#[must_use]
pub fn deposit(params: &Params, program_bytes: usize, weight_bytes: u64) -> Amount {
    let row_bytes = u64::try_from(program_bytes).unwrap_or(u64::MAX).saturating_add(ROW_BYTES);
    let part = |rate: Amount, bytes: u64| rate.0.saturating_mul(bytes.into());
    let (row, weights) = (part(params.model_byte_deposit, row_bytes), part(params.weight_byte_deposit, weight_bytes));
    Amount(row.saturating_add(weights))
}
