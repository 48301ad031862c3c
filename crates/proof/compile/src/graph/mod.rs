//! What a model computes, in real numbers.
//!
//! | module | what it holds |
//! |---|---|
//! | [`operators`] | the registry of the operators that compile |
//! | [`net`] | tensors with shapes, and what they are in floats |
//! | [`plan`] | the vector of one sample, and what it is in floats |
//! | [`mod@array`] | tensors of floats: constants and reference values |
//! | [`expr`] | functions of one number |
//! | [`elem`], [`doubles`] | maps of single elements with constants of their own |
//! | [`forest`], [`stairs`] | trees, and functions of one number as trees |
//! | [`revealed`] | outputs of either |
//! | [`decisions`] | what an output decides |

pub(crate) mod array;
pub(crate) mod decisions;
pub(crate) mod doubles;
pub(crate) mod elem;
pub(crate) mod expr;
pub(crate) mod forest;
pub(crate) mod net;
pub mod operators;
pub(crate) mod plan;
pub(crate) mod revealed;
pub(crate) mod stairs;
