//! Input and output values by name.

use ciro_graph::Rendered;
use ciro_graph::render::Cell;
use ciro_receipt::text::Element;
use ciro_types::Named;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Output values by name, flat and row-major. Numbers keep every digit.
pub type Outputs = BTreeMap<String, Vec<Value>>;

/// Input values by name, flat and row-major, as their users write them: shortest decimals, and categories by their texts.
pub type Inputs = BTreeMap<String, Vec<Value>>;

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
    /// A value that is missing in an input: `null`.
    Missing,
    /// A category of an input that the model has not seen: `{"unseen": true}`.
    Unseen {
        /// Always true.
        unseen: bool,
    },
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
            Self::Missing => Element::Missing.to_string(),
            Self::Unseen { .. } => Element::Unseen.to_string(),
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

/// Inputs by name.
#[must_use]
pub fn inputs(named: Vec<(&str, Vec<Element>)>) -> Inputs {
    named.into_iter().map(|(name, values)| (name.to_string(), values.into_iter().map(given).collect())).collect()
}

fn given(element: Element) -> Value {
    match element {
        // JSON has no infinity: its name is the text.
        Element::Number(text) => {
            RawValue::from_string(text.clone()).map_or_else(|_| Value::Text(text.into()), Value::Number)
        }
        Element::Missing => Value::Missing,
        Element::Category(text) => Value::Text(text.into()),
        Element::Unseen => Value::Unseen { unseen: true },
    }
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
