//! The cells of the model polynomial: what a prover commits to, and what a verifier evaluates who is given the weights.

use crate::blocks::Blocks;
use crate::relation::{CutColumn, Poly, Relation, Source};
use alloc::vec::Vec;
use ciro_transcript::F;
use ciro_transcript::field::from_int;
use p3_field::PrimeCharacteristicRing;

impl Relation {
    /// The constants, `weights`, in their windows. Those that are missing are zero.
    #[must_use]
    pub fn model_cells(&self, weights: &[Vec<i32>]) -> Vec<F> {
        let mut cells = F::zero_vec(1usize.checked_shl(self.vars(Poly::Model)).unwrap_or(0));
        for entry in &self.model {
            let Some(column) = self.column(entry.col) else { continue };
            let constant = usize::try_from(entry.constant.0).ok().and_then(|i| weights.get(i));
            let weights = constant.map_or(&[][..], Vec::as_slice);
            match column.source {
                Source::Committed { offset, .. } => {
                    fill(&mut cells, offset, column.rows.indices().into_iter().zip(weights));
                }
                Source::Blocks(i) => {
                    if let Some(CutColumn { blocks, offset }) = self.cuts.get(i) {
                        fill_blocks(&mut cells, *offset, blocks, weights);
                    }
                }
                _ => {}
            }
        }
        cells
    }
}

fn fill<'a>(cells: &mut [F], offset: usize, weights: impl Iterator<Item = (usize, &'a i32)>) {
    for (place, &w) in weights {
        if let Some(cell) = cells.get_mut(offset.saturating_add(place)) {
            *cell = from_int(i64::from(w));
        }
    }
}

fn fill_blocks(cells: &mut [F], offset: usize, blocks: &Blocks, weights: &[i32]) {
    let [rows, columns] = blocks.places();
    for (row, weights) in rows.iter().zip(weights.chunks_exact(columns.len().max(1))) {
        fill(cells, offset.saturating_add(*row), columns.iter().copied().zip(weights));
    }
}
