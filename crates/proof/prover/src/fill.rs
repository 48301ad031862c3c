//! Fills the columns of a witness from an execution and the relation's hints, as integers.

use crate::constants::Constants;
use crate::joined;
use crate::keys::{KeyIndex, residue};
use ciro_graph::{Execution, ValueId};
use ciro_relation::{
    ColId, CutColumn, Expr, Gather, Hint, Instance, Lookup, Operand, Poly, Product, Relation, Rows, Source,
    Table as LookupTable, Var, View,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

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

/// Columns as integers, as far as they are filled.
pub(crate) struct Filler<'a> {
    pub(crate) relation: &'a Relation,
    pub(crate) samples: usize,
    pub(crate) instance: &'a Instance,
    pub(crate) execution: &'a Execution,
    pub(crate) constants: &'a Constants,
    /// Padded.
    pub(crate) columns: BTreeMap<ColId, Vec<i64>>,
    /// Columns that hints leave alone.
    pub(crate) given: BTreeMap<ColId, Vec<i64>>,
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
                self.constants.integers(offset..offset + self.padded_len(col))
            }
            // Hints fill these; where one does not, there is nothing.
            Source::Cut(_) => vec![0; self.padded_len(col)],
            Source::Committed { poly, offset } => self.block(poly, offset, self.padded_len(col)),
            Source::Blocks(i) => self.unpacked(&self.relation.cuts[i], column.log_len),
            Source::View(i) => self.view(&self.relation.views[i], column.log_len),
            Source::Gather(i) => self.gather(&self.relation.gathers[i], column.log_len),
        };
        self.put(col, values);
    }

    /// The integers of some columns, padded.
    pub(crate) fn into_columns(mut self, wanted: &[ColId]) -> Vec<Vec<i64>> {
        wanted.iter().for_each(|&col| self.need(col));
        wanted.iter().map(|col| self.columns.remove(col).unwrap_or_default()).collect()
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
    fn put_real(&mut self, col: ColId, values: Vec<i64>) {
        if self.relation.columns[col.0].rows.is_full() {
            return self.put(col, values);
        }
        let padded = self.scatter(col, &values);
        self.store(col, padded);
    }

    fn scatter(&self, col: ColId, values: &[i64]) -> Vec<i64> {
        let mut padded = vec![0; self.padded_len(col)];
        let mut rest = values;
        for run in self.relation.columns[col.0].rows.runs() {
            let (own, after) = rest.split_at(run.len().min(rest.len()));
            padded[run.start..][..own.len()].copy_from_slice(own);
            rest = after;
        }
        padded
    }

    /// A constant in blocks with the blocks that are not stored.
    fn unpacked(&self, cut: &CutColumn, log_len: u32) -> Vec<i64> {
        let len = 1usize << cut.blocks.log_block();
        let mut cells = vec![0; 1 << log_len];
        for (i, address) in cut.blocks.addresses().into_iter().enumerate() {
            let start = cut.offset + i * len;
            cells[address * len..][..len].copy_from_slice(&self.constants.integers(start..start + len));
        }
        cells
    }

    /// The real rows of a column.
    fn real_cells(&mut self, col: ColId) -> Vec<i64> {
        self.need(col);
        real(&self.relation.columns[col.0].rows, self.columns[&col].clone())
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
        self.need(view.of);
        let of = &self.columns[&view.of];
        let (vars, log_len) = (view.bits.len(), log_len as usize);
        let stride = |i: usize| view.bits.iter().position(|&bit| bit == i).map_or(0, |at| 1 << (vars - 1 - at));
        // A row's cell is the sum of what its first and its last bits stand for.
        let cells = |bits: Range<usize>| {
            bits.fold(vec![0usize], |cells, i| cells.iter().flat_map(|&cell| [cell, cell + stride(i)]).collect())
        };
        let (first, last) = (cells(0..log_len / 2), cells(log_len / 2..log_len));
        let is_real = |row: usize| {
            view.repeats.iter().all(|span| {
                let after = log_len - span.start - span.bits;
                (row >> after) & ((1 << span.bits) - 1) < span.len
            })
        };
        let mut out = vec![0; 1 << log_len];
        let chunks = out.par_chunks_mut(last.len()).with_min_len(TASK.div_ceil(last.len()));
        chunks.enumerate().for_each(|(i, out)| {
            for (j, (out, cell)) in out.iter_mut().zip(&last).enumerate() {
                if is_real(i * last.len() + j) {
                    *out = of[first[i] + cell];
                }
            }
        });
        out
    }

    fn gather(&mut self, gather: &Gather, log_len: u32) -> Vec<i64> {
        self.need(gather.of);
        let of = &self.columns[&gather.of];
        let cell = |row| gather.cell(row, log_len).map_or(0, |cell| of[cell]);
        (0..1usize << log_len).into_par_iter().with_min_len(TASK).map(cell).collect()
    }

    /// A product, read from the execution where it stands there.
    fn product(&mut self, product: &Product) -> Vec<i64> {
        let Some((value, added)) = product.origin else { return self.multiply_out(product) };
        let values = self.execution.values.get(value.0 as usize).map_or(&[][..], Vec::as_slice);
        let mut out = self.scatter(product.out, values);
        if let Some(added) = added {
            self.need(added);
            update(&mut out, &self.columns[&added], |out, added| *out -= added);
        }
        out
    }

    fn multiply_out(&mut self, product: &Product) -> Vec<i64> {
        for col in [product.a.col, product.b.col] {
            self.need(col);
        }
        let (a, b) = (&self.columns[&product.a.col], &self.columns[&product.b.col]);
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
        (0..1usize << log_out).into_par_iter().map(sum).collect()
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
            values.fill(constant);
            self.add_terms(expr, task * TASK, values);
        });
        if !rows.is_full() && expr.constant != 0 {
            rows.runs().for_each(|run| values[run].iter_mut().for_each(|value| *value += expr.constant));
        }
        values
    }

    /// Adds the terms of an expression on the rows that begin with `start`.
    fn add_terms(&self, expr: &Expr, start: usize, values: &mut [i64]) {
        let window = |col: &ColId| match self.columns[col].as_slice() {
            [one] => Window::One(*one),
            many => Window::Many(&many[start..]),
        };
        for (c, col) in &expr.terms {
            let column = window(col);
            values.iter_mut().enumerate().for_each(|(i, value)| *value += c * column.at(i));
        }
        for (c, a, b) in &expr.quads {
            let (a, b) = (window(a), window(b));
            values.iter_mut().enumerate().for_each(|(i, value)| *value += c * a.at(i) * b.at(i));
        }
    }

    /// A function of an expression on the real rows.
    fn map(&mut self, col: ColId, expr: &Expr, f: impl Fn(i64) -> i64 + Sync) {
        self.need_all(expr);
        let values = self.mapped(col, expr, f);
        self.put(col, values);
    }

    /// As [`Filler::map`], of columns that are there.
    fn mapped(&self, col: ColId, expr: &Expr, f: impl Fn(i64) -> i64 + Sync) -> Vec<i64> {
        let rows = &self.relation.columns[col.0].rows;
        let mut values = self.sum(expr, rows);
        values.par_chunks_mut(TASK).for_each(|values| values.iter_mut().for_each(|value| *value = f(*value)));
        clear_padding(rows, &mut values);
        values
    }

    /// An expression on the real rows alone.
    fn real(&mut self, expr: &Expr, rows: &Rows) -> Vec<i64> {
        let values = self.expr(expr, rows);
        real(rows, values)
    }

    /// Fills what a hint is about.
    pub(crate) fn follow(&mut self, hint: &Hint) {
        match hint {
            Hint::Value { col, value } => {
                let values = self.execution.values.get(value.0 as usize).map_or(&[][..], Vec::as_slice);
                let padded = self.scatter(*col, values);
                self.store(*col, padded);
            }
            Hint::Half { col, .. } | Hint::Missing { flag: col, .. } | Hint::OneAt { flag: col, .. } => {
                let len = self.rows(*col).real();
                self.put_real(*col, read(hint, self.execution, len, self.samples));
            }
            Hint::Equal { col, expr } => self.map(*col, expr, |x| x),
            Hint::Multiply { col, a, b } => {
                let rows = self.rows(*col);
                let (mut a, b) = (self.expr(a, &rows), self.expr(b, &rows));
                update(&mut a, &b, |x, y| *x *= y);
                self.put(*col, a);
            }
            Hint::Larger { col, a, b } => {
                let rows = self.rows(*col);
                let (mut a, b) = (self.expr(a, &rows), self.expr(b, &rows));
                update(&mut a, &b, |x, y| *x = y.max(*x));
                clear_padding(&rows, &mut a);
                self.put(*col, a);
            }
            Hint::Limbs { expr, limbs } => {
                for (col, shift, width) in limbs {
                    self.map(*col, expr, |x| (residue(x) >> shift) & ((1 << width) - 1));
                }
            }
            Hint::Negative { flag, expr } => self.map(*flag, expr, |x| i64::from(x < 0)),
            Hint::ShiftRight { col, expr, shift } => self.map(*col, expr, |x| x >> shift),
            Hint::Gather { .. } | Hint::GatherParts { .. } | Hint::GatherByKey { .. } => self.pick(hint),
            Hint::RowMax { col, expr, rows, run } => {
                let values = self.real(expr, rows);
                let rows = values.par_chunks(*run).with_min_len(TASK.div_ceil(*run));
                let largest = rows.filter_map(|row| row.iter().copied().max()).collect();
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
                let (mut rest, divisor) = (self.expr(dividend, &rows), self.expr(divisor, &rows));
                let mut whole = divisor;
                swap_with(&mut whole, &mut rest, |divisor, dividend| {
                    let (x, d) = (dividend >> shift, divisor.max(1));
                    let q = x.div_euclid(d);
                    (q, x - q * d)
                });
                for (col, mut values) in [(*quotient, whole), (*remainder, rest)] {
                    clear_padding(&rows, &mut values);
                    self.put(col, values);
                }
            }
        }
    }

    /// Fills what a hint picks from other columns.
    fn pick(&mut self, hint: &Hint) {
        match hint {
            Hint::Gather { col, index, table } => {
                self.need(*table);
                self.need_all(index);
                let table = &self.columns[table];
                let at = |i: i64| usize::try_from(i).ok().and_then(|i| table.get(i)).copied().unwrap_or(0);
                let values = self.mapped(*col, index, at);
                self.put(*col, values);
            }
            Hint::GatherParts { col, index, parts, stride } => {
                let parts: Vec<Vec<i64>> = parts.iter().map(|&part| self.real_cells(part)).collect();
                let (samples, stride) = (self.samples, *stride);
                self.map(*col, index, |i| joined::element(&parts, samples, stride, i).unwrap_or(0));
            }
            Hint::GatherByKey { col, key, keys, table } => {
                let len = self.rows(*keys).real();
                self.need(*keys);
                self.need(*table);
                let pairs = self.columns[keys].iter().zip(&self.columns[table]).take(len);
                let rows: BTreeMap<i64, i64> = pairs.map(|(&key, &value)| (key, value)).collect();
                self.map(*col, key, |k| rows.get(&k).copied().unwrap_or(0));
            }
            _ => {}
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
    pub(crate) fn count_lookups(&mut self) {
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
        let none = || vec![0; 1 << table.log_len];
        let count = |mut counts: Vec<i64>, lookup: &Lookup| {
            if let Some(first) = lookup.tuple.first() {
                self.count(first, &lookup.rows, index, &mut counts);
            }
            counts
        };
        let both = |mut a: Vec<i64>, b: Vec<i64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        let lookups = self.relation.lookups.par_iter().filter(|lookup| lookup.tag == table.tag);
        lookups.fold(none, count).reduce(none, both)
    }

    /// Counts the values of an expression on the real rows, a piece at a time: they stay in a cache of the core.
    fn count(&self, expr: &Expr, rows: &Rows, index: &KeyIndex, counts: &mut [i64]) {
        let mut values = Vec::with_capacity(TASK);
        for run in rows.runs() {
            for start in run.clone().step_by(TASK) {
                values.clear();
                values.resize(TASK.min(run.end - start), expr.constant);
                self.add_terms(expr, start, &mut values);
                for row in values.iter().filter_map(|&value| index.row(residue(value))) {
                    counts[row] += 1;
                }
            }
        }
    }
}

/// Zeros on rows that are padding.
fn clear_padding(rows: &Rows, values: &mut [i64]) {
    let mut end = 0;
    for run in rows.runs() {
        values[end..run.start].fill(0);
        end = run.end;
    }
    values[end..].fill(0);
}

/// The values of the real rows.
fn real(rows: &Rows, values: Vec<i64>) -> Vec<i64> {
    if rows.is_full() {
        return values;
    }
    rows.runs().flat_map(|run| &values[run]).copied().collect()
}

/// Changes each of `values` by one of `others`.
fn update(values: &mut [i64], others: &[i64], f: impl Fn(&mut i64, i64) + Sync) {
    let tasks = values.par_chunks_mut(TASK).zip(others.par_chunks(TASK));
    tasks.for_each(|(values, others)| values.iter_mut().zip(others).for_each(|(value, &other)| f(value, other)));
}

/// Replaces pairs.
fn swap_with(a: &mut [i64], b: &mut [i64], f: impl Fn(i64, i64) -> (i64, i64) + Sync) {
    let tasks = a.par_chunks_mut(TASK).zip(b.par_chunks_mut(TASK));
    tasks.for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, b)| (*a, *b) = f(*a, *b)));
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
