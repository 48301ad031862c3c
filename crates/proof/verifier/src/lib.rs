//! The core of verification: it takes a key and a proof, and nothing else.
//!
//! A [`Key`] says what must hold between the integers of an input, a model's weights, and an output. `ciro-auditor`
//! derives it from a program. Every shape comes from the key, never from the proof. The phases, in order, and what each rejects:
//!
//! | module | phase | what it checks |
//! |---|---|---|
//! | [`key`] | statement | the [`statement`] is one of the key's; everything public enters the transcript |
//! | [`samples`] | batch | at the higher target: the committed polynomials at a random point, which leaves one word of each list |
//! | [`lookup`] | lookup | LogUp-GKR: every looked-up tuple is a row of its table (Haböck 2022/1530; Papini, Haböck 2023/1284) |
//! | [`constraints`] | constraints | one zerocheck over all constraints |
//! | [`products`] | products | Thaler's sumcheck for all matrix products |
//! | [`gathers`] | gathers | convolution windows, slices and changes of layout |
//! | [`batch`] | batch | all claimed evaluations reduce to one point |
//! | `ciro_pcs` | opening | the commitments have these values at that point |
//! | [`single`] | all of them | one sample of a batch is behind the commitments that a proof is about |
//!
//! | helper | what it holds |
//! |---|---|
//! | [`layout`] | orders that prover and verifier share: column sets, lookup slots, claims |
//! | [`evaluate`] | what the verifier evaluates itself, once, and when |
//! | [`error`] | why a proof is rejected, by phase |
//! | `cost` | what verifying takes besides the relation, counted before it is done |
//! | [`budget`] | the soundness error of a proof, term by term |
//! | [`work`] | the work that makes up for what an identity lacks |
//!
//! Dependency position: top of the verifier's closure. Nothing here knows of networks, money or files.
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
    clippy::integer_division,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

extern crate alloc;

pub mod batch;
pub mod budget;
pub mod constraints;
mod cost;
pub mod error;
pub mod evaluate;
pub mod gathers;
pub mod key;
pub mod layout;
pub mod lookup;
pub mod products;
pub mod samples;
pub mod single;
pub mod statement;
pub mod work;

pub use budget::Budget;
pub use ciro_relation::{Cost, Limits};
pub use error::{KeyError, Phase, VerifyError};
pub use key::{Key, Port, VerifyingKey};
pub use single::OneSample;
pub use statement::{Assertion, Shown};
pub use work::Work;
