//! One node while it is read.

use super::builder::{Bound, Builder, NO_NUMBERS};
use crate::fronts::onnx::proto::NodeProto;
use crate::fronts::onnx::{self, Attributes, Data, Tensor};
use crate::graph::plan::{Id, Kind, Step};
use crate::terms::error::{At, CompileError};

/// A constant of floats.
pub(super) struct Floats {
    pub(super) dims: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// One node while it is read.
pub(super) struct Ctx<'a> {
    pub(super) builder: &'a mut Builder,
    pub(super) node: &'a NodeProto,
    pub(super) at: At,
    pub(super) attributes: Attributes<'a>,
}

impl Ctx<'_> {
    /// What operand `i` stands for; `None` if it is omitted.
    pub(super) fn operand(&self, i: usize) -> Result<Option<Bound>, CompileError> {
        Ok(onnx::operand(self.node, i, &self.builder.names, &self.at)?.cloned())
    }

    /// Operand `i` as numbers that depend on the input.
    pub(super) fn value(&self, i: usize) -> Result<(Id, Vec<usize>), CompileError> {
        match self.operand(i)? {
            Some(Bound::Value { id, dims }) => Ok((id, dims)),
            Some(Bound::Label { .. }) => Err(self.refuse(i, "numbers", "a class label")),
            Some(Bound::Whole { .. } | Bound::Total { .. } | Bound::TotalTest { .. } | Bound::NoTotal { .. }) => {
                Err(self.refuse(i, "numbers", NO_NUMBERS))
            }
            Some(Bound::Stack { .. }) => {
                Err(self.refuse(i, "numbers", "several models put together, of which the mean works"))
            }
            Some(Bound::Const(_)) => Err(self.refuse(i, "a value that depends on the input", "a constant")),
            None => Err(self.refuse(i, "a value", "nothing")),
        }
    }

    /// Operand `i` as a constant, if it is given.
    pub(super) fn constant(&self, i: usize) -> Result<Option<Tensor>, CompileError> {
        match self.operand(i)? {
            None => Ok(None),
            Some(Bound::Const(tensor)) => Ok(Some(tensor)),
            Some(_) => Err(self.refuse(i, "a constant", "a value that depends on the input")),
        }
    }

    /// Operand `i` as constant floats of the given dimensions.
    pub(super) fn floats(&self, i: usize) -> Result<Option<Floats>, CompileError> {
        match self.constant(i)? {
            None => Ok(None),
            Some(Tensor { dims, data: Data::Floats(values) }) => Ok(Some(Floats { dims, values })),
            Some(_) => Err(self.refuse(i, "a constant of floats", "another type")),
        }
    }

    /// Operand `i` as constant integers.
    pub(super) fn ints(&self, i: usize) -> Result<Option<Vec<i64>>, CompileError> {
        match self.constant(i)? {
            None => Ok(None),
            Some(Tensor { data: Data::Ints(values), .. }) => Ok(Some(values)),
            Some(_) => Err(self.refuse(i, "a constant of integers", "another type")),
        }
    }

    pub(super) fn refuse(&self, i: usize, expected: impl Into<String>, got: impl Into<String>) -> CompileError {
        CompileError::operand(&self.at, i, expected, got)
    }

    pub(super) fn form(&self, what: impl Into<String>, hint: impl Into<String>) -> CompileError {
        CompileError::Form { at: self.at.clone(), what: what.into(), hint: hint.into() }
    }

    /// Appends a step.
    pub(super) fn push(&mut self, kind: Kind, operands: Vec<Id>, len: usize) -> Id {
        let plan = &mut self.builder.plan;
        plan.steps.push(Step { at: self.at.clone(), kind, operands, len });
        plan.inputs.len() + plan.steps.len() - 1
    }

    pub(super) fn note(&mut self, note: String) {
        self.builder.plan.notes.push(note);
    }

    /// Names result `i`; one that the node does not name is dropped.
    pub(super) fn bind(&mut self, i: usize, bound: Bound) {
        if let Some(name) = self.node.output.get(i).filter(|name| !name.is_empty()) {
            self.builder.names.insert(name.clone(), bound);
        }
    }

    /// Whether the node names result `i`.
    pub(super) fn names(&self, i: usize) -> bool {
        self.node.output.get(i).is_some_and(|name| !name.is_empty())
    }
}
