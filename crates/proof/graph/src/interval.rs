//! Closed intervals of integers: how the compiler proves, and a loader re-checks, that nothing wraps around the field.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;

/// The largest magnitude an element may have: (p − 1) / 2 for p = 2³¹ − 2²⁴ + 1. Two integers this small are equal
/// modulo p only if they are equal; it lies just below the 2³⁰ that operators are documented with.
pub const MAX_MAGNITUDE: i64 = (1 << 30) - (1 << 23);

/// Elements of the field: integers less than this apart are equal modulo p only if they are equal.
pub(crate) const FIELD: i64 = 2 * MAX_MAGNITUDE + 1;

/// All integers from `lo` to `hi`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Interval {
    /// Smallest element.
    pub lo: i64,
    /// Largest element; never below `lo`.
    pub hi: i64,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.lo, self.hi)
    }
}

impl Interval {
    /// The interval between two ends in either order.
    #[must_use]
    pub fn spanning(a: i64, b: i64) -> Self {
        Self { lo: a.min(b), hi: a.max(b) }
    }

    /// The interval of 128-bit ends, saturated to 64 bits (such an interval fails [`Self::fits`] all the same).
    #[must_use]
    pub fn saturating(lo: i128, hi: i128) -> Self {
        let narrow = |v: i128| i64::try_from(v).unwrap_or(if v < 0 { i64::MIN } else { i64::MAX });
        Self { lo: narrow(lo), hi: narrow(hi) }
    }

    /// The numbers at most `reach` away from zero.
    #[must_use]
    pub const fn around(reach: i64) -> Self {
        Self { lo: reach.saturating_neg(), hi: reach }
    }

    /// Whether every element is small enough for the field.
    #[must_use]
    pub const fn fits(self) -> bool {
        self.lo >= -MAX_MAGNITUDE && self.hi <= MAX_MAGNITUDE
    }

    /// Whether `inner` lies inside.
    #[must_use]
    pub const fn contains(self, inner: Self) -> bool {
        self.lo <= inner.lo && inner.hi <= self.hi
    }

    /// Whether `value` lies inside.
    #[must_use]
    pub const fn has(self, value: i64) -> bool {
        self.lo <= value && value <= self.hi
    }

    /// The smallest interval around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The interval of products `self · factor`.
    #[must_use]
    pub fn times(self, factor: i64) -> Self {
        let end = |v: i64| i128::from(v).saturating_mul(i128::from(factor));
        Self::saturating(end(self.lo).min(end(self.hi)), end(self.lo).max(end(self.hi)))
    }

    /// The interval of sums.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { lo: self.lo.saturating_add(other.lo), hi: self.hi.saturating_add(other.hi) }
    }

    /// The interval of products of two independent elements.
    #[must_use]
    pub fn product(self, other: Self) -> Self {
        self.times(other.lo).union(self.times(other.hi))
    }

    /// The interval of squares.
    #[must_use]
    pub fn square(self) -> Self {
        let at = |v: i64| i128::from(v).saturating_mul(i128::from(v));
        let (a, b) = (at(self.lo), at(self.hi));
        Self::saturating(if self.has(0) { 0 } else { a.min(b) }, a.max(b))
    }

    /// The image under a non-decreasing function.
    #[must_use]
    pub fn map(self, f: impl Fn(i64) -> i64) -> Self {
        Self { lo: f(self.lo), hi: f(self.hi) }
    }

    /// The largest absolute value, as a number of an interval.
    #[must_use]
    pub fn reach(self) -> i64 {
        i64::try_from(self.magnitude()).unwrap_or(i64::MAX)
    }

    /// The largest absolute value.
    #[must_use]
    pub fn magnitude(self) -> u64 {
        self.lo.unsigned_abs().max(self.hi.unsigned_abs())
    }
}
