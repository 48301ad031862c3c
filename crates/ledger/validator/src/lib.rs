//! One validator as a step machine: bytes and wake-ups in, bytes, wake-ups and committed blocks out.
//!
//! ```text
//!              Submit, Bytes, Timer
//!                      │
//!                Validator::step(now) ──► Send, Broadcast, SetTimer, Admission, Committed
//!      ┌───────────────┼──────────────────┐
//!  Consensus        Mempool             Ledger = State + Store + checks
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`validator`] | [`Validator`]: the step function that joins the parts |
//! | [`resident`] | [`Resident`]: a validator that outlives a full disk |
//! | [`mod@repair`] | a damaged store, made anew from a peer's |
//! | [`step`] | [`Input`], [`Effect`], [`Admission`], [`Committed`] |
//! | [`config`] | what a validator is told once: genesis, key, limits, disks, proof check |
//! | [`ledger`] | building, checking and executing blocks; where the chain stands |
//! | [`mempool`] | transactions that wait for a block |
//! | [`verified`] | transactions whose signature and proof have been checked, so that it happens once |
//! | [`evidence`] | double signing, judged and reported |
//! | [`query`] | what can be read: accounts, jobs, certificates, proofs, events |
//! | [`settlement`] | [`SettlementProof`]: a paid job, shown to a stranger who knows only the validator set |
//! | [`wakeups`] | what whoever runs a validator keeps of the wake-ups it asked for |
//! | [`wire`] | what validators send each other, in bytes |
//! | [`net`] | the transport's contract |
//!
//! No socket or clock here, and no disk but behind traits: whoever runs a validator owns those. Signatures and proofs of a
//! batch are checked on all cores, which changes when an answer comes but not which. Equal inputs give equal effects.
//!
//! Dependency position: the top of the ledger; below the fabric that runs it and the simulator that torments it.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod config;
pub mod error;
pub mod evidence;
pub mod ledger;
pub mod mempool;
pub mod net;
pub mod query;
pub mod repair;
pub mod resident;
pub mod settlement;
pub mod step;
pub mod validator;
pub mod verified;
pub mod wakeups;
pub mod wire;

pub use ciro_consensus::{DiskFile, MemoryFile, Timeouts, WalFile};
pub use ciro_store::{MemoryBackend, Retention, Store};
pub use config::{Config, Disks, Limits};
pub use error::ValidatorError;
pub use net::Net;
pub use repair::{RepairError, repair};
pub use resident::{Machine, Resident};
pub use settlement::{SettlementProof, SettlementProofError};
pub use step::{Admission, Committed, Effect, Health, Input, SubmitError};
pub use validator::Validator;
pub use verified::VerifiedTxs;
pub use wakeups::WakeUps;
