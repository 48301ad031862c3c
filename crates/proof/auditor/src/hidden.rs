//! Inputs and outputs that a statement does not show.
//!
//! A public input is within its interval because the verifier maps it to integers itself. Of a hidden one the relation
//! must show it: it is a committed column, looked up in ranges. An ordered input is missing, or the image of a number
//! in limbs of 16 bits. The image is no smaller than that of −∞ and no larger than that of ∞. Columns lie in a
//! polynomial of their own if the statement shows a commitment to them, and else in the witness.

use crate::builder::{Builder, bits_for, pow2};
use crate::error::RelationError;
use crate::hint::Hint;
use crate::lower::{Doubles, Halves, Lowering, Val, size};
use crate::rank::SHIFTS;
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::ingest::{ORDERED_DOUBLE_MAX, ORDERED_DOUBLE_MIN, ORDERED_MAX, ORDERED_MIN};
use ciro_graph::{Disclosure, ValueId};
use ciro_relation::rows::{log_ceil, wide};
use ciro_relation::{ColId, Digits, Expr, Operand, Poly, Product, Public, Rows, SampleColumn, SampleValue, Term, Var};

/// Most cells of the matrix that picks rows of a table for hidden row numbers.
const ONE_HOT_MAX: usize = 1 << 24;

/// Most classes of a hidden label, log₂: the matrix of pairs of classes has 2²⁴ cells, as that of row numbers has.
const LOG_CLASSES_MAX: u32 = 12;

/// The polynomial that holds the columns of a part, by how much of the part is shown. `None` for public parts.
fn poly_of(disclosure: Disclosure, committed: Poly) -> Option<Poly> {
    match disclosure {
        Disclosure::Public => None,
        Disclosure::Committed => Some(committed),
        Disclosure::Private => Some(Poly::Witness),
    }
}

impl Builder<'_> {
    /// Where inputs lie, if they are hidden.
    pub(crate) fn hidden_inputs(&self) -> Option<Poly> {
        poly_of(self.program.visibility.input, Poly::Input)
    }

    /// Where outputs lie, if they are hidden.
    pub(crate) fn hidden_outputs(&self) -> Option<Poly> {
        poly_of(self.program.visibility.output, Poly::Output)
    }

    /// A column (sample, …) of an input or output, of which a single sample can be shown if it is committed.
    fn hidden(&mut self, poly: Poly, name: &'static str, dims: &[usize], value: SampleValue, digits: Digits) -> ColId {
        let col = self.committed(poly, name, &Rows::new(dims));
        if poly != Poly::Witness {
            let rows = Rows::new(dims.get(1..).unwrap_or(&[]));
            self.of_sample(SampleColumn { col, value, digits, rows });
        }
        col
    }

    /// A hidden input of fixed-point integers from `lo` to `hi`.
    ///
    /// Example: integers in −3..=9 have two ranges of four bits, of x + 3 and of 9 − x.
    pub(crate) fn hidden_fixed(
        &mut self,
        poly: Poly,
        input: ValueId,
        dims: &[usize],
        (lo, hi): (i64, i64),
    ) -> Result<ColId, RelationError> {
        let rows = &Rows::new(dims);
        let col = self.hidden(poly, "input", dims, SampleValue::Input(size(input.0)), Digits::All);
        self.hint(Hint::Value { col, value: input });
        let bits = bits_for(hi.saturating_sub(lo));
        self.range("input", rows, &Expr::column(col).plus_const(lo.saturating_neg()), bits)?;
        if hi.saturating_sub(lo).saturating_add(1) < pow2(bits) {
            self.range("input", rows, &Expr::constant(hi).plus_col(-1, col), bits)?;
        }
        Ok(col)
    }

    /// A hidden input of ordered images, some of which may be missing: halves and flags of its elements.
    pub(crate) fn hidden_ordered(
        &mut self,
        poly: Poly,
        input: ValueId,
        [samples, features]: [usize; 2],
        may_miss: bool,
    ) -> Result<Vec<Halves>, RelationError> {
        let (dims, value) = ([samples, features], SampleValue::Input(size(input.0)));
        let rows = &Rows::new(&dims);
        let high = self.hidden(poly, "input high", &dims, value, Digits::Bits { shift: 16 });
        let low = self.hidden(poly, "input low", &dims, value, Digits::Bits { shift: 0 });
        self.hint(Hint::Half { col: high, value: input, shift: 16 });
        self.hint(Hint::Half { col: low, value: input, shift: 0 });
        self.range("input high", rows, &Expr::column(high), 16)?;
        self.range("input low", rows, &Expr::column(low), 16)?;
        let mut copies = vec![Halves { len: features, high, low }];
        let mut present = Expr::constant(1);
        if may_miss {
            let missing = self.hidden(poly, "missing", &dims, value, Digits::Missing);
            self.hint(Hint::Missing { flag: missing, value: input });
            self.constrain_bit("missing is a bit", rows, missing);
            present = present.plus_col(-1, missing);
            let [high, low] = [high, low].map(|half| {
                let zero = vec![Term { coefficient: 1, a: missing, b: Some(half) }];
                self.constrain("a missing image is zero", rows, zero);
                let second = Expr::column(half).plus_col(0xffff, missing);
                self.materialize("second copy", rows, &second)
            });
            copies.push(Halves { len: features, high, low });
        }
        self.bound_images(rows, (high, low), &present)?;
        Ok(copies)
    }

    /// A hidden input of doubles, some of which may be missing.
    pub(crate) fn hidden_doubles(
        &mut self,
        poly: Poly,
        input: ValueId,
        [samples, features]: [usize; 2],
        may_miss: bool,
    ) -> Result<Doubles, RelationError> {
        let (dims, of) = ([samples, features], SampleValue::Input(size(input.0)));
        let rows = &Rows::new(&dims);
        let limbs = SHIFTS.map(|shift| {
            let col = self.hidden(poly, "input limb", &dims, of, Digits::Bits { shift });
            self.hint(Hint::Half { col, value: input, shift });
            col
        });
        for col in limbs {
            self.range("input limb", rows, &Expr::column(col), 16)?;
        }
        let mut present = Expr::constant(1);
        let missing = may_miss.then(|| self.hidden(poly, "missing", &dims, of, Digits::Missing));
        if let Some(flag) = missing {
            self.hint(Hint::Missing { flag, value: input });
            self.constrain_bit("missing is a bit", rows, flag);
            present = present.plus_col(-1, flag);
            for limb in limbs {
                let zero = vec![Term { coefficient: 1, a: flag, b: Some(limb) }];
                self.constrain("a missing image is zero", rows, zero);
            }
        }
        self.bound_doubles(rows, limbs, &present)?;
        Ok(Doubles { limbs, missing })
    }

    /// As [`Builder::bound_images`], for images of doubles: but for the uppermost, the limbs of both ends are zero.
    fn bound_doubles(&mut self, rows: &Rows, limbs: [ColId; 4], present: &Expr) -> Result<(), RelationError> {
        const { assert!(ORDERED_DOUBLE_MIN.trailing_zeros() >= 48 && ORDERED_DOUBLE_MAX.trailing_zeros() >= 48) };
        let top = |image: u64| i64::try_from(image >> 48).unwrap_or(i64::MAX);
        let [_, _, _, upper] = limbs;
        let least = top(ORDERED_DOUBLE_MIN).saturating_neg();
        self.range("above least", rows, &Expr::column(upper).plus(least, present), 16)?;
        let most = [Expr::default(), Expr::default(), Expr::default(), Expr::constant(top(ORDERED_DOUBLE_MAX))];
        self.at_most("below most", rows, [&limbs.map(Expr::column), &most])
    }

    /// Shows that images are those of numbers from −∞ to ∞ where they are present: each integer between is one. The lower halves of
    /// both ends are zero, so only a number in the block of ∞ can be beyond it.
    ///
    /// Example: the image of 1.0 lies between the images of −∞ and ∞, those of no number lie outside.
    fn bound_images(&mut self, rows: &Rows, (high, low): (ColId, ColId), present: &Expr) -> Result<(), RelationError> {
        const { assert!(ORDERED_MIN.trailing_zeros() >= 16 && ORDERED_MAX.trailing_zeros() >= 16) };
        let [least, most] = [ORDERED_MIN, ORDERED_MAX].map(|image| i64::from(image >> 16));
        self.range("above least", rows, &Expr::column(high).plus(least.saturating_neg(), present), 16)?;
        let borrow = self.negative("below most", &Expr::column(low).times(-1), rows)?;
        self.range("below most", rows, &Expr::constant(most).plus_col(-1, high).plus_col(-1, borrow), 16)
    }
}

impl Lowering<'_> {
    /// A hidden output is a column equal to its value.
    pub(crate) fn hide(&mut self, poly: Poly, k: usize, value: ValueId, val: &Val) {
        let rows = val.rows();
        let col = self.b.hidden(poly, "output", &val.dims, SampleValue::Output(k), Digits::All);
        self.b.hint(Hint::Value { col, value });
        self.b.constrain_expr("output", &rows, &val.expr.clone().plus_col(-1, col));
    }

    /// A hidden label of each sample, whose scores are one row (`ciro_graph::check_program` refuses others). It is a one at the class
    /// that it names. The scores are compared with that one as for a public label.
    pub(crate) fn hide_label(&mut self, poly: Poly, k: usize, label: ValueId, x: &Val) -> Result<(), RelationError> {
        let (rows, classes) = (x.rows(), x.row());
        self.b.limit("classes of a hidden label", log_ceil(classes).max(1), LOG_CLASSES_MAX)?;
        let chosen = self.b.witness("is label", &rows);
        self.b.hint(Hint::OneAt { flag: chosen, value: label, run: classes });
        self.b.constrain_bit("is label is a bit", &rows, chosen);
        let samples = vec![self.samples, 1];
        let one = Rows::new(&samples);
        let flags = Val { expr: Expr::column(chosen), dims: x.dims.clone(), lo: 0, hi: 1 };
        let count = Expr::column(self.sum(&flags, None));
        self.b.constrain_expr("one is the label", &one, &count.plus_const(-1));
        let index = self.b.public("class", Public::Index, Rows::vector(classes));
        let number = Expr::column(self.rows_times(&flags, chosen, index, 1));
        let col = self.b.hidden(poly, "label", &samples, SampleValue::Output(k), Digits::All);
        self.b.hint(Hint::Value { col, value: label });
        self.b.constrain_expr("label", &one, &number.plus_col(-1, col));
        let log_len = log_ceil(classes);
        let later = self.b.public_matrix("later", Public::Later { log_len }, log_len.saturating_mul(2));
        let before = self.rows_times(&flags, chosen, later, classes);
        let before = self.b.materialize("before label", &rows, &Expr::column(before));
        self.first_maximum(x, chosen, before)
    }

    /// The products of each row of x, which lie in `col`, with a matrix of `n` rows as long.
    fn rows_times(&mut self, x: &Val, col: ColId, matrix: ColId, n: usize) -> ColId {
        let lead_dims = x.dims.get(..x.dims.len().saturating_sub(1)).unwrap_or(&[]);
        let [lead, k] = [Rows::new(lead_dims).log_len(), log_ceil(x.row())].map(wide);
        let sum: Vec<Var> = (0..k).map(Var::Sum).collect();
        let rows: Vec<Var> = (0..lead).map(Var::Out).collect();
        let column: Vec<Var> = (lead..lead.saturating_add(wide(log_ceil(n)))).map(Var::Out).collect();
        self.b.product(Rows::new(&[lead_dims, &[n]].concat()), None, |out| Product {
            out,
            a: Operand { col, vars: [rows, sum.clone()].concat() },
            b: Operand { col: matrix, vars: [column, sum].concat() },
            log_sum: log_ceil(x.row()),
            tied: Vec::new(),
        })
    }

    /// The matrix (sample, position, row) with a one at each hidden row number.
    ///
    /// Example: number 1 among three rows has gaps 1, 0, −1 and bits 0, 1, 0. Each bit times its gap is zero, and the bits sum to one.
    pub(crate) fn hidden_one_hot(&mut self, ids: &Val, table_rows: usize) -> Result<ColId, RelationError> {
        if ids.rows().real().saturating_mul(table_rows) > ONE_HOT_MAX {
            return Err(RelationError::Misplaced { node: self.b.node, reason: "too many rows to pick from in hiding" });
        }
        let dims = [ids.dims.as_slice(), &[table_rows]].concat();
        let rows = Rows::new(&dims);
        let number = Val { dims: [ids.dims.as_slice(), &[1]].concat(), ..ids.clone() };
        let index = self.b.public("row", Public::Index, Rows::vector(table_rows));
        let index = Val { expr: Expr::column(index), dims: vec![1, table_rows], lo: 0, hi: 0 };
        let gap = self.repeat(&number, &dims)?.plus(-1, &self.repeat(&index, &dims)?);
        let chosen = self.b.witness("picked", &rows);
        self.b.hint(Hint::FirstZero { flag: chosen, expr: gap.clone(), run: table_rows });
        let missed = Expr::column(chosen).multiplied(&gap);
        self.b.constrain_expr("the row is picked", &rows, &missed);
        let count = self.sum(&Val { expr: Expr::column(chosen), dims, lo: 0, hi: 1 }, None);
        self.b.constrain_expr("one row is picked", &ids.rows(), &Expr::column(count).plus_const(-1));
        Ok(chosen)
    }

    /// The columns of a hidden ordered input, made once for all forests that read it.
    pub(crate) fn hide_halves(&mut self, poly: Poly, input: ValueId, may_miss: bool) -> Result<(), RelationError> {
        let len = self
            .b
            .program
            .inputs
            .get(size(input.0))
            .map_or(0, |input| size(ciro_graph::program::element_count(&input.shape)));
        let halves = self.b.hidden_ordered(poly, input, [self.samples, len], may_miss)?;
        self.halves.insert(input, halves);
        Ok(())
    }
}
