//! The proof check that validators run.

use ciro_auditor::{AuditError, AuditedModel, Limits, ProofContext, Statement};
use ciro_crypto::model_id;
use ciro_state::{ModelCost, ProofCheck, ProofClaim, ProofCost, ProofRejection};
use ciro_types::{ModelId, ModelRoots};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Models whose keys are kept. A key is a few hundred kilobytes and a millisecond to build.
const KEYS_MAX: usize = 64;

/// Verifies proofs, keeping the keys of the models it met last.
#[derive(Default)]
pub struct ProofVerifier {
    keys: Mutex<Keys>,
}

/// What keys may take together, bytes, by what their costs say.
const KEYS_BYTES_MAX: u64 = 256 << 20;

#[derive(Default)]
struct Keys {
    /// Key and the tick of its last use.
    known: BTreeMap<ModelId, (Arc<AuditedModel>, u64)>,
    tick: u64,
}

impl Keys {
    fn get(&mut self, model: ModelId) -> Option<Arc<AuditedModel>> {
        self.tick = self.tick.saturating_add(1);
        let tick = self.tick;
        self.known.get_mut(&model).map(|(key, used)| {
            *used = tick;
            Arc::clone(key)
        })
    }

    fn put(&mut self, model: ModelId, key: &Arc<AuditedModel>) {
        while self.is_full_for(key) {
            let oldest = self.known.iter().min_by_key(|(_, (_, used))| *used).map(|(model, _)| *model);
            let Some(oldest) = oldest else { break };
            self.known.remove(&oldest);
        }
        self.known.insert(model, (Arc::clone(key), self.tick));
    }

    fn is_full_for(&self, key: &AuditedModel) -> bool {
        let own = key.cost().peak_bytes;
        let held = self.known.values().fold(own, |sum, (key, _)| sum.saturating_add(key.cost().peak_bytes));
        self.known.len() >= KEYS_MAX || held > KEYS_BYTES_MAX
    }
}

impl ProofVerifier {
    /// The key of a model, built if it is not known.
    ///
    /// # Errors
    /// If the program is malformed or cannot be proven, or if its key is another. Also if verifying costs more than a settlement may
    /// ([`Limits::LEDGER`]).
    pub fn key(&self, program: &[u8], roots: &ModelRoots) -> Result<Arc<AuditedModel>, AuditError> {
        let model = model_id(program, roots);
        // A panic while holding the lock leaves only a cache behind, so a poisoned one is as good as any.
        if let Some(key) = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(model) {
            return Ok(key);
        }
        let key = AuditedModel::new_within(program, roots.weights, &Limits::LEDGER)?;
        key.check_digest(roots.key)?;
        let key = Arc::new(key);
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).put(model, &key);
        Ok(key)
    }

    fn verify(&self, claim: &ProofClaim<'_>) -> Result<(), AuditError> {
        let key = self.key(claim.program, &claim.roots)?;
        let context = ProofContext { chain: claim.context.chain, job: claim.context.job, worker: claim.context.worker };
        let statement = Statement::decode(&key.program().visibility, claim.input, claim.output, context)?;
        key.verify(&statement, claim.proof).map(|_| ())
    }
}

impl ProofCheck for ProofVerifier {
    fn check(&self, claim: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        self.verify(claim).map_err(|e| rejection(&e))
    }

    fn cost(&self, program: &[u8], roots: &ModelRoots) -> Result<ModelCost, ProofRejection> {
        let key = self.key(program, roots).map_err(|e| rejection(&e))?;
        let cost = key.cost();
        let proof = ProofCost { units: cost.units(), memory: cost.peak_bytes };
        Ok(ModelCost { proof, weight_bytes: key.program().weight_bytes() })
    }
}

fn rejection(error: &AuditError) -> ProofRejection {
    ProofRejection { reason: error.to_string() }
}
