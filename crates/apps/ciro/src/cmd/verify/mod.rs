//! `ciro verify`: what a receipt proves, and what that rests on. Offline.

mod details;
mod visibility;

use crate::cli::VerifyArgs;
use crate::error::CliError;
use crate::files::read_receipt;
use crate::show::{self, Outputs};
use crate::ui::Ui;
use ciro_receipt::check::Finding;
use ciro_receipt::{Report, check};
use ciro_types::{Assurance, ChainId, Height, JobId, ModelId};
use ciro_verifier::Shown;
use details::Details;
use serde::Serialize;
use visibility::Visibility;

#[derive(Serialize)]
struct View {
    valid: bool,
    assurance: Assurance,
    model_id: ModelId,
    model_name: String,
    /// Samples in the proof.
    batch: u32,
    /// None if the output is hidden.
    outputs: Option<Outputs>,
    settlement: Option<SettlementView>,
    visibility: Visibility,
    shown: Vec<FindingView>,
    assumptions: Vec<FindingView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Serialize)]
struct SettlementView {
    network: ChainId,
    job: JobId,
    height: Height,
}

#[derive(Serialize)]
struct FindingView {
    what: &'static str,
    detail: String,
}

pub(crate) fn run(args: &VerifyArgs, ui: &Ui) -> Result<(), CliError> {
    let receipt = read_receipt(&args.receipt)?;
    let report = check(&receipt, args.network).map_err(|e| CliError::failed(format!("invalid receipt: {e}")))?;
    if let Some(expected) = args.model.filter(|expected| *expected != report.model) {
        let got = report.model;
        return Err(CliError::failed(format!(
            "invalid receipt: it is about another model: expected {expected}, got {got}"
        )));
    }
    let inputs = match &report.input {
        Shown::Public(input) => show::input_lines(&report.program, input),
        hidden => hidden_lines(hidden),
    };
    let details = args.verbose.then(|| details::details(&receipt)).transpose()?;
    let hidden = hidden_lines(&report.output);
    let view = view(report, details)?;
    let outputs = view.outputs.as_ref().map_or(hidden, show::output_lines);
    ui.result(&view, || text(&view, &inputs, &outputs))
}

fn view(report: Report, details: Option<Details>) -> Result<View, CliError> {
    let outputs = report.output.public().map(|output| show::outputs(&report.program, output)).transpose()?;
    let visibility = Visibility::of(&report);
    let settlement =
        report.record.map(|record| SettlementView { network: record.chain, job: record.job, height: record.height });
    Ok(View {
        valid: true,
        assurance: report.assurance,
        model_id: report.model,
        batch: report.program.batch,
        model_name: report.program.name,
        outputs,
        settlement,
        visibility,
        shown: report.shown.into_iter().map(finding).collect(),
        assumptions: report.assumptions.into_iter().map(finding).collect(),
        details,
    })
}

fn finding(finding: Finding) -> FindingView {
    FindingView { what: finding.what, detail: finding.detail }
}

fn hidden_lines<T>(shown: &Shown<T>) -> String {
    shown.root().map_or_else(|| "  private".into(), |root| format!("  committed: {root}"))
}

fn text(view: &View, inputs: &str, outputs: &str) -> String {
    let lines = |findings: &[FindingView]| {
        findings.iter().map(|f| format!("  {}: {}", f.what, f.detail)).collect::<Vec<_>>().join("\n")
    };
    let details = view.details.as_ref().map_or_else(String::new, |details| format!("\n\n{}", details.text()));
    let batch = if view.batch == 1 { String::new() } else { format!(", {} samples at once", view.batch) };
    format!(
        "valid ({:?})\n\nmodel {} {}{batch}\n\ninput\n{inputs}\n\noutput\n{outputs}\n\nshown\n{}\n\nprovided that\n{}\n\nwho can read what\n{}{details}",
        view.assurance,
        view.model_name,
        view.model_id,
        lines(&view.shown),
        lines(&view.assumptions),
        view.visibility.text(),
    )
}
