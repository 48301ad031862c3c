//! Pointwise functions by table.

use super::Lowering;
use super::form::{Quant, Source};
use super::range::{How, MARGIN, choose_function, end, power_of_two};
use crate::error::{At, CompileError};
use crate::net::expr::Expr;
use crate::net::import::is_unrolled;
use crate::net::step::Id;
use ciro_graph::Op;

/// A function's argument is read at this many steps of its calibrated range at least, bits; else it is clamped to that range.
const ARGUMENT_BITS: f64 = 8.0;

impl Lowering<'_> {
    pub(super) fn function(&mut self, at: &At, x: Id, expr: &Expr) -> Result<Quant, CompileError> {
        if expr.is_relu() { self.relu(at, x) } else { self.tabled(at, x, expr) }
    }

    /// max(x, 0), saturated where its readers would otherwise see far larger intervals than numbers.
    fn relu(&mut self, at: &At, x: Id) -> Result<Quant, CompileError> {
        let id = self.here();
        let bits = self.budget.wanted[id];
        let source = self.source(x)?;
        let reach = self.reach(&source);
        let choice = choose_function(self.sizes.of(id), reach, bits, self.budget.table_bits);
        let limit = power_of_two(self.sizes.of(id) * MARGIN) / choice.scale;
        let wide = self.at_scale(at, x, source, choice.scale)?;
        let narrow = self.rescaled(at, wide, choice.scale)?;
        let end = end(limit);
        match choice.how {
            How::Free => {
                let id = self.node(at, Op::Relu { x: narrow.id })?;
                Ok(Quant { id, ..narrow })
            }
            How::Clamp => {
                let id = self.node(at, Op::Clamp { x: narrow.id, lo: 0, hi: end })?;
                Ok(Quant { id, ..narrow })
            }
            How::Table => {
                let narrow = self.within_table(at, narrow)?;
                let half = 1 << (self.budget.table_bits - 1);
                // One end for all layers, so that they share a table.
                let end = end.max(1 << bits);
                let values = (-half..half).map(|v: i32| v.clamp(0, end)).collect();
                self.table(at, narrow, -half, values, narrow.scale)
            }
        }
    }

    /// Any function: a table over the argument's interval, at the finest scale at which it fits.
    fn tabled(&mut self, at: &At, x: Id, expr: &Expr) -> Result<Quant, CompileError> {
        let id = self.here();
        let source = self.source(x)?;
        let reach = self.reach(&source);
        let half = f64::from(self.budget.table_bits - 1);
        let size = power_of_two(self.sizes.of(x) * MARGIN);
        let scale = power_of_two(reach / half.exp2());
        let coarse = (size / scale).log2() < ARGUMENT_BITS && reach > size;
        let scale = if coarse { size / half.exp2() } else { scale };
        let wide = self.at_scale(at, x, source, scale)?;
        let mut argument = self.rescaled(at, wide, scale)?;
        if coarse {
            let end = (size / argument.scale).clamp(1.0, half.exp2() - 1.0) as i32;
            argument = Quant { id: self.node(at, Op::Clamp { x: argument.id, lo: -end, hi: end - 1 })?, ..argument };
        }
        let argument = self.within_table(at, argument)?;
        let bits = self.budget.wanted[id];
        let scale = power_of_two(self.sizes.of(id) * MARGIN) / f64::from(bits).exp2();
        let limit = f64::from(bits).exp2();
        let (lo, hi) = self.domain(at, argument);
        let entry = |i: i64| {
            let v = expr.at(i as f64 * argument.scale) / scale;
            if v.is_nan() { 0 } else { v.round().clamp(-limit, limit) as i32 }
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

    /// The numbers of a value that may be wide, at its own or the finest scale.
    pub(super) fn ready(&mut self, at: &At, id: Id, source: Source, target: f64) -> Result<Quant, CompileError> {
        let wide = self.at_scale(at, id, source, target)?;
        self.rescaled(at, wide, target)
    }
}
