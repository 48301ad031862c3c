//! Affine maps as nodes, and the rescaling that keeps values narrow.

use super::limbs::{self, Magnitudes, Precision, Split};
use super::map::Map;
use crate::lower::builder::{COMPARED_BITS, DEFAULT_BITS, Exponents, MAX_SHIFT, ProgramBuilder, Quant, ROOM};
use crate::terms::error::{At, CompileError};
use ciro_graph::{Op, ValueId};

/// Scales beyond this are the sign of numbers that make no sense.
const WIDEST_EXPONENT: i32 = 120;

/// An error of this part of a result's usual size is felt.
const FELT: f64 = 1.0 / (1 << 17) as f64;
/// Bits that are kept of what narrowing an operand drops.
const REST_BITS: u32 = 12;

/// Bits of an operand with what is kept of its rest.
const WHOLE_BITS: u32 = 28;

/// Usual sizes, as far as samples tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes<'a> {
    /// Of the operand's elements.
    pub(super) operand: Option<&'a [f64]>,
    /// Of the result, where it is to be exact.
    pub(super) result: Option<f64>,
}

/// The nodes of `map` on x.
pub(super) fn lower(
    builder: &mut ProgramBuilder,
    at: &At,
    x: Quant,
    map: &Map,
    sizes: Sizes<'_>,
) -> Result<Quant, CompileError> {
    let (w, b) = map.parts();
    if w.iter().chain(b).any(|v| !v.is_finite()) {
        return Err(out_of_range(at));
    }
    if let Map::Diagonal { w, b } = map
        && let Some(quant) = shifted(builder, at, &x, w, b)?
    {
        return Ok(quant);
    }
    general(builder, at, x, map, sizes)
}

fn out_of_range(at: &At) -> CompileError {
    CompileError::Range { at: at.clone(), reason: "weights that no integers below 2³⁰ represent".into() }
}

/// The same numbers with one scale for all elements.
pub(super) fn uniform(builder: &mut ProgramBuilder, at: &At, x: Quant) -> Result<Quant, CompileError> {
    match x.exponents {
        Exponents::Uniform(_) => Ok(x),
        Exponents::Each(_) => {
            let len = builder.len(x.id);
            general(builder, at, x, &Map::Diagonal { w: vec![1.0; len], b: vec![0.0; len] }, Sizes::default())
        }
    }
}

/// A product with the same ± power of two everywhere is a change of scale; an offset is added at that scale.
fn shifted(
    builder: &mut ProgramBuilder,
    at: &At,
    x: &Quant,
    w: &[f64],
    b: &[f64],
) -> Result<Option<Quant>, CompileError> {
    let Some(&first) = w.first() else {
        return Ok(None);
    };
    let power = first.abs().log2();
    let is_shift = first != 0.0 && power.fract() == 0.0 && power.abs() <= 30.0;
    if !is_shift || w.iter().any(|v| v.to_bits() != first.to_bits()) {
        return Ok(None);
    }
    let exponents = x.exponents.lowered(power as i32);
    if (0..w.len()).any(|i| exponents.at(i).abs() > WIDEST_EXPONENT) {
        return Err(out_of_range(at));
    }
    let id = if first < 0.0 { builder.node(at, Op::Scale { x: x.id, factor: -1 })? } else { x.id };
    if b.iter().all(|&b| b == 0.0) {
        return Ok(Some(Quant { id, exponents }));
    }
    let offsets: Vec<f64> =
        b.iter().enumerate().map(|(i, b)| (b * f64::from(exponents.at(i)).exp2()).round()).collect();
    let room = ROOM as f64 - builder.interval(id).magnitude() as f64;
    if offsets.iter().any(|c| c.abs() > room) {
        return Ok(None);
    }
    let c = builder.constant(at, "offset", offsets.into_iter().map(|c| c as i32).collect());
    let id = builder.node(at, Op::AddConst { x: id, c })?;
    Ok(Some(Quant { id, exponents }))
}

fn general(
    builder: &mut ProgramBuilder,
    at: &At,
    x: Quant,
    map: &Map,
    sizes: Sizes<'_>,
) -> Result<Quant, CompileError> {
    let wide = x.clone();
    let (x, split, error) = split_for(builder, at, x, map, sizes.operand)?;
    let Some((first, rest)) = split.limbs.split_first() else {
        return Err(out_of_range(at));
    };
    let mut sum = first_product(builder, at, x.id, map, &first.q, split.bias)?;
    for (i, limb) in rest.iter().enumerate() {
        let c = builder.constant(at, &format!("weight{}", i + 1), limb.q.clone());
        let part = multiplied(builder, at, map, (x.id, c))?;
        let shift = (limb.scale - first.scale) as u8;
        let part = builder.node(at, Op::Rescale { x: part, shift })?;
        sum = builder.node(at, Op::Add { a: sum, b: part })?;
    }
    if sizes.result.is_some_and(|size| error > FELT * size) {
        sum = with_rest(builder, at, (&wide, &x), map, (sum, first.scale))?;
    }
    Ok(Quant::uniform(sum, first.scale))
}

/// Adds what an operand lost when it was narrowed: one limb is enough for that.
fn with_rest(
    builder: &mut ProgramBuilder,
    at: &At,
    (wide, narrowed): (&Quant, &Quant),
    map: &Map,
    (sum, scale): (ValueId, i32),
) -> Result<ValueId, CompileError> {
    let dropped = (wide.exponents.at(0) - narrowed.exponents.at(0)).max(0) as u32;
    let held = u64::BITS - builder.interval(narrowed.id).magnitude().leading_zeros();
    let kept = dropped.min(REST_BITS).min(WHOLE_BITS.saturating_sub(held));
    if kept == 0 {
        return Ok(sum);
    }
    let wide = rescale(builder, at, wide, dropped - kept)?;
    let whole = builder.node(at, Op::Scale { x: narrowed.id, factor: 1 << kept })?;
    let rest = builder.node(at, Op::Sub { a: wide.id, b: whole })?;
    // Rounded twice, it may be a little more than half a unit.
    let id = builder.node(at, Op::Narrow { x: rest, shift: 0, lo: -(1 << kept), bits: kept as u8 + 1 })?;
    let rest = Quant { id, exponents: wide.exponents.clone() };
    let plain = match map_per_unit(map, &rest.exponents) {
        Map::Diagonal { w, b } => Map::Diagonal { w, b: vec![0.0; b.len()] },
        Map::Dense { n, w, b } => Map::Dense { n, w, b: vec![0.0; b.len()] },
    };
    let split = limbs::split(&plain, f64::from(1 << kept), 1).ok_or_else(|| out_of_range(at))?;
    let Some(limb) = split.limbs.first().filter(|limb| limb.scale >= scale) else { return Ok(sum) };
    let c = builder.constant(at, "rest", limb.q.clone());
    let part = multiplied(builder, at, map, (rest.id, c))?;
    let part = rescale(builder, at, &Quant::uniform(part, limb.scale), (limb.scale - scale) as u32)?;
    builder.node(at, Op::Add { a: sum, b: part.id })
}

fn multiplied(
    builder: &mut ProgramBuilder,
    at: &At,
    map: &Map,
    (x, c): (ValueId, ciro_graph::ConstId),
) -> Result<ValueId, CompileError> {
    match map {
        Map::Diagonal { .. } => builder.node(at, Op::MulConst { x, c }),
        Map::Dense { .. } => builder.node(at, Op::Linear { x, weight: c, bias: None }),
    }
}

/// The map's integers, and x as wide as they leave room for. A map that one limb holds exactly takes x as it is.
fn split_for(
    builder: &mut ProgramBuilder,
    at: &At,
    x: Quant,
    map: &Map,
    typical: Option<&[f64]>,
) -> Result<(Quant, Split, f64), CompileError> {
    let split = |builder: &ProgramBuilder, x: &Quant, limbs: usize| {
        limbs::split(&map_per_unit(map, &x.exponents), builder.interval(x.id).magnitude() as f64, limbs)
    };
    if let Some(exact) = split(builder, &x, 1).filter(|split| split.exact) {
        return Ok((x, exact, 0.0));
    }
    let magnitudes = Magnitudes::new(spans(builder, &x), typical);
    let precision = limbs::choose(map, &magnitudes);
    let Precision { operand_bits, limbs } = precision;
    // Inputs got their width when they were read, unless trees compare them.
    let is_read_for_this = builder.is_input(x.id) && builder.interval(x.id).magnitude() <= 1 << DEFAULT_BITS;
    let x = if is_read_for_this { x } else { narrow(builder, at, &x, operand_bits)? };
    let split = split(builder, &x, limbs).ok_or_else(|| out_of_range(at))?;
    Ok((x, split, limbs::predicted(map, &magnitudes, precision)))
}

/// Bounds of the elements' magnitudes.
fn spans(builder: &ProgramBuilder, x: &Quant) -> Vec<f64> {
    let magnitude = builder.interval(x.id).magnitude().max(1) as f64;
    (0..builder.len(x.id)).map(|i| magnitude * (-f64::from(x.exponents.at(i))).exp2()).collect()
}

/// The map of integers: each weight per integer unit of its operand.
fn map_per_unit(map: &Map, exponents: &Exponents) -> Map {
    let units = map.terms().map(|(_, k, w)| w * (-f64::from(exponents.at(k))).exp2()).collect();
    match map {
        Map::Diagonal { b, .. } => Map::Diagonal { w: units, b: b.clone() },
        Map::Dense { n, b, .. } => Map::Dense { n: *n, w: units, b: b.clone() },
    }
}

fn first_product(
    builder: &mut ProgramBuilder,
    at: &At,
    x: ValueId,
    map: &Map,
    weight: &[i32],
    bias: Vec<i32>,
) -> Result<ValueId, CompileError> {
    let weight = builder.constant(at, "weight", weight.to_vec());
    let bias = if bias.iter().all(|&b| b == 0) { None } else { Some(builder.constant(at, "bias", bias)) };
    match (map, bias) {
        (Map::Dense { .. }, bias) => builder.node(at, Op::Linear { x, weight, bias }),
        (Map::Diagonal { .. }, None) => builder.node(at, Op::MulConst { x, c: weight }),
        (Map::Diagonal { .. }, Some(bias)) => {
            let x = builder.node(at, Op::MulConst { x, c: weight })?;
            builder.node(at, Op::AddConst { x, c: bias })
        }
    }
}

/// A value whose elements are compared with one another: no two of them are 2²⁹ apart.
pub(super) fn comparable(builder: &mut ProgramBuilder, at: &At, x: &Quant) -> Result<Quant, CompileError> {
    let interval = builder.interval(x.id);
    let width = u64::BITS - interval.magnitude().leading_zeros();
    let shift = width.saturating_sub(COMPARED_BITS);
    // Rounding may add one at either end.
    let spread = ((interval.hi - interval.lo) >> shift) + i64::from(shift > 0);
    rescale(builder, at, x, shift + u32::from(spread >= 1 << COMPARED_BITS))
}

/// The same numbers with magnitudes below 2^bits, at the cost of their lowest bits.
pub(super) fn narrow(builder: &mut ProgramBuilder, at: &At, x: &Quant, bits: u32) -> Result<Quant, CompileError> {
    let magnitude = builder.interval(x.id).magnitude();
    let width = u64::BITS - magnitude.leading_zeros();
    rescale(builder, at, x, width.saturating_sub(bits))
}

/// Drops the lowest `shift` bits (rounding half up).
pub(super) fn rescale(builder: &mut ProgramBuilder, at: &At, x: &Quant, shift: u32) -> Result<Quant, CompileError> {
    let mut id = x.id;
    let mut left = shift;
    while left > 0 {
        let part = left.min(MAX_SHIFT) as u8;
        id = rescale_once(builder, at, id, part)?;
        left -= u32::from(part);
    }
    let exponents = x.exponents.lowered(shift as i32);
    Ok(Quant { id, exponents })
}

/// A Relu and a Rescale commute exactly, and a Relu of narrow values is cheaper to prove.
fn rescale_once(builder: &mut ProgramBuilder, at: &At, x: ValueId, shift: u8) -> Result<ValueId, CompileError> {
    match builder.relu_of(x) {
        Some(before) => {
            let narrowed = builder.node(at, Op::Rescale { x: before, shift })?;
            builder.node(at, Op::Relu { x: narrowed })
        }
        None => builder.node(at, Op::Rescale { x, shift }),
    }
}

/// The same numbers at `exponent`, or as close to it as their magnitude allows (room for a sum of two is kept).
pub(super) fn at_exponent(
    builder: &mut ProgramBuilder,
    at: &At,
    x: Quant,
    exponent: i32,
) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let have = x.exponents.at(0);
    if have >= exponent {
        return rescale(builder, at, &x, (have - exponent) as u32);
    }
    let magnitude = builder.interval(x.id).magnitude().max(1);
    let headroom = (ROOM as u64 / 2 / magnitude).checked_ilog2().unwrap_or(0);
    let up = (exponent - have).min(headroom as i32);
    if up == 0 {
        return Ok(x);
    }
    let id = builder.node(at, Op::Scale { x: x.id, factor: 1 << up })?;
    Ok(Quant::uniform(id, have + up))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_graph::{Ingest, Input, Interval, MAX_MAGNITUDE};

    /// The interval of a number from `lo` to `hi` that is compared, and how many bits it lost.
    fn compared(lo: i32, hi: i32) -> (Interval, i32) {
        let ingest = Ingest::Fixed { exponents: vec![0], lo, hi };
        let input = Input { name: "x".into(), shape: vec![1, 3], ingest };
        let mut builder = ProgramBuilder::new("compared", vec![input]);
        let at = At { node: "test".into(), operator: "ArgMax".into() };
        let x = Quant::uniform(ValueId(0), 0);
        let made = comparable(&mut builder, &at, &x).expect("fits");
        builder.node(&at, Op::ArgMax { x: made.id }).expect("is compared");
        (builder.interval(made.id), -made.exponents.at(0))
    }

    #[test]
    fn elements_that_are_compared_lie_less_than_2_to_the_29_apart() {
        let (half, most) = (1 << 28, MAX_MAGNITUDE as i32);
        for (lo, hi, dropped) in [
            (0, 1, 0),
            (0, 2 * half - 1, 0),
            (-half, half - 1, 0),
            // One more, and two elements could be 2²⁹ apart although each is small enough by itself.
            (-half, half, 1),
            (0, 2 * half, 1),
            (-2 * half + 1, 2 * half - 1, 1),
            (0, most, 1),
            (-2 * half, 2 * half, 2),
            (-most, most, 2),
            // What all of them share tells nothing apart, but makes them wide.
            (most - 1, most, 1),
        ] {
            let (interval, lost) = compared(lo, hi);
            assert!(interval.hi - interval.lo < 1 << COMPARED_BITS, "{lo} to {hi} become {interval}");
            assert_eq!(lost, dropped, "{lo} to {hi}");
        }
    }
}
