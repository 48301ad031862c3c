//! The integer program: what a model means, bit for bit, on every machine.
//!
//! A model is compiled once to a [`Program`] (public: structure, scales, intervals) and its weights (committed: their
//! commitment is part of the model's identity). The same program is executed by a worker, re-executed by an auditor,
//! compared between redundant workers, and proven. No floats, no rounding mode, no platform variance.
//!
//! | module | what it holds |
//! |---|---|
//! | [`program`] | operators and their exact meaning, inputs, outputs, constants |
//! | [`tensor`] | raw inputs as the user gave them, outputs as integers with a scale |
//! | [`signature`] | what users call an input's elements: names, categories, missing values |
//! | [`mod@ingest`] | float32 bit patterns to integers |
//! | `number` | their images in order, and themselves rounded at a scale |
//! | [`mod@batch`] | several samples in one execution: how tensors are joined and taken apart |
//! | [`mod@digest`] | the digest by which a compiled folder names its files |
//! | [`forest`] | the tables of trees: structure, walk, interval |
//! | [`check`] | whether a foreign program or model is well formed |
//! | [`mod@shape`] | dimensions, strides, broadcasting |
//! | [`problem`] | limits, and what is said about a program that breaks a rule |
//! | [`bounds`] | shape, kind and interval of every operator's result |
//! | [`interval`], [`arith`] | interval arithmetic and the scalar rules that execution and checks share |
//! | `count` | counts between integer types, saturating |
//! | `work` | what checking a model takes, from its program alone |
//! | [`mod@render`] | outputs as decimal text and labels |
//!
//! Dependency position: part of the verifier's closure. Knows nothing of ONNX, of proofs, or of files.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        reason = "a test may be blunt"
    )
)]

extern crate alloc;

pub mod arith;
pub mod batch;
pub mod bounds;
pub mod check;
mod count;
pub mod cuts;
pub mod digest;
pub mod forest;
pub mod ingest;
pub mod interval;
mod number;
mod operands;
pub mod problem;
pub mod program;
pub mod render;
pub mod shape;
pub mod signature;
pub mod tensor;
mod work;

pub use check::{CheckError, check_model, check_program};
pub use ingest::{IngestError, ingest};
pub use interval::{Interval, MAX_MAGNITUDE};
pub use program::{
    ConstId, Constant, Disclosure, Forest, Ingest, Input, Model, Node, Op, Output, Pick, Profile, Program, Security,
    ValueId, Visibility, Window,
};
pub use render::{RenderError, Rendered, render};
pub use shape::{broadcast, strides};
pub use signature::{Column, Given, OutputKind, Unseen};
pub use tensor::{RawInput, RawOutput, RawTensor};
pub use work::ModelWork;
