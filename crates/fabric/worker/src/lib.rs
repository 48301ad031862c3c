//! Serves jobs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`worker`] | [`Worker`]: the step machine; leases and blocks in, tasks and transactions out |
//! | [`workbench`] | [`Workbench`]: executes, proves and checks its own proof; remembers the keys of recent models |
//! | [`blobs`] | [`Blobs`]: models and inputs by hash, and the check that they are what they are called |
//!
//! [`Worker`] decides and [`Workbench`] computes: the first owns no thread and no clock, the second may run on any
//! number of threads. A worker that restarts asks the ledger what it owes. It keeps nothing of its own, because even
//! the salt of a commitment follows from its key.
//!
//! Dependency position: above `ciro-state` and the prover; below `ciro-network`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod blobs;
pub mod workbench;
pub mod worker;

pub use blobs::{BlobError, Blobs};
pub use workbench::{Answer, Failure, Fault, Task, Workbench};
pub use worker::{Config, Effect, Input, Worker};
