//! Public columns: the verifier evaluates them itself.

use crate::rows::{Rows, log_ceil, wide};
use crate::sample::Digits;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_sumcheck::{EqSplit, eq, index_mle, mask_mle};
use ciro_transcript::E;
use ciro_transcript::cost::{Cost, E_MUL, wide as long};
use ciro_transcript::field::from_int;
use p3_field::PrimeCharacteristicRing;

/// The public integers of one inference, as the program's ingest and outputs define them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// One vector per input: fixed-point integers, or ordered images (of float32 twice if some may be missing).
    pub inputs: Vec<Vec<i64>>,
    /// One vector per output: integers, or a class index.
    pub outputs: Vec<Vec<i64>>,
}

/// A public column's contents.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
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
    /// Sixteen bits of ordered input k.
    InputBits {
        /// Which.
        input: usize,
        /// Where its elements lie.
        rows: Rows,
        /// Bits below them.
        shift: u32,
    },
    /// One where input k, of doubles, is missing.
    InputMissing {
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
    let (row, column) = point.split_at(wide(log_len).min(point.len()));
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

/// The classes that an output names, one for each of 2^`log_rows` rows at most.
fn labels(instance: &Instance, output: usize, log_rows: u32) -> impl Iterator<Item = usize> + '_ {
    let rows = 1usize.checked_shl(log_rows).unwrap_or(usize::MAX);
    part(&instance.outputs, output).iter().take(rows).map(|&i| usize::try_from(i).unwrap_or(usize::MAX))
}

impl Public {
    /// Whether its cells are those of a column of 2^`log_len` rows.
    pub(crate) fn fits(&self, log_len: u32) -> bool {
        match self {
            Self::Index => true,
            Self::Mask { rows }
            | Self::Input { rows, .. }
            | Self::InputBits { rows, .. }
            | Self::InputMissing { rows, .. }
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
            Self::InputBits { input, rows, shift } => {
                Box::new(real(rows, *input).map(|(row, x)| (row, Digits::Bits { shift: *shift }.of(x))))
            }
            Self::InputMissing { input, rows } => {
                Box::new(real(rows, *input).map(|(row, x)| (row, Digits::Missing.of(x))))
            }
            Self::Output { output, rows } => {
                Box::new(rows.runs().flatten().zip(part(&instance.outputs, *output).iter().copied()))
            }
            Self::IsLabel { output, log_cols } => {
                let labels = labels(instance, *output, log_len.saturating_sub(*log_cols));
                one_hot(labels.enumerate(), *log_cols)
            }
            Self::BeforeLabel { output, log_cols } => {
                let cols = 1usize.checked_shl(*log_cols).unwrap_or(0);
                let before = move |(s, label): (usize, usize)| (0..label.min(cols)).map(move |c| (s, c));
                let labels = labels(instance, *output, log_len.saturating_sub(*log_cols));
                one_hot(labels.enumerate().flat_map(before), *log_cols)
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
        let vars = u64::from(log_len).saturating_add(1);
        match self {
            Self::Mask { .. } | Self::Index | Self::Numbers { .. } | Self::Later { .. } => {
                Cost::field(vars.saturating_mul(4 * E_MUL))
            }
            Self::Input { rows, .. }
            | Self::InputBits { rows, .. }
            | Self::InputMissing { rows, .. }
            | Self::Output { rows, .. } => rows.cost(),
            Self::OneHot { rows, log_cols, .. } => {
                let each = Cost::field(long(rows.real()).saturating_mul(4 * E_MUL));
                rows.cost().and(each).and(split_cost(*log_cols))
            }
            Self::IsLabel { log_cols, .. } => entries_cost(of_samples(log_len, *log_cols), log_len, 3 * E_MUL),
            Self::BeforeLabel { log_cols, .. } => {
                entries_cost(of_samples(log_len, *log_cols), log_len, vars.saturating_mul(2 * E_MUL))
            }
            Self::ClassOfRow { class, .. } => entries_cost(long(class.len()), log_len, 3 * E_MUL),
        }
    }

    /// The column's multilinear extension at `point`: at the cost of its real cells, whatever they are padded to.
    pub fn evaluate(&self, instance: &Instance, point: &[E]) -> E {
        let input = |k: usize| part(&instance.inputs, k);
        match self {
            Self::Mask { rows } => rows.mask(point),
            Self::Index => index_mle(point),
            Self::Numbers { log_row, stride, first } => {
                let (sample, j) = split_last(point, *log_row);
                index_mle(sample) * E::from_usize(*stride) + index_mle(j) + E::from_usize(*first)
            }
            Self::Later { log_len } => later(point, *log_len),
            Self::IsLabel { output, log_cols } => {
                let (rows, _) = split_last(point, *log_cols);
                let labels = labels(instance, *output, u32::try_from(rows.len()).unwrap_or(u32::MAX));
                one_hot_at(labels.enumerate(), *log_cols, point)
            }
            Self::BeforeLabel { output, log_cols } => {
                let (sample, col) = split_last(point, *log_cols);
                let labels = labels(instance, *output, u32::try_from(sample.len()).unwrap_or(u32::MAX));
                let sample = EqSplit::new(sample);
                let before = |(s, label): (usize, usize)| sample.at(s) * mask_mle(label, col);
                labels.enumerate().map(before).sum()
            }
            Self::ClassOfRow { class, log_cols } => one_hot_at(classes(class), *log_cols, point),
            Self::OneHot { input: k, rows, log_cols } => {
                let (position, row) = split_last(point, *log_cols);
                let row = EqSplit::new(row);
                let mut ids = input(*k).iter().map(|&id| usize::try_from(id).unwrap_or(0));
                rows.sum_runs(position, |eq, len| {
                    let own = ids.by_ref().take(len).enumerate();
                    own.map(|(i, id)| eq.at(i) * row.at(id)).sum()
                })
            }
            Self::Input { input: k, rows } => rows.evaluate(input(*k), point, from_int),
            Self::InputBits { input: k, rows, shift } => {
                rows.evaluate(input(*k), point, |x| from_int(Digits::Bits { shift: *shift }.of(x)))
            }
            Self::InputMissing { input: k, rows } => {
                rows.evaluate(input(*k), point, |x| from_int(Digits::Missing.of(x)))
            }
            Self::Output { output, rows } => rows.evaluate(part(&instance.outputs, *output), point, from_int),
        }
    }
}

/// All but the last `n` coordinates, and these.
fn split_last(point: &[E], n: u32) -> (&[E], &[E]) {
    point.split_at(point.len().saturating_sub(wide(n)))
}

/// Rows of a matrix (sample, class).
fn of_samples(log_len: u32, log_cols: u32) -> u64 {
    1u64.checked_shl(log_len.saturating_sub(log_cols)).unwrap_or(u64::MAX)
}

/// What so many entries of a matrix of 2^`log_len` cells take, `each` and its sum, and tables for its point.
fn entries_cost(entries: u64, log_len: u32, each: u64) -> Cost {
    Cost::field(entries.saturating_mul(each.saturating_add(E_MUL))).and(split_cost(log_len))
}

/// Tables for so many variables, however they are split.
fn split_cost(vars: u32) -> Cost {
    let ops = EqSplit::ops(wide(vars));
    Cost::field(ops).and(Cost::memory(ops))
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

/// The matrix of 2^`log_cols` columns with ones at (row, column), at a point.
fn one_hot_at(ones: impl Iterator<Item = (usize, usize)>, log_cols: u32, point: &[E]) -> E {
    let (row, col) = split_last(point, log_cols);
    let (row, col) = (EqSplit::new(row), EqSplit::new(col));
    ones.map(|(r, c)| row.at(r) * col.at(c)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_sumcheck::evaluate_base;
    use ciro_transcript::F;

    #[test]
    fn labels_beyond_the_rows_are_not_read() {
        let labelled = |outputs: &[i64]| Instance { inputs: Vec::new(), outputs: [outputs.to_vec()].to_vec() };
        let (fitting, longer) = (labelled(&[2, 0]), labelled(&[2, 0, 3, 1, 1]));
        let mut sponge = ciro_transcript::Sponge::new("test");
        let point: Vec<E> = (0..3).map(|_| sponge.challenge("z")).collect();
        for column in [Public::IsLabel { output: 0, log_cols: 2 }, Public::BeforeLabel { output: 0, log_cols: 2 }] {
            assert_eq!(column.evaluate(&longer, &point), column.evaluate(&fitting, &point));
            assert_eq!(column.cells(&longer, 3).count(), column.cells(&fitting, 3).count());
        }
    }

    #[test]
    fn every_public_column_evaluates_to_its_dense_table() {
        let instance = Instance {
            inputs: [[5, 70_000, 3].to_vec(), [3, 1].to_vec(), [-7, 0, i64::MAX].to_vec()].to_vec(),
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
            Public::InputBits { input: 0, rows: Rows::new(&[3, 1]), shift: 16 },
            Public::InputBits { input: 0, rows: Rows::vector(3), shift: 0 },
            Public::InputBits { input: 2, rows: Rows::vector(3), shift: 48 },
            Public::InputMissing { input: 2, rows: Rows::vector(3) },
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
        for column in &columns {
            let longest = (0..=point.len()).rev().find(|&vars| column.fits(u32::try_from(vars).unwrap_or(0)));
            check(column, &point[..longest.unwrap_or(0)]);
        }
        for log_len in 0..3 {
            let point: Vec<E> = (0..2 * log_len).map(|_| sponge.challenge("z")).collect();
            check(&Public::Later { log_len }, &point);
        }
    }
}
