//! Proof that a quorum decided a block, or made progress towards one. All of them are lists of vote signatures.
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

use crate::validators::{MAX_VALIDATORS, ValidatorSet};
use crate::vote::{Signed, SignedVote, Statement, Vote, VoteKind};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::{Signature, SignatureError};
use ciro_types::{AccountId, BlockId, ChainId, Height};
use serde::{Deserialize, Serialize};

/// One validator's signature inside a certificate. The vote itself is rebuilt from the certificate's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct VoteSignature {
    /// Who voted.
    pub validator: AccountId,
    /// Its signature over the vote.
    pub signature: Signature,
}

/// Precommits of more than two thirds of the voting power for one block: the block is final.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommitCertificate {
    /// The decided height.
    pub height: Height,
    /// The round that decided it.
    pub round: u32,
    /// The decided block.
    pub block: BlockId,
    /// Precommit signatures, strictly ascending by validator.
    pub signatures: Vec<VoteSignature>,
}

/// Prevotes of a quorum for one block in one round: the reason a validator locked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PolkaCertificate {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: u32,
    /// The block.
    pub block: BlockId,
    /// Prevote signatures.
    pub signatures: Vec<VoteSignature>,
}

/// Why entering a later round is justified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RoundReason {
    /// More than a third of the power is already in this round.
    Skip = 0,
    /// A quorum precommitted in this round without agreeing.
    Precommit = 1,
}

/// Votes that justify entering a round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RoundCertificate {
    /// The height.
    pub height: Height,
    /// The round the votes belong to.
    pub round: u32,
    /// Which rule they satisfy.
    pub reason: RoundReason,
    /// The votes, each of this height and round.
    pub votes: Vec<SignedVote>,
}

/// Why a certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// More signatures than any validator set has members.
    #[error("too many signatures: expected at most {expected}, got {got}")]
    TooMany {
        /// The limit.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// A key votes twice, or the list is not in canonical order.
    #[error("signatures are not strictly ascending by validator at {0}")]
    NotAscending(AccountId),
    /// A signer that may not vote at this height.
    #[error("signer {0} is not in the validator set")]
    Outsider(AccountId),
    /// A vote of another phase, height or round than the certificate's.
    #[error("vote of {0} does not belong to the certificate")]
    Foreign(AccountId),
    /// A signature does not verify.
    #[error("a vote signature is refused")]
    Signature(#[source] SignatureError),
    /// Not enough weight. Exactly two thirds is not enough.
    #[error("voting power below the threshold: expected more than {expected}, got {got}")]
    Underweight {
        /// The power that must be exceeded.
        expected: u64,
        /// The power that signed.
        got: u64,
    },
}

impl CommitCertificate {
    /// Checks order, membership, signatures and weight against the set that was entitled to decide this height.
    ///
    /// # Errors
    /// [`CertificateError`], naming the first check that failed.
    pub fn verify(&self, chain: ChainId, validators: &ValidatorSet) -> Result<(), CertificateError> {
        self.verify_by(validators, |vote| vote.verify(chain))
    }

    /// [`Self::verify`] with the signature check supplied by the caller, so that a validator which has already checked
    /// a vote need not check it again.
    pub(crate) fn verify_by(
        &self,
        validators: &ValidatorSet,
        check: impl FnMut(&SignedVote) -> Result<(), SignatureError>,
    ) -> Result<(), CertificateError> {
        let mut pairs = self.signatures.iter().zip(self.signatures.iter().skip(1));
        if let Some((_, second)) = pairs.find(|(first, second)| first.validator >= second.validator) {
            return Err(CertificateError::NotAscending(second.validator));
        }
        let votes = self.signatures.iter().map(|s| self.vote_of(s));
        let power = signed_power(votes, self.signatures.len(), validators, check)?;
        if validators.is_quorum(power) { Ok(()) } else { Err(underweight(validators, power, 2)) }
    }

    fn vote_of(&self, signed: &VoteSignature) -> SignedVote {
        rebuild(VoteKind::Precommit, self.height, self.round, self.block, signed)
    }
}

#[cfg(feature = "host")]
impl PolkaCertificate {
    pub(crate) fn verify_by(
        &self,
        validators: &ValidatorSet,
        check: impl FnMut(&SignedVote) -> Result<(), SignatureError>,
    ) -> Result<(), CertificateError> {
        refuse_repeats(self.signatures.iter().map(|s| s.validator))?;
        let votes = self.signatures.iter().map(|s| rebuild(VoteKind::Prevote, self.height, self.round, self.block, s));
        let power = signed_power(votes, self.signatures.len(), validators, check)?;
        if validators.is_quorum(power) { Ok(()) } else { Err(underweight(validators, power, 2)) }
    }
}

#[cfg(feature = "host")]
impl RoundCertificate {
    pub(crate) fn verify_by(
        &self,
        validators: &ValidatorSet,
        check: impl FnMut(&SignedVote) -> Result<(), SignatureError>,
    ) -> Result<(), CertificateError> {
        refuse_repeats(self.votes.iter().map(|v| v.body.validator))?;
        if let Some(foreign) = self.votes.iter().find(|v| !self.covers(&v.body)) {
            return Err(CertificateError::Foreign(foreign.body.validator));
        }
        let power = signed_power(self.votes.iter().cloned(), self.votes.len(), validators, check)?;
        match self.reason {
            RoundReason::Precommit if validators.is_quorum(power) => Ok(()),
            RoundReason::Precommit => Err(underweight(validators, power, 2)),
            RoundReason::Skip if validators.is_third(power) => Ok(()),
            RoundReason::Skip => Err(underweight(validators, power, 1)),
        }
    }

    fn covers(&self, vote: &Vote) -> bool {
        let kind_fits = self.reason == RoundReason::Skip || vote.kind == VoteKind::Precommit;
        kind_fits && vote.height == self.height && vote.round == self.round
    }
}

fn rebuild(kind: VoteKind, height: Height, round: u32, block: BlockId, signed: &VoteSignature) -> SignedVote {
    let body = Vote { kind, height, round, block: Some(block), validator: signed.validator };
    Signed { body, signature: signed.signature }
}

#[cfg(feature = "host")]
fn refuse_repeats(signers: impl Iterator<Item = AccountId>) -> Result<(), CertificateError> {
    let mut seen = std::collections::BTreeSet::new();
    for signer in signers {
        if !seen.insert(signer) {
            return Err(CertificateError::NotAscending(signer));
        }
    }
    Ok(())
}

/// Sum of the power behind `votes`, each checked. Membership is checked before the signature because it is cheaper.
fn signed_power(
    votes: impl Iterator<Item = SignedVote>,
    count: usize,
    validators: &ValidatorSet,
    mut check: impl FnMut(&SignedVote) -> Result<(), SignatureError>,
) -> Result<u64, CertificateError> {
    if count > MAX_VALIDATORS {
        return Err(CertificateError::TooMany { expected: MAX_VALIDATORS, got: count });
    }
    let mut power: u64 = 0;
    for vote in votes {
        let author = vote.body.author();
        let own = validators.power(author).ok_or(CertificateError::Outsider(author))?;
        // Nobody votes twice, so this stays below the total; a caller that forgot gets no quorum by wrapping.
        power = power.saturating_add(own);
        check(&vote).map_err(CertificateError::Signature)?;
    }
    Ok(power)
}

fn underweight(validators: &ValidatorSet, got: u64, thirds: u64) -> CertificateError {
    CertificateError::Underweight { expected: validators.total().saturating_mul(thirds) / 3, got }
}
