//! How the prover fills the witness. Hints carry no trust: whatever they produce, constraints and lookups decide.

use alloc::sync::Arc;
use alloc::vec::Vec;
use ciro_graph::ValueId;
use ciro_relation::{ColId, Expr, Rows};

/// What the prover does with an execution, besides the relation.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// How it fills the witness, in order.
    pub hints: Vec<Hint>,
    /// For each product of the relation, where its cells stand in an execution, if they do.
    pub origins: Vec<Option<Origin>>,
    /// How many entries were counted while both were built ([`crate::size`]).
    pub entries: usize,
}

/// Where the cells of a product are read instead of computed.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The value of a node.
    pub value: ValueId,
    /// The column that was added to the product there.
    pub added: Option<ColId>,
}

impl Origin {
    /// The value itself.
    #[must_use]
    pub const fn of(value: ValueId) -> Self {
        Self { value, added: None }
    }
}

/// One step of filling. Steps are in order. Each reads only columns that are public, of the model, products of filled columns, or filled
/// by an earlier step. All arithmetic is on integers.
#[derive(Clone, Debug)]
pub enum Hint {
    /// Copies a value of the execution.
    Value {
        /// Filled.
        col: ColId,
        /// Which value.
        value: ValueId,
    },
    /// Sixteen bits of the ordered images that a value begins with, in each sample.
    Half {
        /// Filled.
        col: ColId,
        /// Which value.
        value: ValueId,
        /// Bits below them.
        shift: u32,
    },
    /// flag = 1 where a value begins with a zero, in each sample: no number's image.
    Missing {
        /// Filled.
        flag: ColId,
        /// Which value.
        value: ValueId,
    },
    /// Of every `run` consecutive real rows, flag = 1 on the one that an element of a value names, else 0.
    OneAt {
        /// Filled.
        flag: ColId,
        /// Which value.
        value: ValueId,
        /// Length of a run.
        run: usize,
    },
    /// col = expr.
    Equal {
        /// Filled.
        col: ColId,
        /// Read.
        expr: Expr,
    },
    /// col = a·b, b of the same length or one.
    Multiply {
        /// Filled.
        col: ColId,
        /// Read.
        a: Expr,
        /// Read.
        b: Expr,
    },
    /// The larger one of a and b.
    Larger {
        /// Filled.
        col: ColId,
        /// Read.
        a: Expr,
        /// Read.
        b: Expr,
    },
    /// Bits shift..shift+width of expr, for each limb.
    Limbs {
        /// Read; not negative.
        expr: Expr,
        /// (filled, shift, width).
        limbs: Vec<(ColId, u32, u32)>,
    },
    /// flag = 1 if expr < 0, else 0.
    Negative {
        /// Filled.
        flag: ColId,
        /// Read.
        expr: Expr,
    },
    /// col = expr >> shift (floor).
    ShiftRight {
        /// Filled.
        col: ColId,
        /// Read.
        expr: Expr,
        /// Bits dropped.
        shift: u32,
    },
    /// `col[i] = table[index[i]]`; zero if there is no such row.
    Gather {
        /// Filled.
        col: ColId,
        /// Row numbers.
        index: Expr,
        /// Read.
        table: ColId,
    },
    /// As `Gather`, from the rows (sample, element) of several columns, each with elements of its own. Those of one sample have
    /// consecutive numbers, column after column, and samples begin `stride` numbers apart.
    GatherParts {
        /// Filled.
        col: ColId,
        /// Row numbers.
        index: Expr,
        /// Read; shared, because each level of a forest reads the same.
        parts: Arc<[ColId]>,
        /// From one sample to the next.
        stride: usize,
    },
    /// `col[i] = table[j]` for the j with `keys[j] = key[i]`; zero if there is none.
    GatherByKey {
        /// Filled.
        col: ColId,
        /// Looked for.
        key: Expr,
        /// Searched.
        keys: ColId,
        /// Read.
        table: ColId,
    },
    /// The largest of every `run` consecutive real rows of expr.
    RowMax {
        /// Filled.
        col: ColId,
        /// Read, on these rows.
        expr: Expr,
        /// The rows that are read.
        rows: Rows,
        /// Length of a run.
        run: usize,
    },
    /// Of every `run` consecutive real rows, flag = 1 on the first where expr is zero, else 0.
    FirstZero {
        /// Filled.
        flag: ColId,
        /// Read.
        expr: Expr,
        /// Length of a run.
        run: usize,
    },
    /// flagᵢ = 1 on the rows where exprᵢ is the first of them that is zero, else 0.
    FirstZeroOf {
        /// Filled, and what each is about.
        flags: Vec<(ColId, Expr)>,
    },
    /// With n = dividend >> shift (floor): quotient = floor(n / divisor), remainder = n − quotient·divisor, the divisor of the
    /// same rows or one.
    Divide {
        /// Filled.
        quotient: ColId,
        /// Filled.
        remainder: ColId,
        /// Read.
        dividend: Expr,
        /// Bits dropped.
        shift: u32,
        /// Read.
        divisor: Expr,
    },
}
