//! Public columns: the verifier evaluates them itself.

use crate::rows::Rows;
use alloc::vec::Vec;
use ciro_sumcheck::{eq, eq_bits, evaluate_base, index_mle, mask_mle};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, F};
use p3_field::PrimeCharacteristicRing;

/// The public integers of one inference, as the program's ingest and outputs define them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// One vector per input: fixed-point integers, or ordered u32 images (twice if some may be missing).
    pub inputs: Vec<Vec<i64>>,
    /// One vector per output: integers, or a class index.
    pub outputs: Vec<Vec<i64>>,
}

/// A public column's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Public {
    /// One on the real rows.
    Mask {
        /// Which rows are real.
        rows: Rows,
    },
    /// Row i holds i, on every padded row.
    Index,
    /// Row i holds first + i, on every padded row.
    IndexFrom {
        /// What row 0 holds.
        first: usize,
    },
    /// The square matrix (i, j) with a one where j > i.
    Later {
        /// log₂ of its rows.
        log_len: u32,
    },
    /// Input k, its elements on the real rows.
    Input {
        /// Which.
        input: usize,
        /// Where its elements lie.
        rows: Rows,
    },
    /// Upper 16 bits of ordered input k.
    InputHigh {
        /// Which.
        input: usize,
    },
    /// Lower 16 bits of ordered input k.
    InputLow {
        /// Which.
        input: usize,
    },
    /// Output k, its elements on the real rows.
    Output {
        /// Which.
        output: usize,
        /// Where its elements lie.
        rows: Rows,
    },
    /// The matrix (position t, row r) with a one at (t, input k's element t), as 2^`log_cols` columns.
    OneHot {
        /// Which input.
        input: usize,
        /// log₂ of the padded columns.
        log_cols: u32,
    },
    /// One on the row that output k names.
    IsLabel {
        /// Which.
        output: usize,
    },
    /// One on the rows before the row that output k names.
    BeforeLabel {
        /// Which.
        output: usize,
    },
    /// The matrix (row r, class c) with a one at (r, `class[r]`), as 2^`log_cols` columns.
    ClassOfRow {
        /// Class of each row.
        class: Vec<u32>,
        /// log₂ of the padded columns.
        log_cols: u32,
    },
}

/// Σ over the first bit where row and column differ, the column's being one.
fn later(point: &[E], log_len: u32) -> E {
    let (row, column) = point.split_at(usize::try_from(log_len).unwrap_or(0).min(point.len()));
    let (mut sum, mut same) = (E::ZERO, E::ONE);
    for (&i, &j) in row.iter().zip(column) {
        sum += same * (E::ONE - i) * j;
        same *= eq(&[i], &[j]);
    }
    sum
}

fn part(vectors: &[Vec<i64>], k: usize) -> &[i64] {
    vectors.get(k).map_or(&[], Vec::as_slice)
}

fn label(instance: &Instance, output: usize) -> usize {
    part(&instance.outputs, output).first().and_then(|&i| usize::try_from(i).ok()).unwrap_or(usize::MAX)
}

impl Public {
    /// The integers of the column, `1 << log_len` at most (shorter: the rest is zero). What the prover fills in.
    #[must_use]
    pub fn dense(&self, instance: &Instance, log_len: u32) -> Vec<i64> {
        let rows = 1usize.checked_shl(log_len).unwrap_or(0);
        let count = |n: usize| (0..n.min(rows)).map(|_| 1).collect();
        match self {
            Self::Mask { rows } => scatter(rows, core::iter::repeat(1)),
            Self::Index => (0..rows).filter_map(|i| i64::try_from(i).ok()).collect(),
            Self::IndexFrom { first } => {
                (0..rows).filter_map(|i| i64::try_from(first.saturating_add(i)).ok()).collect()
            }
            Self::Later { log_len } => {
                let side = 1usize.checked_shl(*log_len).unwrap_or(0);
                let row = |i| (0..side).map(move |j| i64::from(j > i));
                (0..side).flat_map(row).take(rows).collect()
            }
            Self::Input { input, rows } => scatter(rows, part(&instance.inputs, *input).iter().copied()),
            Self::InputHigh { input } => part(&instance.inputs, *input).iter().map(|x| x >> 16).collect(),
            Self::InputLow { input } => part(&instance.inputs, *input).iter().map(|x| x & 0xffff).collect(),
            Self::Output { output, rows } => scatter(rows, part(&instance.outputs, *output).iter().copied()),
            Self::IsLabel { output } => (0..rows).map(|i| i64::from(i == label(instance, *output))).collect(),
            Self::BeforeLabel { output } => count(label(instance, *output)),
            Self::ClassOfRow { class, log_cols } => {
                one_hot(class.iter().map(|&c| usize::try_from(c).unwrap_or(0)), *log_cols, rows)
            }
            Self::OneHot { input, log_cols } => one_hot(ids(instance, *input), *log_cols, rows),
        }
    }

    /// The column's multilinear extension at `point`.
    pub fn evaluate(&self, instance: &Instance, point: &[E]) -> E {
        match self {
            Self::Mask { rows } => rows.mask(point),
            Self::Index => index_mle(point),
            Self::IndexFrom { first } => index_mle(point) + E::from_usize(*first),
            Self::Later { log_len } => later(point, *log_len),
            Self::IsLabel { output } => eq_bits(label(instance, *output), point),
            Self::BeforeLabel { output } => mask_mle(label(instance, *output), point),
            Self::ClassOfRow { class, log_cols } => {
                evaluate_one_hot(class.iter().map(|&c| usize::try_from(c).unwrap_or(0)), *log_cols, point)
            }
            Self::OneHot { input, log_cols } => evaluate_one_hot(ids(instance, *input), *log_cols, point),
            Self::Input { .. } | Self::InputHigh { .. } | Self::InputLow { .. } | Self::Output { .. } => {
                let log_len = u32::try_from(point.len()).unwrap_or(0);
                let dense: Vec<F> = self.dense(instance, log_len).into_iter().map(from_int).collect();
                evaluate_base(&dense, point)
            }
        }
    }
}

/// The values on the real rows, in order.
fn scatter(rows: &Rows, values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut cells: Vec<i64> = (0..1usize.checked_shl(rows.log_len()).unwrap_or(0)).map(|_| 0).collect();
    for (i, value) in rows.indices().into_iter().zip(values) {
        if let Some(cell) = cells.get_mut(i) {
            *cell = value;
        }
    }
    cells
}

/// An input's elements as row numbers. The ingest map bounds them.
fn ids(instance: &Instance, input: usize) -> impl Iterator<Item = usize> + '_ {
    part(&instance.inputs, input).iter().map(|&id| usize::try_from(id).unwrap_or(0))
}

fn one_hot(columns: impl Iterator<Item = usize>, log_cols: u32, cells: usize) -> Vec<i64> {
    let mut cells: Vec<i64> = (0..cells).map(|_| 0).collect();
    for (row, column) in columns.enumerate() {
        let index = row.checked_shl(log_cols).map(|i| i.saturating_add(column));
        if let Some(cell) = index.and_then(|i| cells.get_mut(i)) {
            *cell = 1;
        }
    }
    cells
}

fn evaluate_one_hot(columns: impl Iterator<Item = usize>, log_cols: u32, point: &[E]) -> E {
    let cols = usize::try_from(log_cols).unwrap_or(0);
    let (row, col) = point.split_at(point.len().saturating_sub(cols));
    let rows = ciro_sumcheck::eq_table(row, E::ONE);
    rows.iter().zip(columns).fold(E::ZERO, |acc, (&w, c)| acc + w * eq_bits(c, col))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_sumcheck::evaluate_base;

    #[test]
    fn every_public_column_evaluates_to_its_dense_table() {
        let instance =
            Instance { inputs: [[5, 70_000, 3].to_vec(), [3, 1].to_vec()].to_vec(), outputs: [[2].to_vec()].to_vec() };
        let mut sponge = ciro_transcript::Sponge::new("test");
        let point: Vec<E> = (0..3).map(|_| sponge.challenge("z")).collect();
        let columns = [
            Public::Mask { rows: Rows::vector(5) },
            Public::Index,
            Public::IndexFrom { first: 11 },
            Public::Input { input: 0, rows: Rows::new(&[3, 1]) },
            Public::InputHigh { input: 0 },
            Public::InputLow { input: 0 },
            Public::Output { output: 0, rows: Rows::vector(1) },
            Public::IsLabel { output: 0 },
            Public::BeforeLabel { output: 0 },
            Public::ClassOfRow { class: [1, 0, 1].to_vec(), log_cols: 1 },
            Public::OneHot { input: 1, log_cols: 2 },
        ];
        let check = |column: &Public, point: &[E]| {
            let log_len = u32::try_from(point.len()).unwrap_or(0);
            let dense: Vec<F> = column.dense(&instance, log_len).into_iter().map(from_int).collect();
            assert_eq!(column.evaluate(&instance, point), evaluate_base(&dense, point), "{column:?}");
        };
        columns.iter().for_each(|column| check(column, &point));
        for log_len in 0..3 {
            let point: Vec<E> = (0..2 * log_len).map(|_| sponge.challenge("z")).collect();
            check(&Public::Later { log_len }, &point);
        }
    }
}
