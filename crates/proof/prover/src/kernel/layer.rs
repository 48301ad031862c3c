//! Layers of fractions, their sums, and the rounds of Σ eq·(p₀q₁ + p₁q₀ + λq₀q₁) over them.
//!
//! A layer stores the nodes up to the last slot, in groups of sixteen neighbours; all others are 0/1. The children of group y are the
//! groups 2y and 2y + 1, and rounds bind the variables of groups from the last to the first, so sums and folds of a prefix are
//! prefixes, and nobody touches the rest: there the summand is λ, and what is summed is how much the others differ from that.
//!
//! The summand is p₀q₁ + bq₀ with b = p₁ + λq₁, and b folds like a table. Leaves of whole lookups have the numerator one, and so has
//! whatever they fold to: there the summand is ((1 + λq₀)(1 + λq₁) − 1)/λ, one product of two tables.

use crate::kernel::arena::Buffer;
use crate::kernel::eq::{few, prefix_tables};
use crate::kernel::table::{sum_lanes, unpack};
use crate::kernel::{FOLD_PACKS, PackedE, PackedF, TASK_PACKS, WIDTH};
use crate::rounds;
use ciro_transcript::{E, F};
use ciro_verifier::lookup::NEIGHBOURS;
use p3_field::{Algebra, Field, PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;

/// Packs of a group.
pub const PACKS: usize = (1 << NEIGHBOURS) / WIDTH;
const _: () = assert!(WIDTH <= 1 << NEIGHBOURS, "a pack holds neighbours");

/// Packs of both children of two groups that differ in the last variable: what a round reads to sum over one.
const QUAD: usize = 4 * PACKS;

/// Takes t(0) and t(2) of a round and returns its challenge.
pub type Exchange<'a> = dyn FnMut([E; 2]) -> E + 'a;

/// Numerators and denominators of one layer.
pub enum Layer {
    /// All nodes, at most two groups.
    Few {
        /// Numerators.
        p: Vec<E>,
        /// Denominators.
        q: Vec<E>,
    },
    /// The nodes of the first groups; all others are 0/1.
    Many {
        /// log₂ of the number of all nodes.
        vars: usize,
        /// Numerators.
        p: Buffer<PackedE>,
        /// Denominators.
        q: Buffer<PackedE>,
    },
}

/// How many groups of a layer of 2^`vars` nodes are stored if nodes past the first `groups` are 0/1: folds take eight at once.
pub fn stored_groups(groups: usize, vars: usize) -> usize {
    groups.next_multiple_of(8).min(1 << vars.saturating_sub(NEIGHBOURS))
}

/// p₀/q₀ + p₁/q₁, not reduced, for children in alternating groups.
fn add_fractions<A>(p: &[A], q: &[PackedE], p_out: &mut [PackedE], q_out: &mut [PackedE])
where
    A: PrimeCharacteristicRing + Copy,
    PackedE: Algebra<A>,
{
    let inputs = p.as_chunks::<{ 2 * PACKS }>().0.iter().zip(q.as_chunks::<{ 2 * PACKS }>().0);
    let outputs = p_out.as_chunks_mut::<PACKS>().0.iter_mut().zip(q_out.as_chunks_mut::<PACKS>().0);
    for ((p, q), (p_out, q_out)) in inputs.zip(outputs) {
        for i in 0..PACKS {
            p_out[i] = q[PACKS + i] * p[i] + q[i] * p[PACKS + i];
            q_out[i] = q[i] * q[PACKS + i];
        }
    }
}

/// As [`add_fractions`], on every core if that is much.
fn add_all<A>(p: &[A], q: &[PackedE], p_out: &mut [PackedE], q_out: &mut [PackedE])
where
    A: PrimeCharacteristicRing + Copy + Sync,
    PackedE: Algebra<A>,
{
    if p_out.len() <= FOLD_PACKS {
        return add_fractions(p, q, p_out, q_out);
    }
    let middle = (p_out.len() / 2).next_multiple_of(PACKS);
    let ((p, p_rest), (q, q_rest)) = (p.split_at(2 * middle), q.split_at(2 * middle));
    let ((p_out, p_last), (q_out, q_last)) = (p_out.split_at_mut(middle), q_out.split_at_mut(middle));
    rayon::join(|| add_all(p, q, p_out, q_out), || add_all(p_rest, q_rest, p_last, q_last));
}

/// The layer above 2^`vars` nodes that are stored in groups.
fn parent(vars: usize, p: &[PackedE], q: &[PackedE]) -> Layer {
    let filled = q.len() / 2;
    let len = PACKS * stored_groups(filled / PACKS, vars - 1);
    let (mut p_out, mut q_out) = (Buffer::stale(len), Buffer::stale(len));
    add_all(p, q, &mut p_out[..filled], &mut q_out[..filled]);
    p_out[filled..].fill(PackedE::ZERO);
    q_out[filled..].fill(PackedE::ONE);
    Layer::new(vars - 1, p_out, q_out)
}

/// The leaves. There are at least four groups of them.
pub struct Leaves {
    /// log₂ of their number.
    pub vars: usize,
    /// Denominators of the first ones, whole octets of groups, whose numerators are one.
    pub units: Buffer<PackedE>,
    /// Numerators of the next ones. Those past them are 0/1.
    pub p: Buffer<F>,
    /// Denominators of the same.
    pub q: Buffer<PackedE>,
}

impl Leaves {
    /// The layer above.
    pub fn parent(&self) -> Layer {
        let (units, filled) = (self.units.len() / 2, (self.units.len() + self.q.len()) / 2);
        let len = PACKS * stored_groups(filled / PACKS, self.vars - 1);
        let (mut p, mut q) = (Buffer::stale(len), Buffer::stale(len));
        add_units(&self.units, &mut p[..units], &mut q[..units]);
        add_all(PackedF::pack_slice(&self.p), &self.q, &mut p[units..filled], &mut q[units..filled]);
        p[filled..].fill(PackedE::ZERO);
        q[filled..].fill(PackedE::ONE);
        Layer::new(self.vars - 1, p, q)
    }

    /// As [`Layer::reduce`].
    pub fn reduce(self, point: &[E], lambda: E, send: &mut Exchange<'_>) -> [E; 4] {
        let mut p = Buffer::stale(self.q.len());
        for (p, &x) in p.iter_mut().zip(PackedF::pack_slice(&self.p)) {
            *p = PackedE::from(x);
        }
        let [p0, b, q0, q1] = Groups::new(self.units, p, self.q, lambda).reduce(point, send);
        [p0, b - lambda * q1, q0, q1]
    }
}

/// 1/q₀ + 1/q₁, not reduced, for children in alternating groups.
fn add_units(q: &[PackedE], p_out: &mut [PackedE], q_out: &mut [PackedE]) {
    let task = |((p_out, q_out), q): ((&mut [PackedE], &mut [PackedE]), &[PackedE])| {
        let outputs = p_out.as_chunks_mut::<PACKS>().0.iter_mut().zip(q_out.as_chunks_mut::<PACKS>().0);
        for ((p_out, q_out), q) in outputs.zip(q.as_chunks::<{ 2 * PACKS }>().0) {
            for i in 0..PACKS {
                p_out[i] = q[i] + q[PACKS + i];
                q_out[i] = q[i] * q[PACKS + i];
            }
        }
    };
    if p_out.len() <= FOLD_PACKS {
        return task(((p_out, q_out), q));
    }
    let outputs = p_out.par_chunks_mut(FOLD_PACKS).zip(q_out.par_chunks_mut(FOLD_PACKS));
    outputs.zip(q.par_chunks(2 * FOLD_PACKS)).for_each(task);
}

fn unpacked(packs: &[PackedE]) -> Vec<E> {
    let mut all = Vec::with_capacity(packs.len() * WIDTH);
    packs.iter().for_each(|pack| unpack(pack, &mut all));
    all
}

impl Layer {
    /// A layer of 2^`vars` nodes, of which those past the stored groups ([`stored_groups`]) are 0/1.
    pub fn new(vars: usize, p: Buffer<PackedE>, q: Buffer<PackedE>) -> Self {
        if vars > NEIGHBOURS + 1 {
            return Self::Many { vars, p, q };
        }
        let [p, q] = [p, q].map(|packs| {
            let mut all = unpacked(&packs);
            all.truncate(1 << vars);
            all
        });
        Self::Few { p, q }
    }

    /// log₂ of the number of nodes.
    pub fn vars(&self) -> usize {
        match self {
            Self::Few { p, .. } => p.len().ilog2() as usize,
            Self::Many { vars, .. } => *vars,
        }
    }

    /// The layer above.
    pub fn parent(&self) -> Self {
        match self {
            Self::Many { vars, p, q } => parent(*vars, p, q),
            Self::Few { p, q } => {
                let (p, q) = (p.split_at(p.len() / 2), q.split_at(q.len() / 2));
                let sum = |i: usize| (p.0[i] * q.1[i] + p.1[i] * q.0[i], q.0[i] * q.1[i]);
                let (p, q) = (0..p.0.len()).map(sum).unzip();
                Self::Few { p, q }
            }
        }
    }

    /// Runs the rounds for a claim at `point` of the layer above: `send` takes t(0) and t(2) and returns the challenge. Returns the
    /// values of p₀, p₁, q₀ and q₁.
    pub fn reduce(self, point: &[E], lambda: E, send: &mut Exchange<'_>) -> [E; 4] {
        let [p0, b, q0, q1] = match self {
            Self::Many { p, q, .. } => Groups::new(Buffer::stale(0), p, q, lambda).reduce(point, send),
            Self::Few { mut p, mut q } => {
                let half = p.len() / 2;
                let (mut b, q1) = (p.split_off(half), q.split_off(half));
                b.iter_mut().zip(&q1).for_each(|(b, &q1)| *b += lambda * q1);
                reduce_few([p, b, q, q1], point, send)
            }
        };
        [p0, b - lambda * q1, q0, q1]
    }
}

/// At 0 and 2, from 0 and 1.
fn line(zero: E, one: E) -> [E; 2] {
    [zero, one.double() - zero]
}

/// The rounds over p₀, b, q₀ and q₁, node by node.
fn reduce_few(mut tables: [Vec<E>; 4], point: &[E], send: &mut Exchange<'_>) -> [E; 4] {
    for i in 0..point.len() {
        let mut sums = [E::ZERO; 2];
        for (row, eq) in few(&point[i + 1..], E::ONE).into_iter().enumerate() {
            let [p0, b, q0, q1] = tables.each_ref().map(|t| line(t[row], t[t.len() / 2 + row]));
            sums[0] += eq * (p0[0] * q1[0] + b[0] * q0[0]);
            sums[1] += eq * (p0[1] * q1[1] + b[1] * q0[1]);
        }
        let r = send(sums);
        tables.iter_mut().for_each(|table| rounds::fold(table, r));
    }
    tables.map(|table| table[0])
}

/// What the rounds over groups fold: whole octets of groups, or all there are.
struct Groups {
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
    fn new(units: Buffer<PackedE>, p: Buffer<PackedE>, q: Buffer<PackedE>, lambda: E) -> Self {
        Self { units, p, q, lambda, inverse: lambda.try_inverse().unwrap_or(E::ZERO) }
    }

    /// The rounds over groups, then those within the last one.
    fn reduce(mut self, point: &[E], send: &mut Exchange<'_>) -> [E; 4] {
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
    pack / PACKS % 2 == 0
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
    for i in 0..PACKS {
        let (p0, b, q0, q1) = (ends(p, i), ends(p, PACKS + i), ends(q, i), ends(q, PACKS + i));
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum += eq[i] * (p0[x] * q1[x] + b[x] * q0[x] - lambda);
        }
    }
}

/// As [`add_rows`] for units, times λ: p₀q₁ + p₁q₀ + λq₀q₁ = ((1 + λq₀)(1 + λq₁) − 1)/λ.
#[inline(always)]
fn add_unit_rows(sums: &mut [PackedE; 2], eq: &[PackedE; PACKS], units: &[PackedE; QUAD], lambda: PackedE) {
    let offset = lambda.square() + PackedE::ONE;
    for i in 0..PACKS {
        let (first, second) = (ends(units, i), ends(units, PACKS + i));
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum += eq[i] * (first[x] * second[x] - offset);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::eq::eq_table;
    use crate::kernel::table::pack;
    use crate::kernel::table::tests::{cells, elements};
    use ciro_verifier::lookup::in_rounds;

    /// A layer whose nodes past `groups` groups are 0/1, and all its nodes.
    fn sample(vars: usize, groups: usize) -> (Layer, [Vec<E>; 2]) {
        let total = 1 << vars;
        let filled = (groups << NEIGHBOURS).min(total);
        let all = elements(2 * filled);
        let [mut p, mut q] = [&all[..filled], &all[filled..]].map(<[E]>::to_vec);
        p.resize(total, E::ZERO);
        q.resize(total, E::ONE);
        let stored = stored_groups(groups, vars) << NEIGHBOURS;
        let buffer = |values: &[E], fill: E| {
            let mut values = values[..stored.min(total)].to_vec();
            values.resize(stored, fill);
            let mut buffer = Buffer::stale(stored / WIDTH);
            buffer.iter_mut().zip(values.chunks_exact(WIDTH)).for_each(|(b, v)| *b = pack(v));
            buffer
        };
        (Layer::new(vars, buffer(&p, E::ZERO), buffer(&q, E::ONE)), [p, q])
    }

    /// All nodes of a layer.
    fn nodes(layer: &Layer) -> [Vec<E>; 2] {
        match layer {
            Layer::Few { p, q } => [p.clone(), q.clone()],
            Layer::Many { vars, p, q } => {
                let [mut p, mut q] = [unpacked(p), unpacked(q)];
                p.resize(1 << vars, E::ZERO);
                q.resize(1 << vars, E::ONE);
                [p, q]
            }
        }
    }

    /// The number of a node's child.
    fn child_of(vars: usize, node: usize, child: usize) -> usize {
        let low = NEIGHBOURS.min(vars - 1);
        (((node >> low) * 2 + child) << low) + node % (1 << low)
    }

    /// p₀, p₁, q₀ and q₁ of every node.
    fn children(vars: usize, [p, q]: &[Vec<E>; 2]) -> [Vec<E>; 4] {
        let pick = |t: &[E], child: usize| (0..t.len() / 2).map(|y| t[child_of(vars, y, child)]).collect();
        [pick(p, 0), pick(p, 1), pick(q, 0), pick(q, 1)]
    }

    /// Sizes with one group, one more than a power of two, and all of them; the longest one takes several tasks.
    const SHAPES: [(usize, usize); 13] = [
        (1, 1),
        (2, 1),
        (4, 1),
        (5, 1),
        (5, 2),
        (6, 1),
        (6, 4),
        (7, 5),
        (8, 9),
        (9, 32),
        (10, 3),
        (13, 257),
        (17, 5000),
    ];

    #[test]
    fn parents_are_the_sums_of_their_children() {
        for (vars, groups) in SHAPES.into_iter().filter(|(vars, _)| *vars > 1) {
            let (layer, all) = sample(vars, groups);
            let [p0, p1, q0, q1] = children(vars, &all);
            let p: Vec<E> = (0..p0.len()).map(|i| p0[i] * q1[i] + p1[i] * q0[i]).collect();
            let q: Vec<E> = q0.iter().zip(&q1).map(|(&a, &b)| a * b).collect();
            let parent = layer.parent();
            assert_eq!((parent.vars(), nodes(&parent)), (vars - 1, [p, q]), "{vars} {groups}");
        }
    }

    /// t(0) and t(2) by the definition, the first variable of the tables being bound next.
    fn plainly(tables: &[Vec<E>; 4], lambda: E, eq: &[E]) -> [E; 2] {
        [E::ZERO, E::TWO].map(|x| {
            let row = |i: usize| {
                let [p0, p1, q0, q1] = tables.each_ref().map(|t| t[i] + x * (t[t.len() / 2 + i] - t[i]));
                eq[i] * (p0 * q1 + p1 * q0 + lambda * q0 * q1)
            };
            (0..eq.len()).map(row).sum()
        })
    }

    /// The node that a number in the order of rounds stands for.
    fn node_in_rounds(vars: usize, number: usize) -> usize {
        let bits: Vec<E> = (0..vars).map(|i| E::from_usize(number >> (vars - 1 - i) & 1)).collect();
        in_rounds(&bits).iter().fold(0, |node, &bit| 2 * node + usize::from(bit == E::ONE))
    }

    /// Leaves of which the first `units` groups have the numerator one, and the layer of the same nodes.
    fn sample_leaves(vars: usize, units: usize, groups: usize) -> (Leaves, Layer) {
        let (layer, [_, q]) = sample(vars, groups);
        let Layer::Many { q: stored, .. } = layer else { unreachable!("leaves are many") };
        let (len, units) = (stored.len() * WIDTH, units << NEIGHBOURS);
        let mut p = cells((groups << NEIGHBOURS).min(len));
        p[..units].fill(F::ONE);
        p.resize(len, F::ZERO);
        let copy = |packs: &[PackedE]| {
            let mut buffer = Buffer::stale(packs.len());
            buffer.copy_from_slice(packs);
            buffer
        };
        let mut rest = Buffer::stale(len - units);
        rest.copy_from_slice(&p[units..]);
        let leaves = Leaves { vars, units: copy(&stored[..units / WIDTH]), p: rest, q: copy(&stored[units / WIDTH..]) };
        let lifted: Vec<E> = p.iter().map(|&x| E::from(x)).collect();
        let mut p = Buffer::stale(len / WIDTH);
        p.iter_mut().zip(lifted.chunks_exact(WIDTH)).for_each(|(b, v)| *b = pack(v));
        assert_eq!(q.len(), 1 << vars);
        (leaves, Layer::new(vars, p, stored))
    }

    #[test]
    fn leaves_equal_a_layer_of_the_same_nodes() {
        let shapes =
            [(6, 0, 1), (6, 0, 4), (7, 8, 8), (8, 8, 9), (9, 16, 20), (9, 24, 32), (10, 56, 64), (17, 4992, 5000)];
        for (vars, units, groups) in shapes {
            let (leaves, layer) = sample_leaves(vars, units, groups);
            assert_eq!(nodes(&leaves.parent()), nodes(&layer.parent()), "{vars} {units} {groups}");
            let (point, lambda) = (elements(vars - 1), elements(vars + 1)[vars]);
            let mut messages = Vec::new();
            let challenges = elements(vars);
            let ends = layer.reduce(&point, lambda, &mut |sums| {
                messages.push(sums);
                challenges[messages.len()]
            });
            let mut round = 0;
            let unit_ends = leaves.reduce(&point, lambda, &mut |sums| {
                assert_eq!(sums, messages[round], "{vars} {units} {groups} {round}");
                round += 1;
                challenges[round]
            });
            assert_eq!((unit_ends, round), (ends, messages.len()), "{vars} {units} {groups}");
        }
    }

    #[test]
    fn rounds_equal_their_definition() {
        for (vars, groups) in SHAPES {
            let (layer, all) = sample(vars, groups);
            let (point, lambda) = (elements(vars - 1), elements(vars + 1)[vars]);
            let z = in_rounds(&point);
            let ordered = |t: Vec<E>| (0..t.len()).map(|i| t[node_in_rounds(vars - 1, i)]).collect();
            let mut tables = children(vars, &all).map(ordered);
            let mut bound = 0;
            let ends = layer.reduce(&point, lambda, &mut |sums| {
                let eq = eq_table(&z[bound + 1..], E::ONE).to_vec();
                assert_eq!(sums, plainly(&tables, lambda, &eq), "{vars} {groups} {bound}");
                let r = elements(bound + 40)[bound + 39];
                tables.iter_mut().for_each(|table| rounds::fold(table, r));
                bound += 1;
                r
            });
            assert_eq!((ends, bound), (tables.each_ref().map(|t| t[0]), vars - 1), "{vars} {groups}");
        }
    }
}
