//! The ordered phase: the fees of a block, then one checked transaction after the other, each all or nothing.
//!
//! Handlers may write before they know that they succeed: a refusal rolls the whole transaction back.

pub(crate) mod origin;
pub(crate) mod slashing;
mod sweep;
mod transaction;

pub(crate) use sweep::sweep;
pub(crate) use transaction::execute;
