//! Prints the label of an answer, if its receipt proves that the promised model gave it.
//!
//! `accept RECEIPT MODEL_ID` ends with 0 and the label, or with 1 and the reason.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the answer is what it prints")]

// ANCHOR: label
use ciro_verify::{ModelId, Terms, verify};
use std::error::Error;

/// The label in a receipt that proves an answer of `model`.
fn proven_label(receipt: &[u8], model: ModelId) -> Result<String, Box<dyn Error>> {
    let terms = Terms { model: Some(model), ..Terms::default() };
    let verdict = verify(receipt, &terms)?;
    if !verdict.proven {
        return Err("expected a proven answer, got a signed one".into());
    }
    let outputs = verdict.outputs.ok_or("expected a receipt that shows its output, got one that hides it")?;
    let label = outputs.get("label").and_then(|values| values.first());
    Ok(label.ok_or("expected an output called label, got none")?.text())
}
// ANCHOR_END: label

// ANCHOR: main
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let receipt = std::fs::read(arguments.next().ok_or("expected the path of a receipt, got none")?)?;
    let model = arguments.next().ok_or("expected a model id, got none")?.parse()?;
    println!("{}", proven_label(&receipt, model)?);
    Ok(())
}
// ANCHOR_END: main
