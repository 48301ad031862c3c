//! Ed25519 over a domain-separated digest. Verification is strict: no small-order keys, no malleable signatures.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, ChainId, Hash32};
use core::fmt;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

/// An Ed25519 signature, 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, _) = self.0.split_at(4);
        write!(f, "Signature({}…)", hex::encode(head))
    }
}

/// Why a signature was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The account is not a valid public key.
    #[error("account {account} is not an Ed25519 public key")]
    BadKey {
        /// The account that was claimed to have signed.
        account: AccountId,
    },
    /// The signature does not match the key and message.
    #[error("signature does not verify for account {account} in domain {domain}")]
    Mismatch {
        /// The account that was claimed to have signed.
        account: AccountId,
        /// The signing domain.
        domain: &'static str,
    },
}

/// A signing key. Not `Debug`, not `Clone` by accident: it holds a secret.
pub struct Keypair(SigningKey);

impl Keypair {
    /// The key of a 32-byte seed. The caller owns where the seed came from.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The seed, to be stored by a key file.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The account this key signs for.
    #[must_use]
    pub fn account(&self) -> AccountId {
        AccountId(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` (a digest) for `chain` under `domain`.
    #[must_use]
    pub fn sign(&self, domain: &'static str, chain: ChainId, message: Hash32) -> Signature {
        Signature(self.0.sign(signing_bytes(domain, chain, message).as_bytes()).to_bytes())
    }
}

/// Checks that `account` signed `message` for `chain` under `domain`.
///
/// # Errors
/// [`SignatureError`] if the account is not a key or the signature does not verify strictly.
pub fn verify(
    account: AccountId,
    domain: &'static str,
    chain: ChainId,
    message: Hash32,
    signature: &Signature,
) -> Result<(), SignatureError> {
    let key = VerifyingKey::from_bytes(account.as_bytes()).map_err(|_| SignatureError::BadKey { account })?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(signing_bytes(domain, chain, message).as_bytes(), &signature)
        .map_err(|_| SignatureError::Mismatch { account, domain })
}

fn signing_bytes(domain: &'static str, chain: ChainId, message: Hash32) -> Hash32 {
    let mut hasher = crate::Hasher::new(domain);
    hasher.update(chain.as_bytes()).update(message.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: ChainId = ChainId([1; 32]);
    const MESSAGE: Hash32 = Hash32([2; 32]);

    #[test]
    fn a_signature_is_bound_to_domain_chain_message_and_key() {
        let key = Keypair::from_seed([7; 32]);
        let signature = key.sign("a", CHAIN, MESSAGE);
        let account = key.account();
        assert_eq!(verify(account, "a", CHAIN, MESSAGE, &signature), Ok(()));
        assert!(verify(account, "b", CHAIN, MESSAGE, &signature).is_err());
        assert!(verify(account, "a", ChainId([9; 32]), MESSAGE, &signature).is_err());
        assert!(verify(account, "a", CHAIN, Hash32([9; 32]), &signature).is_err());
        assert!(verify(Keypair::from_seed([8; 32]).account(), "a", CHAIN, MESSAGE, &signature).is_err());
    }

    #[test]
    fn an_account_that_is_no_key_is_refused() {
        // y = 2 has no x on the curve.
        let mut bytes = [0; 32];
        bytes[0] = 2;
        let account = AccountId(bytes);
        let signature = Signature([0; 64]);
        assert_eq!(verify(account, "a", CHAIN, MESSAGE, &signature), Err(SignatureError::BadKey { account }));
    }
}
