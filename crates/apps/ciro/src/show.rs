//! Inputs and outputs of models as people and programs read them.

use crate::error::CliError;
use ciro_graph::render::Cell;
use ciro_graph::{Program, RawInput, RawOutput, render};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Elements of one tensor that text output shows before it says how many are left.
const SHOWN: usize = 12;

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
    /// A text label.
    Text(String),
}

impl Value {
    fn text(&self) -> &dyn std::fmt::Display {
        match self {
            Self::Number(number) => number,
            Self::Int(label) => label,
            Self::Text(label) => label,
        }
    }
}

/// The outputs of `program` by name.
pub(crate) fn outputs(program: &Program, raw: &RawOutput) -> Result<Outputs, CliError> {
    let rendered = render(program, raw).map_err(CliError::failed)?;
    rendered
        .into_iter()
        .map(|tensor| Ok((tensor.name, tensor.values.into_iter().map(value).collect::<Result<_, _>>()?)))
        .collect()
}

fn value(cell: Cell) -> Result<Value, CliError> {
    match cell {
        Cell::Number(text) => RawValue::from_string(text).map(Value::Number).map_err(CliError::failed),
        Cell::Int(label) => Ok(Value::Int(label)),
        Cell::Text(label) => Ok(Value::Text(label)),
    }
}

/// One line per output.
pub(crate) fn output_lines(outputs: &Outputs) -> String {
    let line = |(name, values): (&String, &Vec<Value>)| {
        format!("  {name} = {}", list(values.iter().map(|v| v.text().to_string())))
    };
    outputs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// One line per input.
pub(crate) fn input_lines(program: &Program, input: &RawInput) -> String {
    let line = |(spec, tensor): (&ciro_graph::Input, &ciro_graph::RawTensor)| {
        format!(
            "  {} {:?} = {}",
            spec.name,
            tensor.shape,
            list(tensor.bits.iter().map(|bits| f32::from_bits(*bits).to_string()))
        )
    };
    program.inputs.iter().zip(&input.0).map(line).collect::<Vec<_>>().join("\n")
}

/// The first items and how many are left.
pub(crate) fn list(mut items: impl ExactSizeIterator<Item = String>) -> String {
    let left = items.len().saturating_sub(SHOWN);
    let shown = items.by_ref().take(SHOWN).collect::<Vec<_>>().join(", ");
    if left == 0 { shown } else { format!("{shown}, … {left} more") }
}
