//! What an account can ask of the ledger, and how it signs the request.
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

use crate::job::{DeclineReason, FailReason};
use crate::lease::{Authority, SignedLease};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::{Keypair, Signature, SignatureError, hash_encoded, verify};
use ciro_types::{AccountId, Amount, ChainId, DecodeError, Hash32, JobId, JobSpec, ModelId, Nonce, Offer, TxId};

/// Signing domain of transactions.
pub const TX_DOMAIN: &str = "ciro/tx/v1";
const TX_ID_DOMAIN: &str = "ciro/txid/v1";
const MODEL_DOMAIN: &str = "ciro/model/v1";
const JOB_DOMAIN: &str = "ciro/job/v1";
const INPUT_DOMAIN: &str = "ciro/input/v1";
const OUTPUT_DOMAIN: &str = "ciro/output/v1";
const COMMITMENT_DOMAIN: &str = "ciro/commitment/v1";

/// One request. Variants are encoded by position: new ones are appended, none is reordered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Moves `amount` from the sender to `to`.
    Transfer {
        /// Who receives.
        to: AccountId,
        /// How much, above zero.
        amount: Amount,
    },
    /// Publishes a compiled model, for a deposit by its size. Idempotent: the model's id is the hash of both fields.
    RegisterModel {
        /// Public part of the integer program, judged by a [`crate::ProofCheck`].
        program: Vec<u8>,
        /// Commitment to the weights.
        weight_root: Hash32,
    },
    /// Makes the sender a worker with an initial stake.
    RegisterWorker {
        /// Moved from the balance; at least the minimum stake.
        stake: Amount,
    },
    /// Adds to the sender's worker stake. Unbonding already under way keeps its release heights.
    AddStake {
        /// Moved from the balance, above zero.
        amount: Amount,
    },
    /// Starts the unstaking delay for a part of the stake. That part stays slashable until it is withdrawn.
    RequestUnstake {
        /// How much of the stake, above zero.
        amount: Amount,
    },
    /// Returns every part of the stake whose delay is over to the balance.
    WithdrawStake,
    /// Replaces the sender's standing offer.
    PublishOffer {
        /// The offer; its worker is the sender.
        offer: Offer,
    },
    /// Orders a job and moves its `max_price` into escrow. The same spec again is absorbed without a second charge.
    SubmitJob {
        /// The order; its client is the sender.
        spec: JobSpec,
    },
    /// Withdraws the sender's own job. Takes effect once every lease that may be out has run out.
    CancelJob {
        /// The job.
        job: JobId,
    },
    /// Answers an A0 job (empty proof: the signed transaction is the signed answer) or an A4 job (full proof).
    SettleJob {
        /// By what right.
        authority: Authority,
        /// The canonical raw input; its hash must be the spec's.
        input: Vec<u8>,
        /// The canonical raw output.
        output: Vec<u8>,
        /// The proof, empty exactly at A0.
        proof: Vec<u8>,
    },
    /// Takes a seat in an A2 job by committing to an answer nobody else can see.
    CommitResult {
        /// By what right.
        authority: Authority,
        /// [`commitment`] of the job, the sender, the output hash and a secret salt.
        commitment: Hash32,
    },
    /// Opens a commitment, once every seat of the round is taken.
    RevealResult {
        /// The job.
        job: JobId,
        /// The canonical raw input; its hash must be the spec's.
        input: Vec<u8>,
        /// The canonical raw output.
        output: Vec<u8>,
        /// The salt of the commitment.
        salt: Hash32,
    },
    /// Hands an unused lease back: this worker cannot serve the job. No penalty.
    AbandonLease {
        /// The lease; its worker is the sender.
        lease: SignedLease,
        /// Why.
        reason: DeclineReason,
    },
    /// Says that nobody can serve the job, and hands the lease back. A quorum of workers refunds the client.
    FailJob {
        /// The lease; its worker is the sender.
        lease: SignedLease,
        /// Why.
        reason: FailReason,
    },
    /// Shows that a lease ran out unused while its job was open. Anyone who holds the lease may.
    ReportTimeout {
        /// The expired lease.
        lease: SignedLease,
    },
    /// Shows that a validator signed two conflicting consensus messages. Anyone may.
    ReportEquivocation {
        /// Opaque here; judged by an [`crate::EvidenceCheck`].
        evidence: Vec<u8>,
    },
    /// Withdraws the sender's model. No job may be ordered on it from then on; once the last one is forgotten, the row goes
    /// and its deposit returns to the sender.
    RemoveModel {
        /// The model.
        model: ModelId,
    },
}

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

/// The id of a model: both parts decide it.
#[must_use]
pub fn model_id(program: &[u8], weight_root: Hash32) -> ModelId {
    ModelId(hash_encoded(MODEL_DOMAIN, &(program, weight_root)).0)
}

/// The id of a job.
#[must_use]
pub fn job_id(spec: &JobSpec) -> JobId {
    JobId(hash_encoded(JOB_DOMAIN, spec).0)
}

/// What [`JobSpec::input`] holds for these raw input bytes.
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
