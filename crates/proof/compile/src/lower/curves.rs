//! Sigmoid and Softmax by piecewise linear tables.

use super::affine::{at_exponent, narrow, rescale, uniform};
use super::builder::{COMPARED_BITS, LIMB_BITS, ProgramBuilder, Quant};
use crate::error::{At, CompileError};
use crate::float::sigmoid as logistic;
use ciro_graph::{Interval, MAX_MAGNITUDE, Op, ValueId};

/// Entries of a table. Tables are paid for in every proof; 2¹¹ leave an error near 2⁻¹⁹.
const SEGMENT_BITS: u32 = 11;
/// Scale of a table's argument.
const ARGUMENT_EXPONENT: i32 = 16;
/// Beyond ±16 a sigmoid is within 1.2·10⁻⁷ of its limit, and e⁻¹⁶ as close to zero.
const REACH: i64 = 16;
/// Scale of a softmax's exponentials, and of its quotients.
const POWER_EXPONENT: u8 = 20;

/// `1 / (1 + e^−x)`.
pub(super) fn sigmoid(builder: &mut ProgramBuilder, at: &At, x: Quant) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let x = argument(builder, at, &x, -REACH, REACH)?;
    let f = |v: f64| (logistic(v), logistic(v) * (1.0 - logistic(v)) * (1.0 - 2.0 * logistic(v)));
    curve(builder, at, x, (-REACH, REACH), f)
}

/// Largest exponent of an exponential: e²⁰ is where its integers would end.
const EXPONENT_MAX: f64 = 20.0;

/// An exponential may be this many times larger than samples show, where intervals allow [`LOOSE`] times as much.
const MORE: f64 = 16.0;
/// See [`MORE`].
const LOOSE: f64 = 64.0;

/// `e^x`, by way of the distance from the largest x that there can be. Where samples show far smaller ones (up to `largest`), it is
/// declared, and an input beyond it is refused.
pub(super) fn exp(
    builder: &mut ProgramBuilder,
    at: &At,
    x: Quant,
    largest: Option<f64>,
) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let finer = (x.exponents.at(0) - ARGUMENT_EXPONENT).max(0);
    let x = rescale(builder, at, &x, finer as u32)?;
    let mut x = narrow(builder, at, &x, COMPARED_BITS - 1)?;
    if let Some(largest) = largest {
        x.id = below(builder, at, &x, largest)?;
    }
    let Interval { lo, hi } = builder.interval(x.id);
    let unit = f64::from(-x.exponents.at(0)).exp2();
    let (top, width) = (hi as f64 * unit, (hi - lo) as f64 * unit);
    if top > EXPONENT_MAX {
        let reason = format!("e to a power of up to {top:.1}, where {EXPONENT_MAX} is the most");
        return Err(CompileError::Range { at: at.clone(), reason });
    }
    let below = builder.node(at, Op::Scale { x: x.id, factor: -1 })?;
    let largest = builder.constant(at, "largest", vec![hi as i32; builder.len(x.id)]);
    let distance = builder.node(at, Op::AddConst { x: below, c: largest })?;
    let reach = (width.ceil().clamp(1.0, REACH as f64) as i64 as u64).next_power_of_two() as i64;
    let distance = argument(builder, at, &Quant::uniform(distance, x.exponents.at(0)), 0, reach)?;
    curve(builder, at, distance, (0, reach), |v| ((top - v).exp(), (top - v).exp()))
}

/// x declared to lie below what samples show, if intervals allow far more.
fn below(builder: &mut ProgramBuilder, at: &At, x: &Quant, largest: f64) -> Result<ValueId, CompileError> {
    let unit = f64::from(-x.exponents.at(0)).exp2();
    let Interval { lo, hi } = builder.interval(x.id);
    if hi as f64 * unit <= largest + LOOSE.ln() {
        return Ok(x.id);
    }
    let end = ((largest + MORE.ln()) / unit).ceil() as i64 + 1;
    let bits = u64::BITS - ((end - lo).max(1) as u64 - 1).leading_zeros();
    let lo = (end - (1 << bits)) as i32;
    builder.node(at, Op::Narrow { x: x.id, shift: 0, lo, bits: bits as u8 })
}

/// x at the argument's scale, clamped to [lo, hi).
fn argument(builder: &mut ProgramBuilder, at: &At, x: &Quant, lo: i64, hi: i64) -> Result<ValueId, CompileError> {
    let finer = (x.exponents.at(0) - ARGUMENT_EXPONENT).max(0);
    let x = rescale(builder, at, x, finer as u32)?;
    let e = x.exponents.at(0);
    if e < 0 {
        return Err(CompileError::Range { at: at.clone(), reason: "arguments beyond 2³⁰".into() });
    }
    let reach = Interval { lo: lo << e, hi: (hi << e) - 1 };
    // The clamp comes first: clamped, a coarse argument has room for the finer scale.
    let id = if reach.contains(builder.interval(x.id)) {
        x.id
    } else {
        builder.node(at, Op::Clamp { x: x.id, lo: reach.lo as i32, hi: reach.hi as i32 })?
    };
    Ok(at_exponent(builder, at, Quant::uniform(id, e), ARGUMENT_EXPONENT)?.id)
}

/// The table of a function over [lo, hi), given as value and second derivative, at the finest scale that its equation has
/// room for. hi − lo is a power of two.
fn curve(
    builder: &mut ProgramBuilder,
    at: &At,
    x: ValueId,
    (lo, hi): (i64, i64),
    f: impl Fn(f64) -> (f64, f64),
) -> Result<Quant, CompileError> {
    let domain_bits = (hi - lo).ilog2() + ARGUMENT_EXPONENT as u32;
    let frac_bits = domain_bits - SEGMENT_BITS;
    let width = (hi - lo) as f64 / f64::from(1 << SEGMENT_BITS);
    let point = |t: u32| {
        let (value, bend) = f(lo as f64 + f64::from(t) * width);
        // A chord misses a bent curve by up to width²/8 · bend on one side; half of that spreads it over both.
        value - width * width / 16.0 * bend
    };
    let points: Vec<f64> = (0..=1 << SEGMENT_BITS).map(point).collect();
    let (exponent, ends) = finest(&points, frac_bits);
    let slopes = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let values = builder.constant(at, "values", ends[..1 << SEGMENT_BITS].to_vec());
    let slopes = builder.constant(at, "slopes", slopes);
    let lo = (lo << ARGUMENT_EXPONENT) as i32;
    let id = builder.node(at, Op::Curve { x, lo, frac_bits: frac_bits as u8, values, slopes })?;
    Ok(Quant::uniform(id, exponent))
}

/// The points as integers at the finest scale at which value and rise of each segment fit side by side.
fn finest(points: &[f64], frac_bits: u32) -> (i32, Vec<i32>) {
    let at_scale = |exponent: i32| -> Vec<i64> {
        points.iter().map(|v| (v * f64::from(exponent).exp2()).round() as i64).collect()
    };
    let fits = |ends: &[i64]| {
        let sum = |pair: &[i64]| (pair[0].abs() + (pair[1] - pair[0]).abs()) << frac_bits;
        ends.windows(2).all(|pair| sum(pair) + (1 << (frac_bits - 1)) <= MAX_MAGNITUDE)
    };
    let mut exponent = i32::from(POWER_EXPONENT);
    while exponent > 0 && !fits(&at_scale(exponent)) {
        exponent -= 1;
    }
    (exponent, at_scale(exponent).into_iter().map(|v| v as i32).collect())
}

/// `e^x[i] / Σ e^x[j]`, by way of the distances from the largest element.
pub(super) fn softmax(builder: &mut ProgramBuilder, at: &At, x: Quant) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let finer = (x.exponents.at(0) - ARGUMENT_EXPONENT).max(0);
    let x = rescale(builder, at, &x, finer as u32)?;
    let x = narrow(builder, at, &x, COMPARED_BITS - 1)?;
    let largest = builder.node(at, Op::Max { x: x.id })?;
    let distance = builder.node(at, Op::Sub { a: largest, b: x.id })?;
    let distance = argument(builder, at, &Quant::uniform(distance, x.exponents.at(0)), 0, REACH)?;
    let powers = curve(builder, at, distance, (0, REACH), |v| ((-v).exp(), (-v).exp()))?;
    shares(builder, at, &powers)
}

/// Non-negative numbers divided by their sum, which is positive.
fn shares(builder: &mut ProgramBuilder, at: &At, x: &Quant) -> Result<Quant, CompileError> {
    let width = u64::BITS - (builder.len(x.id) as u64).leading_zeros();
    // Room for the sum and for three bits of a digit.
    let x = narrow(builder, at, x, 26u32.saturating_sub(width))?;
    let sum = builder.node(at, Op::Sum { x: x.id })?;
    quotient(builder, at, x.id, sum)
}

/// `num / den` at 2^−20 or finer, where |num| ≤ den and den is narrow enough for digits of at least one bit.
pub(super) fn quotient(
    builder: &mut ProgramBuilder,
    at: &At,
    num: ValueId,
    den: ValueId,
) -> Result<Quant, CompileError> {
    let den_hi = builder.interval(den).hi.max(1);
    let room = (MAX_MAGNITUDE / den_hi).max(1).ilog2() as u8;
    let digit_bits = room.saturating_sub(1).clamp(1, LIMB_BITS);
    let digits = POWER_EXPONENT.div_ceil(digit_bits);
    let id = builder.node(at, Op::Div { num, den, digit_bits, digits })?;
    Ok(Quant::uniform(id, i32::from(digits) * i32::from(digit_bits)))
}
