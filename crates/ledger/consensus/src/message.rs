//! What validators say to each other, and its one encoding.

use crate::block::SealedBlock;
use crate::certificate::{CommitCertificate, PolkaCertificate, RoundCertificate};
use crate::vote::{SignedProposal, SignedVote};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{DecodeError, Height, decode, encode};

/// Longest message that is decoded, bytes. A block must fit with room for its signatures.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// A decided block with its proof.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DecidedBlock {
    /// The block.
    pub block: SealedBlock,
    /// The decision.
    pub certificate: CommitCertificate,
}

/// A message between validators. None of them is trusted because of where it came from.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// A vote.
    Vote(SignedVote),
    /// A proposal with its block.
    Proposal(SignedProposal),
    /// Proof that a quorum prevoted a block.
    Polka(PolkaCertificate),
    /// Proof that a later round may be entered.
    Round(RoundCertificate),
    /// "My last committed height is this": lets a peer that is behind ask, and tells one that is ahead to answer.
    Status(Height),
    /// "Send me decided blocks from this height on."
    SyncRequest(Height),
    /// Decided blocks of consecutive heights, lowest first. As many as the sender cared to send.
    SyncResponse(Vec<DecidedBlock>),
}

impl Message {
    /// The wire bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads wire bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if they are too long or not canonical; a block whose body does not match its header counts as
    /// not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, MAX_MESSAGE_BYTES)
    }
}
