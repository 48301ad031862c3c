//! Why a model is not compiled.

use super::disagreement::Disagreement;
use super::native::NativeError;
use std::fmt;

/// A node of the ONNX graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Its name; where it has none, that of its first result.
    pub node: String,
    /// Its operator, with the domain unless that is ai.onnx.
    pub operator: String,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {:?} ({})", self.node, self.operator)
    }
}

/// Why a model is not compiled. [`CompileError::hint`] says what to do about it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompileError {
    /// The bytes are no ONNX model.
    #[error("not an ONNX model: {reason}")]
    NotOnnx {
        /// What the decoder met.
        reason: String,
    },
    /// A booster's own file that is not read.
    #[error(transparent)]
    Native(NativeError),
    /// A graph input that cannot be fed.
    #[error("input {input:?}: expected {expected}, got {got}")]
    Input {
        /// Its name.
        input: String,
        /// What can be fed.
        expected: String,
        /// What the model declares.
        got: String,
    },
    /// A constant tensor that cannot be read.
    #[error("initializer {tensor:?}: {reason}")]
    Initializer {
        /// Its name.
        tensor: String,
        /// Why.
        reason: String,
    },
    /// A name that nothing before it defines.
    #[error("{at}: operand {name:?} is not defined before its use")]
    Undefined {
        /// The reader.
        at: At,
        /// The name.
        name: String,
    },
    /// An operator that is not supported.
    #[error("{at}: the operator is not supported")]
    Operator {
        /// The node.
        at: At,
        /// The nearest thing that works.
        hint: String,
    },
    /// A supported operator in a form that is not.
    #[error("{at}: {what}")]
    Form {
        /// The node.
        at: At,
        /// What is not supported.
        what: String,
        /// The nearest thing that works.
        hint: String,
    },
    /// An attribute with a value that is not supported.
    #[error("{at}: attribute {attribute}: expected {expected}, got {got}")]
    Attribute {
        /// The node.
        at: At,
        /// Its name.
        attribute: Box<str>,
        /// What is supported.
        expected: String,
        /// What was found.
        got: String,
    },
    /// An operand of the wrong shape or kind.
    #[error("{at}: {operand}: expected {expected}, got {got}")]
    Operand {
        /// The node.
        at: At,
        /// Which operand.
        operand: Box<str>,
        /// What is supported.
        expected: String,
        /// What was found.
        got: String,
    },
    /// Numbers that integers below 2³⁰ cannot hold.
    #[error("{at}: {reason}")]
    Range {
        /// The node.
        at: At,
        /// Why.
        reason: String,
    },
    /// An output that cannot be revealed.
    #[error("output {output:?}: {reason}")]
    Output {
        /// Its name.
        output: String,
        /// Why.
        reason: String,
    },
    /// A calibration sample that the compiled model refuses.
    #[error("calibration sample {sample}: {reason}")]
    Calibration {
        /// Its number.
        sample: usize,
        /// Why.
        reason: String,
        /// What to do about it, if there is something.
        hint: Option<String>,
    },
    /// Columns or labels that are not those of the model.
    #[error("{what}: expected {expected}, got {got}")]
    Signature {
        /// What was said of the model.
        what: Box<str>,
        /// What fits.
        expected: String,
        /// What was given.
        got: String,
    },
    /// Answers that are none to the samples, or to no output.
    #[error("answers {output:?}: expected {expected}, got {got}")]
    Answers {
        /// Their name.
        output: String,
        /// What fits.
        expected: String,
        /// What was given.
        got: String,
    },
    /// A program that answers otherwise than the model it was made from.
    #[error("the program is not the model: {0}")]
    Deviates(Box<Disagreement>),
    /// A model without samples that nothing drawn could be compared on.
    #[error("no report can be computed: {reason}")]
    Uncompared {
        /// What became of the inputs that were drawn.
        reason: String,
    },
    /// The compiled model failed the check that every loader makes: a defect of this compiler.
    #[error("the compiled model is not well formed: {0}")]
    Internal(ciro_graph::CheckError),
}

/// What is left to do where samples tell the ranges already.
const SCALE: &str = "scale the inputs to a few units before they reach the model, or leave out samples that are far larger than the others";

impl CompileError {
    /// Without advice that was followed already: samples are given, or the finest precision is taken.
    pub(crate) fn beyond(self, has_samples: bool, is_finest: bool) -> Self {
        match self {
            Self::Range { at, reason } if has_samples => Self::Form { at, what: reason, hint: SCALE.into() },
            Self::Deviates(disagreement) => Self::Deviates(Box::new(Disagreement { is_finest, ..*disagreement })),
            other => other,
        }
    }

    /// Operand `i` of a node is not what its operator takes.
    pub(crate) fn operand(at: &At, i: usize, expected: impl Into<String>, got: impl Into<String>) -> Self {
        let operand = format!("operand {i}").into();
        Self::Operand { at: at.clone(), operand, expected: expected.into(), got: got.into() }
    }

    /// What the user can do about it, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Operator { hint, .. } | Self::Form { hint, .. } => hint.as_str(),
            Self::Native(error) => error.hint(),
            Self::Deviates(disagreement) => return Some(disagreement.hint()),
            Self::Calibration { hint, .. } => return hint.clone(),
            Self::Answers { .. } => "give one row of answers per sample, named as the model's output",
            Self::NotOnnx { .. } => {
                "save the model as ONNX, for example with skl2onnx, onnxmltools or torch.onnx, or a booster with save_model"
            }
            Self::Input { got, .. } if got.ends_with("string") => {
                "encode texts as numbers before the model, for example with an OrdinalEncoder outside the pipeline"
            }
            Self::Input { .. } => {
                "give an open dimension a size by what it is called, --dim NAME=SIZE (in Python dims=), or export the model with fixed dimensions and float32 inputs"
            }
            Self::Range { .. } => {
                "scale the inputs to a few units, or pass calibration samples so that ranges are known"
            }
            Self::Uncompared { .. } => {
                "pass samples that the model answers with numbers (--calibration FILE, in Python samples=)"
            }
            Self::Initializer { .. } => "save the model with float32 weights inside the file",
            _ => return None,
        };
        Some(text.to_string())
    }
}
