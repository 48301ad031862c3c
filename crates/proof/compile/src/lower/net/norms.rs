//! Normalisation of rows.

use super::form::Quant;
use super::lowering::Lowering;
use super::range::{How, choose};
use crate::graph::net::Id;
use crate::terms::error::{At, CompileError};
use ciro_graph::arith::rounded;
use ciro_graph::{Op, ValueId};

/// Sums of squares and dividends stay below this. Where a square of the mean is taken from a sum of squares, the sum stays below half of
/// it.
pub(super) const FITS: f64 = 1_056_964_608.0;
/// Smallest deviation, in units of its integers: quieter rows shrink.
pub(super) const LEAST: i32 = 4;
/// Bits of a mean below those of the values: it is to be rounded less than they are.
const MEAN_BITS: i32 = 2;
/// Finest scale of the result.
pub(super) const FINEST: f64 = 1.0 / 65536.0;
/// A divisor is not multiplied by more than 2 to this.
const COARSEST: i32 = 12;

/// Sums of squares of rows, around their means.
pub(super) struct Squares {
    pub(super) id: ValueId,
    /// What one unit of their roots stands for.
    pub(super) scale: f64,
    /// What rounding adds to the square of an element on average, in their units.
    pub(super) rounding: f64,
}

impl Lowering<'_> {
    /// `(x − mean) / √(variance + eps)` by rows, or without the mean.
    pub(super) fn normalize(&mut self, at: &At, x: Id, centred: bool, eps: f64) -> Result<Quant, CompileError> {
        let id = self.here();
        let n = self.net.row(id);
        let x = self.column(x)?;
        let mean = if centred { Some(self.mean(at, x, n)?) } else { None };
        let squares = match self.squares_by_blocks(at, x, mean)? {
            Some(squares) => squares,
            None => self.squares_of_copy(at, x, mean, n)?,
        };
        let floor = n as f64 * (eps / squares.scale.powi(2) - squares.rounding);
        let sum = self.offset(at, squares.id, floor.round().min(FITS * 0.01) as i32)?;
        let sum = self.at_least(at, sum, LEAST * LEAST)?;
        let root = self.node(at, Op::Isqrt { x: sum })?;
        let unit = (n as f64).sqrt() / squares.scale;
        if let Some(y) = self.by_reciprocal(at, x, mean, (root, unit))? {
            return Ok(y);
        }
        let c = self.less_mean(at, x, mean)?;
        self.quotient_of(at, id, c, root, unit * c.scale)
    }

    /// Of a copy of x, so coarse that the squares of a row can be summed.
    fn squares_of_copy(&mut self, at: &At, x: Quant, mean: Option<Quant>, n: usize) -> Result<Squares, CompileError> {
        let coarse = self.coarse(at, x, coarsest(n, mean.is_some()))?;
        let mut id = self.node(at, Op::Dot { a: coarse.id, b: coarse.id })?;
        if let Some(mean) = mean {
            id = self.around_mean(at, coarse, mean, (id, n))?;
        }
        // Rounding adds a twelfth to a square on average.
        let rounding = if coarse.scale > x.scale { 1.0 / 12.0 } else { 0.0 };
        Ok(Squares { id, scale: coarse.scale, rounding })
    }

    /// The value rounded to integers of at most `most`.
    fn coarse(&mut self, at: &At, fine: Quant, most: f64) -> Result<Quant, CompileError> {
        let interval = self.interval(fine);
        let fits = |shift: &u8| interval.map(|v| rounded(v, *shift)).magnitude() as f64 <= most;
        let shift = (0..29).find(fits).unwrap_or(29);
        self.rescaled(at, fine, fine.scale * f64::from(shift).exp2())
    }

    pub(super) fn offset(&mut self, at: &At, x: ValueId, by: i32) -> Result<ValueId, CompileError> {
        if by == 0 {
            return Ok(x);
        }
        let c = self.builder.shared_constant(at, "offset", vec![by]);
        self.node(at, Op::AddConst { x, c })
    }

    /// The mean of each row.
    fn mean(&mut self, at: &At, x: Quant, n: usize) -> Result<Quant, CompileError> {
        let sum = self.node(at, Op::Sum { x: x.id })?;
        // The row length as a divisor: nothing of the sums, and a constant.
        let zero = self.builder.shared_constant(at, "zero", vec![0]);
        let zeros = self.node(at, Op::MulConst { x: sum, c: zero })?;
        let len = self.builder.shared_constant(at, "length", vec![n as i32]);
        let len = self.node(at, Op::AddConst { x: zeros, c: len })?;
        let end = self.magnitude(x);
        let bits = self.ratio_bits(sum, len, end).clamp(0, MEAN_BITS);
        let end = end as i32 * (1 << bits);
        let id = self.ratio(at, (sum, len), bits, (-end, end))?;
        Ok(Quant { id, scale: x.scale / f64::from(bits).exp2() })
    }

    /// `x − mean`, at the mean's scale.
    fn less_mean(&mut self, at: &At, x: Quant, mean: Option<Quant>) -> Result<Quant, CompileError> {
        let Some(mean) = mean else { return Ok(x) };
        let fine = self.scaled(at, x.id, (x.scale / mean.scale).round() as i32)?;
        let id = self.node(at, Op::Sub { a: fine, b: mean.id })?;
        Ok(Quant { id, scale: mean.scale })
    }

    /// Σ(x − m)² = Σx² − m·(2Σx − n·m) for m the mean of n numbers, rounded to an integer. As 2Σx − n·m is Σx and a rest of about n,
    /// nothing here is larger than Σx² may be.
    fn around_mean(
        &mut self,
        at: &At,
        x: Quant,
        mean: Quant,
        (squares, n): (ValueId, usize),
    ) -> Result<ValueId, CompileError> {
        let sum = self.node(at, Op::Sum { x: x.id })?;
        let whole = self.rescaled(at, mean, x.scale)?.id;
        let all = self.scaled(at, whole, n as i32)?;
        let rest = self.node(at, Op::Sub { a: sum, b: all })?;
        // Half a unit is rounded of each number and of the mean, and a quarter at most of the finer mean before that.
        let bits = (n + n / 4 + 1).next_power_of_two().ilog2() as u8;
        let rest = self.node(at, Op::Narrow { x: rest, shift: 0, lo: -(1 << bits), bits: bits + 1 })?;
        let both = self.node(at, Op::Add { a: sum, b: rest })?;
        let product = self.node(at, Op::Mul { a: whole, b: both })?;
        self.node(at, Op::Sub { a: squares, b: product })
    }

    /// `c · m / root`, where c / root reads in units of `unit`: as fine as its readers have room for.
    fn quotient_of(&mut self, at: &At, id: Id, c: Quant, root: ValueId, unit: f64) -> Result<Quant, CompileError> {
        // No element of a row is further from the mean than √n deviations; D being rounded adds less than 1/LEAST.
        let reach = (self.net.row(id) as f64).sqrt() * (1.0 + 1.0 / f64::from(LEAST));
        let choice = choose(self.sizes.of(id), reach, self.budget.wanted[id]);
        let end = if let How::Declared(end) = choice.how { end } else { reach };
        // The divisor is twice the root, and one more: the root was rounded down, and half a unit more is right on average.
        let (dividend, divisor) = (self.magnitude(c), 2.0 * self.builder.interval(root).hi as f64 + 1.0);
        let scale = |twice: i32| unit / f64::from(twice - 1).exp2();
        let quotients = |twice: i32| ((end / scale(twice)).ceil() as u32).next_power_of_two();
        let fits = |twice: &i32| {
            let (up, down) = (f64::from(*twice).exp2().max(1.0), f64::from(-*twice).exp2().max(1.0));
            let product = f64::from(quotients(*twice) + 1) * divisor * down;
            product.max(dividend * up + divisor * down) <= FITS
        };
        let wanted = ((unit / choice.scale.max(FINEST)).log2() - 1e-9).ceil() as i32 + 1;
        let twice = (-COARSEST..=wanted).rev().find(fits).unwrap_or(-COARSEST);
        let times = self.scaled(at, c.id, 1 << twice.max(0))?;
        let root = self.scaled(at, root, 1 << (-twice).max(0))?;
        let num = self.node(at, Op::Add { a: times, b: root })?;
        let den = self.scaled(at, root, 2)?;
        let den = self.offset(at, den, 1 << (-twice).max(0))?;
        let end = quotients(twice) as i32;
        let id = self.node(at, Op::Quotient { num, den, lo: -end, hi: end - 1 })?;
        Ok(Quant { id, scale: scale(twice) })
    }
}

/// The largest power of two up to which the elements of a row may be squared and summed.
pub(super) fn coarsest(row: usize, centred: bool) -> f64 {
    let squares = if centred { FITS / 2.0 } else { FITS };
    ((squares * 0.98 / row as f64).sqrt() - 1.0).log2().floor().exp2()
}
