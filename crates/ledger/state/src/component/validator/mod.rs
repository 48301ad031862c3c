//! Validators: who votes, and how a vote is lost.

pub mod action;
pub(crate) mod exec;
pub mod row;
mod rules;
pub(crate) mod voters;

pub use action::ValidatorAction;
pub use row::Validator;
