//! Why the file of a booster is not compiled, by library.

/// Why the file of a booster is not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NativeError {
    /// A file that breaks its format.
    #[error("{format} model: {place}: expected {expected}, got {got}")]
    Malformed {
        /// The library.
        format: &'static str,
        /// Where in the file.
        place: String,
        /// What the format asks for.
        expected: String,
        /// What is there.
        got: String,
    },
    /// Something that the library knows and the compiler does not.
    #[error("{format} model: {what}")]
    Unsupported {
        /// The library.
        format: &'static str,
        /// What is not supported.
        what: String,
        /// The nearest thing that works.
        hint: String,
    },
}

impl NativeError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &str {
        match self {
            Self::Malformed { .. } => "save the model again with save_model of a current version of its library",
            Self::Unsupported { hint, .. } => hint,
        }
    }
}

/// A library, as far as its messages and refusals are concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format(pub(crate) &'static str);

impl Format {
    pub(crate) fn malformed(self, place: &str, expected: impl Into<String>, got: impl Into<String>) -> NativeError {
        NativeError::Malformed { format: self.0, place: place.into(), expected: expected.into(), got: got.into() }
    }

    pub(crate) fn unsupported(self, what: impl Into<String>, hint: impl Into<String>) -> NativeError {
        NativeError::Unsupported { format: self.0, what: what.into(), hint: hint.into() }
    }
}

pub(crate) const UNKNOWN: Format = Format("saved");

pub(crate) const XGBOOST: Format = Format("XGBoost");

pub(crate) const LIGHTGBM: Format = Format("LightGBM");
