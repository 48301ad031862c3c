//! The weight commitment, once per model.

use crate::oracle::BaseOracle;
use ciro_graph::Model;
use ciro_relation::{Blocks, Relation, Source};
use ciro_transcript::F;
use ciro_transcript::field::from_int;
use ciro_types::{Hash32, ModelId, encode};
use ciro_verifier::{VerifyError, VerifyingKey};
use p3_field::PrimeCharacteristicRing;
use std::sync::Arc;

/// Everything about a model that proving needs. Building it commits to the weights; proofs then share it.
pub struct ProvingKey {
    model: Model,
    program: Vec<u8>,
    verifying: VerifyingKey,
    weight_root: Hash32,
    /// The model polynomial.
    pub(crate) table: Arc<Vec<F>>,
    pub(crate) oracle: BaseOracle,
}

impl ProvingKey {
    /// Commits to the weights of a checked model ([`ciro_graph::check_model`]).
    ///
    /// # Errors
    /// If the program is malformed or has no relation.
    pub fn new(model: Model) -> Result<Self, VerifyError> {
        let program = encode(&model.program);
        // The root is not known yet, and neither relation nor parameters depend on it.
        let draft = VerifyingKey::new(&program, Hash32::ZERO)?;
        let table = Arc::new(model_table(draft.relation(), &model));
        let oracle = BaseOracle::new(&table, &draft.params().first[0]);
        let weight_root = Hash32(oracle.root());
        let verifying = VerifyingKey::new(&program, weight_root)?;
        Ok(Self { model, program, verifying, weight_root, table, oracle })
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
    pub fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Root of the weight commitment.
    #[must_use]
    pub fn weight_root(&self) -> Hash32 {
        self.weight_root
    }

    /// The model's identity.
    #[must_use]
    pub fn model_id(&self) -> ModelId {
        self.verifying.model()
    }
}

/// The constants in their windows.
fn model_table(relation: &Relation, model: &Model) -> Vec<F> {
    let mut table = F::zero_vec(1 << relation.model_vars);
    for entry in &relation.model {
        let Some(column) = relation.column(entry.col) else { continue };
        let Some(weights) = model.weights.get(entry.constant.0 as usize) else { continue };
        match column.source {
            Source::Committed { offset, .. } => {
                for (row, &w) in column.rows.indices().into_iter().zip(weights) {
                    table[offset + row] = from_int(i64::from(w));
                }
            }
            Source::Blocks(i) => fill_blocks(&mut table[relation.cuts[i].offset..], &relation.cuts[i].blocks, weights),
            _ => {}
        }
    }
    table
}

fn fill_blocks(cells: &mut [F], blocks: &Blocks, weights: &[i32]) {
    let [rows, columns] = blocks.places();
    for (row, weights) in rows.iter().zip(weights.chunks_exact(columns.len())) {
        for (column, &w) in columns.iter().zip(weights) {
            cells[row + column] = from_int(i64::from(w));
        }
    }
}
