//! Functions that a table has too few arguments for: steep ones of values with a wide range, such as a Softsign of running sums. Between the
//! arguments of a table their lines are followed.

use super::budget::is_steep;
use super::form::{Quant, Source};
use super::lowering::Lowering;
use super::range::{MARGIN, power_of_two};
use crate::graph::expr::Expr;
use crate::graph::net::Id;
use crate::terms::error::{At, CompileError};
use ciro_graph::{Interval, Op};

/// Bits of an argument below those that a table tells apart.
const FINER_BITS: i32 = 6;

impl Lowering<'_> {
    /// A steep function of a value that is finer than a table can read it, in `bits` for results up to `size`. `None` if a table is
    /// as good.
    pub(super) fn steep(
        &mut self,
        at: &At,
        x: Id,
        source: &Source,
        (expr, size, bits): (&Expr, f64, u32),
    ) -> Result<Option<Quant>, CompileError> {
        let table_bits = self.budget.table_bits as i32;
        if !is_steep(self.sizes, x, expr, self.budget.table_bits) {
            return Ok(None);
        }
        let reach = self.reach(source);
        let declared = power_of_two(self.sizes.of(x) * MARGIN);
        let is_free = reach <= 2.0 * declared;
        let end = if is_free { power_of_two(reach) } else { declared };
        let target = 2.0 * end / f64::from(table_bits + FINER_BITS).exp2();
        let own = if let Source::Ready(q) = source { q.scale } else { target };
        let coarser = (own.max(target) / target).log2().ceil() as i32;
        if coarser >= FINER_BITS {
            return Ok(None);
        }
        let source = match source {
            Source::Ready(q) => Source::Ready(*q),
            Source::Sum(terms) => Source::Sum(terms.clone()),
        };
        let wide = self.at_scale(at, x, source, target)?;
        let fine = if is_free { self.rescaled(at, wide, target)? } else { self.declared(at, wide, target, end)? };
        self.followed(at, fine, (expr, size, bits))
    }

    /// A function by lines between some arguments of a value; `None` if results are too large for that.
    fn followed(
        &mut self,
        at: &At,
        x: Quant,
        (expr, size, result_bits): (&Expr, f64, u32),
    ) -> Result<Option<Quant>, CompileError> {
        let Interval { lo, hi } = self.interval(x);
        let bits = i64::BITS - (hi - lo).leading_zeros();
        let frac_bits = bits.saturating_sub(self.budget.table_bits).max(1);
        // Zero is the end of a segment: there, most functions that bend do.
        let lo = (lo >> frac_bits) << frac_bits;
        let reached = ((hi - lo) >> frac_bits) + 1;
        let segments = reached.unsigned_abs().next_power_of_two() as usize;
        let limit = f64::from(result_bits).exp2();
        let scale = power_of_two(size * MARGIN) / limit;
        let end = |t: i64| (expr.at((lo + (t << frac_bits)) as f64 * x.scale) / scale).round();
        // No argument is beyond those that are reached.
        let ends: Vec<f64> = (0..=segments).map(|t| end(reached.min(t as i64))).collect();
        if !ends.iter().all(|v| v.abs() <= limit) {
            return Ok(None);
        }
        let ends: Vec<i32> = ends.into_iter().map(|v| v as i32).collect();
        let slopes = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let values = self.builder.shared_constant(at, "values", ends[..segments].to_vec());
        let slopes = self.builder.shared_constant(at, "slopes", slopes);
        let id = self.node(at, Op::Curve { x: x.id, lo: lo as i32, frac_bits: frac_bits as u8, values, slopes })?;
        Ok(Some(Quant { id, scale }))
    }
}
