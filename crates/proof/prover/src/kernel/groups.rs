//! The rounds of Σ eq·(p₀q₁ + p₁q₀ + λq₀q₁) over the groups of a layer.
//!
//! The summand is p₀q₁ + bq₀ with b = p₁ + λq₁, and b folds like a table. Where numerators are one it is ((1 + λq₀)(1 + λq₁) − 1)/λ, one
//! product of two tables, and remains so as they fold. Where nodes are 0/1 it is λ, and what is summed is how much the others
//! differ from that. [`super::layer`] tests all of it against the definition.

use crate::kernel::arena::Buffer;
use crate::kernel::eq::prefix_tables;
use crate::kernel::layer::{Exchange, PACKS, QUAD, reduce_few, unpacked};
use crate::kernel::table::sum_lanes;
use crate::kernel::{PackedE, TASK_PACKS};
use ciro_transcript::E;
use ciro_verifier::lookup::NEIGHBOURS;
use p3_field::{Field, PrimeCharacteristicRing};

/// What the rounds over groups fold: whole octets of groups, or all there are.
pub struct Groups {
    /// 1 + λq of the first nodes, whose numerators are one.
    units: Buffer<PackedE>,
    /// p₀ and b of the next ones, in turn.
    p: Buffer<PackedE>,
    /// q₀ and q₁ of the same.
    q: Buffer<PackedE>,
    lambda: E,
    /// 1/λ, or zero if there is none: that challenge has probability 2⁻¹⁵⁵; the proof would then fail, not lie.
    inverse: E,
}

impl Groups {
    /// Takes denominators for `units`, and p₁ for b.
    pub fn new(units: Buffer<PackedE>, p: Buffer<PackedE>, q: Buffer<PackedE>, lambda: E) -> Self {
        Self { units, p, q, lambda, inverse: lambda.try_inverse().unwrap_or(E::ZERO) }
    }

    /// The rounds over groups, then those within the last one.
    pub fn reduce(mut self, point: &[E], send: &mut Exchange<'_>) -> [E; 4] {
        let (groups, neighbours) = point.split_at(point.len() - NEIGHBOURS);
        let len = (self.units.len() + self.q.len()) / 4;
        let mut weights = prefix_tables(&groups[..groups.len() - 1], neighbours, len);
        let mut sums = [E::ZERO; 2];
        if let Some(eq) = weights.pop() {
            sums = self.start(&eq);
        }
        while let Some(eq) = weights.pop() {
            let r = send(sums);
            sums = self.fold(&eq, !weights.is_empty(), r);
        }
        let tables = self.last(send(sums));
        reduce_few(tables, neighbours, send)
    }

    /// Makes the tables of what was given, and sums.
    fn start(&mut self, eq: &[PackedE]) -> [E; 2] {
        let lambda = PackedE::from(self.lambda);
        let (eq_units, eq) = eq.split_at(self.units.len() / 4);
        let units = Piece { inputs: [], outputs: [&mut self.units], eq: eq_units };
        let units = units.sum(&|piece| start_units(piece, lambda));
        let others = Piece { inputs: [&self.q], outputs: [&mut self.p], eq };
        let others = others.sum(&|piece| start(piece, lambda));
        self.total(units, others)
    }

    /// Sums of the summand, from those of its difference from λ: eq adds up to one.
    fn total(&self, units: [PackedE; 2], others: [PackedE; 2]) -> [E; 2] {
        std::array::from_fn(|x| self.lambda + sum_lanes(others[x]) + self.inverse * sum_lanes(units[x]))
    }

    /// Binds the last variable of groups to `r` and sums for the next round, with weights `eq`; `more` rounds over groups may
    /// follow it.
    fn fold(&mut self, eq: &[PackedE], more: bool, r: E) -> [E; 2] {
        let (r, lambda) = (PackedE::from(r), PackedE::from(self.lambda));
        let mut units = Buffer::stale(self.units.len() / 2);
        let (eq_units, eq) = eq.split_at(units.len() / 4);
        let piece = Piece { inputs: [&self.units], outputs: [&mut units], eq: eq_units };
        let unit_sums = piece.sum(&|piece| fold_units(piece, r, lambda));

        // Units that no longer fill an octet join the others.
        let joined = units.len() % (2 * QUAD);
        let filled = joined + self.q.len() / 2;
        let len = if more { filled.next_multiple_of(2 * QUAD) } else { filled };
        let (mut p, mut q) = (Buffer::stale(len), Buffer::stale(len));
        let outputs = [&mut p[joined..filled], &mut q[joined..filled]];
        let piece = Piece { inputs: [&self.p, &self.q], outputs, eq };
        let sums = piece.sum(&|piece| fold(piece, r, lambda));
        let kept = units.len() - joined;
        self.join(&units[kept..], &mut p, &mut q);
        units.truncate(kept);
        fill(&mut p[filled..], &mut q[filled..], lambda);
        (self.units, self.p, self.q) = (units, p, q);
        self.total(unit_sums, sums)
    }

    /// Writes units as others are.
    fn join(&self, units: &[PackedE], p: &mut [PackedE], q: &mut [PackedE]) {
        let inverse = PackedE::from(self.inverse);
        for (i, &unit) in units.iter().enumerate() {
            p[i] = if is_first(i) { PackedE::ONE } else { unit };
            q[i] = (unit - PackedE::ONE) * inverse;
        }
    }

    /// Binds the last variable of groups to `r`: p₀, b, q₀ and q₁ of the group that is left.
    fn last(&self, r: E) -> [Vec<E>; 4] {
        let bound = |table: &[PackedE]| {
            let (low, high) = table.split_at(table.len() / 2);
            low.iter().zip(high).map(|(&low, &high)| low + PackedE::from(r) * (high - low)).collect::<Vec<PackedE>>()
        };
        let (p, q) = (bound(&self.p), bound(&self.q));
        [&p[..PACKS], &p[PACKS..], &q[..PACKS], &q[PACKS..]].map(unpacked)
    }
}

/// Whether a pack belongs to a first child.
fn is_first(pack: usize) -> bool {
    (pack / PACKS).is_multiple_of(2)
}

/// Nodes 0/1, with b for p₁.
fn fill(p: &mut [PackedE], q: &mut [PackedE], lambda: PackedE) {
    for (i, (p, q)) in p.iter_mut().zip(q).enumerate() {
        *p = if is_first(i) { PackedE::ZERO } else { lambda };
        *q = PackedE::ONE;
    }
}

/// What one task reads, writes and weighs its rows by.
struct Piece<'a, const I: usize, const O: usize> {
    inputs: [&'a [PackedE]; I],
    outputs: [&'a mut [PackedE]; O],
    eq: &'a [PackedE],
}

impl<const I: usize, const O: usize> Piece<'_, I, O> {
    /// Adds up `f` over pieces of this one, on every core if it is long.
    fn sum(self, f: &(impl Fn(Piece<'_, I, O>) -> [PackedE; 2] + Sync)) -> [PackedE; 2] {
        let len = self.eq.len();
        if len <= TASK_PACKS {
            return f(self);
        }
        let middle = (len / 2).next_multiple_of(PACKS);
        let at = |table: &[PackedE]| table.len() / len * middle;
        let (eq, eq_rest) = self.eq.split_at(middle);
        let (inputs, rest) = (self.inputs.map(|t| &t[..at(t)]), self.inputs.map(|t| &t[at(t)..]));
        let mut outputs_rest = self.outputs;
        let outputs = outputs_rest.each_mut().map(|t| {
            let end = at(t);
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

/// As [`add_rows`] for units, times λ: p₀q₁ + p₁q₀ + λq₀q₁ = ((1 + λq₀)(1 + λq₁) − 1)/λ.
#[inline(always)]
fn add_unit_rows(sums: &mut [PackedE; 2], eq: &[PackedE; PACKS], units: &[PackedE; QUAD], lambda: PackedE) {
    let offset = lambda.square() + PackedE::ONE;
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
fn start(piece: Piece<'_, 1, 1>, lambda: PackedE) -> [PackedE; 2] {
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
fn start_units(piece: Piece<'_, 0, 1>, lambda: PackedE) -> [PackedE; 2] {
    let [units] = piece.outputs;
    let mut sums = [PackedE::ZERO; 2];
    for (units, eq) in units.as_chunks_mut::<QUAD>().0.iter_mut().zip(piece.eq.as_chunks::<PACKS>().0) {
        for unit in units.iter_mut() {
            *unit = lambda * *unit + PackedE::ONE;
        }
        add_unit_rows(&mut sums, eq, units, lambda);
    }
    sums
}

/// Binds the last variable of groups to `r`.
#[inline(always)]
fn bind(table: &[PackedE; 2 * QUAD], r: PackedE) -> [PackedE; QUAD] {
    std::array::from_fn(|i| {
        let low = i + i / (2 * PACKS) * (2 * PACKS);
        table[low] + r * (table[low + 2 * PACKS] - table[low])
    })
}

/// Binds the last variable of groups to `r`, in p and q, and sums.
fn fold(piece: Piece<'_, 2, 2>, r: PackedE, lambda: PackedE) -> [PackedE; 2] {
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

/// As [`fold`] for units.
fn fold_units(piece: Piece<'_, 1, 1>, r: PackedE, lambda: PackedE) -> [PackedE; 2] {
    let ([units], [out]) = (piece.inputs, piece.outputs);
    let mut sums = [PackedE::ZERO; 2];
    let tables = units.as_chunks::<{ 2 * QUAD }>().0.iter().zip(out.as_chunks_mut::<QUAD>().0);
    for ((units, out), eq) in tables.zip(piece.eq.as_chunks::<PACKS>().0) {
        *out = bind(units, r);
        add_unit_rows(&mut sums, eq, out, lambda);
    }
    sums
}
