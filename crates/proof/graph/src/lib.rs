//! The integer program: what a model means, bit for bit, on every machine.
//!
//! A model is compiled once to a [`Program`] (public: structure, scales, intervals) and its [`Weights`] (committed: their
//! commitment is part of the model's identity). The same program is executed by a worker, re-executed by an auditor,
//! compared between redundant workers, and proven. No floats, no rounding mode, no platform variance.
//!
//! | module | what it holds |
//! |---|---|
//! | [`program`] | operators and their exact meaning, inputs, outputs, constants |
//! | [`tensor`] | raw inputs as the user gave them, outputs as integers with a scale |
//!
//! Dependency position: part of the verifier's closure. Knows nothing of ONNX, of proofs, or of files.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod program;
pub mod tensor;

pub use program::{ConstId, Constant, Forest, Ingest, Input, Model, Node, Op, Output, OutputKind, Program, ValueId};
pub use tensor::{RawInput, RawOutput, RawTensor};
