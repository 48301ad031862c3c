//! `BatchProof`: one proof of many samples, and the receipt of each.

use crate::error;
use crate::receipt::Proof;
use crate::tensor::{self, Tensor};
use ciro_prover::ProvingKey;
use ciro_receipt::{Receipt, SampleReceipt};
use pyo3::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// A sample that the model refuses: its number, why, and what to do about it.
pub(crate) type Refused = (u32, String, String);

/// The answers to a batch, with their proof.
#[pyclass(frozen, module = "ciro._ciro")]
pub(crate) struct BatchProof {
    key: Arc<ProvingKey>,
    made: ciro_prover::BatchProof,
    receipt: Receipt,
    /// The number of each sample among those given.
    #[pyo3(get)]
    numbers: Vec<u32>,
    /// Those that the model refuses.
    #[pyo3(get)]
    refused: Vec<Refused>,
    #[pyo3(get)]
    outputs: Vec<Tensor>,
    #[pyo3(get)]
    setup_ms: f64,
    #[pyo3(get)]
    prove_ms: f64,
}

#[pymethods]
impl BatchProof {
    #[getter]
    fn model_id(&self) -> String {
        self.key.model_id().to_string()
    }

    /// Samples in the proof.
    #[getter]
    fn batch(&self) -> u32 {
        self.key.model().program.batch
    }

    #[getter]
    fn proof_bytes(&self) -> usize {
        self.made.proof.bytes.len()
    }

    /// The file of the batch's receipt, which commits to all inputs and outputs.
    #[getter]
    fn receipt(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.receipt.to_bytes())
    }

    /// The receipt of one sample.
    fn sample(&self, py: Python<'_>, index: u32) -> PyResult<Proof> {
        py.detach(|| {
            let started = Instant::now();
            let opened = self.made.open_sample(&self.key, index);
            let (sample, opening) = opened.map_err(|e| error::verify(&e))?;
            let open_ms = crate::millis(started);
            let plain = self.key.model().program.clone().batched(1);
            let outputs = tensor::outputs(&plain, &sample.output)?;
            let proof_bytes = self.proof_bytes() + opening.len();
            let receipt = SampleReceipt::new(self.receipt.clone(), &sample, opening);
            Ok(Proof::of_sample(self.model_id(), outputs, open_ms, proof_bytes, receipt.to_bytes()))
        })
    }
}

impl BatchProof {
    /// Wraps a proof that was made without a network; its program commits to inputs and outputs.
    pub(crate) fn new(
        key: Arc<ProvingKey>,
        made: ciro_prover::BatchProof,
        (numbers, refused): (Vec<u32>, Vec<Refused>),
        [setup_ms, prove_ms]: [f64; 2],
    ) -> PyResult<Self> {
        let proof = &made.proof;
        let outputs = tensor::outputs(&key.model().program, &proof.output)?;
        let receipt = Receipt::stand_alone(
            (key.program(), key.roots().key),
            key.weights(),
            &proof.statement,
            proof.bytes.clone(),
        );
        Ok(Self { key, made, receipt, numbers, refused, outputs, setup_ms, prove_ms })
    }
}
