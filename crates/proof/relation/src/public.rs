//! Public columns: the verifier evaluates them itself.

use crate::rows::{Rows, log_ceil};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use ciro_sumcheck::{eq, eq_bits, evaluate_base, index_mle, mask_mle};
use ciro_transcript::cost::{Cost, E_MUL, wide};
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
    /// The matrix (sample s, j) of first + stride·s + j, as 2^`log_row` columns, on every padded row.
    Numbers {
        /// log₂ of the padded columns.
        log_row: u32,
        /// From one sample to the next.
        stride: usize,
        /// What sample 0 begins with.
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
        /// Where its elements lie.
        rows: Rows,
    },
    /// Lower 16 bits of ordered input k.
    InputLow {
        /// Which.
        input: usize,
        /// Where its elements lie.
        rows: Rows,
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
        /// Where its elements lie among the positions.
        rows: Rows,
        /// log₂ of the padded columns.
        log_cols: u32,
    },
    /// The matrix (sample s, class c) with a one where c is output k's element s, as 2^`log_cols` columns.
    IsLabel {
        /// Which.
        output: usize,
        /// log₂ of the padded columns.
        log_cols: u32,
    },
    /// The matrix (sample s, class c) with a one where c is less than output k's element s, as 2^`log_cols` columns.
    BeforeLabel {
        /// Which.
        output: usize,
        /// log₂ of the padded columns.
        log_cols: u32,
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

fn low_bits(count: u32) -> usize {
    1usize.checked_shl(count).unwrap_or(0).saturating_sub(1)
}

fn part(vectors: &[Vec<i64>], k: usize) -> &[i64] {
    vectors.get(k).map_or(&[], Vec::as_slice)
}

/// The classes that an output names, one per sample.
fn labels(instance: &Instance, output: usize) -> impl Iterator<Item = usize> + '_ {
    part(&instance.outputs, output).iter().map(|&i| usize::try_from(i).unwrap_or(usize::MAX))
}

impl Public {
    /// Whether its cells are those of a column of 2^`log_len` rows.
    pub(crate) fn fits(&self, log_len: u32) -> bool {
        match self {
            Self::Index => true,
            Self::Mask { rows }
            | Self::Input { rows, .. }
            | Self::InputHigh { rows, .. }
            | Self::InputLow { rows, .. }
            | Self::Output { rows, .. } => rows.log_len() == log_len,
            Self::OneHot { rows, log_cols, .. } => rows.log_len().saturating_add(*log_cols) == log_len,
            Self::Numbers { log_row: log_cols, .. }
            | Self::IsLabel { log_cols, .. }
            | Self::BeforeLabel { log_cols, .. } => *log_cols <= log_len,
            Self::ClassOfRow { class, log_cols } => log_ceil(class.len()).saturating_add(*log_cols) == log_len,
            Self::Later { log_len: side } => side.saturating_mul(2) == log_len,
        }
    }

    /// The cells of a column of 2^`log_len` rows, by row; all others are zero. What the prover fills in.
    #[must_use]
    pub fn cells<'a>(&'a self, instance: &'a Instance, log_len: u32) -> Box<dyn Iterator<Item = (usize, i64)> + 'a> {
        let rows = 1usize.checked_shl(log_len).unwrap_or(0);
        let real = |rows: &Rows, k: usize| rows.runs().flatten().zip(part(&instance.inputs, k).iter().copied());
        match self {
            Self::Mask { rows } => Box::new(rows.runs().flatten().map(|row| (row, 1))),
            Self::Index => Box::new((0..rows).zip(0..)),
            Self::Numbers { log_row, stride, first } => Box::new((0..rows).filter_map(|i| {
                let (sample, j) = (i.checked_shr(*log_row).unwrap_or(0), i & low_bits(*log_row));
                let number = sample.saturating_mul(*stride).saturating_add(first.saturating_add(j));
                Some((i, i64::try_from(number).ok()?))
            })),
            Self::Later { log_len } => {
                let side = 1usize.checked_shl(*log_len).unwrap_or(0);
                one_hot((0..side).flat_map(move |i| (i.saturating_add(1)..side).map(move |j| (i, j))), *log_len)
            }
            Self::Input { input, rows } => Box::new(real(rows, *input)),
            Self::InputHigh { input, rows } => Box::new(real(rows, *input).map(|(row, x)| (row, x >> 16))),
            Self::InputLow { input, rows } => Box::new(real(rows, *input).map(|(row, x)| (row, x & 0xffff))),
            Self::Output { output, rows } => {
                Box::new(rows.runs().flatten().zip(part(&instance.outputs, *output).iter().copied()))
            }
            Self::IsLabel { output, log_cols } => one_hot(labels(instance, *output).enumerate(), *log_cols),
            Self::BeforeLabel { output, log_cols } => {
                let cols = 1usize.checked_shl(*log_cols).unwrap_or(0);
                let before = move |(s, label): (usize, usize)| (0..label.min(cols)).map(move |c| (s, c));
                one_hot(labels(instance, *output).enumerate().flat_map(before), *log_cols)
            }
            Self::ClassOfRow { class, log_cols } => one_hot(classes(class), *log_cols),
            Self::OneHot { input, rows: at, log_cols } => one_hot(ids(instance, *input, at), *log_cols),
        }
    }

    /// The integers of a column of 2^`log_len` rows.
    #[must_use]
    pub fn dense(&self, instance: &Instance, log_len: u32) -> Vec<i64> {
        let mut dense = vec![0; 1usize.checked_shl(log_len).unwrap_or(0)];
        for (row, value) in self.cells(instance, log_len) {
            if let Some(cell) = dense.get_mut(row) {
                *cell = value;
            }
        }
        dense
    }

    /// What [`Public::evaluate`] takes, for a column of 2^`log_len` rows.
    #[must_use]
    pub fn cost(&self, log_len: u32) -> Cost {
        let vars = u64::from(log_len);
        let of_rows = |rows: usize, each: u64| Cost::field(wide(rows).saturating_mul(each));
        match self {
            Self::Mask { .. } | Self::Index | Self::Numbers { .. } | Self::Later { .. } => {
                Cost::field(vars.saturating_add(1).saturating_mul(5 * E_MUL))
            }
            Self::Input { rows, .. }
            | Self::InputHigh { rows, .. }
            | Self::InputLow { rows, .. }
            | Self::Output { rows, .. } => of_rows(rows.real(), E_MUL),
            Self::OneHot { rows, .. } => of_rows(rows.real(), vars.saturating_mul(E_MUL)),
            Self::IsLabel { log_cols, .. } | Self::BeforeLabel { log_cols, .. } => {
                let samples = 1usize.checked_shl(log_len.saturating_sub(*log_cols)).unwrap_or(usize::MAX);
                of_rows(samples, vars.saturating_mul(2 * E_MUL))
            }
            Self::ClassOfRow { class, .. } => of_rows(class.len(), vars.saturating_mul(E_MUL)),
        }
    }

    /// The column's multilinear extension at `point`.
    pub fn evaluate(&self, instance: &Instance, point: &[E]) -> E {
        match self {
            Self::Mask { rows } => rows.mask(point),
            Self::Index => index_mle(point),
            Self::Numbers { log_row, stride, first } => {
                let cols = usize::try_from(*log_row).unwrap_or(0);
                let (sample, j) = point.split_at(point.len().saturating_sub(cols));
                index_mle(sample) * E::from_usize(*stride) + index_mle(j) + E::from_usize(*first)
            }
            Self::Later { log_len } => later(point, *log_len),
            Self::IsLabel { output, log_cols } => {
                by_rows(labels(instance, *output).enumerate(), *log_cols, point, eq_bits)
            }
            Self::BeforeLabel { output, log_cols } => {
                by_rows(labels(instance, *output).enumerate(), *log_cols, point, mask_mle)
            }
            Self::ClassOfRow { class, log_cols } => by_rows(classes(class), *log_cols, point, eq_bits),
            Self::OneHot { input, rows, log_cols } => by_rows(ids(instance, *input, rows), *log_cols, point, eq_bits),
            Self::Input { .. } | Self::InputHigh { .. } | Self::InputLow { .. } | Self::Output { .. } => {
                let log_len = u32::try_from(point.len()).unwrap_or(0);
                let dense: Vec<F> = self.dense(instance, log_len).into_iter().map(from_int).collect();
                evaluate_base(&dense, point)
            }
        }
    }
}

/// An input's elements as (position, row number). The ingest map bounds them.
fn ids<'a>(instance: &'a Instance, input: usize, rows: &Rows) -> impl Iterator<Item = (usize, usize)> + 'a {
    let ids = part(&instance.inputs, input).iter().map(|&id| usize::try_from(id).unwrap_or(0));
    rows.indices().into_iter().zip(ids)
}

fn classes(class: &[u32]) -> impl Iterator<Item = (usize, usize)> + '_ {
    class.iter().map(|&c| usize::try_from(c).unwrap_or(0)).enumerate()
}

/// A matrix of 2^`log_cols` columns with ones at (row, column).
fn one_hot<'a>(
    ones: impl Iterator<Item = (usize, usize)> + 'a,
    log_cols: u32,
) -> Box<dyn Iterator<Item = (usize, i64)> + 'a> {
    Box::new(ones.filter_map(move |(row, column)| Some((row.checked_shl(log_cols)?.saturating_add(column), 1))))
}

/// Σ eq(row)·of(column) over (row, column), at a point of rows and 2^`log_cols` columns.
fn by_rows(
    entries: impl Iterator<Item = (usize, usize)>,
    log_cols: u32,
    point: &[E],
    of: impl Fn(usize, &[E]) -> E,
) -> E {
    let cols = usize::try_from(log_cols).unwrap_or(0);
    let (row, col) = point.split_at(point.len().saturating_sub(cols));
    let rows = ciro_sumcheck::eq_table(row, E::ONE);
    entries.fold(E::ZERO, |acc, (r, c)| acc + rows.get(r).map_or(E::ZERO, |&w| w * of(c, col)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_sumcheck::evaluate_base;

    #[test]
    fn every_public_column_evaluates_to_its_dense_table() {
        let instance = Instance {
            inputs: [[5, 70_000, 3].to_vec(), [3, 1].to_vec()].to_vec(),
            outputs: [[2, 0, 3].to_vec()].to_vec(),
        };
        let mut sponge = ciro_transcript::Sponge::new("test");
        let point: Vec<E> = (0..3).map(|_| sponge.challenge("z")).collect();
        let columns = [
            Public::Mask { rows: Rows::vector(5) },
            Public::Index,
            Public::Numbers { log_row: 3, stride: 0, first: 11 },
            Public::Numbers { log_row: 1, stride: 5, first: 11 },
            Public::Input { input: 0, rows: Rows::new(&[3, 1]) },
            Public::InputHigh { input: 0, rows: Rows::new(&[3, 1]) },
            Public::InputLow { input: 0, rows: Rows::vector(3) },
            Public::Output { output: 0, rows: Rows::vector(1) },
            Public::IsLabel { output: 0, log_cols: 2 },
            Public::BeforeLabel { output: 0, log_cols: 2 },
            Public::IsLabel { output: 0, log_cols: 3 },
            Public::BeforeLabel { output: 0, log_cols: 3 },
            Public::ClassOfRow { class: [1, 0, 1].to_vec(), log_cols: 1 },
            Public::OneHot { input: 1, rows: Rows::vector(2), log_cols: 2 },
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
