//! How an account signs what it asks of the ledger.
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

use crate::action::Action;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::{Keypair, Signature, SignatureError, hash_encoded, verify};
use ciro_types::{AccountId, ChainId, DecodeError, Hash32, JobId, Nonce, TxId};

/// Signing domain of transactions.
pub const TX_DOMAIN: &str = "ciro/tx/v2";
const TX_ID_DOMAIN: &str = "ciro/txid/v2";
const INPUT_DOMAIN: &str = "ciro/input/v1";
const OUTPUT_DOMAIN: &str = "ciro/output/v1";
const COMMITMENT_DOMAIN: &str = "ciro/commitment/v1";

/// What a sender signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TxBody {
    /// The network this transaction is for.
    pub chain: ChainId,
    /// Who asks, and signs.
    pub sender: AccountId,
    /// The sender's transaction count: exactly the account's current value. A block spends it, whatever becomes of the
    /// request, so nobody can play a refused transaction again.
    pub nonce: Nonce,
    /// The request.
    pub action: Action,
}

/// A transaction as it travels.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedTx {
    /// What is asked.
    pub body: TxBody,
    /// The sender's signature over the body.
    pub signature: Signature,
}

impl SignedTx {
    /// Signs `body` with `key`. The caller keeps `body.sender` equal to the key's account.
    #[must_use]
    pub fn sign(body: TxBody, key: &Keypair) -> Self {
        let signature = key.sign(TX_DOMAIN, body.chain, hash_encoded(TX_DOMAIN, &body));
        Self { body, signature }
    }

    /// Decodes one transaction of at most `limit` bytes, signature unchecked.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that is not the canonical encoding.
    pub fn decode(bytes: &[u8], limit: usize) -> Result<Self, DecodeError> {
        ciro_types::decode(bytes, limit)
    }

    /// How many bytes it is encoded in. Cost: a pass over its fields.
    #[must_use]
    pub fn size(&self) -> usize {
        // Counting bytes does not fail; if it did, no limit would admit the transaction.
        borsh::object_length(self).unwrap_or(usize::MAX)
    }

    /// Hash of the signed bytes.
    #[must_use]
    pub fn id(&self) -> TxId {
        TxId(hash_encoded(TX_ID_DOMAIN, self).0)
    }

    /// Checks the sender's signature. Cost: one Ed25519 verification and one hash of the body.
    ///
    /// # Errors
    /// [`SignatureError`] if the sender did not sign this body.
    pub fn verify_signature(&self) -> Result<(), SignatureError> {
        let message = hash_encoded(TX_DOMAIN, &self.body);
        verify(self.body.sender, TX_DOMAIN, self.body.chain, message, &self.signature)
    }
}

/// What [`JobSpec::input`](ciro_types::JobSpec::input) holds for these raw input bytes.
#[must_use]
pub fn input_hash(input: &[u8]) -> Hash32 {
    ciro_crypto::hash(INPUT_DOMAIN, input)
}

/// The same, for bytes that come piece by piece.
#[must_use]
pub fn input_hasher() -> ciro_crypto::Hasher {
    ciro_crypto::Hasher::new(INPUT_DOMAIN)
}

/// What a settlement record holds for these raw output bytes.
#[must_use]
pub fn output_hash(output: &[u8]) -> Hash32 {
    ciro_crypto::hash(OUTPUT_DOMAIN, output)
}

/// The commitment of an A2 worker. Job and worker are inside, so a copied commitment opens for nobody else.
#[must_use]
pub fn commitment(job: JobId, worker: AccountId, output: Hash32, salt: Hash32) -> Hash32 {
    hash_encoded(COMMITMENT_DOMAIN, &(job, worker, output, salt))
}
