//! Sums of small integers times extension elements, with no field operation in them.
//!
//! Each coefficient of an element is cut into two or three signed limbs. A limb times an integer of 16 bits has so few
//! bits that a lane of 32 bits adds up [`TERMS`] such products. Processors multiply and add sixteen pairs of 16-bit
//! numbers in one instruction. Sums of limbs become sums of coefficients in 64 bits, and those elements at the very
//! end. A product costs a fifth of what it costs to make an element of the integer and multiply that.

use crate::kernel::{PackedE, PackedF, WIDTH};
use ciro_transcript::field::{E_DEGREE, P};
use ciro_transcript::{E, F};
use p3_field::{BasedVectorSpace, PackedValue, PrimeCharacteristicRing, PrimeField32};
use wide::{bytemuck, i16x16, i32x8};

/// Products that a lane of 32 bits adds up.
pub const TERMS: usize = 64;

/// Integers that are multiplied at once.
pub const LANES: usize = 16;

/// The same limb of each coefficient, of as many elements as a vector takes.
pub type Limb = [i16x16; E_DEGREE];

/// How coefficients are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    limbs: usize,
    /// Bits of a limb.
    bits: u32,
}

impl Cut {
    /// Limbs that may meet any integers of 16 bits.
    pub const THREE: Self = Self { limbs: 3, bits: 10 };

    /// Larger ones, for smaller integers.
    pub const TWO: Self = Self { limbs: 2, bits: 15 };

    /// The cheapest cut for integers of at most this absolute value.
    #[must_use]
    pub const fn of(magnitude: u32) -> Self {
        if Self::TWO.holds(magnitude) { Self::TWO } else { Self::THREE }
    }

    /// How many limbs a coefficient has.
    #[must_use]
    pub const fn limbs(self) -> usize {
        self.limbs
    }

    /// The largest absolute value of a limb: coefficients lie around zero, and so do all limbs but the last.
    const fn limb_max(self) -> u32 {
        let last = ((P / 2) >> (self.bits * (self.limbs as u32 - 1))) + 1;
        let other = 1 << (self.bits - 1);
        if last > other { last } else { other }
    }

    /// Whether lanes of 32 bits hold all sums over integers of at most this absolute value.
    const fn holds(self, magnitude: u32) -> bool {
        TERMS as u64 * self.limb_max() as u64 * magnitude as u64 <= i32::MAX as u64
    }

    /// The limbs of an element's coefficients, the lowest first; a third one of two is zero.
    fn limbs_of(self, x: E) -> [[i16; E_DEGREE]; 3] {
        let coefficients: &[F] = x.as_basis_coefficients_slice();
        let (half, mask) = (1 << (self.bits - 1), (1 << self.bits) - 1);
        let mut limbs = [[0; E_DEGREE]; 3];
        for (c, x) in coefficients.iter().enumerate() {
            let mut rest = centred(x.as_canonical_u32());
            for limb in &mut limbs[..self.limbs - 1] {
                // Nothing here can wrap; checks would be half of the work.
                let low = (i32::wrapping_add(rest, half) & mask).wrapping_sub(half);
                limb[c] = low as i16;
                rest = rest.wrapping_sub(low).wrapping_shr(self.bits);
            }
            limbs[self.limbs - 1][c] = rest as i16;
        }
        limbs
    }
}

const _: () = assert!(Cut::THREE.holds(1 << 15) && Cut::TWO.limb_max() <= i16::MAX as u32);

/// The representative around zero of a canonical one.
const fn centred(x: u32) -> i32 {
    if x > P / 2 { (x as i32).wrapping_sub(P as i32) } else { x as i32 }
}

/// Elements by their limbs.
pub struct Limbs {
    cut: Cut,
    /// For each limb, the lowest first, the elements in order.
    planes: [Vec<Limb>; 3],
}

impl Limbs {
    /// Each vector holds the limbs of [`LANES`] elements. What is left over is dropped.
    #[must_use]
    pub fn in_lanes(elements: &[E], cut: Cut) -> Self {
        let mut planes: [Vec<Limb>; 3] = Default::default();
        for chunk in elements.as_chunks::<LANES>().0 {
            let limbs = chunk.map(|x| cut.limbs_of(x));
            for (plane, out) in planes[..cut.limbs].iter_mut().enumerate() {
                out.push(std::array::from_fn(|c| i16x16::new(std::array::from_fn(|i| limbs[i][plane][c]))));
            }
        }
        Self { cut, planes }
    }

    /// Each vector holds the limbs of two elements, again and again. An odd one meets zero.
    #[must_use]
    pub fn in_pairs(elements: impl ExactSizeIterator<Item = E>, cut: Cut) -> Self {
        let mut planes = std::array::from_fn(|_| Vec::with_capacity(elements.len().div_ceil(2)));
        let mut limbs = elements.map(|x| cut.limbs_of(x));
        while let Some(first) = limbs.next() {
            let second = limbs.next().unwrap_or_default();
            for (plane, out) in planes[..cut.limbs].iter_mut().enumerate() {
                out.push(std::array::from_fn(|c| splat([first[plane][c], second[plane][c]])));
            }
        }
        Self { cut, planes }
    }

    /// For each limb, the lowest first, its weight as a power of two and the elements in order.
    pub fn planes(&self) -> impl Iterator<Item = (u32, &[Limb])> {
        self.planes[..self.cut.limbs].iter().zip(0..).map(|(plane, i)| (i * self.cut.bits, plane.as_slice()))
    }
}

/// A pair in all lanes.
fn splat(pair: [i16; 2]) -> i16x16 {
    bytemuck::cast(i32x8::splat(bytemuck::cast(pair)))
}

/// Two vectors of integers, with `a` and `b` taken in turn. So two neighbours are what a pair of elements weighs.
#[inline(always)]
#[must_use]
pub fn interleave(a: &[i16; LANES], b: &[i16; LANES]) -> [i16x16; 2] {
    let half = |first: usize| i16x16::new(std::array::from_fn(|i| [a, b][i % 2][first + i / 2]));
    [half(0), half(LANES / 2)]
}

/// Σ integer·limb for two vectors of integers at once, where products of neighbouring lanes are added. There are at most [`TERMS`] / 2
/// vectors of limbs, and their cut holds the integers.
#[inline(always)]
pub fn sum_products<'a>(terms: impl Iterator<Item = ([i16x16; 2], &'a Limb)>) -> [[i32x8; E_DEGREE]; 2] {
    let mut sums = [[i32x8::ZERO; E_DEGREE]; 2];
    for (integers, limbs) in terms {
        for (sums, integers) in sums.iter_mut().zip(integers) {
            sums.iter_mut().zip(limbs).for_each(|(sum, &limb)| *sum += integers.dot(limb));
        }
    }
    sums
}

/// Sums of coefficients times integers, of [`LANES`] elements. They add up products of integers whose absolute values come to at most
/// 2³³, so that no addition wraps.
pub type Totals = [[i64; LANES]; E_DEGREE];

/// The sum of the absolute values of integers that [`Totals`] may meet.
pub const TOTALS_MAX: u64 = 1 << 33;

/// Adds sums of limbs that weigh 2^`shift`.
#[inline(always)]
pub fn add_sums(totals: &mut Totals, sums: &[[i32x8; E_DEGREE]; 2], shift: u32) {
    for (half, sums) in sums.iter().enumerate() {
        for (total, sum) in totals.iter_mut().zip(sums) {
            let lanes = total[half * LANES / 2..].iter_mut().zip(sum.to_array());
            // Only the limbs' sum is small, so parts of it may wrap.
            lanes.for_each(|(total, x)| *total = total.wrapping_add(i64::from(x).wrapping_shl(shift)));
        }
    }
}

/// The packs of elements that totals are.
pub fn packs(totals: &Totals) -> [PackedE; LANES / WIDTH] {
    std::array::from_fn(|pack| {
        let coefficient = |c: usize| PackedF::from_fn(|i| element(totals[c][pack * WIDTH + i]));
        PackedE::new(std::array::from_fn(coefficient))
    })
}

/// Reduces totals to what integers of absolute value [`SETTLED`] could have brought about.
pub fn settle(totals: &mut [Totals]) {
    totals.as_flattened_mut().as_flattened_mut().iter_mut().for_each(|total| *total %= i64::from(P));
}

/// See [`settle`]: remainders lie below p, coefficients below half of it.
pub const SETTLED: u64 = 3;

/// The element of an integer.
#[inline]
pub fn element(v: i64) -> F {
    F::from_i32(centred(v.rem_euclid(P.into()) as u32))
}

/// Σ over lanes of each sum of limbs.
#[inline(always)]
#[must_use]
pub fn sum_lanes(sums: &[i32x8; E_DEGREE]) -> [i64; E_DEGREE] {
    sums.map(|lanes| lanes.to_array().into_iter().fold(0, |sum, x| i64::wrapping_add(sum, x.into())))
}

/// Whole blocks of [`LANES`] integers.
pub fn blocks(integers: &[i16]) -> &[[i16; LANES]] {
    integers.as_chunks().0
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kernel::table::tests::elements;

    /// Elements with the coefficients that are farthest from zero, some near it and some between.
    pub(crate) fn extremes(count: usize) -> Vec<E> {
        let ends = [P / 2, P / 2 + 1, P - 1, 0, 1, P - 2, 512, 1 << 14, P / 2 - (1 << 15)];
        let some = elements(count);
        let extreme = |i: usize| E::from_basis_coefficients_fn(|c| F::from_u32(ends[(i + c * i / 9) % ends.len()]));
        some.into_iter().enumerate().map(|(i, x)| if i % 5 == 3 { x } else { extreme(i) }).collect()
    }

    #[test]
    fn limbs_are_small_and_make_the_coefficients() {
        for cut in [Cut::TWO, Cut::THREE] {
            for x in extremes(200) {
                let limbs = cut.limbs_of(x);
                let largest = limbs.as_flattened().iter().map(|limb| u32::from(limb.unsigned_abs())).max();
                assert!(largest <= Some(cut.limb_max()), "{cut:?} {x:?}");
                let sum =
                    |c: usize| limbs.iter().zip(0..).map(|(limb, i)| i64::from(limb[c]) << (i * cut.bits)).sum::<i64>();
                assert_eq!(E::from_basis_coefficients_fn(|c| F::from_i64(sum(c))), x);
            }
        }
    }

    #[test]
    fn two_limbs_meet_small_integers_only() {
        let largest = (0..=1 << 15).rev().find(|&magnitude| Cut::of(magnitude) == Cut::TWO);
        assert_eq!(largest, Some(1032));
    }

    #[test]
    fn integers_of_64_bits_become_elements_and_settle() {
        for v in [0, 1, -1, i64::MIN, i64::MAX, i64::from(P), -i64::from(P), i64::from(P / 2) + 1, 1 << 40, -(1 << 62)]
        {
            assert_eq!(element(v), F::from_i64(v), "{v}");
            let mut totals = [[[v; LANES]; E_DEGREE]; 2];
            settle(&mut totals);
            assert_eq!(element(totals[1][4][15]), F::from_i64(v), "{v}");
            assert!(totals[0][0][0].unsigned_abs() <= SETTLED * u64::from(P / 2));
        }
    }
}
