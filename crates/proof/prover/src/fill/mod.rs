//! Fills the columns of a witness from an execution and the hints of a recipe.
//!
//! A column is computed piece by piece. Its integers lie in a buffer that stays in the nearest cache. They are written
//! as elements where the proof reads them, and read back from there. So there is one copy of the witness, and it is
//! written once.
//!
//! | module | what it does |
//! |---|---|
//! | `columns` | columns as they are being filled |
//! | `expr` | expressions on pieces of rows |
//! | `derive` | columns that no hint fills |
//! | `count` | how often tables are looked up |

mod columns;
mod count;
mod derive;
mod expr;

pub(crate) use columns::{Columns, Place};

use crate::constants::Constants;
use crate::joined;
use crate::keys::residue;
use ciro_auditor::{Hint, Recipe};
use ciro_execution::Execution;
use ciro_graph::ValueId;
use ciro_relation::{ColId, Expr, Instance, Relation, Rows};
use columns::TASK;
use expr::Runs;
use rayon::prelude::*;
use std::collections::BTreeMap;

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
        Hint::Equal { .. }
        | Hint::Multiply { .. }
        | Hint::Larger { .. }
        | Hint::Limbs { .. }
        | Hint::Negative { .. }
        | Hint::ShiftRight { .. }
        | Hint::Gather { .. }
        | Hint::GatherParts { .. }
        | Hint::GatherByKey { .. }
        | Hint::RowMax { .. }
        | Hint::FirstZero { .. }
        | Hint::FirstZeroOf { .. }
        | Hint::Divide { .. } => Vec::new(),
    }
}

/// Columns, and what they are filled from.
pub(crate) struct Filler<'a> {
    pub(crate) relation: &'a Relation,
    pub(crate) recipe: &'a Recipe,
    pub(crate) samples: usize,
    pub(crate) instance: &'a Instance,
    pub(crate) execution: &'a Execution,
    pub(crate) constants: &'a Constants,
    pub(crate) columns: Columns<'a>,
}

impl<'a> Filler<'a> {
    fn padded_len(&self, col: ColId) -> usize {
        1 << self.relation.columns[col.0].log_len
    }

    fn rows(&self, col: ColId) -> &Rows {
        &self.relation.columns[col.0].rows
    }

    fn values(&self, value: ValueId) -> &'a [i64] {
        self.execution.values.get(value.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Fills everything that hints are about.
    pub(crate) fn follow_hints(&mut self) {
        let recipe = self.recipe;
        recipe.hints.iter().for_each(|hint| self.follow(hint));
    }

    /// Fills a column with integers, and zeros behind them.
    fn put(&mut self, col: ColId, integers: &[i64]) {
        self.columns.put(col, integers, self.padded_len(col));
    }

    /// Fills the real rows of a column.
    fn put_real(&mut self, col: ColId, values: &[i64]) {
        let runs = Runs::new(self.rows(col));
        self.columns.fill(&[col], self.padded_len(col), |_, start, out| runs.spread(values, start, &mut out[0]));
    }

    /// Fills columns on their real rows, from the integers of an expression there: `f` gets them in the room of the last one.
    fn map(&mut self, cols: &[ColId], expr: &Expr, f: impl Fn(&Columns<'_>, &mut [Vec<i64>]) + Sync) {
        let Some(&first) = cols.first() else { return };
        self.need_all(expr);
        let runs = Runs::new(self.rows(first));
        self.columns.fill(cols, self.padded_len(first), |columns, start, out| {
            if let Some(last) = out.last_mut() {
                expr::sum(columns, expr, &runs, start, last);
            }
            f(columns, out);
            out.iter_mut().for_each(|out| runs.clear_padding(start, out));
        });
    }

    /// Fills a column on its real rows with a function of an expression.
    fn map_one(&mut self, col: ColId, expr: &Expr, f: impl Fn(i64) -> i64 + Sync) {
        self.map(&[col], expr, |_, out| out[0].iter_mut().for_each(|value| *value = f(*value)));
    }

    /// Fills one or two columns on their real rows with what `f` makes of two expressions.
    fn map_two(&mut self, cols: &[ColId], a: &Expr, b: &Expr, f: impl Fn(i64, i64) -> (i64, i64) + Sync) {
        let Some(&first) = cols.first() else { return };
        self.need_all(a);
        self.need_all(b);
        let runs = Runs::new(self.rows(first));
        self.columns.fill(cols, self.padded_len(first), |columns, start, out| {
            let len = out[0].len();
            let mut pair = [vec![0; len], vec![0; len]];
            expr::sum(columns, a, &runs, start, &mut pair[0]);
            expr::sum(columns, b, &runs, start, &mut pair[1]);
            let [xs, ys] = &mut pair;
            xs.iter_mut().zip(ys).for_each(|(x, y)| (*x, *y) = f(*x, *y));
            for (out, values) in out.iter_mut().zip(&mut pair) {
                std::mem::swap(out, values);
                runs.clear_padding(start, out);
            }
        });
    }

    /// Fills what a hint is about.
    fn follow(&mut self, hint: &Hint) {
        match hint {
            Hint::Value { col, value } => self.put_real(*col, self.values(*value)),
            Hint::Half { col, .. } | Hint::Missing { flag: col, .. } | Hint::OneAt { flag: col, .. } => {
                let len = self.rows(*col).real();
                self.put_real(*col, &read(hint, self.execution, len, self.samples));
            }
            Hint::Equal { col, expr } => self.map(&[*col], expr, |_, _| ()),
            Hint::Multiply { col, a, b } => self.multiply(*col, a, b),
            Hint::Larger { col, a, b } => self.map_two(&[*col], a, b, |a, b| (a.max(b), 0)),
            Hint::Limbs { expr, limbs } => self.cut(expr, limbs),
            Hint::Negative { flag, expr } => self.map_one(*flag, expr, |x| i64::from(x < 0)),
            Hint::ShiftRight { col, expr, shift } => self.map_one(*col, expr, |x| x >> shift),
            Hint::Gather { .. } | Hint::GatherParts { .. } | Hint::GatherByKey { .. } => self.pick(hint),
            Hint::RowMax { col, expr, rows, run } => {
                let values = self.real(expr, rows);
                let rows = values.par_chunks(*run).with_min_len(TASK.div_ceil(*run));
                let largest: Vec<i64> = rows.filter_map(|row| row.iter().copied().max()).collect();
                self.put_real(*col, &largest);
            }
            Hint::FirstZero { flag, expr, run } => self.first_zero(*flag, expr, *run),
            Hint::FirstZeroOf { flags } => self.first_of(flags),
            Hint::Divide { quotient, remainder, dividend, shift, divisor } => {
                self.map_two(&[*quotient, *remainder], dividend, divisor, |dividend, divisor| {
                    let (x, d) = (dividend >> shift, divisor.max(1));
                    let q = x.div_euclid(d);
                    (q, x - q * d)
                });
            }
        }
    }

    /// Fills a column with products, in the padding too.
    fn multiply(&mut self, col: ColId, a: &Expr, b: &Expr) {
        self.need_all(a);
        self.need_all(b);
        let runs = Runs::new(self.rows(col));
        self.columns.fill(&[col], self.padded_len(col), |columns, start, out| {
            let mut other = vec![0; out[0].len()];
            expr::sum(columns, a, &runs, start, &mut out[0]);
            expr::sum(columns, b, &runs, start, &mut other);
            out[0].iter_mut().zip(&other).for_each(|(a, &b)| *a = a.wrapping_mul(b));
        });
    }

    /// Fills limbs, in place of the number that they are cut from.
    fn cut(&mut self, expr: &Expr, limbs: &[(ColId, u32, u32)]) {
        let cols: Vec<ColId> = limbs.iter().map(|(col, ..)| *col).collect();
        let limb = |x: i64, shift: u32, width: u32| (residue(x) >> shift) & ((1 << width) - 1);
        self.map(&cols, expr, |_, out| {
            let Some((last, others)) = out.split_last_mut() else { return };
            for (out, (_, shift, width)) in others.iter_mut().zip(limbs) {
                out.iter_mut().zip(&*last).for_each(|(out, &x)| *out = limb(x, *shift, *width));
            }
            if let Some((_, shift, width)) = limbs.last() {
                last.iter_mut().for_each(|x| *x = limb(*x, *shift, *width));
            }
        });
    }

    /// Fills what a hint picks from other columns.
    fn pick(&mut self, hint: &Hint) {
        match hint {
            Hint::Gather { col, index, table } => {
                self.need(*table);
                self.map(&[*col], index, |columns, out| {
                    let table = columns.integers(*table);
                    let at = |i: i64| usize::try_from(i).ok().and_then(|i| table.get(i)).unwrap_or(0);
                    out[0].iter_mut().for_each(|value| *value = at(*value));
                });
            }
            Hint::GatherParts { col, index, parts, stride } => {
                let parts: Vec<Vec<i64>> = parts.iter().map(|&part| self.real_cells(part)).collect();
                let (samples, stride) = (self.samples, *stride);
                self.map_one(*col, index, |i| joined::element(&parts, samples, stride, i).unwrap_or(0));
            }
            Hint::GatherByKey { col, key, keys, table } => {
                let len = self.rows(*keys).real();
                self.need(*keys);
                self.need(*table);
                let (keys, table) = (self.columns.integers(*keys), self.columns.integers(*table));
                let rows: BTreeMap<i64, i64> = (0..len).filter_map(|i| Some((keys.get(i)?, table.get(i)?))).collect();
                self.map_one(*col, key, |k| rows.get(&k).copied().unwrap_or(0));
            }
            Hint::Value { .. }
            | Hint::Half { .. }
            | Hint::Missing { .. }
            | Hint::OneAt { .. }
            | Hint::Equal { .. }
            | Hint::Multiply { .. }
            | Hint::Larger { .. }
            | Hint::Limbs { .. }
            | Hint::Negative { .. }
            | Hint::ShiftRight { .. }
            | Hint::RowMax { .. }
            | Hint::FirstZero { .. }
            | Hint::FirstZeroOf { .. }
            | Hint::Divide { .. } => {}
        }
    }

    fn first_zero(&mut self, flag: ColId, expr: &Expr, run: usize) {
        let mut values = self.real(expr, &self.rows(flag).clone());
        values.par_chunks_mut(run).with_min_len(TASK.div_ceil(run)).for_each(|values| {
            let first = values.iter().position(|&x| x == 0);
            values.fill(0);
            if let Some(first) = first {
                values[first] = 1;
            }
        });
        self.put_real(flag, &values);
    }

    fn first_of(&mut self, flags: &[(ColId, Expr)]) {
        let mut taken: Vec<bool> = Vec::new();
        for (flag, expr) in flags {
            let mut values = self.real(expr, &self.rows(*flag).clone());
            taken.resize(values.len(), false);
            for (value, taken) in values.iter_mut().zip(&mut taken) {
                let is_first = *value == 0 && !*taken;
                *taken |= is_first;
                *value = i64::from(is_first);
            }
            self.put_real(*flag, &values);
        }
    }

    /// An expression on the real rows alone.
    fn real(&mut self, expr: &Expr, rows: &Rows) -> Vec<i64> {
        self.need_all(expr);
        expr::real(&self.columns, expr, rows)
    }
}
