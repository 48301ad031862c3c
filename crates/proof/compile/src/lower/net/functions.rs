//! Pointwise functions: by table, or by comparison with zero.

use super::form::{Quant, Source};
use super::lowering::Lowering;
use super::range::{Choice, How, MARGIN, choose, power_of_two};
use crate::graph::expr::Expr;
use crate::graph::net::{Id, Step, moves};
use crate::graph::operators::is_unrolled;
use crate::terms::error::{At, CompileError};
use ciro_graph::{Interval, Op, Pick};

/// A rectified number is taken to be at least this part of what it may be, where samples show less.
const HARDLY: f64 = 1.0 / 256.0;

/// Bits that results of a table lose at most, so that it holds what lies between the arguments that samples show.
const COARSER_MOST: u32 = 6;

/// Bits of results that are only shown, at most.
const SHOWN_BITS: u32 = 28;

/// What a table is to read.
#[derive(Clone, Copy, Debug)]
struct Argument {
    /// The value.
    of: Id,
    /// Its numbers, of which `shift` bits are still to be dropped.
    wide: Quant,
    shift: i32,
    /// The scale that it has then.
    scale: f64,
    /// Where it lies: by interval arithmetic, or as far as it is declared to.
    asked: Interval,
    /// How far from zero it is declared to lie, if it is.
    declared: Option<f64>,
}

/// A power of two many of the arguments that are asked for. They lie around those seen, and their results fit. `None` if that is all of
/// them, or if none can be cut out.
fn cover(asked: Interval, seen: Interval, fits: impl Fn(i64) -> bool) -> Option<Interval> {
    let (seen_lo, seen_hi) = (seen.lo.clamp(asked.lo, asked.hi), seen.hi.clamp(asked.lo, asked.hi));
    if !(seen_lo..=seen_hi).all(&fits) {
        return None;
    }
    let lo = (asked.lo..seen_lo).rev().take_while(|&i| fits(i)).last().unwrap_or(seen_lo);
    let hi = (seen_hi + 1..=asked.hi).take_while(|&i| fits(i)).last().unwrap_or(seen_hi);
    let is_whole = (lo, hi) == (asked.lo, asked.hi);
    let count = hi - lo + 1;
    let bits = count.ilog2();
    let above = 1_i64 << if count == 1 << bits { bits } else { bits + 1 };
    // Beyond an end where nothing is asked, whatever fits may come along.
    let reached_up = Interval { lo: hi + 1 - above, hi };
    let reached_down = Interval { lo, hi: lo + above - 1 };
    if is_whole {
        None
    } else if lo == asked.lo && (reached_up.lo..lo).all(&fits) {
        Some(reached_up)
    } else if hi == asked.hi && (hi + 1..=reached_down.hi).all(&fits) {
        Some(reached_down)
    } else {
        let width = 1_i64 << bits;
        let first = (seen_lo - (width - (seen_hi - seen_lo + 1)) / 2).clamp(lo, hi + 1 - width);
        (width > seen_hi - seen_lo).then_some(Interval { lo: first, hi: first + width - 1 })
    }
}

impl Lowering<'_> {
    /// A function by table, on the argument at the finest scale at which the table covers it. The table covers the argument's interval,
    /// or what it is declared to be. Where a result would be beyond what the table can hold, the argument is refused.
    pub(super) fn function(&mut self, at: &At, x: Id, expr: &Expr) -> Result<Quant, CompileError> {
        if expr.is_relu() && !self.budget.has_relu_table {
            return self.rectified(at, x, Vec::new());
        }
        let id = self.here();
        let source = self.source(x)?;
        let bits = self.budget.wanted[id];
        if !is_unrolled(&at.operator) {
            let followed = match self.steep(at, x, &source, (expr, self.sizes.of(id), bits))? {
                None => self.gridded_curve(at, x, &source, expr)?,
                followed => followed,
            };
            if let Some(followed) = followed {
                return Ok(followed);
            }
        }
        let finest = power_of_two(self.sizes.of(id) * MARGIN) / f64::from(bits).exp2();
        // What nothing multiplies may be far larger than samples show, as a probability that they show near zero.
        let limit = f64::from(if self.is_only_shown(id) { SHOWN_BITS } else { bits }).exp2();
        // Truth values and whole numbers are integers as they are.
        let finest = if expr.is_whole() { finest.max(1.0) } else { finest };
        let argument = self.argument(at, x, source, if expr.is_relu() { finest } else { 0.0 })?;
        let result = |scale: f64| move |i: i64| (expr.at(i as f64 * argument.scale) / scale).round();
        // max(x, 0) keeps the scale, and all layers' tables are one.
        let scale =
            if expr.is_relu() { argument.scale } else { self.scale_of_results(&argument, (finest, limit), result) };
        let seen = self.seen(x, argument.scale);
        let cover = cover(argument.asked, seen, |i| result(scale)(i).abs() <= limit);
        let read = self.read(at, &argument, cover)?;
        let (lo, hi) = cover.map_or_else(|| self.domain(at, read), |cover| (cover.lo, cover.hi));
        let entry = |i: i64| {
            let v = result(scale)(i);
            if v.is_nan() { 0 } else { v.clamp(-limit, limit - 1.0) as i32 }
        };
        let values = (lo..=hi).map(entry).collect();
        self.table(at, read, lo as i32, values, scale)
    }

    /// Whether outputs alone read a value, moved at most.
    fn is_only_shown(&self, id: Id) -> bool {
        let reads = |(i, step): (usize, &Step)| {
            !step.operands.contains(&id) || (moves(&step.kind) && self.is_only_shown(self.net.id_of(i)))
        };
        self.net.steps.iter().enumerate().skip(id.saturating_sub(self.net.inputs.len())).all(reads)
    }

    /// The scale of a table's results, `finest` at first. It is coarser where samples show arguments between which results are larger. It
    /// is also coarser where the arguments whose results fit are fewer than a table of a power of two.
    fn scale_of_results<F: Fn(i64) -> f64>(
        &self,
        argument: &Argument,
        (finest, limit): (f64, f64),
        result: impl Fn(f64) -> F,
    ) -> f64 {
        let seen = self.seen(argument.of, argument.scale);
        let is_held = |scale: &f64| {
            let result = result(*scale);
            let fits = |i: i64| result(i).abs() <= limit;
            (argument.asked.lo..=argument.asked.hi).all(fits) || cover(argument.asked, seen, fits).is_some()
        };
        let coarser = |more: u32| finest * f64::from(more).exp2();
        (0..=COARSER_MOST).map(coarser).find(is_held).unwrap_or(finest)
    }

    /// The arguments that samples show, in units of `scale`.
    fn seen(&self, x: Id, scale: f64) -> Interval {
        let units = |v: f64| v / scale;
        Interval { lo: units(self.sizes.lo[x]).round() as i64, hi: units(self.sizes.hi[x]).round() as i64 }
    }

    /// The arguments that a table covers: all that are possible. Where an operator is unrolled, they go up to a power of two. So its
    /// positions share tables though their intervals differ a little.
    fn domain(&self, at: &At, argument: Quant) -> (i64, i64) {
        let interval = self.interval(argument);
        if !is_unrolled(&at.operator) {
            return (interval.lo, interval.hi);
        }
        let end = interval.hi.saturating_add(1).max(-interval.lo).max(1);
        let end = 1_i64 << (i64::BITS - (end - 1).leading_zeros());
        (-end, end - 1)
    }

    /// `max(x, 0)`, or the largest of zero and the taps of x: one Rescale, and no table. Numbers that are compared are declared to lie
    /// as near to one another as x is to zero.
    pub(super) fn rectified(&mut self, at: &At, x: Id, taps: Vec<Vec<Pick>>) -> Result<Quant, CompileError> {
        let id = self.here();
        let source = self.source(x)?;
        // What samples hardly show above zero is held as they show it below.
        let size = self.sizes.of(id).max(self.sizes.of(x) * HARDLY);
        let scale = power_of_two(size * MARGIN) / f64::from(self.budget.wanted[id]).exp2();
        // A number of no bits has the scale of its end.
        let choice = choose(self.sizes.of(x), self.reach(&source), 0);
        let wide = self.at_scale(at, x, source, scale)?;
        let (wide, _) = self.before_shift(at, wide, scale)?;
        self.compared(at, wide, scale, &choice, taps)
    }

    /// A wide value rectified at `scale`, or a coarser one, where its differences are below the end that was chosen, or whatever they can
    /// be. If that could wrap around the field, in two steps.
    fn compared(
        &mut self,
        at: &At,
        x: Quant,
        scale: f64,
        choice: &Choice,
        taps: Vec<Vec<Pick>>,
    ) -> Result<Quant, CompileError> {
        let (_, shift) = self.before_shift(at, x, scale)?;
        let reached = x.scale * f64::from(shift).exp2();
        let bits = match choice.how {
            How::Free => self.difference_bits(x, shift, !taps.is_empty()),
            How::Declared(_) => (choice.scale / reached).log2().ceil() as i32,
        };
        let bits = bits.max(self.budget.least_difference(shift)).max(1) as u8;
        match self.node(at, Op::Rectify { x: x.id, shift: shift as u8, bits, taps: taps.clone() }) {
            Err(CompileError::Range { .. }) if shift > 0 => {
                let coarser = self.rescaled(at, x, x.scale * f64::from((shift + 1) / 2).exp2())?;
                self.compared(at, coarser, scale, choice, taps)
            }
            result => result.map(|id| Quant { id, scale: reached }),
        }
    }

    /// Bits of the largest difference from zero, or of one element and another, that a value can have once `shift` bits are dropped.
    fn difference_bits(&self, x: Quant, shift: i32, among_elements: bool) -> i32 {
        let interval = self.interval(x);
        let (lo, hi) = (interval.lo.min(0), interval.hi.max(0));
        let largest = if among_elements { hi - lo } else { hi.max(-lo) };
        let rounded = (largest >> shift) + 1;
        (i64::BITS - rounded.leading_zeros()) as i32
    }

    /// A value for a table to read, not finer than `finest`.
    fn argument(&mut self, at: &At, x: Id, source: Source, finest: f64) -> Result<Argument, CompileError> {
        let entries = f64::from(self.budget.table_bits).exp2();
        let reach = self.reach(&source);
        let declared = power_of_two(self.sizes.of(x) * MARGIN);
        let is_free = reach <= 2.0 * declared;
        // The largest element may be half the table, and so an entry too much.
        let end = if is_free { power_of_two(reach * (1.0 + 2.0 / entries)) } else { declared };
        let target = finest.max(end * 2.0 / entries);
        let wide = self.at_scale(at, x, source, target)?;
        let (wide, shift) = self.before_shift(at, wide, target)?;
        let scale = wide.scale * f64::from(shift).exp2();
        let asked = if is_free {
            let interval = self.interval(wide);
            Interval { lo: interval.lo >> shift, hi: (interval.hi >> shift) + i64::from(shift > 0) }
        } else {
            let end = 1_i64 << (declared / scale).log2().ceil().max(0.0) as u32;
            Interval { lo: -end, hi: end - 1 }
        };
        Ok(Argument { of: x, wide, shift, scale, asked, declared: (!is_free).then_some(declared) })
    }

    /// The argument as a table reads it: declared to lie in `cover`, if that is less than is asked.
    fn read(&mut self, at: &At, argument: &Argument, cover: Option<Interval>) -> Result<Quant, CompileError> {
        let Argument { wide, shift, scale, declared, .. } = *argument;
        match (cover, declared) {
            (Some(Interval { lo, hi }), _) => {
                let bits = (hi - lo + 1).ilog2() as u8;
                let id = self.node(at, Op::Narrow { x: wide.id, shift: shift as u8, lo: lo as i32, bits })?;
                Ok(Quant { id, scale })
            }
            (None, Some(end)) => self.declared(at, wide, scale, end),
            (None, None) => self.rescaled(at, wide, scale),
        }
    }

    /// The numbers of a value that may be wide, at its own or the finest scale.
    pub(super) fn ready(&mut self, at: &At, id: Id, source: Source, target: f64) -> Result<Quant, CompileError> {
        let wide = self.at_scale(at, id, source, target)?;
        self.rescaled(at, wide, target)
    }
}
