//! What operators see of a running node: counters, and lines of a log.
//!
//! | module | what it holds |
//! |---|---|
//! | [`metrics`] | [`Metrics`]: every counter, under its name and labels, and their text for Prometheus |
//! | [`log`] | lines of a log, for people or as JSON, and who may write how much |
//! | `export` | with the feature `otlp`: the log for a collector of OpenTelemetry |
//!
//! Nothing here decides anything: replicas neither read nor write it, so the ledger, the verifier and `base` do not link it.
//! Whoever counts passes names that are written in code, never what a stranger chose: a label's values are few.
//!
//! Dependency position: the bottom of the fabric.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

#[cfg(feature = "otlp")]
pub mod export;
pub mod log;
pub mod metrics;

#[cfg(feature = "otlp")]
pub use export::Export;
pub use log::{Format, LogError};
pub use metrics::Metrics;
