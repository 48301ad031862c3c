//! `ciro inspect`: what a file claims, without judging it.

use crate::cli::InspectArgs;
use crate::error::CliError;
use crate::files::read_receipt;
use crate::ui::Ui;
use ciro_receipt::{Evidence, Receipt, Settlement};
use ciro_state::{Payment, input_hash, model_id, output_hash};
use ciro_types::{AccountId, Amount, Assurance, ChainId, Hash32, Height, JobId, ModelId};
use serde::Serialize;

/// A receipt's parts, by size and hash.
#[derive(Serialize)]
struct ReceiptView {
    model_id: ModelId,
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
    let view = view(&read_receipt(&args.target)?);
    ui.result(&view, || text(&view))
}

fn view(receipt: &Receipt) -> ReceiptView {
    let (evidence, proof_bytes) = match &receipt.evidence {
        Evidence::Signed { .. } => ("signed answer (A0)", 0),
        Evidence::Agreed => ("agreeing workers (A2)", 0),
        Evidence::Proven { proof, .. } => ("proof (A4)", proof.len()),
    };
    ReceiptView {
        model_id: model_id(&receipt.program, receipt.weight_root),
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
        format!("network   {} {}", settlement.network, settlement.chain),
        format!("job       {} at {:?}", settlement.job, settlement.assurance),
        format!("client    {}", settlement.client),
        format!("settled   at height {}", settlement.height),
        format!("certified by block {} with {} signatures", settlement.certified_by, settlement.signatures),
    ];
    lines.extend(settlement.payments.iter().map(payment));
    lines.push(format!("fee       {} CIRO, {} CIRO returned", settlement.fee, settlement.refund));
    lines
}
