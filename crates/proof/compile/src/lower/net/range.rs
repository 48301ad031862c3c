//! How a value becomes narrow.

/// What is declared of a value is this many times what samples show of it, at least, and twice as much at most.
pub(super) const MARGIN: f64 = 2.0;

/// How a value becomes narrow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    /// The scale of the result, at least.
    pub(super) scale: f64,
    pub(super) how: How,
}

/// What holds a narrow value in its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum How {
    /// Interval arithmetic does.
    Free,
    /// The value is declared to lie within this distance from zero; an execution in which it does not is refused.
    Declared(f64),
}

/// The smallest power of two that is not below x.
pub(super) fn power_of_two(x: f64) -> f64 {
    x.max(f64::MIN_POSITIVE).log2().ceil().exp2()
}

/// Chooses for a value that samples show up to `size` and interval arithmetic up to `reach`, for readers with room for
/// `bits`. Nothing is refused where interval arithmetic allows hardly more than would be.
pub(super) fn choose(size: f64, reach: f64, bits: u32) -> Choice {
    let declared = power_of_two(size * MARGIN);
    let end = if reach <= 2.0 * declared { power_of_two(reach) } else { declared };
    let how = if reach <= 2.0 * declared { How::Free } else { How::Declared(declared) };
    Choice { scale: end / f64::from(bits).exp2(), how }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_intervals_bound_well_are_not_refused() {
        let choice = choose(0.7, 1.2, 11);
        assert_eq!(choice, Choice { scale: 2f64.powi(-10), how: How::Free });
    }

    #[test]
    fn values_that_intervals_bound_badly_are_declared_with_a_margin_of_two_to_four() {
        for size in [0.26, 0.4, 0.5] {
            assert_eq!(choose(size, 30.0, 11), Choice { scale: 2f64.powi(-11), how: How::Declared(1.0) });
        }
        assert_eq!(choose(0.51, 30.0, 11).how, How::Declared(2.0));
    }
}
