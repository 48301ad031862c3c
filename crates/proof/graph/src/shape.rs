//! Dimensions: counting, broadcasting, walking.

use crate::count::size;
use alloc::vec;
use alloc::vec::Vec;

/// The product of the dimensions, saturating.
#[must_use]
pub fn element_count(shape: &[u32]) -> u64 {
    shape.iter().fold(1, |n: u64, &d| n.saturating_mul(u64::from(d)))
}

/// The shape that two shapes broadcast to, by NumPy's rule; `None` if they do not.
#[must_use]
pub fn broadcast(a: &[u32], b: &[u32]) -> Option<Vec<u32>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[u32], i: usize| {
        let own = i.checked_sub(rank.saturating_sub(shape.len()));
        own.and_then(|i| shape.get(i)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|i| match (dim(a, i), dim(b, i)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// Elements to skip for one step along each dimension of `shape`, read as part of the larger shape `of`: zero where it is repeated.
#[must_use]
pub fn strides(shape: &[u32], of: &[u32]) -> Vec<usize> {
    let missing = of.len().saturating_sub(shape.len());
    let mut strides = vec![0; of.len()];
    let mut step = 1usize;
    for (stride, &d) in strides.iter_mut().skip(missing).zip(shape).rev() {
        if d > 1 {
            *stride = step;
        }
        step = step.saturating_mul(size(d));
    }
    strides
}

/// Offsets of all positions of `shape` in row-major order, for given strides.
#[must_use]
pub fn offsets(shape: &[u32], strides: &[usize]) -> Vec<usize> {
    let mut offsets = vec![0];
    for (&d, &stride) in shape.iter().zip(strides) {
        let along = |o: usize| (0..size(d)).map(move |i| o.saturating_add(i.saturating_mul(stride)));
        offsets = offsets.into_iter().flat_map(along).collect();
    }
    offsets
}

/// Elements before, along and after a dimension: a tensor is `outer` × `len` × `inner`.
#[must_use]
pub fn around(shape: &[u32], axis: usize) -> Option<(usize, usize, usize)> {
    let (before, rest) = shape.split_at_checked(axis)?;
    let (&len, after) = rest.split_first()?;
    let count = |dims: &[u32]| dims.iter().fold(1, |n: usize, &d| n.saturating_mul(size(d)));
    Some((count(before), size(len), count(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_as_numpys_do() {
        assert_eq!(broadcast(&[2, 3], &[3]), Some(vec![2, 3]));
        assert_eq!(broadcast(&[2, 1], &[1, 3]), Some(vec![2, 3]));
        assert_eq!(broadcast(&[], &[4]), Some(vec![4]));
        assert_eq!(broadcast(&[2, 3], &[2]), None);
    }

    #[test]
    fn a_repeated_dimension_has_stride_zero() {
        let s = strides(&[3, 1], &[2, 3, 4]);
        assert_eq!(s, [0, 1, 0]);
        assert_eq!(offsets(&[2, 3, 1], &s), [0, 1, 2, 0, 1, 2]);
    }
}
