//! Names of classes.

use ciro_graph::OutputKind;

/// Names of classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Integers.
    Ints(Vec<i64>),
    /// Truth values.
    Bools(Vec<bool>),
    /// Texts.
    Texts(Vec<String>),
}

impl Labels {
    /// How many classes there are.
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Ints(labels) => labels.len(),
            Self::Bools(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
        }
    }

    /// How a program says the name of a class.
    pub(crate) fn output_kind(&self) -> OutputKind {
        match self {
            Self::Ints(labels) => OutputKind::IntLabel { labels: labels.clone() },
            Self::Bools(labels) => OutputKind::BoolLabel { labels: labels.clone() },
            Self::Texts(labels) => OutputKind::TextLabel { labels: labels.clone() },
        }
    }
}
