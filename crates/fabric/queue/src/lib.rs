//! The durable store of work. The ledger is the truth; this is what a scheduler must remember besides.
//!
//! | module | what it holds |
//! |---|---|
//! | [`store`] | [`WorkStore`]: the contract every backend keeps, and its types |
//! | [`embedded`] | [`EmbeddedStore`]: the default backend, one redb file, one writer, group commit |
//! | [`patient`] | [`Patience`]: what the store does about a full disk |
//! | [`error`] | [`QueueError`] |
//!
//! *Work* is what the ledger's committed events open: one seat per worker that a job needs. It is claimed under a
//! fencing token that grows for ever and is durable before anyone sees it. The events themselves lie in the ledger's own
//! store, to be read from any position. So losing this one loses nothing: it is rebuilt from the ledger, and tokens
//! restart above every height at which one could have been issued.
//!
//! Dependency position: above `ciro-types` only. No clock: time is block height, given by the caller.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod embedded;
pub mod error;
pub mod patient;
mod row;
pub mod store;

pub use embedded::{EmbeddedStore, Limits};
pub use error::QueueError;
pub use patient::Patience;
pub use store::{Age, Claim, Expired, Mark, Released, WorkId, WorkState, WorkStore, WorkView};
