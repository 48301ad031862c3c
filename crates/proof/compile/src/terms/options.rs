//! What a user may say about a compilation.

use super::answers::Answer;
use super::samples::Samples;
use super::signature::Signature;
use ciro_graph::{Profile, Security, Visibility};
use std::fmt;

/// How finely a network's values are held. Finer values need wider tables; linear models and trees are as exact as they can be
/// in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 10 bits, margin included.
    Fast,
    /// 11 bits, 12 where many values share the tables.
    #[default]
    Balanced,
    /// 13 bits, and finer weights.
    Exact,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Balanced => "balanced",
            Self::Exact => "exact",
        })
    }
}

/// Options of [`crate::compile::compile_onnx`].
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Samples that tell the inputs' ranges and on which accuracy is reported. Without them, inputs are taken from
    /// [−32, 32) and there is no report.
    pub calibration: Option<Samples>,
    /// What the user's own model answers to the samples: what the program is held to. Without them, it is held to a float
    /// evaluation of the file.
    pub expected: Vec<Answer>,
    /// What the user says of columns, classes and missing values.
    pub signature: Signature,
    /// What is accepted instead of the defaults ([`super::tolerance::Tolerance`]): deviations of that part of an output's spread, and
    /// as large a part of other decisions.
    pub tolerance: Option<f64>,
    /// A bound on every input's magnitude, rounded up to a power of two; overrides what the samples tell.
    pub input_range: Option<f64>,
    /// What proofs are made for.
    pub profile: Profile,
    /// How finely a network's values are held.
    pub precision: Precision,
    /// What proofs must resist.
    pub security: Security,
    /// Who learns what from a proof.
    pub visibility: Visibility,
    /// Sizes of named dimensions. An open first dimension needs none: it is the batch, and one sample is proven at a time.
    pub dims: Vec<(String, u32)>,
}
