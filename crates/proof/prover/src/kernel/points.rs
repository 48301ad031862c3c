//! Values of long polynomials at some points of the subgroup on which codes evaluate them.
//!
//! Cut into rows of J = 2ᵃ coefficients, f(x) = Σⱼ xʲ·fⱼ(x^J): column j of the rows holds the coefficients of fⱼ. The
//! powers x^J lie in a small subgroup. On its cosets all fⱼ are evaluated at once, by transforms of a few rows whose
//! lanes are the j. Then each point takes one sum over j. With 2⁶ rows, a hundred points and rate 1/2 that is about ten
//! multiplications for a coefficient, all of them in the nearest cache. Encoding takes twice as many. Sums of the
//! points' powers go the same way back.

use crate::kernel::cells::Cells;
use crate::kernel::{PackedE, PackedF, WIDTH};
use ciro_transcript::{E, F};
use p3_field::{PackedValue, PrimeCharacteristicRing, TwoAdicField};
use rayon::prelude::*;

/// log₂ of the most rows of a transform.
const LOG_ROWS_MAX: u32 = 6;

/// log₂ of the lanes that are transformed at once: with the rows, 16 KiB of elements.
const LOG_LANES: u32 = 6;

/// Lanes that are read at once: with the rows, 512 KiB of elements. Pieces of a few cache lines would be waited for one by one.
const READ: usize = 1 << 11;

/// Packs in a row of a transform.
const PACKS: usize = (1 << LOG_LANES) / WIDTH;

/// Packs of a row that are summed at once: with the rows, 20 KiB of extension elements.
const SUM_PACKS: usize = 2;

/// Tasks that powers are added in: each takes every point's power anew.
const TASKS: usize = 16;

const _: () = assert!(SUM_PACKS * WIDTH < 1 << LOG_LANES);
const _: () = assert!(PACKS.is_multiple_of(4) && READ.is_multiple_of(1 << LOG_LANES));

/// Points, and what all polynomials evaluated there share.
pub struct Points {
    vars: u32,
    log_rows: u32,
    cosets: Vec<Coset>,
    count: usize,
}

/// The points x for which x^J lies in one coset of the subgroup that a transform evaluates on.
struct Coset {
    /// For each stage of a transform, what it multiplies the second half of each block by: one of the first stage, two of the next.
    twiddles: Vec<F>,
    points: Vec<Point>,
}

impl Coset {
    /// The coset of x for transforms of 2^`log_rows` rows. In a block whose remainder is modulo X²ᵐ − w², halves are the remainders
    /// modulo X^m − w and X^m + w.
    fn new(x: F, log_rows: u32) -> Self {
        let root = F::two_adic_generator(log_rows as usize);
        let twiddle = |stage: u32, block: usize| {
            (x * root.exp_u64(reverse(block, stage) as u64)).exp_power_of_2((log_rows - 1 - stage) as usize)
        };
        let twiddles = (0..log_rows).flat_map(|stage| (0..1usize << stage).map(move |block| (stage, block)));
        Self { twiddles: twiddles.map(|(stage, block)| twiddle(stage, block)).collect(), points: Vec::new() }
    }

    /// The twiddles of a stage.
    fn stage(&self, stage: u32) -> &[F] {
        &self.twiddles[(1 << stage) - 1..(2 << stage) - 1]
    }

    /// Rows of coefficients to rows of values, in bit-reversed order.
    fn transform(&self, log_rows: u32, rows: &mut [PackedF]) {
        let mut stage = log_rows % 2;
        if stage == 1 {
            halve(rows, self.twiddles[0]);
        }
        while stage < log_rows {
            let twiddles = self.stage(stage).iter().zip(self.stage(stage + 1).as_chunks::<2>().0);
            let blocks = rows.chunks_exact_mut(rows.len() >> stage);
            blocks.zip(twiddles).for_each(|(block, (&first, &next))| quarter(block, first, next));
            stage += 2;
        }
    }

    /// The transpose of [`Coset::transform`].
    fn transform_back(&self, log_rows: u32, rows: &mut [PackedE]) {
        for stage in (0..log_rows).rev() {
            let blocks = rows.chunks_exact_mut(rows.len() >> stage);
            for (block, &w) in blocks.zip(self.stage(stage)) {
                let w = PackedF::from(w);
                let (low, high) = block.split_at_mut(block.len() / 2);
                low.iter_mut().zip(high).for_each(|(a, b)| (*a, *b) = (*a + *b, (*a - *b) * w));
            }
        }
    }
}

/// One stage for a block.
fn halve(block: &mut [PackedF], w: F) {
    let w = PackedF::from(w);
    let (low, high) = block.split_at_mut(block.len() / 2);
    for (a, b) in low.iter_mut().zip(high) {
        let product = *b * w;
        (*a, *b) = (*a + product, *a - product);
    }
}

/// Two stages for a block.
fn quarter(block: &mut [PackedF], first: F, next: [F; 2]) {
    // A third of all factors.
    let is_one = first == F::ONE && next[0] == F::ONE;
    let [first, second, third] = [first, next[0], next[1]].map(PackedF::from);
    let (low, high) = block.split_at_mut(block.len() / 2);
    let ((a, b), (c, d)) = (low.split_at_mut(low.len() / 2), high.split_at_mut(high.len() / 2));
    let quarters = a.iter_mut().zip(b).zip(c.iter_mut().zip(d));
    if is_one {
        for ((a, b), (c, d)) in quarters {
            let ([x, z], [y, w]) = (pair(*a, *c), pair(*b, *d));
            ([*a, *b], [*c, *d]) = (pair(x, y), pair(z, w * third));
        }
    } else {
        for ((a, b), (c, d)) in quarters {
            let ([x, z], [y, w]) = (pair(*a, *c * first), pair(*b, *d * first));
            ([*a, *b], [*c, *d]) = (pair(x, y * second), pair(z, w * third));
        }
    }
}

/// Sum and difference.
#[inline(always)]
fn pair(a: PackedF, b: PackedF) -> [PackedF; 2] {
    [a + b, a - b]
}

struct Point {
    number: usize,
    /// The row of a transform that holds fⱼ(x^J).
    row: usize,
    /// xʲ for the lanes of a transform, and the power for all of them.
    powers: Vec<F>,
    step: F,
}

impl Points {
    /// Whether polynomials of 2^`vars` coefficients are long enough.
    #[must_use]
    pub fn takes(vars: u32) -> bool {
        vars >= LOG_LANES
    }

    /// The points ωᵖ for each p of `positions`, where ω generates the code of 2^`vars` coefficients at inverse rate 2^`log_inv_rate`.
    ///
    /// # Panics
    /// If there are fewer than 2⁶ coefficients: see [`Points::takes`].
    #[must_use]
    pub fn new(vars: u32, log_inv_rate: u32, positions: &[u32]) -> Self {
        assert!(vars >= LOG_LANES, "expected at least 2^{LOG_LANES} coefficients, got 2^{vars}");
        let log_rows = LOG_ROWS_MAX.min(vars - LOG_LANES);
        let omega = F::two_adic_generator((vars + log_inv_rate) as usize);
        let eta = omega.exp_power_of_2((vars - log_rows) as usize);
        let coset = |power: u64| Coset::new(eta.exp_u64(power), log_rows);
        let mut cosets: Vec<Coset> = (0..1u64 << log_inv_rate).map(coset).collect();
        for (number, &position) in positions.iter().enumerate() {
            let x = omega.exp_u64(u64::from(position));
            // x^J is η to this power.
            let power = position as usize % (1 << (log_rows + log_inv_rate));
            let row = reverse(power >> log_inv_rate, log_rows);
            let powers = x.powers().collect_n(1 << LOG_LANES);
            let point = Point { number, row, powers, step: x.exp_power_of_2(LOG_LANES as usize) };
            cosets[power % (1 << log_inv_rate)].points.push(point);
        }
        Self { vars, log_rows, cosets, count: positions.len() }
    }

    /// The values of a polynomial, in the order of the positions. Its coefficients are read once, a few lanes at a time.
    #[must_use]
    pub fn evaluate(&self, coefficients: Cells<'_>) -> Vec<F> {
        let lanes = 1usize << (self.vars - self.log_rows);
        let read = READ.min(lanes);
        let mut sums = vec![PackedF::ZERO; self.count];
        let mut own = F::zero_vec(read << self.log_rows);
        let mut rows = vec![PackedF::ZERO; PACKS << self.log_rows];
        for first in (0..lanes).step_by(read).rev() {
            for (k, own) in own.chunks_exact_mut(read).enumerate() {
                coefficients.slice(k * lanes + first..k * lanes + first + read).write(own);
            }
            let own = PackedF::pack_slice(&own);
            for first in (0..read / WIDTH).step_by(PACKS).rev() {
                self.add_lanes(&own[first..], read / WIDTH, &mut rows, &mut sums);
            }
        }
        sums.iter().map(|sum| sum.as_slice().iter().copied().sum()).collect()
    }

    /// Takes the lanes before those that `sums` have seen; from row to row it is `stride` packs. `rows` is room for them.
    fn add_lanes(&self, own: &[PackedF], stride: usize, rows: &mut [PackedF], sums: &mut [PackedF]) {
        for coset in self.cosets.iter().filter(|coset| !coset.points.is_empty()) {
            let own = own.chunks(stride).map(|row| &row[..PACKS]);
            rows.chunks_exact_mut(PACKS).zip(own).for_each(|(row, own)| row.copy_from_slice(own));
            coset.transform(self.log_rows, rows);
            for point in &coset.points {
                let sum = &mut sums[point.number];
                *sum = *sum * point.step + dot(&rows[point.row * PACKS..][..PACKS], PackedF::pack_slice(&point.powers));
            }
        }
    }

    /// values\[i\] += Σ scale·xⁱ over the points x, each with its scale. This is the transpose of [`Points::evaluate`], for as many
    /// values as polynomials have coefficients.
    pub fn add_powers(&self, scales: &[E], values: &mut [PackedE]) {
        let row = values.len() >> self.log_rows;
        let piece = row.div_ceil(TASKS).max(SUM_PACKS);
        let mut tasks: Vec<Vec<&mut [PackedE]>> = (0..row / piece).map(|_| Vec::new()).collect();
        for row in values.chunks_exact_mut(row) {
            tasks.iter_mut().zip(row.chunks_exact_mut(piece)).for_each(|(task, piece)| task.push(piece));
        }
        tasks.into_par_iter().enumerate().for_each(|(i, mut rows)| {
            for coset in self.cosets.iter().filter(|coset| !coset.points.is_empty()) {
                self.add_coset(coset, scales, i * piece, &mut rows);
            }
        });
    }

    /// As [`Points::add_powers`], for the points of one coset and some lanes of all rows, from pack `first` on.
    fn add_coset(&self, coset: &Coset, scales: &[E], first: usize, rows: &mut [&mut [PackedE]]) {
        let start = |point: &Point| scales[point.number] * point.powers[1].exp_u64((first * WIDTH) as u64);
        let mut scales: Vec<E> = coset.points.iter().map(start).collect();
        let mut sums = vec![PackedE::ZERO; SUM_PACKS << self.log_rows];
        for at in (0..rows[0].len()).step_by(SUM_PACKS) {
            sums.fill(PackedE::ZERO);
            for (point, scale) in coset.points.iter().zip(&mut scales) {
                let powers = PackedF::pack_slice(&point.powers[..SUM_PACKS * WIDTH]);
                let packed = PackedE::from(*scale);
                sums[point.row * SUM_PACKS..].iter_mut().zip(powers).for_each(|(sum, &power)| *sum += packed * power);
                *scale *= point.powers[SUM_PACKS * WIDTH];
            }
            coset.transform_back(self.log_rows, &mut sums);
            for (row, sums) in rows.iter_mut().zip(sums.chunks_exact(SUM_PACKS)) {
                row[at..].iter_mut().zip(sums).for_each(|(value, &sum)| *value += sum);
            }
        }
    }
}

/// Σ a·b with one reduction for every four products.
fn dot(a: &[PackedF], b: &[PackedF]) -> PackedF {
    let fours = a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0);
    fours.fold(PackedF::ZERO, |sum, (a, b)| sum + PackedF::dot_product(a, b))
}

fn reverse(index: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { index.reverse_bits() >> (usize::BITS - bits) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::{cells, elements};
    use crate::kernel::table::{pack, unpack};

    #[test]
    fn values_are_those_of_the_polynomial_at_powers_of_the_root() {
        for (vars, rate) in [(7, 1), (8, 1), (9, 3), (13, 1), (15, 2)] {
            let coefficients = cells(1 << vars);
            let end = 1u32 << (vars + rate);
            let positions: Vec<u32> = [0, 1, 2, 5, end / 2, end / 2 + 3, end - 2, end - 1].into();
            let root = F::two_adic_generator((vars + rate) as usize);
            let value = |&p: &u32| {
                let x = root.exp_u64(p.into());
                coefficients.iter().rev().fold(F::ZERO, |sum, &c| sum * x + c)
            };
            let expected: Vec<F> = positions.iter().map(value).collect();
            assert_eq!(
                Points::new(vars, rate, &positions).evaluate(Cells::from(&coefficients)),
                expected,
                "{vars} {rate}"
            );
        }
    }

    #[test]
    fn powers_are_added_as_their_definition_has_it() {
        for (vars, rate) in [(6, 1), (7, 1), (9, 3), (13, 1), (15, 2)] {
            let len = 1usize << vars;
            let end = 1u32 << (vars + rate);
            let positions: Vec<u32> = [0, 1, 2, 5, end / 2, end / 2 + 3, end - 2, end - 1].into();
            let root = F::two_adic_generator((vars + rate) as usize);
            let (values, scales) = (elements(len), elements(len + 8)[len..].to_vec());
            let mut expected = values.clone();
            for (&p, &scale) in positions.iter().zip(&scales) {
                let powers = root.exp_u64(p.into()).powers();
                expected.iter_mut().zip(powers).for_each(|(v, power)| *v += scale * power);
            }
            let mut packs: Vec<PackedE> = values.chunks_exact(WIDTH).map(pack).collect();
            Points::new(vars, rate, &positions).add_powers(&scales, &mut packs);
            let mut sums = Vec::new();
            packs.iter().for_each(|pack| unpack(pack, &mut sums));
            assert_eq!(sums, expected, "{vars} {rate}");
        }
    }

    #[test]
    fn no_point_has_no_value() {
        assert!(Points::new(8, 1, &[]).evaluate(Cells::from(&cells(1 << 8))).is_empty());
    }
}
