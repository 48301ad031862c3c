//! What many runs come to.

/// Median and 99th percentile, by the nearest rank.
pub(super) fn percentiles(mut samples: Vec<f64>) -> (f64, f64) {
    samples.sort_by(f64::total_cmp);
    let rank = |part: f64| samples.get(((samples.len() as f64 * part).ceil() as usize).saturating_sub(1));
    (rank(0.5).copied().unwrap_or(0.0), rank(0.99).copied().unwrap_or(0.0))
}
