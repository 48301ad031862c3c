//! How much a foreign file asks for. Every file's dimensions pass here before anything is multiplied or allocated, and every text
//! before it becomes values.

/// Most elements of a constant that a file holds: one per byte of the largest file.
pub(crate) const MOST_IN_FILE: usize = 1 << 30;

/// Most values of a booster's file: each takes some fifty bytes once it is read.
pub(crate) const MOST_VALUES: usize = 1 << 25;
/// Most objects of any file: each takes some six hundred bytes once it is read.
pub(crate) const MOST_OBJECTS: usize = 1 << 20;

/// What was expected, and what is there.
pub(crate) type Excess = (String, String);

/// Refuses a text that would become more than `most` of what the bytes `separators` separate. Those in quotes count as well.
pub(crate) fn at_most(most: usize, what: &str, separators: &[u8], text: &[u8]) -> Result<(), Excess> {
    let got = text.iter().filter(|byte| separators.contains(byte)).count();
    if got <= most { Ok(()) } else { Err((format!("at most {most} {what}"), got.to_string())) }
}

/// Refuses a text of JSON that would become more than so many values, or too many objects.
pub(crate) fn json_at_most(values: usize, text: &[u8]) -> Result<(), Excess> {
    at_most(MOST_OBJECTS, "objects", b"{", text)?;
    at_most(values, "values", b",[{", text)
}

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
