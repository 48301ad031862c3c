//! Serves jobs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`hand`] | [`Hand`]: the worker as a member of a network, with its account and its offer |
//! | [`worker`] | [`Worker`]: the step machine; leases and blocks in, tasks and transactions out |
//!
//! It decides and a [`ciro_exec::Workbench`] computes: it owns no thread and no clock. A worker that restarts asks the ledger what it owes. It keeps nothing of its own, because even
//! the salt of a commitment follows from its key.
//!
//! Dependency position: above `ciro-exec` and `ciro-node`; below `ciro-devnet`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod hand;
pub mod worker;

pub use hand::{Hand, Known, Terms};
pub use worker::{Config, Effect, Input, Worker};
