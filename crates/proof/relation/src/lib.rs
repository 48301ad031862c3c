//! What must hold for an inference to be right. Prover and verifier read it alike. `ciro-auditor` derives it from the
//! public program alone.
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
//! | [`expr`] | sums of columns and their products |
//! | [`blocks`] | tensors cut so that padding takes no space |
//! | [`rows`] | which rows of a padded table are real |
//! | [`gather`] | columns picked from others, axis by axis |
//! | [`public`] | public columns and their evaluation |
//! | [`parts`] | cutting the rows of a lookup, to leave out padding |
//! | [`sample`] | which cells of committed inputs and outputs are one sample's |
//! | `cells` | the cells of the model polynomial |
//! | `fit` | what both sides assume of a relation, checked |
//! | [`limits`] | who accepts how much of verifying |
//! | [`error`] | why a relation is refused |
//!
//! Dependency position: verifier's closure, above multilinear algebra.
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
mod cells;
pub mod column;
pub mod error;
pub mod expr;
mod fit;
pub mod gather;
pub mod limits;
pub mod parts;
pub mod public;
pub mod relation;
pub mod rows;
pub mod sample;

pub use blocks::Blocks;
pub use ciro_transcript::Cost;
pub use column::{ColId, Column, CutColumn, Knowledge, Poly, Source, Space, Window};
pub use error::{Misfit, TooCostly};
pub use expr::Expr;
pub use gather::{Axis, Gather, Part, Span};
pub use limits::Limits;
pub use parts::Parts;
pub use public::{Instance, Public};
pub use relation::{Constraint, Lookup, ModelColumn, Operand, Product, Relation, Section, Table, Term, Var, View};
pub use rows::Rows;
pub use sample::{Digits, SampleColumn, SampleValue};
