//! Tables of extension elements, packed while they are long.

use crate::kernel::arena::Buffer;
use crate::kernel::points::Points;
use crate::kernel::{FOLD_PACKS, PackedE, PackedF, WIDTH};
use ciro_transcript::{E, F};
use p3_field::{Algebra, BasedVectorSpace, PackedFieldExtension, PackedValue, PrimeCharacteristicRing, TwoAdicField};
use rayon::prelude::*;

/// 2ⁿ values of a multilinear polynomial. Which variant holds a table depends on its length and its use alone, so tables that
/// are read together are packed together.
pub enum Table {
    /// One by one.
    Few(Vec<E>),
    /// Packed.
    Many(Buffer<PackedE>),
}

/// A pack of elements.
pub fn pack(values: &[E]) -> PackedE {
    PackedFieldExtension::<F, E>::from_ext_slice(values)
}

/// The element in a lane of a pack.
pub fn lane(pack: &PackedE, lane: usize) -> E {
    PackedFieldExtension::<F, E>::extract(pack, lane)
}

/// Adds to the element in a lane of a pack.
pub fn add_lane(pack: &mut PackedE, lane: usize, value: E) {
    PackedFieldExtension::<F, E>::add_assign_lane(pack, lane, value);
}

/// Appends the elements of a pack.
pub fn unpack(pack: &PackedE, out: &mut Vec<E>) {
    out.extend((0..WIDTH).map(|i| lane(pack, i)));
}

/// Sum of the elements of a pack.
pub fn sum_lanes(pack: PackedE) -> E {
    let coefficients: &[PackedF] = pack.as_basis_coefficients_slice();
    E::from_basis_coefficients_fn(|i| coefficients[i].as_slice().iter().copied().sum::<F>())
}

/// Binds the first variable of what `low` and `high` are the halves of, into `low`.
fn fold_halves<T: PrimeCharacteristicRing + Copy>(low: &mut [T], high: &[T], r: T) {
    for (l, &h) in low.iter_mut().zip(high) {
        *l += r * (h - *l);
    }
}

/// Binds the first variable of a base table.
fn fold_base_halves<A, B>(low: &[A], high: &[A], r: B, out: &mut [B])
where
    A: PrimeCharacteristicRing + Copy,
    B: Algebra<A> + Copy,
{
    for ((o, &l), &h) in out.iter_mut().zip(low).zip(high) {
        *o = r * (h - l) + l;
    }
}

/// Packs to which one task adds powers: it begins each point's with an exponentiation.
const POWERS_PACKS: usize = 128;

/// values\[i\] += Σ scale·x^(first + i).
fn add_packed_powers(first: usize, values: &mut [PackedE], points: &[(F, E)]) {
    for &(x, scale) in points {
        let start = x.shifted_powers(x.exp_u64(first as u64)).collect_n(WIDTH);
        let mut powers = *PackedF::from_slice(&start);
        let step = PackedF::from(x.exp_power_of_2(WIDTH.ilog2() as usize));
        let scale = PackedE::from(scale);
        for value in values.iter_mut() {
            *value += scale * powers;
            powers *= step;
        }
    }
}

impl Table {
    /// A table of a sumcheck from packed values.
    #[must_use]
    pub fn packed(values: Buffer<PackedE>) -> Self {
        // The halves of a single pack are not whole packs.
        if let [last] = *values {
            let mut few = Vec::with_capacity(WIDTH);
            unpack(&last, &mut few);
            return Self::Few(few);
        }
        Self::Many(values)
    }

    /// A table of a sumcheck.
    #[must_use]
    pub fn new(values: Vec<E>) -> Self {
        if values.len() < 2 * WIDTH {
            return Self::Few(values);
        }
        let mut packed = Buffer::stale(values.len() / WIDTH);
        packed
            .par_iter_mut()
            .with_min_len(FOLD_PACKS)
            .enumerate()
            .for_each(|(i, p)| *p = pack(&values[i * WIDTH..(i + 1) * WIDTH]));
        Self::Many(packed)
    }

    /// A base table with its first variable bound to `r`.
    #[must_use]
    pub fn fold_base(values: &[F], r: E) -> Self {
        let (low, high) = values.split_at(values.len() / 2);
        if values.len() < 2 * WIDTH {
            let mut few = E::zero_vec(low.len());
            fold_base_halves(low, high, r, &mut few);
            return Self::Few(few);
        }
        let (low, high) = (PackedF::pack_slice(low), PackedF::pack_slice(high));
        let mut out = Buffer::stale(low.len());
        out.par_chunks_mut(FOLD_PACKS)
            .zip(low.par_chunks(FOLD_PACKS).zip(high.par_chunks(FOLD_PACKS)))
            .for_each(|(out, (low, high))| fold_base_halves(low, high, PackedE::from(r), out));
        Self::packed(out)
    }

    /// Binds the first variable to `r`.
    pub fn fold(&mut self, r: E) {
        let values = match self {
            Self::Few(values) => {
                let half = values.len() / 2;
                let (low, high) = values.split_at_mut(half);
                fold_halves(low, high, r);
                values.truncate(half);
                return;
            }
            Self::Many(values) => values,
        };
        let half = values.len() / 2;
        let (low, high) = values.split_at_mut(half);
        if half <= FOLD_PACKS {
            fold_halves(low, high, PackedE::from(r));
        } else {
            low.par_chunks_mut(FOLD_PACKS)
                .zip(high.par_chunks(FOLD_PACKS))
                .for_each(|(low, high)| fold_halves(low, high, PackedE::from(r)));
        }
        self.keep_half();
    }

    /// self\[i\] += scale·xⁱ.
    pub fn add_powers(&mut self, x: E, scale: E) {
        let mut power = scale;
        match self {
            Self::Few(values) => {
                for value in values {
                    *value += power;
                    power *= x;
                }
            }
            Self::Many(values) => {
                let first: Vec<E> = x.shifted_powers(scale).collect_n(WIDTH);
                let (mut powers, step) = (pack(&first), PackedE::from(x.exp_power_of_2(WIDTH.ilog2() as usize)));
                for value in values.iter_mut() {
                    *value += powers;
                    powers *= step;
                }
            }
        }
    }

    /// self\[i\] += Σ scale·xⁱ over points (x, scale): the powers stay in the base field.
    pub fn add_base_powers(&mut self, points: &[(F, E)]) {
        match self {
            Self::Few(values) => {
                for &(x, scale) in points {
                    values.iter_mut().zip(x.powers()).for_each(|(value, power)| *value += scale * power);
                }
            }
            Self::Many(values) => {
                let tasks = values.par_chunks_mut(POWERS_PACKS).enumerate();
                tasks.for_each(|(task, values)| add_packed_powers(task * POWERS_PACKS * WIDTH, values, points));
            }
        }
    }

    /// self\[i\] += Σ scale·xⁱ over points of the code of this many coefficients at inverse rate 2^`log_inv_rate`, each given by its
    /// position and its scale.
    pub fn add_code_powers(&mut self, log_inv_rate: u32, points: &[(u32, E)]) {
        let vars = self.len().ilog2();
        let (positions, scales): (Vec<u32>, Vec<E>) = points.iter().copied().unzip();
        match self {
            Self::Many(values) if Points::takes(vars) => {
                Points::new(vars, log_inv_rate, &positions).add_powers(&scales, values);
            }
            Self::Few(_) | Self::Many(_) => {
                let root = F::two_adic_generator((vars + log_inv_rate) as usize);
                let point = |&(position, scale): &(u32, E)| (root.exp_u64(position.into()), scale);
                self.add_base_powers(&points.iter().map(point).collect::<Vec<_>>());
            }
        }
    }

    /// Drops the second half.
    pub fn keep_half(&mut self) {
        match self {
            Self::Few(values) => values.truncate(values.len() / 2),
            Self::Many(values) => {
                values.truncate(values.len() / 2);
                if let [last] = **values {
                    let mut few = Vec::with_capacity(WIDTH);
                    unpack(&last, &mut few);
                    *self = Self::Few(few);
                }
            }
        }
    }

    /// Number of values.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a table has at least one value")]
    pub fn len(&self) -> usize {
        match self {
            Self::Few(values) => values.len(),
            Self::Many(values) => values.len() * WIDTH,
        }
    }

    /// The first value: the only one, after a sumcheck.
    pub fn first(&self) -> E {
        match self {
            Self::Few(values) => values[0],
            Self::Many(values) => lane(&values[0], 0),
        }
    }

    /// All values.
    #[must_use]
    pub fn to_vec(&self) -> Vec<E> {
        match self {
            Self::Few(values) => values.clone(),
            Self::Many(values) => {
                let mut all = Vec::with_capacity(values.len() * WIDTH);
                values.iter().for_each(|p| unpack(p, &mut all));
                all
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ciro_transcript::Transcript;

    /// `count` arbitrary elements.
    pub(crate) fn elements(count: usize) -> Vec<E> {
        ciro_transcript::Writer::new("test").challenges("x", count)
    }

    /// `count` arbitrary base elements.
    pub(crate) fn cells(count: usize) -> Vec<F> {
        (0..count as u64).map(|i| F::from_u64(i * i + 3 * i + 1)).collect()
    }

    fn fold_plainly(values: &[E], r: E) -> Vec<E> {
        let half = values.len() / 2;
        (0..half).map(|i| values[i] + r * (values[half + i] - values[i])).collect()
    }

    #[test]
    fn folding_equals_its_definition_at_every_length() {
        let r = elements(1)[0];
        // The longest ones take several tasks.
        for log in 1..=17 {
            let values = elements(1 << log);
            let mut table = Table::new(values.clone());
            table.fold(r);
            assert_eq!(table.to_vec(), fold_plainly(&values, r), "{log}");
            assert_eq!(matches!(table, Table::Many(_)), table.len() >= 2 * WIDTH);
            let base = cells(1 << log);
            let lifted: Vec<E> = base.iter().map(|&x| E::from(x)).collect();
            assert_eq!(Table::fold_base(&base, r).to_vec(), fold_plainly(&lifted, r), "{log}");
        }
    }

    #[test]
    fn adding_powers_equals_its_definition_at_every_length() {
        let all = elements(1 << 12);
        let points: Vec<(F, E)> = cells(5).into_iter().zip(all[..5].to_vec()).collect();
        for log in 0..=12 {
            let values = &all[..1 << log];
            let (x, scale) = (all[7], all[9]);
            let mut table = Table::new(values.to_vec());
            table.add_powers(x, scale);
            let mut expected: Vec<E> =
                values.iter().enumerate().map(|(i, &v)| v + scale * x.exp_u64(i as u64)).collect();
            assert_eq!(table.to_vec(), expected, "{log}");
            table.add_base_powers(&points);
            for (i, v) in expected.iter_mut().enumerate() {
                *v += points.iter().map(|&(x, scale)| scale * x.exp_u64(i as u64)).sum::<E>();
            }
            assert_eq!(table.to_vec(), expected, "{log}");
        }
    }

    #[test]
    fn lanes_add_up() {
        let values = elements(WIDTH);
        assert_eq!(sum_lanes(pack(&values)), values.iter().copied().sum());
    }
}
