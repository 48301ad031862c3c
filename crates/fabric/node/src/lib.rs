//! What every process of a network has: keys, an outbox, a place for files, and, where it votes, a validator that runs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`keyfile`] | secret keys on disk, readable by their owner only |
//! | [`outbox`] | one account's transactions on their way to the ledger |
//! | [`validator`] | one validator on one thread, and the in-process transport |
//! | [`local`] | [`LocalNode`]: answers what a gateway asks |
//! | [`look`] | [`Look`](look::Look): what is asked of the committed state |
//! | [`log`] | [`LedgerLog`]: what is committed, as a log of events |
//! | [`mailbox`] | what those are sent who follow the ledger beside a node |
//! | [`mod@news`] | what a validator says, as those are told who follow it |
//! | [`counter`] | clients that wait for a transaction |
//! | [`receipts`] | receipts, put together from a validator's store |
//! | [`blobs`] | models and inputs on disk, by hash, under quotas, checked on every read |
//! | [`shelf`] | how much of a kind of blobs there is, and whose it is |
//! | [`uploads`] | uploads on their way in, by name |
//! | [`latency`] | how long recent jobs took |
//! | [`layout`] | what lies where in a data directory, and who holds it |
//! | [`durable`] | files that are whole or absent after a crash |
//! | [`alarm`] | what an operator is told, and who tells |
//!
//! Dependency position: above the ledger, `ciro-api` and `ciro-exec`; below `ciro-devnet`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod alarm;
pub mod blobs;
pub mod counter;
pub mod durable;
pub mod keyfile;
pub mod latency;
pub mod layout;
pub mod local;
pub mod log;
pub mod look;
pub mod mailbox;
pub mod news;
pub mod outbox;
pub mod receipts;
pub mod shelf;
pub mod uploads;
pub mod validator;

pub use alarm::{Alarm, Notice, Notify};
pub use blobs::{BlobStore, BlobStoreError, Intake, Kind, Quotas};
pub use keyfile::{KeyFileError, create_key, load_key, load_or_create_key};
pub use layout::{Layout, LayoutError};
pub use local::LocalNode;
pub use log::LedgerLog;
pub use outbox::Outbox;
