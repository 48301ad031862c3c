//! Executes, proves, and checks its own proof before anyone else sees it.

use crate::blobs::{BlobError, Blobs};
use ciro_graph::exec::Fault as NodeFault;
use ciro_graph::{ExecError, Model, RawInput, Visibility, check_model};
use ciro_prover::{ProveError, ProvingKey, execute, prove};
use ciro_state::{DeclineReason, FailReason, input_hash, job_id};
use ciro_types::{AccountId, Assurance, Hash32, JobId, JobSpec, ModelId, decode, encode};
use ciro_verifier::ProofContext;
use std::sync::{Arc, Mutex, PoisonError};

/// Longest model a worker loads, bytes: program and weights together.
pub const MODEL_BYTES_MAX: usize = 256 << 20;
/// Models whose keys are kept. A key holds the weights twice.
const KEYS: usize = 16;

/// One job to compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The order.
    pub spec: JobSpec,
    /// For whom the proof is made.
    pub worker: AccountId,
}

impl Task {
    /// The job's id. Cost: one hash.
    #[must_use]
    pub fn job(&self) -> JobId {
        job_id(&self.spec)
    }
}

/// A computed answer in canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The raw input it answers.
    pub input: Vec<u8>,
    /// The raw output.
    pub output: Vec<u8>,
    /// The proof; empty below A4.
    pub proof: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The input could not be had.
    #[error("the input is not available")]
    Input(#[source] BlobError),
    /// The model could not be had.
    #[error("the model is not available")]
    Model(#[source] BlobError),
    /// The input does not fit the model.
    #[error("the model does not accept the input: {reason}")]
    Refused {
        /// What the model said.
        reason: String,
    },
    /// The program runs but cannot be proven.
    #[error("the answer cannot be proven: {reason}")]
    Unprovable {
        /// What the prover said.
        reason: String,
    },
    /// The ledger takes no answer of this length.
    #[error("the {what} is too long for the network: expected at most {expected} bytes, got {got}")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// The limit, bytes.
        expected: u32,
        /// The part's length, bytes.
        got: usize,
    },
    /// Our own proof does not verify: a fault of this machine. Never submitted.
    #[error("this worker's own proof does not verify: {reason}")]
    SelfCheck {
        /// What the verifier said.
        reason: String,
    },
}

/// Whose fault a failure is, and what the ledger is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The job's: nobody can answer it.
    Job(FailReason),
    /// The job's as long as its client does not bring what is missing.
    Absent(FailReason),
    /// This machine's: another one may answer it, and so may this one later or never.
    Machine(DeclineReason),
}

impl Failure {
    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Input(error) | Self::Model(error) if error.is_local() => Fault::Machine(DeclineReason::Impaired),
            Self::Input(_) => Fault::Absent(FailReason::InputUnavailable),
            Self::Model(_) => Fault::Absent(FailReason::ModelUnavailable),
            Self::Refused { .. } => Fault::Job(FailReason::InputInvalid),
            Self::Unprovable { .. } | Self::TooLong { .. } => Fault::Job(FailReason::ModelInvalid),
            Self::SelfCheck { .. } => Fault::Machine(DeclineReason::Unsuitable),
        }
    }
}

/// Computes tasks on any number of threads, sharing the keys of recent models.
#[derive(Default)]
pub struct Workbench {
    /// Most recently used last.
    keys: Mutex<Vec<(ModelId, Arc<ProvingKey>)>>,
}

impl Workbench {
    /// A workbench that knows no model yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Computes `task`. A4 answers carry a proof that has been verified.
    ///
    /// # Errors
    /// [`Failure`], which says whether the job or this machine is at fault.
    pub fn answer(&self, task: &Task, blobs: &dyn Blobs) -> Result<Answer, Failure> {
        let input = fetch_input(blobs, task.spec.input)?;
        let key = self.key(task.spec.model, blobs)?;
        let raw: RawInput = decode(&input, input.len()).map_err(|e| Failure::Refused { reason: e.to_string() })?;
        match task.spec.assurance {
            Assurance::A0 | Assurance::A2 => run(&key, &raw, input),
            Assurance::A4 => run_and_prove(&key, &raw, input, &context(task)),
        }
    }

    /// The key of a model, made once. Two threads may make the same key at once; either is good.
    fn key(&self, id: ModelId, blobs: &dyn Blobs) -> Result<Arc<ProvingKey>, Failure> {
        if let Some(key) = self.recall(id) {
            return Ok(key);
        }
        let key = Arc::new(load_key(id, &blobs.model(id).map_err(Failure::Model)?)?);
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS {
            keys.remove(0);
        }
        keys.push((id, Arc::clone(&key)));
        Ok(key)
    }

    fn recall(&self, id: ModelId) -> Option<Arc<ProvingKey>> {
        // A panic elsewhere leaves at worst a list without one key.
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().position(|(known, _)| *known == id)?;
        let entry = keys.remove(found);
        let key = Arc::clone(&entry.1);
        keys.push(entry);
        Some(key)
    }
}

fn context(task: &Task) -> ProofContext {
    ProofContext { chain: task.spec.chain, job: task.job(), worker: task.worker }
}

fn fetch_input(blobs: &dyn Blobs, hash: Hash32) -> Result<Vec<u8>, Failure> {
    let bytes = blobs.input(hash).map_err(Failure::Input)?;
    if input_hash(&bytes) == hash {
        return Ok(bytes);
    }
    let reason = format!("it hashes to {}", input_hash(&bytes));
    Err(Failure::Input(BlobError::Damaged { what: "input", name: hash.to_string(), reason }))
}

/// Decodes, checks and commits to a model, and insists that it is the one that was asked for.
fn load_key(id: ModelId, bytes: &[u8]) -> Result<ProvingKey, Failure> {
    let damaged = |reason: String| Failure::Model(BlobError::Damaged { what: "model", name: id.to_string(), reason });
    let model: Model = decode(bytes, MODEL_BYTES_MAX).map_err(|e| damaged(e.to_string()))?;
    check_model(&model).map_err(|e| damaged(e.to_string()))?;
    if model.program.visibility != Visibility::default() {
        // The ledger keeps inputs and outputs in the open, and of weights the root alone.
        let reason = "jobs show their input and output and commit to the weights".into();
        return Err(Failure::Unprovable { reason });
    }
    let key = ProvingKey::new(model).map_err(|e| Failure::Unprovable { reason: e.to_string() })?;
    if key.model_id() == id { Ok(key) } else { Err(damaged(format!("its id is {}", key.model_id()))) }
}

fn run(key: &ProvingKey, raw: &RawInput, input: Vec<u8>) -> Result<Answer, Failure> {
    let execution = execute(key, raw).map_err(|e| refused(&e))?;
    let output = encode(&execution.outputs(&key.model().program));
    Ok(Answer { input, output, proof: Vec::new() })
}

fn run_and_prove(key: &ProvingKey, raw: &RawInput, input: Vec<u8>, context: &ProofContext) -> Result<Answer, Failure> {
    let proof = prove(key, raw, context).map_err(|e| {
        if let ProveError::Execute(refusal) = &e {
            refused(refusal)
        } else {
            Failure::Unprovable { reason: e.to_string() }
        }
    })?;
    key.verifying().verify(&proof.statement, &proof.bytes).map_err(|e| Failure::SelfCheck { reason: e.to_string() })?;
    Ok(Answer { input, output: encode(&proof.output), proof: proof.bytes })
}

/// A model that was checked when it was loaded refuses only inputs. One that leaves what the model was calibrated for is nothing that
/// its sender can change: the reason says who can.
fn refused(error: &ExecError) -> Failure {
    let is_uncalibrated = matches!(error, ExecError::Node { fault: NodeFault::Uncalibrated { .. }, .. });
    let advice = if is_uncalibrated {
        "; the model's owner can compile it again with --calibration samples that cover such inputs"
    } else {
        ""
    };
    Failure::Refused { reason: format!("{error}{advice}") }
}
