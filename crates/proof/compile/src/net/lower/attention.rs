//! Softmax by table, divided only after the product that it weighs.

use super::Lowering;
use super::budget::share_bits;
use super::form::{Form, Quant, Shares};
use super::range::{Choice, How, MARGIN, power_of_two};
use crate::error::{At, CompileError};
use crate::net::array::{Array, narrow};
use crate::net::step::{Id, Kind, Step};
use ciro_graph::{Op, ValueId};

/// Finest resolution of a Softmax's argument.
const FINEST: f64 = 1.0 / 512.0;
/// A coarser argument is saturated rather.
const COARSE: f64 = 1.0 / 64.0;
/// Beyond this distance from the largest element, a power counts for nothing.
const FAR: f64 = 16.0;

/// What a mask lets a Softmax see.
enum Shown {
    /// Where a constant is not zero.
    Always(Array),
    /// Where a value is one.
    By(Id),
}

impl Lowering<'_> {
    pub(super) fn softmax(&mut self, at: &At, x: Id) -> Result<Form, CompileError> {
        let (powers, sums, _) = self.powers(at, x)?;
        Ok(Form::Shares(Shares { powers, sums }))
    }

    /// `e^(x − max)` at `2^−bits`, the sums of its rows, and bits.
    fn powers(&mut self, at: &At, x: Id) -> Result<(ValueId, ValueId, u32), CompileError> {
        let (x, mask) = match self.net.step(x) {
            Some(Step { kind: Kind::Mask { keep, .. }, operands, .. }) => {
                (operands[0], Some(Shown::Always(keep.clone())))
            }
            Some(Step { kind: Kind::Hide, operands, .. }) => (operands[0], Some(Shown::By(operands[1]))),
            _ => (x, None),
        };
        let scores = self.scores(at, x, mask.is_some())?;
        let scale = scores.scale;
        let scores = match mask {
            None => scores.id,
            Some(Shown::Always(keep)) => self.shut_out(at, scores, &keep)?,
            Some(Shown::By(keep)) => self.hidden(at, scores, keep)?,
        };
        let gap = self.node(at, Op::Gap { x: scores })?;
        let furthest = self.builder.interval(gap).hi;
        let bits = share_bits(self.net.row(x)).0;
        let one = f64::from(bits).exp2();
        let values = (0..=furthest).map(|d| (one * (-(d as f64) * scale).exp()).round() as i32).collect();
        let powers = self.table(at, Quant { id: gap, scale }, 0, values, 1.0 / one)?;
        let sums = self.node(at, Op::Sum { x: powers.id })?;
        Ok((powers.id, sums, bits))
    }

    /// The argument at the finest scale at which the distances of its elements fit a table.
    fn scores(&mut self, at: &At, x: Id, masked: bool) -> Result<Quant, CompileError> {
        let source = self.source(x)?;
        let reach = self.reach(&source);
        let entries = f64::from(self.budget.table_bits).exp2();
        // Distances reach up to 2r; a mask adds as much again.
        let times = if masked { 4.0 } else { 2.0 };
        let finest = |reach: f64| power_of_two((times * reach + if masked { FAR } else { 0.0 }) / entries).max(FINEST);
        let size = power_of_two(self.sizes.of(x) * MARGIN);
        if finest(reach) <= COARSE || reach <= 2.0 * size {
            return self.ready(at, x, source, finest(reach));
        }
        let scale = finest(size);
        let wide = self.at_scale(at, x, source, scale)?;
        let coarse = self.magnitude(wide) * wide.scale / scale >= entries / 2.0;
        let how = if coarse { How::Clamp } else { How::Table };
        self.saturated(at, wide, Choice { scale, how }, (size / scale).ceil())
    }

    /// Takes elements so far down that their powers are zero and that they are never the largest.
    fn shut_out(&mut self, at: &At, scores: Quant, keep: &Array) -> Result<ValueId, CompileError> {
        let down = self.down(scores);
        let offsets = keep.values.iter().map(|&k| if k == 0.0 { -down } else { 0 }).collect();
        let c = self.builder.shaped_constant(at, "mask", narrow(&keep.dims), offsets);
        self.node(at, Op::AddConst { x: scores.id, c })
    }

    /// How far down an element is never the largest of its row, and its power nothing.
    fn down(&self, scores: Quant) -> i32 {
        let interval = self.interval(scores);
        (interval.hi - interval.lo) as i32 + (FAR / scores.scale).ceil() as i32
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
        let num = self.scaled(at, num, 2 << bits.max(0))?;
        let num = self.node(at, Op::Add { a: num, b: den })?;
        let den = self.scaled(at, den, 2)?;
        self.node(at, Op::Quotient { num, den, lo: ends.0, hi: ends.1 })
    }

    /// How many bits finer than one the ratio of `num` to `den` may be, if it is at most `end`: both the dividend and the
    /// quotient times the divisor have to fit.
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
            let weighed = self.node(at, Op::Contract { a: shares.powers, b: b.id, transposed })?;
            // A weighted mean lies between the values that it is of.
            let end = self.magnitude(b);
            let wanted = self.budget.wanted[self.here()] as i32 - end.log2().ceil() as i32;
            let bits = self.ratio_bits(weighed, shares.sums, end).min(wanted);
            let times = f64::from(bits).exp2();
            let interval = self.interval(b);
            let ends =
                ((interval.lo as f64 * times).floor() as i32 - 1, (interval.hi as f64 * times).ceil() as i32 + 1);
            let id = self.ratio(at, (weighed, shares.sums), bits, ends)?;
            return Ok(Quant { id, scale: b.scale / times });
        }
        let (a, b) = (self.column(a)?, self.column(b)?);
        let id = self.node(at, Op::Contract { a: a.id, b: b.id, transposed })?;
        Ok(Quant { id, scale: a.scale * b.scale })
    }

    /// `x − max − ln Σ e^(x − max)`.
    pub(super) fn log_softmax(&mut self, at: &At, x: Id) -> Result<Quant, CompileError> {
        let scores = self.scores(at, x, false)?;
        let gap = self.node(at, Op::Gap { x: scores.id })?;
        let (_, sums, bits) = self.powers(at, x)?;
        let fits = f64::from(self.budget.table_bits).exp2();
        let sums = self.rescaled(
            at,
            Quant { id: sums, scale: 1.0 },
            power_of_two(self.builder.interval(sums).hi as f64 / fits),
        )?;
        let interval = self.interval(sums);
        let one = f64::from(bits).exp2();
        let entry = |sum: i64| ((sum as f64 * sums.scale / one).max(1.0).ln() / scores.scale).round() as i32;
        let values = (interval.lo..=interval.hi).map(entry).collect();
        let logs = self.table(at, sums, interval.lo as i32, values, scores.scale)?;
        let below = self.node(at, Op::Add { a: gap, b: logs.id })?;
        let id = self.node(at, Op::Scale { x: below, factor: -1 })?;
        Ok(Quant { id, scale: scores.scale })
    }
}

/// The shares themselves.
pub(super) fn divided(lowering: &mut Lowering<'_>, at: &At, shares: &Shares) -> Result<Quant, CompileError> {
    let bits = lowering.ratio_bits(shares.powers, shares.sums, 1.0).clamp(0, 20);
    let id = lowering.ratio(at, (shares.powers, shares.sums), bits, (0, 1 << bits))?;
    Ok(Quant { id, scale: 1.0 / f64::from(bits).exp2() })
}
