//! Input and output values by name.

use ciro_graph::render::Cell;
use ciro_graph::{Program, RawInput, Rendered};
use ciro_receipt::text::{Element, ShownInput, shown_inputs};
use ciro_types::Named;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Output values by name, flat and row-major. Numbers keep every digit.
pub type Outputs = BTreeMap<String, Vec<Value>>;

/// Bytes around an element: in JSON that is indented, each has a line.
const LINE_BYTES: u64 = 8;

/// Bytes of `{"unseen": true}` on lines of its own.
const UNSEEN_BYTES: u64 = 32;

/// Input values by name, flat and row-major, as their users write them: shortest decimals, and categories by their texts.
///
/// They serialize as a map of lists, with `null` where a value is missing and `{"unseen": true}` for a category that the model has not
/// seen. An element is made when it is written: all of them take many times the receipt's bytes.
#[derive(Clone, Debug)]
pub struct Inputs {
    program: Program,
    input: RawInput,
}

impl Inputs {
    pub(crate) const fn new(program: Program, input: RawInput) -> Self {
        Self { program, input }
    }

    /// Bytes of their elements in indented JSON, each.
    pub(crate) fn json_bytes(&self) -> impl Iterator<Item = u64> {
        shown_inputs(&self.program, &self.input).flat_map(ShownInput::elements).map(|element| match element {
            Element::Number(text) => wide(text.len()).saturating_add(LINE_BYTES),
            Element::Category(text) => text_bytes(text),
            Element::Missing => LINE_BYTES.saturating_add(4),
            Element::Unseen => LINE_BYTES.saturating_add(UNSEEN_BYTES),
        })
    }
}

impl Serialize for Inputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named: BTreeMap<_, _> =
            shown_inputs(&self.program, &self.input).map(|shown| (shown.name(), Elements(shown))).collect();
        named.serialize(serializer)
    }
}

struct Elements<'a>(ShownInput<'a>);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.elements().map(Given::of))
    }
}

/// An element of an input in JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Given<'a> {
    Number(Box<RawValue>),
    Text(Cow<'a, str>),
    Missing,
    Unseen { unseen: bool },
}

impl<'a> Given<'a> {
    fn of(element: Element<'a>) -> Self {
        match element {
            // JSON has no infinity: its name is the text.
            Element::Number(text) => {
                RawValue::from_string(text.clone()).map_or_else(|_| Self::Text(text.into()), Self::Number)
            }
            Element::Missing => Self::Missing,
            Element::Category(text) => Self::Text(text.into()),
            Element::Unseen => Self::Unseen { unseen: true },
        }
    }
}

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

    /// Bytes in indented JSON.
    pub(crate) fn json_bytes(&self) -> u64 {
        match self {
            Self::Number(number) => wide(number.get().len()).saturating_add(LINE_BYTES),
            // An i64 has at most 20 characters.
            Self::Int(_) | Self::Bool(_) => LINE_BYTES.saturating_add(20),
            Self::Text(label) => text_bytes(label),
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

/// Bytes of a text in indented JSON. It is printable, so that a quote or a backslash is all that is escaped.
fn text_bytes(text: &str) -> u64 {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    // Quotes around it.
    wide(text.len()).saturating_add(wide(escaped)).saturating_add(LINE_BYTES + 2)
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
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
