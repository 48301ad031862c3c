//! Sigmoid and Softmax by piecewise linear tables.

use super::affine::{at_exponent, narrow, rescale, uniform};
use crate::graph::expr::sigmoid as logistic;
use crate::lower::builder::{COMPARED_BITS, LIMB_BITS, ProgramBuilder, Quant};
use crate::terms::error::{At, CompileError};
use ciro_graph::{Interval, MAX_MAGNITUDE, Op, ValueId};

/// Entries of a table. Tables are paid for in every proof; 2¹¹ leave an error near 2⁻¹⁹.
const SEGMENT_BITS: u32 = 11;
/// Scale of a table's argument.
const ARGUMENT_EXPONENT: i32 = 16;
/// Beyond ±16 a sigmoid is within 1.2·10⁻⁷ of its limit, and e⁻¹⁶ as close to zero.
const REACH: i64 = 16;
/// Scale of a softmax's exponentials, and of its quotients.
const POWER_EXPONENT: u8 = 20;

/// Up to so many logistic functions are right relative to themselves where they are small. One costs a comparison and a look-up more,
/// and the tables of all together half as many rows.
const FEW: usize = 16;
/// Beyond ±8 a small probability has a table of its own.
const MIDDLE: i64 = 8;
/// Scale of small probabilities: what is below one in 2⁻²⁹ stays below 2³⁰.
const TAIL_EXPONENT: i32 = 29;
/// Entries of their table, 2⁸: its chords miss by a thousandth of a probability.
const TAIL_SEGMENT_BITS: u32 = 8;

/// `1 / (1 + e^−x)`.
pub(super) fn sigmoid(builder: &mut ProgramBuilder, at: &At, x: Quant) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let x = argument(builder, at, &x, -REACH, REACH)?;
    if builder.len(x) <= FEW {
        return sigmoid_and_tails(builder, at, x);
    }
    let f = |v: f64| (logistic(v), bend(v));
    curve(builder, at, x, (-REACH, REACH), (SEGMENT_BITS, POWER_EXPONENT.into()), f)
}

/// The second derivative of the logistic function.
fn bend(v: f64) -> f64 {
    logistic(v) * logistic(-v) * (1.0 - 2.0 * logistic(v))
}

/// The function up to ±8, less a half so that it is finer, and what lies beyond in units of its own.
fn sigmoid_and_tails(builder: &mut ProgramBuilder, at: &At, x: ValueId) -> Result<Quant, CompileError> {
    let end = MIDDLE << ARGUMENT_EXPONENT;
    let inner = builder.node(at, Op::Clamp { x, lo: -end as i32, hi: end as i32 - 1 })?;
    let (range, scale) = ((-MIDDLE, MIDDLE), (SEGMENT_BITS - 1, POWER_EXPONENT.into()));
    let f = |v: f64| (logistic(v) - 0.5, bend(v));
    let middle = curve(builder, at, inner, range, scale, f)?;
    let finer = TAIL_EXPONENT - middle.exponents.at(0);
    let middle = builder.node(at, Op::Scale { x: middle.id, factor: 1 << finer })?;
    let half = builder.constant(at, "half", vec![1 << (TAIL_EXPONENT - 1); builder.len(middle)]);
    let middle = builder.node(at, Op::AddConst { x: middle, c: half })?;
    // What the table has at its ends is rounded: tails make up for it.
    let Table { exponent, ends, .. } = table(range, scale, f);
    let unit = f64::from(-exponent).exp2();
    let (first, last) = (f64::from(ends[0]) * unit, f64::from(ends[ends.len() - 1]) * unit);
    let reach = MIDDLE as f64;
    let beyond = |v: f64| match v {
        _ if v <= -reach => (logistic(v) - (first + 0.5), bend(v)),
        // Small numbers are differences of small ones, rather than of those near one.
        _ if v >= reach => (0.5 - last - logistic(-v), bend(v)),
        _ => (0.0, 0.0),
    };
    let tails = curve(builder, at, x, (-REACH, REACH), (TAIL_SEGMENT_BITS, TAIL_EXPONENT), beyond)?;
    let tails = at_exponent(builder, at, tails, TAIL_EXPONENT)?;
    Ok(Quant::uniform(builder.node(at, Op::Add { a: middle, b: tails.id })?, tails.exponents.at(0)))
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
    let scale = (SEGMENT_BITS, POWER_EXPONENT.into());
    let made = curve(builder, at, distance, (0, reach), scale, |v| ((top - v).exp(), (top - v).exp()))?;
    // Where they are large, a unit may be more than one.
    Ok(if made.exponents.at(0) < 0 { at_exponent(builder, at, made, 0)? } else { made })
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
    let x = if x.exponents.at(0) < 0 { saturated(builder, at, &x, lo.abs().max(hi))? } else { x };
    let e = x.exponents.at(0);
    let reach = Interval { lo: lo << e, hi: (hi << e) - 1 };
    // The clamp comes first: clamped, a coarse argument has room for the finer scale.
    let id = if reach.contains(builder.interval(x.id)) {
        x.id
    } else {
        builder.node(at, Op::Clamp { x: x.id, lo: reach.lo as i32, hi: reach.hi as i32 })?
    };
    Ok(at_exponent(builder, at, Quant::uniform(id, e), ARGUMENT_EXPONENT)?.id)
}

/// x in units of one, where its own are larger. What is as far out as `reach` is cut off first, so that x has room.
fn saturated(builder: &mut ProgramBuilder, at: &At, x: &Quant, reach: i64) -> Result<Quant, CompileError> {
    let coarser = x.exponents.at(0).unsigned_abs();
    // One unit may be farther out than `reach`, and is as good as any that is.
    let bits = coarser.min(reach.unsigned_abs().ilog2() + 1);
    let end = (reach >> coarser.min(i64::BITS - 1)).max(1) as i32;
    let id = builder.node(at, Op::Clamp { x: x.id, lo: -end, hi: end })?;
    let id = builder.node(at, Op::Scale { x: id, factor: 1 << bits })?;
    Ok(Quant::uniform(id, 0))
}

/// A table: its integers are 2^exponent times what they stand for.
struct Table {
    frac_bits: u32,
    exponent: i32,
    /// At the ends of its segments.
    ends: Vec<i32>,
}

/// The table of a function over [lo, hi), given as value and second derivative. It has 2^`segment_bits` entries. Its scale is the finest
/// up to `most` that its equation has room for. hi − lo is a power of two.
fn table((lo, hi): (i64, i64), (segment_bits, most): (u32, i32), f: impl Fn(f64) -> (f64, f64)) -> Table {
    let domain_bits = (hi - lo).ilog2() + ARGUMENT_EXPONENT as u32;
    let frac_bits = domain_bits - segment_bits;
    let width = (hi - lo) as f64 / f64::from(1 << segment_bits);
    let point = |t: u32| {
        let (value, bend) = f(lo as f64 + f64::from(t) * width);
        // A chord misses a bent curve by up to width²/8 · bend on one side; half of that spreads it over both.
        value - width * width / 16.0 * bend
    };
    let points: Vec<f64> = (0..=1 << segment_bits).map(point).collect();
    let (exponent, ends) = finest(&points, frac_bits, most);
    Table { frac_bits, exponent, ends }
}

/// A function over [lo, hi) by its [`table`].
fn curve(
    builder: &mut ProgramBuilder,
    at: &At,
    x: ValueId,
    (lo, hi): (i64, i64),
    scale: (u32, i32),
    f: impl Fn(f64) -> (f64, f64),
) -> Result<Quant, CompileError> {
    let Table { frac_bits, exponent, ends } = table((lo, hi), scale, f);
    let slopes = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let values = builder.constant(at, "values", ends[..ends.len() - 1].to_vec());
    let slopes = builder.constant(at, "slopes", slopes);
    let lo = (lo << ARGUMENT_EXPONENT) as i32;
    let id = builder.node(at, Op::Curve { x, lo, frac_bits: frac_bits as u8, values, slopes })?;
    Ok(Quant::uniform(id, exponent))
}

/// Coarsest scale of a table: with its steps of 2³⁰, nothing fits.
const COARSEST: i32 = -30;

/// The points as integers at the finest scale up to `most` at which value and rise of each segment fit side by side.
fn finest(points: &[f64], frac_bits: u32, most: i32) -> (i32, Vec<i32>) {
    let at_scale = |exponent: i32| -> Vec<i64> {
        points.iter().map(|v| (v * f64::from(exponent).exp2()).round() as i64).collect()
    };
    let fits = |ends: &[i64]| {
        let sum = |pair: &[i64]| (pair[0].abs() + (pair[1] - pair[0]).abs()) << frac_bits;
        ends.windows(2).all(|pair| sum(pair) + (1 << (frac_bits - 1)) <= MAX_MAGNITUDE)
    };
    let mut exponent = most;
    while exponent > COARSEST && !fits(&at_scale(exponent)) {
        exponent -= 1;
    }
    (exponent, at_scale(exponent).into_iter().map(|v| v as i32).collect())
}

/// A function may be read so many times farther from its samples than they lie apart.
const WIDER: f64 = 4.0;
/// How many times what the function spreads over on samples it may go beyond that.
const FARTHER: f64 = 64.0;
/// Largest error of a table, as a part of what the function spreads over.
const TABLE_ERROR: f64 = 1.0 / (1 << 20) as f64;
/// Most tables of one function.
const MOST_PIECES: usize = 12;
/// Units that a number which is not negative may lie below zero.
const SLACK: i64 = 64;
/// Bits of a table's argument: what entries of 20 bits leave room for.
const PIECE_BITS: u32 = 20;

/// A part of a function's domain, in integers from the domain's start: 2^bits of them.
#[derive(Clone, Copy)]
struct Piece {
    start: i64,
    bits: u32,
    segment_bits: u32,
}

/// Any smooth function, by tables that halve where it bends. `seen` are the ends of x that samples show. An input far beyond them is
/// refused.
pub(super) fn function(
    builder: &mut ProgramBuilder,
    at: &At,
    x: Quant,
    seen: Option<(f64, f64)>,
    f: &dyn Fn(f64) -> f64,
) -> Result<Quant, CompileError> {
    let x = uniform(builder, at, x)?;
    let x = narrow(builder, at, &x, COMPARED_BITS - 1)?;
    let (x, lo, bits) = domain(builder, at, &x, seen, f)?;
    let unit = f64::from(-x.exponents.at(0)).exp2();
    let value = |i: i64| {
        let v = f((lo + i) as f64 * unit);
        // A little below zero, a root is zero, and a power that falls away there has not begun to.
        let is_slack = (-SLACK..0).contains(&(lo + i));
        if is_slack && (lo == -SLACK || !v.is_finite()) { f(0.0) } else { v }
    };
    let spread = {
        let probes = (0..=64).map(|i| value((i << bits) >> 6));
        let (least, most) = probes.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
        if !(most - least).is_finite() {
            let reason = "a function of numbers for which it has no value: pass samples of all that it may meet";
            return Err(CompileError::Range { at: at.clone(), reason: reason.into() });
        }
        most - least
    };
    let mut pieces = Vec::new();
    split(&value, Piece { start: 0, bits, segment_bits: 0 }, spread * TABLE_ERROR, &mut pieces);
    let exponent = pieces
        .iter()
        .map(|piece| finest(&added(&value, *piece), piece.frac_bits(), POWER_EXPONENT.into()).0)
        .min()
        .unwrap_or(0);
    let mut sum: Option<ValueId> = None;
    for &piece in &pieces {
        let part = tabled(builder, at, (&x, lo), &value, piece, exponent)?;
        sum = Some(match sum {
            None => part,
            Some(sum) => builder.node(at, Op::Add { a: sum, b: part })?,
        });
    }
    sum.map(|id| Quant::uniform(id, exponent))
        .ok_or_else(|| CompileError::Range { at: at.clone(), reason: "a function without a domain".into() })
}

/// x where a function is tabled, the first integer of that domain and the bits of its length.
fn domain(
    builder: &mut ProgramBuilder,
    at: &At,
    x: &Quant,
    seen: Option<(f64, f64)>,
    f: &dyn Fn(f64) -> f64,
) -> Result<(Quant, i64, u32), CompileError> {
    let unit = f64::from(-x.exponents.at(0)).exp2();
    let Interval { lo, hi } = builder.interval(x.id);
    let bits_of = |lo: i64, hi: i64| u64::BITS - ((hi - lo).max(1) as u64).leading_zeros();
    let (seen_lo, seen_hi) = seen.unwrap_or((lo as f64 * unit, hi as f64 * unit));
    let apart = (seen_hi - seen_lo).max(unit) * WIDER;
    // As far as the function goes and stays about as large as on samples: logarithms and roots end at zero, and what is known to be
    // positive is taken to stay so.
    let probes = (0..=16).map(|i| f(seen_lo + (seen_hi - seen_lo) * f64::from(i) / 16.0)).filter(|v| v.is_finite());
    let (least, most) = probes.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    let beyond = FARTHER * (most - least).max(f64::MIN_POSITIVE);
    let is_there = |v: &f64| (least - beyond..=most + beyond).contains(&f(*v));
    let zero = if seen_lo >= 0.0 { 0.0 } else { seen_lo };
    let starts = [seen_lo - apart, seen_lo - apart / WIDER, zero, seen_lo / 4.0, seen_lo];
    let start = starts.into_iter().filter(|v| *v <= seen_lo).find(is_there).unwrap_or(seen_lo);
    // Sums that are zero may come out a little less.
    let slack = if start == 0.0 && !is_there(&-unit) { SLACK } else { 0 };
    let stops = [seen_hi + apart, seen_hi + apart / WIDER, seen_hi];
    let stop = stops.into_iter().find(is_there).unwrap_or(seen_hi);
    let (first, last) = ((start / unit).ceil() as i64 - slack, (stop / unit).floor() as i64);
    if first <= lo && hi <= last {
        return Ok((x.clone(), lo, bits_of(lo, hi)));
    }
    let first = first.max(lo);
    let bits = bits_of(first, last.min(hi).max(first));
    // What a power of two adds has to have values as well: it goes down to where there are some.
    let whole =
        |first: i64| f((first + slack) as f64 * unit).is_finite() && f((first + (1 << bits)) as f64 * unit).is_finite();
    let first = [first, last - (1 << bits) + 1].into_iter().find(|&first| whole(first)).unwrap_or(first);
    let id = builder.node(at, Op::Narrow { x: x.id, shift: 0, lo: first as i32, bits: bits as u8 })?;
    Ok((Quant { id, exponents: x.exponents.clone() }, first, bits))
}

impl Piece {
    /// How many low bits a table's argument drops.
    const fn shift(self) -> u32 {
        self.bits.saturating_sub(PIECE_BITS)
    }

    const fn frac_bits(self) -> u32 {
        self.bits - self.shift() - self.segment_bits
    }
}

/// The values at a piece's segments' ends, bent chords in the middle between both sides.
fn points(value: &dyn Fn(i64) -> f64, piece: Piece) -> Vec<f64> {
    let width = 1i64 << (piece.bits - piece.segment_bits);
    let at = |t: i64| value(piece.start + t * width);
    let exact: Vec<f64> = (0..=1i64 << piece.segment_bits).map(at).collect();
    let bend = |t: i64| {
        let middle = value(piece.start + t * width + width / 2);
        (middle - (exact[t as usize] + exact[t as usize + 1]) / 2.0) / 2.0
    };
    let count = 1i64 << piece.segment_bits;
    let moved = |t: i64| match t {
        // Pieces meet where they end.
        0 => exact[0],
        t if t == count => exact[t as usize],
        t => exact[t as usize] + (bend(t - 1) + bend(t)) / 2.0,
    };
    (0..=count).map(moved).collect()
}

/// What a piece adds to those before it, at its segments' ends.
fn added(value: &dyn Fn(i64) -> f64, piece: Piece) -> Vec<f64> {
    let mut ends = points(value, piece);
    let base = if piece.start > 0 { ends[0] } else { 0.0 };
    ends.iter_mut().for_each(|v| *v -= base);
    ends
}

/// Cuts a piece in half until a table is as exact as wanted.
fn split(value: &dyn Fn(i64) -> f64, piece: Piece, error: f64, pieces: &mut Vec<Piece>) {
    let finest = SEGMENT_BITS.min(piece.bits.saturating_sub(1));
    let bends = |segment_bits: u32| {
        let width = 1i64 << (piece.bits - segment_bits);
        let bend = |t: i64| {
            let start = piece.start + t * width;
            (value(start + width / 2) - (value(start) + value(start + width)) / 2.0).abs()
        };
        (0..1i64 << segment_bits).map(bend).fold(0.0, f64::max)
    };
    let least = finest.min(4);
    match (least..=finest).find(|&segment_bits| bends(segment_bits) <= error) {
        Some(segment_bits) => pieces.push(Piece { segment_bits, ..piece }),
        None if pieces.len() + 1 >= MOST_PIECES || piece.bits <= SEGMENT_BITS => {
            pieces.push(Piece { segment_bits: finest, ..piece });
        }
        None => {
            let half = Piece { bits: piece.bits - 1, ..piece };
            split(value, half, error, pieces);
            split(value, Piece { start: piece.start + (1 << half.bits), ..half }, error, pieces);
        }
    }
}

/// What a piece adds to the function: nothing before it, and all that it rises by behind it.
fn tabled(
    builder: &mut ProgramBuilder,
    at: &At,
    (x, lo): (&Quant, i64),
    value: &dyn Fn(i64) -> f64,
    piece: Piece,
    exponent: i32,
) -> Result<ValueId, CompileError> {
    let (first, last) = (lo + piece.start, lo + piece.start + (1 << piece.bits) - 1);
    let interval = builder.interval(x.id);
    let mut inside = x.id;
    if interval.lo < first || interval.hi > last {
        inside = builder.node(at, Op::Clamp { x: inside, lo: first as i32, hi: last as i32 })?;
    }
    let shift = piece.shift();
    let mut start = first;
    if shift > 0 {
        // Rounded, the last ones would fall behind the table: they count from half a unit less.
        let from_zero = builder.constant(at, "start", vec![-(first as i32) - (1 << (shift - 1))]);
        inside = builder.node(at, Op::AddConst { x: inside, c: from_zero })?;
        inside = builder.node(at, Op::Rescale { x: inside, shift: shift as u8 })?;
        start = 0;
    }
    let ends: Vec<i32> = added(value, piece).iter().map(|v| (v * f64::from(exponent).exp2()).round() as i32).collect();
    let slopes = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let values = builder.shared_constant(at, "values", ends[..1 << piece.segment_bits].to_vec());
    let slopes = builder.shared_constant(at, "slopes", slopes);
    builder.node(at, Op::Curve { x: inside, lo: start as i32, frac_bits: piece.frac_bits() as u8, values, slopes })
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
    let scale = (SEGMENT_BITS, POWER_EXPONENT.into());
    let powers = curve(builder, at, distance, (0, REACH), scale, |v| ((-v).exp(), (-v).exp()))?;
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
