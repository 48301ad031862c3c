//! The executor of inferences: runs an integer program, proves the run, and checks its own proof before anyone else sees it.

use crate::blobs::{BlobError, Blobs};
use crate::executor::Executor;
use crate::task::{Answer, Failure, Task};
use ciro_auditor::ProofContext;
use ciro_execution::ExecError;
use ciro_execution::Fault as NodeFault;
use ciro_graph::{Model, RawInput, Visibility, check_model};
use ciro_prover::{ProveError, ProvingKey, execute, prove};
use ciro_state::input_hash;
use ciro_types::{Assurance, Hash32, JobType, ModelId, decode, encode};
use std::sync::{Arc, Mutex, PoisonError};

/// Longest model a worker loads, bytes: program and weights together.
pub const MODEL_BYTES_MAX: usize = 256 << 20;
/// Models whose keys are kept. A key holds the weights twice.
const KEYS: usize = 16;

/// Runs [`JobType::AIInference`] on any number of threads, sharing the keys of recent models.
#[derive(Default)]
pub struct Inference {
    /// Most recently used last.
    keys: Mutex<Vec<(ModelId, Arc<ProvingKey>)>>,
}

impl Executor for Inference {
    fn job_type(&self) -> JobType {
        JobType::AIInference
    }

    /// A4 answers carry a proof that has been verified.
    fn answer(&self, task: &Task, blobs: &dyn Blobs) -> Result<Answer, Failure> {
        let input = fetch_input(blobs, task.spec.input)?;
        let key = self.key(task.spec.model, blobs)?;
        let raw: RawInput = decode(&input, input.len()).map_err(|e| Failure::Refused { reason: e.to_string() })?;
        match task.spec.assurance {
            Assurance::A0 | Assurance::A2 => run(&key, &raw, input),
            Assurance::A4 => run_and_prove(&key, &raw, input, &context(task)),
        }
    }
}

impl Inference {
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
