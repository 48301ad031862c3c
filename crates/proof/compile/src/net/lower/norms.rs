//! Normalisation of rows.

use super::Lowering;
use super::attention::around;
use super::form::Quant;
use super::range::{How, choose};
use crate::error::{At, CompileError};
use crate::net::step::Id;
use ciro_graph::{Op, ValueId};

/// Sums of squares stay below this.
const SQUARES: f64 = 1_056_964_608.0;
/// Smallest deviation, in units of its integers: quieter rows shrink.
const LEAST: i32 = 4;
/// Bits of a mean below those of the values.
const MEAN_BITS: i32 = 4;
/// Finest scale of the result.
const FINEST: f64 = 1.0 / 65536.0;

impl Lowering<'_> {
    /// `(x − mean) / √(variance + eps)` by rows, or without the mean.
    ///
    /// With c = x − mean and c′ its rescaling by 2^shift, D = √Σc′² is the deviation in units of c′/√n. The result is
    /// `c·m / D`, which reads at √n · 2^−shift / m.
    pub(super) fn normalize(&mut self, at: &At, x: Id, centred: bool, eps: f64) -> Result<Quant, CompileError> {
        let id = self.here();
        let n = self.net.row(x) as f64;
        let x = self.column(x)?;
        let c = if centred { self.centred(at, x, self.net.row(id))? } else { x };
        let widest = (SQUARES * 0.98 / n).sqrt() - 1.0;
        let shift = (self.magnitude(c) / widest).log2().ceil().max(0.0);
        let coarse = self.rescaled(at, c, c.scale * shift.exp2())?;
        let squares = self.node(at, Op::Dot { a: coarse.id, b: coarse.id })?;
        let floor = (eps * n / coarse.scale.powi(2)).round().min(SQUARES * 0.01) as i32;
        let squares = if floor > 0 {
            let floor = self.builder.shared_constant(at, "eps", vec![floor]);
            self.node(at, Op::AddConst { x: squares, c: floor })?
        } else {
            squares
        };
        let root = self.node(at, Op::Isqrt { x: squares })?;
        let root = self.at_least(at, root, LEAST)?;
        self.quotient_of(at, id, c, root, n.sqrt() / shift.exp2())
    }

    /// `x − mean` of each row, some bits finer than x.
    fn centred(&mut self, at: &At, x: Quant, n: usize) -> Result<Quant, CompileError> {
        let sum = self.node(at, Op::Sum { x: x.id })?;
        // The row length as a divisor: nothing of the sums, and a constant.
        let zero = self.builder.shared_constant(at, "zero", vec![0]);
        let zeros = self.node(at, Op::MulConst { x: sum, c: zero })?;
        let len = self.builder.shared_constant(at, "length", vec![n as i32]);
        let len = self.node(at, Op::AddConst { x: zeros, c: len })?;
        let bits = self.ratio_bits(sum, len, self.magnitude(x)).clamp(0, MEAN_BITS);
        let mean = self.ratio(at, (sum, len), bits, around(self.interval(x), f64::from(1 << bits)))?;
        let fine = self.scaled(at, x.id, 1 << bits)?;
        let id = self.node(at, Op::Sub { a: fine, b: mean })?;
        Ok(Quant { id, scale: x.scale / f64::from(1 << bits) })
    }

    /// `c · m / root`, where c / root reads in units of `unit`: as fine as its readers have room for.
    fn quotient_of(&mut self, at: &At, id: Id, c: Quant, root: ValueId, unit: f64) -> Result<Quant, CompileError> {
        // No element of a row is further from the mean than √n deviations; D being rounded adds less than 1/LEAST.
        let reach = (self.net.row(id) as f64).sqrt() * (1.0 + 1.0 / f64::from(LEAST));
        let choice = choose(self.sizes.of(id), reach, self.budget.wanted[id]);
        let end = if let How::Declared(end) = choice.how { end } else { reach };
        // The divisor is twice the root, and one more; quotients are a power of two many.
        let room = self.ratio_bits(c.id, root, 2.0 * end / unit + 1.0);
        let wanted = (unit / choice.scale.max(FINEST)).log2().ceil() as i32;
        let bits = wanted.min(room - 1);
        let times = self.scaled(at, c.id, 2 << bits.max(0))?;
        let root = self.scaled(at, root, 1 << (-bits).max(0))?;
        let num = self.node(at, Op::Add { a: times, b: root })?;
        // The root was rounded down: half a unit more is right on average.
        let twice = self.scaled(at, root, 2)?;
        let half = self.builder.shared_constant(at, "half", vec![1 << (-bits).max(0)]);
        let den = self.node(at, Op::AddConst { x: twice, c: half })?;
        let scale = unit / f64::from(bits).exp2();
        let end = ((end / scale).ceil() as u32).next_power_of_two() as i32;
        let id = self.node(at, Op::Quotient { num, den, lo: -end, hi: end - 1 })?;
        Ok(Quant { id, scale })
    }
}
