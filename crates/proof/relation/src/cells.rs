//! The cells of the model polynomial: what a prover commits to, and what a verifier evaluates who is given the weights.

use crate::column::{CutColumn, Poly, Source};
use crate::relation::{ModelColumn, Relation};
use crate::rows::wide;
use alloc::vec;
use alloc::vec::Vec;
use ciro_sumcheck::{EqSplit, eq_bits};
use ciro_transcript::cost::{Cost, E_MUL, F_MUL, wide as long};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, F};
use p3_field::PrimeCharacteristicRing;

impl Relation {
    /// The constants, `weights`, in their windows. Those that are missing are zero.
    #[must_use]
    pub fn model_cells(&self, weights: &[Vec<i32>]) -> Vec<F> {
        let mut cells = F::zero_vec(1usize.checked_shl(self.vars(Poly::Model)).unwrap_or(0));
        for (offset, window) in self.model_windows(weights) {
            let cells = cells.iter_mut().skip(offset);
            cells.zip(window).for_each(|(cell, w)| *cell = from_int(i64::from(w)));
        }
        cells
    }

    /// As [`Relation::model_cells`], window by window: the first cell of each, and its integers. Between windows, cells are zero.
    pub fn model_windows<'a>(&'a self, weights: &'a [Vec<i32>]) -> impl Iterator<Item = (usize, Vec<i32>)> + 'a {
        self.model.iter().filter_map(|entry| {
            let column = self.column(entry.col)?;
            let weights = weights.get(entry.constant)?;
            match column.source {
                Source::Committed { offset, .. } => {
                    let len = 1usize.checked_shl(column.log_len)?;
                    if column.rows.is_full() && weights.len() == len {
                        return Some((offset, weights.clone()));
                    }
                    Some((offset, scattered(len, column.rows.indices().into_iter().zip(weights))))
                }
                Source::Blocks(i) => {
                    let CutColumn { blocks, offset, .. } = self.cuts.get(i)?;
                    let [rows, columns] = blocks.places();
                    let tensor_rows = rows.iter().zip(weights.chunks(columns.len().max(1)));
                    let places = tensor_rows.flat_map(|(&row, weights)| {
                        columns.iter().map(move |&column| row.saturating_add(column)).zip(weights)
                    });
                    Some((*offset, scattered(blocks.cells(), places)))
                }
                Source::Cut(_) | Source::Public(_) | Source::Product(_) | Source::View(_) | Source::Gather(_) => None,
            }
        })
    }
}

impl Relation {
    /// The model polynomial at `point`, which has a coordinate for each of its variables, from the constants. The cost is that of the
    /// weights, whatever they are padded to. Those that are missing are zero.
    pub fn evaluate_model(&self, weights: &[Vec<i32>], point: &[E]) -> E {
        let cells = EqSplit::new(point);
        let of = |&ModelColumn { constant, col }: &ModelColumn| {
            let weights = weights.get(constant)?;
            let column = self.column(col)?;
            match column.source {
                Source::Committed { offset, .. } => {
                    let (window, within) = point.split_at(point.len().saturating_sub(wide(column.log_len)));
                    let place = offset.checked_shr(column.log_len).unwrap_or(0);
                    Some(eq_bits(place, window) * column.rows.evaluate(weights, within, of_weight))
                }
                Source::Blocks(i) => self.cuts.get(i).map(|cut| blocks_at(cut, weights, &cells)),
                Source::Cut(_) | Source::Public(_) | Source::Product(_) | Source::View(_) | Source::Gather(_) => None,
            }
        };
        self.model.iter().filter_map(of).sum()
    }

    /// What [`Relation::evaluate_model`] takes.
    #[must_use]
    pub fn model_cost(&self) -> Cost {
        let vars = wide(self.vars(Poly::Model));
        let tables = EqSplit::ops(vars);
        let of = |entry: &ModelColumn| {
            let column = self.column(entry.col)?;
            match column.source {
                Source::Blocks(i) => self.cuts.get(i).map(|cut| blocks_cost(cut, column.rows.real())),
                Source::Committed { .. }
                | Source::Cut(_)
                | Source::Public(_)
                | Source::Product(_)
                | Source::View(_)
                | Source::Gather(_) => Some(column.rows.cost().and(Cost::field(long(vars).saturating_mul(E_MUL)))),
            }
        };
        let tables = Cost::field(tables).and(Cost::memory(tables));
        self.model.iter().filter_map(of).fold(tables, Cost::and)
    }
}

fn of_weight(w: i32) -> F {
    from_int(i64::from(w))
}

/// A constant's cells in their blocks, at the point that `cells` is about: runs of neighbours along the last dimension.
fn blocks_at(cut: &CutColumn, weights: &[i32], cells: &EqSplit) -> E {
    let [rows, columns] = cut.blocks.places();
    let runs = neighbours(&columns);
    let mut sum = E::ZERO;
    for (&row, weights) in rows.iter().zip(weights.chunks(columns.len().max(1))) {
        let mut rest = weights;
        for &(start, len) in &runs {
            let (run, after) = rest.split_at(len.min(rest.len()));
            rest = after;
            sum += cells.dot(cut.offset.saturating_add(row).saturating_add(start), run, of_weight);
        }
    }
    sum
}

/// A product for each weight, and some for each run of neighbours.
fn blocks_cost(cut: &CutColumn, weights: usize) -> Cost {
    let [rows, columns] = cut.blocks.place_counts();
    let runs = rows.saturating_mul(columns.div_ceil(cut.blocks.run()));
    // A run lies in the tables' rows, which are as long as they are many: it meets at most two more than it fills.
    let low = 1usize.checked_shl(cut.blocks.log_block().div_ceil(2)).unwrap_or(usize::MAX);
    let met = weights.checked_div(low).unwrap_or(0).saturating_add(runs.saturating_mul(3));
    let products = long(weights).saturating_mul(F_MUL).saturating_add(long(met).saturating_mul(E_MUL));
    Cost::field(products).and(Cost::memory(long(rows.saturating_add(columns)).saturating_mul(32)))
}

/// Numbers in ascending order, as runs of consecutive ones: the first of each and how many.
fn neighbours(numbers: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &n in numbers {
        match runs.last_mut() {
            Some((start, len)) if start.saturating_add(*len) == n => *len = len.saturating_add(1),
            _ => runs.push((n, 1)),
        }
    }
    runs
}

/// So many cells with some weights in their places and zeros elsewhere.
fn scattered<'a>(len: usize, weights: impl Iterator<Item = (usize, &'a i32)>) -> Vec<i32> {
    let mut cells = vec![0; len];
    for (place, &weight) in weights {
        if let Some(cell) = cells.get_mut(place) {
            *cell = weight;
        }
    }
    cells
}
