//! What is known of a value while the program is built.

use crate::graph::array::Array;
use crate::graph::net::Id;
use ciro_graph::ValueId;

/// A value of the program: its integers read as `integer · scale`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quant {
    pub(super) id: ValueId,
    pub(super) scale: f64,
}

/// A value of the network.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Computed.
    Ready(Quant),
    /// A sum that is computed when its reader has chosen the scale.
    Sum(Vec<Term>),
    /// A Softmax before its division.
    Shares(Shares),
    /// Its operand, moved.
    Moved,
}

/// Powers and their sums by rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// `e^(x − max)` at some power of two.
    pub(super) powers: ValueId,
    /// The sum of each row's integers.
    pub(super) sums: ValueId,
}

/// What a reader of possibly wide numbers gets.
pub(super) enum Source {
    Ready(Quant),
    Sum(Vec<Term>),
}

/// One term of a sum.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) factor: f64,
    pub(super) part: Part,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    /// A Linear or Conv step applied to a column.
    Weights(Id, Quant),
    /// A value.
    Quant(Quant),
    /// A constant, broadcast.
    Constant(Array),
}

impl Term {
    pub(super) fn weights(step: Id, x: Quant) -> Self {
        Self { factor: 1.0, part: Part::Weights(step, x) }
    }

    pub(super) fn quant(q: Quant) -> Self {
        Self { factor: 1.0, part: Part::Quant(q) }
    }

    pub(super) fn constant(c: Array) -> Self {
        Self { factor: 1.0, part: Part::Constant(c) }
    }

    pub(super) fn times(self, factor: f64) -> Self {
        Self { factor: self.factor * factor, ..self }
    }
}
