//! A whole network in one process, each member with its own key, log and store.
//!
//! ```text
//!  gateway ─ LocalNode ──reads──► validator 0 ◄─bytes─► validators 1, 2, 3      one thread each
//!                 │                   │ committed blocks
//!                 └──transactions──► dispatcher: scheduler, workers, outboxes   one thread
//!                                     │ tasks
//!                                   pool: execute, prove, self-check            one thread per core
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`] | [`Network`]: starting and stopping it all |
//! | [`validator`] | one validator on one thread, and the in-process transport |
//! | [`dispatcher`] | committed blocks to scheduler and workers, answers to the ledger |
//! | [`node`] | [`LocalNode`]: what the gateway serves |
//! | [`receipts`] | receipts, put together from a validator's store |
//! | [`genesis`] | the founding of a local network |
//! | [`layout`] | what lies where in a data directory, and who holds it |
//! | [`keyfile`] | secret keys on disk, readable by their owner only |
//! | [`blobs`] | models and inputs on disk, by hash, checked on every read |
//! | [`durable`] | files that are whole or absent after a crash |
//! | [`outbox`] | one account's transactions on their way to the ledger |
//! | [`pool`] | the threads that compute answers |
//! | [`latency`] | how long recent jobs took |
//!
//! Dependency position: top of the fabric; only the command line is above.
#![forbid(unsafe_code)]

pub mod blobs;
pub mod dispatcher;
pub mod durable;
pub mod error;
pub mod genesis;
pub mod keyfile;
pub mod latency;
pub mod layout;
pub mod network;
pub mod node;
pub mod outbox;
pub mod pool;
pub mod receipts;
pub mod validator;

pub use blobs::{BlobStore, BlobStoreError};
pub use error::NetworkError;
pub use keyfile::{KeyFileError, create_key, load_key, load_or_create_key};
pub use layout::{Layout, LayoutError};
pub use network::{Network, Notice, Notify};
pub use node::LocalNode;
pub use outbox::Outbox;
pub use pool::Pool;
