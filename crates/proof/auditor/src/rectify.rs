//! The gadget of rectified, rounded and pooled sums: numbers compared in pairs.

use crate::builder::{RANGE_BITS_MAX, bits_for, pow2};
use crate::error::RelationError;
use crate::hint::Hint;
use crate::lower::{Lowering, Target, Val};
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::arith::comparisons;
use ciro_graph::{Pick, ValueId};
use ciro_relation::{ColId, Expr, Rows};
use ciro_transcript::field::P;

impl Lowering<'_> {
    /// The larger m of each pair (a, b). It has (m − a)(m − b) = 0, and 2m − a − b = |a − b| is below 2^bits. The last pair has zero.
    /// From there upwards, this keeps every number that is compared near zero. So it is the one n for which x = n·2^shift + r, r in
    /// 0..2^shift. Numbers need no range of their own.
    ///
    /// Example: a = 3 and b = −2 have m = 3. Their product is (3 − 3)·(3 + 2) = 0, and their distance is 6 − 3 + 2 = 5. m = 4 is neither,
    /// m = −2 gives −5.
    pub(crate) fn rectify(
        &mut self,
        x: ValueId,
        (shift, bits): (u32, u32),
        taps: &[Vec<Pick>],
        target: &Target,
    ) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        self.b.limit("compared", bits.saturating_add(shift), RANGE_BITS_MAX)?;
        let furthest = i64::from(comparisons(taps.len())).saturating_mul(pow2(bits.saturating_add(shift)));
        let reach = x.hi.max(x.lo.saturating_neg()).saturating_add(pow2(shift)).saturating_add(furthest);
        if reach >= i64::from(P) {
            let (expected, got) = (RANGE_BITS_MAX, bits_for(reach));
            return Err(RelationError::TooWide { node: self.b.node, what: "compared", expected, got });
        }
        let n = self.rounded(&x, shift)?;
        let mut parts: Vec<Expr> = match taps {
            [] => vec![Expr::column(n)],
            _ => {
                let n = Val { expr: Expr::column(n), ..x };
                taps.iter().map(|picks| self.take(&n, picks, &target.dims)).collect::<Result<_, _>>()?
            }
        };
        let rows = target.rows();
        while parts.len() > 1 {
            let mut winners = Vec::with_capacity(parts.len().div_ceil(2));
            for pair in parts.chunks(2) {
                winners.push(match pair {
                    [a, b] => {
                        let m = self.b.witness("larger", &rows);
                        self.b.hint(Hint::Larger { col: m, a: a.clone(), b: b.clone() });
                        self.is_larger(&rows, m, (a, b), bits)?
                    }
                    rest => rest.first().cloned().unwrap_or_default(),
                });
            }
            parts = winners;
        }
        let last = parts.first().cloned().unwrap_or_default();
        let y = self.b.witness("rectified", &rows);
        self.b.hint(Hint::Value { col: y, value: target.id });
        self.is_larger(&rows, y, (&last, &Expr::default()), bits)
    }

    /// The column n of x = n·2^shift + r, half a unit added, of which only r is in range.
    ///
    /// Example: x = 11 and s = 2 have n = 3, as in [`Lowering::rescale`], but nothing bounds n yet.
    pub(crate) fn rounded(&mut self, x: &Val, shift: u32) -> Result<ColId, RelationError> {
        let rows = x.rows();
        if shift == 0 {
            return Ok(self.b.materialize("compared", &rows, &x.expr));
        }
        let raised = x.expr.clone().plus_const((1i64 << shift) >> 1);
        let n = self.b.witness("rounded", &rows);
        self.b.hint(Hint::ShiftRight { col: n, expr: raised.clone(), shift });
        self.b.range("remainder", &rows, &raised.plus_col(pow2(shift).saturating_neg(), n), shift)?;
        Ok(n)
    }

    /// m as the larger one of a and b, from which it is less than 2^bits away.
    fn is_larger(&mut self, rows: &Rows, m: ColId, (a, b): (&Expr, &Expr), bits: u32) -> Result<Expr, RelationError> {
        let [above_a, above_b] = [a, b].map(|part| Expr::column(m).plus(-1, part));
        self.b.constrain_expr("the larger is one of two", rows, &above_a.multiplied(&above_b));
        self.b.range("difference", rows, &above_a.plus(1, &above_b), bits)?;
        Ok(Expr::column(m))
    }
}
