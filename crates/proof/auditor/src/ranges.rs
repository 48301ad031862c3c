//! Ranges: which numbers lie in 0..2^bits, shown by lookups in tables of consecutive integers.
//!
//! All ranges of a program are placed together, because tables are paid for once. A number is cut into limbs of a
//! width that is cheapest for all of them. A limb of fewer bits has a table of its own where enough rows look it up.

use crate::builder::{Builder, RANGE_BITS_MAX, RANGE_TAG, pow2};
use crate::error::RelationError;
use crate::hint::Hint;
use crate::size::COLUMN_ENTRIES;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use ciro_relation::{ColId, Expr, Public, Rows};
use ciro_transcript::field::P;

/// Narrowest limbs that numbers are cut into.
const NARROWEST: u32 = 4;

/// What proofs cost, roughly, in halves of a looked-up row: that row, a committed cell, and a table's row, which is both.
const LOOKUP: usize = 2;
const CELL: usize = 1;
const TABLE_ROW: usize = LOOKUP + CELL;

/// A number to be shown to lie in 0..2^bits.
pub(crate) struct Range {
    name: &'static str,
    rows: Rows,
    expr: Expr,
    bits: u32,
}

impl Builder<'_> {
    /// Proves 0 ≤ expr < 2^bits modulo p on the real rows.
    ///
    /// # Errors
    /// If `bits` exceeds [`RANGE_BITS_MAX`], or the relation becomes too large.
    ///
    /// Example: 37 < 2⁶ with limbs of four bits. 37 = 2·16 + 5: 2 is looked up among the numbers of two bits, 5 among those of four.
    pub fn range(&mut self, name: &'static str, rows: &Rows, expr: &Expr, bits: u32) -> Result<(), RelationError> {
        if bits > RANGE_BITS_MAX {
            return Err(RelationError::TooWide { node: self.node, what: name, expected: RANGE_BITS_MAX, got: bits });
        }
        if bits == 1
            && let Some(col) = self.as_column(expr)
        {
            self.constrain_bit(name, rows, col);
            return Ok(());
        }
        // Its limbs, and what each leaves of the number.
        let limbs = usize::try_from(bits.div_ceil(NARROWEST)).unwrap_or(usize::MAX);
        self.spend(limbs.saturating_mul(COLUMN_ENTRIES).saturating_add(expr.entries()))?;
        self.ranges.push(Range { name, rows: rows.clone(), expr: expr.clone(), bits: bits.max(1) });
        Ok(())
    }

    /// The bit that says `gap` < 0, for |gap| ≤ 2¹⁶: gap + 2¹⁶·bit must be a 16-bit number.
    ///
    /// Example: −3 has bit 1, as −3 + 2¹⁶ = 65,533 is a 16-bit number. With bit 0 it is none, modulo p.
    pub(crate) fn negative(&mut self, name: &'static str, gap: &Expr, rows: &Rows) -> Result<ColId, RelationError> {
        let bit = self.witness(name, rows);
        self.hint(Hint::Negative { flag: bit, expr: gap.clone() });
        self.constrain_bit(name, rows, bit);
        self.range(name, rows, &gap.clone().plus_col(1 << 16, bit), 16)?;
        Ok(bit)
    }

    /// Columns and lookups of all ranges.
    pub(crate) fn place_ranges(&mut self) {
        let ranges = core::mem::take(&mut self.ranges);
        let width = cheapest_width(&ranges, self.limb_bits);
        let mut limbs = BTreeMap::new();
        ranges.into_iter().for_each(|range| self.cut(range, width, &mut limbs));
        let mut full = false;
        for (bits, limbs) in limbs {
            let own = has_own_table(bits, width, limbs.iter().map(|(rows, _)| rows.real()).sum());
            let tag = if own { self.index_table(bits, None) } else { RANGE_TAG };
            full |= !own;
            for (rows, expr) in limbs {
                let rows = self.range_rows(rows, &expr, bits);
                // The lookup of expr itself bounds it so that the shifted one does not wrap: see `wraps`.
                if !own && bits < width {
                    self.lookup(&rows, tag, vec![expr.times(pow2(width.saturating_sub(bits)))]);
                }
                self.lookup(&rows, tag, vec![expr]);
            }
        }
        if full {
            self.index_table(width, Some(RANGE_TAG));
        }
    }

    /// The rows on which a range is asked for. They are all rows of the parts that a lookup has, if padding is a constant and in the
    /// range. A lookup whose numerators are all one costs half.
    fn range_rows(&self, rows: Rows, expr: &Expr, bits: u32) -> Rows {
        let zero_in_padding = |(_, col): &(i64, ColId)| self.rows(*col) == rows;
        let within = (0..1i64 << bits).contains(&expr.constant);
        if within && Self::is_linear(expr) && expr.terms.iter().all(zero_in_padding) {
            return rows.of_real_parts();
        }
        rows
    }

    /// The limbs of a number, by their bits.
    fn cut(&mut self, range: Range, width: u32, limbs: &mut BTreeMap<u32, Vec<(Rows, Expr)>>) {
        let Range { name, rows, expr, bits } = range;
        let virtual_low = Self::is_linear(&expr);
        if virtual_low && bits <= width {
            limbs.entry(bits).or_default().push((rows, expr));
            return;
        }
        let mut parts = Vec::new();
        // With nothing to reduce, the lowest limb is what the others leave, and needs no column.
        let mut low = expr.clone();
        let mut shift = if virtual_low { width } else { 0 };
        while shift < bits {
            let limb_bits = width.min(bits.saturating_sub(shift));
            let limb = self.witness(name, &rows);
            parts.push((limb, shift, limb_bits));
            limbs.entry(limb_bits).or_default().push((rows.clone(), Expr::column(limb)));
            low = low.plus_col(pow2(shift).saturating_neg(), limb);
            shift = shift.saturating_add(limb_bits);
        }
        self.hint(Hint::Limbs { expr, limbs: parts });
        if virtual_low {
            limbs.entry(width).or_default().push((rows, low));
        } else {
            self.constrain_expr(name, &rows, &low);
        }
    }

    /// The table 0..2^bits.
    fn index_table(&mut self, bits: u32, tag: Option<usize>) -> usize {
        let rows = 1usize << bits;
        let index = self.public("range", Public::Index, Rows::vector(rows));
        let tag = tag.unwrap_or_else(|| self.next_tag());
        self.more_of_table(tag, Rows::vector(rows), vec![index]);
        tag
    }
}

/// Whether limbs of `bits` that `rows` rows have take a table of their own. They do where two lookups in the table of full limbs cost
/// more, or do not show the range.
fn has_own_table(bits: u32, width: u32, rows: usize) -> bool {
    bits < width && (wraps(bits, width) || rows.saturating_mul(LOOKUP) >= TABLE_ROW << bits)
}

/// Whether a number below 2^width can reach p when it is multiplied by 2^(width − `bits`). A number of `bits` stays below 2^width then.
/// If others reach p, some that have more bits come out below 2^width again.
fn wraps(bits: u32, width: u32) -> bool {
    let most = pow2(width).saturating_sub(1).saturating_mul(pow2(width.saturating_sub(bits)));
    most >= i64::from(P)
}

/// The width of limbs, at most `widest`, at which the ranges cost least.
fn cheapest_width(ranges: &[Range], widest: u32) -> u32 {
    let mut rows: BTreeMap<u32, usize> = BTreeMap::new();
    for range in ranges {
        let sum = rows.entry(range.bits).or_default();
        *sum = sum.saturating_add(range.rows.real());
    }
    let widths = NARROWEST.min(widest)..=widest;
    widths.min_by_key(|&width| cost(&rows, width)).unwrap_or(widest)
}

/// What numbers of so many bits, by rows, cost in limbs of `width`.
fn cost(rows: &BTreeMap<u32, usize>, width: u32) -> usize {
    let mut limbs: BTreeMap<u32, usize> = BTreeMap::new();
    let mut cost = 0usize;
    let mut add = |bits: u32, rows: usize| {
        let sum = limbs.entry(bits).or_default();
        *sum = sum.saturating_add(rows);
    };
    for (&bits, &rows) in rows {
        let (whole, rest) = (bits.div_euclid(width.max(1)), bits.rem_euclid(width.max(1)));
        for _ in 0..whole {
            add(width, rows);
        }
        if rest > 0 {
            add(rest, rows);
        }
        let cells = usize::try_from(bits.div_ceil(width).saturating_sub(1)).unwrap_or(0);
        cost = cost.saturating_add(rows.saturating_mul(cells).saturating_mul(CELL));
    }
    let mut full = false;
    for (bits, rows) in limbs {
        let own = has_own_table(bits, width, rows);
        let lookups = if own || bits == width { 1 } else { 2 };
        full |= !own;
        let table = if own { TABLE_ROW << bits } else { 0 };
        cost = cost.saturating_add(rows.saturating_mul(LOOKUP.saturating_mul(lookups))).saturating_add(table);
    }
    if full { cost.saturating_add(TABLE_ROW << width) } else { cost }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that two lookups in 0..2^width take for ones of `bits`.
    fn taken(bits: u32, width: u32) -> impl Iterator<Item = u64> {
        (0..1u64 << width).filter(move |e| (e << (width - bits)) % u64::from(P) < 1 << width)
    }

    /// 65025·2¹⁵ = 32767 modulo p: in limbs of sixteen bits it would pass for a bit.
    #[test]
    fn two_lookups_stand_for_a_range_only_where_they_show_it() {
        assert_eq!(taken(1, 16).collect::<Vec<_>>(), [0, 1, 65025, 65026]);
        for width in NARROWEST..=16 {
            for bits in 1..width {
                let shows = taken(bits, width).all(|e| e < 1 << bits);
                assert!(shows || has_own_table(bits, width, 1), "{bits} bits in limbs of {width}");
            }
        }
    }
}
