//! Which worker serves which job.
//!
//! | module | what it holds |
//! |---|---|
//! | [`book`] | [`Book`]: standing offers, grouped into classes; `match` is [`Book::decide`] |
//! | [`config`] | [`Config`]: network, key, fee, lengths of leases, and [`Reach`] |
//! | `refusal` | why nobody matches, counted per predicate, with the nearest way out |
//! | [`matcher`] | [`Matcher`]: the scheduler as a member of a network, with the account from which it reports |
//! | [`scheduler`] | [`Scheduler`]: committed events in, signed leases out |
//! | [`seat`] | what the scheduler notes with each seat in the store of work |
//!
//! The matcher is pure: the same book and the same demand give the same decision on any machine. The scheduler is a
//! step machine over a [`ciro_queue::WorkStore`]; it owns no clock, socket or executor, and its time is block height.
//! A job nobody can serve stays queued, and says why. The ledger, not the scheduler, decides who is paid: a scheduler
//! that crashes, stalls or lies costs time, never money.
//!
//! Dependency position: above `ciro-queue` (work) and `ciro-node` (outbox); below `ciro-devnet`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod book;
mod class;
pub mod config;
pub mod error;
mod history;
pub mod matcher;
mod refusal;
pub mod scheduler;
pub mod seat;

pub use book::{Book, Decision, Demand};
pub use config::{Config, LeaseLength, Reach};
pub use error::SchedulerError;
pub use matcher::{Known, Matcher};
pub use scheduler::{Effect, Ledger, Scheduler};
