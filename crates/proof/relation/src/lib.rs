//! What must hold for an inference to be right. Read by the prover and the verifier alike; derived from the public program
//! alone.
//!
//! A relation speaks about *columns*: tables of 2ʰ field elements. A column is committed (in the witness or in the model),
//! public (the verifier evaluates it), or the result of a product (a sumcheck reduces it to columns of the first kinds).
//! On columns there are three kinds of statement:
//!
//! - constraints: polynomials of degree two that vanish on every row ([`relation::Section`]);
//! - lookups: tuples that are rows of a table ([`relation::Lookup`], [`relation::Table`]);
//! - products: out(j) = Σ_k a(k)·b(k, j) ([`relation::Product`]).
//!
//! Rows beyond a column's real length are zero: constraints say so, nothing relies on convention.
//!
//! | module | what it holds |
//! |---|---|
//! | [`relation`] | the data |
//! | [`public`] | public columns and their evaluation |
//! | [`builder`] | columns, ranges and lookups, from which operators are assembled |
//! | [`lower`] | one gadget per operator of the integer program |
//! | [`forest`] | the taken paths of a forest |
//! | [`hint`] | how the prover fills the witness columns |
//!
//! Dependency position: verifier's closure, above the program and multilinear algebra.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod builder;
pub mod forest;
pub mod hint;
pub mod lower;
pub mod public;
pub mod relation;

pub use hint::Hint;
pub use public::{Instance, Public};
pub use relation::{
    ColId, Column, Constraint, Expr, Lookup, ModelColumn, Poly, Product, Relation, RelationError, Section, Source,
    Table, Term,
};
