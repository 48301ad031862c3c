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

use crate::action::{Action, JobAction, ModelAction, TokenAction, ValidatorAction, WorkerAction};
use crate::error::{SizedField, TxError};
use crate::job::Job;
use crate::lease::{Authority, SignedLease};
use crate::model::Model;
use crate::params::Params;
use crate::tx::{SignedTx, input_hash};
use crate::worker::Reputation;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::model_id;
use ciro_types::{
    AccountId, Assurance, ChainId, Height, JobId, JobSpec, JobType, ModelId, ModelRoots, Offer, TextError, TxId,
    check_printable,
};
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

/// Verifies proofs. Must be total (no panic on any bytes) and a pure function of the claim: every validator's answer
/// decides whether money moves, so two builds that answer differently fork the network.
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
    check_sizes(facts.params(), &tx.body.action)?;
    tx.verify_signature().map_err(|_| TxError::BadSignature { sender })?;
    let verdict = check_action(tx, facts, proofs, evidence);
    Ok(Checked { tx: tx.clone(), id: tx.id(), bytes: tx.size(), verdict })
}

fn check_action(
    tx: &SignedTx,
    facts: &dyn Facts,
    proofs: &dyn ProofCheck,
    evidence: &dyn EvidenceCheck,
) -> Result<Finding, TxError> {
    let action = &tx.body.action;
    if let Action::Model(ModelAction::Register { program, roots }) = action {
        return check_model(facts, proofs, program, roots);
    }
    if let Action::Validator(ValidatorAction::ReportEquivocation { evidence: bytes }) = action {
        let offence = evidence.check(facts.chain(), bytes);
        return offence.map(Finding::Offence).map_err(|r| TxError::EvidenceRejected { reason: r.reason });
    }
    check_plain(facts, proofs, tx.body.sender, action).map(|()| Finding::Sound)
}

/// The actions about which there is nothing to find out but whether they are sound.
fn check_plain(facts: &dyn Facts, proofs: &dyn ProofCheck, sender: AccountId, action: &Action) -> Result<(), TxError> {
    match action {
        Action::Token(TokenAction::Transfer { amount, .. })
        | Action::Worker(WorkerAction::AddStake { amount })
        | Action::Worker(WorkerAction::RequestUnstake { amount }) => {
            if amount.0 == 0 {
                Err(TxError::ZeroAmount)
            } else {
                Ok(())
            }
        }
        Action::Model(ModelAction::Register { .. })
        | Action::Model(ModelAction::Remove { .. })
        | Action::Worker(WorkerAction::Register { .. })
        | Action::Worker(WorkerAction::WithdrawStake)
        | Action::Validator(ValidatorAction::ReportEquivocation { .. })
        | Action::Job(JobAction::Cancel { .. }) => Ok(()),
        Action::Worker(WorkerAction::PublishOffer { offer }) => check_offer(sender, offer),
        Action::Job(JobAction::Submit { spec }) => check_spec(facts, sender, spec),
        Action::Job(JobAction::Settle { authority, input, output, proof }) => {
            check_authority(facts, sender, authority)?;
            check_settlement(facts, proofs, sender, &Answer { job: authority.job(), input, output, proof })
        }
        Action::Job(JobAction::Commit { authority, .. }) => {
            check_authority(facts, sender, authority)?;
            redundant_job(facts, &authority.job()).map(|_| ())
        }
        Action::Job(JobAction::Reveal { job, input, .. }) => check_input(redundant_job(facts, job)?, input),
        Action::Job(JobAction::Abandon { lease, .. }) | Action::Job(JobAction::Fail { lease, .. }) => {
            check_own_lease(facts, sender, lease)
        }
        Action::Job(JobAction::ReportTimeout { lease }) => check_lease(facts, lease),
    }
}

/// A program that is registered already is not looked at again.
fn check_model(
    facts: &dyn Facts,
    proofs: &dyn ProofCheck,
    program: &[u8],
    roots: &ModelRoots,
) -> Result<Finding, TxError> {
    if facts.model(&model_id(program, roots)).is_some() {
        return Ok(Finding::Sound);
    }
    let cost = proofs.cost(program, roots).map_err(|rejection| TxError::ModelRejected { reason: rejection.reason })?;
    let params = facts.params();
    let (expected, got) = (ProofCost { units: params.max_proof_units, memory: params.max_proof_memory }, cost.proof);
    if got.units <= expected.units && got.memory <= expected.memory {
        Ok(Finding::Model { units: got.units, weight_bytes: cost.weight_bytes })
    } else {
        Err(TxError::ModelTooCostly { expected, got })
    }
}

fn check_chain(facts: &dyn Facts, got: ChainId) -> Result<(), TxError> {
    let expected = facts.chain();
    if got == expected { Ok(()) } else { Err(TxError::WrongChain { expected, got }) }
}

fn check_sizes(params: &Params, action: &Action) -> Result<(), TxError> {
    let input_limit = (SizedField::Input, params.max_input_bytes);
    let output_limit = (SizedField::Output, params.max_output_bytes);
    match action {
        Action::Model(ModelAction::Register { program, .. }) => {
            check_size((SizedField::Program, params.max_program_bytes), program)
        }
        Action::Worker(WorkerAction::PublishOffer { offer }) => {
            check_size((SizedField::Label, params.max_label_bytes), offer.label.as_bytes())
        }
        Action::Job(JobAction::Settle { input, output, proof, .. }) => {
            check_size(input_limit, input)?;
            check_size(output_limit, output)?;
            check_size((SizedField::Proof, params.max_proof_bytes), proof)
        }
        Action::Job(JobAction::Reveal { input, output, .. }) => {
            check_size(input_limit, input)?;
            check_size(output_limit, output)
        }
        Action::Validator(ValidatorAction::ReportEquivocation { evidence }) => {
            check_size((SizedField::Evidence, params.max_evidence_bytes), evidence)
        }
        Action::Token(TokenAction::Transfer { .. })
        | Action::Model(ModelAction::Remove { .. })
        | Action::Worker(WorkerAction::Register { .. })
        | Action::Worker(WorkerAction::AddStake { .. })
        | Action::Worker(WorkerAction::RequestUnstake { .. })
        | Action::Worker(WorkerAction::WithdrawStake)
        | Action::Job(JobAction::Submit { .. })
        | Action::Job(JobAction::Cancel { .. })
        | Action::Job(JobAction::Commit { .. })
        | Action::Job(JobAction::Abandon { .. })
        | Action::Job(JobAction::Fail { .. })
        | Action::Job(JobAction::ReportTimeout { .. }) => Ok(()),
    }
}

fn check_size((field, limit): (SizedField, u32), bytes: &[u8]) -> Result<(), TxError> {
    let (expected, got) = (u64::from(limit), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    if got <= expected { Ok(()) } else { Err(TxError::TooLarge { field, expected, got }) }
}

fn check_sender(expected: AccountId, got: AccountId) -> Result<(), TxError> {
    if expected == got { Ok(()) } else { Err(TxError::WrongSender { expected, got }) }
}

fn check_offer(sender: AccountId, offer: &Offer) -> Result<(), TxError> {
    check_sender(offer.worker, sender)?;
    check_label(&offer.label)?;
    if offer.slots == 0 { Err(TxError::NoSlots) } else { Ok(()) }
}

/// A label ends on the screens of others. Its length is [`Params::max_label_bytes`]'s.
fn check_label(label: &str) -> Result<(), TxError> {
    let unprintable = |e: TextError| TxError::Unprintable { field: SizedField::Label, reason: e.to_string() };
    check_printable(label, usize::MAX).map_err(unprintable)
}

fn check_spec(facts: &dyn Facts, sender: AccountId, spec: &JobSpec) -> Result<(), TxError> {
    check_chain(facts, spec.chain)?;
    check_sender(spec.client, sender)?;
    if spec.job_type != JobType::AIInference {
        return Err(TxError::UnsupportedJobType { got: spec.job_type });
    }
    let (expected, got) = (Reputation::MAX.0, spec.requirements.min_reputation);
    if got > expected { Err(TxError::ReputationOutOfRange { expected, got }) } else { Ok(()) }
}

fn check_authority(facts: &dyn Facts, sender: AccountId, authority: &Authority) -> Result<(), TxError> {
    match authority {
        Authority::Lease(lease) => check_own_lease(facts, sender, lease),
        Authority::Open { .. } => Ok(()),
    }
}

fn check_own_lease(facts: &dyn Facts, sender: AccountId, lease: &SignedLease) -> Result<(), TxError> {
    check_sender(lease.lease.worker, sender)?;
    check_lease(facts, lease)
}

fn check_lease(facts: &dyn Facts, lease: &SignedLease) -> Result<(), TxError> {
    let (scheduler, token) = (facts.scheduler(), lease.lease.token);
    lease.verify(scheduler, facts.chain()).map_err(|_| TxError::BadLeaseSignature { scheduler, token })
}

fn open_job<'a>(facts: &'a dyn Facts, job: &JobId) -> Result<&'a Job, TxError> {
    let found = facts.job(job).ok_or(TxError::UnknownJob { job: *job })?;
    if found.is_open() { Ok(found) } else { Err(TxError::JobClosed { job: *job, status: found.status }) }
}

fn redundant_job<'a>(facts: &'a dyn Facts, job: &JobId) -> Result<&'a Job, TxError> {
    let found = open_job(facts, job)?;
    match found.spec.assurance {
        Assurance::A2 => Ok(found),
        got @ (Assurance::A0 | Assurance::A4) => Err(TxError::WrongAssurance { got }),
    }
}

fn check_input(job: &Job, input: &[u8]) -> Result<(), TxError> {
    let (expected, got) = (job.spec.input, input_hash(input));
    if expected == got { Ok(()) } else { Err(TxError::WrongInput { expected, got }) }
}

/// The foreign bytes of a settlement.
struct Answer<'a> {
    job: JobId,
    input: &'a [u8],
    output: &'a [u8],
    proof: &'a [u8],
}

fn check_settlement(
    facts: &dyn Facts,
    proofs: &dyn ProofCheck,
    worker: AccountId,
    answer: &Answer<'_>,
) -> Result<(), TxError> {
    let job = open_job(facts, &answer.job)?;
    check_input(job, answer.input)?;
    match job.spec.assurance {
        Assurance::A0 => check_no_proof(answer),
        Assurance::A4 => check_proof(facts, proofs, worker, (job, answer)),
        got @ Assurance::A2 => Err(TxError::WrongAssurance { got }),
    }
}

/// An A0 answer carries no proof: bytes that nobody verifies must not look like assurance.
fn check_no_proof(answer: &Answer<'_>) -> Result<(), TxError> {
    match answer.proof.len() {
        0 => Ok(()),
        got => Err(TxError::ProofUnexpected { job: answer.job, got: u64::try_from(got).unwrap_or(u64::MAX) }),
    }
}

fn check_proof(
    facts: &dyn Facts,
    proofs: &dyn ProofCheck,
    worker: AccountId,
    (job, answer): (&Job, &Answer<'_>),
) -> Result<(), TxError> {
    if answer.proof.is_empty() {
        return Err(TxError::ProofMissing { job: answer.job });
    }
    let id = job.spec.model;
    let model = facts.model(&id).ok_or(TxError::UnknownModel { model: id })?;
    let claim = ProofClaim {
        program: &model.program,
        roots: model.roots,
        input: answer.input,
        output: answer.output,
        context: ProofContext { chain: facts.chain(), job: answer.job, worker },
        proof: answer.proof,
    };
    proofs.check(&claim).map_err(|rejection| TxError::ProofRejected { reason: rejection.reason })
}
