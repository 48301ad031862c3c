//! The scheduler as a member of a network: its decisions, and the account from which it reports.
//!
//! ```text
//! blocks, verdicts ──► Matcher::step ──► leases, transactions
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `actor` | [`Matcher`]: takes one input, returns what the caller must do; answers what its clients ask |
//! | `mailbox` | [`Input`] and [`Effect`]; an input is a message of `ciro_api`, or comes from this machine |
//! | `state` | [`Known`]: what it must know of the ledger to begin |
//!
//! It owns no clock, thread or channel. What it must remember besides the ledger is in its store of work.

mod actor;
mod mailbox;
mod state;

pub use actor::Matcher;
pub use mailbox::{Effect, Input};
pub use state::Known;
