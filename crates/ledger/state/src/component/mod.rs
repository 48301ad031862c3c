//! The components of the ledger. Each has its rows, its actions, the rules about them, what they do, and what must hold of the rows.
//!
//! | component | what it is about |
//! |---|---|
//! | [`token`] | accounts and their money |
//! | [`model`] | models, kept for a deposit |
//! | [`worker`] | stake, the way out of it, offers, reputation |
//! | [`job`] | orders, leases, answers, A2 rounds, lots, payment |
//! | [`validator`] | voters, and how a vote is lost |
//!
//! | file of a component | what it holds |
//! |---|---|
//! | `row` | what is kept |
//! | `action` | what can be asked |
//! | `rules` | what is said of an action before it is executed: its lane, its sizes, what is wrong with it, what it takes |
//! | `exec` and others | what it does |
//! | `audit` | what must hold of the rows |

mod dispatch;
pub mod job;
pub mod model;
pub mod token;
pub mod validator;
pub mod worker;
