//! How far the integers are from the reference: the user's own answers, or else a float evaluation of the file.

use crate::terms::tolerance::Tolerance;
use serde::{Deserialize, Serialize};

/// Accuracy of the integer program on the calibration samples. It is a measurement, not a bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyReport {
    /// How many samples were run.
    pub samples: usize,
    /// What was accepted.
    pub tolerance: Tolerance,
    /// Each output against a float evaluation of the same file.
    pub outputs: Vec<OutputAccuracy>,
    /// Outputs against the answers of the user's own model: those given, and the array `y` of the sample file.
    pub expected: Vec<OutputAccuracy>,
    /// A trial with a part of the samples, measured on the others; none where there are too few.
    pub held_out: Option<HeldOut>,
    /// Each operator whose result the program holds, in order.
    pub operators: Vec<OperatorAccuracy>,
}

/// The same model, calibrated on three quarters of the samples and measured on the fourth. Each quarter is left out in turn; of a large
/// model only one is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// How many samples were left out once.
    pub samples: usize,
    /// How many of them were refused, as beyond what the others had shown.
    pub refused: usize,
    /// The part that was refused: an estimate of what the model refuses of inputs like the samples.
    #[serde(default)]
    pub refusal_rate: f64,
    /// The highest rate for which so few refusals are not unlikely, at 95 %.
    #[serde(default)]
    pub refusal_rate_at_most: f64,
    /// The first that was refused, and why.
    #[serde(default)]
    pub first_refused: Option<Refused>,
    /// Each output on those that were not, against the answers where there are some, else against the float evaluation.
    pub outputs: Vec<OutputAccuracy>,
}

/// A sample that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its number.
    pub sample: usize,
    /// Why.
    pub reason: String,
}

/// Deviation of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputAccuracy {
    /// Its name.
    pub name: String,
    /// Largest absolute difference; for labels, of the class index.
    pub max_deviation: f64,
    /// Mean absolute difference.
    pub mean_deviation: f64,
    /// The sample with the largest difference.
    pub worst_sample: usize,
    /// What differences are relative to: the largest number of the reference less the smallest.
    pub spread: f64,
    /// Part of the decisions that are the same, where the output tells a class. It may be a label, the largest of several numbers, or a
    /// single probability against one half. A map decides at each of its positions.
    pub same_class: Option<f64>,
    /// The same for each class that the reference decides for, in their order.
    #[serde(default)]
    pub classes: Vec<ClassAccuracy>,
    /// Mean absolute difference at each position of a map (pixels row by row, or steps). Empty where there is one position, or more than
    /// 4,096.
    #[serde(default)]
    pub places: Vec<f64>,
    /// The position of a map with the largest mean difference.
    #[serde(default)]
    pub worst_place: Option<usize>,
}

/// Decisions for one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAccuracy {
    /// What it is called, or its number.
    pub class: String,
    /// How often the reference decides for it.
    pub decisions: usize,
    /// Part of these in which the program does so too.
    pub same: f64,
}

/// Deviation of one operator's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatorAccuracy {
    /// The ONNX node.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// Largest absolute difference.
    pub max_deviation: f64,
    /// Largest magnitude in floats.
    pub max_magnitude: f64,
}
