//! What goes out beside the program.
//!
//! | module | what it holds |
//! |---|---|
//! | [`artifact`] | [`artifact::Compiled`] and its folder on disk |
//! | [`report`] | how far a program is from its reference |
//! | [`measure`], [`deviation`], [`judge`] | running samples, collecting what differs, and whether that is near enough |
//! | [`expected`] | answers, matched with the outputs that they are of |
//! | [`drawn`] | inputs that are drawn where no samples are given |
//! | [`refusal`] | why a model refuses an input, and what widens it |
//! | [`shown`] | texts beside a program, on one line each |

pub mod artifact;
pub(crate) mod deviation;
pub(crate) mod drawn;
mod expected;
mod judge;
pub(crate) mod measure;
pub mod refusal;
pub mod report;
mod shown;
