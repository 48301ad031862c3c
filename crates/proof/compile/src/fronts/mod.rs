//! What files say.
//!
//! | module | what it reads |
//! |---|---|
//! | [`onnx`] | the ONNX file format: bounded decoding, functions and external data resolved |
//! | [`native`] | the files of XGBoost and LightGBM |
//! | [`samples`] | inputs from `.npy`, `.npz`, `.csv` and `.json` files |
//! | [`net`] | an ONNX graph, to a net |
//! | [`plan`] | an ONNX graph that is rows, trees or a linear model, to a plan |
//! | [`catboost`] | what CatBoost means by its own files |
//! | [`hints`] | what to do about an operator that does not compile |
//! | [`shape`] | shape arithmetic of both |

pub(crate) mod catboost;
pub(crate) mod hints;
pub(crate) mod native;
pub(crate) mod net;
pub mod onnx;
pub(crate) mod plan;
pub mod samples;
pub(crate) mod shape;
