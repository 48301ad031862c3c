//! Rows normalised by a product with one over their deviation, where all deviate alike.
//!
//! That is one quotient for a row. A division takes one for each element.

use super::form::Quant;
use super::lowering::Lowering;
use super::norms::{FINEST, FITS, LEAST};
use super::range::{How, choose};
use crate::terms::error::{At, CompileError};
use ciro_graph::{Op, ValueId};

/// Rows may deviate so many times less, or more, than any that samples show. Inputs with quieter or louder rows are refused.
const MARGIN: f64 = 4.0;
/// Reciprocals of the loudest rows of samples have at least so many bits.
const LEAST_BITS: i32 = 10;
/// Fewer rows tell too little of others.
const LEAST_ROWS: usize = 16;
/// Most bits that are dropped of the product.
const MOST_DROPPED: i32 = 16;

/// Results whose sums have fewer terms, or that have no more bits, are held a bit finer than readers ask for. That costs their weights
/// less than it gains.
const MANY_TERMS: usize = 256;
const FEW_BITS: u32 = 10;

/// One over twice the root and one more, times `dividend`: between the ends.
struct Reciprocal {
    dividend: i32,
    ends: (i32, i32),
    /// Bits dropped of its products.
    shift: u8,
    /// How they read then.
    scale: f64,
}

impl Lowering<'_> {
    /// `(x − mean) / deviation` of each row. The row's deviation is `root / unit`. `None` if rows deviate too differently.
    pub(super) fn by_reciprocal(
        &mut self,
        at: &At,
        x: Quant,
        mean: Option<Quant>,
        (root, unit): (ValueId, f64),
    ) -> Result<Option<Quant>, CompileError> {
        let id = self.here();
        let reach = (self.net.row(id) as f64).sqrt() * (1.0 + 1.0 / f64::from(LEAST));
        let choice = choose(self.sizes.of(id), reach, self.budget.wanted[id]);
        let is_coarse = self.net.row(id) < MANY_TERMS || self.budget.widest.0 <= FEW_BITS;
        let finer = if is_coarse { 0.5 } else { 1.0 };
        let scale = (choice.scale * finer).max(FINEST);
        let Some(reciprocal) = self.reciprocal(x, mean, (root, unit), scale) else { return Ok(None) };
        let num = self.offset(at, root, reciprocal.dividend)?;
        let twice = self.scaled(at, root, 2)?;
        let den = self.offset(at, twice, 1)?;
        let over = self.node(at, Op::Quotient { num, den, lo: reciprocal.ends.0, hi: reciprocal.ends.1 })?;
        let mut product = self.node(at, Op::Mul { a: x.id, b: over })?;
        if let Some(mean) = mean {
            // As much coarser as the mean is finer: the product reads like that of x.
            let over = self.rescaled(at, Quant { id: over, scale: mean.scale }, x.scale)?;
            let mean = self.node(at, Op::Mul { a: mean.id, b: over.id })?;
            product = self.node(at, Op::Sub { a: product, b: mean })?;
        }
        let end = if let How::Declared(end) = choice.how {
            end
        } else {
            choice.scale * f64::from(self.budget.wanted[id]).exp2()
        };
        let bits = (end / reciprocal.scale).log2().ceil() as u8;
        let lo = -(1 << bits);
        let id = self.node(at, Op::Narrow { x: product, shift: reciprocal.shift, lo, bits: bits + 1 })?;
        Ok(Some(Quant { id, scale: reciprocal.scale }))
    }

    /// The finest reciprocals whose products fit, if those of the loudest rows are fine enough.
    fn reciprocal(
        &self,
        x: Quant,
        mean: Option<Quant>,
        (root, unit): (ValueId, f64),
        scale: f64,
    ) -> Option<Reciprocal> {
        let spread = self.sizes.spreads.get(&self.here()).filter(|spread| spread.rows >= LEAST_ROWS)?;
        let least = (spread.quietest * unit / MARGIN).floor().max(f64::from(LEAST));
        let largest = self.builder.interval(root).hi as f64;
        let reach = self.magnitude(x) + mean.map_or(0.0, |mean| (self.magnitude(mean) + 1.0) * mean.scale / x.scale);
        // Half a per cent is left for rounding.
        let end = (FITS * 0.995 / reach).min(FITS / (2.0 * largest + 1.0) - 1.0).floor();
        let most = (end * (2.0 * least + 1.0)).min(FITS - largest);
        // An element of x is this times 2^shift over a dividend's reciprocal.
        let over = 2.0 * unit * x.scale / scale;
        let shift = ((most / over).log2().floor() as i32).min(MOST_DROPPED);
        let dividend = over * f64::from(shift).exp2();
        let over_loudest = |margin: f64| dividend / (2.0 * margin * spread.loudest * unit + 1.0);
        let is_fine = over_loudest(1.0) >= f64::from(LEAST_BITS).exp2();
        // The mean is multiplied by a reciprocal rounded to units `coarser` times as large: a whole row moves by as much.
        let coarser = mean.map_or(0.0, |mean| x.scale / mean.scale);
        let moves = spread.mean * coarser * unit / dividend;
        let ends = (over_loudest(MARGIN).floor() as i32, end as i32);
        let reciprocal = Reciprocal { dividend: dividend.round() as i32, ends, shift: shift as u8, scale };
        (shift > 0 && is_fine && moves <= scale / 2.0).then_some(reciprocal)
    }
}
