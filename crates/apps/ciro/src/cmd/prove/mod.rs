//! `ciro prove`: an answer with a proof, or those of a batch, without a network.

mod batch;
mod samples;

use crate::cli::ProveArgs;
use crate::error::CliError;
use crate::models;
use crate::show::{self, Outputs};
use crate::ui::Ui;
use batch::Refused;
use ciro_graph::RawInput;
use ciro_node::durable::{Access, replace};
use ciro_prover::reveal::{Reveal, reveals};
use ciro_prover::{Proof, ProvingKey, Seed};
use ciro_receipt::{Opening, Receipt};
use ciro_transcript::Segment;
use ciro_types::ModelId;
use serde::Serialize;
use std::path::PathBuf;

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
    /// Files that open what the receipt commits to: secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    openings: Vec<String>,
    /// Receipts of single samples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    samples: Vec<String>,
    /// Samples of the batch that the model refuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refused>,
}

/// What the proof's messages with one label take together, in the order in which the labels first come.
#[derive(Serialize)]
struct Message {
    label: &'static str,
    count: usize,
    bytes: usize,
}

pub(crate) fn run(args: &ProveArgs, ui: &Ui) -> Result<(), CliError> {
    let model = models::load(&args.model, &args.form, ui)?.model;
    let samples = match args.batch {
        1 => vec![models::input(&model.program, &args.input, args.sample, ui)?],
        wanted => models::batch(&model.program, &args.input, (args.sample, wanted), ui)?,
    };
    let proven = batch::prove(args, model, &samples)?;
    let (key, proof) = (&proven.key, &proven.made.proof);
    let receipt =
        Receipt::stand_alone((key.program(), key.roots().key), key.weights(), &proof.statement, proof.bytes.clone());
    std::fs::write(&args.output, receipt.to_bytes()).map_err(|e| CliError::cannot_write(&args.output, &e))?;
    let view = View {
        batch: key.model().program.batch,
        outputs: show::outputs(&key.model().program, &proof.output)?,
        model_id: key.model_id(),
        setup_ms: proven.setup_ms,
        prove_ms: proven.prove_ms,
        proof_bytes: proof.bytes.len(),
        messages: messages(&proof.segments),
        receipt: args.output.display().to_string(),
        openings: write_openings(args, key, &proven.input, proof, &proven.seed)?,
        samples: samples::write(args, &proven, &receipt, ui)?,
        refused: proven.refused,
    };
    ui.result(&view, || text(&view))?;
    batch::partial(&view.refused, args.batch)
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

/// Writes what opens the receipt's commitments, for its owner's eyes, and returns the files.
fn write_openings(
    args: &ProveArgs,
    key: &ProvingKey,
    input: &RawInput,
    proof: &Proof,
    seed: &Seed,
) -> Result<Vec<String>, CliError> {
    let revealed = reveals(&key.model().program, input, proof, seed).map_err(CliError::failed)?;
    let mut files = Vec::with_capacity(revealed.len());
    for Reveal { part, salts, values } in revealed {
        let mut file = args.output.clone().into_os_string();
        file.push(".");
        file.push(part.name());
        let file = PathBuf::from(file);
        let opening = Opening { model: key.model_id(), part, salts, values };
        replace(&file, &opening.to_bytes(), Access::Private).map_err(|e| CliError::cannot_write(&file, &e))?;
        files.push(file.display().to_string());
    }
    Ok(files)
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
    let openings = view.openings.iter().map(|file| format!("\nopening  {file} (it shows what the receipt does not)"));
    let openings: String = openings.collect();
    let samples = match view.samples.as_slice() {
        [] => String::new(),
        [first, rest @ ..] => {
            format!("\nsamples  {first} and {} more, each with its own input and output only", rest.len())
        }
    };
    let refused =
        view.refused.iter().map(|refused| format!("\nrefused  sample {}: {}", refused.sample, refused.reason));
    let refused: String = refused.collect();
    format!(
        "{}\n\nmodel    {}\nproved   in {:.2} ms ({} bytes; weights committed once in {:.2} ms){each}\nreceipt  {}\ncheck    ciro verify {}{openings}{samples}{refused}",
        show::output_lines(&view.outputs),
        view.model_id,
        view.prove_ms,
        view.proof_bytes,
        view.setup_ms,
        view.receipt,
        view.receipt,
    )
}
