//! Inner products of rows of integers with extension elements.

use crate::kernel::cells::Shorts;
use crate::kernel::limbs::{Cut, LANES, Limbs, TERMS, TOTALS_MAX, blocks, element, sum_lanes, sum_products};
use ciro_transcript::E;
use ciro_transcript::field::E_DEGREE;
use p3_field::BasedVectorSpace;
use wide::i16x16;

/// What cells of a row weigh, by limbs.
pub struct RowLimbs {
    width: usize,
    two: Limbs,
    three: Limbs,
}

/// Vectors of limbs that meet a row before its sums are taken out of their lanes.
const SEGMENT: usize = TERMS / 2;

impl RowLimbs {
    /// Whether rows may be as long: whole vectors, and sums of 64 bits.
    #[must_use]
    pub fn takes(width: usize) -> bool {
        width.is_multiple_of(LANES) && width as u64 <= TOTALS_MAX >> 15
    }

    /// The weights of the cells of a row whose length [`RowLimbs::takes`].
    #[must_use]
    pub fn new(weights: &[E]) -> Self {
        debug_assert!(Self::takes(weights.len()));
        let [two, three] = [Cut::TWO, Cut::THREE].map(|cut| Limbs::in_lanes(weights, cut));
        Self { width: weights.len(), two, three }
    }

    /// The inner product of each row.
    pub fn dot(&self, rows: Shorts<'_>, out: &mut [E]) {
        let limbs = if Cut::of(rows.magnitude) == Cut::TWO { &self.two } else { &self.three };
        let mut totals = vec![[0i64; E_DEGREE]; out.len()];
        // Limbs of one segment stay in the nearest cache while the rows pass.
        for first in (0..self.width / LANES).step_by(SEGMENT) {
            for (pair, totals) in rows.values.chunks(2 * self.width).zip(totals.chunks_mut(2)) {
                let (a, b) = pair.split_at(self.width);
                let b = if b.is_empty() { a } else { b };
                add_segment([&blocks(a)[first..], &blocks(b)[first..]], limbs, first, totals);
            }
        }
        for (out, totals) in out.iter_mut().zip(totals) {
            *out = E::from_basis_coefficients_fn(|c| element(totals[c]));
        }
    }
}

/// Adds the products of a segment from limb `first` on, of one row or two.
#[inline]
fn add_segment([a, b]: [&[[i16; LANES]]; 2], limbs: &Limbs, first: usize, totals: &mut [[i64; E_DEGREE]]) {
    for (shift, plane) in limbs.planes() {
        let plane = &plane[first..plane.len().min(first + SEGMENT)];
        let integers = a.iter().zip(b).map(|(&a, &b)| [i16x16::new(a), i16x16::new(b)]);
        let sums = sum_products(integers.zip(plane));
        for (totals, sums) in totals.iter_mut().zip(&sums) {
            let lanes = totals.iter_mut().zip(sum_lanes(sums));
            lanes.for_each(|(total, x)| *total = total.wrapping_add(x.wrapping_shl(shift)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::limbs::tests::extremes;
    use ciro_transcript::F;
    use p3_field::PrimeCharacteristicRing;

    #[test]
    fn inner_products_equal_their_definition_at_every_size_of_integers() {
        for (width, rows) in [(16, 1), (16, 5), (48, 2), (512, 3), (528, 4), (2048, 3)] {
            let weights = extremes(width);
            for magnitude in [0, 1, 1032, 1033, 1 << 15] {
                let ends = |i: usize| {
                    if i.is_multiple_of(3) { -magnitude } else { (i as i32 * 77).min((magnitude - 1).max(0)) }
                };
                let values: Vec<i16> = (0..width * rows).map(|i| ends(i) as i16).collect();
                let mut sums = vec![E::ONE; rows];
                let shorts = Shorts { values: &values, magnitude: magnitude.unsigned_abs() };
                RowLimbs::new(&weights).dot(shorts, &mut sums);
                let dot = |row: &[i16]| row.iter().zip(&weights).map(|(&x, &w)| w * F::from_i16(x)).sum::<E>();
                assert_eq!(sums, values.chunks_exact(width).map(dot).collect::<Vec<E>>(), "{width} {rows} {magnitude}");
            }
        }
    }

    #[test]
    fn the_largest_sums_of_a_lane_do_not_wrap() {
        let farthest = [ciro_transcript::field::P / 2, ciro_transcript::field::P / 2 + 1];
        for (x, magnitude) in [(i16::MIN, 1 << 15), (i16::MAX, 1 << 15), (-1032, 1032), (1032, 1032)] {
            for coefficient in farthest {
                let weight = E::from_basis_coefficients_fn(|_| F::from_u32(coefficient));
                let mut sums = [E::ZERO; 2];
                let shorts = Shorts { values: &[x; 2048], magnitude };
                RowLimbs::new(&[weight; 1024]).dot(shorts, &mut sums);
                assert_eq!(sums, [weight * F::from_i16(x) * F::from_u32(1024); 2]);
            }
        }
    }

    #[test]
    fn rows_are_whole_vectors_of_sums_that_fit() {
        assert!([16, 1024, 1 << 18].into_iter().all(RowLimbs::takes));
        assert!([1, 8, 24, 1 << 19].into_iter().all(|width| !RowLimbs::takes(width)));
    }
}
