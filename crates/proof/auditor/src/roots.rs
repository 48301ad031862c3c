//! Gadgets of roots and quotients: integers pinned between two products.

use crate::builder::{RANGE_BITS_MAX, bits_for, pow2};
use crate::error::RelationError;
use crate::hint::Hint;
use crate::lower::{Lowering, Target, Val};
use alloc::vec;
use ciro_graph::ValueId;
use ciro_relation::{ColId, Expr, Rows};

impl Lowering<'_> {
    /// s² ≤ x < (s + 1)².
    ///
    /// Example: x = 20 has s = 4, with 20 − 16 = 4 and 16 + 2·4 − 20 = 4. With s = 5, 20 − 25 is negative.
    pub(crate) fn isqrt(&mut self, x: ValueId, target: &Target) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let rows = target.rows();
        let input = Expr::column(self.b.materialize("radicand", &rows, &x.expr));
        let s = self.b.witness("root", &rows);
        self.b.hint(Hint::Value { col: s, value: target.id });
        self.b.range("root", &rows, &Expr::column(s), 15)?;
        let (root, square) = (Expr::column(s), self.b.witness("square", &rows));
        self.b.hint(Hint::Multiply { col: square, a: root.clone(), b: root.clone() });
        self.b.constrain_product("square", &rows, square, &root, &root);
        let square = Expr::column(square);
        let below = input.clone().plus(-1, &square);
        let above = square.plus_col(2, s).plus(-1, &input);
        self.b.range("radicand above square", &rows, &below, 16)?;
        self.b.range("radicand below next square", &rows, &above, 16)?;
        Ok(Expr::column(s))
    }

    /// num = 2^k·(y·d + r) + low with den = 2^k·d and y in its declared interval. Here 0 ≤ r < d and 0 ≤ low < 2^k. |y·den| + den stays
    /// below half the field, so the equation holds over the integers.
    ///
    /// Example: −7 over 3 is y = −3 with r = 2, because 3·(−3) + 2 = −7 and 2 < 3.
    pub(crate) fn floor_div(
        &mut self,
        num: ValueId,
        den: ValueId,
        lo: i64,
        hi: i64,
        target: &Target,
    ) -> Result<Expr, RelationError> {
        let (num, den) = (self.val(num)?, self.val(den)?);
        let rows = target.rows();
        let (low_bits, den) = self.halved(den);
        let divisor = self.b.materialize("divisor", &den.rows(), &den.expr);
        let divisor = self.repeat(&den.with(Expr::column(divisor)), &target.dims)?;
        let (y, r) = (self.b.witness("quotient", &rows), self.b.witness("rest", &rows));
        let (dividend, shift) = (num.expr.clone(), low_bits);
        self.b.hint(Hint::Divide { quotient: y, remainder: r, dividend, shift, divisor: divisor.clone() });
        let multiple = Expr::column(y).multiplied(&divisor).plus_col(1, r);
        let mut equation = num.expr.clone().plus(pow2(low_bits).saturating_neg(), &multiple);
        if low_bits > 0 {
            let low = self.b.witness("low rest", &rows);
            // Made positive by a multiple of 2^k.
            let expr = num.expr.plus_const(1 << RANGE_BITS_MAX);
            self.b.hint(Hint::Limbs { expr, limbs: vec![(low, 0, low_bits)] });
            equation = equation.plus_col(-1, low);
            self.b.range("low rest", &rows, &Expr::column(low), low_bits)?;
        }
        self.b.constrain_expr("quotient times divisor", &rows, &equation);
        let bits = bits_for(hi.saturating_sub(lo));
        self.b.range("quotient above", &rows, &Expr::column(y).plus_const(lo.saturating_neg()), bits)?;
        // A power of two many quotients end where the range does.
        if hi.saturating_sub(lo).saturating_add(1) != pow2(bits) {
            self.b.range("quotient below", &rows, &Expr::constant(hi).plus_col(-1, y), bits)?;
        }
        self.rest(&rows, r, &divisor, &den)?;
        Ok(Expr::column(y))
    }

    /// A divisor as 2^k times another: the rest's k low bits are compared with nothing. Only as far as that saves limbs.
    ///
    /// Example: 23 over 8 with k = 2. low = 3, (23 − 3) / 4 = 5 = 2·2 + 1: y = 2, and only 1 is compared with 2.
    fn halved(&self, den: Val) -> (u32, Val) {
        let width = u32::from(self.b.program.limb_bits).max(1);
        let lookups =
            |k: u32| k.div_ceil(width).saturating_add(bits_for(den.hi >> k).div_ceil(width).saturating_mul(2));
        let factors = den.expr.terms.iter().map(|(c, _)| c).chain(den.expr.quads.iter().map(|(c, ..)| c));
        let even = factors.chain([&den.expr.constant]).map(|c| c.trailing_zeros()).min().unwrap_or(0);
        let Some(k) = (0..=even.min(width)).min_by_key(|&k| (lookups(k), k)) else { return (0, den) };
        let half = |c: &mut i64| *c >>= k;
        let mut expr = den.expr.clone();
        expr.terms.iter_mut().for_each(|(c, _)| half(c));
        expr.quads.iter_mut().for_each(|(c, ..)| half(c));
        half(&mut expr.constant);
        (k, Val { lo: den.lo >> k, hi: den.hi >> k, expr, dims: den.dims })
    }

    /// 0 ≤ r < den, whatever den is: so den is positive.
    ///
    /// Example: r = 2 and den = 3. 3 − 2 − 1 = 0 is no negative number; for r = 3 it would be −1.
    fn rest(&mut self, rows: &Rows, r: ColId, divisor: &Expr, den: &Val) -> Result<(), RelationError> {
        let bits = bits_for(den.hi);
        self.b.range("rest", rows, &Expr::column(r), bits)?;
        let room = divisor.clone().plus_col(-1, r).plus_const(-1);
        self.b.nonnegative(
            "rest below divisor",
            rows,
            &room,
            (den.lo.saturating_sub(pow2(bits)), den.hi.saturating_sub(1)),
        )
    }

    /// Long division: r·2^d = q·den + r′ with 0 ≤ r′ < den, digit by digit.
    ///
    /// Example: 1 over 3 with two digits of two bits. 1·4 = 1·3 + 1, twice: the digits 1 and 1 are 5, which is 16/3 rounded down.
    pub(crate) fn div(
        &mut self,
        num: ValueId,
        den: ValueId,
        digit_bits: u32,
        digits: u32,
    ) -> Result<Expr, RelationError> {
        let (num, den) = (self.val(num)?, self.val(den)?);
        self.b.limit("digit", digit_bits, RANGE_BITS_MAX)?;
        self.b.limit("digits", digits, RANGE_BITS_MAX.div_euclid(digit_bits.max(1)))?;
        let quotient_bits = digit_bits.saturating_add(2);
        let den_bits = bits_for(den.hi);
        let got = den_bits.saturating_add(digit_bits).saturating_add(1);
        if got > RANGE_BITS_MAX {
            let expected = RANGE_BITS_MAX;
            return Err(RelationError::TooWide { node: self.b.node, what: "divisor", expected, got });
        }
        let divisor = Expr::column(self.b.materialize("divisor", &den.rows(), &den.expr));
        let divisor = self.repeat(&den.with(divisor), &num.dims)?;
        let rows = num.rows();
        let dividend = self.b.materialize("dividend", &rows, &num.expr);
        // |num| ≤ den, or the first digit's equation could wrap around the field.
        let room = den.hi.saturating_add(num.hi.saturating_abs().max(num.lo.saturating_abs()).min(den.hi));
        let below = divisor.clone().plus_col(-1, dividend);
        self.b.nonnegative("dividend below divisor", &rows, &below, (1i64.saturating_sub(num.hi), room))?;
        if num.lo < 0 {
            let above = divisor.clone().plus_col(1, dividend);
            self.b.nonnegative("dividend above −divisor", &rows, &above, (num.lo.saturating_add(1), room))?;
        }
        let mut rest = Expr::column(dividend);
        let mut result = Expr::default();
        for _ in 0..digits {
            let (q, r) = (self.b.witness("digit", &rows), self.b.witness("rest", &rows));
            let dividend = rest.times(1 << digit_bits);
            self.b.hint(Hint::Divide {
                quotient: q,
                remainder: r,
                dividend: dividend.clone(),
                shift: 0,
                divisor: divisor.clone(),
            });
            let taken = dividend.plus_col(-1, r);
            let taken = self.b.materialize("multiple", &rows, &taken);
            self.b.constrain_product("digit times divisor", &rows, taken, &Expr::column(q), &divisor);
            // |q| < 2^(d+1): q·den stays below 2³⁰, so the equation holds over the integers.
            let offset = Expr::column(q).plus_const(pow2(quotient_bits.saturating_sub(1)));
            self.b.range("digit", &rows, &offset, quotient_bits)?;
            self.rest(&rows, r, &divisor, &den)?;
            result = result.times(1 << digit_bits).plus_col(1, q);
            rest = Expr::column(r);
        }
        Ok(result)
    }
}
