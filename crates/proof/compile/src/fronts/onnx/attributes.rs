//! Attributes of a node, read by name and type; an attribute that nobody asked for is refused.

use super::proto::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_FLOATS, ATTRIBUTE_INT, ATTRIBUTE_INTS, ATTRIBUTE_STRING, ATTRIBUTE_STRINGS,
    ATTRIBUTE_TENSOR, AttributeProto, NodeProto,
};
use super::tensor::{Tensor, doubles, texts};
use crate::graph::operators::Operator;
use crate::terms::error::{At, CompileError};
use std::collections::BTreeSet;

/// The attributes of one node.
pub(crate) struct Attributes<'a> {
    at: At,
    all: &'a [AttributeProto],
    asked: BTreeSet<&'static str>,
    /// Those that the registry has for the operator; none if it does not have that.
    registered: Option<&'static [&'static str]>,
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(node: &'a NodeProto, at: At) -> Self {
        let (domain, name) = (node.domain.as_deref().unwrap_or_default(), node.op_type.as_deref().unwrap_or_default());
        let registered = Operator::of(domain, name).map(Operator::attributes);
        Self { at, all: &node.attribute, asked: BTreeSet::new(), registered }
    }

    fn find(&mut self, name: &'static str, kind: i32) -> Result<Option<&'a AttributeProto>, CompileError> {
        self.asked.insert(name);
        let Some(found) = self.all.iter().find(|a| a.name.as_deref() == Some(name)) else {
            return Ok(None);
        };
        match found.r#type {
            // Some exporters leave the type of an empty list open.
            Some(got) if got == kind || got == 0 => Ok(Some(found)),
            None => Ok(Some(found)),
            Some(got) => Err(self.refuse(name, format!("attribute type {kind}"), format!("attribute type {got}"))),
        }
    }

    pub(crate) fn refuse(&self, name: &str, expected: impl Into<String>, got: impl Into<String>) -> CompileError {
        CompileError::Attribute {
            at: self.at.clone(),
            attribute: name.into(),
            expected: expected.into(),
            got: got.into(),
        }
    }

    pub(crate) fn int(&mut self, name: &'static str) -> Result<Option<i64>, CompileError> {
        Ok(self.find(name, ATTRIBUTE_INT)?.and_then(|a| a.i))
    }

    pub(crate) fn float(&mut self, name: &'static str) -> Result<Option<f32>, CompileError> {
        Ok(self.find(name, ATTRIBUTE_FLOAT)?.and_then(|a| a.f))
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, CompileError> {
        let Some(bytes) = self.find(name, ATTRIBUTE_STRING)?.and_then(|a| a.s.clone()) else {
            return Ok(None);
        };
        String::from_utf8(bytes).map(Some).map_err(|_| self.refuse(name, "UTF-8 text", "other bytes"))
    }

    pub(crate) fn ints(&mut self, name: &'static str) -> Result<&'a [i64], CompileError> {
        Ok(self.find(name, ATTRIBUTE_INTS)?.map_or(&[], |a| &a.ints))
    }

    pub(crate) fn floats(&mut self, name: &'static str) -> Result<&'a [f32], CompileError> {
        Ok(self.find(name, ATTRIBUTE_FLOATS)?.map_or(&[], |a| &a.floats))
    }

    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, CompileError> {
        let raw = self.find(name, ATTRIBUTE_STRINGS)?.map_or(&[][..], |a| &a.strings);
        texts(raw).map_err(|got| self.refuse(name, "UTF-8 texts", got))
    }

    pub(crate) fn tensor(&mut self, name: &'static str) -> Result<Option<Tensor>, CompileError> {
        let Some(proto) = self.find(name, ATTRIBUTE_TENSOR)?.and_then(|a| a.t.as_ref()) else {
            return Ok(None);
        };
        Tensor::read(proto).map(Some).map_err(|got| self.refuse(name, "a constant tensor", got))
    }

    /// Numbers that a double model has in a tensor, and another one in a list.
    pub(crate) fn numbers(&mut self, list: &'static str, tensor: &'static str) -> Result<Vec<f64>, CompileError> {
        let Some(proto) = self.find(tensor, ATTRIBUTE_TENSOR)?.and_then(|a| a.t.as_ref()) else {
            return Ok(self.floats(list)?.iter().map(|&v| f64::from(v)).collect());
        };
        doubles(proto).map_err(|got| self.refuse(tensor, "a tensor of doubles", got))
    }

    /// Marks attributes that do not change the result.
    pub(crate) fn ignore(&mut self, names: &[&'static str]) {
        self.asked.extend(names);
    }

    /// Leaves all attributes to another reader, which refuses those that it does not know.
    pub(crate) fn ignore_all(&mut self) {
        self.all = &[];
    }

    /// Refuses an integer attribute that is not the only supported value.
    pub(crate) fn only(&mut self, name: &'static str, value: i64) -> Result<(), CompileError> {
        match self.int(name)? {
            Some(got) if got != value => Err(self.refuse(name, value.to_string(), got.to_string())),
            _ => Ok(()),
        }
    }

    /// Refuses attributes that the registry does not have, or that were neither read nor ignored: they might change the result.
    pub(crate) fn finish(self) -> Result<(), CompileError> {
        let is_registered = |name: &str| self.registered.is_none_or(|all| all.contains(&name));
        let is_known = |name: &&str| self.asked.contains(name) && is_registered(name);
        let unknown = self.all.iter().filter_map(|a| a.name.as_deref()).find(|name| !is_known(name));
        match unknown {
            Some(name) => Err(self.refuse(name, "no such attribute", "a value whose meaning is unknown here")),
            None => Ok(()),
        }
    }
}
