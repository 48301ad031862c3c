//! One gadget per operator of the integer program.
//!
//! A value is an expression over columns; most operators that are linear cost no cell at all. What is committed is what is not
//! linear: quotients, flags, products, limbs. Each committed cell is pinned by a constraint and, where an equation could be met
//! by another field element, by a range.

use crate::builder::{Builder, LIMB_BITS_MAX, RANGE_BITS_MAX, bits_for, pow2};
use crate::error::RelationError;
use crate::hint::{Hint, Recipe};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::{ConstId, Ingest, Op, Program, ValueId};
use ciro_relation::rows::log_ceil;
use ciro_relation::{ColId, Expr, Limits, Public, Relation, Rows};
use ciro_transcript::field::P;

/// A value during lowering. Its first dimension is the sample; a constant has one sample, which all share.
#[derive(Clone, Debug)]
pub(crate) struct Val {
    pub(crate) expr: Expr,
    pub(crate) dims: Vec<usize>,
    pub(crate) lo: i64,
    pub(crate) hi: i64,
}

impl Val {
    pub(crate) fn rows(&self) -> Rows {
        Rows::new(&self.dims)
    }

    /// Length of a row of the tensor.
    pub(crate) fn row(&self) -> usize {
        self.dims.last().copied().unwrap_or(1)
    }

    pub(crate) fn with(&self, expr: Expr) -> Self {
        Self { expr, ..self.clone() }
    }
}

/// The node that is being lowered.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) id: ValueId,
    pub(crate) dims: Vec<usize>,
    pub(crate) lo: i64,
    pub(crate) hi: i64,
}

impl Target {
    pub(crate) fn rows(&self) -> Rows {
        Rows::new(&self.dims)
    }
}

/// The relation of a program, and how its witness is filled. Both sides call this; it is a pure function of the public program.
///
/// # Errors
/// [`RelationError`] if the program is malformed, too wide or too large, and [`RelationError::TooCostly`] as soon as building costs
/// more than `limits`.
pub fn lower(program: &Program, limits: &Limits) -> Result<(Relation, Recipe), RelationError> {
    let mut lowering = Lowering {
        b: Builder::new(program, *limits),
        samples: size(program.batch),
        values: Vec::new(),
        tables: BTreeMap::new(),
        readers: readers(program),
        halves: BTreeMap::new(),
        doubles: BTreeMap::new(),
    };
    lowering.b.limit("limb", u32::from(program.limb_bits), LIMB_BITS_MAX)?;
    lowering.inputs()?;
    for (i, node) in program.nodes.iter().enumerate() {
        lowering.b.node = i;
        let target = Target {
            id: ValueId(u32::try_from(lowering.values.len()).unwrap_or(u32::MAX)),
            dims: lowering.dims(&node.shape),
            lo: i64::from(node.lo),
            hi: i64::from(node.hi),
        };
        let expr = lowering.node(&node.op, &target)?;
        lowering.b.spend(expr.entries())?;
        lowering.values.push(Val { expr, dims: target.dims, lo: target.lo, hi: target.hi });
    }
    lowering.outputs()?;
    lowering.b.finish()
}

pub(crate) fn size(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

pub(crate) fn dims(shape: &[u32]) -> Vec<usize> {
    shape.iter().map(|&d| size(d)).collect()
}

/// Half a unit of `shift` bits, which rounding adds; of at least one bit.
const fn half(shift: u32) -> i64 {
    pow2(shift.saturating_sub(1))
}

/// The verifier evaluates inputs and outputs cell by cell.
fn public_size(what: &'static str, rows: &Rows) -> Result<(), RelationError> {
    if !(1..=1 << 24).contains(&rows.real()) || rows.log_len() > 26 {
        return Err(RelationError::TooLarge { what, expected: 24, got: 25 });
    }
    Ok(())
}

/// For each value that tables are looked up with: the first such table's domain, as (first entry, entries).
fn readers(program: &Program) -> BTreeMap<ValueId, (i64, i64)> {
    let mut readers = BTreeMap::new();
    for node in &program.nodes {
        if let Op::Table { x, lo, values } = &node.op {
            let entries = program.constants.get(size(values.0)).map_or(0, |c| i64::from(c.len()));
            readers.entry(*x).or_insert((i64::from(*lo), entries));
        }
    }
    readers
}

/// The halves of images, as columns (sample, element).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Halves {
    /// Elements in one sample.
    pub(crate) len: usize,
    pub(crate) high: ColId,
    pub(crate) low: ColId,
}

/// A value of doubles, as columns (sample, element).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubles {
    /// The lowest limb first.
    pub(crate) limbs: [ColId; 4],
    /// One where an element is missing; `None` where none may be, or nothing has asked yet.
    pub(crate) missing: Option<ColId>,
}

pub(crate) struct Lowering<'a> {
    pub(crate) b: Builder<'a>,
    /// Samples of the batch: the first dimension of every value.
    pub(crate) samples: usize,
    values: Vec<Val>,
    /// Tags of the tables of constants.
    tables: BTreeMap<ConstId, usize>,
    readers: BTreeMap<ValueId, (i64, i64)>,
    /// What forests read of a value.
    pub(crate) halves: BTreeMap<ValueId, Vec<Halves>>,
    /// The limbs of inputs of doubles.
    pub(crate) doubles: BTreeMap<ValueId, Doubles>,
}

impl Lowering<'_> {
    fn inputs(&mut self) -> Result<(), RelationError> {
        for (i, input) in self.b.program.inputs.iter().enumerate() {
            let dims = self.dims(&input.value_shape());
            let rows = Rows::new(&dims);
            public_size("input", &rows)?;
            let (id, hidden) = (ValueId(u32::try_from(i).unwrap_or(u32::MAX)), self.b.hidden_inputs());
            let val = match &input.ingest {
                Ingest::Fixed { lo, hi, .. } | Ingest::Imputed { lo, hi, .. } | Ingest::FixedDouble { lo, hi, .. } => {
                    let (lo, hi) = (i64::from(*lo), i64::from(*hi));
                    let col = match hidden {
                        Some(poly) => self.b.hidden_fixed(poly, id, &dims, (lo, hi))?,
                        None => self.b.public("input", Public::Input { input: i, rows: rows.clone() }, rows),
                    };
                    Val { expr: Expr::column(col), dims, lo, hi }
                }
                // Read limb by limb, by operators that take the input by number.
                Ingest::OrderedDouble { missing } => {
                    if let Some(poly) = hidden {
                        self.hide_doubles(poly, id, *missing)?;
                    }
                    Val { expr: Expr::default(), dims, lo: i64::MIN, hi: i64::MAX }
                }
                // Read by forests only, which take the input by number.
                Ingest::Ordered | Ingest::OrderedMissing => {
                    if let Some(poly) = hidden {
                        self.hide_halves(poly, id, input.ingest == Ingest::OrderedMissing)?;
                    }
                    Val { expr: Expr::default(), dims, lo: 0, hi: i64::from(u32::MAX) }
                }
            };
            self.values.push(val);
        }
        Ok(())
    }

    /// The dimensions of a value, by those of one sample.
    fn dims(&self, shape: &[u32]) -> Vec<usize> {
        let one = if shape.is_empty() { vec![1] } else { dims(shape) };
        [vec![self.samples], one].concat()
    }

    pub(crate) fn val(&mut self, id: ValueId) -> Result<Val, RelationError> {
        let missing = RelationError::Dangling { node: self.b.node, what: "value", got: size(id.0) };
        let val = self.values.get(size(id.0)).ok_or(missing)?;
        if val.hi > 1 << 30 {
            return Err(RelationError::Misplaced { node: self.b.node, reason: "an ordered input is read as a number" });
        }
        self.b.spend(val.expr.entries())?;
        Ok(val.clone())
    }

    /// First entry and length of a table that a value is looked up in, if there is one.
    pub(crate) fn looked_up_in(&self, id: ValueId) -> Option<(i64, i64)> {
        self.readers.get(&id).copied()
    }

    fn node(&mut self, op: &Op, target: &Target) -> Result<Expr, RelationError> {
        match op {
            Op::Rescale { x, shift } => self.rescale(*x, u32::from(*shift), target),
            Op::Relu { x } => {
                let x = self.val(*x)?;
                self.relu(&x)
            }
            Op::Rectify { x, shift, bits, taps } => {
                self.rectify(*x, (u32::from(*shift), u32::from(*bits)), taps, target)
            }
            Op::Clamp { x, lo, hi } => self.clamp(*x, i64::from(*lo), i64::from(*hi)),
            Op::Curve { x, lo: left, frac_bits, values, slopes } => {
                let curve = CurveOp {
                    left: i64::from(*left),
                    frac_bits: u32::from(*frac_bits),
                    values: *values,
                    slopes: *slopes,
                };
                self.curve(*x, &curve, target)
            }
            Op::Table { x, lo, values } => self.table(*x, i64::from(*lo), *values, target),
            Op::Add { a, b } => self.add(*a, *b, 1, target),
            Op::Sub { a, b } => self.add(*a, *b, -1, target),
            Op::Mul { a, b } => {
                let (a, b) = (self.val(*a)?, self.val(*b)?);
                self.product_of(&a, &b, target)
            }
            Op::Scale { x, factor } => Ok(self.val(*x)?.expr.times(i64::from(*factor))),
            Op::AddConst { x, c } => {
                let c = self.constant_like(*c, &target.dims)?;
                Ok(self.val(*x)?.expr.plus(1, &c))
            }
            Op::MulConst { x, c } => {
                let (x, c) = (self.val(*x)?, self.constant_val(*c)?);
                self.product_of(&x, &c, target)
            }
            Op::Isqrt { x } => self.isqrt(*x, target),
            Op::Div { num, den, digit_bits, digits } => {
                self.div(*num, *den, u32::from(*digit_bits), u32::from(*digits))
            }
            Op::Narrow { x, shift, lo, bits } => {
                let ends = (i64::from(*lo), u32::from(*bits));
                self.narrow(*x, u32::from(*shift), ends, target)
            }
            Op::Quotient { num, den, lo, hi } => self.floor_div(*num, *den, i64::from(*lo), i64::from(*hi), target),
            Op::Trees { parts, forest } => {
                let keys = self.keys(parts)?;
                self.b.forest(&keys, forest)
            }
            Op::Rank { x, feature, cut } => self.rank(*x, *feature, *cut, target),
            Op::Missing { x } => self.missing(*x),
            Op::Linear { .. }
            | Op::Conv { .. }
            | Op::Contract { .. }
            | Op::Dot { .. }
            | Op::Embed { .. }
            | Op::Sum { .. }
            | Op::Max { .. }
            | Op::Gap { .. }
            | Op::Largest { .. }
            | Op::ArgMax { .. }
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Take { .. }
            | Op::Concat { .. } => self.tensor(op, target),
        }
    }

    /// y = (x + 2^(s−1)) >> s, with the remainder in 0..2^s and y in its interval: together they admit one y.
    ///
    /// Example: x = 11 and s = 2. Then y = 3, because 11 + 2 − 4·3 = 1 lies in 0..4. With y = 2 the rest would be 5, with y = 4 it would be −3.
    fn rescale(&mut self, x: ValueId, shift: u32, target: &Target) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        self.b.limit("shift", shift, RANGE_BITS_MAX)?;
        let rows = target.rows();
        let y = self.b.witness("rescaled", &rows);
        self.b.hint(Hint::Value { col: y, value: target.id });
        let remainder = x.expr.plus_const(half(shift)).plus_col(pow2(shift).saturating_neg(), y);
        self.quotient(y, target, &remainder, shift)?;
        Ok(Expr::column(y))
    }

    /// y as [`Lowering::rescale`] or x itself, in lo..lo + 2^bits. No y·2^s + r of that interval is p away from a value of x, so
    /// that the residue is the integer.
    ///
    /// Example: s = 2 and 0..4. From x = 11 comes y = 3. From x = 15 comes 4, which is no number of two bits: there is no proof.
    fn narrow(
        &mut self,
        x: ValueId,
        shift: u32,
        (lo, bits): (i64, u32),
        target: &Target,
    ) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        self.b.limit("narrowed", bits.saturating_add(shift), RANGE_BITS_MAX)?;
        let half = (1i64 << shift) >> 1;
        let unit = pow2(shift);
        let (first, end) = (lo.saturating_mul(unit), lo.saturating_add(pow2(bits)).saturating_mul(unit));
        let p = i64::from(P);
        let reaches = |v: i64| v.saturating_add(half);
        if end.saturating_sub(p) > reaches(x.lo) || first.saturating_add(p) <= reaches(x.hi) {
            let furthest = end.max(first.saturating_neg()).max(x.hi).max(x.lo.saturating_neg());
            let (expected, got) = (RANGE_BITS_MAX, bits_for(furthest).saturating_add(1));
            return Err(RelationError::TooWide { node: self.b.node, what: "narrowed", expected, got });
        }
        let rows = target.rows();
        let mut y = x.expr;
        if shift > 0 {
            let col = self.b.witness("rescaled", &rows);
            self.b.hint(Hint::Value { col, value: target.id });
            let remainder = y.plus_const(half).plus_col(unit.saturating_neg(), col);
            self.b.range("remainder", &rows, &remainder, shift)?;
            y = Expr::column(col);
        }
        // A table of this very domain bounds it as well.
        if self.looked_up_in(target.id) != Some((lo, 1i64 << bits)) {
            self.b.range("narrowed", &rows, &y.clone().plus_const(lo.saturating_neg()), bits)?;
        }
        Ok(y)
    }

    /// Ranges of a quotient and its remainder modulo 2^shift: one y·2^shift + r per residue modulo p. Where rounding y's interval up
    /// to a power of two would admit two, both of its ends are checked.
    ///
    /// Example: y lies in 0..=9. With s = 4, four bits of y are enough: 16·2⁴ numbers stay below p. With s = 27, 16·2²⁷ would pass p, so 9 − y is a number of
    /// four bits as well.
    fn quotient(&mut self, y: ColId, target: &Target, remainder: &Expr, shift: u32) -> Result<(), RelationError> {
        let (rows, lo, hi) = (target.rows(), target.lo, target.hi);
        self.b.range("remainder", &rows, remainder, shift)?;
        // A table that y is looked up in bounds it as well.
        if let Some(&(_, entries)) = self.readers.get(&target.id)
            && entries << shift <= i64::from(P)
        {
            return Ok(());
        }
        let bits = bits_for(hi.saturating_sub(lo));
        let span = hi.saturating_sub(lo).saturating_add(1).saturating_mul(pow2(shift));
        if span > i64::from(P) {
            let (expected, got) = (RANGE_BITS_MAX, bits_for(span));
            return Err(RelationError::TooWide { node: self.b.node, what: "quotient", expected, got });
        }
        self.b.range("quotient", &rows, &Expr::column(y).plus_const(lo.saturating_neg()), bits)?;
        if bits.saturating_add(shift) > RANGE_BITS_MAX {
            self.b.range("quotient", &rows, &Expr::constant(hi).plus_col(-1, y), bits)?;
        }
        Ok(())
    }

    /// y = g·x with g a bit and 2y − x − 1 + g = (g ? x : −x − 1) ≥ 0.
    ///
    /// Example: x = −5 has g = 0 and y = 0, and 2·0 + 5 − 1 = 4 is no negative number. x = 7 has g = 1 and y = 7: 14 − 7 = 7. With g = 0 it would be −8.
    fn relu(&mut self, x: &Val) -> Result<Expr, RelationError> {
        if x.lo >= 0 {
            return Ok(x.expr.clone());
        }
        let rows = x.rows();
        let input = Expr::column(self.b.materialize("relu input", &rows, &x.expr));
        let negative = self.b.witness("negative", &rows);
        let y = self.b.witness("relu", &rows);
        self.b.hint(Hint::Negative { flag: negative, expr: input.clone() });
        let positive = Expr::constant(1).plus_col(-1, negative);
        self.b.hint(Hint::Multiply { col: y, a: input.clone(), b: positive.clone() });
        self.b.constrain_bit("sign is a bit", &rows, negative);
        self.b.constrain_product("relu is input or zero", &rows, y, &input, &positive);
        let magnitude = Expr::column(y).times(2).plus(-1, &input).plus_col(-1, negative);
        let (above, below) = (x.hi, x.lo.saturating_neg().saturating_sub(1));
        let bits = bits_for(above.max(below));
        self.b.range("magnitude", &rows, &magnitude, bits)?;
        if bits == RANGE_BITS_MAX {
            // The ranges of positive and of negative numbers overlap modulo p: their upper ends are checked as well. An end
            // below 2²⁴ would let this second range wrap, and none needs to be that tight.
            let (above, below) = (above.max(1 << 24), below.max(1 << 24));
            let end = Expr::constant(above).plus_col(below.saturating_sub(above), negative);
            self.b.range("magnitude", &rows, &end.plus(-1, &magnitude), bits)?;
        }
        Ok(Expr::column(y))
    }

    /// lo + relu(x − lo) − relu(x − hi).
    ///
    /// Example: 9 between 0 and 6 is relu(9) − relu(9 − 6) = 9 − 3.
    fn clamp(&mut self, x: ValueId, lo: i64, hi: i64) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let shifted = |by: i64| Val {
            lo: x.lo.saturating_sub(by),
            hi: x.hi.saturating_sub(by),
            ..x.with(x.expr.clone().plus_const(by.saturating_neg()))
        };
        let above_lo = if x.lo >= lo { x.expr.clone() } else { self.relu(&shifted(lo))?.plus_const(lo) };
        if x.hi <= hi {
            return Ok(above_lo);
        }
        let above_hi = self.relu(&shifted(hi))?;
        Ok(above_lo.plus(-1, &above_hi))
    }

    /// The tag of the table (index, values of a constant).
    fn table_of(&mut self, values: ConstId) -> Result<usize, RelationError> {
        if let Some(&tag) = self.tables.get(&values) {
            return Ok(tag);
        }
        let entries = self.constant_len(values);
        let column = self.b.constant_vector("table values", values, entries)?;
        let index = self.b.public("table row", Public::Index, Rows::vector(entries));
        let tag = self.b.table(entries, vec![index, column]);
        self.tables.insert(values, tag);
        Ok(tag)
    }

    fn constant_len(&self, id: ConstId) -> usize {
        self.b.program.constants.get(size(id.0)).map_or(0, |c| size(c.len()))
    }

    /// y is the entry of x − lo.
    ///
    /// Example: the squares 4, 1, 0, 1, 4 from lo = −2. For x = 1, (3, 1) is a row of the table; (3, 2) is none.
    fn table(&mut self, x: ValueId, lo: i64, values: ConstId, target: &Target) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let rows = target.rows();
        let tag = self.table_of(values)?;
        let input = if Builder::is_linear(&x.expr) {
            x.expr
        } else {
            Expr::column(self.b.materialize("table input", &rows, &x.expr))
        };
        let y = self.b.witness("entry", &rows);
        self.b.hint(Hint::Value { col: y, value: target.id });
        self.b.lookup(&rows, tag, vec![input.plus_const(lo.saturating_neg()), Expr::column(y)]);
        Ok(Expr::column(y))
    }

    /// A segment t, and a straight line within it: y = value + slope·fraction / 2^f, rounded.
    ///
    /// Example: f = 2, values 0, 8 and slopes 8, 4. x = 6 lies 2 quarters into segment 1: y = 8 + (4·2 + 2) >> 2 = 10, and 2 is left over.
    fn curve(&mut self, x: ValueId, curve: &CurveOp, target: &Target) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let (rows, shift) = (target.rows(), curve.frac_bits);
        self.b.limit("fraction", shift, RANGE_BITS_MAX)?;
        let segments = self.constant_len(curve.values);
        // Or a number and the same number plus p would lie on different segments.
        let span = i64::try_from(segments).unwrap_or(i64::MAX).saturating_mul(1 << shift);
        if span > i64::from(P) {
            let (expected, got) = (RANGE_BITS_MAX, bits_for(span));
            return Err(RelationError::TooWide { node: self.b.node, what: "curve", expected, got });
        }
        let values = self.b.constant_vector("curve values", curve.values, segments)?;
        let slopes = self.b.constant_vector("curve slopes", curve.slopes, segments)?;
        let index = self.b.public("segment", Public::Index, Rows::vector(segments));
        let tag = self.b.table(segments, vec![index, values, slopes]);

        let u = Expr::column(self.b.materialize("curve input", &rows, &x.expr)).plus_const(curve.left.saturating_neg());
        let t = self.b.witness("segment", &rows);
        let (value, slope) = (self.b.witness("segment value", &rows), self.b.witness("segment slope", &rows));
        self.b.hint(Hint::ShiftRight { col: t, expr: u.clone(), shift });
        self.b.hint(Hint::Gather { col: value, index: Expr::column(t), table: values });
        self.b.hint(Hint::Gather { col: slope, index: Expr::column(t), table: slopes });
        self.b.lookup(&rows, tag, vec![Expr::column(t), Expr::column(value), Expr::column(slope)]);

        let fraction = self.b.witness("fraction", &rows);
        let fraction_expr = u.plus_col(pow2(shift).saturating_neg(), t);
        self.b.hint(Hint::Equal { col: fraction, expr: fraction_expr.clone() });
        self.b.constrain_expr("fraction", &rows, &fraction_expr.plus_col(-1, fraction));
        self.b.range("fraction", &rows, &Expr::column(fraction), shift)?;

        let rise = Expr::column(slope).multiplied(&Expr::column(fraction));
        let y = self.b.witness("curve", &rows);
        self.b.hint(Hint::Value { col: y, value: target.id });
        let remainder =
            rise.plus_col(pow2(shift), value).plus_const(half(shift)).plus_col(pow2(shift).saturating_neg(), y);
        self.quotient(y, target, &remainder, shift)?;
        Ok(Expr::column(y))
    }

    /// a ± b, which is an expression: it needs no cell.
    fn add(&mut self, a: ValueId, b: ValueId, sign: i64, target: &Target) -> Result<Expr, RelationError> {
        let (a, b) = (self.val(a)?, self.val(b)?);
        let (a, b) = (self.repeat(&a, &target.dims)?, self.repeat(&b, &target.dims)?);
        Ok(a.plus(sign, &b))
    }

    fn outputs(&mut self) -> Result<(), RelationError> {
        for (k, output) in self.b.program.outputs.iter().enumerate() {
            self.b.node = k;
            let producer = size(output.value.0).checked_sub(self.b.program.inputs.len());
            let op = producer.and_then(|i| self.b.program.nodes.get(i)).map(|n| &n.op);
            match op {
                Some(Op::ArgMax { x }) => self.label(k, output.value, *x)?,
                _ => self.reveal(k, output.value)?,
            }
        }
        Ok(())
    }

    /// The output is the value, element by element.
    fn reveal(&mut self, k: usize, value: ValueId) -> Result<(), RelationError> {
        let val = self.val(value)?;
        if let Some(poly) = self.b.hidden_outputs() {
            self.hide(poly, k, value, &val);
            return Ok(());
        }
        let rows = val.rows();
        public_size("output", &rows)?;
        let col = self.b.public("output", Public::Output { output: k, rows: rows.clone() }, rows.clone());
        self.b.constrain_expr("output", &rows, &val.expr.plus_col(-1, col));
        Ok(())
    }

    /// The label of each sample is the first maximum.
    fn label(&mut self, k: usize, label: ValueId, x: ValueId) -> Result<(), RelationError> {
        let x = self.val(x)?;
        let x = Val { dims: vec![self.samples, x.dims.iter().skip(1).product()], ..x };
        if let Some(poly) = self.b.hidden_outputs() {
            return self.hide_label(poly, k, label, &x);
        }
        let rows = x.rows();
        public_size("output", &rows)?;
        let log_cols = log_ceil(x.row());
        let is_label = self.b.public("is label", Public::IsLabel { output: k, log_cols }, rows.clone());
        let before = self.b.public("before label", Public::BeforeLabel { output: k, log_cols }, rows.clone());
        self.first_maximum(&x, is_label, before)
    }

    /// x[label] − x[i] ≥ [i < label] for all i, sample by sample.
    ///
    /// Example: scores 3, 7, 7. For label 1 the gaps are 7 − 3 − 1, 0 and 0. For label 2 the second would be 7 − 7 − 1 = −1.
    pub(crate) fn first_maximum(&mut self, x: &Val, is_label: ColId, before: ColId) -> Result<(), RelationError> {
        let rows = x.rows();
        let input = self.b.materialize("scores", &rows, &x.expr);
        let at_label = Expr::column(self.inner_rows(is_label, input, &x.dims, None));
        let samples = vec![self.samples, 1];
        let top = Expr::column(self.b.materialize("top score", &Rows::new(&samples), &at_label));
        let top = self.repeat(&Val { expr: top, dims: samples, ..x.clone() }, &x.dims)?;
        let gap = top.plus_col(-1, input).plus_col(-1, before);
        self.b.nonnegative(
            "gap to top",
            &rows,
            &gap,
            (x.lo.saturating_sub(x.hi).saturating_sub(1), x.hi.saturating_sub(x.lo)),
        )
    }
}

struct CurveOp {
    left: i64,
    frac_bits: u32,
    values: ConstId,
    slopes: ConstId,
}
