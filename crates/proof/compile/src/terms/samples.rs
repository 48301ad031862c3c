//! Samples as models take them.

use ciro_graph::RawInput;

/// Samples, and the original runtime's answers if the file has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// One input set per sample; at least one when loaded from a file.
    pub inputs: Vec<RawInput>,
    /// The answers.
    pub expected: Option<Expected>,
}

/// Answers of the original runtime: the model's last output, one row per sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Numbers per sample.
    pub width: usize,
    /// All rows, one after the other.
    pub values: Vec<f32>,
}

impl Expected {
    /// The answer to one sample.
    #[must_use]
    pub fn row(&self, sample: usize) -> Option<&[f32]> {
        self.values.chunks_exact(self.width.max(1)).nth(sample)
    }
}
