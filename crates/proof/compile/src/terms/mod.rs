//! Words that all folders use. Nothing here reads a file or computes a model.
//!
//! | module | what it holds |
//! |---|---|
//! | [`answers`] | what the user's own model answers to the samples |
//! | [`error`] | why a model is not compiled, and what to do about it |
//! | [`native`] | why the file of a booster is not compiled |
//! | [`disagreement`], [`tolerance`] | where a program is not its reference, and how far it may be from it |
//! | [`labels`] | names of classes |
//! | [`options`] | what a user may say: calibration samples, input range |
//! | [`samples`] | samples as models take them |
//! | [`signature`] | what users call columns and classes, and which number is missing |
//! | [`files`], [`size`] | regular files of foreign folders, and how much of them is read |

pub mod answers;
pub(crate) mod disagreement;
pub mod error;
pub(crate) mod files;
pub(crate) mod labels;
pub(crate) mod native;
pub mod options;
pub(crate) mod samples;
pub mod signature;
pub(crate) mod size;
pub mod tolerance;
