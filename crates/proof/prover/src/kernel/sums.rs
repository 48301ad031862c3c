//! Sums over rows, for packed elements and single ones alike: `A` is what a table holds, `B` what sums are made of.

use crate::kernel::table::{Table, sum_lanes};
use crate::kernel::{PackedE, PackedF, TASK_PACKS};
use ciro_transcript::field::E_DEGREE;
use ciro_transcript::{E, F};
use p3_field::{Algebra, BasedVectorSpace, PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;
use std::ops::Range;

/// Adds up `f` over pieces of 0..`packs`, on every core if that is much.
pub fn sum_packs<const K: usize>(packs: usize, f: impl Fn(Range<usize>) -> [PackedE; K] + Sync) -> [E; K] {
    let add = |a: [PackedE; K], b: [PackedE; K]| std::array::from_fn(|i| a[i] + b[i]);
    let sums = if packs <= TASK_PACKS {
        f(0..packs)
    } else {
        let task = |i: usize| f(i * TASK_PACKS..packs.min((i + 1) * TASK_PACKS));
        (0..packs.div_ceil(TASK_PACKS)).into_par_iter().map(task).reduce(|| [PackedE::ZERO; K], add)
    };
    sums.map(sum_lanes)
}

/// Σ a·b.
pub fn dot<A, B>(a: &[A], b: &[B]) -> B
where
    A: PrimeCharacteristicRing + Copy,
    B: Algebra<A> + Copy,
{
    a.iter().zip(b).fold(B::ZERO, |acc, (&x, &y)| acc + y * x)
}

/// Σ a·b with one reduction for every four products.
pub fn dot_packs(a: &[PackedF], b: &[PackedE]) -> PackedE {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sum = dot(a_rest, b_rest);
    for (a, b) in a.iter().zip(b) {
        sum += combine(a, b.each_ref());
    }
    sum
}

/// Σ a·b of four.
#[inline(always)]
pub fn combine(a: &[PackedF; 4], [b0, b1, b2, b3]: [&PackedE; 4]) -> PackedE {
    let coefficients = <PackedE as BasedVectorSpace<PackedF>>::as_basis_coefficients_slice;
    let (b0, b1, b2, b3) = (coefficients(b0), coefficients(b1), coefficients(b2), coefficients(b3));
    let mut sums = [PackedF::ZERO; E_DEGREE];
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = PackedF::dot_product(a, &[b0[i], b1[i], b2[i], b3[i]]);
    }
    PackedE::new(sums)
}

/// Σ a·b of a base table with a table.
pub fn dot_base(a: &[F], b: &Table) -> E {
    match b {
        Table::Few(b) => dot(a, b),
        Table::Many(b) => {
            let a = PackedF::pack_slice(a);
            let [sum] = sum_packs(a.len(), |range| [dot_packs(&a[range.clone()], &b[range])]);
            sum
        }
    }
}

/// Σ a·b.
///
/// # Panics
/// If the tables differ in length.
pub fn dot_tables(a: &Table, b: &Table) -> E {
    match (a, b) {
        (Table::Few(a), Table::Few(b)) => dot(a, b),
        (Table::Many(a), Table::Many(b)) => {
            let [sum] = sum_packs(a.len(), |range| [dot(&a[range.clone()], &b[range])]);
            sum
        }
        _ => unreachable!("tables of one sumcheck have one length"),
    }
}

/// h(0) and h(2) of Σ_y a(X, y)·b(X, y), the halves of a and b given.
fn inner<A, B>([a0, a1]: [&[A]; 2], [b0, b1]: [&[B]; 2]) -> [B; 2]
where
    A: PrimeCharacteristicRing + Copy,
    B: Algebra<A> + Copy,
{
    let (mut h0, mut h2) = (B::ZERO, B::ZERO);
    for ((&a0, &a1), (&b0, &b1)) in a0.iter().zip(a1).zip(b0.iter().zip(b1)) {
        h0 += b0 * a0;
        h2 += (b1.double() - b0) * (a1.double() - a0);
    }
    [h0, h2]
}

fn halves<T>(values: &[T]) -> [&[T]; 2] {
    values.split_at(values.len() / 2).into()
}

fn part<'a, T>(halves: [&'a [T]; 2], range: &Range<usize>) -> [&'a [T]; 2] {
    halves.map(|half| &half[range.clone()])
}

/// h(0) and h(2) of Σ_y a(X, y)·b(X, y).
///
/// # Panics
/// If the tables differ in length.
pub fn inner_round(a: &Table, b: &Table) -> [E; 2] {
    match (a, b) {
        (Table::Few(a), Table::Few(b)) => inner(halves(a), halves(b)),
        (Table::Many(a), Table::Many(b)) => {
            let (a, b) = (halves(a), halves(b));
            sum_packs(a[0].len(), |range| inner(part(a, &range), part(b, &range)))
        }
        _ => unreachable!("tables of one sumcheck have one length"),
    }
}

/// As [`inner_round`], with a base table.
///
/// # Panics
/// If the tables differ in length.
pub fn inner_round_base(a: &[F], b: &Table) -> [E; 2] {
    match b {
        Table::Few(b) => inner(halves(a), halves(b)),
        Table::Many(b) => {
            let (a, b) = (halves(PackedF::pack_slice(a)), halves(b));
            sum_packs(a[0].len(), |range| inner(part(a, &range), part(b, &range)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::{cells, elements};

    /// Σ over rows of `row` applied to the tables at X = 0 and X = 2, as the definition has it.
    fn plainly(tables: &[&[E]], row: impl Fn(&[E]) -> E) -> [E; 2] {
        let half = tables[0].len() / 2;
        let at = |x: E| {
            (0..half).map(|i| row(&tables.iter().map(|t| t[i] + x * (t[half + i] - t[i])).collect::<Vec<E>>())).sum()
        };
        [at(E::ZERO), at(E::TWO)]
    }

    #[test]
    fn rounds_equal_their_definition_at_every_length() {
        for log in 1..=14 {
            let all = elements(2 << log);
            let t: Vec<&[E]> = all.chunks_exact(1 << log).collect();
            let table = |i: usize| Table::new(t[i].to_vec());
            assert_eq!(inner_round(&table(0), &table(1)), plainly(&t[..2], |v| v[0] * v[1]), "{log}");

            let base = cells(1 << log);
            let lifted: Vec<E> = base.iter().map(|&x| E::from(x)).collect();
            assert_eq!(inner_round_base(&base, &table(1)), plainly(&[&lifted, t[1]], |v| v[0] * v[1]), "{log}");
            assert_eq!(dot_tables(&table(0), &table(1)), t[0].iter().zip(t[1]).map(|(&x, &y)| x * y).sum(), "{log}");
            assert_eq!(dot_base(&base, &table(1)), lifted.iter().zip(t[1]).map(|(&x, &y)| x * y).sum(), "{log}");
        }
    }
}
