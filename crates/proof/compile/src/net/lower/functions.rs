//! Pointwise functions by table.

use super::Lowering;
use super::form::{Quant, Source};
use super::range::{MARGIN, power_of_two};
use crate::error::{At, CompileError};
use crate::net::expr::Expr;
use crate::net::import::is_unrolled;
use crate::net::step::Id;

impl Lowering<'_> {
    /// A function by table, on the argument at the finest scale at which the table covers it: its interval, or what it is declared
    /// to be.
    pub(super) fn function(&mut self, at: &At, x: Id, expr: &Expr) -> Result<Quant, CompileError> {
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
