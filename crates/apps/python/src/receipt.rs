//! `Proof`, `Verified` and `verify`: what proving makes and what checking finds.

use crate::error;
use crate::tensor::{self, Tensor};
use ciro_prover::ProvingKey;
use ciro_receipt::check::Finding;
use ciro_receipt::{Evidence, Receipt, Report, check};
use ciro_verifier::ProofContext;
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
}

#[pymethods]
impl Proof {
    /// The receipt's file, which `ciro verify` reads.
    #[getter]
    fn receipt(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.receipt)
    }
}

impl Proof {
    /// Wraps a proof that was made without a network.
    pub(crate) fn new(key: &ProvingKey, proof: ciro_prover::Proof, prove_ms: f64) -> PyResult<Self> {
        let (input, output) = proof.statement.encode();
        let outputs = tensor::outputs(&key.model().program, &proof.output)?;
        let proof_bytes = proof.bytes.len();
        let receipt = Receipt {
            program: key.program().to_vec(),
            weights: key.weights(),
            input,
            output,
            evidence: Evidence::Proven { context: ProofContext::default().into(), proof: proof.bytes },
            settlement: None,
        };
        let model_id = key.model_id().to_string();
        Ok(Self { model_id, outputs, prove_ms, proof_bytes, receipt: receipt.to_bytes() })
    }
}

/// What a valid receipt shows, and what that rests on.
#[pyclass(frozen, get_all, module = "ciro._ciro")]
pub(crate) struct Verified {
    model_id: String,
    model_name: String,
    assurance: String,
    /// None if it is hidden.
    inputs: Option<Vec<Tensor>>,
    /// None if it is hidden.
    outputs: Option<Vec<Tensor>>,
    shown: Vec<(String, String)>,
    assumptions: Vec<(String, String)>,
}

/// Checks the bytes of a receipt. With `network`, only settlements of that network are accepted.
#[pyfunction]
pub(crate) fn verify(py: Python<'_>, receipt: &[u8], network: Option<&str>) -> PyResult<Verified> {
    py.detach(|| {
        let trusted = network.map(str::parse).transpose().map_err(|e| error::verify(&e))?;
        let receipt = Receipt::from_bytes(receipt).map_err(|e| error::verify(&e))?;
        verified(check(&receipt, trusted).map_err(|e| error::verify(&e))?)
    })
}

fn verified(report: Report) -> PyResult<Verified> {
    Ok(Verified {
        model_id: report.model.to_string(),
        assurance: format!("{:?}", report.assurance),
        inputs: report.input.public().map(|input| tensor::inputs(&report.program, input)),
        outputs: report.output.public().map(|output| tensor::outputs(&report.program, output)).transpose()?,
        model_name: report.program.name,
        shown: report.shown.into_iter().map(pair).collect(),
        assumptions: report.assumptions.into_iter().map(pair).collect(),
    })
}

fn pair(finding: Finding) -> (String, String) {
    (finding.what.to_string(), finding.detail)
}
