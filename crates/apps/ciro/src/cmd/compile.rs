//! `ciro compile`: from a model file to an integer program with an identity.

use crate::cli::CompileArgs;
use crate::cmd::verify::CostView;
use crate::error::CliError;
use crate::models;
use crate::ui::Ui;
use ciro_compile::report::{HeldOut, OutputAccuracy};
use ciro_compile::{AccuracyReport, Compiled, Options};
use ciro_graph::Column;
use ciro_prover::ProvingKey;
use ciro_types::{Hash32, ModelId, chain};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

#[derive(Serialize)]
struct View {
    model_id: ModelId,
    /// The digest of the verifying key.
    key: Hash32,
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
    let (calibration, named) =
        samples.map(|file| models::calibration(&args.model, file, &args.form)).transpose()?.unzip();
    let named: Vec<Column> = named.unwrap_or_default();
    let expected = args.expect.as_deref().map(models::answers).transpose()?.unwrap_or_default();
    let (tolerance, input_range) = (tolerance(args)?, args.input_range);
    let mut options = Options { calibration, expected, tolerance, input_range, ..models::options(&args.form) };
    let takes_names = !named.is_empty();
    if takes_names {
        options.signature.columns = named;
    }
    let started = Instant::now();
    let mut compiled = models::compile(&args.model, &options)?;
    if takes_names {
        compiled
            .notes
            .push("columns are called as in the header of the samples, and tables are matched by these names".into());
    }
    let key = ProvingKey::new(compiled.model.clone()).map_err(CliError::failed)?;
    let compile_ms = started.elapsed().as_secs_f64() * 1e3;
    compiled.write(&args.output).map_err(|e| CliError::failed(chain(&e)))?;
    let view = view(&compiled, &key, &args.output, compile_ms);
    ui.result(&view, || text(&view))
}

fn tolerance(args: &CompileArgs) -> Result<Option<f64>, CliError> {
    match args.tolerance {
        Some(share) if !(share >= 0.0 && share.is_finite()) => {
            Err(CliError::usage(format!("--tolerance: expected a number from 0 on, such as 0.01, got {share}")))
        }
        share => Ok(share),
    }
}

fn view(compiled: &Compiled, key: &ProvingKey, directory: &Path, compile_ms: f64) -> View {
    View {
        model_id: key.model_id(),
        key: key.roots().key,
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
        format!("key      {}", view.key),
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
    lines.extend(report.outputs.iter().map(output_line));
    if !report.expected.is_empty() {
        lines.push("  against the answers of the model itself".to_string());
        lines.extend(report.expected.iter().map(output_line));
    }
    if let Some(held) = &report.held_out {
        lines.extend(held_lines(held));
    }
    let worst = report.operators.iter().max_by(|a, b| a.max_deviation.total_cmp(&b.max_deviation));
    lines.extend(worst.map(|w| format!("  largest inside: {} ({}) {:.2e}", w.node, w.operator, w.max_deviation)));
    lines
}

/// How the model did on samples that did not calibrate it, and what it would refuse.
fn held_lines(held: &HeldOut) -> Vec<String> {
    let HeldOut { samples, refused, refusal_rate_at_most, first_refused, outputs, .. } = held;
    let mut lines = vec![
        format!("  on {samples} samples that were left out, calibrated on the others"),
        format!(
            "  {refused} of {samples} refused: of inputs like these at most {:.1} % are (95 % sure); more samples tell more",
            refusal_rate_at_most * 100.0
        ),
    ];
    lines.extend(
        first_refused.iter().map(|first| format!("  first refused: sample {}, {}", first.sample, first.reason)),
    );
    lines.extend(outputs.iter().filter(|_| refused < samples).map(output_line));
    lines
}

fn output_line(output: &OutputAccuracy) -> String {
    let class = output.same_class.map_or_else(String::new, |part| format!(", same class {:.2} %", part * 100.0));
    let worst = output.classes.iter().filter(|class| class.same < 1.0).min_by(|a, b| a.same.total_cmp(&b.same));
    let worst = worst.map_or_else(String::new, |worst| {
        format!(" (of class {:?} {:.2} % of {})", worst.class, worst.same * 100.0, worst.decisions)
    });
    let place = output.worst_place.map_or_else(String::new, |place| format!(", most at position {place}"));
    let OutputAccuracy { name, max_deviation, mean_deviation, worst_sample, spread, .. } = output;
    let share = max_deviation / spread * 100.0;
    format!(
        "  {name}: largest deviation {max_deviation:.2e} ({share:.3} % of the spread, sample {worst_sample}), \
         mean {mean_deviation:.2e}{place}{class}{worst}"
    )
}
