//! Sums of weighted columns.

use crate::kernel::cells::{Cells, Shorts};
use crate::kernel::limbs::{
    Cut, LANES, Limbs, SETTLED, TERMS, TOTALS_MAX, Totals, add_sums, blocks, interleave, packs, settle, sum_products,
};
use crate::kernel::sums::combine as combine_four;
use crate::kernel::{PackedE, PackedF, WIDTH};
use ciro_transcript::field::E_DEGREE;
use ciro_transcript::{E, F};
use p3_field::{PackedValue, PrimeCharacteristicRing};
use wide::i16x16;

/// Σ weight·column over columns of one length, so far. Columns of small integers are summed as integers.
pub struct Combined {
    len: usize,
    /// Sums of columns of integers, if there are any.
    totals: Vec<Totals>,
    /// What the absolute values of the integers in a cell of `totals` add up to at most.
    met: u64,
    /// Sums of the other columns, if there are any.
    packs: Vec<PackedE>,
    /// Columns that are being added.
    pairs: Pairs,
}

impl Combined {
    /// A sum over no columns of `len` cells, a multiple of [`LANES`].
    #[must_use]
    pub fn new(len: usize) -> Self {
        debug_assert!(len.is_multiple_of(LANES));
        Self { len, totals: Vec::new(), met: 0, packs: Vec::new(), pairs: Pairs::default() }
    }

    /// Forgets all columns.
    pub fn clear(&mut self) {
        self.totals.clear();
        self.met = 0;
        self.packs.clear();
    }

    /// Adds columns, each with its weight.
    pub fn add(&mut self, columns: &[(Cells<'_>, E)]) {
        let is_alike = |a: &(Cells<'_>, E), b: &(Cells<'_>, E)| a.0.is_integers() == b.0.is_integers();
        for columns in columns.chunk_by(is_alike).flat_map(|alike| alike.chunks(TERMS)) {
            match self.pairs.fill(columns, self.len) {
                Some(0) => {}
                Some(magnitude) => self.add_pairs(columns, magnitude),
                None => self.add_elements(columns),
            }
        }
    }

    /// Adds columns that the pairs were made of.
    fn add_pairs(&mut self, columns: &[(Cells<'_>, E)], magnitude: u32) {
        let limbs = Limbs::in_pairs(columns.iter().map(|&(_, weight)| weight), Cut::of(magnitude));
        self.totals.resize(self.len / LANES, [[0; LANES]; E_DEGREE]);
        self.meet(u64::from(magnitude) * columns.len() as u64);
        for (block, totals) in self.totals.iter_mut().enumerate() {
            for (shift, plane) in limbs.planes() {
                let sums = sum_products(self.pairs.block(block).zip(plane));
                add_sums(totals, &sums, shift);
            }
        }
    }

    /// Makes room for more integers.
    fn meet(&mut self, magnitudes: u64) {
        self.met += magnitudes;
        if self.met > TOTALS_MAX {
            settle(&mut self.totals);
            self.met = SETTLED + magnitudes;
        }
    }

    fn add_elements(&mut self, columns: &[(Cells<'_>, E)]) {
        self.packs.resize(self.len / WIDTH, PackedE::ZERO);
        let mut scratch: [Vec<F>; 4] = Default::default();
        let (fours, rest) = columns.as_chunks::<4>();
        for four in fours {
            let [a, b, c, d] = &mut scratch;
            let columns =
                [elements(four[0].0, a), elements(four[1].0, b), elements(four[2].0, c), elements(four[3].0, d)];
            let weights = four.map(|(_, w)| PackedE::from(w));
            for (i, sum) in self.packs.iter_mut().enumerate() {
                *sum += combine_four(&columns.map(|column| column[i]), weights.each_ref());
            }
        }
        for &(column, w) in rest {
            let w = PackedE::from(w);
            self.packs.iter_mut().zip(elements(column, &mut scratch[0])).for_each(|(sum, &x)| *sum += w * x);
        }
    }

    /// The sum over the columns of both.
    #[must_use]
    pub fn merge(mut self, mut other: Self) -> Self {
        if other.totals.len() > self.totals.len() {
            std::mem::swap(&mut self.totals, &mut other.totals);
            std::mem::swap(&mut self.met, &mut other.met);
        }
        if !other.totals.is_empty() {
            self.meet(other.met);
            add_totals(&mut self.totals, &other.totals);
        }
        if self.packs.is_empty() {
            self.packs = other.packs;
        } else {
            self.packs.iter_mut().zip(other.packs).for_each(|(a, b)| *a += b);
        }
        self
    }

    /// The sums, written to as many packs as they fill.
    pub fn write(&self, out: &mut [PackedE]) {
        if self.packs.is_empty() {
            out.fill(PackedE::ZERO);
        } else {
            out.copy_from_slice(&self.packs);
        }
        for (out, totals) in out.as_chunks_mut::<{ LANES / WIDTH }>().0.iter_mut().zip(&self.totals) {
            out.iter_mut().zip(packs(totals)).for_each(|(out, total)| *out += total);
        }
    }
}

/// Whole packs of cells.
fn elements<'s>(cells: Cells<'s>, scratch: &'s mut Vec<F>) -> &'s [PackedF] {
    PackedF::pack_slice(cells.elements(scratch))
}

fn add_totals(totals: &mut [Totals], other: &[Totals]) {
    for (total, x) in totals.as_flattened_mut().as_flattened_mut().iter_mut().zip(other.as_flattened().as_flattened()) {
        *total = total.wrapping_add(*x);
    }
}

/// Columns of integers, two by two, what [`sum_products`] takes: a pair's blocks lie side by side.
#[derive(Default)]
struct Pairs {
    /// In each column.
    blocks: usize,
    integers: Vec<[i16x16; 2]>,
    scratch: [Vec<i16>; 2],
}

impl Pairs {
    /// From a pair to the next. An odd number of cache lines, so that neighbours in a block do not compete for the same places.
    fn stride(&self) -> usize {
        self.blocks | 1
    }

    /// Takes in columns of `len` cells. Returns the largest absolute value, or nothing if not all of them are integers of 16 bits.
    fn fill(&mut self, columns: &[(Cells<'_>, E)], len: usize) -> Option<u32> {
        self.blocks = len / LANES;
        let stride = self.stride();
        self.integers.resize(columns.len().div_ceil(2) * stride, Default::default());
        let mut magnitude = 0;
        for (pair, out) in columns.chunks(2).zip(self.integers.chunks_exact_mut(stride)) {
            let [a, b] = &mut self.scratch;
            let first = pair[0].0.shorts(a)?;
            let second = match pair.get(1) {
                Some((column, _)) => column.shorts(b)?,
                None => zeros(b, len),
            };
            magnitude = magnitude.max(first.magnitude).max(second.magnitude);
            let blocks = blocks(first.values).iter().zip(blocks(second.values));
            out.iter_mut().zip(blocks).for_each(|(out, (a, b))| *out = interleave(a, b));
        }
        Some(magnitude)
    }

    /// The pairs in a block.
    fn block(&self, number: usize) -> impl Iterator<Item = [i16x16; 2]> {
        self.integers[number..].iter().step_by(self.stride()).copied()
    }
}

/// What an odd column is paired with.
fn zeros(scratch: &mut Vec<i16>, len: usize) -> Shorts<'_> {
    scratch.clear();
    scratch.resize(len, 0);
    Shorts { values: scratch, magnitude: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::cells::Runs;
    use crate::kernel::limbs::tests::extremes;
    use crate::kernel::table::{tests::cells, unpack};
    use ciro_transcript::field::P;
    use p3_field::BasedVectorSpace;

    /// Integers up to a magnitude, both ends among them.
    fn integers(count: usize, magnitude: i32) -> Vec<i32> {
        let some = |i: i32| i.wrapping_mul(0x1e37_79b9) % magnitude.max(1);
        let value = |i: i32| [-magnitude, some(i), (magnitude - 1).max(0), some(-i)][i as usize % 4];
        (0..count as i32).map(value).collect()
    }

    fn sums(combined: &Combined) -> Vec<E> {
        let mut packs = vec![PackedE::ONE; combined.len / WIDTH];
        combined.write(&mut packs);
        let mut sums = Vec::new();
        packs.iter().for_each(|pack| unpack(pack, &mut sums));
        sums
    }

    fn plain(columns: &[(Cells<'_>, E)], len: usize) -> Vec<E> {
        let mut sums = E::zero_vec(len);
        for (column, w) in columns {
            sums.iter_mut().zip(column.elements(&mut Vec::new())).for_each(|(sum, &x)| *sum += *w * x);
        }
        sums
    }

    #[test]
    fn sums_equal_those_of_elements_at_every_size_of_integers() {
        for (count, len) in [(1, 16), (2, 48), (63, 32), (64, 16), (65, 80), (131, 32), (3, 1024)] {
            for magnitude in [0, 1, 127, 128, 1032, 1033, 32_767, 32_768, 32_769, i32::MAX] {
                let runs = Runs::new(count * len, [(0, integers(count * len, magnitude))]);
                let columns: Vec<_> = runs.cells().chunks_exact(len).zip(extremes(count)).collect();
                let mut combined = Combined::new(len);
                combined.add(&columns);
                assert_eq!(sums(&combined), plain(&columns, len), "{count} {len} {magnitude}");
            }
        }
    }

    #[test]
    fn columns_of_any_kind_add_up() {
        let (count, len) = (150, 32);
        let runs = [300, 40_000, 30_000].map(|magnitude| {
            // With gaps in front, within columns and as whole columns.
            let values = integers(count * len / 4, magnitude);
            Runs::new(count * len, [(5, values.clone()), (count * len / 2 + 7, values)])
        });
        let made = cells(count * len);
        let mut columns: Vec<_> = Cells::from(&made).chunks_exact(len).zip(extremes(count)).collect();
        for (i, runs) in runs.iter().enumerate() {
            let own = runs.cells().chunks_exact(len).zip(extremes(count));
            own.enumerate().for_each(|(j, column)| columns.insert(j * (i + 2), column));
        }
        let expected = plain(&columns, len);
        let mut combined = Combined::new(len);
        combined.add(&columns);
        assert_eq!(sums(&combined), expected);
        for at in [0, 1, 40, 300, columns.len()] {
            let [mut a, mut b] = [(); 2].map(|()| Combined::new(len));
            a.add(&columns[..at]);
            b.add(&columns[at..]);
            assert_eq!(sums(&a.merge(b)), expected, "{at}");
            combined.clear();
            assert_eq!(sums(&combined), E::zero_vec(len));
        }
    }

    #[test]
    fn more_integers_than_64_bits_can_sum_add_up() {
        let (count, len, times) = (TERMS, LANES, 4200);
        assert!((count * times) as u64 * (1 << 15) > TOTALS_MAX);
        let runs = Runs::new(count * len, [(0, vec![-(1 << 15); count * len])]);
        let farthest = E::from_basis_coefficients_fn(|_| F::from_u32(P / 2));
        let columns: Vec<_> = runs.cells().chunks_exact(len).map(|column| (column, farthest)).collect();
        let [a, b] = [(); 2].map(|()| {
            let mut combined = Combined::new(len);
            (0..times).for_each(|_| combined.add(&columns));
            combined
        });
        let once = farthest * F::from_i32(-(1 << 15)) * F::from_usize(count * times);
        assert_eq!(sums(&a), vec![once; len]);
        assert_eq!(sums(&a.merge(b)), vec![once.double(); len]);
    }
}
