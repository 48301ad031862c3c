//! Columns, ranges and lookups, from which operators are assembled.

use crate::hint::Hint;
use crate::public::Public;
use crate::relation::{
    COEFFICIENT_MAX, ColId, Column, Constraint, Expr, Lookup, ModelColumn, Poly, Product, Relation, RelationError,
    Section, Source, Table, Term,
};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::{ConstId, Program};

/// A range proof spans at most this many bits: candidates then lie within 2³⁰ < p/2, so none wraps onto another.
pub const RANGE_BITS_MAX: u32 = 30;

/// Widest range-check limb: a table of 2¹⁶ rows.
pub const LIMB_BITS_MAX: u32 = 16;

/// Largest committed polynomial: its code must fit the field's two-adic subgroup.
pub const VARS_MAX: u32 = 22;

/// log₂ of `len` rounded up to a power of two.
#[must_use]
pub fn log_ceil(len: usize) -> u32 {
    len.max(1).next_power_of_two().trailing_zeros()
}

/// Bits of the non-negative integers up to `max`.
#[must_use]
pub fn bits_for(max: i64) -> u32 {
    i64::BITS - max.max(1).leading_zeros()
}

/// What is gathered before windows are placed.
pub struct Builder<'a> {
    pub(crate) program: &'a Program,
    columns: Vec<Column>,
    /// Parent window and index of columns that are slices of another.
    slices: BTreeMap<ColId, (ColId, usize)>,
    public: Vec<Public>,
    masks: BTreeMap<usize, ColId>,
    sections: BTreeMap<usize, Vec<Constraint>>,
    lookups: Vec<Lookup>,
    tables: Vec<Table>,
    products: Vec<Product>,
    model: Vec<ModelColumn>,
    hints: Vec<Hint>,
    /// Set while a node is lowered, for errors.
    pub(crate) node: usize,
}

/// The tag of the range table; other tables follow.
pub const RANGE_TAG: usize = 1;

impl<'a> Builder<'a> {
    /// An empty relation for `program`.
    #[must_use]
    pub fn new(program: &'a Program) -> Self {
        Self {
            program,
            columns: Vec::new(),
            slices: BTreeMap::new(),
            public: Vec::new(),
            masks: BTreeMap::new(),
            sections: BTreeMap::new(),
            lookups: Vec::new(),
            tables: Vec::new(),
            products: Vec::new(),
            model: Vec::new(),
            hints: Vec::new(),
            node: 0,
        }
    }

    fn add_column(&mut self, name: &'static str, source: Source, log_len: u32, len: usize) -> ColId {
        self.columns.push(Column { name, source, log_len, len });
        ColId(self.columns.len() - 1)
    }

    /// A public column.
    pub fn public(&mut self, name: &'static str, public: Public, log_len: u32, len: usize) -> ColId {
        self.public.push(public);
        self.add_column(name, Source::Public(self.public.len() - 1), log_len, len)
    }

    /// The column of ones on the first `len` rows.
    pub fn mask(&mut self, len: usize) -> ColId {
        if let Some(&col) = self.masks.get(&len) {
            return col;
        }
        let col = self.public("mask", Public::Mask { len }, log_ceil(len), len);
        self.masks.insert(len, col);
        col
    }

    /// A witness column whose padding is constrained to zero.
    pub fn witness(&mut self, name: &'static str, len: usize) -> ColId {
        let col = self.unpadded_witness(name, log_ceil(len), len);
        self.constrain_padding(name, col, len);
        col
    }

    fn unpadded_witness(&mut self, name: &'static str, log_len: u32, len: usize) -> ColId {
        self.add_column(name, Source::Committed { poly: Poly::Witness, offset: 0 }, log_len, len)
    }

    fn constrain_padding(&mut self, name: &'static str, col: ColId, len: usize) {
        if len.is_power_of_two() {
            return;
        }
        let mask = self.mask(len);
        let keep = Term { coefficient: 1, a: col, b: None };
        let real = Term { coefficient: -1, a: col, b: Some(mask) };
        self.constrain(name, len, vec![keep, real]);
    }

    /// `count` witness columns of `len` rows side by side, and the window that holds them all as (column, row). Columns that
    /// round the block up to a power of two are constrained to zero.
    pub fn witness_block(&mut self, name: &'static str, len: usize, count: usize) -> (ColId, Vec<ColId>) {
        let log_len = log_ceil(len);
        let parent = self.unpadded_witness(name, log_len + log_ceil(count), len);
        let mut slices = Vec::with_capacity(count);
        for k in 0..count.next_power_of_two() {
            let col = self.unpadded_witness(name, log_len, len);
            self.slices.insert(col, (parent, k));
            if k < count {
                self.constrain_padding(name, col, len);
                slices.push(col);
            } else {
                self.constrain(name, len, vec![Term { coefficient: 1, a: col, b: None }]);
            }
        }
        (parent, slices)
    }

    /// The window of a constant, read as rows × cols. The same reading of the same constant is the same column.
    ///
    /// # Errors
    /// If the constant does not exist or has another length.
    pub fn constant(
        &mut self,
        name: &'static str,
        id: ConstId,
        rows: usize,
        cols: usize,
    ) -> Result<ColId, RelationError> {
        let index = usize::try_from(id.0).unwrap_or(usize::MAX);
        let dangling = RelationError::Dangling { node: self.node, what: "constant", got: index };
        let constant = self.program.constants.get(index).ok_or(dangling)?;
        let len = rows.saturating_mul(cols);
        if usize::try_from(constant.len).ok() != Some(len) {
            return Err(RelationError::Misplaced {
                node: self.node,
                reason: "a constant's length does not fit its use",
            });
        }
        let known = self.model.iter().find(|m| m.constant == id && m.rows == rows && m.cols == cols);
        if let Some(known) = known {
            return Ok(known.col);
        }
        let log_cols = log_ceil(cols);
        let source = Source::Committed { poly: Poly::Model, offset: 0 };
        let col = self.add_column(name, source, log_ceil(rows) + log_cols, len);
        self.model.push(ModelColumn { constant: id, col, rows, cols, log_cols });
        Ok(col)
    }

    /// A constant read as a vector.
    ///
    /// # Errors
    /// As [`Builder::constant`].
    pub fn constant_vector(&mut self, name: &'static str, id: ConstId, len: usize) -> Result<ColId, RelationError> {
        self.constant(name, id, len, 1)
    }

    /// Adds a constraint over columns of `len` rows.
    pub fn constrain(&mut self, name: &'static str, len: usize, terms: Vec<Term>) {
        self.sections.entry(len).or_default().push(Constraint { name, terms });
    }

    /// Constrains `expr` to zero on every row; its constant applies to real rows only.
    pub fn constrain_expr(&mut self, name: &'static str, len: usize, expr: &Expr) {
        let terms = self.terms(len, expr, None);
        self.constrain(name, len, terms);
    }

    /// Constrains col = a·b, row by row.
    pub fn constrain_product(&mut self, name: &'static str, len: usize, col: ColId, a: &Expr, b: &Expr) {
        let mut terms = vec![Term { coefficient: -1, a: col, b: None }];
        for (c, factor) in &b.terms {
            terms.extend(self.terms(len, &a.times(*c), Some(*factor)));
        }
        if b.constant != 0 {
            terms.extend(self.terms(len, &a.times(b.constant), None));
        }
        self.constrain(name, len, terms);
    }

    /// The terms of `expr · factor`, constants masked to the real rows.
    fn terms(&mut self, len: usize, expr: &Expr, factor: Option<ColId>) -> Vec<Term> {
        let mut terms: Vec<Term> =
            expr.terms.iter().map(|&(coefficient, a)| Term { coefficient, a, b: factor }).collect();
        if expr.constant != 0 {
            let mask = self.mask(len);
            terms.push(Term { coefficient: expr.constant, a: mask, b: factor });
        }
        terms
    }

    /// Constrains `col` to zero or one.
    pub fn constrain_bit(&mut self, name: &'static str, len: usize, col: ColId) {
        let square = Term { coefficient: 1, a: col, b: Some(col) };
        self.constrain(name, len, vec![square, Term { coefficient: -1, a: col, b: None }]);
    }

    /// Adds a step of filling.
    pub fn hint(&mut self, hint: Hint) {
        self.hints.push(hint);
    }

    /// Adds a lookup of `len` rows.
    pub fn lookup(&mut self, len: usize, tag: usize, tuple: Vec<Expr>) {
        self.lookups.push(Lookup { log_len: log_ceil(len), len, tag, tuple });
    }

    /// Adds a table and returns its tag.
    pub fn table(&mut self, len: usize, tuple: Vec<ColId>) -> usize {
        let tag = RANGE_TAG + 1 + self.tables.len();
        self.push_table(len, tag, tuple);
        tag
    }

    fn push_table(&mut self, len: usize, tag: usize, tuple: Vec<ColId>) {
        let multiplicity = self.witness("multiplicity", len);
        self.tables.push(Table { log_len: log_ceil(len), len, tag, tuple, multiplicity });
    }

    /// A product column: out(j) = Σ_k a(k)·b(k, j), `len` real rows.
    pub fn product(&mut self, a: ColId, b: ColId, k: usize, len: usize, transposed: bool) -> ColId {
        let out = self.add_column("product", Source::Product(self.products.len()), log_ceil(len), len);
        self.products.push(Product { out, a, b, log_k: log_ceil(k), log_n: log_ceil(len), transposed });
        out
    }

    fn is_product(&self, col: ColId) -> bool {
        matches!(self.columns.get(col.0), Some(Column { source: Source::Product(_), .. }))
    }

    fn reads_product(&self, expr: &Expr) -> bool {
        expr.terms.iter().any(|(_, col)| self.is_product(*col))
    }

    /// A column equal to `expr` that is not a product: `expr` itself if it is such a column, else a new witness column.
    pub fn materialize(&mut self, name: &'static str, len: usize, expr: &Expr) -> ColId {
        if let ([(1, col)], 0) = (expr.terms.as_slice(), expr.constant)
            && !self.is_product(*col)
        {
            return *col;
        }
        let col = self.witness(name, len);
        self.hint(Hint::Equal { col, expr: expr.clone() });
        self.constrain_expr(name, len, &expr.clone().plus_col(-1, col));
        col
    }

    /// Proves 0 ≤ expr < 2^bits on the real rows.
    ///
    /// # Errors
    /// If `bits` exceeds [`RANGE_BITS_MAX`].
    pub fn range(&mut self, name: &'static str, len: usize, expr: &Expr, bits: u32) -> Result<(), RelationError> {
        if bits > RANGE_BITS_MAX {
            return Err(RelationError::TooWide { node: self.node, what: name, expected: RANGE_BITS_MAX, got: bits });
        }
        let virtual_low = !self.reads_product(expr);
        let width = u32::from(self.program.limb_bits);
        if virtual_low && bits <= width {
            self.range_limb(len, expr.clone(), bits);
            return Ok(());
        }
        let mut limbs = Vec::new();
        // With nothing to reduce, the lowest limb is what the others leave, and needs no column.
        let mut low = expr.clone();
        let mut shift = if virtual_low { width } else { 0 };
        while shift < bits.max(1) {
            let limb_bits = width.min(bits.max(1) - shift);
            let limb = self.witness(name, len);
            limbs.push((limb, shift, limb_bits));
            self.range_limb(len, Expr::column(limb), limb_bits);
            low = low.plus_col(-(1i64 << shift), limb);
            shift += limb_bits;
        }
        self.hint(Hint::Limbs { expr: expr.clone(), limbs });
        if virtual_low {
            self.range_limb(len, low, width);
        } else {
            self.constrain_expr(name, len, &low);
        }
        Ok(())
    }

    /// A lookup of expr in 0..2^limb_bits and, for fewer bits, of expr shifted to the top as well: the first bounds expr so
    /// that the second does not wrap.
    fn range_limb(&mut self, len: usize, expr: Expr, bits: u32) {
        let width = u32::from(self.program.limb_bits);
        if bits < width {
            self.lookup(len, RANGE_TAG, vec![expr.times(1 << (width - bits))]);
        }
        self.lookup(len, RANGE_TAG, vec![expr]);
    }

    /// Places all windows and returns the relation.
    ///
    /// # Errors
    /// If a polynomial outgrows [`VARS_MAX`].
    pub fn finish(mut self) -> Result<Relation, RelationError> {
        self.check_coefficients()?;
        let limb = u32::from(self.program.limb_bits);
        if self.lookups.iter().any(|l| l.tag == RANGE_TAG) {
            let rows = 1usize << limb;
            let index = self.public("range", Public::Index, limb, rows);
            self.push_table(rows, RANGE_TAG, vec![index]);
        }
        let model_vars = self.place(Poly::Model)?;
        let witness_vars = self.place(Poly::Witness)?;
        for (col, (parent, k)) in core::mem::take(&mut self.slices) {
            let Some(Source::Committed { poly, offset }) = self.columns.get(parent.0).map(|c| c.source) else {
                continue;
            };
            if let Some(column) = self.columns.get_mut(col.0) {
                column.source = Source::Committed { poly, offset: offset + (k << column.log_len) };
            }
        }
        // The opening joins both polynomials; it wants their sizes within the reach of one first fold.
        let floor = model_vars.max(witness_vars).saturating_sub(4).max(6);
        let sections = self
            .sections
            .into_iter()
            .map(|(len, constraints)| Section { log_len: log_ceil(len), len, constraints })
            .collect();
        Ok(Relation {
            columns: self.columns,
            public: self.public,
            sections,
            lookups: self.lookups,
            tables: self.tables,
            products: self.products,
            model: self.model,
            hints: self.hints,
            model_vars: model_vars.max(floor),
            witness_vars: witness_vars.max(floor),
        })
    }

    fn check_coefficients(&self) -> Result<(), RelationError> {
        let constraints = self.sections.values().flatten().flat_map(|c| &c.terms).map(|t| t.coefficient);
        let tuples = || self.lookups.iter().flat_map(|l| &l.tuple);
        let coefficients = tuples().flat_map(|e| &e.terms).map(|(c, _)| *c);
        let constants = tuples().map(|e| e.constant);
        let limit = COEFFICIENT_MAX.unsigned_abs();
        if constraints.chain(coefficients).chain(constants).any(|c| c.unsigned_abs() > limit) {
            return Err(RelationError::Program { reason: "a factor leaves the 64-bit integers".into() });
        }
        Ok(())
    }

    /// Refuses a parameter of a foreign program before it sizes anything.
    ///
    /// # Errors
    /// If `got` is not in 1..=`expected`.
    pub fn limit(&self, what: &'static str, got: u32, expected: u32) -> Result<(), RelationError> {
        if got == 0 || got > expected {
            return Err(RelationError::TooWide { node: self.node, what, expected, got });
        }
        Ok(())
    }

    /// Gives the columns of `poly` their offsets, largest first so that every window is aligned. Returns log₂ of the space.
    fn place(&mut self, poly: Poly) -> Result<u32, RelationError> {
        let mut order: Vec<usize> = (0..self.columns.len()).filter(|&i| self.owns_window(i, poly)).collect();
        order.sort_by_key(|&i| core::cmp::Reverse(self.columns.get(i).map(|c| c.log_len)));
        let mut end = 0usize;
        for i in order {
            let Some(column) = self.columns.get_mut(i) else { continue };
            column.source = Source::Committed { poly, offset: end };
            end = end.saturating_add(1usize.checked_shl(column.log_len).unwrap_or(usize::MAX));
        }
        let vars = if end > 1 << VARS_MAX { VARS_MAX + 1 } else { log_ceil(end) };
        let what = if poly == Poly::Model { "model" } else { "witness" };
        if vars > VARS_MAX {
            return Err(RelationError::TooLarge { what, expected: VARS_MAX, got: vars });
        }
        Ok(vars)
    }

    fn owns_window(&self, i: usize, poly: Poly) -> bool {
        let is_poly =
            matches!(self.columns.get(i), Some(Column { source: Source::Committed { poly: p, .. }, .. }) if *p == poly);
        is_poly && !self.slices.contains_key(&ColId(i))
    }
}
