//! Columns, and where their values come from.

use crate::blocks::Blocks;
use crate::rows::Rows;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Largest committed polynomial, log₂ of its cells: its code must fit the field's two-adic subgroup.
pub const VARS_MAX: u32 = 28;

/// Number of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ColId(pub usize);

/// A polynomial that columns lie in. Where several are listed, they are in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Poly {
    /// The weights; their commitment, or their hash, is part of the model's identity.
    Model,
    /// Committed per proof, before the first challenge.
    Witness,
    /// The integers of a committed input; the commitment is part of the statement.
    Input,
    /// The integers of a committed output; the commitment is part of the statement.
    Output,
}

impl Poly {
    /// For messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Witness => "witness",
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// How the verifier knows a polynomial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Knowledge {
    /// It has all cells and evaluates them itself.
    Cells,
    /// By a commitment.
    Commitment,
    /// By a commitment whose leaves are salted. So it tells nothing to somebody who guesses cells.
    Salted,
}

/// The cells of a polynomial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Space {
    /// Whose.
    pub poly: Poly,
    /// log₂ of their number.
    pub vars: u32,
    /// Cells up to the last that a column has.
    pub used: usize,
    /// How the verifier knows them.
    pub known: Knowledge,
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Source {
    /// An aligned window of a committed polynomial.
    Committed {
        /// Which one.
        poly: Poly,
        /// First cell; a multiple of the window's length.
        offset: usize,
    },
    /// Blocks of the model polynomial, a constant's cells in the order of a cut: index into [`crate::Relation::cuts`].
    Blocks(usize),
    /// Blocks of the witness polynomial. The column's own order is that of its rows: index into [`crate::Relation::cuts`].
    Cut(usize),
    /// Known to the verifier: index into [`crate::Relation::public`].
    Public(usize),
    /// The result of a product: index into [`crate::Relation::products`].
    Product(usize),
    /// Another column, its variables permuted or some repeated: index into [`crate::Relation::views`].
    View(usize),
    /// Elements picked from another column: index into [`crate::Relation::gathers`].
    Gather(usize),
}

/// Where a committed column lies: blocks of equal length, one after the other, aligned to it. Of the column's variables the first
/// choose the block; blocks that are not there are zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Which polynomial.
    pub poly: Poly,
    /// First cell; a multiple of a block's length.
    pub offset: usize,
    /// Variables that choose the block.
    pub high: u32,
    /// For each block, its choosing variables as a number.
    pub blocks: Vec<usize>,
}

/// A column cut into blocks.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct CutColumn {
    /// Which polynomial they lie in.
    pub poly: Poly,
    /// How.
    pub blocks: Blocks,
    /// First cell in that polynomial.
    pub offset: usize,
}

/// A table of 2^`log_len` field elements, zero outside its real rows.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Column {
    /// For people and for tamper reports; no part of the key.
    #[borsh(skip)]
    pub name: &'static str,
    /// Where the values come from.
    pub source: Source,
    /// log₂ of the padded length.
    pub log_len: u32,
    /// Real rows.
    pub rows: Rows,
}
