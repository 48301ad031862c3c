//! Narrow values: one committed number per element.

use super::form::{Form, Part, Quant, Source};
use super::range::{Choice, How, MARGIN, choose, end, power_of_two};
use super::{Lowering, attention};
use crate::error::{At, CompileError};
use crate::net::step::Id;
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
        let reach = self.reach(&source);
        let choice = choose(self.sizes.of(id), reach, (bits, self.budget.tight[id]), self.budget.table_bits);
        let wide = self.at_scale(at, id, source, choice.scale)?;
        let limit = power_of_two(self.sizes.of(id) * MARGIN) / choice.scale;
        self.saturated(at, wide, choice, limit)
    }

    /// A wide value at the chosen scale or a coarser one, held in ±limit if the choice says so.
    pub(super) fn saturated(
        &mut self,
        at: &At,
        wide: Quant,
        choice: Choice,
        limit: f64,
    ) -> Result<Quant, CompileError> {
        let x = self.rescaled(at, wide, choice.scale)?;
        let end = end(limit);
        match choice.how {
            How::Free => Ok(x),
            How::Table => {
                let x = self.within_table(at, x)?;
                let half = 1 << (self.budget.table_bits - 1);
                let values = (-half..half).map(|v: i32| v.clamp(-end, end)).collect();
                self.table(at, x, -half, values, x.scale)
            }
            How::Clamp => {
                // A power of two many values, as tables have rows.
                let id = self.node(at, Op::Clamp { x: x.id, lo: -end, hi: end - 1 })?;
                Ok(Quant { id, scale: x.scale })
            }
        }
    }

    /// A value rescaled until a table covers it.
    pub(super) fn within_table(&mut self, at: &At, x: Quant) -> Result<Quant, CompileError> {
        let half = f64::from(1 << (self.budget.table_bits - 1));
        let shift = ((self.magnitude(x) + 1.0) / half).log2().ceil().max(0.0);
        self.rescaled(at, x, x.scale * shift.exp2())
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
        let mut shift = ((scale / x.scale).log2() - 1e-9).ceil() as i32;
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
