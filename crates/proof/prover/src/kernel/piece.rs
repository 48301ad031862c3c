//! One task of a round over the groups of a layer: what it reads, writes and sums. See [`super::groups`].

use crate::kernel::{PACKS, PackedE, PackedF, QUAD, TASK_PACKS};
use p3_field::PrimeCharacteristicRing;

/// Whether a pack belongs to a first child.
pub fn is_first(pack: usize) -> bool {
    (pack / PACKS).is_multiple_of(2)
}

/// What one task reads, writes and weighs its rows by.
pub struct Piece<'a, T, const I: usize, const O: usize> {
    /// Read.
    pub inputs: [&'a [T]; I],
    /// Written.
    pub outputs: [&'a mut [PackedE]; O],
    /// Weights of the rows.
    pub eq: &'a [PackedE],
}

impl<T: Sync, const I: usize, const O: usize> Piece<'_, T, I, O> {
    /// Adds up `f` over pieces of this one, on every core if it is long.
    pub fn sum(self, f: &(impl Fn(Piece<'_, T, I, O>) -> [PackedE; 2] + Sync)) -> [PackedE; 2] {
        let len = self.eq.len();
        if len <= TASK_PACKS {
            return f(self);
        }
        let middle = (len / 2).next_multiple_of(4 * PACKS);
        let at = |table: usize| table / len * middle;
        let (eq, eq_rest) = self.eq.split_at(middle);
        let (inputs, rest) = (self.inputs.map(|t| &t[..at(t.len())]), self.inputs.map(|t| &t[at(t.len())..]));
        let mut outputs_rest = self.outputs;
        let outputs = outputs_rest.each_mut().map(|t| {
            let end = at(t.len());
            let (first, rest) = std::mem::take(t).split_at_mut(end);
            *t = rest;
            first
        });
        let first = Piece { inputs, outputs, eq };
        let rest = Piece { inputs: rest, outputs: outputs_rest, eq: eq_rest };
        let (a, b) = rayon::join(|| first.sum(f), || rest.sum(f));
        [a[0] + b[0], a[1] + b[1]]
    }
}

/// Adds the rows of one group to t(0) and t(2).
#[inline(always)]
fn add_rows(sums: &mut [PackedE; 2], eq: &[PackedE; PACKS], p: &[PackedE; QUAD], q: &[PackedE; QUAD], lambda: PackedE) {
    for (i, &eq) in eq.iter().enumerate() {
        let (p0, b, q0, q1) = (ends(p, i), ends(p, PACKS + i), ends(q, i), ends(q, PACKS + i));
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum += eq * (p0[x] * q1[x] + b[x] * q0[x] - lambda);
        }
    }
}

/// As [`add_rows`] for units, times λ: p₀q₁ + p₁q₀ + λq₀q₁ = ((1 + λq₀)(1 + λq₁) − 1)/λ, less λ.
#[inline(always)]
fn add_unit_rows(sums: &mut [PackedE; 2], eq: &[PackedE; PACKS], units: &[PackedE; QUAD], offset: PackedE) {
    for (i, &eq) in eq.iter().enumerate() {
        let (first, second) = (ends(units, i), ends(units, PACKS + i));
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum += eq * (first[x] * second[x] - offset);
        }
    }
}

/// A table at 0 and 2 of the last variable of groups, in one pack of the first group.
#[inline(always)]
fn ends(table: &[PackedE; QUAD], i: usize) -> [PackedE; 2] {
    let (zero, one) = (table[i], table[2 * PACKS + i]);
    [zero, one.double() - zero]
}

/// Makes b of p₁, given q, and sums.
pub fn start(piece: Piece<'_, PackedE, 1, 1>, lambda: PackedE) -> [PackedE; 2] {
    let ([q], [p]) = (piece.inputs, piece.outputs);
    let mut sums = [PackedE::ZERO; 2];
    let tables = p.as_chunks_mut::<QUAD>().0.iter_mut().zip(q.as_chunks::<QUAD>().0);
    for ((p, q), eq) in tables.zip(piece.eq.as_chunks::<PACKS>().0) {
        for i in (PACKS..2 * PACKS).chain(3 * PACKS..QUAD) {
            p[i] += lambda * q[i];
        }
        add_rows(&mut sums, eq, p, q, lambda);
    }
    sums
}

/// Makes 1 + λq of q and sums.
pub fn start_units(piece: Piece<'_, PackedE, 0, 1>, lambda: PackedE, offset: PackedE) -> [PackedE; 2] {
    let [units] = piece.outputs;
    let mut sums = [PackedE::ZERO; 2];
    for (units, eq) in units.as_chunks_mut::<QUAD>().0.iter_mut().zip(piece.eq.as_chunks::<PACKS>().0) {
        for unit in units.iter_mut() {
            *unit = lambda * *unit + PackedE::ONE;
        }
        add_unit_rows(&mut sums, eq, units, offset);
    }
    sums
}

/// Where the pack that is bound to pack i begins: the last variable of groups is zero there, and one 2·[`PACKS`] later.
pub fn low(i: usize) -> usize {
    i + i / (2 * PACKS) * (2 * PACKS)
}

/// Binds the last variable of groups to `r`.
#[inline(always)]
pub fn bind(table: &[PackedE; 2 * QUAD], r: PackedE) -> [PackedE; QUAD] {
    std::array::from_fn(|i| table[low(i)] + r * (table[low(i) + 2 * PACKS] - table[low(i)]))
}

/// Binds the last variable of groups to `r`, in p and q, and sums.
pub fn fold(piece: Piece<'_, PackedE, 2, 2>, r: PackedE, lambda: PackedE) -> [PackedE; 2] {
    let ([p, q], [p_out, q_out]) = (piece.inputs, piece.outputs);
    let mut sums = [PackedE::ZERO; 2];
    let inputs = p.as_chunks::<{ 2 * QUAD }>().0.iter().zip(q.as_chunks::<{ 2 * QUAD }>().0);
    let outputs = p_out.as_chunks_mut::<QUAD>().0.iter_mut().zip(q_out.as_chunks_mut::<QUAD>().0);
    for (((p, q), (p_out, q_out)), eq) in inputs.zip(outputs).zip(piece.eq.as_chunks::<PACKS>().0) {
        *p_out = bind(p, r);
        *q_out = bind(q, r);
        add_rows(&mut sums, eq, p_out, q_out, lambda);
    }
    sums
}

/// As [`fold`] for parents of leaves that `bind` binds.
pub fn fold_parents(
    piece: Piece<'_, PackedF, 1, 2>,
    bind: &impl Fn(&[PackedF; 4 * QUAD]) -> [[PackedE; QUAD]; 2],
    lambda: PackedE,
) -> [PackedE; 2] {
    let ([leaves], [p, q]) = (piece.inputs, piece.outputs);
    let mut sums = [PackedE::ZERO; 2];
    let outputs = p.as_chunks_mut::<QUAD>().0.iter_mut().zip(q.as_chunks_mut::<QUAD>().0);
    for ((leaves, (p, q)), eq) in leaves.as_chunks().0.iter().zip(outputs).zip(piece.eq.as_chunks::<PACKS>().0) {
        [*p, *q] = bind(leaves);
        add_rows(&mut sums, eq, p, q, lambda);
    }
    sums
}

/// Binds the last variable of groups in units, by `bind`, and sums.
pub fn fold_units<T>(
    piece: Piece<'_, T, 1, 1>,
    bind: &impl Fn(&[T; 2 * QUAD]) -> [PackedE; QUAD],
    offset: PackedE,
) -> [PackedE; 2] {
    let ([units], [out]) = (piece.inputs, piece.outputs);
    let mut sums = [PackedE::ZERO; 2];
    let tables = units.as_chunks().0.iter().zip(out.as_chunks_mut::<QUAD>().0);
    for ((units, out), eq) in tables.zip(piece.eq.as_chunks::<PACKS>().0) {
        *out = bind(units);
        add_unit_rows(&mut sums, eq, out, offset);
    }
    sums
}
