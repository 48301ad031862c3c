//! Expressions on pieces of rows. Sums may wrap on the way: what comes out of an honest witness fits, and of another one no hint has to
//! make sense.

use super::columns::{Columns, TASK};
use ciro_relation::{ColId, Expr, Rows};
use rayon::prelude::*;
use std::ops::Range;

/// The real rows of a column: runs of the same length, in order.
pub(super) struct Runs {
    runs: Vec<Range<usize>>,
    /// Whether there is no padding.
    are_all: bool,
}

impl Runs {
    pub(super) fn new(rows: &Rows) -> Self {
        Self { runs: rows.runs().collect(), are_all: rows.is_full() }
    }

    /// Those that have rows in a piece, and which of its cells these are, with the number of the first one among the real rows.
    pub(super) fn within(&self, start: usize, len: usize) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
        let first = self.runs.partition_point(|run| run.end <= start);
        let touched = self.runs[first..].iter().zip(first..).take_while(move |(run, _)| run.start < start + len);
        touched.map(move |(run, number)| {
            let from = run.start.max(start);
            (from - start..run.end.min(start + len) - start, number * run.len() + from - run.start)
        })
    }

    /// Zeros on the rows of a piece that are padding.
    pub(super) fn clear_padding(&self, start: usize, piece: &mut [i64]) {
        if self.are_all {
            return;
        }
        let mut end = 0;
        for (run, _) in self.within(start, piece.len()) {
            piece[end..run.start].fill(0);
            end = run.end;
        }
        piece[end..].fill(0);
    }

    /// A piece of a column with these values on the real rows, as far as there are any, and zeros.
    pub(super) fn spread(&self, values: &[i64], start: usize, piece: &mut [i64]) {
        for (run, first) in self.within(start, piece.len()) {
            let own = values.get(first..).map_or(&[][..], |rest| &rest[..run.len().min(rest.len())]);
            piece[run.start..][..own.len()].copy_from_slice(own);
            piece[run.start + own.len()..run.end].fill(0);
        }
        self.clear_padding(start, piece);
    }

    /// Adds a constant on the real rows of a piece.
    fn add(&self, constant: i64, start: usize, piece: &mut [i64]) {
        for (run, _) in self.within(start, piece.len()) {
            piece[run].iter_mut().for_each(|value| *value = value.wrapping_add(constant));
        }
    }
}

/// An expression on the rows from `start` on, its constant on the real ones.
pub(super) fn sum(columns: &Columns<'_>, expr: &Expr, runs: &Runs, start: usize, out: &mut [i64]) {
    out.fill(if runs.are_all { expr.constant } else { 0 });
    add_terms(columns, expr, start, out);
    if expr.constant != 0 && !runs.are_all {
        runs.add(expr.constant, start, out);
    }
}

/// Adds the terms of an expression on the rows from `start` on.
pub(super) fn add_terms(columns: &Columns<'_>, expr: &Expr, start: usize, out: &mut [i64]) {
    for (c, col) in &expr.terms {
        add_multiple(columns, *c, *col, start, out);
    }
    let mut products = Vec::new();
    for (c, a, b) in &expr.quads {
        products.clear();
        products.resize(out.len(), 0i64);
        add_multiple(columns, *c, *a, start, &mut products);
        columns.integers(*b).with(start, &mut products, |product, b| *product = product.wrapping_mul(b));
        out.iter_mut().zip(&products).for_each(|(out, &product)| *out = out.wrapping_add(product));
    }
}

fn add_multiple(columns: &Columns<'_>, c: i64, col: ColId, start: usize, out: &mut [i64]) {
    let column = columns.integers(col);
    match (c, i32::try_from(c)) {
        (1, _) => column.with(start, out, |out, x| *out = out.wrapping_add(x)),
        (-1, _) => column.with(start, out, |out, x| *out = out.wrapping_sub(x)),
        // Told that the factor has 32 bits, the compiler multiplies in lanes.
        (_, Ok(short)) => column.with(start, out, |out, x| *out = out.wrapping_add(i64::from(short).wrapping_mul(x))),
        _ => column.with(start, out, |out, x| *out = out.wrapping_add(c.wrapping_mul(x))),
    }
}

/// An expression on the real rows alone.
pub(super) fn real(columns: &Columns<'_>, expr: &Expr, rows: &Rows) -> Vec<i64> {
    let mut values = vec![0; 1 << rows.log_len()];
    let chunks = values.par_chunks_mut(TASK).enumerate();
    chunks.for_each(|(task, out)| {
        out.fill(expr.constant);
        add_terms(columns, expr, task * TASK, out);
    });
    if rows.is_full() {
        return values;
    }
    rows.runs().flat_map(|run| &values[run]).copied().collect()
}
