//! `ciro verify`: what a receipt proves, and what that rests on. Offline.

mod details;
mod visibility;

use crate::cli::{FormArgs, VerifyArgs};
use crate::error::CliError;
use crate::files::{damaged, read, receipt_in};
use crate::models;
use crate::show::{self, Outputs};
use crate::ui::Ui;
use ciro_compile::artifact::program_digest;
use ciro_graph::{Model, Program, Visibility as Disclosed};
use ciro_prover::ProvingKey;
use ciro_receipt::check::Finding;
use ciro_receipt::receipt::RECEIPT_BYTES_MAX;
use ciro_receipt::{Receipt, ReceiptError, Report, SampleReceipt, SampleReport, check, check_sample};
use ciro_types::{Assurance, ChainId, Hash32, Height, JobId, ModelId};
use ciro_verifier::{Sample, Shown};
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
    /// The one that is shown, counted from zero; None if the receipt is about all.
    sample: Option<u32>,
    /// Digest of the program without batch and visibility: that of `program.bin` in a folder that was compiled without options.
    plain_program: Hash32,
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

/// A receipt that passed, of a sample or of all.
struct Checked {
    /// The sample's batch, if it is one of a sample.
    receipt: Receipt,
    report: Report,
    sample: Option<Sample>,
}

pub(crate) fn run(args: &VerifyArgs, ui: &Ui) -> Result<(), CliError> {
    let checked = check_file(args)?;
    expect_model(args, &checked.report, ui)?;
    let details = args.verbose.then(|| details::details(&checked.receipt)).transpose()?;
    let inputs = match (&checked.sample, &checked.report.input) {
        (Some(sample), _) => show::input_lines(&checked.report.program, &sample.input),
        (None, Shown::Public(input)) => show::input_lines(&checked.report.program, input),
        (None, hidden) => hidden_lines(hidden),
    };
    let hidden = hidden_lines(&checked.report.output);
    let view = view(checked, details)?;
    let outputs = view.outputs.as_ref().map_or(hidden, show::output_lines);
    ui.result(&view, || text(&view, &inputs, &outputs))
}

fn check_file(args: &VerifyArgs) -> Result<Checked, CliError> {
    let invalid = |e: ReceiptError| CliError::failed(format!("invalid receipt: {e}"));
    let bytes = read(&args.receipt, RECEIPT_BYTES_MAX)?;
    if !SampleReceipt::is_one(&bytes) {
        let receipt = receipt_in(&args.receipt, &bytes)?;
        let report = check(&receipt, args.network).map_err(invalid)?;
        return Ok(Checked { receipt, report, sample: None });
    }
    let receipt = SampleReceipt::from_bytes(&bytes).map_err(|e| damaged(&args.receipt, &e))?;
    let SampleReport { batch, sample } = check_sample(&receipt, args.network).map_err(invalid)?;
    Ok(Checked { receipt: receipt.batch, report: batch, sample: Some(sample) })
}

/// Refuses a receipt of another model than the one that was named: by its id, or by the model itself, which says what its id is in the
/// receipt's batch and visibility.
fn expect_model(args: &VerifyArgs, report: &Report, ui: &Ui) -> Result<(), CliError> {
    let made_from = args.made_from.as_ref().map(|path| {
        let Model { program, weights } = models::load(path, &FormArgs::default(), ui)?.model;
        let (batch, visibility) = (report.program.batch, report.program.visibility);
        let model = Model { program: Program { batch, visibility, ..program }, weights };
        ProvingKey::new(model).map(|key| key.model_id()).map_err(CliError::failed)
    });
    let got = report.model;
    match args.model.map(Ok).or(made_from).transpose()? {
        Some(expected) if expected != got => {
            Err(CliError::failed(format!("invalid receipt: it is about another model: expected {expected}, got {got}")))
        }
        _ => Ok(()),
    }
}

fn view(checked: Checked, details: Option<Details>) -> Result<View, CliError> {
    let Checked { report, sample, .. } = checked;
    let plain = Program { visibility: Disclosed::default(), ..report.program.clone().batched(1) };
    let outputs = match &sample {
        Some(sample) => Some(show::outputs(&plain, &sample.output)?),
        None => report.output.public().map(|output| show::outputs(&report.program, output)).transpose()?,
    };
    let visibility = Visibility::of(&report);
    let settlement =
        report.record.map(|record| SettlementView { network: record.chain, job: record.job, height: record.height });
    Ok(View {
        valid: true,
        assurance: report.assurance,
        model_id: report.model,
        batch: report.program.batch,
        sample: sample.map(|sample| sample.index),
        plain_program: program_digest(&plain),
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
    let batch = match (view.sample, view.batch) {
        (Some(sample), batch) => {
            format!("\nsample {sample} of a batch of {batch} (from 0), program {}", view.plain_program)
        }
        (None, 1) => String::new(),
        (None, batch) => format!("\na batch of {batch} samples, program {}", view.plain_program),
    };
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
