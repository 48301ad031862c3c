//! Maps of single elements with constants of their own, and norms of rows.

use super::doubles::Wide;

/// A map of each element with its own constants (as many as elements), in float32 arithmetic unless it says otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Elem {
    /// `x + c`.
    Add(Vec<f32>),
    /// `x − c`.
    Sub(Vec<f32>),
    /// `c − x`.
    SubFrom(Vec<f32>),
    /// `x · c`.
    Mul(Vec<f32>),
    /// `x / c`.
    Div(Vec<f32>),
    /// `(x − offset) · scale`.
    Scale { offset: Vec<f32>, scale: Vec<f32> },
    /// A missing value (NaN) replaced by c; everything else as it is.
    Impute(Vec<f32>),
    /// In float64 arithmetic.
    Wide(Wide),
}

impl Elem {
    /// Element i in float32, rounded as the runtimes round.
    pub(crate) fn apply(&self, i: usize, x: f32) -> f32 {
        match self {
            Self::Add(c) => x + c[i],
            Self::Sub(c) => x - c[i],
            Self::SubFrom(c) => c[i] - x,
            Self::Mul(c) => x * c[i],
            Self::Div(c) => x / c[i],
            Self::Scale { offset, scale } => (x - offset[i]) * scale[i],
            Self::Impute(c) => {
                if x.is_nan() {
                    c[i]
                } else {
                    x
                }
            }
            Self::Wide(wide) => wide.apply(i, f64::from(x)) as f32,
        }
    }

    /// Element i as `slope · x + intercept` in exact arithmetic, for numbers.
    pub(crate) fn line(&self, i: usize) -> (f64, f64) {
        match self {
            Self::Add(c) => (1.0, f64::from(c[i])),
            Self::Sub(c) => (1.0, -f64::from(c[i])),
            Self::SubFrom(c) => (-1.0, f64::from(c[i])),
            Self::Mul(c) => (f64::from(c[i]), 0.0),
            Self::Div(c) => (1.0 / f64::from(c[i]), 0.0),
            Self::Scale { offset, scale } => (f64::from(scale[i]), -f64::from(offset[i]) * f64::from(scale[i])),
            Self::Impute(_) => (1.0, 0.0),
            Self::Wide(wide) => wide.line(i),
        }
    }
}

/// What a vector is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Norm {
    /// The sum of absolute values.
    L1,
    /// The root of the sum of squares.
    L2,
    /// The largest element.
    Max,
}

/// x divided by its norm.
pub(crate) fn normalized(norm: Norm, x: &[f32]) -> Vec<f32> {
    let den: f32 = match norm {
        Norm::L1 => x.iter().map(|v| v.abs()).sum(),
        Norm::L2 => x.iter().map(|v| v * v).sum::<f32>().sqrt(),
        Norm::Max => x.iter().copied().fold(f32::NEG_INFINITY, f32::max),
    };
    x.iter().map(|&v| if den == 0.0 { v } else { v / den }).collect()
}
