//! Affine maps in exact arithmetic, so that chains of them become one.

use crate::graph::plan::{Kind, Step};

/// `y = x·W + b`.
#[derive(Clone, Debug)]
pub(crate) enum Map {
    /// Element by element: `y[i] = w[i]·x[i] + b[i]`.
    Diagonal { w: Vec<f64>, b: Vec<f64> },
    /// W row-major of shape (len(x), n).
    Dense { n: usize, w: Vec<f64>, b: Vec<f64> },
}

impl Map {
    /// The map of a step; `None` if it is not affine.
    pub(crate) fn of(step: &Step) -> Option<Self> {
        let widened = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect();
        match &step.kind {
            Kind::Affine(affine) => {
                Some(Self::Dense { n: affine.n, w: widened(&affine.weight), b: widened(&affine.bias) })
            }
            Kind::Elem(elem) => {
                let (w, b) = (0..step.len).map(|i| elem.line(i)).unzip();
                Some(Self::Diagonal { w, b })
            }
            _ => None,
        }
    }

    /// First `self`, then `next`.
    pub(crate) fn then(self, next: &Self) -> Self {
        match (self, next) {
            (Self::Diagonal { w, b }, Self::Diagonal { w: w2, b: b2 }) => Self::Diagonal {
                w: w.iter().zip(w2).map(|(w, w2)| w * w2).collect(),
                b: b.iter().zip(w2).zip(b2).map(|((b, w2), b2)| b * w2 + b2).collect(),
            },
            (Self::Diagonal { w, b }, Self::Dense { n, w: w2, b: b2 }) => Self::Dense {
                n: *n,
                w: w2.chunks_exact(*n).zip(&w).flat_map(|(row, w)| row.iter().map(move |w2| w * w2)).collect(),
                b: through(&b, *n, w2, b2),
            },
            (Self::Dense { n, w, b }, Self::Diagonal { w: w2, b: b2 }) => Self::Dense {
                n,
                w: w.chunks_exact(n).flat_map(|row| row.iter().zip(w2).map(|(w, w2)| w * w2)).collect(),
                b: b.iter().zip(w2).zip(b2).map(|((b, w2), b2)| b * w2 + b2).collect(),
            },
            (Self::Dense { n, w, b }, Self::Dense { n: n2, w: w2, b: b2 }) => Self::Dense {
                n: *n2,
                w: w.chunks_exact(n).flat_map(|row| through(row, *n2, w2, &vec![0.0; *n2])).collect(),
                b: through(&b, *n2, w2, b2),
            },
        }
    }

    /// The weights' and the offsets' elements.
    pub(crate) fn parts(&self) -> (&[f64], &[f64]) {
        match self {
            Self::Diagonal { w, b } | Self::Dense { w, b, .. } => (w, b),
        }
    }

    /// Terms of one sum, each with the number of the result it goes to and of the element it comes from.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let (n, w) = match self {
            Self::Diagonal { w, .. } => (0, w),
            Self::Dense { n, w, .. } => (*n, w),
        };
        w.iter().enumerate().map(move |(i, &w)| if n == 0 { (i, i, w) } else { (i % n, i / n, w) })
    }

    /// Terms of each sum.
    pub(crate) fn fan_in(&self) -> usize {
        match self {
            Self::Diagonal { .. } => 1,
            Self::Dense { n, w, .. } => w.len() / n,
        }
    }
}

/// `x·W + b` for one row x.
fn through(x: &[f64], n: usize, w: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sums = b.to_vec();
    for (x, row) in x.iter().zip(w.chunks_exact(n)) {
        sums.iter_mut().zip(row).for_each(|(sum, w)| *sum += x * w);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(map: &Map, x: &[f64]) -> Vec<f64> {
        let mut sums = map.parts().1.to_vec();
        map.terms().for_each(|(j, k, w)| sums[j] += w * x[k]);
        sums
    }

    #[test]
    fn a_composed_map_is_one_after_the_other() {
        let diagonal = Map::Diagonal { w: vec![2.0, -1.0], b: vec![0.5, 3.0] };
        let dense = Map::Dense { n: 2, w: vec![1.0, 2.0, 3.0, 4.0], b: vec![-1.0, 1.0] };
        let x = [0.25, -8.0];
        for (a, b) in [(&diagonal, &diagonal), (&diagonal, &dense), (&dense, &diagonal), (&dense, &dense)] {
            assert_eq!(apply(&a.clone().then(b), &x), apply(b, &apply(a, &x)));
        }
    }
}
