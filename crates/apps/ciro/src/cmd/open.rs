//! `ciro open`: whether a receipt's committed input or output is the one in an opening file.
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

use crate::cli::OpenArgs;
use crate::error::CliError;
use crate::files::{read, read_receipt};
use crate::models;
use crate::show::{self, Outputs};
use crate::ui::Ui;
use ciro_auditor::{AuditedModel, Part, Statement};
use ciro_graph::{Input, Program, RawOutput, ingest};
use ciro_prover::reveal::root;
use ciro_receipt::Opening;
use ciro_receipt::opening::OPENING_BYTES_MAX;
use ciro_receipt::text::line;
use ciro_types::{Hash32, ModelId};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct View {
    part: Part,
    root: Hash32,
    model_id: ModelId,
    /// The numbers of an input, as decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Outputs>,
    /// Whether the input was compared with one that was given.
    is_compared: bool,
}

pub(crate) fn run(args: &OpenArgs, ui: &Ui) -> Result<(), CliError> {
    let receipt = read_receipt(&args.receipt)?;
    let key = AuditedModel::of(&receipt.program, &receipt.weights).map_err(CliError::failed)?;
    let opening = Opening::from_bytes(&read(&args.opening, OPENING_BYTES_MAX)?)
        .map_err(|e| CliError::failed(format!("{}: {e}", args.opening.display())))?;
    let visibility = &key.program().visibility;
    let statement = Statement::decode(visibility, &receipt.input, &receipt.output, Default::default());
    let statement = statement.map_err(|e| CliError::failed(format!("invalid receipt: {e}")))?;
    let root = check(&key, &statement, &opening)?;
    compare(args, key.program(), &opening, ui)?;
    let view = view(args, &key, opening, root)?;
    ui.result(&view, || text(&view))
}

/// The root that receipt and opening share.
fn check(key: &AuditedModel, statement: &Statement, opening: &Opening) -> Result<Hash32, CliError> {
    if opening.model != key.model() {
        let (expected, got) = (key.model(), opening.model);
        return Err(CliError::failed(format!(
            "the opening is of another model than the receipt: expected {expected}, got {got}"
        ))
        .hint("name the opening that was written next to this receipt"));
    }
    let part = opening.part.name();
    let expected = statement.root(opening.part).ok_or_else(|| {
        CliError::failed(format!("the receipt does not commit to its {part}"))
            .hint("`ciro verify` says what is public, committed and private")
    })?;
    let got = root(key, opening.part, &opening.values, opening.salts).map_err(CliError::failed)?;
    if got == Some(expected) {
        return Ok(expected);
    }
    let got = got.map_or_else(|| "none".into(), |root| root.to_string());
    Err(CliError::failed(format!("the receipt commits to another {part}: expected root {expected}, got {got}"))
        .hint("name the opening that was written next to this receipt"))
}

/// Compares the opened input with one that is given.
fn compare(args: &OpenArgs, program: &Program, opening: &Opening, ui: &Ui) -> Result<(), CliError> {
    let Some(file) = &args.input else { return Ok(()) };
    if opening.part != Part::Input {
        return Err(CliError::usage("--input: the opening is of an output"));
    }
    let input = match program.batch {
        1 => models::input(program, file, args.sample, ui)?,
        wanted => {
            let samples = models::batch(program, file, (args.sample, wanted), ui)?;
            program.join(&samples).ok_or_else(|| CliError::usage(format!("{} holds no samples", file.display())))?
        }
    };
    let values = ingest::ingest(program, &input).map_err(CliError::failed)?;
    if values == opening.values {
        return Ok(());
    }
    Err(CliError::failed(format!("the committed input is another one than that of {}", file.display())))
}

fn view(args: &OpenArgs, key: &AuditedModel, opening: Opening, root: Hash32) -> Result<View, CliError> {
    let program = key.program();
    let (inputs, outputs) = match opening.part {
        Part::Input => {
            let numbers = |(i, (input, values)): (usize, (&Input, &Vec<i64>))| {
                let sample = usize::try_from(input.value_len()).unwrap_or(usize::MAX).max(1);
                let numbers = values.chunks(sample).flat_map(|values| input.numbers(values));
                let mut columns = program.columns_of(i).iter().cycle();
                (input.name.clone(), numbers.map(|number| show::given(columns.next(), number)).collect())
            };
            (Some(program.inputs.iter().zip(&opening.values).enumerate().map(numbers).collect()), None)
        }
        Part::Output => (None, Some(show::outputs(program, &RawOutput(opening.values))?)),
    };
    let is_compared = args.input.is_some();
    Ok(View { part: opening.part, root, model_id: key.model(), inputs, outputs, is_compared })
}

fn text(view: &View) -> String {
    let inputs = view.inputs.iter().flatten().map(|(name, numbers)| line(name, numbers.iter().cloned()));
    let outputs = view.outputs.as_ref().map(show::output_lines);
    let lines: Vec<String> = inputs.chain(outputs).collect();
    let part = view.part.name();
    let compared = if view.is_compared { "\nthe input is the one that was given" } else { "" };
    format!(
        "the receipt's {part} is this one\n{}\n\nmodel  {}\nroot   {}{compared}\nwhether the receipt is valid says `ciro verify`",
        lines.join("\n"),
        view.model_id,
        view.root,
    )
}
