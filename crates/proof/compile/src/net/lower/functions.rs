//! Pointwise functions: by table, or by comparison with zero.

use super::Lowering;
use super::form::{Quant, Source};
use super::range::{Choice, How, MARGIN, choose, power_of_two};
use crate::error::{At, CompileError};
use crate::net::expr::Expr;
use crate::net::import::is_unrolled;
use crate::net::step::Id;
use ciro_graph::{Op, Pick};

impl Lowering<'_> {
    /// A function by table, on the argument at the finest scale at which the table covers it: its interval, or what it is declared
    /// to be.
    pub(super) fn function(&mut self, at: &At, x: Id, expr: &Expr) -> Result<Quant, CompileError> {
        if expr.is_relu() && !self.budget.has_relu_table {
            return self.rectified(at, x, Vec::new());
        }
        let id = self.here();
        let source = self.source(x)?;
        let bits = self.budget.wanted[id];
        let scale = power_of_two(self.sizes.of(id) * MARGIN) / f64::from(bits).exp2();
        let finest = if expr.is_relu() { scale } else { 0.0 };
        let argument = self.argument(at, x, source, finest)?;
        // max(x, 0) keeps the scale, and all layers' tables are one.
        let scale = if expr.is_relu() { argument.scale } else { scale };
        let limit = f64::from(bits).exp2();
        let (lo, hi) = self.domain(at, argument);
        let entry = |i: i64| {
            let v = expr.at(i as f64 * argument.scale) / scale;
            if v.is_nan() { 0 } else { v.round().clamp(-limit, limit - 1.0) as i32 }
        };
        let values = (lo..=hi).map(entry).collect();
        self.table(at, argument, lo as i32, values, scale)
    }

    /// The arguments that a table covers: all that are possible, and where an operator is unrolled, up to a power of two,
    /// so that its positions share tables though their intervals differ a little.
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
        let scale = power_of_two(self.sizes.of(id) * MARGIN) / f64::from(self.budget.wanted[id]).exp2();
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
        let bits = bits.max(self.budget.least_difference(shift)) as u8;
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
    fn argument(&mut self, at: &At, x: Id, source: Source, finest: f64) -> Result<Quant, CompileError> {
        let entries = f64::from(self.budget.table_bits).exp2();
        let reach = self.reach(&source);
        let declared = power_of_two(self.sizes.of(x) * MARGIN);
        if reach <= 2.0 * declared {
            // The largest element may be half the table, and so an entry too much.
            let scale = finest.max(power_of_two(reach * (1.0 + 2.0 / entries)) * 2.0 / entries);
            return self.ready(at, x, source, scale);
        }
        let scale = finest.max(declared * 2.0 / entries);
        let wide = self.at_scale(at, x, source, scale)?;
        self.declared(at, wide, scale, declared)
    }

    /// The numbers of a value that may be wide, at its own or the finest scale.
    pub(super) fn ready(&mut self, at: &At, id: Id, source: Source, target: f64) -> Result<Quant, CompileError> {
        let wide = self.at_scale(at, id, source, target)?;
        self.rescaled(at, wide, target)
    }
}
