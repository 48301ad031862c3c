//! Output values by name.

use ciro_graph::Rendered;
use ciro_graph::render::Cell;
use ciro_types::Named;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Output values by name, flat and row-major. Numbers keep every digit.
pub type Outputs = BTreeMap<String, Vec<Value>>;

/// One element.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A decimal number, exactly as the integer program means it.
    Number(Box<RawValue>),
    /// An integer label.
    Int(i64),
    /// A label that is a truth value.
    Bool(bool),
    /// A text label, shared by all elements that have it.
    #[serde(serialize_with = "as_text")]
    Text(Arc<str>),
}

impl Value {
    /// As people read it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Int(label) => label.to_string(),
            Self::Bool(label) => label.to_string(),
            Self::Text(label) => Named(label).to_string(),
        }
    }
}

/// Rendered outputs by name.
///
/// # Errors
/// If a number is not written as JSON writes numbers, which rendering excludes.
pub fn values(rendered: Vec<Rendered>) -> Result<Outputs, serde_json::Error> {
    rendered
        .into_iter()
        .map(|tensor| Ok((tensor.name, tensor.values.into_iter().map(value).collect::<Result<_, _>>()?)))
        .collect()
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn value(cell: Cell) -> Result<Value, serde_json::Error> {
    Ok(match cell {
        Cell::Number(text) => Value::Number(RawValue::from_string(text)?),
        Cell::Int(label) => Value::Int(label),
        Cell::Bool(label) => Value::Bool(label),
        Cell::Text(label) => Value::Text(label),
    })
}
