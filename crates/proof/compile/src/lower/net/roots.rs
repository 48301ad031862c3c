//! Squares as products, and roots of wide values.
//!
//! A table of either has one resolution from nothing to the largest number. A root turns the last bit of a small number into much. For
//! example, beside numbers of 2²⁰ a table of 12 bits has one line from 0 to 256, where the root rises to 16.

use super::form::{Quant, Source, Term};
use super::lowering::Lowering;
use super::powers::Line;
use super::range::{MARGIN, power_of_two};
use super::sums::integer;
use crate::graph::array::Array;
use crate::graph::net::Id;
use crate::terms::error::{At, CompileError};
use ciro_graph::Op;

/// Bits of a root's argument.
const ARGUMENT_BITS: i32 = 28;

impl Lowering<'_> {
    /// x², exactly as wide as x makes it.
    pub(super) fn square(&mut self, at: &At, x: Id) -> Result<Quant, CompileError> {
        let x = self.column(x)?;
        let id = self.node(at, Op::Mul { a: x.id, b: x.id })?;
        Ok(Quant { id, scale: x.scale * x.scale })
    }

    /// A root of what is wider than a table. `None` if a table holds it as it is.
    pub(super) fn root(&mut self, at: &At, x: Id, line: &Line) -> Result<Option<Quant>, CompileError> {
        let source = self.source(x)?;
        if let Source::Ready(q) = &source
            && self.magnitude(*q) <= f64::from(self.budget.table_bits).exp2()
        {
            return Ok(None);
        }
        let mut terms = match source {
            Source::Ready(q) => vec![Term::quant(q)],
            Source::Sum(terms) => terms,
        };
        terms = terms.into_iter().map(|term| term.times(line.slope)).collect();
        if line.intercept > 0.0 {
            terms.push(Term::constant(Array::new(vec![1], vec![line.intercept as f32])));
        }
        let size = self.sizes.of(x) * line.slope + line.intercept;
        let scale = power_of_two(size * MARGIN) / f64::from(ARGUMENT_BITS).exp2();
        let wide = self.at_scale(at, x, Source::Sum(terms), scale)?;
        let wide = self.finer(at, wide)?;
        let id = self.at_least(at, wide.id, 0)?;
        let root = self.node(at, Op::Isqrt { x: id })?;
        // It was rounded down, and half a unit more is right on average: many roots are summed.
        let twice = self.scaled(at, root, 2)?;
        let id = self.offset(at, twice, 1)?;
        Ok(Some(Quant { id, scale: wide.scale.sqrt() / 2.0 }))
    }

    /// The same numbers in smaller units, a power of four of them: each bit counts in a root.
    fn finer(&mut self, at: &At, x: Quant) -> Result<Quant, CompileError> {
        let room = ARGUMENT_BITS - (self.magnitude(x).max(1.0).log2().ceil() as i32);
        // A root of a scale that is an even power of two is one of two.
        let odd = (x.scale.log2().round() as i32).rem_euclid(2);
        let bits = (room - (room - odd).rem_euclid(2)).max(0);
        match integer(f64::from(bits).exp2()) {
            Some(factor) if bits > 0 => {
                Ok(Quant { id: self.scaled(at, x.id, factor)?, scale: x.scale / f64::from(factor) })
            }
            _ => Ok(x),
        }
    }
}
