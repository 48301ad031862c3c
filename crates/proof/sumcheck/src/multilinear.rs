//! Multilinear extensions at a point. All functions are linear in the table or logarithmic in it.

use alloc::vec;
use alloc::vec::Vec;
use ciro_transcript::cost::{E_MUL, F_MUL, wide};
use ciro_transcript::{E, F, meter};
use p3_field::PrimeCharacteristicRing;

/// The last `n` coordinates of a point. All of it, if it is shorter.
pub fn suffix(point: &[E], n: usize) -> &[E] {
    point.get(point.len().saturating_sub(n)..).unwrap_or(point)
}

/// eq(x, y) = Π (xᵢyᵢ + (1−xᵢ)(1−yᵢ)), over the shorter length.
pub fn eq(x: &[E], y: &[E]) -> E {
    meter::field(eq_ops(x.len().min(y.len())));
    x.iter().zip(y).fold(E::ONE, |acc, (&a, &b)| acc * ((a * b).double() - a - b + E::ONE))
}

/// Field operations of [`eq`] of points of so many coordinates.
#[must_use]
pub fn eq_ops(vars: usize) -> u64 {
    wide(vars).saturating_mul(2 * E_MUL)
}

/// eq(bits of `index`, point): the first coordinate is the most significant bit.
pub fn eq_bits(index: usize, point: &[E]) -> E {
    meter::field(wide(point.len()).saturating_mul(E_MUL));
    let mut acc = E::ONE;
    for (i, &z) in point.iter().rev().enumerate() {
        let bit = u32::try_from(i).ok().and_then(|i| index.checked_shr(i)).unwrap_or(0) & 1;
        acc *= if bit == 1 { z } else { E::ONE - z };
    }
    acc
}

/// The table of eq(point, b) for all b, scaled by `scale`: 2ⁿ values.
#[must_use]
pub fn eq_table(point: &[E], scale: E) -> Vec<E> {
    meter::field(table_ops(point.len()));
    let mut table = vec![scale];
    for &z in point {
        let mut next = Vec::with_capacity(table.len().saturating_mul(2));
        for &t in &table {
            let high = t * z;
            next.push(t - high);
            next.push(high);
        }
        table = next;
    }
    table
}

/// Field operations of a table of eq over so many variables.
#[must_use]
pub fn table_ops(vars: usize) -> u64 {
    cells(vars).saturating_mul(E_MUL)
}

/// 2^`vars`.
#[must_use]
pub fn cells(vars: usize) -> u64 {
    u32::try_from(vars).ok().and_then(|vars| 1u64.checked_shl(vars)).unwrap_or(u64::MAX)
}

/// eq of a point with the bits of indices, from two tables of half as many variables each.
#[derive(Clone, Debug)]
pub struct EqSplit {
    high: Vec<E>,
    low: Vec<E>,
    log_low: u32,
}

impl EqSplit {
    /// The tables for a point.
    #[must_use]
    pub fn new(point: &[E]) -> Self {
        let (high, low) = point.split_at(point.len().saturating_sub(point.len().div_ceil(2)));
        let log_low = u32::try_from(low.len()).unwrap_or(u32::MAX);
        Self { high: eq_table(high, E::ONE), low: eq_table(low, E::ONE), log_low }
    }

    /// Field operations of [`EqSplit::new`] for so many variables.
    #[must_use]
    pub fn ops(vars: usize) -> u64 {
        table_ops(vars.div_ceil(2)).saturating_mul(2)
    }

    /// eq(bits of `index`, point): the first coordinate is the most significant bit. Zero beyond the last index.
    pub fn at(&self, index: usize) -> E {
        meter::field(E_MUL);
        let high = index.checked_shr(self.log_low).and_then(|i| self.high.get(i));
        high.zip(self.low.get(index & self.mask())).map_or(E::ZERO, |(&high, &low)| high * low)
    }

    /// Σ eq(index, point)·of(value) over consecutive indices from `start` on, one for each value.
    pub fn dot<T: Copy>(&self, start: usize, values: &[T], of: impl Fn(T) -> F) -> E {
        meter::field(Self::dot_ops(values.len(), self.low.len()));
        let (mut sum, mut at, mut rest) = (E::ZERO, start, values);
        while !rest.is_empty() {
            let low = self.low.get(at & self.mask()..).unwrap_or(&[]);
            let (run, after) = rest.split_at(low.len().min(rest.len()));
            let high = at.checked_shr(self.log_low).and_then(|i| self.high.get(i)).copied().unwrap_or(E::ZERO);
            sum += high * run.iter().zip(low).fold(E::ZERO, |acc, (&value, &w)| acc + w * of(value));
            (at, rest) = (at.saturating_add(run.len().max(1)), after);
        }
        sum
    }

    /// Field operations of a [`EqSplit::dot`] of so many values, a product for each run of `low` neighbours besides.
    fn dot_ops(values: usize, low: usize) -> u64 {
        let runs = wide(values).checked_div(wide(low)).unwrap_or(0).saturating_add(2);
        wide(values).saturating_mul(F_MUL).saturating_add(runs.saturating_mul(E_MUL))
    }

    fn mask(&self) -> usize {
        self.low.len().saturating_sub(1)
    }
}

/// Evaluation at `point` of the multilinear extension of `table`; missing entries count as zero.
pub fn evaluate(table: &[E], point: &[E]) -> E {
    meter::field(wide(table.len()).saturating_mul(E_MUL));
    eq_table(point, E::ONE).iter().zip(table).fold(E::ZERO, |acc, (&w, &t)| acc + w * t)
}

/// As [`evaluate`], for base-field entries. There may be many, so it goes row by row, without a table of all weights.
pub fn evaluate_base(table: &[F], point: &[E]) -> E {
    meter::field(wide(table.len()).saturating_mul(F_MUL));
    let (high, low) = point.split_at(point.len().div_ceil(2));
    let (rows, columns) = (eq_table(high, E::ONE), eq_table(low, E::ONE));
    let dot = |row: &[F]| row.iter().zip(&columns).fold(E::ZERO, |acc, (&t, &w)| acc + w * t);
    table.chunks(columns.len()).zip(&rows).fold(E::ZERO, |acc, (row, &w)| acc + dot(row) * w)
}

/// Evaluation of the mask that is one on rows 0..len and zero on the rest.
pub fn mask_mle(len: usize, point: &[E]) -> E {
    meter::field(eq_ops(point.len()));
    let n = u32::try_from(point.len()).unwrap_or(u32::MAX);
    if 1usize.checked_shl(n).is_some_and(|full| len >= full) {
        return E::ONE;
    }
    // Rows below `len` split by the first bit where they differ from `len`: there `len` has a one and the row a zero.
    let (mut acc, mut prefix) = (E::ZERO, E::ONE);
    for (i, &z) in point.iter().enumerate() {
        let shift = point.len().saturating_sub(i).saturating_sub(1);
        let bit = u32::try_from(shift).ok().and_then(|s| len.checked_shr(s)).unwrap_or(0) & 1;
        if bit == 1 {
            acc += prefix * (E::ONE - z);
            prefix *= z;
        } else {
            prefix *= E::ONE - z;
        }
    }
    acc
}

/// Evaluation of the row-index polynomial, row i ↦ i.
pub fn index_mle(point: &[E]) -> E {
    point.iter().fold(E::ZERO, |acc, &z| acc.double() + z)
}

/// The point (x^(2^(n−1)), …, x², x): the weight of index i in the product form of xⁱ.
#[must_use]
pub fn powers_point(x: E, n: usize) -> Vec<E> {
    meter::field(wide(n).saturating_mul(E_MUL));
    let mut point = Vec::with_capacity(n);
    let mut power = x;
    for _ in 0..n {
        point.push(power);
        power = power.square();
    }
    point.reverse();
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(n: usize) -> Vec<E> {
        let mut sponge = ciro_transcript::Sponge::new("test");
        (0..n).map(|_| sponge.challenge("z")).collect()
    }

    #[test]
    fn the_eq_table_is_eq_at_each_index() {
        let z = point(4);
        for (i, &t) in eq_table(&z, E::ONE).iter().enumerate() {
            assert_eq!(t, eq_bits(i, &z));
        }
    }

    #[test]
    fn split_tables_are_eq_at_each_index_and_sum_neighbours() {
        for vars in 0..=7 {
            let z = point(vars);
            let (split, table) = (EqSplit::new(&z), eq_table(&z, E::ONE));
            assert_eq!(split.at(1 << vars), E::ZERO);
            for start in 0..1usize << vars {
                assert_eq!(split.at(start), table[start]);
                for len in 0..=(1 << vars) - start {
                    let values: Vec<u32> = (0..len as u32).map(|i| i * i + 3).collect();
                    let expected = values.iter().zip(&table[start..]);
                    let expected = expected.fold(E::ZERO, |acc, (&v, &w)| acc + w * F::from_u32(v));
                    assert_eq!(split.dot(start, &values, F::from_u32), expected, "{vars} {start} {len}");
                }
            }
        }
    }

    #[test]
    fn base_tables_of_any_length_evaluate_as_their_extensions_do() {
        for (n, len) in [(0, 1), (1, 2), (4, 16), (5, 32), (5, 19), (3, 0), (6, 8)] {
            let base: Vec<F> = (0..len).map(|i| F::from_u32(i * i + 3)).collect();
            let z = point(n);
            let lifted: Vec<E> = base.iter().map(|&x| E::from(x)).collect();
            assert_eq!(evaluate_base(&base, &z), evaluate(&lifted, &z), "{n} {len}");
        }
    }

    #[test]
    fn the_mask_equals_its_dense_table_for_every_length() {
        let z = point(4);
        for len in 0..=17 {
            let dense: Vec<E> = (0..16).map(|i| if i < len { E::ONE } else { E::ZERO }).collect();
            assert_eq!(mask_mle(len, &z), evaluate(&dense, &z), "{len}");
        }
        assert_eq!(mask_mle(0, &[]), E::ZERO);
        assert_eq!(mask_mle(1, &[]), E::ONE);
    }

    #[test]
    fn the_index_polynomial_equals_its_dense_table() {
        let z = point(5);
        let dense: Vec<E> = (0..32).map(E::from_u32).collect();
        assert_eq!(index_mle(&z), evaluate(&dense, &z));
    }

    #[test]
    fn eq_of_two_points_is_the_inner_product_of_their_tables() {
        let (x, y) = (point(3), point(6)[3..].to_vec());
        assert_eq!(eq(&x, &y), evaluate(&eq_table(&x, E::ONE), &y));
    }
}
