//! The receipt: everything a third person needs to check one answer, in one file, with no network.
//!
//! | module | what it holds |
//! |---|---|
//! | [`receipt`] | the data |
//! | [`opening`] | what opens an input or output that a receipt commits to |
//! | [`mod@file`] | the form that their files share |
//! | [`sample`] | the receipt of one sample of a batch |
//! | [`mod@check`] | what a receipt shows, what it rests on, and why it is refused |
//! | [`proofs`] | the proof check that validators run, with the keys of known models kept |
//!
//! Dependency position: above the verifier, the ledger's types and the light client; below the engine and every client.
#![forbid(unsafe_code)]

pub mod check;
pub mod file;
pub mod opening;
pub mod proofs;
pub mod receipt;
pub mod sample;

pub use check::{Finding, ReceiptError, Report, check};
pub use file::FormatError;
pub use opening::Opening;
pub use proofs::ProofVerifier;
pub use receipt::{Evidence, Receipt, Settlement};
pub use sample::{SampleReceipt, SampleReport, check_sample};
