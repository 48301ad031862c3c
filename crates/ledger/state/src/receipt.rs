//! What the chain says about a paid job, and the tree that lets a stranger check it against a block header.
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
use ciro_crypto::hash_encoded;
use ciro_types::{AccountId, Amount, Assurance, ChainId, Hash32, Height, JobId, ModelId};
use serde::{Deserialize, Serialize};

const RECORD_DOMAIN: &str = "ciro/settlement/v1";

/// One worker's share.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Payment {
    /// Who was paid.
    pub worker: AccountId,
    /// How much, fee not included.
    pub price: Amount,
}

/// A settled job. Its [digest](Self::digest) is a leaf under the `receipts_root` of its block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SettlementRecord {
    /// The network.
    pub chain: ChainId,
    /// The job: hash of its signed specification.
    pub job: JobId,
    /// Who paid.
    pub client: AccountId,
    /// The compiled model.
    pub model: ModelId,
    /// Hash of the raw input.
    pub input: Hash32,
    /// Hash of the raw output that prevailed.
    pub output: Hash32,
    /// How a wrong answer was caught.
    pub assurance: Assurance,
    /// Who was paid: one worker at A0 and A4, two at A2.
    pub payments: Vec<Payment>,
    /// Protocol fee, on top of the payments.
    pub fee: Amount,
    /// The unspent rest of the escrow, back with the client.
    pub refund: Amount,
    /// The block that paid.
    pub height: Height,
}

impl SettlementRecord {
    /// Hash of the canonical encoding.
    #[must_use]
    pub fn digest(&self) -> Hash32 {
        hash_encoded(RECORD_DOMAIN, self)
    }
}
