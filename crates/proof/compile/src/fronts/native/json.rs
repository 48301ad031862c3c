//! Typed access to JSON, with the path of what is wrong.

use crate::terms::native::{Format, NativeError};
use serde_json::Value;

/// A value and where it lies.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    format: Format,
    path: String,
    value: &'a Value,
}

impl<'a> At<'a> {
    /// The whole document.
    pub(super) fn root(format: Format, value: &'a Value) -> Self {
        Self { format, path: "file".into(), value }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What it is.
    pub(super) const fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn refuse(&self, expected: impl Into<String>, got: impl Into<String>) -> NativeError {
        self.format.malformed(&self.path, expected, got)
    }

    fn wrong(&self, expected: &str) -> NativeError {
        self.refuse(expected, kind(self.value))
    }

    /// A field that may be missing.
    pub(super) fn maybe(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name)?;
        Some(Self { format: self.format, path: format!("{}.{name}", self.path), value })
    }

    /// A field.
    pub(super) fn field(&self, name: &str) -> Result<Self, NativeError> {
        self.maybe(name).ok_or_else(|| self.refuse(format!("a field {name:?}"), "none"))
    }

    /// The elements of a list.
    pub(super) fn list(&self) -> Result<Vec<Self>, NativeError> {
        let Value::Array(items) = self.value else { return Err(self.wrong("a list")) };
        let item = |(i, value)| Self { format: self.format, path: format!("{}[{i}]", self.path), value };
        Ok(items.iter().enumerate().map(item).collect())
    }

    pub(super) fn text(&self) -> Result<&'a str, NativeError> {
        self.value.as_str().ok_or_else(|| self.wrong("a text"))
    }

    pub(super) fn number(&self) -> Result<f64, NativeError> {
        self.value.as_f64().ok_or_else(|| self.wrong("a number"))
    }

    /// A truth value, which some versions write as 0 or 1.
    pub(super) fn flag(&self) -> Result<bool, NativeError> {
        let flag = self.value.as_bool().or_else(|| self.value.as_i64().map(|v| v != 0));
        flag.ok_or_else(|| self.wrong("a truth value"))
    }

    /// An integer, which some versions write as a text.
    pub(super) fn int(&self) -> Result<i64, NativeError> {
        let int = self.value.as_i64().or_else(|| self.value.as_str()?.parse().ok());
        int.ok_or_else(|| self.wrong("an integer"))
    }

    /// A number of things, at most `most`.
    pub(super) fn count(&self, most: usize) -> Result<usize, NativeError> {
        let int = self.int()?;
        let count = usize::try_from(int).ok().filter(|&count| count <= most);
        count.ok_or_else(|| self.refuse(format!("a number from 0 to {most}"), int.to_string()))
    }

    /// A list of numbers.
    pub(super) fn numbers(&self) -> Result<Vec<f64>, NativeError> {
        self.each("numbers", Value::as_f64)
    }

    /// A list of integers.
    pub(super) fn ints(&self) -> Result<Vec<i64>, NativeError> {
        self.each("integers", Value::as_i64)
    }

    /// A list of truth values.
    pub(super) fn flags(&self) -> Result<Vec<bool>, NativeError> {
        self.each("truth values", |v| v.as_bool().or_else(|| v.as_i64().map(|v| v != 0)))
    }

    /// As [`Self::list`], without a path for each of what may be millions of elements.
    fn each<T>(&self, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, NativeError> {
        let Value::Array(items) = self.value else { return Err(self.wrong(&format!("a list of {what}"))) };
        let item = |(i, v)| read(v).ok_or_else(|| self.refuse(what, format!("{} at position {i}", kind(v))));
        items.iter().enumerate().map(item).collect()
    }
}

/// What kind of thing a value is, for messages.
pub(crate) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
