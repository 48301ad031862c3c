//! The two statements a validator signs: "I vote for this block" and "I propose this block".
//!
//! Both are signed over their canonical encoding, under a domain of their own and the network's id. So no signature
//! means two things, or means anything elsewhere. A proposal is signed by block *name*, not content: two conflicting
//! proposals can be shown to anybody in a few hundred bytes.
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

use crate::block::SealedBlock;
use crate::validators::ValidatorSet;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::{Keypair, Signature, SignatureError, hash_encoded, verify};
use ciro_types::{AccountId, BlockId, ChainId, Hash32, Height};

/// Domain under which votes are signed.
pub const VOTE_DOMAIN: &str = "ciro/consensus/vote/v1";
/// Domain under which proposals are signed.
pub const PROPOSAL_DOMAIN: &str = "ciro/consensus/proposal/v1";

/// The two voting phases of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum VoteKind {
    /// "This proposal is valid here" (pBFT: prepare).
    Prevote = 0,
    /// "A quorum prevoted it; I will not help another one at this height" (pBFT: commit).
    Precommit = 1,
}

/// One validator's vote in one phase of one round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// Which phase.
    pub kind: VoteKind,
    /// Which block position.
    pub height: Height,
    /// Which attempt at that position, from 0.
    pub round: u32,
    /// What is voted for; `None` is a vote for no block in this round.
    pub block: Option<BlockId>,
    /// Who votes.
    pub validator: AccountId,
}

/// What a proposer signs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// Which block position.
    pub height: Height,
    /// Which attempt at that position, from 0.
    pub round: u32,
    /// The earlier round in which a quorum prevoted this block, if it is proposed again.
    pub pol_round: Option<u32>,
    /// The proposed block.
    pub block: BlockId,
    /// Who proposes. Not necessarily who built the block.
    pub proposer: AccountId,
}

/// A statement with its author's signature. Construction does not check; [`Signed::verify`] does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Signed<T> {
    /// The statement.
    pub body: T,
    /// The author's signature over it.
    pub signature: Signature,
}

/// A signed vote.
pub type SignedVote = Signed<Vote>;

/// A statement that can be signed.
pub trait Statement: BorshSerialize {
    /// The signing domain.
    const DOMAIN: &'static str;

    /// Who is claimed to have made it.
    fn author(&self) -> AccountId;

    /// The digest that is signed.
    fn digest(&self) -> Hash32 {
        hash_encoded(Self::DOMAIN, self)
    }
}

impl Statement for Vote {
    const DOMAIN: &'static str = VOTE_DOMAIN;

    fn author(&self) -> AccountId {
        self.validator
    }
}

impl Statement for Proposal {
    const DOMAIN: &'static str = PROPOSAL_DOMAIN;

    fn author(&self) -> AccountId {
        self.proposer
    }
}

impl<T: Statement> Signed<T> {
    /// Signs `body` with `key`. The caller asks its equivocation guard first.
    #[must_use]
    pub fn sign(body: T, chain: ChainId, key: &Keypair) -> Self {
        let signature = key.sign(T::DOMAIN, chain, body.digest());
        Self { body, signature }
    }

    /// Checks the author's signature for `chain`.
    ///
    /// # Errors
    /// [`SignatureError`] if the author is not a key or did not sign this.
    pub fn verify(&self, chain: ChainId) -> Result<(), SignatureError> {
        verify(self.body.author(), T::DOMAIN, chain, self.body.digest(), &self.signature)
    }
}

/// A signed proposal with the block it names.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedProposal {
    /// The signed statement.
    pub statement: Signed<Proposal>,
    /// The block itself.
    pub block: SealedBlock,
}

/// Why a proposal was refused before its block was looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// The statement names another block than the one attached.
    #[error("proposal names block {expected}, carries {got}")]
    OtherBlock {
        /// The signed name.
        expected: BlockId,
        /// The name of the attached block.
        got: BlockId,
    },
    /// The attached block belongs elsewhere.
    #[error("proposal for height {expected} carries a block of height {got}")]
    OtherHeight {
        /// The signed height.
        expected: Height,
        /// The height in the header.
        got: Height,
    },
    /// It is somebody else's turn.
    #[error("proposer of height {height} round {round} is {expected}, got {got}")]
    NotYourTurn {
        /// The height.
        height: Height,
        /// The round.
        round: u32,
        /// Whose turn it is.
        expected: AccountId,
        /// Who proposed.
        got: AccountId,
    },
    /// A lock can only come from an earlier round.
    #[error("proposal of round {round} claims a quorum in round {got}")]
    PolRound {
        /// The proposal's round.
        round: u32,
        /// The claimed earlier round.
        got: u32,
    },
    /// The signature does not verify.
    #[error("proposal signature refused")]
    Signature(#[source] SignatureError),
}

impl SignedProposal {
    /// Checks consistency, turn and signature. Says nothing about whether the block itself is valid.
    ///
    /// # Errors
    /// [`ProposalError`], naming the first check that failed; the signature is checked last because it costs most.
    pub fn verify(&self, chain: ChainId, validators: &ValidatorSet) -> Result<(), ProposalError> {
        let body = &self.statement.body;
        if body.block != self.block.id() {
            return Err(ProposalError::OtherBlock { expected: body.block, got: self.block.id() });
        }
        if body.height != self.block.height() {
            return Err(ProposalError::OtherHeight { expected: body.height, got: self.block.height() });
        }
        let expected = validators.proposer(body.height, body.round);
        if expected != body.proposer {
            let (height, round, got) = (body.height, body.round, body.proposer);
            return Err(ProposalError::NotYourTurn { height, round, expected, got });
        }
        match body.pol_round {
            Some(got) if got >= body.round => Err(ProposalError::PolRound { round: body.round, got }),
            _ => self.statement.verify(chain).map_err(ProposalError::Signature),
        }
    }
}
