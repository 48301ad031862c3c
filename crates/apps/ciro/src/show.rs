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
use ciro_graph::render::Cell;
use ciro_graph::{Column, Given, Program, RawOutput, Rendered, render};
use ciro_receipt::text::line;
use ciro_types::Named;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Output values by name, flat and row-major. Numbers keep every digit.
pub(crate) type Outputs = BTreeMap<String, Vec<Value>>;

/// One element.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    /// A decimal number, exactly as the integer program means it.
    Number(Box<RawValue>),
    /// An integer label.
    Int(i64),
    /// A label that is a truth value.
    Bool(bool),
    /// A text label.
    Text(String),
}

impl Value {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Int(label) => label.to_string(),
            Self::Bool(label) => label.to_string(),
            Self::Text(label) => Named(label).to_string(),
        }
    }
}

/// The outputs of `program` by name.
pub(crate) fn outputs(program: &Program, raw: &RawOutput) -> Result<Outputs, CliError> {
    values(render(program, raw).map_err(CliError::failed)?)
}

/// Rendered outputs by name.
pub(crate) fn values(rendered: Vec<Rendered>) -> Result<Outputs, CliError> {
    rendered
        .into_iter()
        .map(|tensor| Ok((tensor.name, tensor.values.into_iter().map(value).collect::<Result<_, _>>()?)))
        .collect()
}

fn value(cell: Cell) -> Result<Value, CliError> {
    match cell {
        Cell::Number(text) => RawValue::from_string(text).map(Value::Number).map_err(CliError::failed),
        Cell::Int(label) => Ok(Value::Int(label)),
        Cell::Bool(label) => Ok(Value::Bool(label)),
        Cell::Text(label) => Ok(Value::Text(label)),
    }
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
