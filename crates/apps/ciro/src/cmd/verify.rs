//! `ciro verify`: what a receipt proves, and what that rests on. Offline.

use crate::cli::VerifyArgs;
use crate::error::CliError;
use crate::files::read_receipt;
use crate::show::{self, Outputs};
use crate::ui::Ui;
use ciro_receipt::check::Finding;
use ciro_receipt::{Report, check};
use ciro_types::{Assurance, ChainId, Height, JobId, ModelId};
use serde::Serialize;

#[derive(Serialize)]
struct View {
    valid: bool,
    assurance: Assurance,
    model_id: ModelId,
    model_name: String,
    outputs: Outputs,
    settlement: Option<SettlementView>,
    shown: Vec<FindingView>,
    assumptions: Vec<FindingView>,
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
    let inputs = show::input_lines(&report.program, &report.input);
    let view = view(report)?;
    ui.result(&view, || text(&view, &inputs))
}

fn view(report: Report) -> Result<View, CliError> {
    let outputs = show::outputs(&report.program, &report.output)?;
    let settlement =
        report.record.map(|record| SettlementView { network: record.chain, job: record.job, height: record.height });
    Ok(View {
        valid: true,
        assurance: report.assurance,
        model_id: report.model,
        model_name: report.program.name,
        outputs,
        settlement,
        shown: report.shown.into_iter().map(finding).collect(),
        assumptions: report.assumptions.into_iter().map(finding).collect(),
    })
}

fn finding(finding: Finding) -> FindingView {
    FindingView { what: finding.what, detail: finding.detail }
}

fn text(view: &View, inputs: &str) -> String {
    let lines = |findings: &[FindingView]| {
        findings.iter().map(|f| format!("  {}: {}", f.what, f.detail)).collect::<Vec<_>>().join("\n")
    };
    format!(
        "valid ({:?})\n\nmodel {} {}\n\ninput\n{inputs}\n\noutput\n{}\n\nshown\n{}\n\nprovided that\n{}",
        view.assurance,
        view.model_name,
        view.model_id,
        show::output_lines(&view.outputs),
        lines(&view.shown),
        lines(&view.assumptions),
    )
}
