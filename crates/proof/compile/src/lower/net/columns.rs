//! Narrow values: one committed number per element.

use super::attention;
use super::form::{Form, Part, Quant, Source};
use super::lowering::Lowering;
use super::range::{How, choose};
use crate::graph::net::Id;
use crate::terms::error::{At, CompileError};
use ciro_graph::Op;

/// Largest shift of one Rescale.
const MAX_SHIFT: i32 = 22;

impl Lowering<'_> {
    /// The value in as many bits as its readers have room for; made once.
    pub(super) fn column(&mut self, id: Id) -> Result<Quant, CompileError> {
        if let Some(column) = self.columns[id] {
            return Ok(column);
        }
        let at = self.at(id);
        let column = match self.forms[id].clone() {
            Form::Moved => {
                let source = self.net.step(id).map_or(0, |step| step.operands[0]);
                let column = self.column(source)?;
                self.moved(id, column)?
            }
            Form::Shares(shares) => attention::divided(self, &at, &shares)?,
            Form::Ready(q) => self.narrowed(&at, id, Source::Ready(q))?,
            Form::Sum(terms) => self.narrowed(&at, id, Source::Sum(terms))?,
        };
        self.columns[id] = Some(column);
        Ok(column)
    }

    /// The ONNX node that a value comes from.
    pub(super) fn at(&self, id: Id) -> At {
        let input = || At { node: self.net.inputs[id].name.clone(), operator: "input".into() };
        self.net.step(id).map_or_else(input, |step| step.at.clone())
    }

    fn narrowed(&mut self, at: &At, id: Id, source: Source) -> Result<Quant, CompileError> {
        let bits = self.budget.wanted[id];
        if let Source::Ready(q) = &source
            && self.magnitude(*q) <= f64::from(bits + 1).exp2() * 1.01
        {
            return Ok(*q);
        }
        let choice = choose(self.sizes.of(id), self.reach(&source), bits);
        let wide = self.at_scale(at, id, source, choice.scale)?;
        match choice.how {
            How::Free => self.rescaled(at, wide, choice.scale),
            How::Declared(end) => self.declared(at, wide, choice.scale, end),
        }
    }

    /// A wide value at `scale`, or a coarser one, where it is declared to lie in ±end: a power of two many integers.
    pub(super) fn declared(&mut self, at: &At, wide: Quant, scale: f64, end: f64) -> Result<Quant, CompileError> {
        let (x, shift) = self.before_shift(at, wide, scale)?;
        let scale = x.scale * f64::from(shift).exp2();
        let bits = (end / scale).log2().ceil().max(0.0) as u8 + 1;
        let lo = -(1 << (bits - 1));
        let id = self.node(at, Op::Narrow { x: x.id, shift: shift as u8, lo, bits })?;
        Ok(Quant { id, scale })
    }

    /// A wide value from which one shift leads to `scale`, or a coarser one, and that shift.
    pub(super) fn before_shift(&mut self, at: &At, wide: Quant, scale: f64) -> Result<(Quant, i32), CompileError> {
        let far = steps(wide.scale, scale) > MAX_SHIFT;
        let x = if far { self.rescaled(at, wide, scale / f64::from(MAX_SHIFT).exp2())? } else { wide };
        Ok((x, steps(x.scale, scale)))
    }

    /// `values[x − lo]`, which read at `scale`.
    pub(super) fn table(
        &mut self,
        at: &At,
        x: Quant,
        lo: i32,
        values: Vec<i32>,
        scale: f64,
    ) -> Result<Quant, CompileError> {
        let values = self.builder.shared_constant(at, "table", values);
        let id = self.node(at, Op::Table { x: x.id, lo, values })?;
        Ok(Quant { id, scale })
    }

    /// A value at `scale` or, if that is not finer by a power of two, the next coarser scale that is.
    pub(super) fn rescaled(&mut self, at: &At, x: Quant, scale: f64) -> Result<Quant, CompileError> {
        let mut shift = steps(x.scale, scale);
        let mut x = x;
        while shift > 0 {
            let part = shift.min(MAX_SHIFT);
            let id = self.node(at, Op::Rescale { x: x.id, shift: part as u8 })?;
            x = Quant { id, scale: x.scale * f64::from(part).exp2() };
            shift -= part;
        }
        Ok(x)
    }

    /// The largest magnitude, in real numbers, that interval arithmetic allows a value.
    pub(super) fn reach(&self, source: &Source) -> f64 {
        match source {
            Source::Ready(q) => self.magnitude(*q) * q.scale,
            Source::Sum(terms) => {
                let (lo, hi) = terms
                    .iter()
                    .map(|term| {
                        let (lo, hi) = self.ends(&term.part);
                        let (a, b) = (lo * term.factor, hi * term.factor);
                        (a.min(b), a.max(b))
                    })
                    .fold((0.0, 0.0), |sum: (f64, f64), ends| (sum.0 + ends.0, sum.1 + ends.1));
                hi.max(-lo)
            }
        }
    }

    fn ends(&self, part: &Part) -> (f64, f64) {
        match part {
            Part::Quant(q) => {
                let interval = self.interval(*q);
                (interval.lo as f64 * q.scale, interval.hi as f64 * q.scale)
            }
            Part::Constant(c) => {
                let fold =
                    |pick: fn(f64, f64) -> f64| c.values.iter().map(|&v| f64::from(v)).reduce(pick).unwrap_or(0.0);
                (fold(f64::min), fold(f64::max))
            }
            Part::Weights(step, x) => self.weighted_ends(*step, *x),
        }
    }
}

/// How many bits to drop of a value at `fine` until it is at `scale` or a coarser one.
fn steps(fine: f64, scale: f64) -> i32 {
    ((scale / fine).log2() - 1e-9).ceil().max(0.0) as i32
}
