//! What must hold for an inference to be right. Read by the prover and the verifier alike; derived from the public program
//! alone.
//!
//! A relation speaks about *columns*: tables of 2ʰ field elements. A column is one of five kinds. It is committed, in
//! the witness or in the model. It is public, so that the verifier evaluates it. It is the result of a product, which a
//! sumcheck reduces to columns of the first kinds. It is a view of another column, its variables permuted or repeated,
//! so that a claim on it is one on that column. Or it is gathered from another column, which takes a sumcheck again.
//! There are three kinds of statement on columns:
//!
//! - constraints: polynomials of degree two that vanish on every row ([`relation::Section`]);
//! - lookups: tuples that are rows of a table ([`relation::Lookup`], [`relation::Table`]);
//! - products: out(y) = Σ_x a(x, y)·b(x, y) ([`relation::Product`]).
//!
//! Rows that are padding are zero: constraints say so, nothing relies on convention.
//!
//! | module | what it holds |
//! |---|---|
//! | [`relation`] | the data |
//! | [`mod@column`] | columns, and where their values come from |
//! | `expr` | sums of columns and their products |
//! | [`blocks`] | tensors cut so that padding takes no space |
//! | [`rows`] | which rows of a padded table are real |
//! | [`gather`] | columns picked from others, axis by axis |
//! | [`public`] | public columns and their evaluation |
//! | [`builder`] | columns, ranges and lookups, from which operators are assembled |
//! | [`size`] | how large a relation may become |
//! | [`cost`] | what verifying costs, and who accepts how much |
//! | [`parts`] | cutting the rows of a lookup, to leave out padding |
//! | `place` | the polynomials, and where committed columns lie in them |
//! | `fit` | what both sides assume of a relation, checked |
//! | `cells` | the cells of the model polynomial |
//! | `ranges` | which numbers lie in 0..2^bits |
//! | [`lower`] | one gadget per operator of the integer program |
//! | `multiply` | its part on products, element by element |
//! | `rectify` | its part on rectified sums and the largest of windows |
//! | `relayout` | its part on changes of layout that permute many elements |
//! | `roots` | its part on roots and quotients |
//! | `tensor` | its part on matrix products, convolutions and rearrangements |
//! | [`forest`] | the taken paths of a forest |
//! | [`sample`] | which cells of committed inputs and outputs are one sample's |
//! | `hidden` | inputs and outputs that a statement does not show |
//! | [`hint`] | how the prover fills the witness columns |
//!
//! Dependency position: verifier's closure, above the program and multilinear algebra.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]
#![cfg_attr(
    not(test),
    deny(
        clippy::allow_attributes_without_reason,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::integer_division,
        clippy::panic,
        clippy::panic_in_result_fn,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

extern crate alloc;

pub mod blocks;
pub mod builder;
mod cells;
pub mod column;
pub mod cost;
mod expr;
mod fit;
pub mod forest;
pub mod gather;
mod hidden;
pub mod hint;
pub mod lower;
mod multiply;
pub mod parts;
mod place;
pub mod public;
mod ranges;
mod rank;
mod rectify;
pub mod relation;
mod relayout;
mod roots;
pub mod rows;
pub mod sample;
pub mod size;
mod tensor;

pub use blocks::Blocks;
pub use ciro_transcript::Cost;
pub use column::{ColId, Column, CutColumn, Knowledge, Poly, Source, Space, Window};
pub use cost::Limits;
pub use expr::Expr;
pub use gather::{Axis, Gather, Part, Span};
pub use hint::Hint;
pub use parts::Parts;
pub use public::{Instance, Public};
pub use relation::{
    Constraint, Lookup, ModelColumn, Operand, Product, Relation, RelationError, Section, Table, Term, Var, View,
};
pub use rows::Rows;
pub use sample::{Digits, SampleColumn, SampleValue};
