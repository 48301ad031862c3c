//! Execution: the one meaning of a program, bit for bit.
//!
//! It runs what [`ciro_graph::check`] has passed, and holds each element against its interval. No verifier of proofs calls it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`run`] | one run: inputs, then node by node; why one ends early |
//! | `engine` | how inner loops run: plainly here, in lanes and threads in the prover |
//! | `run::tensor` | operators on tensors |
//!
//! Dependency position: above the program; no part of the verifier's closure.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "shapes and intervals were checked, and inner loops are as fast as they are plain"
)]

extern crate alloc;

mod engine;
pub mod run;

pub use engine::{Dims, Engine, Plain};
pub use run::{ExecError, Execution, Fault, execute, execute_on, resume};
