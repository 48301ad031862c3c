//! From an ONNX graph to a plan, freed of ONNX's many ways to say the same.
//!
//! | module | what it reads |
//! |---|---|
//! | [`build`] | a graph, or one node by itself |
//! | [`builder`], [`ctx`] | none: the plan under construction, and one node while it is read |
//! | [`core_ops`] | operators of ai.onnx |
//! | [`ml_ops`], [`ensemble`], [`encoders`], [`scores`] | operators of ai.onnx.ml |
//! | [`labels`] | what becomes of class labels |
//! | [`leaves`] | functions of one tree's leaf, and sums of forests |
//! | [`shares`] | scores divided by their sum |
//! | [`stairs`] | functions of one number that are constant between thresholds |
//! | [`trees_in_tensors`] | forests that are spelt as products of matrices |

pub(crate) mod build;
mod builder;
mod core_ops;
mod ctx;
mod encoders;
mod ensemble;
mod labels;
mod leaves;
mod ml_ops;
mod scores;
mod shares;
mod stairs;
mod trees_in_tensors;
