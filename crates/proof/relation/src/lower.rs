//! One gadget per operator of the integer program.
//!
//! A value is an expression over columns; most operators that are linear cost no cell at all. What is committed is what is not
//! linear: quotients, flags, products, limbs. Each committed cell is pinned by a constraint and, where an equation could be met
//! by another field element, by a range.

use crate::builder::{Builder, LIMB_BITS_MAX, RANGE_BITS_MAX, bits_for, log_ceil};
use crate::hint::Hint;
use crate::public::Public;
use crate::relation::{ColId, Expr, Relation, RelationError};
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::{ConstId, Ingest, Op, Program, ValueId};
use ciro_transcript::field::P;

/// A value during lowering.
#[derive(Clone, Debug)]
pub(crate) struct Val {
    pub(crate) expr: Expr,
    pub(crate) len: usize,
    pub(crate) lo: i64,
    pub(crate) hi: i64,
}

impl Relation {
    /// The relation of a program. Both sides call this; it is a pure function of the public program.
    ///
    /// # Errors
    /// [`RelationError`] if the program is malformed, too wide or too large.
    pub fn build(program: &Program) -> Result<Self, RelationError> {
        let mut lowering = Lowering { b: Builder::new(program), values: Vec::new() };
        lowering.b.limit("limb", u32::from(program.limb_bits), LIMB_BITS_MAX)?;
        lowering.inputs()?;
        for (i, node) in program.nodes.iter().enumerate() {
            lowering.b.node = i;
            let len = size(node.len);
            let (lo, hi) = (i64::from(node.lo), i64::from(node.hi));
            let id = ValueId(u32::try_from(lowering.values.len()).unwrap_or(u32::MAX));
            let expr = lowering.node(&node.op, id, len, lo, hi)?;
            lowering.values.push(Val { expr, len, lo, hi });
        }
        lowering.outputs()?;
        lowering.b.finish()
    }
}

pub(crate) fn size(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

struct Lowering<'a> {
    b: Builder<'a>,
    values: Vec<Val>,
}

impl Lowering<'_> {
    fn inputs(&mut self) -> Result<(), RelationError> {
        for (i, input) in self.b.program.inputs.iter().enumerate() {
            let len = usize::try_from(input.value_len()).ok().filter(|&n| n > 0 && n <= 1 << 24);
            let too_large = RelationError::TooLarge { what: "input", expected: 24, got: 25 };
            let len = len.ok_or(too_large)?;
            let val = match &input.ingest {
                Ingest::Fixed { lo, hi, .. } => {
                    let col = self.b.public("input", Public::Input { input: i }, log_ceil(len), len);
                    Val { expr: Expr::column(col), len, lo: i64::from(*lo), hi: i64::from(*hi) }
                }
                // Read by forests only, which take the input by number.
                Ingest::Ordered | Ingest::OrderedMissing => {
                    Val { expr: Expr::default(), len, lo: 0, hi: i64::from(u32::MAX) }
                }
            };
            self.values.push(val);
        }
        Ok(())
    }

    fn val(&self, id: ValueId) -> Result<Val, RelationError> {
        let missing = RelationError::Dangling { node: self.b.node, what: "value", got: size(id.0) };
        let val = self.values.get(size(id.0)).ok_or(missing)?;
        if val.hi > 1 << 30 {
            return Err(RelationError::Misplaced {
                node: self.b.node,
                reason: "an ordered input is read by a non-tree",
            });
        }
        Ok(val.clone())
    }

    fn node(&mut self, op: &Op, id: ValueId, len: usize, lo: i64, hi: i64) -> Result<Expr, RelationError> {
        match op {
            Op::Linear { x, weight, bias } => self.linear(*x, *weight, *bias, len),
            Op::Rescale { x, shift } => self.rescale(*x, u32::from(*shift), id, len, lo, hi),
            Op::Relu { x } => {
                let x = self.val(*x)?;
                self.relu(&x)
            }
            Op::Clamp { x, lo, hi } => self.clamp(*x, i64::from(*lo), i64::from(*hi)),
            Op::Curve { x, lo: left, frac_bits, values, slopes } => {
                let curve = CurveOp {
                    left: i64::from(*left),
                    frac_bits: u32::from(*frac_bits),
                    values: *values,
                    slopes: *slopes,
                };
                self.curve(*x, &curve, id, lo, hi)
            }
            Op::Add { a, b } => self.add(*a, *b, 1, len),
            Op::Sub { a, b } => self.add(*a, *b, -1, len),
            Op::Mul { a, b } => self.mul(*a, *b, len),
            Op::Scale { x, factor } => Ok(self.val(*x)?.expr.times(i64::from(*factor))),
            Op::AddConst { x, c } => {
                let x = self.val(*x)?;
                let c = self.b.constant_vector("offset", *c, len)?;
                Ok(x.expr.plus_col(1, c))
            }
            Op::MulConst { x, c } => {
                let x = self.val(*x)?;
                let c = self.b.constant_vector("factor", *c, len)?;
                Ok(self.multiply(len, &x.expr, &Expr::column(c)))
            }
            Op::Sum { x } => {
                let x = self.val(*x)?;
                Ok(Expr::column(self.sum(&x)))
            }
            Op::Max { x } => self.max(*x, id),
            // Stands for nothing until an output names it.
            Op::ArgMax { x } => self.val(*x).map(|_| Expr::default()),
            Op::Isqrt { x } => self.isqrt(*x, id),
            Op::Div { num, den, digit_bits, digits } => {
                self.div(*num, *den, u32::from(*digit_bits), u32::from(*digits))
            }
            Op::Trees { x, forest } => {
                let input = size(x.0);
                let is_ordered = self.b.program.inputs.get(input).is_some_and(ciro_graph::Input::is_ordered);
                if !is_ordered {
                    return Err(RelationError::Misplaced { node: self.b.node, reason: "trees read an ordered input" });
                }
                let features = self.values.get(input).map_or(0, |v| v.len);
                crate::forest::lower(&mut self.b, input, features, forest)
            }
        }
    }

    fn linear(
        &mut self,
        x: ValueId,
        weight: ConstId,
        bias: Option<ConstId>,
        len: usize,
    ) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let a = self.b.materialize("linear input", x.len, &x.expr);
        let w = self.b.constant("weight", weight, x.len, len)?;
        let product = Expr::column(self.b.product(a, w, x.len, len, false));
        match bias {
            None => Ok(product),
            Some(bias) => Ok(product.plus_col(1, self.b.constant_vector("bias", bias, len)?)),
        }
    }

    /// y = (x + 2^(s−1)) >> s, with the remainder in 0..2^s and y in its interval: together they admit one y.
    fn rescale(
        &mut self,
        x: ValueId,
        shift: u32,
        id: ValueId,
        len: usize,
        lo: i64,
        hi: i64,
    ) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        self.b.limit("shift", shift, RANGE_BITS_MAX)?;
        let y = self.b.witness("rescaled", len);
        self.b.hint(Hint::Value { col: y, value: id });
        let remainder = x.expr.plus_const(1 << (shift.max(1) - 1)).plus_col(-(1i64 << shift), y);
        self.quotient(len, y, lo, hi, &remainder, shift)?;
        Ok(Expr::column(y))
    }

    /// Ranges of a quotient and its remainder modulo 2^shift: one y·2^shift + r per residue modulo p. Where rounding y's interval up
    /// to a power of two would admit two, both of its ends are checked.
    fn quotient(
        &mut self,
        len: usize,
        y: ColId,
        lo: i64,
        hi: i64,
        remainder: &Expr,
        shift: u32,
    ) -> Result<(), RelationError> {
        let bits = bits_for(hi - lo);
        let span = (hi - lo + 1) << shift;
        if span > i64::from(P) {
            let (expected, got) = (RANGE_BITS_MAX, bits_for(span));
            return Err(RelationError::TooWide { node: self.b.node, what: "quotient", expected, got });
        }
        self.b.range("remainder", len, remainder, shift)?;
        self.b.range("quotient", len, &Expr::column(y).plus_const(-lo), bits)?;
        if bits + shift > RANGE_BITS_MAX {
            self.b.range("quotient", len, &Expr::constant(hi).plus_col(-1, y), bits)?;
        }
        Ok(())
    }

    /// y = g·x with g a bit and 2y − x − 1 + g = (g ? x : −x − 1) ≥ 0.
    fn relu(&mut self, x: &Val) -> Result<Expr, RelationError> {
        if x.lo >= 0 {
            return Ok(x.expr.clone());
        }
        let input = Expr::column(self.b.materialize("relu input", x.len, &x.expr));
        let negative = self.b.witness("negative", x.len);
        let y = self.b.witness("relu", x.len);
        self.b.hint(Hint::Negative { flag: negative, expr: input.clone() });
        let positive = Expr::constant(1).plus_col(-1, negative);
        self.b.hint(Hint::Multiply { col: y, a: input.clone(), b: positive.clone() });
        self.b.constrain_bit("sign is a bit", x.len, negative);
        self.b.constrain_product("relu is input or zero", x.len, y, &input, &positive);
        let magnitude = Expr::column(y).times(2).plus(-1, &input).plus_col(-1, negative);
        self.b.range("magnitude", x.len, &magnitude, bits_for(x.hi.max(-x.lo - 1)))?;
        Ok(Expr::column(y))
    }

    /// lo + relu(x − lo) − relu(x − hi).
    fn clamp(&mut self, x: ValueId, lo: i64, hi: i64) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let shifted = |by: i64| Val { expr: x.expr.clone().plus_const(-by), len: x.len, lo: x.lo - by, hi: x.hi - by };
        let above_lo = if x.lo >= lo { x.expr.clone() } else { self.relu(&shifted(lo))?.plus_const(lo) };
        if x.hi <= hi {
            return Ok(above_lo);
        }
        let above_hi = self.relu(&shifted(hi))?;
        Ok(above_lo.plus(-1, &above_hi))
    }

    fn curve(&mut self, x: ValueId, curve: &CurveOp, id: ValueId, lo: i64, hi: i64) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let (len, shift) = (x.len, curve.frac_bits);
        self.b.limit("fraction", shift, RANGE_BITS_MAX)?;
        let segments = self.b.program.constants.get(size(curve.values.0)).map_or(0, |c| size(c.len));
        let values = self.b.constant_vector("curve values", curve.values, segments)?;
        let slopes = self.b.constant_vector("curve slopes", curve.slopes, segments)?;
        let index = self.b.public("segment", Public::Index, log_ceil(segments), segments);
        let tag = self.b.table(segments, vec![index, values, slopes]);

        let u = Expr::column(self.b.materialize("curve input", len, &x.expr)).plus_const(-curve.left);
        let t = self.b.witness("segment", len);
        let (value, slope) = (self.b.witness("segment value", len), self.b.witness("segment slope", len));
        self.b.hint(Hint::ShiftRight { col: t, expr: u.clone(), shift });
        self.b.hint(Hint::Gather { col: value, index: Expr::column(t), table: values });
        self.b.hint(Hint::Gather { col: slope, index: Expr::column(t), table: slopes });
        self.b.lookup(len, tag, vec![Expr::column(t), Expr::column(value), Expr::column(slope)]);

        let fraction = self.b.witness("fraction", len);
        let fraction_expr = u.plus_col(-(1i64 << shift), t);
        self.b.hint(Hint::Equal { col: fraction, expr: fraction_expr.clone() });
        self.b.constrain_expr("fraction", len, &fraction_expr.plus_col(-1, fraction));
        self.b.range("fraction", len, &Expr::column(fraction), shift)?;

        let rise = self.multiply(len, &Expr::column(slope), &Expr::column(fraction));
        let y = self.b.witness("curve", len);
        self.b.hint(Hint::Value { col: y, value: id });
        let remainder =
            rise.plus_col(1 << shift, value).plus_const(1 << (shift.max(1) - 1)).plus_col(-(1i64 << shift), y);
        self.quotient(len, y, lo, hi, &remainder, shift)?;
        Ok(Expr::column(y))
    }

    /// A new column equal to a·b.
    fn multiply(&mut self, len: usize, a: &Expr, b: &Expr) -> Expr {
        let col = self.b.witness("product", len);
        self.b.hint(Hint::Multiply { col, a: a.clone(), b: b.clone() });
        self.b.constrain_product("product", len, col, a, b);
        Expr::column(col)
    }

    fn add(&mut self, a: ValueId, b: ValueId, sign: i64, len: usize) -> Result<Expr, RelationError> {
        let (a, b) = (self.val(a)?, self.val(b)?);
        if a.len == b.len {
            return Ok(a.expr.plus(sign, &b.expr));
        }
        let a = self.broadcast(&a, len);
        let b = self.broadcast(&b, len);
        Ok(a.plus(sign, &b))
    }

    /// A value of one element on every one of `len` rows: a column, because padding rows must stay zero.
    fn broadcast(&mut self, val: &Val, len: usize) -> Expr {
        if val.len == len {
            return val.expr.clone();
        }
        let scalar = self.b.materialize("scalar", 1, &val.expr);
        let mask = self.b.mask(len);
        self.multiply(len, &Expr::column(mask), &Expr::column(scalar))
    }

    fn mul(&mut self, a: ValueId, b: ValueId, len: usize) -> Result<Expr, RelationError> {
        let (a, b) = (self.val(a)?, self.val(b)?);
        let b = if b.len == a.len { b.expr } else { Expr::column(self.b.materialize("scalar", 1, &b.expr)) };
        Ok(self.multiply(len, &a.expr, &b))
    }

    /// The product column Σ x[i].
    fn sum(&mut self, x: &Val) -> ColId {
        let a = self.b.materialize("summand", x.len, &x.expr);
        let ones = self.b.mask(x.len);
        self.b.product(ones, a, x.len, 1, false)
    }

    /// m ≥ x[i] for all i, and a one-hot vector on whose row m = x.
    fn max(&mut self, x: ValueId, id: ValueId) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let input = self.b.materialize("max input", x.len, &x.expr);
        let m = self.b.witness("max", 1);
        self.b.hint(Hint::Value { col: m, value: id });
        let gap = Expr::column(m).plus_col(-1, input);
        self.b.range("gap to max", x.len, &gap, bits_for(x.hi - x.lo))?;
        let chosen = self.b.witness("chosen", x.len);
        self.b.hint(Hint::FirstZero { flag: chosen, expr: gap.clone() });
        self.b.constrain_bit("chosen is a bit", x.len, chosen);
        let hit = self.multiply(x.len, &Expr::column(chosen), &Expr::column(input));
        let one = Val { expr: Expr::column(chosen), len: x.len, lo: 0, hi: 1 };
        let count = self.sum(&one);
        self.b.constrain_expr("one is chosen", 1, &Expr::column(count).plus_const(-1));
        let attained = self.sum(&Val { expr: hit, len: x.len, lo: x.lo, hi: x.hi });
        self.b.constrain_expr("max is attained", 1, &Expr::column(attained).plus_col(-1, m));
        Ok(Expr::column(m))
    }

    /// s² ≤ x < (s + 1)².
    fn isqrt(&mut self, x: ValueId, id: ValueId) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let input = Expr::column(self.b.materialize("radicand", x.len, &x.expr));
        let s = self.b.witness("root", x.len);
        self.b.hint(Hint::Value { col: s, value: id });
        self.b.range("root", x.len, &Expr::column(s), 15)?;
        let square = self.multiply(x.len, &Expr::column(s), &Expr::column(s));
        let below = input.clone().plus(-1, &square);
        let above = square.plus_col(2, s).plus(-1, &input);
        self.b.range("radicand above square", x.len, &below, 16)?;
        self.b.range("radicand below next square", x.len, &above, 16)?;
        Ok(Expr::column(s))
    }

    /// Long division: r·2^d = q·den + r′ with 0 ≤ r′ < den, digit by digit.
    fn div(&mut self, num: ValueId, den: ValueId, digit_bits: u32, digits: u32) -> Result<Expr, RelationError> {
        let (num, den) = (self.val(num)?, self.val(den)?);
        self.b.limit("digit", digit_bits, RANGE_BITS_MAX)?;
        self.b.limit("digits", digits, RANGE_BITS_MAX / digit_bits)?;
        let quotient_bits = digit_bits + 2;
        let den_bits = bits_for(den.hi);
        if den_bits + digit_bits + 1 > RANGE_BITS_MAX {
            let expected = RANGE_BITS_MAX;
            let got = den_bits + digit_bits + 1;
            return Err(RelationError::TooWide { node: self.b.node, what: "divisor", expected, got });
        }
        let divisor = self.b.materialize("divisor", 1, &den.expr);
        let len = num.len;
        let dividend = self.b.materialize("dividend", len, &num.expr);
        // |num| ≤ den, or the first digit's equation could wrap around the field.
        let room = bits_for(den.hi + num.hi.abs().max(num.lo.abs()));
        self.b.range("dividend below divisor", len, &Expr::column(divisor).plus_col(-1, dividend), room)?;
        if num.lo < 0 {
            self.b.range("dividend above −divisor", len, &Expr::column(divisor).plus_col(1, dividend), room)?;
        }
        let mut rest = Expr::column(dividend);
        let mut result = Expr::default();
        for _ in 0..digits {
            let (q, r) = (self.b.witness("digit", len), self.b.witness("rest", len));
            let dividend = rest.times(1 << digit_bits);
            self.b.hint(Hint::Divide { quotient: q, remainder: r, dividend: dividend.clone(), divisor });
            let taken = dividend.plus_col(-1, r);
            let taken = self.b.materialize("multiple", len, &taken);
            self.b.constrain_product("digit times divisor", len, taken, &Expr::column(q), &Expr::column(divisor));
            // |q| < 2^(d+1): q·den stays below 2³⁰, so the equation holds over the integers.
            let offset = Expr::column(q).plus_const(1 << (quotient_bits - 1));
            self.b.range("digit", len, &offset, quotient_bits)?;
            self.b.range("rest", len, &Expr::column(r), den_bits)?;
            self.b.range("rest below divisor", len, &Expr::column(divisor).plus_col(-1, r).plus_const(-1), den_bits)?;
            result = result.times(1 << digit_bits).plus_col(1, q);
            rest = Expr::column(r);
        }
        Ok(result)
    }

    fn outputs(&mut self) -> Result<(), RelationError> {
        for (k, output) in self.b.program.outputs.iter().enumerate() {
            self.b.node = k;
            let producer = size(output.value.0).checked_sub(self.b.program.inputs.len());
            let op = producer.and_then(|i| self.b.program.nodes.get(i)).map(|n| &n.op);
            match op {
                Some(Op::ArgMax { x }) => self.label(k, *x)?,
                _ => self.reveal(k, output.value)?,
            }
        }
        Ok(())
    }

    fn reveal(&mut self, k: usize, value: ValueId) -> Result<(), RelationError> {
        let val = self.val(value)?;
        let col = self.b.public("output", Public::Output { output: k }, log_ceil(val.len), val.len);
        self.b.constrain_expr("output", val.len, &val.expr.plus_col(-1, col));
        Ok(())
    }

    /// The public label is the first maximum: x[label] − x[i] ≥ [i < label] for all i.
    fn label(&mut self, k: usize, x: ValueId) -> Result<(), RelationError> {
        let x = self.val(x)?;
        let log_len = log_ceil(x.len);
        let is_label = self.b.public("is label", Public::IsLabel { output: k }, log_len, x.len);
        let before = self.b.public("before label", Public::BeforeLabel { output: k }, log_len, x.len);
        let input = self.b.materialize("scores", x.len, &x.expr);
        let at_label = Expr::column(self.b.product(is_label, input, x.len, 1, false));
        let top = self.b.materialize("top score", 1, &at_label);
        let gap = Expr::column(top).plus_col(-1, input).plus_col(-1, before);
        self.b.range("gap to top", x.len, &gap, bits_for(x.hi - x.lo))
    }
}

struct CurveOp {
    left: i64,
    frac_bits: u32,
    values: ConstId,
    slopes: ConstId,
}
