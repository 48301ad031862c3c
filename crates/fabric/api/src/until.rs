//! When a submission is answered.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// When a submission is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Once the transaction waits for a block: its nonce is taken, and nothing is durable.
    Waiting,
    /// Once it is committed, durably.
    #[default]
    Committed,
}
