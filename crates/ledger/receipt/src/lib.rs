//! The receipt: everything a third person needs to check one answer, in one file, with no network.
//!
//! | module | what it holds |
//! |---|---|
//! | [`receipt`] | the data and the file format |
//! | [`mod@check`] | what a receipt shows, what it rests on, and why it is refused |
//! | [`proofs`] | the proof check that validators run, with the keys of known models kept |
//!
//! Dependency position: above the verifier, the ledger's types and the light client; below the engine and every client.
#![forbid(unsafe_code)]

pub mod check;
pub mod proofs;
pub mod receipt;

pub use check::{Finding, ReceiptError, Report, check};
pub use proofs::ProofVerifier;
pub use receipt::{Evidence, Receipt, Settlement};
