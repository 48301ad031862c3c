//! Committed events to be read from a position, and the durable store of the work they open. The ledger is the truth of both.
//!
//! | module | what it holds |
//! |---|---|
//! | [`events`] | [`EventSource`] and [`EventLog`]: the contract of logs of committed events, and how one follows another |
//! | [`event_file`] | [`EventFile`]: such a log in one redb file |
//! | [`store`] | [`WorkStore`]: the contract every backend keeps, and its types |
//! | [`embedded`] | [`EmbeddedStore`]: the default backend, one redb file, one writer, group commit |
//! | [`patient`] | [`Patience`]: what the store does about a full disk |
//! | [`error`] | [`QueueError`] |
//!
//! *Work* is what the ledger's committed events open: one seat per worker that a job needs. It is claimed under a
//! fencing token that grows for ever and is durable before anyone sees it. The events themselves lie in the ledger's own
//! store, which is a log of them. So losing this one loses nothing: it is rebuilt from the ledger, and tokens
//! restart above every height at which one could have been issued.
//!
//! Dependency position: above `ciro-state`, whose events it keeps. No clock: time is block height, given by the caller.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod embedded;
pub mod error;
pub mod event_file;
pub mod events;
pub mod patient;
mod row;
pub mod store;

pub use embedded::{EmbeddedStore, Limits};
pub use error::QueueError;
pub use event_file::EventFile;
pub use events::{EventLog, EventSource, FollowError, follow};
pub use patient::Patience;
pub use store::{Age, Claim, Expired, Mark, Released, WorkId, WorkState, WorkStore, WorkView};
