//! Rounds of Σ eq·(p₀q₁ + p₁q₀ + λq₀q₁): each pass over memory binds a variable and sums for the next round.
//!
//! The summand is p₀q₁ + bq₀ with b = p₁ + λq₁, and b folds like a table. All four tables are folded where they lie.

use crate::kernel::table::{Table, sum_lanes, unpack};
use crate::kernel::{PackedE, TASK_PACKS, WIDTH};
use ciro_transcript::E;
use p3_field::PrimeCharacteristicRing;

/// p₀, b, q₀ and q₁.
pub enum Halves<'a> {
    /// One by one.
    Few([Vec<E>; 4]),
    /// Packed, at least two packs each.
    Many([&'a mut [PackedE]; 4]),
}

/// Each table cut into `K` runs of equal length.
type Runs<'a, T, const K: usize> = [[&'a mut [T]; K]; 4];

/// Adds a row with weight w to t(0) and t(2), p₀, b, q₀ and q₁ given at 0 and at 2.
#[inline(always)]
fn add_row<T: PrimeCharacteristicRing + Copy>(sums: &mut [T; 2], w: T, p0: [T; 2], b: [T; 2], q0: [T; 2], q1: [T; 2]) {
    sums[0] += w * (p0[0] * q1[0] + b[0] * q0[0]);
    sums[1] += w * (p0[1] * q1[1] + b[1] * q0[1]);
}

/// At 0 and 2, from 0 and 1.
#[inline(always)]
fn line<T: PrimeCharacteristicRing + Copy>(zero: T, one: T) -> [T; 2] {
    [zero, one.double() - zero]
}

/// Makes b of p₁ and sums.
fn start<T: PrimeCharacteristicRing + Copy>(runs: Runs<'_, T, 2>, eq: &[T], lambda: T) -> [T; 2] {
    let mut sums = [T::ZERO; 2];
    let [p0, b, q0, q1] = runs;
    for (i, &w) in eq.iter().enumerate() {
        b[0][i] += lambda * q1[0][i];
        b[1][i] += lambda * q1[1][i];
        let p0 = line(p0[0][i], p0[1][i]);
        add_row(&mut sums, w, p0, line(b[0][i], b[1][i]), line(q0[0][i], q0[1][i]), line(q1[0][i], q1[1][i]));
    }
    sums
}

/// Binds the first variable of row `i` to `r`; at 0 and 2 of the next one.
#[inline(always)]
fn bind<T: PrimeCharacteristicRing + Copy>([low0, low1, high0, high1]: &mut [&mut [T]; 4], i: usize, r: T) -> [T; 2] {
    low0[i] += r * (high0[i] - low0[i]);
    low1[i] += r * (high1[i] - low1[i]);
    line(low0[i], low1[i])
}

/// Binds the first variable to `r`, into the first half, and sums.
fn fold<T: PrimeCharacteristicRing + Copy>(runs: Runs<'_, T, 4>, eq: &[T], r: T) -> [T; 2] {
    let mut sums = [T::ZERO; 2];
    let [mut p0, mut b, mut q0, mut q1] = runs;
    for (i, &w) in eq.iter().enumerate() {
        let p0 = bind(&mut p0, i, r);
        let b = bind(&mut b, i, r);
        let q0 = bind(&mut q0, i, r);
        let q1 = bind(&mut q1, i, r);
        add_row(&mut sums, w, p0, b, q0, q1);
    }
    sums
}

fn cut<'a, T, const K: usize>(tables: &'a mut [&mut [T]; 4]) -> Runs<'a, T, K> {
    tables.each_mut().map(|table| {
        let mut runs = table.chunks_exact_mut((table.len() / K).max(1));
        std::array::from_fn(|_| runs.next().unwrap_or_default())
    })
}

/// Adds up `f` over pieces of the runs, on every core if that is much.
fn sum_pieces<const K: usize>(
    mut runs: Runs<'_, PackedE, K>,
    eq: &[PackedE],
    f: &(impl Fn(Runs<'_, PackedE, K>, &[PackedE]) -> [PackedE; 2] + Sync),
) -> [PackedE; 2] {
    if eq.len() <= TASK_PACKS {
        return f(runs, eq);
    }
    let (eq_low, eq_high) = eq.split_at(eq.len() / 2);
    let low = runs.each_mut().map(|table| table.each_mut().map(|run| first_of(run, eq_low.len())));
    let (a, b) = rayon::join(|| sum_pieces(low, eq_low, f), || sum_pieces(runs, eq_high, f));
    [a[0] + b[0], a[1] + b[1]]
}

/// Takes the first `len` values off a run.
fn first_of<'a, T>(run: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let (first, rest) = std::mem::take(run).split_at_mut(len);
    *run = rest;
    first
}

impl<'a> Halves<'a> {
    /// Begins on a layer, whose halves these are, with weights `eq`; returns t(0) and t(2) of the first round too.
    ///
    /// # Panics
    /// If numerators, denominators and weights do not match in length.
    pub fn start(p: &'a mut Table, q: &'a mut Table, eq: &Table, lambda: E) -> (Self, [E; 2]) {
        if p.len() < 4 * WIDTH {
            let ([p, q], half) = ([p.to_vec(), q.to_vec()], p.len() / 2);
            let mut tables = [&p[..half], &p[half..], &q[..half], &q[half..]].map(<[E]>::to_vec);
            let sums = start(cut(&mut tables.each_mut().map(Vec::as_mut_slice)), &eq.to_vec(), lambda);
            return (Self::Few(tables), sums);
        }
        let (Table::Many(p), Table::Many(q), Table::Many(eq)) = (p, q, eq) else {
            unreachable!("tables of one sumcheck have one length");
        };
        let half = p.len() / 2;
        let ((p0, b), (q0, q1)) = (p.split_at_mut(half), q.split_at_mut(half));
        let mut tables = [p0, b, q0, q1];
        let sums = sum_pieces(cut(&mut tables), eq, &|runs, eq| start(runs, eq, PackedE::from(lambda)));
        (Self::Many(tables), sums.map(sum_lanes))
    }

    /// Binds the first variable to `r`; returns t(0) and t(2) of the next round, with weights `eq`.
    ///
    /// # Panics
    /// If the weights do not match in length.
    pub fn fold(&mut self, r: E, eq: &Table) -> [E; 2] {
        if let (Self::Many(tables), Table::Many(eq)) = (&mut *self, eq)
            && tables[0].len() >= 4
        {
            let half = tables[0].len() / 2;
            let sums = sum_pieces(cut(tables), eq, &|runs, eq| fold(runs, eq, PackedE::from(r)));
            tables.iter_mut().for_each(|table| *table = first_of(table, half));
            return sums.map(sum_lanes);
        }
        let tables = self.few();
        let sums = fold(cut(&mut tables.each_mut().map(Vec::as_mut_slice)), &eq.to_vec(), r);
        tables.iter_mut().for_each(|table| table.truncate(table.len() / 2));
        sums
    }

    /// Binds the last variable to `r`: p₀, b, q₀ and q₁.
    pub fn last(mut self, r: E) -> [E; 4] {
        self.few().each_ref().map(|table| table[0] + r * (table[1] - table[0]))
    }

    fn few(&mut self) -> &mut [Vec<E>; 4] {
        if let Self::Many(tables) = self {
            *self = Self::Few(tables.each_ref().map(|table| {
                let mut few = Vec::new();
                table.iter().for_each(|pack| unpack(pack, &mut few));
                few
            }));
        }
        match self {
            Self::Few(tables) => tables,
            Self::Many(_) => unreachable!("just replaced"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::eq::eq_table;
    use crate::kernel::table::tests::elements;

    /// t(0) and t(2) by the definition.
    fn plainly(tables: &[Vec<E>; 4], lambda: E, eq: &[E]) -> [E; 2] {
        [E::ZERO, E::TWO].map(|x| {
            let row = |i: usize| {
                let [p0, p1, q0, q1] = tables.each_ref().map(|t| t[i] + x * (t[t.len() / 2 + i] - t[i]));
                eq[i] * (p0 * q1 + p1 * q0 + lambda * q0 * q1)
            };
            (0..eq.len()).map(row).sum()
        })
    }

    #[test]
    fn rounds_equal_their_definition_at_every_length() {
        // The longest ones take several tasks.
        for log in (2..=9).chain([15]) {
            let (all, point) = (elements(2 << log), elements(log + 2));
            let ([p, q], lambda) = ([&all[..1 << log], &all[1 << log..]], point[log + 1]);
            let half = 1 << (log - 1);
            let mut tables = [&p[..half], &p[half..], &q[..half], &q[half..]].map(<[E]>::to_vec);
            let (mut p, mut q) = (Table::new(p.to_vec()), Table::new(q.to_vec()));
            let eq = |bound: usize| eq_table(&point[bound + 1..log - 1], E::ONE);
            let (mut fast, mut sums) = Halves::start(&mut p, &mut q, &eq(0), lambda);
            for (bound, &r) in all[..log - 1].iter().enumerate() {
                assert_eq!(sums, plainly(&tables, lambda, &eq(bound).to_vec()), "{log} {bound}");
                tables.iter_mut().for_each(|table| crate::rounds::fold(table, r));
                if bound + 2 < log {
                    sums = fast.fold(r, &eq(bound + 1));
                } else {
                    let [p0, p1, q0, q1] = tables.each_ref().map(|table| table[0]);
                    assert_eq!(fast.last(r), [p0, p1 + lambda * q1, q0, q1]);
                    break;
                }
            }
        }
    }
}
