//! The whole network on one thread from one seed.
//!
//! Four validators, a scheduler with its store, workers and clients. Each is the product's own code, with its own key
//! and its own disks, stepped by one clock. The seed decides delays, losses, duplicates, partitions, power cuts at any
//! disk flush, and who cheats. After every step the invariants hold, or the seed is the bug report.
//!
//! | module | what it holds |
//! |---|---|
//! | [`run`](mod@run) | a run from start to rest, and what is checked at its end |
//! | [`plan`] | everything a seed decides beforehand |
//! | [`scenario`] | named adversaries, each with the verdict it must get |
//! | [`sim`] | the event loop: links, crashes, who hears what |
//! | [`node`] | the machines around the product's step machines |
//! | [`chain`] | the history kept independently, and compared with every commit |
//! | [`violation`] | what must never happen |
//! | [`byzantine`] | the second face of an equivocating validator |
//! | [`stranger`] | somebody without any part in it, and its tricks |
//! | [`disk`] | files that lose what was not flushed |
//! | [`cast`], [`model`] | keys and genesis; the tiny model that is really proven |
//! | [`rng`], [`trace`] | chance from the seed; what happened, as a hash and as lines |
//!
//! Dependency position: above everything but apps.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod byzantine;
pub mod cast;
pub mod chain;
pub mod disk;
pub mod model;
pub mod node;
pub mod plan;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod sim;
pub mod stranger;
pub mod trace;
pub mod violation;

pub use plan::Plan;
pub use run::{Failure, Report, run, run_traced};
pub use sim::Sim;
pub use violation::Violation;
