//! Columns read as if they were one.

/// Element `number` of the rows (sample, element) of several columns, one after the other; samples begin `stride` apart.
pub(crate) fn element(parts: &[Vec<i64>], samples: usize, stride: usize, number: i64) -> Option<i64> {
    let (sample, mut j) = (usize::try_from(number).ok()? / stride, number as usize % stride);
    for part in parts {
        let len = part.len() / samples;
        if j < len {
            return part.get(sample * len + j).copied();
        }
        j -= len;
    }
    None
}
