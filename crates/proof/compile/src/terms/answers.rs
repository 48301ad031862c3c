//! What the user's own model answers to the samples: the reference that a program is held to.

/// The answers to all samples, for one output.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The output's name; where the model has no such output, `label` (or texts) is the class, and `y` or `out` its last
    /// numbers.
    pub output: String,
    /// The answers.
    pub values: Given,
}

/// Answers, in the order of the samples.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// Numbers.
    Numbers {
        /// How many a sample has.
        width: usize,
        /// All of them, sample by sample.
        values: Vec<f64>,
    },
    /// A text per sample.
    Texts(Vec<String>),
}

impl Given {
    /// How many a sample has.
    pub(crate) const fn width(&self) -> usize {
        match self {
            Self::Numbers { width, .. } => *width,
            Self::Texts(_) => 1,
        }
    }

    pub(crate) fn samples(&self) -> usize {
        match self {
            Self::Numbers { width, values } => values.len() / (*width).max(1),
            Self::Texts(texts) => texts.len(),
        }
    }
}
