//! How many elements foreign dimensions have. Every file's dimensions pass here before anything is multiplied or allocated.

/// Most elements of a constant that a file holds: one per byte of the largest file.
pub(crate) const MOST_IN_FILE: usize = 1 << 30;

/// The number of elements of `dims`; `None` if there are more than `most`, or would be without the dimensions that are zero. So no
/// product of some of the dimensions overflows either.
pub(crate) fn count_of(dims: &[usize], most: usize) -> Option<usize> {
    let extent = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d.max(1)))?;
    (extent <= most).then(|| if dims.contains(&0) { 0 } else { extent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_hides_no_overflow() {
        assert_eq!(count_of(&[2, 3], 6), Some(6));
        assert_eq!(count_of(&[2, 3], 5), None);
        assert_eq!(count_of(&[], 1), Some(1));
        assert_eq!(count_of(&[0, 6], 6), Some(0));
        assert_eq!(count_of(&[0, 1 << 63, 4], usize::MAX), None);
    }
}
