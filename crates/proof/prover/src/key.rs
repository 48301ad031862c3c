//! The weight commitment, once per model.

use crate::constants::Constants;
use crate::oracle::{BaseOracle, UNSALTED};
use ciro_auditor::{AuditError, AuditedModel, Limits, Weights};
use ciro_graph::{Disclosure, Model};
use ciro_types::{Hash32, ModelId, ModelRoots, encode};
use std::sync::Arc;

/// Everything about a model that proving needs. Building it commits to the weights; proofs then share it.
pub struct ProvingKey {
    model: Model,
    program: Vec<u8>,
    verifying: AuditedModel,
    /// The model polynomial.
    pub(crate) constants: Arc<Constants>,
    /// Its commitment, unless the weights are public.
    pub(crate) oracle: Option<Arc<BaseOracle>>,
}

impl ProvingKey {
    /// Commits to the weights of a checked model ([`ciro_graph::check_model`]), whatever verifying its proofs costs.
    ///
    /// # Errors
    /// If the program is malformed or has no relation.
    pub fn new(model: Model) -> Result<Self, AuditError> {
        let program = encode(&model.program);
        if model.program.visibility.weights == Disclosure::Public {
            let verifying = AuditedModel::with_weights_within(&program, model.weights.clone(), &Limits::NONE)?;
            let constants = Arc::new(Constants::new(verifying.relation(), &model.weights));
            return Ok(Self { model, program, verifying, constants, oracle: None });
        }
        let draft = AuditedModel::new_within(&program, Hash32::ZERO, &Limits::NONE)?;
        let constants = Arc::new(Constants::new(draft.relation(), &model.weights));
        let round = draft.params().first.first();
        let oracle = round.map(|round| Arc::new(BaseOracle::new(constants.polynomial(), round, &UNSALTED)));
        let weight_root = oracle.as_ref().map_or(Hash32::ZERO, |oracle| Hash32(oracle.root()));
        Ok(Self { model, program, verifying: draft.committed(weight_root)?, constants, oracle })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Canonical bytes of the program.
    #[must_use]
    pub fn program(&self) -> &[u8] {
        &self.program
    }

    /// The verifier's key.
    #[must_use]
    pub fn verifying(&self) -> &AuditedModel {
        &self.verifying
    }

    /// Root of the weight commitment; the weights' hash if they are public.
    #[must_use]
    pub fn weight_root(&self) -> Hash32 {
        self.verifying.weight_root()
    }

    /// What stands for the weights in a claim or a receipt.
    #[must_use]
    pub fn weights(&self) -> Weights {
        match self.model.program.visibility.weights {
            Disclosure::Public => Weights::Public(encode(&self.model.weights)),
            Disclosure::Committed | Disclosure::Private => Weights::Committed(self.weight_root()),
        }
    }

    /// What the identity commits to besides the program.
    #[must_use]
    pub fn roots(&self) -> ModelRoots {
        self.verifying.roots()
    }

    /// The model's identity.
    #[must_use]
    pub fn model_id(&self) -> ModelId {
        self.verifying.model()
    }
}
