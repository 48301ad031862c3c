//! What computes: products of matrices, which nearly all of a network's time goes into, and what is done element by element.

use alloc::vec;
use alloc::vec::Vec;

/// What computes. Whatever it does, its results are those of [`Plain`]: a program means one thing.
pub trait Engine: Sync {
    /// The products of pairs of matrices, one pair after the other. The left one of a pair has `m` rows of `k` elements, the right one
    /// `k` rows of `n`. All are row-major. No sum leaves 64 bits: whoever asks has made sure.
    fn products(&self, left: &[i32], right: &[i32], dims: Dims) -> Vec<i64>;

    /// Has `f` write all elements of `out`, in pieces, each with the number of its first element, in any order.
    fn fill(&self, out: &mut [i64], f: &(dyn Fn(usize, &mut [i64]) + Sync));
}

/// The dimensions of matrices that are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Rows of the left one.
    pub m: usize,
    /// Its columns, and rows of the right one.
    pub k: usize,
    /// Columns of the right one.
    pub n: usize,
}

/// One row after the other, on one thread, anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Engine for Plain {
    fn products(&self, left: &[i32], right: &[i32], dims: Dims) -> Vec<i64> {
        let Dims { m, k, n } = dims;
        let mut result = Vec::with_capacity(left.len() / k.max(1) * n);
        for (a, b) in left.chunks_exact((m * k).max(1)).zip(right.chunks_exact((k * n).max(1))) {
            for row in a.chunks_exact(k.max(1)) {
                let mut sums = vec![0; n];
                row.iter().zip(b.chunks_exact(n.max(1))).filter(|(x, _)| **x != 0).for_each(|(&x, other)| {
                    accumulate(&mut sums, x, other);
                });
                result.extend(sums);
            }
        }
        result
    }

    fn fill(&self, out: &mut [i64], f: &(dyn Fn(usize, &mut [i64]) + Sync)) {
        f(0, out);
    }
}

/// sums += x · row. Nothing wraps: whoever asked for the product has made sure.
pub(super) fn accumulate(sums: &mut [i64], x: i32, row: &[i32]) {
    for (sum, &w) in sums.iter_mut().zip(row) {
        *sum = sum.wrapping_add(i64::from(x).wrapping_mul(i64::from(w)));
    }
}
