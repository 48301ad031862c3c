//! From a model file to the integer program, with an account of the accuracy it keeps.
//!
//! | module | what it holds |
//! |---|---|
//! | [`compile`] | [`compile_model`]: the whole way, file to checked model |
//! | [`operators`] | the registry of the operators that compile |
//! | [`options`] | what a user may say: calibration samples, input range |
//! | [`samples`] | inputs from `.npy`, `.npz`, `.csv` and `.json` files |
//! | [`artifact`] | [`Compiled`] and its folder on disk |
//! | [`answers`] | what the user's own model answers to the samples |
//! | [`refusal`] | why a model refuses an input, and what widens it |
//! | [`report`] | the program against these answers, and against floats |
//! | [`signature`] | what users call columns and classes, and which number is missing |
//! | [`tolerance`] | how much may lie between them |
//! | [`error`] | why a model is not compiled, and what to do about it |
//! | [`mod@onnx`] | the ONNX file format: bounded decoding |
//! | `native` | the files of XGBoost and LightGBM |
//! | `decisions` | what an output decides |
//! | `deviation`, `measure`, `judge` | how far a program is from its reference, on which samples, and whether that is near enough |
//! | `disagreement` | where it is not |
//! | `reading` | how values of a program read in real numbers |
//! | `left_out` | which samples are left out of a trial, and what their refusals tell |
//! | `files` | regular files of foreign folders |
//! | `labels` | names of classes |
//! | `shown` | texts beside a program, on one line each |
//! | `size` | how many elements and values a foreign file asks for |
//! | `plan` | what a model computes, in real numbers; both of the next are made from it |
//! | `float` | the float reference |
//! | `lower` | the integer program: scales, weights in limbs, tables, exact thresholds |
//! | `net` | the same for networks of tensors: convolutions, attention, normalisation |
//!
//! Dependency position: prover side, above `ciro-graph`. Nothing that verifies depends on it: whatever it makes is checked
//! by `ciro_graph::check_model`.
#![forbid(unsafe_code)]

pub mod answers;
pub mod artifact;
pub mod compile;
mod decisions;
mod deviation;
mod disagreement;
mod drawn;
pub mod error;
mod files;
mod float;
mod judge;
mod labels;
mod left_out;
mod lower;
mod measure;
mod native;
mod net;
pub mod onnx;
pub mod operators;
pub mod options;
mod plan;
mod reading;
pub mod refusal;
pub mod report;
pub mod samples;
mod shown;
pub mod signature;
mod size;
pub mod tolerance;

pub use answers::{Answer, Given};
pub use artifact::{ArtifactError, Compiled};
pub use compile::{compile_model, compile_onnx, ports, ports_for, ports_with};
pub use error::CompileError;
pub use native::NativeError;
pub use options::{Options, Precision};
pub use refusal::Refusal;
pub use report::AccuracyReport;
pub use signature::{Labels, Rounds, Signature};
pub use tolerance::Tolerance;
