//! A worker as a member of a network: its decisions, the account it acts for, and its standing offer.
//!
//! ```text
//! blocks, verdicts, leases, answers ──► Hand::step ──► transactions, tasks
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `actor` | [`Hand`]: takes one input, returns what the caller must do |
//! | `mailbox` | [`Input`] and [`Effect`]; an input is a message of `ciro_api`, or comes from this machine |
//! | `state` | [`Known`]: what it must know of the ledger to begin; its offer and when that is renewed |
//!
//! It owns no clock, thread or channel. All of it can be made again from the ledger, so a crash loses no job.

mod actor;
mod mailbox;
mod state;

pub use actor::Hand;
pub use mailbox::{Effect, Input};
pub use state::{Known, Terms};
