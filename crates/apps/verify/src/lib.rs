//! Checks a receipt: that a model, which its id names, gave this output for this input. Offline, from one file.
//!
//! ```no_run
//! use ciro_verify::{Terms, verify};
//!
//! let file = std::fs::read("receipt.ciro")?;
//! // The model that you were promised. Without it, any model is accepted, and the verdict says which it was.
//! let model = "5f0c...".parse()?;
//! let verdict = verify(&file, &Terms { model: Some(model), ..Terms::default() })?;
//! assert!(verdict.proven);
//! println!("{}", verdict.text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`verdict`] | [`verify`] and [`Verdict`]: what a valid receipt shows, and what that rests on |
//! | [`values`] | [`Inputs`] and [`Outputs`]: values by name, every digit kept |
//!
//! The command `ciro verify --json`, this crate's own small program and the page that runs in a browser print the same verdict.
//!
//! Dependency position: above the receipt; below every program that shows a verdict.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

pub mod values;
pub mod verdict;

pub use ciro_receipt::{Bound, Finding, ReceiptError, Terms};
pub use ciro_relation::Limits;
pub use ciro_types::{ChainId, Hash32, ModelId};
pub use values::{Inputs, Outputs, Value};
pub use verdict::{Refused, SettlementView, Verdict, verify};
