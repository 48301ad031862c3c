//! The durable job log. The ledger is the truth; this is transport that survives a crash.
//!
//! | module | what it holds |
//! |---|---|
//! | [`log`] | [`JobLog`]: the contract every backend keeps, and its types |
//! | [`embedded`] | [`EmbeddedLog`]: the default backend, one redb file, one writer, group commit |
//! | [`patient`] | [`Patience`]: what the log does about a full disk |
//! | [`error`] | [`QueueError`] |
//!
//! Two things live here. *Entries* are the ledger's committed events in order, deduplicated by (height, index), so that
//! a feed may repeat itself. *Work* is what those events open: one seat per worker that a job needs, claimed under a
//! fencing token that grows for ever and is durable before anyone sees it. Losing the log loses nothing: it is rebuilt
//! from the ledger, and tokens restart above every height at which one could have been issued.
//!
//! Dependency position: above `ciro-types` only. No clock: time is block height, given by the caller.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod embedded;
pub mod error;
pub mod log;
pub mod patient;
mod row;

pub use embedded::{EmbeddedLog, EventReader, Limits};
pub use error::QueueError;
pub use log::{Age, Appended, Claim, Entry, Expired, JobLog, Position, Released, WorkId, WorkState, WorkView};
pub use patient::Patience;
