//! Squares of rows, summed in blocks.
//!
//! The squares of a few elements fit as they are, and their sum is rounded. That takes one number for a block, where a rounded copy of
//! the row takes one for each element.

use super::form::Quant;
use super::lowering::Lowering;
use super::norms::{FITS, Squares, coarsest};
use crate::graph::array::narrow;
use crate::terms::error::{At, CompileError};
use ciro_graph::arith::rounded;
use ciro_graph::{Op, ValueId};

/// Blocks, largest first. They are powers of two, so that a row in blocks has its elements where the row has them.
const BLOCKS: [usize; 3] = [16, 8, 4];
/// Sums of a block are rounded until they are below this, which takes a limb and a short one. So quiet rows are summed as finely as from
/// a copy, and finer.
const SUM_END: i64 = 1 << 20;
/// A mean is squared with so many bits at most, its sign apart.
const MEAN_END: f64 = 32_000.0;

impl Lowering<'_> {
    /// Σx² − n·mean² of each row; `None` if those of a whole row fit as they are, or not even those of the smallest block.
    pub(super) fn squares_by_blocks(
        &mut self,
        at: &At,
        x: Quant,
        mean: Option<Quant>,
    ) -> Result<Option<Squares>, CompileError> {
        let n = self.net.row(self.here());
        let magnitude = self.magnitude(x);
        if magnitude <= coarsest(n, mean.is_some()) {
            return Ok(None);
        }
        let square = magnitude.powi(2);
        let fits = |block: &&usize| n.is_multiple_of(**block) && **block as f64 * square <= FITS;
        let Some(&block) = BLOCKS.iter().find(fits).filter(|_| self.budget.has_blocks(n)) else { return Ok(None) };
        let (sum, dropped) = self.sum_of_blocks(at, x, (n, block))?;
        // As fine as leaves room for the mean's part.
        let largest = self.builder.interval(sum).hi.max(1) as f64;
        let spare = (FITS / 2.0 / largest).log2().floor().max(0.0) as i32 / 2 * 2;
        let mut id = self.scaled(at, sum, 1 << spare)?;
        let drop = dropped - spare;
        if let Some(mean) = mean {
            let part = self.squared_mean(at, mean, n, drop + 2 * (x.scale / mean.scale).log2().round() as i32)?;
            id = self.node(at, Op::Sub { a: id, b: part })?;
        }
        Ok(Some(Squares { id, scale: x.scale * (f64::from(drop) / 2.0).exp2(), rounding: 0.0 }))
    }

    /// Σx², rounded block by block, and the bits dropped.
    fn sum_of_blocks(&mut self, at: &At, x: Quant, (n, block): (usize, usize)) -> Result<(ValueId, i32), CompileError> {
        let dims = narrow(self.net.dims(self.here()));
        let lead = &dims[..dims.len().saturating_sub(1)];
        let blocks = (n / block) as u32;
        let parts = self.builder.reshape(at, x.id, [lead, &[blocks, block as u32]].concat())?;
        let squares = self.node(at, Op::Dot { a: parts, b: parts })?;
        let largest = self.builder.interval(squares).hi;
        let shift = (0..=22).find(|&shift| rounded(largest, shift) < SUM_END).unwrap_or(22);
        let squares = self.rescaled(at, Quant { id: squares, scale: 1.0 }, f64::from(shift).exp2())?.id;
        let by_block = self.builder.reshape(at, squares, [lead, &[blocks]].concat())?;
        Ok((self.node(at, Op::Sum { x: by_block })?, i32::from(shift)))
    }

    /// n·mean², `drop` bits of it dropped.
    fn squared_mean(&mut self, at: &At, mean: Quant, n: usize, drop: i32) -> Result<ValueId, CompileError> {
        let coarser = (self.magnitude(mean) / MEAN_END).log2().ceil().max(0.0) as i32;
        let mean = self.rescaled(at, mean, mean.scale * f64::from(coarser).exp2())?;
        let mut square = self.node(at, Op::Mul { a: mean.id, b: mean.id })?;
        let twos = n.trailing_zeros();
        let odd = (n >> twos) as i32;
        let mut drop = drop - 2 * coarser - twos as i32;
        let over = (self.builder.interval(square).magnitude() as f64 * f64::from(odd) / (FITS / 2.0)).log2().ceil();
        let first = (over.max(0.0) as i32).min(drop).max(0);
        square = self.rescaled(at, Quant { id: square, scale: 1.0 }, f64::from(first).exp2())?.id;
        drop -= first;
        square = self.scaled(at, square, odd << (-drop).max(0))?;
        Ok(self.rescaled(at, Quant { id: square, scale: 1.0 }, f64::from(drop.max(0)).exp2())?.id)
    }
}
