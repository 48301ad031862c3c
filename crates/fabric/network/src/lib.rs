//! A whole network in one process, each member with its own key, log and store.
//!
//! ```text
//!  gateway ─ LocalNode ──reads──► validator 0 ◄─bytes─► validators 1, 2, 3      one thread each
//!                 │                   │ committed blocks
//!                 └──transactions──► dispatcher around a desk                   one thread
//!                                     │ tasks
//!                                   pool: execute, prove, self-check            one thread per core
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`] | [`Network`]: starting and stopping it all |
//! | [`alarm`] | what an operator is told, and who tells |
//! | [`options`] | how a network is run |
//! | `observe` | what counters and log are told |
//! | `opening` | opening the validators, and repairing the store of one from a peer's |
//! | `work` | opening the store of work, and making a damaged one anew from the ledger |
//! | [`validator`] | one validator on one thread, and the in-process transport |
//! | [`dispatcher`] | the thread around the desk |
//! | [`desk`] | [`Desk`]: a step machine: committed blocks to matcher and workers, answers to the ledger, outcomes to clients |
//! | [`matcher`] | the scheduler and the account from which it reports |
//! | [`hand`] | a worker, the account it acts for, and its standing offer |
//! | [`counter`] | clients that wait for a transaction |
//! | [`node`] | [`LocalNode`]: what the gateway serves |
//! | [`receipts`] | receipts, put together from a validator's store |
//! | [`genesis`] | the founding of a local network |
//! | [`layout`] | what lies where in a data directory, and who holds it |
//! | [`keyfile`] | secret keys on disk, readable by their owner only |
//! | [`blobs`] | models and inputs on disk, by hash, under quotas, checked on every read |
//! | [`shelf`] | how much of a kind of blobs there is, and whose it is |
//! | `uploads` | uploads on their way in, by name |
//! | [`durable`] | files that are whole or absent after a crash |
//! | [`outbox`] | one account's transactions on their way to the ledger |
//! | [`latency`] | how long recent jobs took |
//!
//! Dependency position: top of the fabric; only the command line is above.
#![forbid(unsafe_code)]

pub mod alarm;
pub mod blobs;
pub mod counter;
pub mod desk;
pub mod dispatcher;
pub mod durable;
pub mod error;
pub mod genesis;
pub mod hand;
pub mod keyfile;
pub mod latency;
pub mod layout;
pub mod matcher;
pub mod network;
pub mod node;
mod observe;
mod opening;
pub mod options;
pub mod outbox;
pub mod receipts;
pub mod shelf;
mod uploads;
pub mod validator;
mod work;

pub use alarm::{Notice, Notify};
pub use blobs::{BlobStore, BlobStoreError, Intake, Kind, Quotas};
pub use desk::Desk;
pub use error::NetworkError;
pub use hand::{Hand, Terms};
pub use keyfile::{KeyFileError, create_key, load_key, load_or_create_key};
pub use layout::{Layout, LayoutError};
pub use matcher::Matcher;
pub use network::Network;
pub use node::LocalNode;
pub use options::Options;
pub use outbox::Outbox;
