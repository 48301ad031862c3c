//! Validators. The set and its voting power are those of the genesis, so that a light client needs nothing else.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::Amount;
use serde::{Deserialize, Serialize};

/// A validator of the genesis.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Validator {
    /// What it has at risk now. Only a slash changes it.
    pub stake: Amount,
    /// Voting power: the genesis stake in whole CIRO. Never changes.
    pub power: u64,
    /// Offences punished so far.
    pub offences: u32,
}
