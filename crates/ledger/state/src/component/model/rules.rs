//! What is said of an action about a model before it is executed.
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

use crate::check::{Checking, Finding, ProofCost, check_size};
use crate::component::model::action::ModelAction;
use crate::error::{SizedField, TxError};
use crate::lane::Errand;
use crate::params::Params;
use crate::state::State;
use ciro_crypto::model_id;
use ciro_types::ModelRoots;

impl ModelAction {
    pub(crate) const fn errand(&self) -> Errand {
        match self {
            Self::Register { .. } | Self::Remove { .. } => Errand::Plain,
        }
    }

    pub(crate) fn check_sizes(&self, params: &Params) -> Result<(), TxError> {
        match self {
            Self::Register { program, .. } => check_size((SizedField::Program, params.max_program_bytes), program),
            Self::Remove { .. } => Ok(()),
        }
    }

    pub(crate) fn check(&self, with: &Checking<'_>) -> Result<Finding, TxError> {
        match self {
            Self::Register { program, roots } => check_model(with, program, roots),
            Self::Remove { .. } => Ok(Finding::Sound),
        }
    }

    /// A registration takes room for a whole verification, in the pool and in a block.
    pub(crate) fn units(&self, state: &State) -> u64 {
        match self {
            Self::Register { .. } => state.meta.params.max_proof_units,
            Self::Remove { .. } => 0,
        }
    }

    pub(crate) fn admit(&self, state: &State) -> Result<(), TxError> {
        let Self::Register { program, roots } = self else { return Ok(()) };
        let model = model_id(program, roots);
        match state.tables.models.get(&model) {
            Some(known) if !known.is_retired => Err(TxError::ModelKnown { model }),
            Some(_) | None => Ok(()),
        }
    }
}

/// A program that is registered already is not looked at again.
fn check_model(with: &Checking<'_>, program: &[u8], roots: &ModelRoots) -> Result<Finding, TxError> {
    if with.facts.model(&model_id(program, roots)).is_some() {
        return Ok(Finding::Sound);
    }
    let cost = with.proofs.cost(program, roots);
    let cost = cost.map_err(|rejection| TxError::ModelRejected { reason: rejection.reason })?;
    let params = with.facts.params();
    let (expected, got) = (ProofCost { units: params.max_proof_units, memory: params.max_proof_memory }, cost.proof);
    if got.units <= expected.units && got.memory <= expected.memory {
        Ok(Finding::Model { units: got.units, weight_bytes: cost.weight_bytes })
    } else {
        Err(TxError::ModelTooCostly { expected, got })
    }
}
