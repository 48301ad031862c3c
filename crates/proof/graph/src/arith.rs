//! The scalar rules of [`crate::Op`], one function each, shared by execution and by interval arithmetic.

use crate::interval::Interval;

/// 2^`exponent`, or the largest integer where that is larger.
#[must_use]
pub(crate) fn power(exponent: u8) -> i64 {
    if exponent < 63 { 1i64.wrapping_shl(exponent.into()) } else { i64::MAX }
}

/// `(x + 2^(shift−1)) >> shift`: rounding half up. `shift` is at least one and below 63, and `x` below 2⁶²: beyond, the result says
/// nothing.
#[must_use]
pub fn round_shift(x: i64, shift: u8) -> i64 {
    let half = 1i64.wrapping_shl(u32::from(shift).wrapping_sub(1));
    x.wrapping_add(half).wrapping_shr(shift.into())
}

/// What [`crate::Op::Narrow`] results in: `lo..lo + 2^bits`. `bits` is below 62.
#[must_use]
pub fn narrowed(lo: i32, bits: u8) -> Interval {
    let lo = i64::from(lo);
    Interval { lo, hi: lo.saturating_add(power(bits).saturating_sub(1)) }
}

/// `x` rounded by `shift` bits as [`round_shift`] does, or itself if that is zero.
#[must_use]
pub fn rounded(x: i64, shift: u8) -> i64 {
    if shift == 0 { x } else { round_shift(x, shift) }
}

/// The largest number in the equations of a row's gaps, where elements lie in the interval `x`. A gap says how far an element lies below
/// the largest of its row. It is less than `2^bits`, after both were rounded by `shift` bits. The number has to stay below p: else
/// different integers could be equal in the field.
#[must_use]
pub fn gap_reach(x: Interval, shift: u8, bits: u8) -> i64 {
    let magnitude = x.reach();
    let results = magnitude.wrapping_shr(shift.into()).saturating_add(2).saturating_add(power(bits));
    magnitude.saturating_add(results.saturating_mul(power(shift)))
}

/// How often tensors are compared in pairs until one of so many is left and compared with zero.
#[must_use]
pub const fn comparisons(tensors: usize) -> u32 {
    usize::BITS.saturating_sub(tensors.saturating_sub(1).leading_zeros()).saturating_add(1)
}

/// `floor(√x)` of a non-negative `x`; zero for a negative one.
#[must_use]
pub const fn isqrt(x: i64) -> i64 {
    if x < 0 { 0 } else { x.isqrt() }
}

/// One element of a piecewise linear function, inside the segment with left value `value` and rise `slope`. Both are below 2³¹,
/// `fraction` is below 2^`frac_bits`, and `frac_bits` is below 29.
#[must_use]
pub fn curve_point(value: i64, slope: i64, fraction: i64, frac_bits: u8) -> i64 {
    round_shift(value.wrapping_shl(frac_bits.into()).wrapping_add(slope.wrapping_mul(fraction)), frac_bits)
}
