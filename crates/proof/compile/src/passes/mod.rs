//! From a graph to a graph, and what samples tell of one.
//!
//! | module | what it does |
//! |---|---|
//! | [`simplify`] | fuses functions, recognises normalisations, folds scales and offsets into weights |
//! | [`ranks`] | the largest elements of rows, by maxima and comparisons |
//! | [`vectors`] | makes a plan of a net that has classical operators |
//! | [`apart`], [`columns`] | take affine maps and functions of a plan apart |
//! | [`calibrate`] | sizes of a net's values on samples |
//! | [`left_out`] | which samples are left out of a trial, and what their refusals tell |

pub(crate) mod apart;
pub(crate) mod calibrate;
pub(crate) mod columns;
pub(crate) mod left_out;
pub(crate) mod ranks;
pub(crate) mod simplify;
pub(crate) mod vectors;
