//! The witness columns, from an execution and the relation's hints.

use crate::evaluate::Suffixes;
use crate::kernel::eq::eq_table;
use crate::kernel::sums::dot_base;
use crate::key::ProvingKey;
use crate::keys::{KeyIndex, residue};
use crate::parts::Part;
use crate::seed::Seed;
use ciro_graph::{Execution, ValueId};
use ciro_relation::{
    ColId, CutColumn, Expr, Gather, Hint, Instance, Lookup, Operand, Poly, Product, Relation, Rows, Source,
    Table as LookupTable, Var, View,
};
use ciro_sumcheck::suffix;
use ciro_transcript::field::{P, from_int};
use ciro_transcript::{E, F};
use ciro_verifier::layout::{Read, parted_len};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// All columns of one proof that a phase reads, padded, as field elements.
#[derive(Clone)]
pub struct Witness {
    columns: Vec<Cells>,
    /// The model polynomial.
    model: Arc<Vec<F>>,
    /// Of the salts of its commitments.
    seed: Seed,
}

#[derive(Clone)]
enum Cells {
    Own(Vec<F>),
    /// A window of the model polynomial.
    Model(Range<usize>),
    /// Never read as a table: the windows of a convolution.
    Virtual,
}

impl Witness {
    /// Fills every column for one execution.
    #[must_use]
    pub fn fill(key: &ProvingKey, instance: &Instance, execution: &Execution) -> Self {
        Self::fill_around(key, instance, execution, BTreeMap::new())
    }

    /// As [`Witness::fill`], some witness columns given (padded) and everything that hints compute from them to match, for
    /// adversaries.
    #[must_use]
    pub fn fill_around(
        key: &ProvingKey,
        instance: &Instance,
        execution: &Execution,
        given: BTreeMap<ColId, Vec<i64>>,
    ) -> Self {
        let relation = key.verifying().relation();
        let model = Arc::clone(&key.table);
        let columns = given.clone();
        let samples = key.model().program.batch as usize;
        let mut filler = Filler { relation, samples, instance, execution, model: &model, columns, given };
        for hint in &relation.hints {
            filler.follow(hint);
        }
        filler.count_lookups();
        let read = columns_read(relation);
        let cells = |i: usize| match relation.columns[i].source {
            Source::Committed { poly: Poly::Model, offset } => {
                Cells::Model(offset..offset + (1 << relation.columns[i].log_len))
            }
            Source::Blocks(i) => {
                let cut = &relation.cuts[i];
                Cells::Model(cut.offset..cut.offset + cut.blocks.cells())
            }
            Source::View(_) | Source::Gather(_) if !read.contains(&ColId(i)) => Cells::Virtual,
            _ => {
                filler.need(ColId(i));
                let values = filler.columns.get(&ColId(i)).map_or(&[][..], Vec::as_slice);
                Cells::Own(values.par_iter().with_min_len(TASK).map(|&v| from_int(v)).collect())
            }
        };
        let columns = (0..relation.columns.len()).map(cells).collect();
        Self { columns, model, seed: Seed::NONE }
    }

    /// Takes the salts of its commitments from `seed`.
    #[must_use]
    pub fn salted(self, seed: &Seed) -> Self {
        Self { seed: *seed, ..self }
    }

    /// Where the salts of its commitments come from.
    #[must_use]
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// A column; its stored blocks for one that lies in blocks. Empty for one that is never read as a table.
    pub fn column(&self, col: ColId) -> &[F] {
        match &self.columns[col.0] {
            Cells::Own(cells) => cells,
            Cells::Model(window) => &self.model[window.clone()],
            Cells::Virtual => &[],
        }
    }

    /// Mutable cells of a column, for adversaries. Empty for a column of the model.
    pub fn column_mut(&mut self, col: ColId) -> &mut [F] {
        match &mut self.columns[col.0] {
            Cells::Own(cells) => cells,
            Cells::Model(_) | Cells::Virtual => &mut [],
        }
    }

    /// Reads the weights of another key, for adversaries.
    pub fn read_weights_of(&mut self, key: &ProvingKey) {
        self.model = Arc::clone(&key.table);
    }

    /// Carries a changed witness column into the columns that share its window: a block and its slices. For adversaries.
    pub fn align(&mut self, relation: &Relation, col: ColId) {
        let window = |c: &ciro_relation::Column| match c.source {
            Source::Committed { poly, offset } => Some((poly, offset..offset + (1usize << c.log_len))),
            _ => None,
        };
        let Some((poly, from)) = relation.column(col).and_then(window) else { return };
        let cells = self.column(col).to_vec();
        for (i, column) in relation.columns.iter().enumerate().filter(|(i, _)| *i != col.0) {
            let Some((_, to)) = window(column).filter(|(of, _)| *of == poly) else { continue };
            let (start, end) = (from.start.max(to.start), from.end.min(to.end));
            if start < end {
                self.column_mut(ColId(i))[start - to.start..end - to.start]
                    .copy_from_slice(&cells[start - from.start..end - from.start]);
            }
        }
    }

    /// What the prover sends for columns at the suffixes of `point`: their values, and for views those of the columns seen.
    #[must_use]
    pub fn evaluate(&self, relation: &Relation, columns: &[ColId], point: &[E]) -> Vec<E> {
        let suffixes = Suffixes::new(point);
        let log_len = |col: ColId| relation.column(col).map_or(0, |c| c.log_len as usize);
        let value = |col: ColId| match relation.view(col) {
            Some(_) => self.seen(relation, col, suffix(point, log_len(col))),
            None => suffixes.evaluate(self.column(col), log_len(col)),
        };
        columns.iter().map(|&col| value(col)).collect()
    }

    /// What the prover sends for the parts of columns at `leaf`, a point of the lookups' leaves: as [`Witness::evaluate`].
    #[must_use]
    pub fn evaluate_parts(&self, relation: &Relation, reads: &[Read], leaf: &[E]) -> Vec<E> {
        let suffixes = Suffixes::new(leaf);
        let mut values = Vec::with_capacity(parted_len(reads));
        for read in reads {
            let (col, within) = (read.col, read.within(relation, leaf));
            let log_len = within.len() + read.parts.bits as usize;
            let value = |number: usize| match relation.view(col) {
                Some(_) => self.seen(relation, col, &read.parts.point(&read.parts.coordinates(number), within)),
                None if read.parts.bits == 0 => suffixes.evaluate(self.column(col), log_len),
                None => Part::new(read.parts, log_len, number).dot(self.column(col), suffixes.table(within.len())),
            };
            values.extend((0..read.parts.count()).map(value));
        }
        values
    }

    /// The value of one column at `point`, or of the column that it is a view of. A gathered column is only read where it is
    /// a table.
    pub fn seen(&self, relation: &Relation, col: ColId, point: &[E]) -> E {
        match relation.view(col) {
            Some(view) => dot_base(self.column(view.of), &eq_table(&view.point(point), E::ONE)),
            None => dot_base(self.column(col), &eq_table(point, E::ONE)),
        }
    }

    /// A polynomial that is made for this proof: each of its columns in its window. Slices lie inside their block and win over it.
    #[must_use]
    pub fn polynomial(&self, relation: &Relation, poly: Poly) -> Vec<F> {
        let mut table = F::zero_vec(1 << relation.vars(poly));
        for (i, column) in relation.columns.iter().enumerate() {
            if let Source::Committed { poly: of, offset } = column.source
                && of == poly
            {
                let cells = self.column(ColId(i));
                table[offset..offset + cells.len()].copy_from_slice(cells);
            }
        }
        table
    }
}

/// Columns that a phase reads as tables: those of constraints, lookups and tables, and what views and gathers show.
fn columns_read(relation: &Relation) -> BTreeSet<ColId> {
    let terms = relation.sections.iter().flat_map(|s| &s.constraints).flat_map(|c| &c.terms);
    let constrained = terms.flat_map(|t| [Some(t.a), t.b]).flatten();
    let tuples = relation.lookups.iter().flat_map(|l| &l.tuple).flat_map(|e| &e.terms).map(|(_, c)| *c);
    let tables = relation.tables.iter().flat_map(|t| t.tuple.iter().copied());
    let mut read: BTreeSet<ColId> = constrained.chain(tuples).chain(tables).collect();
    // Operands that products fold cell by cell: everything but windows.
    let operands = relation.products.iter().flat_map(|p| [&p.a, &p.b]).map(|o| o.col);
    read.extend(operands.filter(|col| crate::operand::needs_cells(relation, *col)));
    let gathered = relation.gathers.iter().map(|g| g.of);
    read.extend(gathered.filter(|col| crate::operand::needs_cells(relation, *col)));
    let shown: Vec<ColId> = read.iter().filter_map(|&col| relation.view(col)).map(|view| view.of).collect();
    read.extend(shown);
    read
}

/// The integer nearest to zero that an element stands for.
fn to_int(x: F) -> i64 {
    let value = i64::from(x.as_canonical_u32());
    if value > i64::from(P) / 2 { value - i64::from(P) } else { value }
}

/// The real rows, `len` many, of a column that a hint fills from a value of the execution of some samples alone.
pub(crate) fn read(hint: &Hint, execution: &Execution, len: usize, samples: usize) -> Vec<i64> {
    let values = |value: &ValueId| execution.values.get(value.0 as usize).map_or(&[][..], Vec::as_slice);
    // What each sample's value begins with.
    let first = |value: &ValueId, f: &dyn Fn(i64) -> i64| {
        let values = values(value);
        let of_samples = values.chunks((values.len() / samples).max(1));
        of_samples.flat_map(|own| own.iter().take(len / samples).map(|&x| f(x))).collect()
    };
    match hint {
        Hint::Value { value, .. } => values(value).to_vec(),
        Hint::Half { value, shift, .. } => first(value, &|x| (x >> shift) & 0xffff),
        Hint::Missing { value, .. } => first(value, &|x| i64::from(x == 0)),
        Hint::OneAt { value, run, .. } => {
            let flags = |&at: &i64| (0..*run as i64).map(move |i| i64::from(i == at));
            values(value).iter().flat_map(flags).collect()
        }
        _ => Vec::new(),
    }
}

/// Cells that one task fills.
const TASK: usize = 1 << 14;

struct Filler<'a> {
    relation: &'a Relation,
    samples: usize,
    instance: &'a Instance,
    execution: &'a Execution,
    model: &'a [F],
    /// Padded.
    columns: BTreeMap<ColId, Vec<i64>>,
    /// Columns that hints leave alone.
    given: BTreeMap<ColId, Vec<i64>>,
}

impl Filler<'_> {
    fn padded_len(&self, col: ColId) -> usize {
        1 << self.relation.columns[col.0].log_len
    }

    fn rows(&self, col: ColId) -> Rows {
        self.relation.columns[col.0].rows.clone()
    }

    /// Computes a column that no hint fills, if it is not there yet.
    fn need(&mut self, col: ColId) {
        if self.columns.contains_key(&col) {
            return;
        }
        let column = &self.relation.columns[col.0];
        let values = match column.source {
            Source::Public(i) => self.relation.public[i].dense(self.instance, column.log_len),
            Source::Product(i) => self.product(&self.relation.products[i]),
            Source::Committed { poly: Poly::Model, offset } => {
                self.model[offset..offset + self.padded_len(col)].iter().map(|&x| to_int(x)).collect()
            }
            Source::Committed { poly, offset } => self.block(poly, offset, self.padded_len(col)),
            Source::Blocks(i) => self.unpacked(&self.relation.cuts[i], column.log_len),
            Source::View(i) => self.view(&self.relation.views[i], column.log_len),
            Source::Gather(i) => self.gather(&self.relation.gathers[i], column.log_len),
        };
        self.put(col, values);
    }

    /// Stores padded values.
    fn put(&mut self, col: ColId, mut values: Vec<i64>) {
        values.resize(self.padded_len(col), 0);
        self.store(col, values);
    }

    fn store(&mut self, col: ColId, padded: Vec<i64>) {
        let padded = self.given.get(&col).cloned().unwrap_or(padded);
        self.columns.insert(col, padded);
    }

    /// Stores the values of the real rows.
    fn put_real(&mut self, col: ColId, values: impl IntoIterator<Item = i64>) {
        let padded = self.scatter(col, values);
        self.store(col, padded);
    }

    fn scatter(&self, col: ColId, values: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let rows = &self.relation.columns[col.0].rows;
        if rows.is_full() {
            return values.into_iter().collect();
        }
        let mut padded = vec![0; self.padded_len(col)];
        rows.indices().into_iter().zip(values).for_each(|(i, value)| padded[i] = value);
        padded
    }

    fn take(&mut self, col: ColId) -> Vec<i64> {
        self.need(col);
        self.columns[&col].clone()
    }

    /// A constant in blocks with the blocks that are not stored.
    fn unpacked(&self, cut: &CutColumn, log_len: u32) -> Vec<i64> {
        let len = 1usize << cut.blocks.log_block();
        let mut cells = vec![0; 1 << log_len];
        for (stored, address) in self.model[cut.offset..].chunks_exact(len).zip(cut.blocks.addresses()) {
            cells[address * len..].iter_mut().zip(stored).for_each(|(cell, &x)| *cell = to_int(x));
        }
        cells
    }

    /// The real rows of a column.
    fn take_real(&mut self, col: ColId) -> Vec<i64> {
        self.need(col);
        let cells = &self.columns[&col];
        self.relation.columns[col.0].rows.indices().into_iter().map(|i| cells[i]).collect()
    }

    /// A block is what its slices hold.
    fn block(&self, poly: Poly, start: usize, len: usize) -> Vec<i64> {
        let mut cells = vec![0; len];
        for (&col, values) in &self.columns {
            if let Source::Committed { poly: of, offset } = self.relation.columns[col.0].source
                && of == poly
                && offset >= start
                && offset + values.len() <= start + len
            {
                cells[offset - start..offset - start + values.len()].copy_from_slice(values);
            }
        }
        cells
    }

    fn view(&mut self, view: &View, log_len: u32) -> Vec<i64> {
        let vars = view.bits.len();
        let mut cells = vec![0usize];
        for i in 0..log_len as usize {
            let stride = view.bits.iter().position(|&bit| bit == i).map_or(0, |at| 1 << (vars - 1 - at));
            cells = cells.iter().flat_map(|&cell| [cell, cell + stride]).collect();
        }
        self.need(view.of);
        let of = &self.columns[&view.of];
        let is_real = |row: usize| {
            view.repeats.iter().all(|span| {
                let after = log_len as usize - span.start - span.bits;
                (row >> after) & ((1 << span.bits) - 1) < span.len
            })
        };
        cells.iter().enumerate().map(|(row, &cell)| if is_real(row) { of[cell] } else { 0 }).collect()
    }

    fn gather(&mut self, gather: &Gather, log_len: u32) -> Vec<i64> {
        self.need(gather.of);
        let of = &self.columns[&gather.of];
        (0..1usize << log_len).map(|row| gather.cell(row, log_len).map_or(0, |cell| of[cell])).collect()
    }

    /// A product, read from the execution where it stands there.
    fn product(&mut self, product: &Product) -> Vec<i64> {
        let Some((value, added)) = product.origin else { return self.multiply_out(product) };
        let values = self.execution.values.get(value.0 as usize).map_or(&[][..], Vec::as_slice);
        let mut out = self.scatter(product.out, values.iter().copied());
        if let Some(added) = added {
            self.need(added);
            out.iter_mut().zip(&self.columns[&added]).for_each(|(out, added)| *out -= added);
        }
        out
    }

    fn multiply_out(&mut self, product: &Product) -> Vec<i64> {
        let (a, b) = (self.take(product.a.col), self.take(product.b.col));
        let log_out = self.relation.columns[product.out.0].log_len;
        let cell = |operand: &Operand, x: usize, y: usize| {
            operand.vars.iter().fold(0usize, |cell, var| {
                let bit = match *var {
                    Var::Sum(i) => x >> (product.log_sum as usize - 1 - i),
                    Var::Out(i) => y >> (log_out as usize - 1 - i),
                };
                (cell << 1) | (bit & 1)
            })
        };
        let untied = product.log_sum as usize - product.tied.len();
        let tied = |y: usize| product.tied.iter().fold(0, |x, &j| (x << 1) | ((y >> (log_out as usize - 1 - j)) & 1));
        let sum = |y: usize| {
            let terms = (0..1usize << untied).map(|x| (tied(y) << untied) | x);
            terms.map(|x| a[cell(&product.a, x, y)] * b[cell(&product.b, x, y)]).sum()
        };
        (0..1usize << log_out).map(sum).collect()
    }

    /// An expression on every row of `rows`, its constant on the real ones.
    fn expr(&mut self, expr: &Expr, rows: &Rows) -> Vec<i64> {
        self.need_all(expr);
        self.sum(expr, rows)
    }

    fn need_all(&mut self, expr: &Expr) {
        let pairs = expr.quads.iter().flat_map(|(_, a, b)| [*a, *b]);
        expr.terms.iter().map(|(_, col)| *col).chain(pairs).for_each(|col| self.need(col));
    }

    /// As [`Filler::expr`], of columns that are there.
    fn sum(&self, expr: &Expr, rows: &Rows) -> Vec<i64> {
        let constant = if rows.is_full() { expr.constant } else { 0 };
        let mut values = vec![0; 1 << rows.log_len()];
        values.par_chunks_mut(TASK).enumerate().for_each(|(task, values)| {
            let window = |col: &ColId| match self.columns[col].as_slice() {
                [one] => Window::One(*one),
                many => Window::Many(&many[task * TASK..]),
            };
            values.fill(constant);
            for (c, col) in &expr.terms {
                let column = window(col);
                values.iter_mut().enumerate().for_each(|(i, value)| *value += c * column.at(i));
            }
            for (c, a, b) in &expr.quads {
                let (a, b) = (window(a), window(b));
                values.iter_mut().enumerate().for_each(|(i, value)| *value += c * a.at(i) * b.at(i));
            }
        });
        if !rows.is_full() && expr.constant != 0 {
            rows.indices().into_iter().for_each(|i| values[i] += expr.constant);
        }
        values
    }

    /// A function of an expression on the real rows.
    fn map(&mut self, col: ColId, expr: &Expr, f: impl Fn(i64) -> i64) {
        let rows = self.rows(col);
        let values = self.expr(expr, &rows);
        if rows.is_full() {
            self.put(col, values.into_iter().map(f).collect());
        } else {
            let real: Vec<i64> = rows.indices().into_iter().map(|i| f(values[i])).collect();
            self.put_real(col, real);
        }
    }

    fn real(&mut self, expr: &Expr, rows: &Rows) -> Vec<i64> {
        let values = self.expr(expr, rows);
        if rows.is_full() { values } else { rows.indices().into_iter().map(|i| values[i]).collect() }
    }

    fn follow(&mut self, hint: &Hint) {
        match hint {
            Hint::Value { col, .. }
            | Hint::Half { col, .. }
            | Hint::Missing { flag: col, .. }
            | Hint::OneAt { flag: col, .. } => {
                let len = self.rows(*col).real();
                self.put_real(*col, read(hint, self.execution, len, self.samples));
            }
            Hint::Equal { col, expr } => self.map(*col, expr, |x| x),
            Hint::Multiply { col, a, b } => {
                let rows = self.rows(*col);
                let (a, b) = (self.expr(a, &rows), self.expr(b, &rows));
                self.put(*col, a.iter().zip(&b).map(|(x, y)| x * y).collect());
            }
            Hint::Larger { col, a, b } => {
                let rows = self.rows(*col);
                let (a, b) = (self.real(a, &rows), self.real(b, &rows));
                self.put_real(*col, a.into_iter().zip(b).map(|(a, b)| a.max(b)));
            }
            Hint::Limbs { expr, limbs } => {
                for (col, shift, width) in limbs {
                    self.map(*col, expr, |x| (residue(x) >> shift) & ((1 << width) - 1));
                }
            }
            Hint::Negative { flag, expr } => self.map(*flag, expr, |x| i64::from(x < 0)),
            Hint::ShiftRight { col, expr, shift } => self.map(*col, expr, |x| x >> shift),
            Hint::Gather { col, index, table } => {
                let table = self.take(*table);
                let at = |i: i64| usize::try_from(i).ok().and_then(|i| table.get(i)).copied().unwrap_or(0);
                self.map(*col, index, at);
            }
            Hint::GatherParts { col, index, parts, stride } => {
                let parts: Vec<Vec<i64>> = parts.iter().map(|&part| self.take_real(part)).collect();
                let len = parts.first().map_or(1, Vec::len) / self.samples;
                let at = |i: i64| {
                    let (sample, j) = (usize::try_from(i).ok()? / stride, i as usize % stride);
                    parts.get(j / len)?.get(sample * len + j % len).copied()
                };
                self.map(*col, index, |i| at(i).unwrap_or(0));
            }
            Hint::GatherByKey { col, key, keys, table } => {
                let len = self.rows(*keys).real();
                let (keys, table) = (self.take(*keys), self.take(*table));
                let rows: BTreeMap<i64, i64> = keys.into_iter().zip(table).take(len).collect();
                self.map(*col, key, |k| rows.get(&k).copied().unwrap_or(0));
            }
            Hint::RowMax { col, expr, rows, run } => {
                let values = self.real(expr, rows);
                let largest: Vec<i64> = values.chunks(*run).filter_map(|row| row.iter().copied().max()).collect();
                self.put_real(*col, largest);
            }
            Hint::FirstZero { flag, expr, run } => {
                let rows = self.rows(*flag);
                let values = self.real(expr, &rows);
                let mut flags = vec![0; values.len()];
                for (flags, values) in flags.chunks_mut(*run).zip(values.chunks(*run)) {
                    if let Some(first) = values.iter().position(|&x| x == 0) {
                        flags[first] = 1;
                    }
                }
                self.put_real(*flag, flags);
            }
            Hint::FirstZeroOf { flags } => self.first_of(flags),
            Hint::Divide { quotient, remainder, dividend, shift, divisor } => {
                let rows = self.rows(*quotient);
                let dividend = self.real(dividend, &rows);
                let divisor = self.real(divisor, &rows);
                let pairs = || dividend.iter().zip(&divisor).map(|(&x, &d)| (x >> shift, d.max(1)));
                let (q, r): (Vec<i64>, Vec<i64>) = pairs().map(|(x, d)| (x.div_euclid(d), x.rem_euclid(d))).unzip();
                self.put_real(*quotient, q);
                self.put_real(*remainder, r);
            }
        }
    }

    fn first_of(&mut self, flags: &[(ColId, Expr)]) {
        let mut taken: Vec<bool> = Vec::new();
        for (flag, expr) in flags {
            let rows = self.rows(*flag);
            let values = self.real(expr, &rows);
            taken.resize(values.len(), false);
            let chosen = |(taken, &value): (&mut bool, &i64)| {
                let first = value == 0 && !*taken;
                *taken |= first;
                i64::from(first)
            };
            let chosen: Vec<i64> = taken.iter_mut().zip(&values).map(chosen).collect();
            self.put_real(*flag, chosen);
        }
    }

    /// Multiplicities: how often each row of each table is looked up. Tables have distinct first entries.
    fn count_lookups(&mut self) {
        let looked_up = self.relation.lookups.iter().filter_map(|lookup| lookup.tuple.first());
        looked_up.for_each(|first| self.need_all(first));
        for table in &self.relation.tables {
            let Some(&key) = table.tuple.first() else { continue };
            self.need(key);
            let index = KeyIndex::new(&self.columns[&key], &table.rows);
            let counts = self.counts(table, &index);
            self.store(table.multiplicity, counts);
        }
    }

    fn counts(&self, table: &LookupTable, index: &KeyIndex) -> Vec<i64> {
        let count = |mut counts: Vec<i64>, lookup: &Lookup| {
            let values = lookup.tuple.first().map(|first| self.sum(first, &lookup.rows)).unwrap_or_default();
            let mut add = |entry: i64| {
                if let Some(row) = index.row(residue(entry)) {
                    counts[row] += 1;
                }
            };
            if lookup.rows.is_full() {
                values.into_iter().for_each(&mut add);
            } else {
                lookup.rows.indices().into_iter().for_each(|i| add(values[i]));
            }
            counts
        };
        let none = || vec![0; 1 << table.log_len];
        let both = |mut a: Vec<i64>, b: Vec<i64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        let lookups = self.relation.lookups.par_iter().filter(|lookup| lookup.tag == table.tag);
        lookups.fold(none, count).reduce(none, both)
    }
}

/// Some cells of a column, or the one of all rows.
enum Window<'a> {
    One(i64),
    Many(&'a [i64]),
}

impl Window<'_> {
    #[inline]
    fn at(&self, i: usize) -> i64 {
        match self {
            Self::One(one) => *one,
            Self::Many(cells) => cells[i],
        }
    }
}
