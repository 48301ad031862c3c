//! `ciro verify`: what a receipt proves, and what that rests on. Offline.

mod details;

use crate::cli::VerifyArgs;
use crate::error::CliError;
use crate::files::read_receipt;
use crate::show::{self, Outputs};
use crate::ui::Ui;
use ciro_receipt::check::Finding;
use ciro_receipt::{Report, check};
use ciro_types::{Assurance, ChainId, Height, JobId, ModelId};
use details::Details;
use serde::Serialize;

#[derive(Serialize)]
struct View {
    valid: bool,
    assurance: Assurance,
    model_id: ModelId,
    model_name: String,
    /// Samples in the proof.
    batch: u32,
    outputs: Outputs,
    settlement: Option<SettlementView>,
    visibility: Visibility,
    shown: Vec<FindingView>,
    assumptions: Vec<FindingView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

/// Who can read what: today the same for every receipt.
#[derive(Serialize)]
struct Visibility {
    input: &'static str,
    output: &'static str,
    program: &'static str,
    weights: &'static str,
    is_zero_knowledge: bool,
}

const VISIBILITY: Visibility =
    Visibility { input: "public", output: "public", program: "public", weights: "committed", is_zero_knowledge: false };

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
    let inputs = show::input_lines(&report.program, &report.input);
    let details = args.verbose.then(|| details::details(&receipt)).transpose()?;
    let view = view(report, details)?;
    ui.result(&view, || text(&view, &inputs))
}

fn view(report: Report, details: Option<Details>) -> Result<View, CliError> {
    let outputs = show::outputs(&report.program, &report.output)?;
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
        visibility: VISIBILITY,
        shown: report.shown.into_iter().map(finding).collect(),
        assumptions: report.assumptions.into_iter().map(finding).collect(),
        details,
    })
}

fn finding(finding: Finding) -> FindingView {
    FindingView { what: finding.what, detail: finding.detail }
}

fn text(view: &View, inputs: &str) -> String {
    let lines = |findings: &[FindingView]| {
        findings.iter().map(|f| format!("  {}: {}", f.what, f.detail)).collect::<Vec<_>>().join("\n")
    };
    let details = view.details.as_ref().map_or_else(String::new, |details| format!("\n\n{}", details.text()));
    let batch = if view.batch == 1 { String::new() } else { format!(", {} samples at once", view.batch) };
    format!(
        "valid ({:?})\n\nmodel {} {}{batch}\n\ninput\n{inputs}\n\noutput\n{}\n\nshown\n{}\n\nprovided that\n{}\n\nwho can read what\n{}{details}",
        view.assurance,
        view.model_name,
        view.model_id,
        show::output_lines(&view.outputs),
        lines(&view.shown),
        lines(&view.assumptions),
        view.visibility.text(),
    )
}

impl Visibility {
    fn text(&self) -> String {
        format!(
            "  input {}, output {}, program {}: all three are in this receipt\n  weights {} by the model id, without a salt: who \
             guesses them can check the guess\n  nothing here is zero-knowledge: verifiable does not mean hidden",
            self.input, self.output, self.program, self.weights
        )
    }
}
