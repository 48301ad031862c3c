//! What is wrong with an action about a job, as far as one can tell without an order.
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

use crate::check::{Checking, Facts, ProofCheck, ProofClaim, ProofContext, check_chain, check_sender};
use crate::component::job::action::JobAction;
use crate::component::job::lease::{Authority, SignedLease};
use crate::component::job::row::Job;
use crate::component::worker::row::Reputation;
use crate::error::TxError;
use crate::tx::input_hash;
use ciro_types::{AccountId, Assurance, JobId, JobSpec, JobType};

impl JobAction {
    pub(crate) fn check(&self, with: &Checking<'_>) -> Result<(), TxError> {
        let Checking { facts, proofs, sender, .. } = *with;
        match self {
            Self::Submit { spec } => check_spec(facts, sender, spec),
            Self::Cancel { .. } => Ok(()),
            Self::Settle { authority, input, output, proof } => {
                check_authority(facts, sender, authority)?;
                check_settlement(facts, proofs, sender, &Answer { job: authority.job(), input, output, proof })
            }
            Self::Commit { authority, .. } => {
                check_authority(facts, sender, authority)?;
                redundant_job(facts, &authority.job()).map(|_| ())
            }
            Self::Reveal { job, input, .. } => check_input(redundant_job(facts, job)?, input),
            Self::Abandon { lease, .. } | Self::Fail { lease, .. } => check_own_lease(facts, sender, lease),
            Self::ReportTimeout { lease } => check_lease(facts, lease),
        }
    }
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
