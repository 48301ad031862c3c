//! Softmax by table, divided only after the product that it weighs.

use super::form::{Form, Quant, Shares};
use super::lowering::Lowering;
use super::range::{MARGIN, power_of_two};
use crate::graph::array::{Array, narrow};
use crate::graph::net::{Id, Kind, Step};
use crate::passes::simplify::HIDES;
use crate::terms::error::{At, CompileError};
use ciro_graph::{Interval, Op, ValueId};

/// Finest resolution of a Softmax's argument.
const FINEST: f64 = 1.0 / 512.0;
/// Beyond this distance from the largest element, a power counts for nothing.
const FAR: f64 = 16.0;
/// Most bits that operands of a product lose together so that its sums fit.
const MOST_DROPPED: u32 = 6;

/// What a mask lets a Softmax see.
enum Shown {
    /// Where a constant is not zero.
    Always(Array),
    /// Where a value is one.
    By(Id),
    /// Where a value is one; where it is one nowhere in a row, all elements are alike.
    Alike(Id),
}

impl Lowering<'_> {
    pub(super) fn softmax(&mut self, at: &At, x: Id) -> Result<Form, CompileError> {
        let gaps = self.gaps(at, x)?;
        let (powers, sums, _) = self.powers(at, gaps, self.net.row(x))?;
        Ok(Form::Shares(Shares { powers, sums }))
    }

    /// How far each element of a Softmax's argument lies below the largest of its row.
    fn gaps(&mut self, at: &At, x: Id) -> Result<Quant, CompileError> {
        let (x, mask) = match self.net.step(x) {
            Some(Step { kind: Kind::Mask { keep, fill }, operands, .. }) if *fill <= HIDES => {
                (operands[0], Some(Shown::Always(keep.clone())))
            }
            Some(Step { kind: Kind::Hide, operands, .. }) => (operands[0], Some(Shown::By(operands[1]))),
            Some(Step { kind: Kind::Choose { .. }, operands, .. }) if matches!(self.forms[x], Form::Moved) => {
                (operands[0], Some(Shown::Alike(operands[1])))
            }
            _ => (x, None),
        };
        if mask.is_none()
            && let Some(gaps) = self.gaps_of_sums(at, x)?
        {
            return Ok(gaps);
        }
        let scores = self.scores(at, x, mask.is_some())?;
        let scale = scores.scale;
        let scores = match mask {
            None => scores.id,
            Some(Shown::Always(keep)) => self.shut_out(at, scores, &keep)?,
            Some(Shown::By(keep)) => self.hidden(at, scores, keep)?,
            Some(Shown::Alike(keep)) => {
                let kept = self.kept(at, scores, keep)?;
                self.hidden(at, kept, keep)?
            }
        };
        let Interval { lo, hi } = self.builder.interval(scores);
        let bits = (hi - lo).max(1).ilog2() as u8 + 1;
        let id = self.node(at, Op::Gap { x: scores, shift: 0, bits })?;
        Ok(Quant { id, scale })
    }

    /// As [`Self::gaps`], of sums that need not become columns first. Only how far they lie from one another is declared. `None` if
    /// interval arithmetic bounds them well, or they are too wide.
    fn gaps_of_sums(&mut self, at: &At, x: Id) -> Result<Option<Quant>, CompileError> {
        let source = self.source(x)?;
        let declared = power_of_two(self.sizes.of(x) * MARGIN);
        if self.reach(&source) <= 2.0 * declared {
            return Ok(None);
        }
        let scale = self.finest_score(declared, false);
        let wide = self.at_scale(at, x, source, scale)?;
        let (wide, shift) = self.before_shift(at, wide, scale)?;
        let scale = wide.scale * f64::from(shift).exp2();
        let bits = (2.0 * declared / scale).log2().ceil() as u8;
        match self.node(at, Op::Gap { x: wide.id, shift: shift as u8, bits }) {
            Ok(id) => Ok(Some(Quant { id, scale })),
            Err(CompileError::Range { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `e^−gap` in units of the largest, the sums of its rows of `n`, and the unit.
    fn powers(&mut self, at: &At, gap: Quant, n: usize) -> Result<(ValueId, ValueId, i32), CompileError> {
        let furthest = self.interval(gap).hi;
        let one = self.budget.unit_power(n);
        let entry = |d: i64| (f64::from(one) * (-(d as f64) * gap.scale).exp()).round() as i32;
        let powers = self.table(at, gap, 0, (0..=furthest).map(entry).collect(), 1.0 / f64::from(one))?;
        let sums = self.node(at, Op::Sum { x: powers.id })?;
        Ok((powers.id, sums, one))
    }

    /// The finest scale at which distances of numbers that reach so far fit a table.
    fn finest_score(&self, reach: f64, masked: bool) -> f64 {
        let entries = f64::from(self.budget.table_bits).exp2();
        // Distances reach up to 2r; a mask adds as much again.
        let all = if masked { 4.0 * reach + FAR } else { 2.0 * reach };
        power_of_two(all / entries).max(FINEST)
    }

    /// The argument at the finest scale at which the distances of its elements fit a table.
    fn scores(&mut self, at: &At, x: Id, masked: bool) -> Result<Quant, CompileError> {
        let source = self.source(x)?;
        let reach = self.reach(&source);
        let declared = power_of_two(self.sizes.of(x) * MARGIN);
        if reach <= 2.0 * declared {
            return self.ready(at, x, source, self.finest_score(reach, masked));
        }
        let scale = self.finest_score(declared, masked);
        let wide = self.at_scale(at, x, source, scale)?;
        self.declared(at, wide, scale, declared)
    }

    /// Takes elements so far down that their powers are zero and that they are never the largest.
    fn shut_out(&mut self, at: &At, scores: Quant, keep: &Array) -> Result<ValueId, CompileError> {
        let down = self.down(scores);
        let offsets = keep.values.iter().map(|&k| if k == 0.0 { -down } else { 0 }).collect();
        let c = self.builder.shaped_constant(at, "mask", narrow(&keep.dims), offsets);
        self.node(at, Op::AddConst { x: scores.id, c })
    }

    /// How far down an element is never the largest of its row, and its power nothing. Distances are a power of two many, as
    /// tables have rows.
    fn down(&self, scores: Quant) -> i32 {
        let interval = self.interval(scores);
        let span = (interval.hi - interval.lo) as i32;
        let far = (FAR / scores.scale).ceil() as i32;
        (2 * span + far + 1).unsigned_abs().next_power_of_two() as i32 - 1 - span
    }

    /// Whether `fill` is so far below all that a Softmax reads of x that its power is nothing.
    pub(super) fn hides(&mut self, x: Id, fill: f32) -> Result<bool, CompileError> {
        let source = self.source(x)?;
        let reach = self.reach(&source).min(2.0 * power_of_two(self.sizes.of(x) * MARGIN));
        Ok(f64::from(fill) <= -reach - FAR)
    }

    /// Scores, or zero where a value is zero.
    fn kept(&mut self, at: &At, scores: Quant, keep: Id) -> Result<Quant, CompileError> {
        let keep = self.column(keep)?;
        let id = self.node(at, Op::Mul { a: scores.id, b: keep.id })?;
        self.rescaled(at, Quant { id, scale: scores.scale * keep.scale }, scores.scale)
    }

    /// As [`Self::shut_out`], where a value is zero.
    fn hidden(&mut self, at: &At, scores: Quant, keep: Id) -> Result<ValueId, CompileError> {
        let keep = self.column(keep)?;
        // Ones and zeros, at whatever scale they are held.
        let one = (1.0 / keep.scale).round().max(1.0) as i32;
        let times = (self.down(scores) + one - 1) / one;
        let up = self.scaled(at, keep.id, times)?;
        let down = self.builder.shared_constant(at, "hidden", vec![-times * one]);
        let offsets = self.node(at, Op::AddConst { x: up, c: down })?;
        self.node(at, Op::Add { a: scores.id, b: offsets })
    }

    /// `max(x, least)`: what is known to be at least that large, but not to interval arithmetic.
    pub(super) fn at_least(&mut self, at: &At, x: ValueId, least: i32) -> Result<ValueId, CompileError> {
        if self.builder.interval(x).lo >= i64::from(least) {
            return Ok(x);
        }
        let down = self.builder.shared_constant(at, "least", vec![-least]);
        let above = self.node(at, Op::AddConst { x, c: down })?;
        let above = self.node(at, Op::Relu { x: above })?;
        let up = self.builder.shared_constant(at, "least", vec![least]);
        self.node(at, Op::AddConst { x: above, c: up })
    }

    /// `num · 2^bits / den` rounded half up, which lies in ±end.
    pub(super) fn ratio(
        &mut self,
        at: &At,
        (num, den): (ValueId, ValueId),
        bits: i32,
        ends: (i32, i32),
    ) -> Result<ValueId, CompileError> {
        let den = self.scaled(at, den, 1 << (-bits).max(0))?;
        let (num, den) = if self.builder.len(den) < self.builder.len(num) {
            // Half of a divisor that many quotients share: they are divided by the divisor itself.
            let num = self.scaled(at, num, 1 << bits.max(0))?;
            let half = self.node(at, Op::Rescale { x: den, shift: 1 })?;
            (self.node(at, Op::Add { a: num, b: half })?, den)
        } else {
            let num = self.scaled(at, num, 2 << bits.max(0))?;
            (self.node(at, Op::Add { a: num, b: den })?, self.scaled(at, den, 2)?)
        };
        self.node(at, Op::Quotient { num, den, lo: ends.0, hi: ends.1 })
    }

    /// By how many bits the ratio of `num` to `den` may be finer than one, if it is at most `end`. Both the dividend and the quotient
    /// times the divisor have to fit.
    pub(super) fn ratio_bits(&self, num: ValueId, den: ValueId, end: f64) -> i32 {
        const FITS: f64 = 1_056_964_608.0;
        let (num, den) = (self.builder.interval(num).magnitude() as f64, self.builder.interval(den).hi as f64);
        let dividend = (FITS - den) / (2.0 * num.max(1.0));
        let product = (FITS / (2.0 * den.max(1.0)) - 2.0) / end.max(1.0);
        dividend.min(product).log2().floor() as i32
    }

    /// A product of matrices of values.
    pub(super) fn contract(&mut self, at: &At, (a, b): (Id, Id), transposed: bool) -> Result<Quant, CompileError> {
        if let (Form::Shares(shares), 1) = (self.forms[a].clone(), self.readers[a]) {
            let b = self.column(b)?;
            let powers = Quant { id: shares.powers, scale: 1.0 };
            let (weighed, _, b) = self.fitting_product(at, (powers, b), transposed, true)?;
            // A weighted mean lies between the values that it is of.
            let end = self.magnitude(b);
            // Values that are all zero have no bits.
            let wanted = self.budget.wanted[self.here()] as i32 - end.max(1.0).log2().ceil() as i32;
            let bits = self.ratio_bits(weighed, shares.sums, end).min(wanted);
            let times = f64::from(bits).exp2();
            let interval = self.interval(b);
            let id = self.ratio(at, (weighed, shares.sums), bits, around(interval, times))?;
            return Ok(Quant { id, scale: b.scale / times });
        }
        let (a, b) = (self.column(a)?, self.column(b)?);
        let (id, a, b) = self.fitting_product(at, (a, b), transposed, false)?;
        Ok(Quant { id, scale: a.scale * b.scale })
    }

    /// A product of matrices. Its right operand, or both in turn, are made coarser until the sums fit. That can take some steps: columns
    /// may be a bit wider than was asked, and shares are as fine as their division makes them.
    fn fitting_product(
        &mut self,
        at: &At,
        (mut a, mut b): (Quant, Quant),
        transposed: bool,
        is_left_fixed: bool,
    ) -> Result<(ValueId, Quant, Quant), CompileError> {
        let mut dropped = 0;
        loop {
            match self.node(at, Op::Contract { a: a.id, b: b.id, transposed }) {
                Err(CompileError::Range { .. }) if dropped < MOST_DROPPED => {
                    let coarser = if is_left_fixed || dropped % 2 == 0 { &mut b } else { &mut a };
                    *coarser = self.rescaled(at, *coarser, 2.0 * coarser.scale)?;
                    dropped += 1;
                }
                result => return result.map(|id| (id, a, b)),
            }
        }
    }

    /// `x − max − ln Σ e^(x − max)`.
    pub(super) fn log_softmax(&mut self, at: &At, x: Id) -> Result<Quant, CompileError> {
        let gap = self.gaps(at, x)?;
        let (_, sums, one) = self.powers(at, gap, self.net.row(x))?;
        let fits = f64::from(self.budget.table_bits).exp2();
        let sums = self.rescaled(
            at,
            Quant { id: sums, scale: 1.0 },
            power_of_two(self.builder.interval(sums).hi as f64 / fits),
        )?;
        let interval = self.interval(sums);
        let entry = |sum: i64| ((sum as f64 * sums.scale / f64::from(one)).max(1.0).ln() / gap.scale).round() as i32;
        let values = (interval.lo..=interval.hi).map(entry).collect();
        let logs = self.table(at, sums, interval.lo as i32, values, gap.scale)?;
        let below = self.node(at, Op::Add { a: gap.id, b: logs.id })?;
        let id = self.node(at, Op::Scale { x: below, factor: -1 })?;
        Ok(Quant { id, scale: gap.scale })
    }
}

/// Ends of a rounded mean, `times` finer, of values in `interval`. Between them lie as many quotients as a power of two.
pub(super) fn around(interval: Interval, times: f64) -> (i32, i32) {
    let lowest = (interval.lo as f64 * times).floor();
    let highest = (interval.hi as f64 * times).ceil();
    let end = ((-lowest).max(highest + 1.0) as u32).next_power_of_two() as i32;
    (-end, end - 1)
}

/// The shares themselves.
pub(super) fn divided(lowering: &mut Lowering<'_>, at: &At, shares: &Shares) -> Result<Quant, CompileError> {
    let bits = lowering.ratio_bits(shares.powers, shares.sums, 1.0).clamp(0, 20);
    let id = lowering.ratio(at, (shares.powers, shares.sums), bits, (0, 1 << bits))?;
    Ok(Quant { id, scale: 1.0 / f64::from(bits).exp2() })
}
