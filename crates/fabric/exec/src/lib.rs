//! What computes answers: executors, one for each type of job.
//!
//! | module | what it holds |
//! |---|---|
//! | [`executor`] | [`Executor`]: the contract of what runs jobs of one type |
//! | [`workbench`] | [`Workbench`]: the executors of a machine, by type of job |
//! | [`inference`] | [`Inference`]: runs an integer program, proves the run and checks the proof |
//! | [`task`] | [`Task`] in, [`Answer`] or [`Failure`] out, and whose [`Fault`] that is |
//! | [`blobs`] | [`Blobs`]: models and inputs by hash |
//! | [`pool`] | [`Pool`]: threads that share a workbench |
//!
//! An executor knows neither leases nor the ledger. Whoever has the task asks for its answer, and decides what to do with it.
//!
//! Dependency position: above `ciro-state` and the prover; below `ciro-worker`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod blobs;
pub mod executor;
pub mod inference;
pub mod pool;
pub mod task;
pub mod workbench;

pub use blobs::{BlobError, Blobs};
pub use executor::Executor;
pub use inference::Inference;
pub use pool::Pool;
pub use task::{Answer, Failure, Fault, Task};
pub use workbench::Workbench;
