//! Workers: stake, the way out of stake, offers, reputation.

pub mod action;
mod audit;
pub(crate) mod exec;
pub(crate) mod offers;
pub mod row;
mod rules;

pub use action::WorkerAction;
pub use row::{Addition, MAX_ADDITIONS, MAX_UNBONDINGS, Reputation, Unbonding, Worker};
