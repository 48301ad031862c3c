//! Networks: from an ONNX graph of tensors to the integer program.
//!
//! | module | what it holds |
//! |---|---|
//! | [`array`] | tensors of floats: constants and reference values |
//! | [`expr`] | functions of one number |
//! | [`step`] | what a network computes, in real numbers: [`Net`] |
//! | [`import`] | from ONNX to a [`Net`], constants folded |
//! | [`ranks`] | the largest elements of rows, by maxima and comparisons |
//! | [`simplify`] | functions fused, normalisations recognised, scales and offsets folded into weights |
//! | [`eval`] | the float reference |
//! | [`calibrate`] | sizes of values on samples |
//! | [`vectors`], [`by_element`], [`first`] | classical models and what is around them, as steps that stay exact |
//! | [`lower`] | the integer program: scales, weights, tables |
//!
//! Plain linear models, trees and small perceptrons are read by `crate::plan`; everything else comes here. What has
//! classical operators goes on to `crate::lower` as vectors, which keeps it more exactly.

pub(crate) mod array;
mod by_element;
pub(crate) mod calibrate;
mod compile;
mod eval;
pub(crate) mod expr;
mod first;
mod import;
mod lower;
mod ranks;
mod simplify;
pub(crate) mod step;
mod vectors;

pub(crate) use compile::compile;
pub(crate) use eval::evaluate;
pub(crate) use import::read;
pub(crate) use step::Net;
pub(crate) use vectors::vectors;
