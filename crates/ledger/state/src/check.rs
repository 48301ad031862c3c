//! The stateless phase: everything about a transaction that needs no order and no mutable state.
//!
//! Signatures, sizes, who may say what, input binding and the proof itself. It runs in parallel and before ordering;
//! its result, [`Checked`], is the only thing [`crate::apply_block`] executes, so an unchecked proof cannot be paid.
//!
//! The facts it reads stay true for as long as they matter: the model of an open job, the spec of a job, the genesis.
//! What has ended is refused again at execution. So a positive answer given at an earlier height stays right, and a
//! node may keep it. A negative answer may become positive later (the job was not known yet) and is not kept.
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

use crate::component::job::row::Job;
use crate::component::model::row::Model;
use crate::error::{SizedField, TxError};
use crate::params::Params;
use crate::tx::SignedTx;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{AccountId, ChainId, Height, JobId, ModelId, ModelRoots, TxId};
use serde::{Deserialize, Serialize};

/// What the stateless phase may read. [`crate::State`] implements it.
pub trait Facts {
    /// The network.
    fn chain(&self) -> ChainId;
    /// The key that signs leases.
    fn scheduler(&self) -> AccountId;
    /// The network's fixed numbers.
    fn params(&self) -> &Params;
    /// A registered model.
    fn model(&self, model: &ModelId) -> Option<&Model>;
    /// A job that is open, or ended not long ago.
    fn job(&self, job: &JobId) -> Option<&Job>;
}

/// Where and for whom a proof was made. A proof made in another context must not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofContext {
    /// The network.
    pub chain: ChainId,
    /// The job.
    pub job: JobId,
    /// Who is paid: a stolen proof pays nobody else.
    pub worker: AccountId,
}

/// What a proof must show: `program` with the weights of `roots` maps `input` to `output`.
#[derive(Clone, Copy, Debug)]
pub struct ProofClaim<'a> {
    /// Public part of the integer program.
    pub program: &'a [u8],
    /// Its key and its weights.
    pub roots: ModelRoots,
    /// Canonical raw input.
    pub input: &'a [u8],
    /// Canonical raw output.
    pub output: &'a [u8],
    /// What the transcript is bound to.
    pub context: ProofContext,
    /// The proof.
    pub proof: &'a [u8],
}

/// Why a proof does not show its claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ProofRejection {
    /// For people.
    pub reason: String,
}

/// What verifying one proof of a model costs at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ProofCost {
    /// Time: one unit is about a microsecond of one core.
    pub units: u64,
    /// Memory, bytes.
    pub memory: u64,
}

/// What a model costs those who keep it and verify its proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelCost {
    /// Of verifying one proof.
    pub proof: ProofCost,
    /// Bytes of the weights.
    pub weight_bytes: u64,
}

/// Verifies proofs. Must be total (no panic on any bytes) and a pure function of the claim. Every validator's answer decides whether
/// money moves, so two builds that answer differently fork the network.
pub trait ProofCheck {
    /// Accepts exactly the proofs that show `claim`.
    ///
    /// # Errors
    /// [`ProofRejection`] for every other proof.
    fn check(&self, claim: &ProofClaim<'_>) -> Result<(), ProofRejection>;

    /// What this model costs. A pure function of the model, like [`ProofCheck::check`], which must not cost more on any
    /// proof.
    ///
    /// # Errors
    /// [`ProofRejection`] if the bytes are no model that can be proven, or have another key.
    fn cost(&self, program: &[u8], roots: &ModelRoots) -> Result<ModelCost, ProofRejection>;
}

/// A consensus offence that evidence proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offence {
    /// Who signed twice.
    pub validator: AccountId,
    /// At which height.
    pub height: Height,
    /// In which round.
    pub round: u32,
}

/// Why evidence convicts nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct EvidenceRejection {
    /// For people.
    pub reason: String,
}

/// Judges evidence of equivocation. Total and pure, like [`ProofCheck`]: the evidence must carry both signatures.
pub trait EvidenceCheck {
    /// Accepts exactly evidence that proves an offence on `chain`.
    ///
    /// # Errors
    /// [`EvidenceRejection`] for anything else.
    fn check(&self, chain: ChainId, evidence: &[u8]) -> Result<Offence, EvidenceRejection>;
}

/// A transaction that a block may hold: signed for this network and within its sizes. Only [`screen`] makes one.
#[derive(Clone, Debug)]
pub struct Checked {
    pub(crate) tx: SignedTx,
    pub(crate) id: TxId,
    bytes: usize,
    pub(crate) verdict: Result<Finding, TxError>,
}

/// What the stateless phase goes by.
pub(crate) struct Checking<'a> {
    pub(crate) facts: &'a dyn Facts,
    pub(crate) proofs: &'a dyn ProofCheck,
    pub(crate) evidence: &'a dyn EvidenceCheck,
    /// Who asks.
    pub(crate) sender: AccountId,
}

/// What the stateless phase found out for the ordered one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing but that the transaction may be executed.
    Sound,
    /// The offence that a report proves.
    Offence(Offence),
    /// Units of verification and bytes of weights of a model that was not registered yet.
    Model { units: u64, weight_bytes: u64 },
}

impl Checked {
    /// Length of its encoding.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it may be executed, or why the ledger will refuse it.
    ///
    /// # Errors
    /// [`TxError`] naming the first thing that is wrong.
    pub fn verdict(&self) -> Result<(), TxError> {
        self.verdict.clone().map(|_| ())
    }

    /// The offence that it proves, if it is a report.
    #[must_use]
    pub const fn offence(&self) -> Option<Offence> {
        match self.verdict {
            Ok(Finding::Offence(offence)) => Some(offence),
            Ok(Finding::Sound | Finding::Model { .. }) | Err(_) => None,
        }
    }

    /// The transaction.
    #[must_use]
    pub const fn tx(&self) -> &SignedTx {
        &self.tx
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> TxId {
        self.id
    }
}

/// Checks everything about `tx` that needs no order. Cost: one or two signatures, the hashes of its parts, and at A4
/// one proof verification, which comes last.
///
/// # Errors
/// [`TxError`] naming the first thing that is wrong.
pub fn check_stateless(
    tx: &SignedTx,
    facts: &dyn Facts,
    proofs: &dyn ProofCheck,
    evidence: &dyn EvidenceCheck,
) -> Result<Checked, TxError> {
    let checked = screen(tx, facts, proofs, evidence)?;
    checked.verdict.clone()?;
    Ok(checked)
}

/// Checks the same, but refuses only what no block may hold: what its sender did not sign for this network, or what is too
/// long. Whatever else is wrong is told by [`Checked::verdict`]: in a block, such a transaction pays and is refused.
///
/// # Errors
/// [`TxError`] of a transaction that no block may hold.
pub fn screen(
    tx: &SignedTx,
    facts: &dyn Facts,
    proofs: &dyn ProofCheck,
    evidence: &dyn EvidenceCheck,
) -> Result<Checked, TxError> {
    let sender = tx.body.sender;
    check_chain(facts, tx.body.chain)?;
    tx.body.action.check_sizes(facts.params())?;
    tx.verify_signature().map_err(|_| TxError::BadSignature { sender })?;
    let verdict = tx.body.action.check(&Checking { facts, proofs, evidence, sender });
    Ok(Checked { tx: tx.clone(), id: tx.id(), bytes: tx.size(), verdict })
}

pub(crate) fn check_chain(facts: &dyn Facts, got: ChainId) -> Result<(), TxError> {
    let expected = facts.chain();
    if got == expected { Ok(()) } else { Err(TxError::WrongChain { expected, got }) }
}

pub(crate) fn check_size((field, limit): (SizedField, u32), bytes: &[u8]) -> Result<(), TxError> {
    let (expected, got) = (u64::from(limit), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    if got <= expected { Ok(()) } else { Err(TxError::TooLarge { field, expected, got }) }
}

pub(crate) fn check_sender(expected: AccountId, got: AccountId) -> Result<(), TxError> {
    if expected == got { Ok(()) } else { Err(TxError::WrongSender { expected, got }) }
}
