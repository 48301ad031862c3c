//! Sigmoid and Softmax by piecewise linear tables.

use super::affine::{at_exponent, rescale, uniform};
use super::builder::{ProgramBuilder, Quant};
use crate::error::{At, CompileError};
use crate::float::sigmoid as logistic;
use ciro_graph::{ConstId, Interval, MAX_MAGNITUDE, Op, ValueId};

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
    let x = coarse(builder, at, x, -REACH, REACH)?;
    let e = x.exponents.at(0);
    let bits = (2 * REACH).ilog2() as i32 + e;
    let f = |v: f64| (logistic(v), logistic(v) * (1.0 - logistic(v)) * (1.0 - 2.0 * logistic(v)));
    let (id, exponent) = curve(builder, at, x.id, &Domain { lo: -(REACH << e), bits: bits as u32, exponent: e }, f)?;
    Ok(Quant::uniform(id, exponent))
}

/// x at the argument's scale, clamped to [lo, hi).
fn coarse(builder: &mut ProgramBuilder, at: &At, x: Quant, lo: i64, hi: i64) -> Result<Quant, CompileError> {
    let finer = (x.exponents.at(0) - ARGUMENT_EXPONENT).max(0);
    let x = rescale(builder, at, x, finer as u32)?;
    let e = x.exponents.at(0);
    if e < 0 {
        return Err(CompileError::Range { at: at.clone(), reason: "arguments beyond 2³⁰".into() });
    }
    let reach = Interval { lo: lo << e, hi: (hi << e) - 1 };
    // The clamp comes first: clamped, a coarse argument has room for the scale that the table divides into segments.
    let id = if reach.contains(builder.interval(x.id)) {
        x.id
    } else {
        builder.node(at, Op::Clamp { x: x.id, lo: reach.lo as i32, hi: reach.hi as i32 })?
    };
    at_exponent(builder, at, Quant::uniform(id, e), ARGUMENT_EXPONENT)
}

/// The integers that a table covers: 2^bits of them from `lo` on, each worth 2^−exponent.
struct Domain {
    lo: i64,
    bits: u32,
    exponent: i32,
}

/// The table of a function, given as value and second derivative, at the finest scale its equation has room for.
fn curve(
    builder: &mut ProgramBuilder,
    at: &At,
    x: ValueId,
    domain: &Domain,
    f: impl Fn(f64) -> (f64, f64),
) -> Result<(ValueId, i32), CompileError> {
    let frac_bits = domain.bits - SEGMENT_BITS;
    let width = f64::from(frac_bits as i32 - domain.exponent).exp2();
    let start = domain.lo as f64 * (-f64::from(domain.exponent)).exp2();
    let point = |t: u32| {
        let (value, bend) = f(start + f64::from(t) * width);
        // A chord misses a bent curve by up to width²/8 · bend on one side; half of that spreads it over both.
        value - width * width / 16.0 * bend
    };
    let points: Vec<f64> = (0..=1 << SEGMENT_BITS).map(point).collect();
    let (exponent, values) = finest(&points, frac_bits);
    let slopes = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let values = builder.constant(at, "values", values[..1 << SEGMENT_BITS].to_vec());
    let slopes: ConstId = builder.constant(at, "slopes", slopes);
    let op = Op::Curve { x, lo: domain.lo as i32, frac_bits: frac_bits as u8, values, slopes };
    Ok((builder.node(at, op)?, exponent))
}

fn finest(points: &[f64], frac_bits: u32) -> (i32, Vec<i32>) {
    let at_scale = |exponent: i32| -> Vec<i64> {
        points.iter().map(|v| (v * f64::from(exponent).exp2()).round() as i64).collect()
    };
    let fits = |values: &[i64]| {
        let sum = |pair: &[i64]| (pair[0].abs() + (pair[1] - pair[0]).abs()) << frac_bits;
        values.windows(2).all(|pair| sum(pair) + (1 << (frac_bits - 1)) <= MAX_MAGNITUDE)
    };
    let candidates = (0..=i32::from(POWER_EXPONENT)).rev().map(|e| (e, at_scale(e)));
    let (exponent, values) = candidates.into_iter().find(|(_, values)| fits(values)).unwrap_or((0, at_scale(0)));
    (exponent, values.into_iter().map(|v| v as i32).collect())
}

/// `e^x[i] / Σ e^x[j]`, by way of the distances from the largest element.
pub(super) fn softmax(builder: &mut ProgramBuilder, at: &At, x: Quant) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let finer = (x.exponents.at(0) - ARGUMENT_EXPONENT).max(0);
    let x = rescale(builder, at, x, finer as u32)?;
    let x = super::affine::narrow(builder, at, x, 28)?;
    let largest = builder.node(at, Op::Max { x: x.id })?;
    let distance = builder.node(at, Op::Sub { a: largest, b: x.id })?;
    let distance = coarse(builder, at, Quant::uniform(distance, x.exponents.at(0)), 0, REACH)?;
    let e = distance.exponents.at(0);
    let domain = Domain { lo: 0, bits: (REACH.ilog2() as i32 + e) as u32, exponent: e };
    let (powers, exponent) = curve(builder, at, distance.id, &domain, |v| ((-v).exp(), (-v).exp()))?;
    shares(builder, at, Quant::uniform(powers, exponent))
}

/// Non-negative numbers divided by their sum, which is positive.
fn shares(builder: &mut ProgramBuilder, at: &At, x: Quant) -> Result<Quant, CompileError> {
    let width = u64::BITS - (builder.len(x.id) as u64).leading_zeros();
    // Room for the sum and for three bits of a digit.
    let x = super::affine::narrow(builder, at, x, 26u32.saturating_sub(width))?;
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
    let digit_bits = room.saturating_sub(1).clamp(1, super::builder::LIMB_BITS);
    let digits = POWER_EXPONENT.div_ceil(digit_bits);
    let id = builder.node(at, Op::Div { num, den, digit_bits, digits })?;
    Ok(Quant::uniform(id, i32::from(digits) * i32::from(digit_bits)))
}
