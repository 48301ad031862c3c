//! Serves jobs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`worker`] | [`Worker`]: the step machine; leases and blocks in, tasks and transactions out |
//!
//! It decides and a [`ciro_exec::Workbench`] computes: it owns no thread and no clock. A worker that restarts asks the ledger what it owes. It keeps nothing of its own, because even
//! the salt of a commitment follows from its key.
//!
//! Dependency position: above `ciro-state` and `ciro-exec`; below `ciro-devnet`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod worker;

pub use worker::{Config, Effect, Input, Worker};
