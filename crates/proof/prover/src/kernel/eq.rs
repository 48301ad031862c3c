//! Tables of eq, at a point and at all its suffixes.
//!
//! A table grows from the last coordinate to the first, t ↦ (t − z·t, z·t): the steps on the way are the tables of the suffixes.

use crate::kernel::arena::Buffer;
use crate::kernel::table::{Table, pack};
use crate::kernel::{FOLD_PACKS, PackedE, WIDTH};
use ciro_transcript::E;
use p3_field::PrimeCharacteristicRing;
use rayon::prelude::*;

/// `high` = z·`low`, `low` −= `high`.
fn grow<T: PrimeCharacteristicRing + Copy>(low: &mut [T], high: &mut [T], z: T) {
    for (l, h) in low.iter_mut().zip(high) {
        *h = z * *l;
        *l -= *h;
    }
}

/// The table of `point`, one by one.
pub fn few(point: &[E], scale: E) -> Vec<E> {
    let mut table = E::zero_vec(1 << point.len());
    table[0] = scale;
    for (i, &z) in point.iter().rev().enumerate() {
        let (low, high) = table[..2 << i].split_at_mut(1 << i);
        grow(low, high, z);
    }
    table
}

/// eq(point, ·) scaled by `scale`: packed if it fills a pack.
pub fn eq_table(point: &[E], scale: E) -> Table {
    let log_width = WIDTH.ilog2() as usize;
    if point.len() < log_width {
        return Table::Few(few(point, scale));
    }
    let mut table = Buffer::stale(1 << (point.len() - log_width));
    eq_packs(point, scale, &mut table);
    Table::Many(table)
}

/// As [`eq_table`], into a buffer. The point has at least log₂ [`WIDTH`] coordinates.
pub fn eq_packs(point: &[E], scale: E, table: &mut [PackedE]) {
    let (first, last) = point.split_at(point.len() - WIDTH.ilog2() as usize);
    table[0] = pack(&few(last, scale));
    for (i, &z) in first.iter().rev().enumerate() {
        let (low, high) = table[..2 << i].split_at_mut(1 << i);
        if low.len() <= FOLD_PACKS {
            grow(low, high, PackedE::from(z));
        } else {
            low.par_chunks_mut(FOLD_PACKS)
                .zip(high.par_chunks_mut(FOLD_PACKS))
                .for_each(|(low, high)| grow(low, high, PackedE::from(z)));
        }
    }
}

/// The tables of eq at no coordinate of `first`, at one, at two and so on up to all, each followed by `last`. The last table has the
/// first `len` packs. The others have what it is made of. `last` fills whole packs.
pub fn prefix_tables(first: &[E], last: &[E], len: usize) -> Vec<Buffer<PackedE>> {
    let group = (1 << last.len()) / WIDTH;
    let mut table = Buffer::stale(group);
    eq_packs(last, E::ONE, &mut table);
    let mut tables = vec![table];
    for (i, &z) in first.iter().enumerate() {
        let groups = (len / group).div_ceil(1 << (first.len() - 1 - i));
        let next = tables.last().map(|table| split_groups(table, group, z, groups));
        tables.extend(next);
    }
    tables
}

/// (t − z·t, z·t) for each group of t, `groups` in all.
fn split_groups(table: &[PackedE], group: usize, z: E, groups: usize) -> Buffer<PackedE> {
    let mut out = Buffer::stale(groups * group);
    let z = PackedE::from(z);
    let split = |(out, table): (&mut [PackedE], &[PackedE])| {
        let (low, high) = out.split_at_mut(group);
        for (i, &t) in table.iter().enumerate() {
            let product = z * t;
            low[i] = t - product;
            if let Some(high) = high.get_mut(i) {
                *high = product;
            }
        }
    };
    let task = |(out, table): (&mut [PackedE], &[PackedE])| {
        out.chunks_mut(2 * group).zip(table.chunks_exact(group)).for_each(split);
    };
    if out.len() <= FOLD_PACKS {
        task((&mut out, table));
    } else {
        out.par_chunks_mut(2 * group * FOLD_PACKS).zip(table.par_chunks(group * FOLD_PACKS)).for_each(task);
    }
    out
}

/// The eq factor of a sumcheck round by round: over the coordinates that are still free. Packed if it fills a pack, like the halves
/// of the tables that it weighs.
pub struct EqTail(Table);

impl EqTail {
    /// eq over all coordinates of a point but the first.
    #[must_use]
    pub fn new(point: &[E]) -> Self {
        Self(eq_table(&point[1.min(point.len())..], E::ONE))
    }

    /// The weights of the current round.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.0
    }

    /// Drops the next coordinate: its two values of eq add up to one.
    pub fn advance(&mut self) {
        let many = match &mut self.0 {
            Table::Few(values) => {
                let half = values.len() / 2;
                add_halves(values);
                values.truncate(half.max(1));
                return;
            }
            Table::Many(values) => values,
        };
        if let [last] = **many {
            let mut few = Vec::with_capacity(WIDTH);
            crate::kernel::table::unpack(&last, &mut few);
            self.0 = Table::Few(few);
            self.advance();
            return;
        }
        add_halves(many);
        let half = many.len() / 2;
        many.truncate(half);
    }
}

fn add_halves<T: PrimeCharacteristicRing + Copy>(values: &mut [T]) {
    let (low, high) = values.split_at_mut(values.len() / 2);
    for (l, &h) in low.iter_mut().zip(high.iter()) {
        *l += h;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::lane;
    use crate::kernel::table::tests::elements;

    #[test]
    fn tables_equal_the_verifiers_at_every_length() {
        let scale = elements(1)[0];
        // The longest one takes several tasks.
        for n in 0..=17 {
            let point = elements(n);
            assert_eq!(eq_table(&point, scale).to_vec(), ciro_sumcheck::eq_table(&point, scale), "{n}");
        }
    }

    #[test]
    fn prefix_tables_begin_like_whole_ones() {
        let last = elements(5);
        // The longest one takes several tasks.
        for (n, groups) in [(0, 1), (1, 1), (1, 2), (2, 3), (6, 33), (13, 5001)] {
            let first = elements(n + 5)[5..].to_vec();
            let tables = prefix_tables(&first, &last, groups * 32 / WIDTH);
            assert_eq!(tables.len(), n + 1);
            for (i, table) in tables.iter().enumerate() {
                let point: Vec<E> = first[..i].iter().chain(&last).copied().collect();
                let whole = ciro_sumcheck::eq_table(&point, E::ONE);
                let len = groups.div_ceil(1 << (n - i)) * 32;
                let begin: Vec<E> =
                    table.iter().flat_map(|p| (0..WIDTH).map(|l| lane(p, l)).collect::<Vec<E>>()).collect();
                assert_eq!(begin, whole[..len], "{n} {groups} {i}");
            }
        }
    }

    #[test]
    fn the_tail_of_each_round_is_the_table_of_what_is_left() {
        let point = elements(9);
        let mut tail = EqTail::new(&point);
        for bound in 1..=9 {
            let expected = ciro_sumcheck::eq_table(&point[bound..], E::ONE);
            assert_eq!(tail.table().to_vec(), expected, "{bound}");
            assert_eq!(matches!(tail.table(), Table::Many(_)), expected.len() >= WIDTH);
            tail.advance();
        }
    }
}
