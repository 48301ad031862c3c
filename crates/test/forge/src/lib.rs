//! Receipts that a stranger makes alone. Anybody can make a network of their own. Its validators, workers and clients
//! are one person, and its programs, names and answers are whatever that person likes. Such receipts may be valid;
//! what is printed of them must not lie.
//!
//! | module | what it holds |
//! |---|---|
//! | [`answer`] | a program, an input and an output, frozen or forged |
//! | [`network`] | the own network: records, headers, certificates, receipts at every rung |
//!
//! Dependency position: a test bed. Only tests and fuzz targets depend on it.
#![forbid(unsafe_code)]

pub mod answer;
pub mod network;

pub use answer::{Answer, Frozen};
pub use network::Forger;
