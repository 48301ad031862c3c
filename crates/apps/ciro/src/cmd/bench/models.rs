//! Proving and verifying each model of a folder.

use super::machine::{peak_mib, reset_peak};
use super::percentiles::percentiles;
use crate::error::CliError;
use crate::models;
use crate::ui::Ui;
use ciro_auditor::ProofContext;
use ciro_prover::{ProvingKey, prove};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// One model's figures: medians over the runs.
#[derive(Serialize)]
pub(super) struct Row {
    model: String,
    setup_ms: f64,
    prove_ms: f64,
    prove_p99_ms: f64,
    verify_ms: f64,
    proof_bytes: usize,
    /// Largest resident size of this process while the model was measured.
    peak_mib: Option<u64>,
}

impl Row {
    pub(super) fn line(&self) -> String {
        let peak = self.peak_mib.map_or_else(|| "-".to_string(), |mib| mib.to_string());
        format!(
            "{:<22} {:>10.2} {:>10.2} {:>10.2} {:>10} {:>12}",
            self.model, self.prove_ms, self.prove_p99_ms, self.verify_ms, self.proof_bytes, peak
        )
    }
}

/// The ONNX files of a folder, by name.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let entries = std::fs::read_dir(folder).map_err(|e| {
        CliError::usage(format!("cannot read {}: {e}", folder.display()))
            .hint("name a folder of NAME.onnx and NAME.input.json with --models; the repository has vectors/models")
    })?;
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    files.sort();
    if files.is_empty() {
        return Err(CliError::usage(format!("{}: expected .onnx files, got none", folder.display())));
    }
    Ok(files)
}

/// Measures every model of `folder`, `runs` proofs each after one that warms up.
pub(super) fn measure(folder: &Path, runs: usize, ui: &Ui) -> Result<Vec<Row>, CliError> {
    files(folder)?.iter().map(|file| measure_one(file, runs, ui)).collect()
}

fn measure_one(file: &Path, runs: usize, ui: &Ui) -> Result<Row, CliError> {
    let name = file.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    ui.note(&format!("… {name}"));
    let compiled = models::compile(file, &ciro_compile::Options::default())?;
    let input = models::input(&compiled.model.program, &file.with_extension("input.json"), 0, ui)?;
    reset_peak();
    let started = Instant::now();
    let key = ProvingKey::new(compiled.model).map_err(CliError::failed)?;
    let setup_ms = millis(started);
    let context = ProofContext::default();
    let (mut proving, mut verifying, mut proof_bytes) = (Vec::new(), Vec::new(), 0);
    for run in 0..=runs {
        let started = Instant::now();
        let proof = prove(&key, &input, &context).map_err(CliError::failed)?;
        let prove_ms = millis(started);
        let started = Instant::now();
        key.verifying().verify(&proof.statement, &proof.bytes).map_err(CliError::failed)?;
        if run > 0 {
            proving.push(prove_ms);
            verifying.push(millis(started));
        }
        proof_bytes = proof.bytes.len();
    }
    let (prove_ms, prove_p99_ms) = percentiles(proving);
    let (verify_ms, _) = percentiles(verifying);
    Ok(Row { model: name, setup_ms, prove_ms, prove_p99_ms, verify_ms, proof_bytes, peak_mib: peak_mib() })
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
