//! Dimensions: counting, broadcasting, walking.

use alloc::vec;
use alloc::vec::Vec;

/// The shape that two shapes broadcast to, by NumPy's rule; `None` if they do not.
#[must_use]
pub fn broadcast(a: &[u32], b: &[u32]) -> Option<Vec<u32>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[u32], i: usize| i.checked_sub(rank.saturating_sub(shape.len())).map_or(1, |i| shape[i]);
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
    for (i, &d) in shape.iter().enumerate().rev() {
        if d > 1 {
            strides[missing + i] = step;
        }
        step = step.saturating_mul(d as usize);
    }
    strides
}

/// Offsets of all positions of `shape` in row-major order, for given strides.
#[must_use]
pub fn offsets(shape: &[u32], strides: &[usize]) -> Vec<usize> {
    let mut offsets = vec![0];
    for (&d, &stride) in shape.iter().zip(strides) {
        offsets = offsets.iter().flat_map(|&o| (0..d as usize).map(move |i| o + i * stride)).collect();
    }
    offsets
}

/// Elements before, along and after a dimension: a tensor is `outer` × `len` × `inner`.
#[must_use]
pub fn around(shape: &[u32], axis: usize) -> Option<(usize, usize, usize)> {
    let count = |dims: &[u32]| dims.iter().map(|&d| d as usize).product();
    Some((count(&shape[..axis.min(shape.len())]), *shape.get(axis)? as usize, count(&shape[axis + 1..])))
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
