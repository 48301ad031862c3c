//! The witness columns, from an execution and the relation's hints.

use crate::evaluate::Suffixes;
use crate::key::ProvingKey;
use ciro_graph::{Execution, Model};
use ciro_relation::{ColId, Expr, Hint, Instance, Poly, Product, Relation, Source};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, F};
use p3_field::PrimeCharacteristicRing;
use std::collections::BTreeMap;

/// All columns of one proof, padded, as field elements.
#[derive(Clone)]
pub struct Witness {
    columns: Vec<Vec<F>>,
}

impl Witness {
    /// Fills every column for one execution.
    #[must_use]
    pub fn fill(key: &ProvingKey, instance: &Instance, execution: &Execution) -> Self {
        let relation = key.verifying().relation();
        let mut filler = Filler { relation, instance, execution, model: key.model(), columns: BTreeMap::new() };
        for hint in &relation.hints {
            filler.follow(hint);
        }
        filler.count_lookups();
        let columns =
            (0..relation.columns.len()).map(|i| filler.take(ColId(i)).into_iter().map(from_int).collect()).collect();
        Self { columns }
    }

    /// A column.
    pub fn column(&self, col: ColId) -> &[F] {
        &self.columns[col.0]
    }

    /// A cell. Columns of one row stand for their value on every row.
    pub fn cell(&self, col: ColId, row: usize) -> F {
        let column = &self.columns[col.0];
        if column.len() == 1 { column[0] } else { column[row] }
    }

    /// Mutable cells of a column, for adversaries.
    pub fn column_mut(&mut self, col: ColId) -> &mut [F] {
        &mut self.columns[col.0]
    }

    /// Carries a changed witness column into the columns that share its window: a block and its slices. For adversaries.
    pub fn align(&mut self, relation: &Relation, col: ColId) {
        let window = |c: &ciro_relation::Column| match c.source {
            Source::Committed { poly: Poly::Witness, offset } => Some(offset..offset + (1usize << c.log_len)),
            _ => None,
        };
        let Some(from) = relation.column(col).and_then(window) else { return };
        let cells = self.columns[col.0].clone();
        for (i, column) in relation.columns.iter().enumerate().filter(|(i, _)| *i != col.0) {
            let Some(to) = window(column) else { continue };
            let (start, end) = (from.start.max(to.start), from.end.min(to.end));
            if start < end {
                self.columns[i][start - to.start..end - to.start]
                    .copy_from_slice(&cells[start - from.start..end - from.start]);
            }
        }
    }

    /// An expression on a row.
    pub fn expr(&self, expr: &Expr, row: usize) -> F {
        expr.terms.iter().fold(from_int(expr.constant), |acc, (c, col)| acc + self.cell(*col, row) * from_int(*c))
    }

    /// Values of columns at the suffixes of `point`.
    #[must_use]
    pub fn evaluate(&self, relation: &Relation, columns: &[ColId], point: &[E]) -> Vec<E> {
        let suffixes = Suffixes::new(point);
        let log_len = |col: ColId| relation.column(col).map_or(0, |c| c.log_len as usize);
        columns.iter().map(|&col| suffixes.evaluate(self.column(col), log_len(col))).collect()
    }

    /// The witness polynomial: every committed witness column in its window. Slices lie inside their block and win over it.
    #[must_use]
    pub fn polynomial(&self, relation: &Relation) -> Vec<F> {
        let mut table = F::zero_vec(1 << relation.witness_vars);
        for (column, cells) in relation.columns.iter().zip(&self.columns) {
            if let Source::Committed { poly: Poly::Witness, offset } = column.source {
                table[offset..offset + cells.len()].copy_from_slice(cells);
            }
        }
        table
    }
}

struct Filler<'a> {
    relation: &'a Relation,
    instance: &'a Instance,
    execution: &'a Execution,
    model: &'a Model,
    columns: BTreeMap<ColId, Vec<i64>>,
}

impl Filler<'_> {
    fn padded_len(&self, col: ColId) -> usize {
        1 << self.relation.columns[col.0].log_len
    }

    fn len(&self, col: ColId) -> usize {
        self.relation.columns[col.0].len
    }

    /// Computes a column that no hint fills, if it is not there yet.
    fn need(&mut self, col: ColId) {
        if self.columns.contains_key(&col) {
            return;
        }
        let column = &self.relation.columns[col.0];
        let values = match column.source {
            Source::Public(i) => self.relation.public[i].dense(self.instance, column.log_len),
            Source::Product(i) => self.multiply_out(&self.relation.products[i]),
            Source::Committed { poly: Poly::Model, .. } => self.constant(col),
            Source::Committed { poly: Poly::Witness, offset } => self.block(offset, self.padded_len(col)),
        };
        self.put(col, values);
    }

    fn put(&mut self, col: ColId, mut values: Vec<i64>) {
        values.resize(self.padded_len(col), 0);
        self.columns.insert(col, values);
    }

    fn take(&mut self, col: ColId) -> Vec<i64> {
        self.need(col);
        self.columns[&col].clone()
    }

    /// A constant in its window.
    fn constant(&self, col: ColId) -> Vec<i64> {
        let mut cells = vec![0; self.padded_len(col)];
        if let Some(entry) = self.relation.model.iter().find(|m| m.col == col) {
            let weights = &self.model.weights[entry.constant.0 as usize];
            for (row, values) in weights.chunks(entry.cols).enumerate() {
                for (cell, &w) in cells[row << entry.log_cols..].iter_mut().zip(values) {
                    *cell = i64::from(w);
                }
            }
        }
        cells
    }

    /// A block is what its slices hold.
    fn block(&self, start: usize, len: usize) -> Vec<i64> {
        let mut cells = vec![0; len];
        for (&col, values) in &self.columns {
            if let Source::Committed { poly: Poly::Witness, offset } = self.relation.columns[col.0].source
                && offset >= start
                && offset + values.len() <= start + len
            {
                cells[offset - start..offset - start + values.len()].copy_from_slice(values);
            }
        }
        cells
    }

    fn multiply_out(&mut self, product: &Product) -> Vec<i64> {
        let (a, b) = (self.take(product.a), self.take(product.b));
        let (k, n) = (1usize << product.log_k, 1usize << product.log_n);
        let cell = |i: usize, j: usize| if product.transposed { b[j * k + i] } else { b[i * n + j] };
        let mut out = vec![0; n];
        for (i, &x) in a.iter().enumerate().filter(|(_, x)| **x != 0) {
            for (j, sum) in out.iter_mut().enumerate() {
                *sum += x * cell(i, j);
            }
        }
        out
    }

    /// An expression on the first `len` rows.
    fn expr(&mut self, expr: &Expr, len: usize) -> Vec<i64> {
        let mut values = vec![expr.constant; len];
        for (c, col) in &expr.terms {
            self.need(*col);
            let column = &self.columns[col];
            for (i, value) in values.iter_mut().enumerate() {
                *value += c * if column.len() == 1 { column[0] } else { column[i] };
            }
        }
        values
    }

    fn map(&mut self, col: ColId, expr: &Expr, f: impl Fn(i64) -> i64) {
        let len = self.len(col);
        let values = self.expr(expr, len).into_iter().map(f).collect();
        self.put(col, values);
    }

    fn follow(&mut self, hint: &Hint) {
        match hint {
            Hint::Value { col, value } => {
                let values = self.execution.values.get(value.0 as usize).cloned().unwrap_or_default();
                self.put(*col, values);
            }
            Hint::Equal { col, expr } => self.map(*col, expr, |x| x),
            Hint::Multiply { col, a, b } => {
                let len = self.len(*col);
                let (a, b) = (self.expr(a, len), self.expr(b, len));
                self.put(*col, a.iter().zip(&b).map(|(x, y)| x * y).collect());
            }
            Hint::Limbs { expr, limbs } => {
                for (col, shift, width) in limbs {
                    self.map(*col, expr, |x| (x >> shift) & ((1 << width) - 1));
                }
            }
            Hint::Negative { flag, expr } => self.map(*flag, expr, |x| i64::from(x < 0)),
            Hint::ShiftRight { col, expr, shift } => self.map(*col, expr, |x| x >> shift),
            Hint::Gather { col, index, table } => {
                let table = self.take(*table);
                let at = |i: i64| usize::try_from(i).ok().and_then(|i| table.get(i)).copied().unwrap_or(0);
                self.map(*col, index, at);
            }
            Hint::GatherByKey { col, key, keys, table } => {
                let len = self.len(*keys);
                let (keys, table) = (self.take(*keys), self.take(*table));
                let rows: BTreeMap<i64, i64> = keys.into_iter().zip(table).take(len).collect();
                self.map(*col, key, |k| rows.get(&k).copied().unwrap_or(0));
            }
            Hint::FirstZero { flag, expr } => {
                let len = self.len(*flag);
                let first = self.expr(expr, len).iter().position(|x| *x == 0);
                self.put(*flag, (0..len).map(|i| i64::from(Some(i) == first)).collect());
            }
            Hint::Divide { quotient, remainder, dividend, divisor } => {
                let len = self.len(*quotient);
                let divisor = self.take(*divisor)[0].max(1);
                let dividend = self.expr(dividend, len);
                self.put(*quotient, dividend.iter().map(|x| x.div_euclid(divisor)).collect());
                self.put(*remainder, dividend.iter().map(|x| x.rem_euclid(divisor)).collect());
            }
        }
    }

    /// Multiplicities: how often each row of each table is looked up. Tables have distinct first entries.
    fn count_lookups(&mut self) {
        for table in &self.relation.tables {
            let Some(&key) = table.tuple.first() else { continue };
            let keys = self.take(key);
            let rows: BTreeMap<i64, usize> =
                keys.into_iter().take(table.len).enumerate().map(|(i, k)| (k, i)).collect();
            let mut counts = vec![0; table.len];
            for lookup in self.relation.lookups.iter().filter(|l| l.tag == table.tag) {
                let Some(first) = lookup.tuple.first() else { continue };
                for entry in self.expr(first, lookup.len) {
                    if let Some(&row) = rows.get(&entry) {
                        counts[row] += 1;
                    }
                }
            }
            self.put(table.multiplicity, counts);
        }
    }
}
