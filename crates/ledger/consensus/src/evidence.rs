//! Proof that a validator signed two conflicting statements. Anyone can check it and anyone may report it.
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

use crate::vote::{Proposal, Signed, SignedVote, Statement, Vote};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::SignatureError;
use ciro_types::{AccountId, ChainId, DecodeError, Height, decode, encode};

/// Longest encoding of one piece of evidence, bytes. Both kinds are fixed-size but for their options.
pub const MAX_EVIDENCE_BYTES: usize = 512;

/// Two conflicting statements of one author, the smaller first, so that one offence has one encoding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Equivocation {
    /// Two different votes in one phase of one round.
    DoubleVote(SignedVote, SignedVote),
    /// Two different proposals in one round.
    DoubleProposal(Signed<Proposal>, Signed<Proposal>),
}

/// Who did what, where: the key under which an offence is punished once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offence {
    /// The offender.
    pub validator: AccountId,
    /// The height.
    pub height: Height,
    /// The round.
    pub round: u32,
}

/// Why evidence proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Not an encoding of evidence.
    #[error("evidence bytes refused")]
    Malformed(#[source] DecodeError),
    /// Two authors cannot contradict each other.
    #[error("statements of two authors: {first} and {second}")]
    TwoAuthors {
        /// Author of the first statement.
        first: AccountId,
        /// Author of the second statement.
        second: AccountId,
    },
    /// The statements are about different heights, rounds or phases, so an honest validator may make both.
    #[error("the statements are about different heights, rounds or phases")]
    Unrelated,
    /// The same statement twice, or the pair in the wrong order.
    #[error("the statements are equal or not in canonical order")]
    NotConflicting,
    /// One of the signatures does not verify.
    #[error("a signature in the evidence is refused")]
    Signature(#[source] SignatureError),
}

impl Equivocation {
    /// Evidence from two votes in either order. Checks nothing.
    #[must_use]
    pub fn votes(a: SignedVote, b: SignedVote) -> Self {
        if a.body <= b.body { Self::DoubleVote(a, b) } else { Self::DoubleVote(b, a) }
    }

    /// Evidence from two proposals in either order. Checks nothing.
    #[must_use]
    pub fn proposals(a: Signed<Proposal>, b: Signed<Proposal>) -> Self {
        if a.body <= b.body { Self::DoubleProposal(a, b) } else { Self::DoubleProposal(b, a) }
    }

    /// The canonical bytes that a report carries.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Checks that the pair proves an offence on network `chain`. Whether the offender was a validator, and what the
    /// offence costs, is for the ledger to say.
    ///
    /// # Errors
    /// [`EvidenceError`], naming the first check that failed.
    pub fn verify(&self, chain: ChainId) -> Result<Offence, EvidenceError> {
        match self {
            Self::DoubleVote(a, b) => {
                conflict(chain, a, b, |v: &Vote| (v.kind, v.height, v.round))?;
                Ok(Offence { validator: a.body.validator, height: a.body.height, round: a.body.round })
            }
            Self::DoubleProposal(a, b) => {
                conflict(chain, a, b, |p: &Proposal| (p.height, p.round))?;
                Ok(Offence { validator: a.body.proposer, height: a.body.height, round: a.body.round })
            }
        }
    }
}

/// Decodes and checks reported evidence.
///
/// # Errors
/// [`EvidenceError`] if the bytes are not canonical or prove nothing on network `chain`.
pub fn verify_evidence(chain: ChainId, bytes: &[u8]) -> Result<Offence, EvidenceError> {
    let evidence: Equivocation = decode(bytes, MAX_EVIDENCE_BYTES).map_err(EvidenceError::Malformed)?;
    evidence.verify(chain)
}

fn conflict<T: Statement + Ord, K: PartialEq>(
    chain: ChainId,
    a: &Signed<T>,
    b: &Signed<T>,
    place: impl Fn(&T) -> K,
) -> Result<(), EvidenceError> {
    let (first, second) = (a.body.author(), b.body.author());
    if first != second {
        return Err(EvidenceError::TwoAuthors { first, second });
    }
    if place(&a.body) != place(&b.body) {
        return Err(EvidenceError::Unrelated);
    }
    if a.body >= b.body {
        return Err(EvidenceError::NotConflicting);
    }
    a.verify(chain).and_then(|()| b.verify(chain)).map_err(EvidenceError::Signature)
}
