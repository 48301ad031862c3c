//! Jobs, from escrow to their one terminal state.

pub mod action;
mod audit;
mod check;
mod exec;
pub mod lease;
pub(crate) mod leases;
pub(crate) mod lots;
pub(crate) mod orders;
pub(crate) mod redundant;
pub mod row;
mod rules;
pub(crate) mod seats;
pub(crate) mod settle;

pub use action::JobAction;
pub use row::{
    AGREEING_SEATS, DeclineReason, FailReason, Job, JobStatus, MAX_SEATS, RefundReason, Round, Seat, TokenUse,
};
