//! The receipt: everything a third person needs to check one answer, in one file, with no network.
//!
//! | module | what it holds |
//! |---|---|
//! | [`receipt`] | the data |
//! | [`text`], [`visibility`] | a valid receipt as people read it |
//! | [`opening`] | what opens an input or output that a receipt commits to |
//! | [`mod@file`] | the form that their files share |
//! | [`sample`] | the receipt of one sample of a batch |
//! | [`mod@check`] | what a reader accepts, the order in which a receipt is judged, and why it is refused |
//! | [`judge`] | the file of a receipt, from its bytes to its report |
//! | [`report`] | what a valid receipt shows and rests on, and the verdict |
//! | `settlement` | the ledger's word |
//! | `answers` | what a signature, or answers that agree, are worth |
//! | [`error`] | why a receipt is refused, and limits |
//! | `sentences` | the sentences of a report |
//! | [`proofs`] | the proof check that validators run, with the keys of known models kept |
//!
//! Dependency position: above the verifier, the ledger's types and the light client; below the validator and every client.
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

mod answers;
pub mod check;
pub mod error;
pub mod file;
pub mod judge;
pub mod opening;
pub mod proofs;
pub mod receipt;
pub mod report;
pub mod sample;
mod sentences;
mod settlement;
pub mod text;
pub mod visibility;

pub use check::{Terms, check};
pub use error::ReceiptError;
pub use file::FormatError;
pub use judge::Judged;
pub use opening::Opening;
pub use proofs::ProofVerifier;
pub use receipt::{Evidence, Receipt, Settlement};
pub use report::{Bound, Finding, Report};
pub use sample::{SampleReceipt, SampleReport, check_sample};
