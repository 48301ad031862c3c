//! `Proof`, `Verified` and `verify`: what proving makes and what checking finds.

use crate::error;
use crate::tensor::{self, Tensor};
use ciro_graph::Disclosure;
use ciro_prover::ProvingKey;
use ciro_prover::reveal::Reveal;
use ciro_receipt::{Bound, Finding, Judged, Opening, Receipt, Terms};
use pyo3::prelude::*;
use std::borrow::Cow;

/// An answer with its proof.
#[pyclass(frozen, module = "ciro._ciro")]
pub(crate) struct Proof {
    #[pyo3(get)]
    model_id: String,
    #[pyo3(get)]
    outputs: Vec<Tensor>,
    #[pyo3(get)]
    prove_ms: f64,
    #[pyo3(get)]
    proof_bytes: usize,
    receipt: Vec<u8>,
    /// Name of the part and opening file, for each part that the receipt commits to.
    openings: Vec<(&'static str, Vec<u8>)>,
}

#[pymethods]
impl Proof {
    /// The receipt's file, which `ciro verify` reads.
    #[getter]
    fn receipt(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.receipt)
    }

    /// Opening files, which `ciro open` reads: by name, what the receipt commits to.
    #[getter]
    fn openings(&self) -> Vec<(&'static str, Cow<'_, [u8]>)> {
        self.openings.iter().map(|(part, file)| (*part, Cow::Borrowed(file.as_slice()))).collect()
    }
}

impl Proof {
    /// Wraps a proof that was made without a network.
    pub(crate) fn new(
        key: &ProvingKey,
        proof: ciro_prover::Proof,
        revealed: Vec<Reveal>,
        prove_ms: f64,
    ) -> PyResult<Self> {
        let outputs = tensor::outputs(&key.model().program, &proof.output)?;
        let proof_bytes = proof.bytes.len();
        let receipt =
            Receipt::stand_alone((key.program(), key.roots().key), key.weights(), &proof.statement, proof.bytes);
        let model_id = key.model_id().to_string();
        let opening = |Reveal { part, salts, values }| {
            (part.name(), Opening { model: key.model_id(), part, salts, values }.to_bytes())
        };
        let openings = revealed.into_iter().map(opening).collect();
        Ok(Self { model_id, outputs, prove_ms, proof_bytes, receipt: receipt.to_bytes(), openings })
    }
}

impl Proof {
    /// Wraps the receipt of one sample of a batch.
    pub(crate) fn of_sample(
        model_id: String,
        outputs: Vec<Tensor>,
        prove_ms: f64,
        proof_bytes: usize,
        receipt: Vec<u8>,
    ) -> Self {
        Self { model_id, outputs, prove_ms, proof_bytes, receipt, openings: Vec::new() }
    }
}

/// What a valid receipt shows, and what that rests on.
#[pyclass(frozen, get_all, module = "ciro._ciro")]
pub(crate) struct Verified {
    /// Three lines without a word that a stranger chose.
    verdict: String,
    /// All that `ciro verify` prints.
    text: String,
    model_id: String,
    model_name: String,
    assurance: String,
    proven: bool,
    settled: bool,
    /// Network, job and workers; None if the evidence was made for no job.
    bound_to: Option<(String, String, Vec<String>)>,
    /// Samples in the proof.
    batch: u32,
    /// Which of them it shows; None if it is about all.
    sample: Option<u32>,
    /// None if it is hidden.
    inputs: Option<Vec<Tensor>>,
    /// None if it is hidden.
    outputs: Option<Vec<Tensor>>,
    /// How much is shown of input, output and weights.
    visibility: [&'static str; 3],
    shown: Vec<(String, String)>,
    assumptions: Vec<(String, String)>,
}

/// Checks the bytes of a receipt. With `model`, only that model is accepted; with `network`, only what that network has settled.
#[pyfunction]
pub(crate) fn verify(py: Python<'_>, receipt: &[u8], model: Option<&str>, network: Option<&str>) -> PyResult<Verified> {
    py.detach(|| {
        let model = model.map(str::parse).transpose().map_err(|e| error::verify(&e))?;
        let network = network.map(str::parse).transpose().map_err(|e| error::verify(&e))?;
        let judged = Terms { model, network, ..Terms::default() }.judge(receipt).map_err(|e| error::verify(&e))?;
        verified(judged)
    })
}

fn verified(judged: Judged) -> PyResult<Verified> {
    let outputs = judged.outputs().map_err(|e| error::verify(&e))?.map(tensor::rendered);
    let inputs = judged.input().map(|input| match judged.sample {
        Some(_) => tensor::inputs(&judged.plain_program(), input),
        None => tensor::inputs(&judged.report.program, input),
    });
    let text = judged.text().map_err(|e| error::verify(&e))?;
    let Judged { report, sample, .. } = judged;
    let visibility = &report.program.visibility;
    Ok(Verified {
        verdict: report.verdict(),
        text,
        proven: report.is_proven(),
        settled: report.is_settled(),
        model_id: report.model.to_string(),
        assurance: format!("{:?}", report.assurance),
        batch: report.program.batch,
        sample: sample.map(|sample| sample.index),
        inputs,
        outputs,
        visibility: [visibility.input, visibility.output, visibility.weights].map(Disclosure::name),
        bound_to: report.bound.map(triple),
        model_name: report.program.name,
        shown: report.shown.into_iter().map(pair).collect(),
        assumptions: report.assumptions.into_iter().map(pair).collect(),
    })
}

fn triple(Bound { network, job, workers }: Bound) -> (String, String, Vec<String>) {
    (network.to_string(), job.to_string(), workers.iter().map(ToString::to_string).collect())
}

fn pair(finding: Finding) -> (String, String) {
    (finding.what.to_string(), finding.detail)
}
