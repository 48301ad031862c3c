//! `ciro compile`: from a model file to an integer program with an identity.

use crate::cli::CompileArgs;
use crate::cmd::verify::CostView;
use crate::error::{CliError, chain};
use crate::models;
use crate::ui::Ui;
use ciro_compile::{AccuracyReport, Compiled, Options};
use ciro_prover::ProvingKey;
use ciro_types::ModelId;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

#[derive(Serialize)]
struct View {
    model_id: ModelId,
    name: String,
    directory: String,
    operators: usize,
    weights: usize,
    compile_ms: f64,
    /// What verifying a proof takes at most.
    verification: CostView,
    report: Option<AccuracyReport>,
    notes: Vec<String>,
}

pub(crate) fn run(args: &CompileArgs, ui: &Ui) -> Result<(), CliError> {
    let samples = args.calibration.as_deref();
    let calibration = samples.map(|file| models::calibration(&args.model, file, &args.form.dims)).transpose()?;
    let options = Options { calibration, input_range: args.input_range, ..models::options(&args.form) };
    let started = Instant::now();
    let compiled = models::compile(&args.model, &options)?;
    let key = ProvingKey::new(compiled.model.clone()).map_err(CliError::failed)?;
    let compile_ms = started.elapsed().as_secs_f64() * 1e3;
    compiled.write(&args.output).map_err(|e| CliError::failed(chain(&e)))?;
    let view = view(&compiled, &key, &args.output, compile_ms);
    ui.result(&view, || text(&view))
}

fn view(compiled: &Compiled, key: &ProvingKey, directory: &Path, compile_ms: f64) -> View {
    View {
        model_id: key.model_id(),
        name: compiled.model.program.name.clone(),
        directory: directory.display().to_string(),
        operators: compiled.model.program.nodes.len(),
        weights: compiled.model.weights.iter().map(Vec::len).sum(),
        compile_ms,
        verification: CostView::of(key.verifying()),
        report: compiled.report.clone(),
        notes: compiled.notes.clone(),
    }
}

fn text(view: &View) -> String {
    let mut lines = vec![
        format!("model    {}", view.model_id),
        format!("name     {}", view.name),
        format!("program  {} operators, {} constants, {:.1} ms", view.operators, view.weights, view.compile_ms),
        format!("verifying, at most\n{}", view.verification.text()),
        format!("folder   {}", view.directory),
    ];
    match &view.report {
        None => lines.push("accuracy not measured: pass --calibration SAMPLES".to_string()),
        Some(report) => lines.extend(report_lines(report)),
    }
    lines.extend(view.notes.iter().map(|note| format!("note     {note}")));
    lines.join("\n")
}

fn report_lines(report: &AccuracyReport) -> Vec<String> {
    let mut lines = vec![format!("accuracy on {} samples, integer against float", report.samples)];
    for output in report.outputs.iter().chain(&report.expected) {
        let class = output.same_class.map_or_else(String::new, |part| format!(", same class {:.2} %", part * 100.0));
        lines.push(format!(
            "  {}: largest deviation {:.2e}, mean {:.2e}{class}",
            output.name, output.max_deviation, output.mean_deviation
        ));
    }
    let worst = report.operators.iter().max_by(|a, b| a.max_deviation.total_cmp(&b.max_deviation));
    lines.extend(worst.map(|w| format!("  largest inside: {} ({}) {:.2e}", w.node, w.operator, w.max_deviation)));
    lines
}
