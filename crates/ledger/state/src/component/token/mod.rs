//! Accounts and their money.

pub mod action;
pub(crate) mod exec;
pub mod row;
mod rules;

pub use action::TokenAction;
pub use row::Account;
