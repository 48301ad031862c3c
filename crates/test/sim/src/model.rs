//! The model that every simulated job runs: small enough that a proof takes a millisecond, and real all the way.

use ciro_exec::{BlobError, Blobs, Workbench};
use ciro_execution::execute;
use ciro_graph::{RawInput, RawTensor};
use ciro_prover::ProvingKey;
use ciro_state::{input_hash, output_hash};
use ciro_test_models::relu;
use ciro_types::{Hash32, ModelId, ModelRoots, encode};
use std::sync::OnceLock;

/// How many different inputs there are.
pub const INPUTS: usize = 6;

fn raw_input(number: usize) -> RawInput {
    let values = [number as f32, 1.0 - number as f32];
    RawInput(vec![RawTensor { shape: vec![1, 2], bits: values.map(f32::to_bits).to_vec() }])
}

/// The model, its inputs, and the answers that are right.
pub struct Shelf {
    /// Its id.
    pub model: ModelId,
    /// Canonical bytes of its program.
    pub program: Vec<u8>,
    /// Its key and its weights.
    pub roots: ModelRoots,
    /// Units of verifying a proof of it: what it asks of a worker, as its weights are few.
    pub work: u64,
    model_bytes: Vec<u8>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    bench: Workbench,
}

impl Shelf {
    /// The one shelf of the process: it never changes, so runs may share it.
    pub fn shared() -> &'static Self {
        static SHELF: OnceLock<Shelf> = OnceLock::new();
        SHELF.get_or_init(Self::build)
    }

    /// # Panics
    /// Never: the model above is well formed.
    fn build() -> Self {
        let key = ProvingKey::new(relu(0)).expect("the model has a relation");
        let answer = |number| {
            let execution = execute(key.model(), &raw_input(number)).expect("the model runs on its inputs");
            encode(&execution.outputs(&key.model().program))
        };
        Self {
            model: key.model_id(),
            program: key.program().to_vec(),
            roots: key.roots(),
            work: key.verifying().cost().units(),
            model_bytes: encode(key.model()),
            inputs: (0..INPUTS).map(|number| encode(&raw_input(number))).collect(),
            outputs: (0..INPUTS).map(answer).collect(),
            bench: Workbench::new(),
        }
    }

    /// What computes answers for honest workers.
    pub fn bench(&self) -> &Workbench {
        &self.bench
    }

    /// The name of an input; one that does not exist has a name as well.
    pub fn input_hash(&self, number: usize) -> Hash32 {
        self.inputs.get(number).map_or_else(|| input_hash(b"nobody has this"), |bytes| input_hash(bytes))
    }

    /// Hash of the right answer to the input of this name.
    pub fn answer_hash(&self, input: Hash32) -> Option<Hash32> {
        self.number(input).map(|number| output_hash(&self.outputs[number]))
    }

    fn number(&self, input: Hash32) -> Option<usize> {
        self.inputs.iter().position(|bytes| input_hash(bytes) == input)
    }
}

impl Blobs for Shelf {
    fn model(&self, id: ModelId) -> Result<Vec<u8>, BlobError> {
        let missing = BlobError::Missing { what: "model", name: id.to_string() };
        if id == self.model { Ok(self.model_bytes.clone()) } else { Err(missing) }
    }

    fn input(&self, hash: Hash32) -> Result<Vec<u8>, BlobError> {
        let missing = BlobError::Missing { what: "input", name: hash.to_string() };
        self.number(hash).map(|number| self.inputs[number].clone()).ok_or(missing)
    }
}
