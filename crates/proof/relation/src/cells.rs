//! The cells of the model polynomial: what a prover commits to, and what a verifier evaluates who is given the weights.

use crate::relation::{CutColumn, Poly, Relation, Source};
use alloc::vec;
use alloc::vec::Vec;
use ciro_transcript::F;
use ciro_transcript::field::from_int;
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
            let weights = weights.get(usize::try_from(entry.constant.0).ok()?)?;
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
                _ => None,
            }
        })
    }
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
