//! The data of a relation.

use crate::hint::Hint;
use crate::public::Public;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::ConstId;

/// Number of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColId(pub usize);

/// The two committed polynomials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Poly {
    /// Committed once; its commitment is part of the model's identity.
    Model,
    /// Committed per proof, before the first challenge.
    Witness,
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An aligned window of a committed polynomial.
    Committed {
        /// Which one.
        poly: Poly,
        /// First cell; a multiple of the window's length.
        offset: usize,
    },
    /// Known to the verifier: index into [`Relation::public`].
    Public(usize),
    /// The result of a product: index into [`Relation::products`].
    Product(usize),
}

/// A table of 2^`log_len` field elements, of which the first `len` are real and the rest zero.
#[derive(Clone, Debug)]
pub struct Column {
    /// For people and for tamper reports.
    pub name: &'static str,
    /// Where the values come from.
    pub source: Source,
    /// log₂ of the padded length.
    pub log_len: u32,
    /// Real rows.
    pub len: usize,
}

/// Σ coefficient·column + constant, row by row. Columns of length one stand for their value on every row.
///
/// Arithmetic saturates, because a foreign program chooses the factors; a relation with a saturated coefficient is refused
/// when it is finished ([`COEFFICIENT_MAX`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expr {
    /// (coefficient, column).
    pub terms: Vec<(i64, ColId)>,
    /// Added on every row.
    pub constant: i64,
}

impl Expr {
    /// The expression that is one column.
    #[must_use]
    pub fn column(col: ColId) -> Self {
        Self { terms: vec![(1, col)], constant: 0 }
    }

    /// A constant.
    #[must_use]
    pub fn constant(constant: i64) -> Self {
        Self { terms: Vec::new(), constant }
    }

    /// `self + factor·other`.
    #[must_use]
    pub fn plus(mut self, factor: i64, other: &Self) -> Self {
        self.terms.extend(other.terms.iter().map(|(c, col)| (c.saturating_mul(factor), *col)));
        self.constant = self.constant.saturating_add(other.constant.saturating_mul(factor));
        self
    }

    /// `self + factor·col`.
    #[must_use]
    pub fn plus_col(mut self, factor: i64, col: ColId) -> Self {
        self.terms.push((factor, col));
        self
    }

    /// `self + constant`.
    #[must_use]
    pub fn plus_const(mut self, constant: i64) -> Self {
        self.constant = self.constant.saturating_add(constant);
        self
    }

    /// `self · factor`.
    #[must_use]
    pub fn times(&self, factor: i64) -> Self {
        Self::default().plus(factor, self)
    }
}

/// No coefficient of a relation is larger in magnitude.
pub const COEFFICIENT_MAX: i64 = 1 << 61;

/// coefficient · a · b (or coefficient · a).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The coefficient.
    pub coefficient: i64,
    /// First factor.
    pub a: ColId,
    /// Second factor, if any.
    pub b: Option<ColId>,
}

/// A polynomial in columns that is zero on every row.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// For people and for tamper reports.
    pub name: &'static str,
    /// Its terms.
    pub terms: Vec<Term>,
}

/// Constraints over columns of one length.
#[derive(Clone, Debug)]
pub struct Section {
    /// log₂ of the padded length.
    pub log_len: u32,
    /// Real rows.
    pub len: usize,
    /// What must vanish.
    pub constraints: Vec<Constraint>,
}

/// On each real row, (tag, tuple) is a row of the table with that tag.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// log₂ of the padded length.
    pub log_len: u32,
    /// Real rows.
    pub len: usize,
    /// Which table.
    pub tag: usize,
    /// What is looked up. No product columns.
    pub tuple: Vec<Expr>,
}

/// A table: the rows of its columns, each with how often it is looked up.
#[derive(Clone, Debug)]
pub struct Table {
    /// log₂ of the padded length.
    pub log_len: u32,
    /// Real rows.
    pub len: usize,
    /// Its tag.
    pub tag: usize,
    /// Its columns. No product columns.
    pub tuple: Vec<ColId>,
    /// Witness column of multiplicities.
    pub multiplicity: ColId,
}

/// out(j) = Σ_k a(k)·b(k, j).
#[derive(Clone, Debug)]
pub struct Product {
    /// The result, 2^`log_n` rows.
    pub out: ColId,
    /// The vector, 2^`log_k` rows. Not a product column.
    pub a: ColId,
    /// The matrix, 2^(`log_k` + `log_n`) cells. Not a product column.
    pub b: ColId,
    /// log₂ of the summed dimension.
    pub log_k: u32,
    /// log₂ of the result's length.
    pub log_n: u32,
    /// Whether b is stored as (j, k) instead of (k, j).
    pub transposed: bool,
}

/// A constant of the program in the model polynomial: `rows` × `cols` cells in a window of 2^`log_rows` × 2^`log_cols`.
#[derive(Clone, Debug)]
pub struct ModelColumn {
    /// Which constant.
    pub constant: ConstId,
    /// Its column.
    pub col: ColId,
    /// Rows of the constant.
    pub rows: usize,
    /// Columns of the constant.
    pub cols: usize,
    /// log₂ of the padded columns.
    pub log_cols: u32,
}

/// Everything that must hold, and how to fill the witness.
#[derive(Clone, Debug)]
pub struct Relation {
    /// All columns.
    pub columns: Vec<Column>,
    /// Public columns.
    pub public: Vec<Public>,
    /// Constraints by length.
    pub sections: Vec<Section>,
    /// Lookups.
    pub lookups: Vec<Lookup>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Products.
    pub products: Vec<Product>,
    /// Where the constants lie in the model polynomial.
    pub model: Vec<ModelColumn>,
    /// How the prover fills the witness, in order.
    pub hints: Vec<Hint>,
    /// log₂ of the model polynomial's length.
    pub model_vars: u32,
    /// log₂ of the witness polynomial's length.
    pub witness_vars: u32,
}

impl Relation {
    /// The column, which exists by construction.
    #[must_use]
    pub fn column(&self, id: ColId) -> Option<&Column> {
        self.columns.get(id.0)
    }
}

/// Why a program has no relation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// The program is not well formed.
    #[error("the program is not well formed: {reason}")]
    Program {
        /// What is wrong.
        reason: String,
    },
    /// A value's interval does not fit the field with the room a range proof needs.
    #[error("node {node}: {what} needs {got} bits, expected at most {expected}")]
    TooWide {
        /// The node.
        node: usize,
        /// What is too wide.
        what: &'static str,
        /// Bits available.
        expected: u32,
        /// Bits needed.
        got: u32,
    },
    /// A reference to something that does not exist.
    #[error("node {node} refers to {what} {got}, which does not exist")]
    Dangling {
        /// The node (or output).
        node: usize,
        /// What is referred to.
        what: &'static str,
        /// Its number.
        got: usize,
    },
    /// The program is too large for one proof.
    #[error("the {what} polynomial needs 2^{got} cells, expected at most 2^{expected}")]
    TooLarge {
        /// Which polynomial.
        what: &'static str,
        /// log₂ of the limit.
        expected: u32,
        /// log₂ of the need.
        got: u32,
    },
    /// The operator stands where it cannot be proven.
    #[error("node {node}: {reason}")]
    Misplaced {
        /// The node.
        node: usize,
        /// Why.
        reason: &'static str,
    },
}
