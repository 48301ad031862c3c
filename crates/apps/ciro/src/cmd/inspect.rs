//! `ciro inspect`: what a receipt claims, and what the network says of a job or a block; nothing is judged.
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

use crate::cli::InspectArgs;
use crate::error::CliError;
use crate::files::read_receipt;
use crate::home;
use crate::local::require;
use crate::ui::Ui;
use ciro_api::{BlockView, JobView};
use ciro_client::Client;
use ciro_receipt::{Evidence, Receipt, Settlement};
use ciro_state::{JobStatus, Payment, input_hash, output_hash};
use ciro_types::{AccountId, Amount, Assurance, ChainId, Escaped, Hash32, Height, JobId, ModelId, Named};
use serde::Serialize;

/// A receipt's parts, by size and hash.
#[derive(Serialize)]
struct ReceiptView {
    model_id: ModelId,
    key: Hash32,
    program_bytes: usize,
    input_hash: Hash32,
    input_bytes: usize,
    output_hash: Hash32,
    output_bytes: usize,
    evidence: &'static str,
    proof_bytes: usize,
    settlement: Option<SettlementView>,
}

#[derive(Serialize)]
struct SettlementView {
    network: String,
    chain: ChainId,
    job: JobId,
    client: AccountId,
    assurance: Assurance,
    payments: Vec<Payment>,
    fee: Amount,
    refund: Amount,
    height: Height,
    certified_by: Height,
    signatures: usize,
}

pub(crate) fn run(args: &InspectArgs, ui: &Ui) -> Result<(), CliError> {
    match (args.target.to_str(), &args.id) {
        (Some("job"), Some(id)) => inspect_job(args, id, ui),
        (Some("block"), Some(id)) => inspect_block(args, id, ui),
        (_, None) => {
            let view = view(&read_receipt(&args.target)?);
            ui.result(&view, || text(&view))
        }
        (_, Some(_)) => Err(CliError::usage("expected a receipt file, `job ID` or `block HEIGHT`")),
    }
}

fn inspect_job(args: &InspectArgs, id: &str, ui: &Ui) -> Result<(), CliError> {
    let id: JobId = id.parse().map_err(CliError::usage)?;
    let job = client(args)?.job(id)?;
    ui.result(&job, || job_text(&job))
}

fn inspect_block(args: &InspectArgs, id: &str, ui: &Ui) -> Result<(), CliError> {
    let height = id.parse().map_err(|e| CliError::usage(format!("height: {e}")))?;
    let block = client(args)?.block(Height(height))?;
    ui.result(&block, || block_text(&block))
}

fn client(args: &InspectArgs) -> Result<Client, CliError> {
    require(&home::resolve(args.data.data.as_deref())?)
}

fn job_text(job: &JobView) -> String {
    let mut lines = vec![
        format!("job       {} at {:?}", job.job, job.spec.assurance),
        format!("status    {}", status(&job.status)),
        format!("client    {}", job.spec.client),
        format!("model     {}", job.spec.model),
        format!("input     {}", job.spec.input),
        format!("price     at most {} CIRO, {} CIRO in escrow", job.spec.max_price, job.escrow),
        format!("heights   opened {}, deadline {}", job.opened, job.spec.deadline),
    ];
    lines.extend(job.waits_because.as_ref().map(|because| format!("waits     {}", Escaped(because))));
    lines.join("\n")
}

fn status(status: &JobStatus) -> String {
    match status {
        JobStatus::Open => "open: no answer and no refund yet".into(),
        JobStatus::Settled { height, record } => format!("settled at height {height}, record {record}"),
        JobStatus::Refunded { height, reason } => format!("refunded at height {height}: {reason}"),
    }
}

fn block_text(block: &BlockView) -> String {
    let ids = |ids: &[String]| if ids.is_empty() { "none".to_string() } else { ids.join("\n          ") };
    let transactions: Vec<String> = block.transactions.iter().map(ToString::to_string).collect();
    let signers: Vec<String> = block.signers.iter().map(ToString::to_string).collect();
    [
        format!("block     {} at height {}", block.id, block.height),
        format!("parent    {}", block.parent),
        format!("proposer  {}", block.proposer),
        format!("state     {} (after the parent)", block.state_root),
        format!("receipts  {} (of the parent)", block.receipts_root),
        format!("holds     {}", ids(&transactions)),
        format!("signed by {}", ids(&signers)),
    ]
    .join("\n")
}

fn view(receipt: &Receipt) -> ReceiptView {
    let (evidence, proof_bytes) = match &receipt.evidence {
        Evidence::Signed { .. } => ("signed answer (A0)", 0),
        Evidence::Agreed => ("agreeing workers (A2)", 0),
        Evidence::Proven { proof, .. } => ("proof (A4)", proof.len()),
    };
    ReceiptView {
        model_id: receipt.model(),
        key: receipt.key,
        program_bytes: receipt.program.len(),
        input_hash: input_hash(&receipt.input),
        input_bytes: receipt.input.len(),
        output_hash: output_hash(&receipt.output),
        output_bytes: receipt.output.len(),
        evidence,
        proof_bytes,
        settlement: receipt.settlement.as_ref().map(settlement),
    }
}

fn settlement(settlement: &Settlement) -> SettlementView {
    let record = &settlement.record;
    SettlementView {
        network: settlement.genesis.network.clone(),
        chain: record.chain,
        job: record.job,
        client: record.client,
        assurance: record.assurance,
        payments: record.payments.clone(),
        fee: record.fee,
        refund: record.refund,
        height: record.height,
        certified_by: settlement.certified.header.height,
        signatures: settlement.certified.certificate.signatures.len(),
    }
}

fn text(view: &ReceiptView) -> String {
    let mut lines = vec![
        "receipt, not judged: `ciro verify` does that".to_string(),
        format!("model     {} ({} bytes of program)", view.model_id, view.program_bytes),
        format!("key       {}, as the receipt says", view.key),
        format!("input     {} ({} bytes)", view.input_hash, view.input_bytes),
        format!("output    {} ({} bytes)", view.output_hash, view.output_bytes),
        format!("evidence  {} ({} bytes)", view.evidence, view.proof_bytes),
    ];
    match &view.settlement {
        None => lines.push("network   none: made without one".to_string()),
        Some(settlement) => lines.extend(settlement_lines(settlement)),
    }
    lines.join("\n")
}

fn settlement_lines(settlement: &SettlementView) -> Vec<String> {
    let payment = |payment: &Payment| format!("paid      {} CIRO to {}", payment.price, payment.worker);
    let mut lines = vec![
        format!("network   {}, called {}", settlement.chain, Named(&settlement.network)),
        format!("job       {} at {:?}", settlement.job, settlement.assurance),
        format!("client    {}", settlement.client),
        format!("settled   at height {}", settlement.height),
        format!("certified by block {} with {} signatures", settlement.certified_by, settlement.signatures),
    ];
    lines.extend(settlement.payments.iter().map(payment));
    lines.push(format!("fee       {} CIRO, {} CIRO returned", settlement.fee, settlement.refund));
    lines
}
