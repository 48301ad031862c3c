//! Multilinear algebra and the verifier's side of sumcheck (Lund, Fortnow, Karloff, Nisan 1992; Thaler, *Proofs, Arguments and
//! Zero-Knowledge*, §4).
//!
//! Order, everywhere: a table of 2ⁿ values is indexed by (b₁, …, bₙ) with b₁ the most significant bit, and sumcheck binds b₁
//! first. A polynomial in fewer variables than its neighbours owns the *last* ones ("suffix"), so that all polynomials of one
//! sumcheck end at suffixes of one point.
//!
//! | module | what it holds |
//! |---|---|
//! | [`multilinear`] | eq, evaluation, prefix masks, the row-index polynomial |
//! | [`rounds`] | checking the rounds of one sumcheck |
//!
//! Dependency position: verifier's closure, above the transcript.
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

pub mod multilinear;
pub mod rounds;

pub use multilinear::{
    EqSplit, cells, eq, eq_bits, eq_ops, eq_table, evaluate, evaluate_base, index_mle, mask_mle, powers_point, suffix,
    table_ops,
};
pub use rounds::{Reduced, Work, interpolate, rounds_cost, verify_hard_rounds, verify_rounds};
