//! Checking a decision without running the network: hashes and signatures, nothing else.
//!
//! A light client starts from a validator set that it trusts, usually the one in the genesis file. For each fact it
//! needs one header and one commit certificate. If the set has changed since, it also needs one [`SetChange`] per
//! change: a certified header of the old set that names the new one.
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

use crate::block::BlockHeader;
use crate::certificate::{CertificateError, CommitCertificate};
use crate::validators::ValidatorSet;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{BlockId, ChainId, Hash32, Height};

/// A header with the certificate that decided it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CertifiedHeader {
    /// The header.
    pub header: BlockHeader,
    /// The decision.
    pub certificate: CommitCertificate,
}

/// A certified handover from one validator set to the next.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SetChange {
    /// The last header that the old set decides.
    pub last: CertifiedHeader,
    /// The set that decides from the next height on.
    pub next: ValidatorSet,
}

/// Why a header is not accepted as decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LightError {
    /// The header belongs to another network.
    #[error("header of another network: expected {expected}, got {got}")]
    Chain {
        /// The network the client trusts.
        expected: ChainId,
        /// The network in the header.
        got: ChainId,
    },
    /// The certificate decides another block.
    #[error("certificate is for block {expected}, header is {got}")]
    Block {
        /// The block in the certificate.
        expected: BlockId,
        /// The header's name.
        got: BlockId,
    },
    /// The certificate is for another height than the header's.
    #[error("certificate is for height {expected}, header has {got}")]
    Height {
        /// The height in the certificate.
        expected: Height,
        /// The height in the header.
        got: Height,
    },
    /// The header was decided under another validator set than the trusted one.
    #[error("header names validator set {got}, trusted is {expected}")]
    Validators {
        /// Digest of the trusted set.
        expected: Hash32,
        /// Digest in the header.
        got: Hash32,
    },
    /// A handover does not lead to the set that came with it.
    #[error("header hands over to validator set {expected}, got {got}")]
    Handover {
        /// Digest that the certified header names.
        expected: Hash32,
        /// Digest of the supplied set.
        got: Hash32,
    },
    /// Handovers must move forward in height.
    #[error("handover at height {got} does not follow height {after}")]
    Order {
        /// Height of the previous handover.
        after: Height,
        /// Height of this one.
        got: Height,
    },
    /// The certificate itself is refused.
    #[error("commit certificate refused")]
    Certificate(#[source] CertificateError),
}

/// Checks that `certified` was decided on network `chain` by `validators`.
///
/// # Errors
/// [`LightError`], naming the first check that failed.
pub fn verify(chain: ChainId, validators: &ValidatorSet, certified: &CertifiedHeader) -> Result<(), LightError> {
    let CertifiedHeader { header, certificate } = certified;
    if header.chain != chain {
        return Err(LightError::Chain { expected: chain, got: header.chain });
    }
    if certificate.height != header.height {
        return Err(LightError::Height { expected: certificate.height, got: header.height });
    }
    if certificate.block != header.id() {
        return Err(LightError::Block { expected: certificate.block, got: header.id() });
    }
    if header.validators != validators.digest() {
        return Err(LightError::Validators { expected: validators.digest(), got: header.validators });
    }
    certificate.verify(chain, validators).map_err(LightError::Certificate)
}

/// Follows `changes` from `trusted` and returns the set that is in charge after them.
///
/// # Errors
/// [`LightError`] if a handover is not certified by the set before it, does not name the set after it, or goes back.
pub fn follow(chain: ChainId, trusted: &ValidatorSet, changes: &[SetChange]) -> Result<ValidatorSet, LightError> {
    let mut current = trusted.clone();
    let mut after = Height(0);
    for change in changes {
        let header = &change.last.header;
        if header.height <= after {
            return Err(LightError::Order { after, got: header.height });
        }
        verify(chain, &current, &change.last)?;
        if header.next_validators != change.next.digest() {
            return Err(LightError::Handover { expected: header.next_validators, got: change.next.digest() });
        }
        (current, after) = (change.next.clone(), header.height);
    }
    Ok(current)
}
