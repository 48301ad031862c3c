//! A whole network in one process, each member with its own key, log and store.
//!
//! | module | what it holds |
//! |---|---|
//! | [`layout`] | what lies where in a data directory, and who holds it |
//! | [`keyfile`] | secret keys on disk, readable by their owner only |
//! | [`blobs`] | models and inputs on disk, by hash, checked on every read |
//! | [`durable`] | files that are whole or absent after a crash |
//! | [`outbox`] | one account's transactions on their way to the ledger |
//! | [`pool`] | the threads that compute answers |
//!
//! Dependency position: top of the fabric; only the command line is above.
#![forbid(unsafe_code)]

pub mod blobs;
pub mod durable;
pub mod keyfile;
pub mod layout;
pub mod outbox;
pub mod pool;

pub use blobs::{BlobStore, BlobStoreError};
pub use keyfile::{KeyFileError, create_key, load_key, load_or_create_key};
pub use layout::{Layout, LayoutError};
pub use outbox::Outbox;
pub use pool::Pool;
