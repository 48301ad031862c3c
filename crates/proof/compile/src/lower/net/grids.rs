//! Functions of whole numbers that a sum is rounded to: what reads and writes integers of eight bits. The sum is as fine as it can be, and
//! rounded once, so that hardly any number lands on the other side of an edge.

use super::budget::ROOM_BITS;
use super::form::{Part, Quant, Source, Term};
use super::lowering::Lowering;
use super::range::{MARGIN, power_of_two};
use super::sums::integer;
use crate::graph::array::{Array, narrow};
use crate::graph::expr::{CurvedRounding, Expr};
use crate::graph::net::Id;
use crate::terms::error::{At, CompileError};
use ciro_graph::{Op, ValueId};

/// Most whole numbers that a table is for, bits.
const MOST_BITS: f64 = 14.0;
/// Most bits that are dropped of a sum.
const MOST_DROPPED: f64 = 22.0;
/// Bits of a curve that is rounded.
const CURVE_BITS: u32 = 18;
/// Bits of a factor's fraction.
const FRACTION_BITS: f64 = 12.0;
/// How often a sum that does not fit is tried at half the resolution.
const TRIALS: usize = 6;

impl Lowering<'_> {
    /// A function of what a line is rounded to; `None` if it is none, or of too many numbers.
    pub(super) fn gridded(&mut self, at: &At, x: Id, expr: &Expr) -> Result<Option<Quant>, CompileError> {
        let Some((outer, (slope, start))) = expr.rounding() else { return Ok(None) };
        let ends = [self.sizes.lo[x], self.sizes.hi[x]].map(|v| (slope * v + start).abs());
        let declared = power_of_two(ends[0].max(ends[1]).max(1.0) * MARGIN);
        // Of more numbers than a table is for, most may be saturated.
        let is_many = declared.log2() + 1.0 > MOST_BITS;
        let held = if is_many { outer.whole_ends() } else { None };
        if is_many && held.is_none() {
            return Ok(None);
        }
        let mut terms: Vec<Term> = self.terms(x)?.into_iter().map(|term| term.times(slope)).collect();
        if start != 0.0 {
            terms.push(Term::constant(Array::new(vec![1], vec![start as f32])));
        }
        let reach = self.reach(&Source::Sum(terms.clone()));
        let finest = power_of_two(reach / ROOM_BITS.exp2()).max((-MOST_DROPPED).exp2());
        let fine = self.fine_sum(at, x, &terms, finest)?;
        let whole = if reach <= 2.0 * declared {
            self.rescaled(at, fine, 1.0)?
        } else {
            self.declared(at, fine, 1.0, declared)?
        };
        let whole = match held {
            Some((lo, hi)) => Quant { id: self.node(at, Op::Clamp { x: whole.id, lo, hi })?, ..whole },
            None => whole,
        };
        self.of_whole(at, whole, (expr, &outer)).map(Some)
    }

    /// A function of what a steep curve is rounded to; `None` if it is none, or a table is as good.
    pub(super) fn gridded_curve(
        &mut self,
        at: &At,
        x: Id,
        source: &Source,
        expr: &Expr,
    ) -> Result<Option<Quant>, CompileError> {
        let Some(CurvedRounding { outer, curve, end }) = expr.curved_rounding() else { return Ok(None) };
        let Some(fine) = self.steep(at, x, source, (&curve, end, CURVE_BITS))? else { return Ok(None) };
        let whole = self.rescaled(at, fine, 1.0)?;
        self.of_whole(at, whole, (expr, &outer)).map(Some)
    }

    /// The function of a value that `outer` is of the whole numbers it is rounded to.
    fn of_whole(&mut self, at: &At, whole: Quant, (expr, outer): (&Expr, &Expr)) -> Result<Quant, CompileError> {
        let id = self.here();
        let limit = f64::from(self.budget.wanted[id]).exp2();
        let scale = if expr.is_whole() { 1.0 } else { power_of_two(self.sizes.of(id) * MARGIN) / limit };
        let interval = self.interval(whole);
        let entry = |i: i64| (outer.at(i as f64) / scale).round().clamp(-limit, limit) as i32;
        let values = (interval.lo..=interval.hi).map(entry).collect();
        self.table(at, whole, interval.lo as i32, values, scale)
    }

    /// The sum at a power of two, or the next coarser one at which it fits.
    fn fine_sum(&mut self, at: &At, id: Id, terms: &[Term], finest: f64) -> Result<Quant, CompileError> {
        let mut scale = finest;
        for _ in 0..TRIALS {
            match self.try_fine(at, id, terms, scale) {
                Err(CompileError::Range { .. }) => scale *= 2.0,
                result => return result,
            }
        }
        self.try_fine(at, id, terms, scale)
    }

    fn try_fine(&mut self, at: &At, id: Id, terms: &[Term], scale: f64) -> Result<Quant, CompileError> {
        let mut sum: Option<ValueId> = None;
        for term in terms {
            let next = match &term.part {
                Part::Weights(step, x) => self.weighted(*step, *x, scale / term.factor)?,
                Part::Quant(q) => self.multiplied(at, *q, q.scale * term.factor / scale)?,
                Part::Constant(_) => continue,
            };
            sum = Some(match sum {
                None => next,
                Some(sum) => self.node(at, Op::Add { a: sum, b: next })?,
            });
        }
        let mut sum = sum.ok_or_else(|| self.too_wide(at))?;
        for term in terms {
            if let Part::Constant(c) = &term.part {
                let units = |&v: &f32| integer(f64::from(v) * term.factor / scale);
                let values: Option<Vec<i32>> = c.values.iter().map(units).collect();
                let values = values.ok_or_else(|| self.too_wide(at))?;
                let c = self.builder.shaped_constant(at, "offset", narrow(&c.dims), values);
                sum = self.node(at, Op::AddConst { x: sum, c })?;
            }
        }
        let dims = narrow(self.net.dims(id));
        if self.builder.shape(sum) != dims {
            sum = self.builder.reshape(at, sum, dims)?;
        }
        Ok(Quant { id: sum, scale })
    }

    /// The integers times a ratio. They are multiplied by its whole part, and by its fraction, of which bits are dropped.
    fn multiplied(&mut self, at: &At, q: Quant, ratio: f64) -> Result<ValueId, CompileError> {
        let room = ROOM_BITS.floor() - self.magnitude(q).max(1.0).log2().ceil();
        let bits = room.clamp(0.0, FRACTION_BITS);
        let fraction = ((ratio - ratio.trunc()) * bits.exp2()).round();
        // A fraction that rounds to one is one more of the whole.
        let (carried, fraction) =
            if fraction.abs() < bits.exp2() { (0.0, fraction as i32) } else { (fraction.signum(), 0) };
        let whole = integer(ratio.trunc() + carried).ok_or_else(|| self.too_wide(at))?;
        let parts = [(whole, 0), (fraction, bits as u8)];
        let mut sum: Option<ValueId> = None;
        for (factor, shift) in parts.into_iter().filter(|(factor, _)| *factor != 0) {
            let mut part = self.scaled(at, q.id, factor)?;
            if shift > 0 {
                part = self.node(at, Op::Rescale { x: part, shift })?;
            }
            sum = Some(match sum {
                None => part,
                Some(sum) => self.node(at, Op::Add { a: sum, b: part })?,
            });
        }
        sum.ok_or_else(|| self.too_wide(at))
    }
}
