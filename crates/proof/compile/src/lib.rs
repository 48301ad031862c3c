//! From a model file to the integer program, with an account of the accuracy it keeps.
//!
//! A model comes in by a front, becomes a graph, is rewritten by passes, is lowered to a program, and goes out with a report. Each folder
//! is one of these, and names only the folders above it in this table:
//!
//! | folder | what it holds |
//! |---|---|
//! | `terms` | words that all others use: options, errors, labels, tolerances, limits |
//! | `graph` | what a model computes, in real numbers, and the registry of operators |
//! | `fronts` | what files say: ONNX, the boosters' own formats, samples |
//! | `passes` | from a graph to a graph: simplifying, calibrating, taking vectors apart |
//! | `lower` | from a graph to the integer program |
//! | `emit` | the report, the refusals, and the folder on disk |
//! | `compile` | the whole way |
//!
//! A graph has two forms. A *net* holds tensors with shapes, and its program holds each value in a dozen bits. A *plan* holds
//! the vector of one sample, and its program is exact or nearly so. A plan comes from a file whose graph is rows, trees or
//! a linear model, or from a net with classical operators in it. Each folder that knows both forms has a part `net` and a part `plan`.
//!
//! Dependency position: prover side, above `ciro-graph`. Nothing that verifies depends on it: whatever it makes is checked
//! by `ciro_graph::check_model`.
#![forbid(unsafe_code)]

pub mod compile;
mod emit;
mod fronts;
mod graph;
mod lower;
mod passes;
mod terms;

pub use compile::{compile_model, compile_onnx, ports, ports_for, ports_with};
pub use emit::artifact::{ArtifactError, Compiled};
pub use emit::refusal::Refusal;
pub use emit::report::AccuracyReport;
pub use emit::{artifact, refusal, report};
pub use fronts::{onnx, samples};
pub use graph::operators;
pub use terms::answers::{Answer, Given};
pub use terms::error::CompileError;
pub use terms::native::NativeError;
pub use terms::options::{Options, Precision};
pub use terms::signature::{Labels, Rounds, Signature};
pub use terms::tolerance::Tolerance;
pub use terms::{answers, error, options, signature, tolerance};
