//! Inputs and outputs of models as people and programs read them.
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

use crate::error::CliError;
use ciro_graph::{Column, Given, Program, RawOutput, Rendered, render};
use ciro_receipt::text::line;
use ciro_types::Named;
pub(crate) use ciro_verify::{Outputs, Value};

/// The outputs of `program` by name.
pub(crate) fn outputs(program: &Program, raw: &RawOutput) -> Result<Outputs, CliError> {
    values(render(program, raw).map_err(CliError::failed)?)
}

/// Rendered outputs by name.
pub(crate) fn values(rendered: Vec<Rendered>) -> Result<Outputs, CliError> {
    ciro_verify::values::values(rendered).map_err(CliError::failed)
}

/// A number of an input as its users write it.
pub(crate) fn given(column: Option<&Column>, number: String) -> String {
    match column.zip(number.parse().ok()).map(|(column, number)| column.given(number)) {
        Some(Given::Category(text)) => Named(text).to_string(),
        Some(Given::Unseen) => "another category".into(),
        Some(Given::Number(missing)) if number == "NaN" => missing.to_string(),
        Some(Given::Number(_)) | None => number,
    }
}

/// One line per output.
pub(crate) fn output_lines(outputs: &Outputs) -> String {
    let output = |(name, values): (&String, &Vec<Value>)| line(name, values.iter().map(Value::text));
    outputs.iter().map(output).collect::<Vec<_>>().join("\n")
}
