//! Cutting the rows of a lookup into equal parts, so that parts of padding alone are left out.
//!
//! One dimension is cut, by its first bits: those number the parts. A row's number within its part is what is left of its number. For
//! a column, the value at a point of a part is a multilinear polynomial of the part's bits.

use crate::rows::{Rows, log_ceil, wide};
use alloc::vec::Vec;
use ciro_transcript::E;
use p3_field::PrimeCharacteristicRing;

/// At most this many bits number parts: every column is sent once for each.
const BITS_MAX: u32 = 3;

/// Shorter rows are not cut: 2¹⁰ leaves cost the prover less than what the values of four parts cost in bytes.
const LOG_LEN_MIN: u32 = 10;

/// At least so many last bits of a row's number stay together, so that neighbours are read at once.
const LOW_MIN: u32 = 4;

/// How rows are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parts {
    /// Variables of a row's number before those that number the parts.
    pub at: u32,
    /// Variables that number the parts.
    pub bits: u32,
    /// The first so many parts have real rows.
    pub real: usize,
}

impl Parts {
    /// One part.
    pub const WHOLE: Self = Self { at: 0, bits: 0, real: 1 };

    /// How many parts there are, those without real rows included.
    #[must_use]
    pub fn count(&self) -> usize {
        1usize.checked_shl(self.bits).unwrap_or(usize::MAX)
    }

    /// The point of all rows from the coordinates of `part` and those within it.
    #[must_use]
    pub fn point(&self, part: &[E], within: &[E]) -> Vec<E> {
        let (before, after) = within.split_at(wide(self.at).min(within.len()));
        [before, part, after].concat()
    }

    /// The coordinates of a part by its number.
    #[must_use]
    pub fn coordinates(&self, part: usize) -> Vec<E> {
        let bit = |i: u32| part.checked_shr(i).is_some_and(|rest| rest & 1 == 1);
        (0..self.bits).rev().map(|i| if bit(i) { E::ONE } else { E::ZERO }).collect()
    }
}

impl Rows {
    /// The cut that leaves out most; none if none leaves out anything, or if there are few rows.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let log_len = self.log_len();
        let mut best = Parts::WHOLE;
        if log_len < LOG_LEN_MIN {
            return best;
        }
        let mut at = 0u32;
        for &d in self.dims() {
            let log = log_ceil(d);
            for bits in 1..=BITS_MAX.min(log) {
                let real = d.div_ceil(1usize.checked_shl(log.saturating_sub(bits)).unwrap_or(usize::MAX));
                let parts = Parts { at, bits, real };
                let low = log_len.saturating_sub(at).saturating_sub(bits);
                if low >= LOW_MIN && left_out(&parts) > left_out(&best) {
                    best = parts;
                }
            }
            at = at.saturating_add(log);
        }
        best
    }

    /// All rows of the parts that have real ones.
    #[must_use]
    pub fn of_real_parts(&self) -> Self {
        let parts = self.parts();
        let mut at = 0u32;
        let round = |&d: &usize| {
            let log = log_ceil(d);
            let cut = parts.bits > 0 && at == parts.at;
            at = at.saturating_add(log);
            let within = if cut { log.saturating_sub(parts.bits) } else { log };
            let len = 1usize.checked_shl(within).unwrap_or(usize::MAX);
            if cut { len.saturating_mul(parts.real) } else { len }
        };
        let dims: Vec<usize> = self.dims().iter().map(round).collect();
        Self::new(&dims)
    }

    /// Whether all rows of the parts that have real ones are real.
    #[must_use]
    pub fn fills_parts(&self) -> bool {
        let parts = self.parts();
        let len = 1usize.checked_shl(self.log_len().saturating_sub(parts.bits)).unwrap_or(usize::MAX);
        self.real() == len.saturating_mul(parts.real)
    }
}

/// How many of eight parts have no real rows.
fn left_out(parts: &Parts) -> usize {
    let scale = 1usize.checked_shl(BITS_MAX.saturating_sub(parts.bits)).unwrap_or(0);
    parts.count().saturating_sub(parts.real).saturating_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part that a row lies in.
    fn part_of(rows: &Rows, row: usize) -> usize {
        let parts = rows.parts();
        row >> (rows.log_len() - parts.at - parts.bits) & (parts.count() - 1)
    }

    #[test]
    fn the_first_parts_have_all_real_rows() {
        for dims in [&[128, 384][..], &[12, 128, 128], &[16, 10, 10], &[6, 28, 28], &[16, 5, 5], &[3, 1 << 12], &[1025]]
        {
            let rows = Rows::new(dims);
            let parts = rows.parts();
            assert!(parts.real < parts.count(), "{dims:?}");
            for part in 0..parts.count() {
                let real = rows.indices().iter().filter(|&&row| part_of(&rows, row) == part).count();
                assert_eq!(real > 0, part < parts.real, "{dims:?} {part}");
            }
            let whole = rows.of_real_parts();
            assert_eq!((whole.log_len(), whole.parts()), (rows.log_len(), parts), "{dims:?}");
            assert!(whole.fills_parts(), "{dims:?}");
            assert_eq!(whole.real(), (parts.real << rows.log_len()) / parts.count(), "{dims:?}");
            let all = whole.indices();
            assert!(rows.indices().iter().all(|row| all.binary_search(row).is_ok()), "{dims:?}");
        }
    }

    #[test]
    fn what_is_full_or_small_or_has_no_room_stays_whole() {
        for dims in [&[1 << 12][..], &[64, 64], &[12, 16], &[1 << 9, 5]] {
            assert_eq!(Rows::new(dims).parts(), Parts::WHOLE, "{dims:?}");
        }
        assert_eq!(Rows::new(&[1 << 9, 5]).of_real_parts(), Rows::vector(1 << 12));
    }

    #[test]
    fn a_point_has_the_parts_coordinates_between_the_others() {
        let parts = Parts { at: 2, bits: 2, real: 3 };
        let within: Vec<E> = (2..7).map(E::from_usize).collect();
        let point = parts.point(&parts.coordinates(2), &within);
        assert_eq!(point, [2, 3, 1, 0, 4, 5, 6].map(E::from_usize));
    }
}
