//! Models, kept for a deposit. The rules are in [`row`].

pub mod action;
mod audit;
pub(crate) mod exec;
pub mod row;
mod rules;

pub use action::ModelAction;
pub use row::{Model, deposit};
