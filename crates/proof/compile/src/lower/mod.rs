//! From a graph to the integer program.
//!
//! | module | what it holds |
//! |---|---|
//! | [`builder`] | the program under construction |
//! | [`net`] | tensors: narrow columns, tables, sums whose scales follow from what they add |
//! | [`plan`] | vectors: weights in limbs, exact thresholds, tables in pieces |
//! | [`reading`] | how values of a program read in real numbers |

pub(crate) mod builder;
pub(crate) mod net;
pub(crate) mod plan;
pub(crate) mod reading;
