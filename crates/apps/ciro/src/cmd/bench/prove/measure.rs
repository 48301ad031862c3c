//! One model: each stage on the clock.

use super::phases::{PhaseFigures, Recorder, summary};
use crate::cli::BenchMeasureArgs;
use crate::cmd::bench::machine;
use crate::cmd::bench::percentiles::percentiles;
use crate::error::CliError;
use crate::models;
use crate::ui::Ui;
use ciro_auditor::ProofContext;
use ciro_compile::Options;
use ciro_graph::{Model, RawInput};
use ciro_prover::{ProvingKey, Seed, execute, prove_observed};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What one model takes. Times are medians in milliseconds, except those of compiling and of the key, which happen once.
#[derive(Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) compile_ms: f64,
    /// Committing to the weights.
    pub(super) key_ms: f64,
    /// Running the integer program, as a worker does without a proof.
    pub(super) inference_ms: f64,
    /// Filling the witness and proving; the inference is not in it.
    pub(super) proof_ms: f64,
    pub(super) verify_ms: f64,
    pub(super) proof_bytes: usize,
    /// Field elements of a contract that holds 31 bytes in each.
    pub(super) proof_felts: usize,
    /// Largest resident size of the process while it made the key and the proofs; None where the system does not tell.
    pub(super) peak_mib: Option<u64>,
    /// Committed per proof, without padding.
    pub(super) witness_cells: usize,
    /// Weights and tables, committed once.
    pub(super) constants: usize,
    /// Proofs that count.
    pub(super) runs: usize,
    /// Of a proof, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) phases: Vec<PhaseFigures>,
}

/// Bytes of a proof in one field element of a contract.
const FELT_BYTES: usize = 31;

/// Runs end after this long, except that there are at least [`RUNS_MIN`].
const PATIENCE: Duration = Duration::from_secs(60);
const RUNS_MIN: usize = 3;

/// `ciro bench measure`: one model file in this process, for the process that asked.
pub(super) fn run(args: &BenchMeasureArgs, ui: &Ui) -> Result<(), CliError> {
    let figures = measure_file(args)?;
    ui.result(&figures, || format!("proof {:.2} ms", figures.proof_ms))
}

/// Samples next to a model file: NAME.npz, which also tells the ranges of the inputs, or NAME.input.json.
fn samples(model: &Path) -> (PathBuf, bool) {
    let archive = model.with_extension("npz");
    if archive.is_file() { (archive, true) } else { (model.with_extension("input.json"), false) }
}

fn measure_file(args: &BenchMeasureArgs) -> Result<Figures, CliError> {
    let (samples, is_archive) = samples(&args.model);
    let calibration = is_archive.then(|| models::calibration(&args.model, &samples, &args.form)).transpose()?;
    let calibration = calibration.map(|(samples, _)| samples);
    let options = Options { calibration, ..models::options(&args.form) };
    let (compiled, compile_ms) = timed(|| models::compile(&args.model, &options));
    let Model { program, weights } = compiled?.model;
    let program = program.batched(args.batch);
    let input = models::repeated(&program, &samples)?;
    measure(Model { program, weights }, &input, compile_ms, args.runs, args.phases)
}

/// Measures a compiled model: one run that warms up, and `runs` that count.
pub(super) fn measure(
    model: Model,
    input: &RawInput,
    compile_ms: f64,
    runs: usize,
    by_phase: bool,
) -> Result<Figures, CliError> {
    machine::reset_peak();
    let (key, key_ms) = timed(|| ProvingKey::new(model).map_err(CliError::failed));
    let key = key?;
    let (mut inferring, mut proving, mut verifying, mut proof_bytes) = (vec![], vec![], vec![], 0);
    let (mut recorders, mut peak_mib) = (vec![], None);
    let started = Instant::now();
    for run in 0..=runs {
        let mut recorder = Recorder::new(by_phase);
        let one = one_run(&key, input, &mut recorder)?;
        proof_bytes = one.proof_bytes;
        peak_mib = peak_mib.max(recorder.peak_mib());
        if run > 0 {
            inferring.push(one.inference_ms);
            proving.push(one.proof_ms);
            verifying.push(one.verify_ms);
            recorders.push(recorder);
        }
        if run >= RUNS_MIN && started.elapsed() > PATIENCE {
            break;
        }
    }
    let peak_mib = peak_mib.max(machine::peak_mib());
    let runs = proving.len();
    let median = |samples| percentiles(samples).0;
    Ok(Figures {
        compile_ms,
        key_ms,
        inference_ms: median(inferring),
        proof_ms: median(proving),
        verify_ms: median(verifying),
        proof_bytes,
        proof_felts: proof_bytes.div_ceil(FELT_BYTES),
        peak_mib,
        witness_cells: key.verifying().relation().made_cells(),
        constants: key.model().weights.iter().map(Vec::len).sum(),
        runs,
        phases: if by_phase { summary(&recorders) } else { Vec::new() },
    })
}

struct Run {
    inference_ms: f64,
    proof_ms: f64,
    verify_ms: f64,
    proof_bytes: usize,
}

fn one_run(key: &ProvingKey, input: &RawInput, recorder: &mut Recorder) -> Result<Run, CliError> {
    let (execution, inference_ms) = timed(|| execute(key, input).map_err(CliError::failed));
    let execution = execution?;
    let context = ProofContext::default();
    // A seed that everybody knows hides nothing, and nothing is to be hidden here.
    let (proof, proof_ms) = timed(|| prove_observed(key, input, &execution, &context, &Seed::NONE, recorder));
    let proof = proof.map_err(CliError::failed)?;
    recorder.ends();
    let (verified, verify_ms) = timed(|| key.verifying().verify(&proof.statement, &proof.bytes));
    verified.map_err(CliError::failed)?;
    Ok(Run { inference_ms, proof_ms, verify_ms, proof_bytes: proof.bytes.len() })
}

/// What `work` gives, and the milliseconds it took.
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed().as_secs_f64() * 1e3)
}
