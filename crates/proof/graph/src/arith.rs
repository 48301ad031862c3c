//! The scalar rules of [`crate::Op`], one function each, shared by execution and by interval arithmetic.

use crate::interval::Interval;

/// `(x + 2^(shift−1)) >> shift`: rounding half up. `shift` is at least one and below 63.
#[must_use]
pub const fn round_shift(x: i64, shift: u8) -> i64 {
    (x + (1 << (shift - 1))) >> shift
}

/// What [`crate::Op::Narrow`] results in: `lo..lo + 2^bits`. `bits` is below 62.
#[must_use]
pub const fn narrowed(lo: i32, bits: u8) -> Interval {
    Interval { lo: lo as i64, hi: lo as i64 + (1 << bits) - 1 }
}

/// `x` rounded by `shift` bits as [`round_shift`] does, or itself if that is zero.
#[must_use]
pub const fn rounded(x: i64, shift: u8) -> i64 {
    if shift == 0 { x } else { round_shift(x, shift) }
}

/// How often tensors are compared in pairs until one of so many is left and compared with zero.
#[must_use]
pub const fn comparisons(tensors: usize) -> u32 {
    (usize::BITS - tensors.saturating_sub(1).leading_zeros()) + 1
}

/// `floor(√x)` of a non-negative `x`; zero for a negative one.
#[must_use]
pub const fn isqrt(x: i64) -> i64 {
    if x < 0 { 0 } else { x.isqrt() }
}

/// One element of a piecewise linear function inside the segment with left value `value` and rise `slope`.
#[must_use]
pub const fn curve_point(value: i64, slope: i64, fraction: i64, frac_bits: u8) -> i64 {
    round_shift((value << frac_bits) + slope * fraction, frac_bits)
}
