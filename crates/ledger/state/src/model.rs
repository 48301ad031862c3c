//! Registered models.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, Hash32, Height};

/// A compiled model as registered. Immutable.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Model {
    /// Public part of the integer program.
    pub program: Vec<u8>,
    /// Commitment to the weights.
    pub weight_root: Hash32,
    /// Who registered it first.
    pub owner: AccountId,
    /// When.
    pub registered: Height,
}
