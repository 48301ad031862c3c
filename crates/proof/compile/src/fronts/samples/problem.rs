//! Why a file does not hold samples for a model.

use crate::terms::size::Excess;
use std::io;
use std::path::PathBuf;

/// Why a file does not hold samples for the model.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct SampleError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: SampleProblem,
}

/// What is wrong with a sample file.
#[derive(Debug, thiserror::Error)]
pub enum SampleProblem {
    /// It cannot be read.
    #[error("cannot be read")]
    Io(#[source] io::Error),
    /// Its name does not end in a known format.
    #[error("expected a file name ending in .npy, .npz, .csv or .json, got {got:?}")]
    Extension {
        /// The ending.
        got: String,
    },
    /// It is a table in a format that needs a library of its own to be read.
    #[error("expected .npy, .npz, .csv or .json, got a file of {format}")]
    Foreign {
        /// The format.
        format: &'static str,
    },
    /// It is not in its format.
    #[error("expected {expected}, got {got}")]
    Format {
        /// What the format asks for.
        expected: String,
        /// What is there.
        got: String,
    },
    /// It does not have the model's inputs.
    #[error("expected arrays named {expected:?}, got {got:?}")]
    Names {
        /// The model's inputs.
        expected: Vec<String>,
        /// The file's arrays.
        got: Vec<String>,
    },
    /// A column that is missing, or holds what the model does not take.
    #[error("column {column:?}: expected {expected}, got {got}")]
    Column {
        /// Its name.
        column: String,
        /// What is needed.
        expected: String,
        /// What is there.
        got: String,
    },
    /// An array of another shape.
    #[error("input {input:?}: expected {expected}, got {got}")]
    Shape {
        /// The input.
        input: String,
        /// Shapes that fit.
        expected: String,
        /// The shape found.
        got: String,
    },
}

impl SampleProblem {
    /// What to do about it, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Foreign { format: PARQUET } => Some(
                "write it as CSV, whose columns are matched by name too:\n\
                 import pandas\n\
                 frame = pandas.read_parquet(\"FILE\")\n\
                 frame.to_csv(\"samples.csv\", index=False)",
            ),
            Self::Foreign { .. } => Some(
                "write it as CSV, whose columns are matched by name too:\n\
                 import pandas\n\
                 frame = pandas.read_feather(\"FILE\")\n\
                 frame.to_csv(\"samples.csv\", index=False)",
            ),
            Self::Io(_)
            | Self::Extension { .. }
            | Self::Format { .. }
            | Self::Names { .. }
            | Self::Column { .. }
            | Self::Shape { .. } => None,
        }
    }
}

const PARQUET: &str = "Parquet";

const ARROW: &str = "Arrow (Feather)";

/// A format that is told by its first bytes, whatever the file is called. Readers of these are some thirty crates with
/// compressors of their own, which is more than a conversion is worth.
pub(super) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'P', b'A', b'R', b'1', ..] => Some(PARQUET),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some(ARROW),
        _ => None,
    }
}

pub(super) fn format_problem(expected: impl Into<String>, got: impl Into<String>) -> SampleProblem {
    SampleProblem::Format { expected: expected.into(), got: got.into() }
}

pub(super) fn excess((expected, got): Excess) -> SampleProblem {
    SampleProblem::Format { expected, got }
}
