//! `ciro verify`: what a receipt proves, and what that rests on. Offline.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod details;

use crate::cli::{FormArgs, VerifyArgs};
use crate::error::CliError;
use crate::files::{damaged, read};
use crate::models;
use crate::ui::Ui;
use ciro_auditor::AuditError;
use ciro_auditor::RelationError;
use ciro_graph::{Model, Program};
use ciro_prover::ProvingKey;
use ciro_receipt::receipt::RECEIPT_BYTES_MAX;
use ciro_receipt::{ReceiptError, Report, Terms};
use ciro_relation::Limits;
use ciro_verify::Verdict;
pub(crate) use details::CostView;
use details::Details;
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

pub(crate) fn run(args: &VerifyArgs, ui: &Ui) -> Result<(), CliError> {
    let limits = limits(args);
    let terms = Terms { model: args.model, network: args.network, proven: args.proven, limits };
    let bytes = read(&args.receipt, RECEIPT_BYTES_MAX)?;
    let judged = terms.judge(&bytes).map_err(|e| refused(&args.receipt, &e))?;
    expect_made_from(args, &judged.report, ui)?;
    let details = args.verbose.then(|| details::details(&judged.receipt, &limits)).transpose()?;
    let verdict = Verdict::of(judged).map_err(CliError::failed)?;
    if ui.is_json() {
        verdict.admit_json(&limits).map_err(CliError::failed)?;
    }
    let more = details.as_ref().map(|details| format!("\n\n{}", details.text())).unwrap_or_default();
    let text = format!("{}{more}", verdict.text);
    ui.result(&View { verdict, details }, || text)
}

fn limits(args: &VerifyArgs) -> Limits {
    Limits { units: args.max_work, peak_bytes: args.max_memory.saturating_mul(1 << 20) }
}

/// A file that is no receipt, or one that does not hold.
fn refused(path: &Path, error: &ReceiptError) -> CliError {
    match error {
        ReceiptError::Format(format) => damaged(path, format),
        other => invalid(other),
    }
}

fn invalid(error: &ReceiptError) -> CliError {
    let failed = CliError::failed(format!("invalid receipt: {error}"));
    match error {
        ReceiptError::Unsettled { .. } => failed
            .hint("without --network the receipt is judged alone; ask whoever gave it to you for the one of the job"),
        ReceiptError::Model { .. } => failed.hint(
            "an id names one compilation: samples, --precision, a batch and what is hidden change it; `--made-from FILE` compares with a file",
        ),
        ReceiptError::Network { .. } => failed.hint("is the receipt of that network? `ciro inspect FILE` says of which"),
        ReceiptError::Output { .. } => failed.hint("raise --max-memory if you trust whoever made it"),
        ReceiptError::Settlement { .. }
        | ReceiptError::Proof(AuditError::Relation(RelationError::TooCostly { .. })) => {
            failed.hint("if you trust whoever made it, or have the time, raise --max-work or --max-memory")
        }
        _ => failed,
    }
}

/// Refuses a receipt that is not of the model in the file that was named. The model's id depends on batch and visibility, which are taken
/// from the receipt.
fn expect_made_from(args: &VerifyArgs, report: &Report, ui: &Ui) -> Result<(), CliError> {
    let Some(path) = &args.made_from else { return Ok(()) };
    let Model { program, weights } = models::load(path, &FormArgs::default(), ui)?.model;
    let (batch, visibility) = (report.program.batch, report.program.visibility);
    let model = Model { program: Program { batch, visibility, ..program }, weights };
    let expected = ProvingKey::new(model).map_err(CliError::failed)?.model_id();
    let got = report.model;
    if expected == got { Ok(()) } else { Err(invalid(&ReceiptError::Model { expected, got })) }
}
