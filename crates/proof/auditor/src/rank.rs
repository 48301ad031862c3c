//! Doubles, and their places among the cuts of [`Op::Rank`](ciro_graph::Op::Rank).
//!
//! A double is its image in four limbs of 16 bits: public ones, or those of a hidden input. Its place is a row r of
//! the table of cuts. Rows r and r + 1 are looked up under the number of the feature. The image is no less than the
//! one cut and less than the other. This is shown limb by limb from the lowest, with a bit for what is borrowed from
//! the next.

use crate::builder::Builder;
use crate::error::RelationError;
use crate::hint::Hint;
use crate::lower::{Doubles, Lowering, Target, size};
use alloc::vec::Vec;
use ciro_graph::{ConstId, ValueId};
use ciro_relation::rows::log_ceil;
use ciro_relation::{Expr, Poly, Public, Rows};

/// Bits below each limb, the lowest limb first.
pub(crate) const SHIFTS: [u32; 4] = [0, 16, 32, 48];

impl Builder<'_> {
    /// Shows a ≤ b, both numbers of four limbs within 16 bits, the lowest first.
    ///
    /// Example, with two limbs: 1·2¹⁶ + 9 ≤ 2·2¹⁶ + 4. 4 − 9 is negative, so the low limb borrows; 2 − 1 − 1 = 0 is no negative number.
    pub(crate) fn at_most(
        &mut self,
        name: &'static str,
        rows: &Rows,
        [a, b]: [&[Expr; 4]; 2],
    ) -> Result<(), RelationError> {
        let mut borrowed = Expr::default();
        let [low, middle, upper, top] = [0, 1, 2, 3].map(|i| {
            let limb = |of: &[Expr; 4]| of.get(i).cloned().unwrap_or_default();
            limb(b).plus(-1, &limb(a))
        });
        for gap in [low, middle, upper] {
            let gap = gap.plus(-1, &borrowed);
            borrowed = Expr::column(self.negative(name, &gap, rows)?);
        }
        self.range(name, rows, &top.plus(-1, &borrowed), 16)
    }
}

impl Lowering<'_> {
    /// The columns of an input of doubles, those of a public one made when they are first asked for.
    pub(crate) fn doubles(&mut self, value: ValueId) -> Result<Doubles, RelationError> {
        if let Some(doubles) = self.doubles.get(&value) {
            return Ok(*doubles);
        }
        let (input, rows) = (size(value.0), Rows::new(&self.double_dims(value)?));
        let limbs = SHIFTS.map(|shift| {
            self.b.public("input limb", Public::InputBits { input, rows: rows.clone(), shift }, rows.clone())
        });
        let doubles = Doubles { limbs, missing: None };
        self.doubles.insert(value, doubles);
        Ok(doubles)
    }

    /// The dimensions (sample, element) of an input of doubles.
    fn double_dims(&self, value: ValueId) -> Result<[usize; 2], RelationError> {
        let misplaced =
            RelationError::Misplaced { node: self.b.node, reason: "ranks are those of an input of doubles" };
        let input = self.b.program.inputs.get(size(value.0)).filter(|input| input.is_ordered_double());
        let len = input.ok_or(misplaced)?.value_len();
        Ok([self.samples, usize::try_from(len).unwrap_or(usize::MAX)])
    }

    /// The columns of a hidden input of doubles, images of numbers or missing.
    pub(crate) fn hide_doubles(&mut self, poly: Poly, input: ValueId, may_miss: bool) -> Result<(), RelationError> {
        let doubles = self.b.hidden_doubles(poly, input, self.double_dims(input)?, may_miss)?;
        self.doubles.insert(input, doubles);
        Ok(())
    }

    /// The row of each element among the cuts of its feature.
    ///
    /// Example: cuts −∞, 0.5, 2, ∞ of a feature are rows 0 to 3. 1.25 has rank 1: 0.5 ≤ 1.25 < 2. With rank 2 the first comparison fails.
    pub(crate) fn rank(
        &mut self,
        x: ValueId,
        feature: ConstId,
        cut: [ConstId; 4],
        target: &Target,
    ) -> Result<Expr, RelationError> {
        let (image, dims) = (self.doubles(x)?.limbs.map(Expr::column), self.double_dims(x)?);
        let rows = Rows::new(&dims);
        let cuts = self.b.program.constants.get(size(feature.0)).map_or(0, |c| size(c.len()));
        let row_number = self.b.public("cut", Public::Index, Rows::vector(cuts));
        let of_feature = self.b.constant_vector("cut feature", feature, cuts)?;
        let mut limbs = Vec::new();
        for id in cut {
            limbs.push(self.b.constant_vector("cut limb", id, cuts)?);
        }
        let tag = self.b.table(cuts, [&[row_number, of_feature], limbs.as_slice()].concat());

        let log_row = log_ceil(dims[1]);
        let number = Public::Numbers { log_row, stride: 0, first: 0 };
        let number = Expr::column(self.b.public("feature", number, rows.clone()));
        let rank = self.b.witness("rank", &rows);
        self.b.hint(Hint::Value { col: rank, value: target.id });
        let mut cut_at = |name: &'static str, row: &Expr| {
            let mut picked = [const { Expr { terms: Vec::new(), quads: Vec::new(), constant: 0 } }; 4];
            for (picked, &table) in picked.iter_mut().zip(&limbs) {
                let col = self.b.witness(name, &rows);
                self.b.hint(Hint::Gather { col, index: row.clone(), table });
                *picked = Expr::column(col);
            }
            self.b.lookup(&rows, tag, [&[row.clone(), number.clone()], picked.as_slice()].concat());
            picked
        };
        let here = Expr::column(rank);
        let below = cut_at("cut below", &here);
        let above = cut_at("cut above", &here.clone().plus_const(1));
        self.b.at_most("above the cut below", &rows, [&below, &image])?;
        // x + 1 ≤ cut, as integers.
        let [low, others @ ..] = image;
        let mask = self.b.mask(&rows);
        let [middle, upper, top] = others;
        self.b.at_most("below the cut above", &rows, [&[low.plus_col(1, mask), middle, upper, top], &above])?;
        Ok(here)
    }

    /// One where a double is missing.
    ///
    /// Example: elements 1.5 and none give 0 and 1.
    pub(crate) fn missing(&mut self, x: ValueId) -> Result<Expr, RelationError> {
        let (doubles, rows) = (self.doubles(x)?, Rows::new(&self.double_dims(x)?));
        let may_miss = self.b.program.inputs.get(size(x.0)).is_some_and(ciro_graph::Input::takes_missing);
        if !may_miss {
            return Ok(Expr::default());
        }
        if let Some(col) = doubles.missing {
            return Ok(Expr::column(col));
        }
        let col = self.b.public("missing", Public::InputMissing { input: size(x.0), rows: rows.clone() }, rows);
        self.doubles.insert(x, Doubles { missing: Some(col), ..doubles });
        Ok(Expr::column(col))
    }
}
