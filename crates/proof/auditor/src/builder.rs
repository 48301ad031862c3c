//! Columns, ranges and lookups, from which operators are assembled.

use crate::cost::of_entries;
use crate::error::RelationError;
use crate::hint::{Hint, Origin, Recipe};

use crate::ranges::Range;
use crate::size::{COLUMN_ENTRIES, CUT_ENTRIES, ENTRIES_MAX};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::{ConstId, Program};
use ciro_relation::expr::COEFFICIENT_MAX;
use ciro_relation::rows::{log_ceil, wide};
use ciro_relation::{
    Blocks, ColId, Column, Constraint, CutColumn, Expr, Gather, Limits, Lookup, ModelColumn, Operand, Poly, Product,
    Public, Relation, Rows, SampleColumn, Section, Source, Table, Term, Var, View,
};
use ciro_transcript::field::P;

/// A range proof spans at most this many bits. This is a little more than half of the field (p/2 = 2³⁰ − 2²³). So a range of all of them
/// also holds some negative numbers: those below 2³⁰ − p = −2³⁰ + 2²⁴ − 1. [`Builder::nonnegative`] knows.
pub const RANGE_BITS_MAX: u32 = 30;

/// Widest range-check limb: a table of 2¹⁶ rows.
pub const LIMB_BITS_MAX: u32 = 16;

/// Bits of the non-negative integers up to `max`.
#[must_use]
pub fn bits_for(max: i64) -> u32 {
    i64::BITS.saturating_sub(max.max(1).leading_zeros())
}

/// 2^`bits`; beyond 62 bits, the largest integer, which no interval reaches.
#[must_use]
pub(crate) const fn pow2(bits: u32) -> i64 {
    if bits > 62 { i64::MAX } else { 1i64.wrapping_shl(bits) }
}

/// The number of the item that was pushed last.
fn last<T>(items: &[T]) -> usize {
    items.len().saturating_sub(1)
}

/// Most looked-up rows of a relation, a quarter of p: as many equal lookups as p would cancel one another.
pub const LOOKUPS_MAX: usize = 1 << 29;

/// The width of one limb. The program's is chosen for one sample. A batch has more samples to pay for the table of limbs, so the table
/// may be as many times longer.
fn limb_bits(program: &Program) -> u32 {
    let samples = log_ceil(usize::try_from(program.batch).unwrap_or(usize::MAX));
    u32::from(program.limb_bits).saturating_add(samples).min(LIMB_BITS_MAX)
}

/// How a constant's elements lie in a column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reading {
    Whole(Rows),
    Cut(Blocks),
}

/// What is gathered before windows are placed.
pub struct Builder<'a> {
    pub(crate) program: &'a Program,
    /// What building may cost.
    pub(crate) limits: Limits,
    /// Width of one range-check limb.
    pub(crate) limb_bits: u32,
    pub(crate) columns: Vec<Column>,
    /// Parent window and index of columns that are slices of another.
    pub(crate) slices: BTreeMap<ColId, (ColId, usize)>,
    public: Vec<Public>,
    pub(crate) cuts: Vec<CutColumn>,
    views: Vec<View>,
    gathers: Vec<Gather>,
    /// Witness columns that are copies of expressions.
    copies: BTreeMap<Expr, ColId>,
    masks: BTreeMap<Rows, ColId>,
    /// The cut of witness columns, by their rows.
    few: BTreeMap<Rows, Blocks>,
    sections: BTreeMap<Rows, Vec<Constraint>>,
    /// Numbers to be shown to lie in a range.
    pub(crate) ranges: Vec<Range>,
    lookups: Vec<Lookup>,
    tables: Vec<Table>,
    products: Vec<Product>,
    origins: Vec<Option<Origin>>,
    model: Vec<ModelColumn>,
    /// The column of a constant that is read in a certain way.
    readings: BTreeMap<(ConstId, Reading), ColId>,
    samples: Vec<SampleColumn>,
    hints: Vec<Hint>,
    /// Set while a node is lowered, for errors.
    pub(crate) node: usize,
    /// How much there is of all this: see [`crate::size`].
    pub(crate) entries: usize,
}

/// The tag of the range table; other tables follow.
pub const RANGE_TAG: usize = 1;

impl<'a> Builder<'a> {
    /// An empty relation for `program`, which may become as large as `limits` admit.
    #[must_use]
    pub fn new(program: &'a Program, limits: Limits) -> Self {
        Self {
            program,
            limits,
            limb_bits: limb_bits(program),
            columns: Vec::new(),
            slices: BTreeMap::new(),
            public: Vec::new(),
            cuts: Vec::new(),
            views: Vec::new(),
            gathers: Vec::new(),
            copies: BTreeMap::new(),
            masks: BTreeMap::new(),
            few: BTreeMap::new(),
            sections: BTreeMap::new(),
            ranges: Vec::new(),
            lookups: Vec::new(),
            tables: Vec::new(),
            products: Vec::new(),
            origins: Vec::new(),
            model: Vec::new(),
            readings: BTreeMap::new(),
            samples: Vec::new(),
            hints: Vec::new(),
            node: 0,
            entries: 0,
        }
    }

    /// Counts a few entries without a check. The next [`Builder::spend`] decides about them: a gadget makes a limited number of them in
    /// between.
    pub(crate) fn count(&mut self, entries: usize) {
        self.entries = self.entries.saturating_add(entries);
    }

    /// Counts entries that are about to be made.
    ///
    /// # Errors
    /// [`RelationError::TooMany`] if there would be more than [`ENTRIES_MAX`], [`RelationError::TooCostly`] if they cost more than whoever
    /// is to verify accepts.
    pub(crate) fn spend(&mut self, entries: usize) -> Result<(), RelationError> {
        self.count(entries);
        if self.entries > ENTRIES_MAX {
            return Err(RelationError::TooMany { node: self.node, expected: ENTRIES_MAX, got: self.entries });
        }
        Ok(self.limits.admit(&of_entries(self.entries))?)
    }

    fn add_column(&mut self, name: &'static str, source: Source, log_len: u32, rows: Rows) -> ColId {
        self.count(COLUMN_ENTRIES);
        self.columns.push(Column { name, source, log_len, rows });
        ColId(last(&self.columns))
    }

    /// Real rows of a column.
    pub fn rows(&self, col: ColId) -> Rows {
        self.columns.get(col.0).map_or_else(|| Rows::vector(1), |c| c.rows.clone())
    }

    /// Where a column's values come from.
    pub fn source(&self, col: ColId) -> Option<Source> {
        self.columns.get(col.0).map(|c| c.source)
    }

    /// A public column.
    pub fn public(&mut self, name: &'static str, public: Public, rows: Rows) -> ColId {
        self.public.push(public);
        self.add_column(name, Source::Public(last(&self.public)), rows.log_len(), rows)
    }

    /// A public matrix in a window of its own size.
    pub fn public_matrix(&mut self, name: &'static str, public: Public, log_len: u32) -> ColId {
        self.public.push(public);
        self.add_column(name, Source::Public(last(&self.public)), log_len, Rows::vector(1 << log_len))
    }

    /// The column of ones on the real rows.
    pub fn mask(&mut self, rows: &Rows) -> ColId {
        if let Some(&col) = self.masks.get(rows) {
            return col;
        }
        let col = self.public("mask", Public::Mask { rows: rows.clone() }, rows.clone());
        self.masks.insert(rows.clone(), col);
        col
    }

    /// A public input in another layout, if that is what the column is.
    pub fn public_in(&self, col: ColId, rows: &Rows) -> Option<Public> {
        let Some(Source::Public(i)) = self.source(col) else { return None };
        match self.public.get(i) {
            Some(Public::Input { input, .. }) => Some(Public::Input { input: *input, rows: rows.clone() }),
            _ => None,
        }
    }

    /// A column that shows `view.of` elsewhere.
    pub fn view(&mut self, name: &'static str, view: View, rows: Rows) -> ColId {
        let log_len = rows.log_len();
        self.views.push(view);
        self.add_column(name, Source::View(last(&self.views)), log_len, rows)
    }

    /// The view that a column is, if it is one.
    pub fn view_of(&self, col: ColId) -> Option<&View> {
        match self.source(col) {
            Some(Source::View(i)) => self.views.get(i),
            _ => None,
        }
    }

    /// A gathered column.
    pub fn gather(&mut self, name: &'static str, gather: Gather, rows: Rows) -> ColId {
        let log_len = rows.log_len();
        self.gathers.push(gather);
        self.add_column(name, Source::Gather(last(&self.gathers)), log_len, rows)
    }

    /// A witness column whose padding is constrained to zero.
    pub fn witness(&mut self, name: &'static str, rows: &Rows) -> ColId {
        self.committed(Poly::Witness, name, rows)
    }

    /// A column of `poly`, made for each proof, whose padding is constrained to zero.
    /// In the witness polynomial it lies in blocks where that saves space.
    pub fn committed(&mut self, poly: Poly, name: &'static str, rows: &Rows) -> ColId {
        let blocks = self.few_blocks(rows);
        if poly == Poly::Witness && blocks.high() > 0 {
            // Cells that are not stored are zero.
            let is_padded = blocks.cells() > rows.real();
            self.cuts.push(CutColumn { poly, blocks, offset: 0 });
            let col = self.add_column(name, Source::Cut(last(&self.cuts)), rows.log_len(), rows.clone());
            if is_padded {
                self.constrain_padding(name, col, rows);
            }
            return col;
        }
        let col = self.add_column(name, Source::Committed { poly, offset: 0 }, rows.log_len(), rows.clone());
        self.constrain_padding(name, col, rows);
        col
    }

    /// How columns of these rows are cut: looked for once.
    fn few_blocks(&mut self, rows: &Rows) -> Blocks {
        if let Some(blocks) = self.few.get(rows) {
            return blocks.clone();
        }
        self.count(CUT_ENTRIES);
        let blocks = Blocks::few(rows.dims());
        self.few.insert(rows.clone(), blocks.clone());
        blocks
    }

    fn unpadded_witness(&mut self, name: &'static str, log_len: u32, rows: Rows) -> ColId {
        self.add_column(name, Source::Committed { poly: Poly::Witness, offset: 0 }, log_len, rows)
    }

    fn constrain_padding(&mut self, name: &'static str, col: ColId, rows: &Rows) {
        if rows.is_full() {
            return;
        }
        let mask = self.mask(rows);
        let keep = Term { coefficient: 1, a: col, b: None };
        let real = Term { coefficient: -1, a: col, b: Some(mask) };
        self.constrain(name, rows, vec![keep, real]);
    }

    /// `count` witness columns of `len` rows side by side, and the window that holds them all as (column, row). Columns that
    /// round the block up to a power of two are constrained to zero.
    pub fn witness_block(&mut self, name: &'static str, rows: &Rows, count: usize) -> (ColId, Vec<ColId>) {
        let log_len = rows.log_len();
        let parent = self.unpadded_witness(name, log_len.saturating_add(log_ceil(count)), rows.clone());
        let mut slices = Vec::with_capacity(count);
        for k in 0..count.next_power_of_two() {
            let col = self.unpadded_witness(name, log_len, rows.clone());
            self.slices.insert(col, (parent, k));
            if k < count {
                self.constrain_padding(name, col, rows);
                slices.push(col);
            } else {
                self.constrain(name, rows, vec![Term { coefficient: 1, a: col, b: None }]);
            }
        }
        (parent, slices)
    }

    /// The window of a constant, read as a tensor of this shape. The same reading of the same constant is the same column.
    ///
    /// # Errors
    /// If the constant does not exist or has another length.
    pub fn constant(&mut self, name: &'static str, id: ConstId, dims: &[usize]) -> Result<ColId, RelationError> {
        let rows = Rows::new(dims);
        self.check_constant(id, rows.real())?;
        let reading = (id, Reading::Whole(rows.clone()));
        if let Some(&col) = self.readings.get(&reading) {
            return Ok(col);
        }
        let source = Source::Committed { poly: Poly::Model, offset: 0 };
        let col = self.add_column(name, source, rows.log_len(), rows);
        self.model.push(ModelColumn { constant: wide(id.0), col });
        self.readings.insert(reading, col);
        Ok(col)
    }

    fn check_constant(&self, id: ConstId, len: usize) -> Result<(), RelationError> {
        let index = usize::try_from(id.0).unwrap_or(usize::MAX);
        let dangling = RelationError::Dangling { node: self.node, what: "constant", got: index };
        let constant = self.program.constants.get(index).ok_or(dangling)?;
        if usize::try_from(constant.len()).ok() == Some(len) {
            return Ok(());
        }
        Err(RelationError::Misplaced { node: self.node, reason: "a constant's length does not fit its use" })
    }

    /// A constant, read as a tensor of this shape, as the factor of a product; `vars` says what the tensor's variables are. It lies in
    /// blocks where that saves space.
    ///
    /// # Errors
    /// As [`Builder::constant`].
    pub fn constant_operand(
        &mut self,
        name: &'static str,
        id: ConstId,
        dims: &[usize],
        vars: &[Var],
    ) -> Result<Operand, RelationError> {
        self.count(CUT_ENTRIES);
        let blocks = Blocks::new(dims);
        if blocks.high() == 0 {
            return Ok(Operand { col: self.constant(name, id, dims)?, vars: vars.to_vec() });
        }
        let rows = Rows::new(dims);
        self.check_constant(id, rows.real())?;
        let vars = blocks.order().into_iter().filter_map(|i| vars.get(i).copied()).collect();
        let reading = (id, Reading::Cut(blocks.clone()));
        if let Some(&col) = self.readings.get(&reading) {
            return Ok(Operand { col, vars });
        }
        let is_in_order = blocks.is_in_order();
        self.cuts.push(CutColumn { poly: Poly::Model, blocks, offset: 0 });
        let col = self.add_column(name, Source::Blocks(last(&self.cuts)), rows.log_len(), rows.clone());
        self.model.push(ModelColumn { constant: wide(id.0), col });
        self.readings.insert(reading, col);
        // Whoever reads it row by row expects the order of its rows.
        if is_in_order {
            self.readings.entry((id, Reading::Whole(rows))).or_insert(col);
        }
        Ok(Operand { col, vars })
    }

    /// A constant read as a vector.
    ///
    /// # Errors
    /// As [`Builder::constant`].
    pub fn constant_vector(&mut self, name: &'static str, id: ConstId, len: usize) -> Result<ColId, RelationError> {
        self.constant(name, id, &[len])
    }

    /// Adds a constraint over columns of these rows.
    pub fn constrain(&mut self, name: &'static str, rows: &Rows, terms: Vec<Term>) {
        self.count(terms.len());
        self.sections.entry(rows.clone()).or_default().push(Constraint { name, terms });
    }

    /// Constrains `expr` to zero on every row; its constant applies to real rows only.
    pub fn constrain_expr(&mut self, name: &'static str, rows: &Rows, expr: &Expr) {
        let mut terms = self.terms(rows, expr);
        terms.extend(expr.quads.iter().map(|&(coefficient, a, b)| Term { coefficient, a, b: Some(b) }));
        self.constrain(name, rows, terms);
    }

    /// Constrains col = a·b, row by row.
    pub fn constrain_product(&mut self, name: &'static str, rows: &Rows, col: ColId, a: &Expr, b: &Expr) {
        let product = a.multiplied(b).plus_col(-1, col);
        self.constrain_expr(name, rows, &product);
    }

    /// The linear terms of `expr`, its constant masked to the real rows.
    fn terms(&mut self, rows: &Rows, expr: &Expr) -> Vec<Term> {
        let mut terms: Vec<Term> =
            expr.terms.iter().map(|&(coefficient, a)| Term { coefficient, a, b: None }).collect();
        if expr.constant != 0 {
            let mask = self.mask(rows);
            terms.push(Term { coefficient: expr.constant, a: mask, b: None });
        }
        terms
    }

    /// Constrains `col` to zero or one.
    pub fn constrain_bit(&mut self, name: &'static str, rows: &Rows, col: ColId) {
        let square = Term { coefficient: 1, a: col, b: Some(col) };
        self.constrain(name, rows, vec![square, Term { coefficient: -1, a: col, b: None }]);
    }

    /// Says what of a sample a committed column holds.
    pub fn of_sample(&mut self, column: SampleColumn) {
        self.samples.push(column);
    }

    /// Adds a step of filling.
    pub fn hint(&mut self, hint: Hint) {
        self.hints.push(hint);
    }

    /// Adds a lookup on the real rows.
    pub fn lookup(&mut self, rows: &Rows, tag: usize, tuple: Vec<Expr>) {
        self.count(tuple.iter().map(Expr::entries).sum());
        self.lookups.push(Lookup { log_len: rows.log_len(), rows: rows.clone(), tag, tuple });
    }

    /// Adds a table of so many rows and returns its tag.
    pub fn table(&mut self, len: usize, tuple: Vec<ColId>) -> usize {
        self.table_of_rows(Rows::vector(len), tuple)
    }

    /// Adds a table and returns its tag.
    pub fn table_of_rows(&mut self, rows: Rows, tuple: Vec<ColId>) -> usize {
        let tag = self.next_tag();
        self.more_of_table(tag, rows, tuple);
        tag
    }

    pub(crate) fn next_tag(&self) -> usize {
        RANGE_TAG.saturating_add(1).saturating_add(self.tables.len())
    }

    /// Adds rows to a table, in columns of their own. Multiplicities are zero in the padding, so that padding is in no table.
    pub fn more_of_table(&mut self, tag: usize, rows: Rows, tuple: Vec<ColId>) {
        let multiplicity = self.witness("multiplicity", &rows);
        self.tables.push(Table { log_len: rows.log_len(), rows, tag, tuple, multiplicity });
    }

    /// A product column, whose cells may stand somewhere in an execution.
    pub fn product(&mut self, rows: Rows, origin: Option<Origin>, product: impl FnOnce(ColId) -> Product) -> ColId {
        let source = Source::Product(self.products.len());
        let out = self.add_column("product", source, rows.log_len(), rows);
        self.products.push(product(out));
        self.origins.push(origin);
        out
    }

    fn is_product(&self, col: ColId) -> bool {
        matches!(self.source(col), Some(Source::Product(_)))
    }

    /// Whether lookups may read the expression: it is linear.
    #[must_use]
    pub fn is_linear(expr: &Expr) -> bool {
        expr.quads.is_empty()
    }

    /// Whether products, views and gathers may read the expression: it has neither products nor product columns.
    pub fn is_plain(&self, expr: &Expr) -> bool {
        expr.quads.is_empty() && !expr.terms.iter().any(|(_, col)| self.is_product(*col))
    }

    /// The column that the expression is, if it is one and no product.
    pub fn as_column(&self, expr: &Expr) -> Option<ColId> {
        match (expr.terms.as_slice(), expr.constant) {
            ([(1, col)], 0) if self.is_plain(expr) => Some(*col),
            _ => None,
        }
    }

    /// A column equal to `expr` that is not a product: `expr` itself if it is such a column, else a new witness column.
    pub fn materialize(&mut self, name: &'static str, rows: &Rows, expr: &Expr) -> ColId {
        if let Some(col) = self.as_column(expr) {
            return col;
        }
        if let Some(&col) = self.copies.get(expr) {
            return col;
        }
        let col = self.witness(name, rows);
        self.hint(Hint::Equal { col, expr: expr.clone() });
        self.constrain_expr(name, rows, &expr.clone().plus_col(-1, col));
        self.copies.insert(expr.clone(), col);
        col
    }

    /// Proves expr ≥ 0 on the real rows, for an expression that is one of the integers lo..=hi.
    ///
    /// # Errors
    /// If a negative one of them would pass for a positive one modulo p.
    pub fn nonnegative(
        &mut self,
        name: &'static str,
        rows: &Rows,
        expr: &Expr,
        (lo, hi): (i64, i64),
    ) -> Result<(), RelationError> {
        let bits = bits_for(hi);
        if bits <= RANGE_BITS_MAX && i64::from(P).saturating_add(lo) < 1 << bits {
            let (expected, got) = (RANGE_BITS_MAX - 1, bits);
            return Err(RelationError::TooWide { node: self.node, what: name, expected, got });
        }
        self.range(name, rows, expr, bits)
    }

    /// Places all windows. Returns the relation, and how its witness is filled.
    ///
    /// # Errors
    /// If a polynomial outgrows [`ciro_relation::column::VARS_MAX`], or parts of the relation do not fit one another.
    pub fn finish(mut self) -> Result<(Relation, Recipe), RelationError> {
        self.place_ranges();
        self.check_coefficients()?;
        self.check_lookups()?;
        let spaces = self.spaces()?;
        for (col, (parent, k)) in core::mem::take(&mut self.slices) {
            let Some(Source::Committed { poly, offset }) = self.columns.get(parent.0).map(|c| c.source) else {
                continue;
            };
            if let Some(column) = self.columns.get_mut(col.0) {
                column.source = Source::Committed {
                    poly,
                    offset: offset.saturating_add(k.saturating_mul(1usize.checked_shl(column.log_len).unwrap_or(0))),
                };
            }
        }
        let sections = self
            .sections
            .into_iter()
            .map(|(rows, constraints)| Section { log_len: rows.log_len(), constraints })
            .collect();
        let relation = Relation {
            columns: self.columns,
            public: self.public,
            cuts: self.cuts,
            views: self.views,
            gathers: self.gathers,
            sections,
            lookups: self.lookups,
            tables: self.tables,
            products: self.products,
            model: self.model,
            samples: self.samples,
            spaces,
        };
        relation.check_fit(wide(self.program.batch))?;
        Ok((relation, Recipe { hints: self.hints, origins: self.origins, entries: self.entries }))
    }

    fn check_lookups(&self) -> Result<(), RelationError> {
        let rows = self.lookups.iter().fold(0usize, |sum, lookup| sum.saturating_add(lookup.rows.real()));
        if rows > LOOKUPS_MAX {
            let (expected, got) = (log_ceil(LOOKUPS_MAX), log_ceil(rows));
            return Err(RelationError::TooLarge { what: "lookup", expected, got });
        }
        Ok(())
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
}
