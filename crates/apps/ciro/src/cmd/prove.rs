//! `ciro prove`: an answer with a proof, without a network.

use crate::cli::ProveArgs;
use crate::error::CliError;
use crate::models;
use crate::show::{self, Outputs};
use crate::ui::Ui;
use ciro_graph::{Model, RawInput};
use ciro_prover::{Proof, ProveError, ProvingKey};
use ciro_receipt::{Evidence, Receipt};
use ciro_transcript::Segment;
use ciro_types::{ModelId, encode};
use ciro_verifier::ProofContext;
use serde::Serialize;
use std::time::Instant;

#[derive(Serialize)]
struct View {
    /// Samples in the proof.
    batch: u32,
    outputs: Outputs,
    model_id: ModelId,
    setup_ms: f64,
    prove_ms: f64,
    proof_bytes: usize,
    messages: Vec<Message>,
    receipt: String,
}

/// What the proof's messages with one label take together, in the order in which the labels first come.
#[derive(Serialize)]
struct Message {
    label: &'static str,
    count: usize,
    bytes: usize,
}

pub(crate) fn run(args: &ProveArgs, ui: &Ui) -> Result<(), CliError> {
    let Model { program, weights } = models::load(&args.model, &args.form, ui)?.model;
    let program = program.batched(args.batch);
    let input = match args.batch {
        1 => models::input(&program, &args.input, args.sample, ui)?,
        _ => models::batch(&program, &args.input, args.sample, ui)?,
    };
    let started = Instant::now();
    let key = ProvingKey::new(Model { program, weights }).map_err(CliError::failed)?;
    ui.stage("committed", started.elapsed(), "to the weights, once per model");
    let setup_ms = started.elapsed().as_secs_f64() * 1e3;
    let started = Instant::now();
    let proof = ciro_prover::prove(&key, &input, &ProofContext::default()).map_err(refused)?;
    let prove_ms = started.elapsed().as_secs_f64() * 1e3;

    let view = View {
        batch: args.batch,
        outputs: show::outputs(&key.model().program, &proof.output)?,
        model_id: key.model_id(),
        setup_ms,
        prove_ms,
        proof_bytes: proof.bytes.len(),
        messages: messages(&proof.segments),
        receipt: args.output.display().to_string(),
    };
    let bytes = receipt(&key, &input, proof).to_bytes();
    std::fs::write(&args.output, bytes)
        .map_err(|e| CliError::failed(format!("cannot write {}: {e}", args.output.display())))?;
    ui.result(&view, || text(&view))
}

fn messages(segments: &[Segment]) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for &Segment { label, start, end } in segments {
        let at = messages.iter().position(|message| message.label == label).unwrap_or_else(|| {
            messages.push(Message { label, count: 0, bytes: 0 });
            messages.len() - 1
        });
        messages[at].count += 1;
        messages[at].bytes += end - start;
    }
    messages
}

/// An input that the model does not take is the caller's mistake.
fn refused(error: ProveError) -> CliError {
    match error {
        ProveError::Execute(e) => CliError::failed(e),
        other => CliError::failed(other),
    }
}

fn receipt(key: &ProvingKey, input: &RawInput, proof: Proof) -> Receipt {
    Receipt {
        program: key.program().to_vec(),
        weights: key.weights(),
        input: encode(input),
        output: encode(&proof.output),
        evidence: Evidence::Proven { context: ProofContext::default().into(), proof: proof.bytes },
        settlement: None,
    }
}

fn text(view: &View) -> String {
    let each = match view.batch {
        1 => String::new(),
        n => format!(
            ", {:.3} ms and {} bytes for each of {n} samples",
            view.prove_ms / f64::from(n),
            view.proof_bytes / n as usize
        ),
    };
    format!(
        "{}\n\nmodel    {}\nproved   in {:.2} ms ({} bytes; weights committed once in {:.2} ms){each}\nreceipt  {}\ncheck    ciro verify {}",
        show::output_lines(&view.outputs),
        view.model_id,
        view.prove_ms,
        view.proof_bytes,
        view.setup_ms,
        view.receipt,
        view.receipt,
    )
}
