//! Sums, differences and products of two values, and norms.

use super::affine::{at_exponent, narrow, uniform};
use super::builder::{ProgramBuilder, Quant};
use super::curves::quotient;
use crate::error::{At, CompileError};
use crate::plan::{Kind, Norm};
use ciro_graph::{Op, ValueId};

/// Widest operand of a sum of two, bits.
const SUMMAND_BITS: u32 = 28;
/// Widths of the two factors of a product, bits: together below the 2³⁰ of a product.
const FACTOR_BITS: (u32, u32) = (15, 14);
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
    let (a, b) = (uniform(builder, at, a)?, uniform(builder, at, b)?);
    if matches!(kind, Kind::Mul) {
        let (a, b) = (narrow(builder, at, &a, FACTOR_BITS.0)?, narrow(builder, at, &b, FACTOR_BITS.1)?);
        let exponent = a.exponents.at(0) + b.exponents.at(0);
        return Ok(Quant::uniform(builder.node(at, Op::Mul { a: a.id, b: b.id })?, exponent));
    }
    let (a, b) = (narrow(builder, at, &a, SUMMAND_BITS)?, narrow(builder, at, &b, SUMMAND_BITS)?);
    let finer = a.exponents.at(0).max(b.exponents.at(0));
    let (a, b) = (at_exponent(builder, at, a, finer)?, at_exponent(builder, at, b, finer)?);
    // A summand without room for the finer scale decides.
    let exponent = a.exponents.at(0).min(b.exponents.at(0));
    let (a, b) = (at_exponent(builder, at, a, exponent)?, at_exponent(builder, at, b, exponent)?);
    let op = if matches!(kind, Kind::Sub) { Op::Sub { a: a.id, b: b.id } } else { Op::Add { a: a.id, b: b.id } };
    Ok(Quant::uniform(builder.node(at, op)?, exponent))
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

/// x divided by its Euclidean norm. Divided by its largest magnitude first, x is as precise as squares below 2³⁰ allow
/// whatever its range is, and its norm is not below one.
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
