//! What validators send each other, in bytes.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_consensus::Message;
use ciro_consensus::message::MAX_MESSAGE_BYTES;
use ciro_types::{DecodeError, Height, decode, encode};

/// Most transactions of one gossip message.
pub const MAX_GOSSIP_TXS: usize = 1_024;

/// One transport message.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Wire {
    /// About the agreement.
    Consensus(Message),
    /// Encoded transactions that wait for a block.
    Txs(Vec<Vec<u8>>),
    /// "The blocks you ask for are pruned here; I keep those from this height on."
    Pruned(Height),
}

impl Wire {
    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if they are too long or not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, MAX_MESSAGE_BYTES + 16)
    }
}
