//! Arithmetic of doubles with constants, as scalers have it before trees: rounded as float64 rounds.
//!
//! A column of whole numbers behind a scaler often meets a threshold half way between two of its values. There only
//! the last bit of the arithmetic says on which side it lies. So what is computed from an input by constants of
//! doubles keeps all of theirs.

use super::operators::Operator;

/// A map of each double with its own constant.
#[derive(Clone, Debug)]
pub(crate) enum Wide {
    /// `x + c`.
    Add(Vec<f64>),
    /// `x − c`.
    Sub(Vec<f64>),
    /// `c − x`.
    SubFrom(Vec<f64>),
    /// `x · c`.
    Mul(Vec<f64>),
    /// `x / c`.
    Div(Vec<f64>),
}

impl Wide {
    /// Element i, rounded as float64 rounds.
    pub(crate) fn apply(&self, i: usize, x: f64) -> f64 {
        match self {
            Self::Add(c) => x + c[i],
            Self::Sub(c) => x - c[i],
            Self::SubFrom(c) => c[i] - x,
            Self::Mul(c) => x * c[i],
            Self::Div(c) => x / c[i],
        }
    }

    /// Element i as `slope · x + intercept`.
    pub(crate) fn line(&self, i: usize) -> (f64, f64) {
        match self {
            Self::Add(c) => (1.0, c[i]),
            Self::Sub(c) => (1.0, -c[i]),
            Self::SubFrom(c) => (-1.0, c[i]),
            Self::Mul(c) => (c[i], 0.0),
            Self::Div(c) => (1.0 / c[i], 0.0),
        }
    }

    /// What an operator between a double and constants does, of which the double `is_first`. `None` for other operators, and where the
    /// result is not one of each double.
    pub(crate) fn of(operator: Operator, is_first: bool, c: Vec<f64>) -> Option<Self> {
        let is_flat = c.iter().any(|&c| c == 0.0 || !c.is_finite());
        match (operator, is_first) {
            (Operator::Add, _) => Some(Self::Add(c)),
            (Operator::Sub, true) => Some(Self::Sub(c)),
            (Operator::Sub, false) => Some(Self::SubFrom(c)),
            (Operator::Mul, _) if !is_flat => Some(Self::Mul(c)),
            (Operator::Div, true) if !is_flat => Some(Self::Div(c)),
            _ => None,
        }
    }
}
