//! One function per kind of foreign bytes. Each takes any bytes and panics only where the product breaks a promise.
//!
//! `fuzz/` at the root of the repository, outside the workspace, hands them to libFuzzer. The tests of this crate run
//! them on stable, over the same seeds and some thousands of deterministic mutations each.
//!
//! | module | what it holds |
//! |---|---|
//! | [`targets`] | the functions |
//! | [`seeds`] | bytes to start from, from the vectors and the bundled models |
//! | [`whole`] | the one over whole programs, which also proves |
//! | [`corpus`] | what libFuzzer found worth keeping |
//! | [`mutate`] | reproducible damage |
//!
//! Dependency position: a test bed, on top of everything that reads bytes. Nothing depends on it.

pub mod corpus;
pub mod mutate;
pub mod seeds;
pub mod targets;
pub mod whole;

pub use corpus::{KEPT, Kept};
pub use mutate::Damage;
pub use targets::{TARGETS, Target};
