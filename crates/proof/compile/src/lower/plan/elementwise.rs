//! Sums, differences and products of two values, and norms.

use super::affine::{at_exponent, comparable, narrow, uniform};
use super::curves::quotient;
use crate::graph::elem::Norm;
use crate::graph::plan::Kind;
use crate::lower::builder::{Exponents, ProgramBuilder, Quant};
use crate::terms::error::{At, CompileError};
use ciro_graph::{Interval, Op, ValueId};

/// Widest operand of a sum of two, bits.
const SUMMAND_BITS: u32 = 28;
/// Widths of the highest parts of the two factors of a product, bits: together below the 2³⁰ of a product.
const FACTOR_BITS: (u32, u32) = (15, 14);
/// Bits of a product, and of a sum.
const PRODUCT_BITS: u32 = 29;
/// A factor of up to so many bits leaves the other one twenty.
const NARROW_FACTOR: u32 = 9;
/// Widest factor, bits.
const WIDE_FACTOR: u32 = 27;
/// Widest norm, bits: leaves a quotient digits of three bits.
const NORM_BITS: u32 = 26;
/// Scale of a vector whose largest magnitude is one.
const NORM_EXPONENT: i32 = 20;

/// The sum, difference or product of a and b (which may have one element).
pub(super) fn two(
    builder: &mut ProgramBuilder,
    at: &At,
    kind: &Kind,
    a: Quant,
    b: Quant,
) -> Result<Quant, CompileError> {
    if matches!(kind, Kind::Mul) {
        return product(builder, at, &a, &b);
    }
    let (a, b) = (uniform(builder, at, a)?, uniform(builder, at, b)?);
    let (a, b) = (narrow(builder, at, &a, SUMMAND_BITS)?, narrow(builder, at, &b, SUMMAND_BITS)?);
    let finer = a.exponents.at(0).max(b.exponents.at(0));
    let (a, b) = (at_exponent(builder, at, a, finer)?, at_exponent(builder, at, b, finer)?);
    // A summand without room for the finer scale decides.
    let exponent = a.exponents.at(0).min(b.exponents.at(0));
    let (a, b) = (at_exponent(builder, at, a, exponent)?, at_exponent(builder, at, b, exponent)?);
    let op = if matches!(kind, Kind::Sub) { Op::Sub { a: a.id, b: b.id } } else { Op::Add { a: a.id, b: b.id } };
    Ok(Quant::uniform(builder.node(at, op)?, exponent))
}

/// x cut off at both ends.
pub(super) fn clipped(
    builder: &mut ProgramBuilder,
    at: &At,
    x: Quant,
    (lo, hi): (f64, f64),
) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let Interval { lo: least, hi: most } = builder.interval(x.id);
    if least == most {
        return Ok(x);
    }
    let scale = f64::from(x.exponents.at(0)).exp2();
    let end = |v: f64, least: i64, most: i64| (v * scale).round().clamp(least as f64, most as f64) as i64;
    // Both ends may lie beyond all that x can be: two numbers are left then.
    let lo = end(lo, least, most - 1);
    let hi = end(hi, lo + 1, most);
    let id = builder.node(at, Op::Clamp { x: x.id, lo: lo as i32, hi: hi as i32 })?;
    Ok(Quant { id, exponents: x.exponents })
}

/// Bits of magnitude.
fn width(builder: &ProgramBuilder, x: &Quant) -> u32 {
    u64::BITS - builder.interval(x.id).magnitude().leading_zeros()
}

/// The product of a and b (which may have one element). It is made at once where one of them is narrow. Else it is made in halves, so
/// that it keeps what 29 bits hold of it. Elements keep scales of their own.
fn product(builder: &mut ProgramBuilder, at: &At, a: &Quant, b: &Quant) -> Result<Quant, CompileError> {
    let (a_bits, b_bits) = (width(builder, a), width(builder, b));
    if a_bits.min(b_bits) <= NARROW_FACTOR {
        let room = PRODUCT_BITS - a_bits.min(b_bits);
        let (a, b) = (narrow(builder, at, a, room)?, narrow(builder, at, b, room)?);
        let id = builder.node(at, Op::Mul { a: a.id, b: b.id })?;
        return Ok(Quant { id, exponents: together(builder, at, &a, &b)? });
    }
    if a.id == b.id {
        return square(builder, at, a);
    }
    let (a, a_rest) = halves(builder, at, a, FACTOR_BITS.0)?;
    let (b, b_rest) = halves(builder, at, b, FACTOR_BITS.1)?;
    let mut sum = builder.node(at, Op::Mul { a: a.id, b: b.id })?;
    for part in [b_rest.map(|(rest, shift)| (a.id, rest, shift)), a_rest.map(|(rest, shift)| (rest, b.id, shift))] {
        let Some((a, b, shift)) = part else { continue };
        let part = builder.node(at, Op::Mul { a, b })?;
        let part = builder.node(at, Op::Rescale { x: part, shift })?;
        sum = builder.node(at, Op::Add { a: sum, b: part })?;
    }
    Ok(Quant { id: sum, exponents: together(builder, at, &a, &b)? })
}

/// x times itself: of its halves, the square of the higher one and twice the product of both.
fn square(builder: &mut ProgramBuilder, at: &At, x: &Quant) -> Result<Quant, CompileError> {
    let (x, rest) = halves(builder, at, x, FACTOR_BITS.1)?;
    let mut sum = builder.node(at, Op::Mul { a: x.id, b: x.id })?;
    if let Some((rest, shift)) = rest {
        let part = builder.node(at, Op::Mul { a: x.id, b: rest })?;
        let part = if shift > 1 { builder.node(at, Op::Rescale { x: part, shift: shift - 1 })? } else { part };
        sum = builder.node(at, Op::Add { a: sum, b: part })?;
    }
    Ok(Quant { id: sum, exponents: together(builder, at, &x, &x)? })
}

/// Finest scale of a product, and coarsest: float32 has none beyond 2^±149, so a longer chain of products means nothing.
const WIDEST_EXPONENT: i32 = 1 << 10;

/// The scales of products.
fn together(builder: &ProgramBuilder, at: &At, a: &Quant, b: &Quant) -> Result<Exponents, CompileError> {
    let second = |i: usize| b.exponents.at(if builder.len(b.id) == 1 { 0 } else { i });
    let scale = |a: i32, b: i32| {
        let exponent = i64::from(a) + i64::from(b);
        let fits =
            i32::try_from(exponent).ok().filter(|exponent| (-WIDEST_EXPONENT..=WIDEST_EXPONENT).contains(exponent));
        fits.ok_or_else(|| CompileError::Range {
            at: at.clone(),
            reason: format!("expected products in steps of 2^±{WIDEST_EXPONENT} at most, got 2^{}", -exponent),
        })
    };
    match (&a.exponents, &b.exponents) {
        (Exponents::Uniform(a), Exponents::Uniform(b)) => scale(*a, *b).map(Exponents::Uniform),
        (Exponents::Each(_), Exponents::Uniform(_) | Exponents::Each(_))
        | (Exponents::Uniform(_), Exponents::Each(_)) => {
            let each = (0..builder.len(a.id)).map(|i| scale(a.exponents.at(i), second(i)));
            each.collect::<Result<_, _>>().map(Exponents::Each)
        }
    }
}

/// The highest bits of x, and what they leave over with the number of its bits.
fn halves(
    builder: &mut ProgramBuilder,
    at: &At,
    x: &Quant,
    bits: u32,
) -> Result<(Quant, Option<(ValueId, u8)>), CompileError> {
    let x = narrow(builder, at, x, WIDE_FACTOR)?;
    let shift = width(builder, &x).saturating_sub(bits);
    if shift == 0 {
        return Ok((x, None));
    }
    let high = narrow(builder, at, &x, bits)?;
    let scaled = builder.node(at, Op::Scale { x: high.id, factor: 1 << shift })?;
    let rest = builder.node(at, Op::Sub { a: x.id, b: scaled })?;
    // Rounding leaves no more, which interval arithmetic cannot know.
    let rest = builder.node(at, Op::Narrow { x: rest, shift: 0, lo: -(1 << (shift - 1)), bits: shift as u8 })?;
    Ok((high, Some((rest, shift as u8))))
}

/// Digits of a quotient.
const DIGITS: usize = 3;
/// Bits of a digit.
const DIGIT_BITS: u32 = 9;
/// Bits of a divisor whose quotients have such digits.
const DIVISOR_BITS: u32 = 20;
/// A quotient may be so many times larger than samples show.
const MORE: f64 = 4.0;

/// The smallest and the largest of a value, if samples show them.
type Ends = Option<(f64, f64)>;

/// a / b for a positive b. `seen`: the ends of b and of the quotient that samples show. An input for which b is not positive, or the
/// quotient far larger than on any sample, is refused.
pub(super) fn divide(
    builder: &mut ProgramBuilder,
    at: &At,
    (a, b): (Quant, Quant),
    (divisors, quotients): (Ends, Ends),
) -> Result<Quant, CompileError> {
    let (a, b) = (uniform(builder, at, a)?, uniform(builder, at, b)?);
    let is_positive = builder.interval(b.id).lo > 0 || divisors.is_some_and(|(lo, _)| lo > 0.0);
    if !is_positive || builder.interval(b.id).hi < 1 {
        return Err(CompileError::Form {
            at: at.clone(),
            what: "a divisor that is not positive on each sample".into(),
            hint: "divide by positive values, such as sums of probabilities, and pass samples".into(),
        });
    }
    let size = quotients.map_or(1.0, |(lo, hi)| hi.max(-lo));
    if size <= 1.0 + 1e-6 && builder.len(b.id) == 1 {
        let exponent = a.exponents.at(0).max(b.exponents.at(0));
        let b = at_exponent(builder, at, b, exponent)?;
        let b = narrow(builder, at, &b, NORM_BITS)?;
        let a = at_exponent(builder, at, a, b.exponents.at(0))?;
        let b = at_exponent(builder, at, b, a.exponents.at(0))?;
        return quotient(builder, at, a.id, b.id);
    }
    let b = narrow(builder, at, &b, DIVISOR_BITS)?;
    let unit = (size * MORE).max(f64::MIN_POSITIVE).log2().ceil() as i32 - DIGIT_BITS as i32;
    // Dividends in units in which the first digit is a whole number.
    let num = at_exponent(builder, at, a, b.exponents.at(0) - unit)?;
    let num_exponent = num.exponents.at(0);
    let b = at_exponent(builder, at, b, num_exponent + unit)?;
    let end = 1 << DIGIT_BITS;
    let mut num = num.id;
    let mut ends = (-end, end);
    let mut sum: Option<ValueId> = None;
    for digit in 0..DIGITS {
        let quotient = builder.node(at, Op::Quotient { num, den: b.id, lo: ends.0, hi: ends.1 })?;
        sum = Some(match sum {
            None => quotient,
            Some(sum) => {
                let sum = builder.node(at, Op::Scale { x: sum, factor: end })?;
                builder.node(at, Op::Add { a: sum, b: quotient })?
            }
        });
        if digit + 1 < DIGITS {
            let whole = builder.node(at, Op::Mul { a: quotient, b: b.id })?;
            let rest = builder.node(at, Op::Sub { a: num, b: whole })?;
            let rest = builder.node(at, Op::Narrow { x: rest, shift: 0, lo: 0, bits: DIVISOR_BITS as u8 + 1 })?;
            num = builder.node(at, Op::Scale { x: rest, factor: end })?;
            ends = (0, end);
        }
    }
    let exponent = (DIGITS as i32 - 1) * DIGIT_BITS as i32 - unit;
    sum.map(|id| Quant::uniform(id, exponent))
        .ok_or_else(|| CompileError::Range { at: at.clone(), reason: "a quotient without digits".into() })
}

/// The sum of each run of `row` elements.
pub(super) fn sums(builder: &mut ProgramBuilder, at: &At, x: Quant, row: usize) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let terms = (row as u64).next_power_of_two().ilog2();
    let x = narrow(builder, at, &x, PRODUCT_BITS.saturating_sub(terms))?;
    let rows = rows(builder, at, x.id, row)?;
    let sum = builder.node(at, Op::Sum { x: rows })?;
    Ok(Quant::uniform(as_row(builder, at, sum)?, x.exponents.at(0)))
}

/// The largest of each run of `row` elements.
pub(super) fn maxima(builder: &mut ProgramBuilder, at: &At, x: Quant, row: usize) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let x = comparable(builder, at, &x)?;
    let rows = rows(builder, at, x.id, row)?;
    let largest = builder.node(at, Op::Max { x: rows })?;
    Ok(Quant::uniform(as_row(builder, at, largest)?, x.exponents.at(0)))
}

fn rows(builder: &mut ProgramBuilder, at: &At, x: ValueId, row: usize) -> Result<ValueId, CompileError> {
    let count = builder.len(x) / row.max(1);
    builder.reshape(at, x, vec![count as u32, row as u32])
}

fn as_row(builder: &mut ProgramBuilder, at: &At, x: ValueId) -> Result<ValueId, CompileError> {
    let len = builder.len(x) as u32;
    builder.reshape(at, x, vec![1, len])
}

/// x divided by its norm; a zero vector stays.
pub(super) fn normalize(builder: &mut ProgramBuilder, at: &At, x: Quant, norm: Norm) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let terms = (builder.len(x.id) as u64).next_power_of_two().ilog2();
    match norm {
        Norm::L1 => {
            let x = narrow(builder, at, &x, NORM_BITS.saturating_sub(terms))?;
            let magnitudes = magnitudes(builder, at, x.id)?;
            let den = builder.node(at, Op::Sum { x: magnitudes })?;
            divided(builder, at, x.id, den)
        }
        Norm::L2 => by_root_of_squares(builder, at, &x, terms),
        Norm::Max if builder.interval(x.id).lo < 0 => Err(CompileError::Form {
            at: at.clone(),
            what: "the norm MAX of values that may be negative".into(),
            hint: "use the norm L1 or L2, or apply it after Relu, Sigmoid or Softmax".into(),
        }),
        Norm::Max => {
            let x = narrow(builder, at, &x, NORM_BITS)?;
            let den = builder.node(at, Op::Max { x: x.id })?;
            divided(builder, at, x.id, den)
        }
    }
}

/// x divided by a norm that bounds it. Only a zero vector has norm zero; divided by one it stays.
fn divided(builder: &mut ProgramBuilder, at: &At, x: ValueId, den: ValueId) -> Result<Quant, CompileError> {
    let hi = builder.interval(den).hi.max(2);
    let den = builder.node(at, Op::Clamp { x: den, lo: 1, hi: hi as i32 })?;
    quotient(builder, at, x, den)
}

/// x divided by its Euclidean norm. First x is divided by its largest magnitude. So it is as precise as squares below 2³⁰ allow whatever
/// its range is, and its norm is not below one.
fn by_root_of_squares(builder: &mut ProgramBuilder, at: &At, x: &Quant, terms: u32) -> Result<Quant, CompileError> {
    let x = narrow(builder, at, x, NORM_BITS)?;
    let magnitudes = magnitudes(builder, at, x.id)?;
    let largest = builder.node(at, Op::Max { x: magnitudes })?;
    let unit = divided(builder, at, x.id, largest)?;
    let unit = at_exponent(builder, at, unit, NORM_EXPONENT)?;
    let root_bits = (31u32.saturating_sub(terms)) / 2;
    let coarse = narrow(builder, at, &unit, root_bits)?;
    let squares = builder.node(at, Op::Mul { a: coarse.id, b: coarse.id })?;
    let sum = builder.node(at, Op::Sum { x: squares })?;
    // A sum of squares is not negative, which interval arithmetic cannot know.
    let sum = builder.node(at, Op::Relu { x: sum })?;
    let root = builder.node(at, Op::Isqrt { x: sum })?;
    // The root is rounded down: half a unit more is right on average, and still bounds every element.
    let up = NORM_EXPONENT - coarse.exponents.at(0);
    let root = builder.node(at, Op::Scale { x: root, factor: 1 << up })?;
    let half = builder.constant(at, "half", vec![1 << (up - 1)]);
    let den = builder.node(at, Op::AddConst { x: root, c: half })?;
    quotient(builder, at, unit.id, den)
}

fn magnitudes(builder: &mut ProgramBuilder, at: &At, x: ValueId) -> Result<ValueId, CompileError> {
    if builder.interval(x).lo >= 0 {
        return Ok(x);
    }
    let positive = builder.node(at, Op::Relu { x })?;
    let negated = builder.node(at, Op::Scale { x, factor: -1 })?;
    let negative = builder.node(at, Op::Relu { x: negated })?;
    builder.node(at, Op::Add { a: positive, b: negative })
}
