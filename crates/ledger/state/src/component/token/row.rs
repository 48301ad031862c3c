//! Accounts.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{Amount, Nonce};
use serde::{Deserialize, Serialize};

/// A balance and a transaction count. An account that was never paid and never sent has no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Account {
    /// Spendable money.
    pub balance: Amount,
    /// What the next transaction must carry.
    pub nonce: Nonce,
}
