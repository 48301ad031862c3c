//! Bit patterns of float32 and float64 as integers: their images in order, and themselves rounded at a scale. Integer arithmetic only.

use alloc::string::String;

/// A number by its bit pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Float(u32),
    Double(u64),
}

impl Number {
    pub(crate) const fn is_nan(self) -> bool {
        match self {
            Self::Float(bits) => is_nan(bits),
            Self::Double(bits) => is_nan_double(bits),
        }
    }

    pub(crate) fn fixed(self, exponent: i8) -> i64 {
        match self {
            Self::Float(bits) => fixed(bits, exponent),
            Self::Double(bits) => fixed_double(bits, exponent),
        }
    }

    /// Its image, of a number that is not NaN.
    pub(crate) fn ordered(self) -> i64 {
        match self {
            Self::Float(bits) => i64::from(ordered(bits)),
            Self::Double(bits) => ordered_double(bits).cast_signed(),
        }
    }

    /// The number itself.
    // deterministic: every float32 is a float64.
    pub(crate) fn exact(self) -> f64 {
        match self {
            // deterministic: as above.
            Self::Float(bits) => f64::from(f32::from_bits(bits)),
            // deterministic: as above.
            Self::Double(bits) => f64::from_bits(bits),
        }
    }

    /// The shortest decimal that reads as this number, with an exponent where it would be long.
    pub(crate) fn text(self) -> String {
        // deterministic: comparisons only.
        let size = self.exact().abs();
        let is_long = size >= 1e17 || (size > 0.0 && size < 1e-7);
        match self {
            // deterministic: core prints floats the same everywhere, and only people read it.
            Self::Float(bits) if is_long => alloc::format!("{:e}", f32::from_bits(bits)),
            // deterministic: as above.
            Self::Float(bits) => alloc::format!("{}", f32::from_bits(bits)),
            // deterministic: as above.
            Self::Double(bits) if is_long => alloc::format!("{:e}", f64::from_bits(bits)),
            // deterministic: as above.
            Self::Double(bits) => alloc::format!("{}", f64::from_bits(bits)),
        }
    }
}

/// Whether the bit pattern is a NaN.
#[must_use]
pub const fn is_nan(bits: u32) -> bool {
    bits & 0x7fff_ffff > 0x7f80_0000
}

/// Whether the bit pattern of a float64 is a NaN.
#[must_use]
pub const fn is_nan_double(bits: u64) -> bool {
    bits & !ORDERED_DOUBLE_ZERO > 0x7ff0_0000_0000_0000
}

/// The image of both zeros; positive numbers have larger ones.
const ORDERED_ZERO: u32 = 1 << 31;

/// The order-preserving image of a float32 that is not NaN: see [`crate::Ingest::Ordered`]. Each integer from
/// [`crate::ingest::ORDERED_MIN`] to [`crate::ingest::ORDERED_MAX`] is the image of one number, so that a range shows that a hidden
/// integer is an image.
#[must_use]
pub const fn ordered(bits: u32) -> u32 {
    let magnitude = bits & !ORDERED_ZERO;
    if bits == magnitude { ORDERED_ZERO | magnitude } else { ORDERED_ZERO.wrapping_sub(magnitude) }
}

/// The float32 whose [`ordered`] image this is (+0 for zero).
#[must_use]
pub const fn unordered(image: u32) -> u32 {
    if image >= ORDERED_ZERO { image ^ ORDERED_ZERO } else { ORDERED_ZERO | ORDERED_ZERO.wrapping_sub(image) }
}

/// The image of both zeros of float64.
const ORDERED_DOUBLE_ZERO: u64 = 1 << 63;

/// The order-preserving image of a float64 that is not NaN: see [`crate::Ingest::OrderedDouble`]. Each integer from
/// [`crate::ingest::ORDERED_DOUBLE_MIN`] to [`crate::ingest::ORDERED_DOUBLE_MAX`] is the image of one number.
#[must_use]
pub const fn ordered_double(bits: u64) -> u64 {
    let magnitude = bits & !ORDERED_DOUBLE_ZERO;
    if bits == magnitude { ORDERED_DOUBLE_ZERO | magnitude } else { ORDERED_DOUBLE_ZERO.wrapping_sub(magnitude) }
}

/// The float64 whose [`ordered_double`] image this is (+0 for zero).
#[must_use]
pub const fn unordered_double(image: u64) -> u64 {
    if image >= ORDERED_DOUBLE_ZERO {
        image ^ ORDERED_DOUBLE_ZERO
    } else {
        ORDERED_DOUBLE_ZERO | ORDERED_DOUBLE_ZERO.wrapping_sub(image)
    }
}

/// As [`fixed`], of a float64.
#[must_use]
pub fn fixed_double(bits: u64, exponent: i8) -> i64 {
    let negative = bits >> 63 == 1;
    let biased = (bits >> 52) & 0x7ff;
    let fraction = (bits & 0x000f_ffff_ffff_ffff).cast_signed();
    if biased == 0x7ff {
        return signed(negative, HUGE);
    }
    let significand = if biased == 0 { fraction } else { fraction | (1 << 52) };
    scaled(signed(negative, significand), 53, scale(biased, 1075).saturating_add(exponent.into()))
}

/// The power of two of a significand as an integer, by the exponent as it is stored. Zero stands for what one does.
fn scale(biased: u64, bias: i32) -> i32 {
    i32::try_from(biased.max(1)).unwrap_or(i32::MAX).saturating_sub(bias)
}

const fn signed(negative: bool, magnitude: i64) -> i64 {
    if negative { magnitude.wrapping_neg() } else { magnitude }
}

/// What numbers become that are too large.
const HUGE: i64 = 1 << 62;

/// `floor(significand · 2^shift + 1/2)` of a significand below 2^`bits`, at most ±2⁶².
fn scaled(significand: i64, bits: u32, shift: i32) -> i64 {
    let places = shift.unsigned_abs();
    match shift {
        _ if significand == 0 => 0,
        // Shifted so far it stays below 2⁶².
        0.. if places <= 62u32.saturating_sub(bits) => significand.wrapping_shl(places),
        0.. => signed(significand < 0, HUGE),
        // |x| < 1/4.
        _ if places > bits.saturating_add(1) => 0,
        _ => crate::arith::round_shift(significand, u8::try_from(places).unwrap_or(u8::MAX)),
    }
}

/// `floor(x · 2^exponent + 1/2)` of a float32 that is not NaN, exactly; results beyond ±2⁶², infinities included, become
/// ±2⁶².
#[must_use]
pub fn fixed(bits: u32, exponent: i8) -> i64 {
    let negative = bits >> 31 == 1;
    let biased = u64::from((bits >> 23) & 0xff);
    let fraction = i64::from(bits & 0x007f_ffff);
    if biased == 0xff {
        return signed(negative, HUGE);
    }
    let significand = if biased == 0 { fraction } else { fraction | (1 << 23) };
    scaled(signed(negative, significand), 24, scale(biased, 150).saturating_add(exponent.into()))
}
