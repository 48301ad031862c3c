//! Multiplicities: how often each row of each table is looked up.

use super::Filler;
use super::columns::TASK;
use super::expr::{Runs, add_terms};
use crate::keys::{KeyIndex, residue};
use ciro_relation::{Expr, Lookup, Table};
use rayon::prelude::*;

/// Rows whose expression is computed at a time, as integers in the nearest cache.
const PIECE: usize = 1 << 11;

impl Filler<'_> {
    /// Fills the multiplicities. Tables have distinct first entries.
    pub(crate) fn count_lookups(&mut self) {
        let relation = self.relation;
        let looked_up = relation.lookups.iter().filter_map(|lookup| lookup.tuple.first());
        looked_up.for_each(|first| self.need_all(first));
        for table in &relation.tables {
            let Some(&key) = table.tuple.first() else { continue };
            self.need(key);
            let index = KeyIndex::new(&self.columns.integers(key).to_vec(), &table.rows);
            let counts: Vec<i64> = self.counts(table, &index).into_iter().map(i64::from).collect();
            self.put(table.multiplicity, &counts);
        }
    }

    fn counts(&self, table: &Table, index: &KeyIndex) -> Vec<u32> {
        let none = || vec![0; 1 << table.log_len];
        let of_table = self.relation.lookups.iter().filter(|lookup| lookup.tag == table.tag);
        let reads: Vec<Reads<'_>> = of_table.filter_map(Reads::of).collect();
        let tasks: Vec<(&Reads<'_>, usize)> =
            reads.iter().flat_map(|reads| reads.starts().map(move |at| (reads, at))).collect();
        let count = |mut counts: Vec<u32>, &(reads, start): &(&Reads<'_>, usize)| {
            self.count(reads, start, index, &mut counts);
            counts
        };
        if tasks.len() < 2 {
            return tasks.iter().fold(none(), count);
        }
        let both = |mut a: Vec<u32>, b: Vec<u32>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        tasks.par_iter().fold(none, count).reduce(none, both)
    }

    /// Counts what is looked up on the real rows of one task.
    fn count(&self, reads: &Reads<'_>, start: usize, index: &KeyIndex, counts: &mut [u32]) {
        let mut values = Vec::with_capacity(PIECE);
        for (run, _) in reads.runs.within(start, TASK) {
            for from in run.clone().step_by(PIECE) {
                values.clear();
                values.resize(PIECE.min(run.end - from), reads.expr.constant);
                add_terms(&self.columns, reads.expr, start + from, &mut values);
                for row in values.iter().filter_map(|&value| index.row(residue(value))) {
                    counts[row] += 1;
                }
            }
        }
    }
}

/// What one lookup looks for.
struct Reads<'a> {
    expr: &'a Expr,
    runs: Runs,
    len: usize,
}

impl<'a> Reads<'a> {
    fn of(lookup: &'a Lookup) -> Option<Self> {
        Some(Self { expr: lookup.tuple.first()?, runs: Runs::new(&lookup.rows), len: 1 << lookup.rows.log_len() })
    }

    /// The first row of each task.
    fn starts(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.len).step_by(TASK)
    }
}
