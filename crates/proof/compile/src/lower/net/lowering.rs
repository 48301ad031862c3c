//! The program under construction, and what is known of the network's values so far.

use super::budget::Budget;
use super::form::{Form, Quant, Source, Term};
use crate::graph::net::{Id, Kind, Net, Step};
use crate::lower::builder::ProgramBuilder;
use crate::passes::calibrate::Sizes;
use crate::terms::error::{At, CompileError};
use ciro_graph::{Interval, Op, ValueId};

pub(super) struct Lowering<'a> {
    pub(super) net: &'a Net,
    pub(super) sizes: &'a Sizes,
    pub(super) budget: Budget,
    /// How many steps and outputs read each value.
    pub(super) readers: Vec<usize>,
    pub(super) forms: Vec<Form>,
    /// Values made narrow, once for all their readers.
    pub(super) columns: Vec<Option<Quant>>,
    /// Where a value's numbers are, for the report.
    pub(super) held: Vec<Option<Quant>>,
    pub(super) builder: ProgramBuilder,
}

impl Lowering<'_> {
    /// The id of the step that is being lowered.
    pub(super) fn here(&self) -> Id {
        self.forms.len()
    }

    /// Whether nothing but Softmax steps reads a value.
    pub(super) fn only_softmax(&self, id: Id) -> bool {
        let reads = |step: &&Step| step.operands.contains(&id);
        let mut readers = self.net.steps.iter().filter(reads);
        readers.all(|step| matches!(step.kind, Kind::Softmax { .. }))
            && self.net.outputs.iter().all(|output| output.value != id)
    }

    pub(super) fn node(&mut self, at: &At, op: Op) -> Result<ValueId, CompileError> {
        self.builder.node(at, op)
    }

    /// x times a factor.
    pub(super) fn scaled(&mut self, at: &At, x: ValueId, factor: i32) -> Result<ValueId, CompileError> {
        if factor == 1 { Ok(x) } else { self.node(at, Op::Scale { x, factor }) }
    }

    pub(super) fn interval(&self, q: Quant) -> Interval {
        self.builder.interval(q.id)
    }

    /// The largest magnitude of a value's integers, as a float.
    pub(super) fn magnitude(&self, q: Quant) -> f64 {
        self.interval(q).magnitude() as f64
    }

    /// What to read of a value that may be wide: its numbers, or a sum whose scale is free.
    pub(super) fn source(&mut self, id: Id) -> Result<Source, CompileError> {
        if let Some(column) = self.columns[id] {
            return Ok(Source::Ready(column));
        }
        match self.forms[id].clone() {
            Form::Ready(q) => Ok(Source::Ready(q)),
            Form::Sum(_) if self.readers[id] > 1 => self.column(id).map(Source::Ready),
            Form::Sum(terms) => Ok(Source::Sum(terms)),
            Form::Shares(_) => self.column(id).map(Source::Ready),
            Form::Moved => match self.reshaped_sum(id) {
                Some(terms) => Ok(Source::Sum(terms)),
                None => self.moved_source(id).map(Source::Ready),
            },
        }
    }

    /// The sum that a Reshape shows, if nothing else reads it and only leading dimensions of one come or go: it broadcasts as before.
    pub(super) fn reshaped_sum(&self, id: Id) -> Option<Vec<Term>> {
        let step = self.net.step(id).filter(|step| matches!(step.kind, Kind::Reshape))?;
        let source = step.operands[0];
        let is_alike = without_leading_ones(self.net.dims(source)) == without_leading_ones(&step.dims);
        match &self.forms[source] {
            Form::Sum(terms) if is_alike && self.readers[id] == 1 && self.readers[source] == 1 => Some(terms.clone()),
            Form::Sum(_) | Form::Ready(_) | Form::Shares(_) | Form::Moved => None,
        }
    }

    /// A value as terms of a sum.
    pub(super) fn terms(&mut self, id: Id) -> Result<Vec<Term>, CompileError> {
        Ok(match self.source(id)? {
            Source::Ready(q) => vec![Term::quant(q)],
            Source::Sum(terms) => terms,
        })
    }
}

fn without_leading_ones(dims: &[usize]) -> &[usize] {
    &dims[dims.iter().take_while(|&&d| d == 1).count()..]
}
