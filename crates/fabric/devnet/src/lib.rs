//! A whole network in one process, each member with its own key, log and store.
//!
//! ```text
//!  gateway ─ LocalNode ──reads──► validator 0 ◄─bytes─► validators 1, 2, 3      one thread each
//!                 │                   │ committed blocks
//!                 └──transactions──► dispatcher: matcher, hands, counter                  one thread
//!                                     │ tasks
//!                                   pool: execute, prove, self-check            one thread per core
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`] | [`Network`]: starting and stopping it all |
//! | [`options`] | how a network is run |
//! | `observe` | what counters and log are told |
//! | `opening` | opening the validators, and repairing the store of one from a peer's |
//! | `work` | opening the store of work, and making a damaged one anew from the ledger |
//! | [`dispatcher`] | the thread that carries messages between validator, scheduler, workers and clients |
//! | [`genesis`] | the founding of a local network |
//!
//! Whatever a process of a real network has as well is in `ciro-node`.
//!
//! Dependency position: top of the fabric; only test beds and apps are above.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod dispatcher;
pub mod error;
pub mod genesis;
pub mod network;
mod observe;
mod opening;
pub mod options;
mod work;

pub use error::NetworkError;
pub use network::Network;
pub use options::Options;
