//! The rows of a column: the positions of a tensor, each dimension padded to a power of two.
//!
//! A row's number is the concatenation of its coordinates' bits, outermost first. Two shapes whose numbers agree are
//! one. Dimensions of one vanish, and a dimension that is a power of two merges into the one before it.

use alloc::vec;
use alloc::vec::Vec;
use borsh::io::{Error, ErrorKind, Read, Result};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_sumcheck::{EqSplit, mask_mle};
use ciro_transcript::cost::{Cost, E_MUL, F_MUL, wide as long};
use ciro_transcript::{E, F};
use core::ops::Range;
use p3_field::PrimeCharacteristicRing;

/// log₂ of `len` rounded up to a power of two.
#[must_use]
pub fn log_ceil(len: usize) -> u32 {
    len.max(1).checked_next_power_of_two().unwrap_or(1).trailing_zeros()
}

/// A small count as usize.
#[must_use]
pub fn wide(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The longest dimension that is read from bytes.
const DIM_MAX: usize = 1 << 31;

/// Real positions within a padded index space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize)]
pub struct Rows {
    /// Canonical: merged wherever the numbering allows it.
    dims: Vec<usize>,
}

impl BorshDeserialize for Rows {
    /// Refuses rows that are not merged: there would be two encodings of the same.
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let dims = Vec::<usize>::deserialize_reader(reader)?;
        let rows = Self::new(&dims);
        // Longer ones have no power of two above them.
        let is_merged = rows.dims == dims && dims.iter().all(|&d| (1..=DIM_MAX).contains(&d));
        if is_merged { Ok(rows) } else { Err(Error::new(ErrorKind::InvalidData, "rows that are not merged")) }
    }
}

impl Rows {
    /// The rows of a tensor of this shape.
    #[must_use]
    pub fn new(dims: &[usize]) -> Self {
        let mut merged: Vec<usize> = Vec::with_capacity(dims.len());
        for &d in dims.iter().filter(|&&d| d != 1) {
            match merged.last_mut() {
                Some(last) if d.is_power_of_two() => *last = last.saturating_mul(d),
                _ => merged.push(d),
            }
        }
        Self { dims: merged }
    }

    /// The rows of a vector.
    #[must_use]
    pub fn vector(len: usize) -> Self {
        Self::new(&[len])
    }

    /// The dimensions, merged.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// log₂ of the padded length.
    #[must_use]
    pub fn log_len(&self) -> u32 {
        self.dims.iter().fold(0, |sum, &d| sum.saturating_add(log_ceil(d)))
    }

    /// How many rows are real.
    #[must_use]
    pub fn real(&self) -> usize {
        self.dims.iter().fold(1, |count: usize, &d| count.saturating_mul(d))
    }

    /// Whether no row is padding.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.dims.iter().all(|d| d.is_power_of_two())
    }

    /// The numbers of the real rows, in order.
    #[must_use]
    pub fn indices(&self) -> Vec<usize> {
        let mut indices = vec![0usize];
        for &d in &self.dims {
            let bits = log_ceil(d);
            let under = |&i: &usize| (0..d).map(move |j| i.checked_shl(bits).unwrap_or(0).saturating_add(j));
            indices = indices.iter().flat_map(under).collect();
        }
        indices
    }

    /// The numbers of the real rows, in order, as the longest runs of neighbours.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (outer, len) = match self.dims.split_last() {
            Some((&len, outer)) => (Self { dims: outer.to_vec() }, len),
            None => (Self { dims: Vec::new() }, 1),
        };
        let bits = log_ceil(len);
        outer.indices().into_iter().map(move |i| {
            let start = i.checked_shl(bits).unwrap_or(0);
            start..start.saturating_add(len)
        })
    }

    /// Padded cells with these values on the real rows, in order.
    #[must_use]
    pub fn scatter(&self, values: impl Iterator<Item = i64>) -> Vec<i64> {
        let mut cells = vec![0; 1usize.checked_shl(self.log_len()).unwrap_or(0)];
        for (i, value) in self.indices().into_iter().zip(values) {
            if let Some(cell) = cells.get_mut(i) {
                *cell = value;
            }
        }
        cells
    }

    /// Σ eq(row, point)·of(value) over the real rows and their values, in order. It takes no table of all rows.
    pub fn evaluate<T: Copy>(&self, values: &[T], point: &[E], of: impl Fn(T) -> F) -> E {
        let mut rest = values;
        self.sum_runs(point, |eq, len| {
            let (run, after) = rest.split_at(len.min(rest.len()));
            rest = after;
            eq.dot(0, run, &of)
        })
    }

    /// Σ over the runs of the last dimension, in order, of a product. Its factors are the weight of the run, and what `run` makes of the
    /// weights within the run and its length.
    pub(crate) fn sum_runs(&self, point: &[E], mut run: impl FnMut(&EqSplit, usize) -> E) -> E {
        let mut dims = Vec::with_capacity(self.dims.len().max(1));
        let mut rest = point;
        for &d in &self.dims {
            let (own, after) = rest.split_at(wide(log_ceil(d)).min(rest.len()));
            dims.push((EqSplit::new(own), d));
            rest = after;
        }
        if dims.is_empty() {
            dims.push((EqSplit::new(&[]), 1));
        }
        sum_runs(&dims, &mut run)
    }

    /// What [`Rows::evaluate`] takes: a product for each value, two for each run and each dimension around it, and the tables.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let (last, outer) = self.dims.split_last().map_or((1, &[][..]), |(&last, outer)| (last, outer));
        // Dimensions around are of two positions at least, and all but the first of three: they are as many as half of the runs more.
        let runs = outer.iter().fold(1usize, |count, &d| count.saturating_mul(d));
        let in_runs =
            long(self.real()).saturating_mul(F_MUL).saturating_add(long(last_steps(last, runs)).saturating_mul(E_MUL));
        let around = long(runs).saturating_mul(8 * E_MUL);
        let tables = self.dims.iter().map(|&d| EqSplit::ops(wide(log_ceil(d)))).fold(0, u64::saturating_add);
        Cost::field(in_runs.saturating_add(around).saturating_add(tables)).and(Cost::memory(tables))
    }

    /// The polynomial that is one on the real rows, at `point`.
    pub fn mask(&self, point: &[E]) -> E {
        let mut rest = point;
        let mut value = E::ONE;
        for &d in &self.dims {
            let (own, after) = rest.split_at(wide(log_ceil(d)).min(rest.len()));
            value *= mask_mle(d, own);
            rest = after;
        }
        value
    }
}

/// Runs of neighbours that the tables of the last dimension cut it into, for all runs of rows.
fn last_steps(last: usize, runs: usize) -> usize {
    let low = 1usize.checked_shl(log_ceil(last).div_ceil(2)).unwrap_or(usize::MAX);
    last.div_ceil(low).saturating_mul(runs)
}

fn sum_runs(dims: &[(EqSplit, usize)], run: &mut impl FnMut(&EqSplit, usize) -> E) -> E {
    match dims {
        [] => E::ZERO,
        [(eq, len)] => run(eq, *len),
        [(eq, len), inner @ ..] => {
            ciro_transcript::meter::field(long(*len).saturating_mul(E_MUL));
            (0..*len).fold(E::ZERO, |sum, i| sum + eq.at(i) * sum_runs(inner, run))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_sumcheck::evaluate;

    #[test]
    fn shapes_with_the_same_numbering_are_one() {
        assert_eq!(Rows::new(&[1, 12, 32]), Rows::new(&[384]));
        assert_eq!(Rows::new(&[3, 4]).indices(), Rows::vector(12).indices());
        assert_ne!(Rows::new(&[4, 3]), Rows::vector(12));
        assert_eq!(Rows::new(&[2, 3]).indices(), [0, 1, 2, 4, 5, 6]);
    }

    #[test]
    fn bytes_are_rows_only_if_they_are_merged_and_can_be_padded() {
        let read = |dims: &[usize]| borsh::from_slice::<Rows>(&borsh::to_vec(&dims.to_vec()).expect("bytes"));
        for dims in [&[][..], &[3], &[3, 5], &[DIM_MAX]] {
            assert_eq!(read(dims).expect("rows"), Rows::new(dims));
        }
        for dims in [&[1][..], &[0], &[3, 4], &[DIM_MAX + 1], &[3, DIM_MAX + 1]] {
            assert!(read(dims).is_err(), "{dims:?}");
        }
    }

    #[test]
    fn runs_are_the_real_rows_in_order() {
        for dims in [&[][..], &[3], &[8], &[4, 3], &[3, 5], &[2, 3, 3], &[3, 5, 2], &[5, 4]] {
            let rows = Rows::new(dims);
            let runs: Vec<Range<usize>> = rows.runs().collect();
            assert_eq!(runs.iter().cloned().flatten().collect::<Vec<_>>(), rows.indices(), "{dims:?}");
            assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start), "{dims:?}: neighbours are one run");
        }
    }

    #[test]
    fn values_weigh_as_in_a_table_of_all_rows() {
        let mut sponge = ciro_transcript::Sponge::new("test");
        for dims in [&[][..], &[1], &[3], &[8], &[3, 5], &[2, 3, 3], &[3, 5, 2], &[5, 4, 3, 7]] {
            let rows = Rows::new(dims);
            let point: Vec<E> = (0..rows.log_len()).map(|_| sponge.challenge("z")).collect();
            let values: Vec<u32> = (0..rows.real() as u32).map(|i| i * i + 3).collect();
            let mut dense = vec![E::ZERO; 1 << rows.log_len()];
            rows.indices().into_iter().zip(&values).for_each(|(i, &v)| dense[i] = E::from_u32(v));
            assert_eq!(rows.evaluate(&values, &point, F::from_u32), evaluate(&dense, &point), "{dims:?}");
        }
    }

    #[test]
    fn the_mask_is_one_on_the_real_rows() {
        let mut sponge = ciro_transcript::Sponge::new("test");
        for dims in [&[3usize, 5][..], &[2, 3, 3], &[1], &[6], &[5, 4]] {
            let rows = Rows::new(dims);
            let point: Vec<E> = (0..rows.log_len()).map(|_| sponge.challenge("z")).collect();
            let mut dense = vec![E::ZERO; 1 << rows.log_len()];
            rows.indices().into_iter().for_each(|i| dense[i] = E::ONE);
            assert_eq!(rows.mask(&point), evaluate(&dense, &point), "{dims:?}");
            assert_eq!(rows.indices().len(), rows.real());
        }
    }
}
