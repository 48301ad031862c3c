//! Layers of fractions, their sums, and the rounds of Σ eq·(p₀q₁ + p₁q₀ + λq₀q₁) over them.
//!
//! A layer stores the nodes up to the last slot, in groups of sixteen neighbours; all others are 0/1. The children of group y are the
//! groups 2y and 2y + 1, and rounds bind the variables of groups from the last to the first, so sums and folds of a prefix are
//! prefixes, and nobody touches the rest: there the summand is λ, and what is summed is how much the others differ from that.
//!
//! The summand is p₀q₁ + bq₀ with b = p₁ + λq₁, and b folds like a table.

use crate::kernel::arena::Buffer;
use crate::kernel::eq::{few, prefix_tables};
use crate::kernel::table::{sum_lanes, unpack};
use crate::kernel::{FOLD_PACKS, PackedE, TASK_PACKS, WIDTH};
use crate::rounds;
use ciro_transcript::E;
use ciro_verifier::lookup::NEIGHBOURS;
use p3_field::{Algebra, PrimeCharacteristicRing};

/// Packs of a group.
pub const PACKS: usize = (1 << NEIGHBOURS) / WIDTH;
const _: () = assert!(WIDTH <= 1 << NEIGHBOURS, "a pack holds neighbours");

/// Packs of both children of two groups that differ in the last variable: what a round reads to sum over one.
const QUAD: usize = 4 * PACKS;

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
pub fn parent<A>(vars: usize, p: &[A], q: &[PackedE]) -> Layer
where
    A: PrimeCharacteristicRing + Copy + Sync,
    PackedE: Algebra<A>,
{
    let filled = q.len() / 2;
    let len = PACKS * stored_groups(filled / PACKS, vars - 1);
    let (mut p_out, mut q_out) = (Buffer::stale(len), Buffer::stale(len));
    add_all(p, q, &mut p_out[..filled], &mut q_out[..filled]);
    p_out[filled..].fill(PackedE::ZERO);
    q_out[filled..].fill(PackedE::ONE);
    Layer::new(vars - 1, p_out, q_out)
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
    pub fn reduce(self, point: &[E], lambda: E, send: &mut impl FnMut([E; 2]) -> E) -> [E; 4] {
        let [p0, b, q0, q1] = match self {
            Self::Many { p, q, .. } => reduce_groups(p, q, point, lambda, send),
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
#[inline(always)]
fn line<T: PrimeCharacteristicRing + Copy>(zero: T, one: T) -> [T; 2] {
    [zero, one.double() - zero]
}

/// The rounds over p₀, b, q₀ and q₁, node by node.
fn reduce_few(mut tables: [Vec<E>; 4], point: &[E], send: &mut impl FnMut([E; 2]) -> E) -> [E; 4] {
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

/// The rounds over groups, then those within the last one.
fn reduce_groups(
    mut p: Buffer<PackedE>,
    mut q: Buffer<PackedE>,
    point: &[E],
    lambda: E,
    send: &mut impl FnMut([E; 2]) -> E,
) -> [E; 4] {
    let (groups, neighbours) = point.split_at(point.len() - NEIGHBOURS);
    let mut weights = prefix_tables(&groups[..groups.len() - 1], neighbours, q.len() / 4);
    let mut sums = [E::ZERO; 2];
    if let Some(eq) = weights.pop() {
        sums = difference_sums(start_all(&mut p, &q, &eq, lambda.into()), lambda);
    }
    while let Some(eq) = weights.pop() {
        let r = send(sums);
        let packs;
        (p, q, packs) = fold([&p, &q], &eq, !weights.is_empty(), r, lambda);
        sums = difference_sums(packs, lambda);
    }
    let r = PackedE::from(send(sums));
    let last = |table: &[PackedE]| {
        let (low, high) = table.split_at(table.len() / 2);
        low.iter().zip(high).map(|(&low, &high)| low + r * (high - low)).collect::<Vec<PackedE>>()
    };
    let (p, q) = (last(&p), last(&q));
    let tables = [&p[..PACKS], &p[PACKS..], &q[..PACKS], &q[PACKS..]].map(unpacked);
    reduce_few(tables, neighbours, send)
}

/// Sums of the summand, from those of its difference from λ: eq adds up to one.
fn difference_sums(sums: [PackedE; 2], lambda: E) -> [E; 2] {
    sums.map(|sum| sum_lanes(sum) + lambda)
}

/// Adds the rows of one group to t(0) and t(2).
#[inline(always)]
fn add_rows(sums: &mut [PackedE; 2], eq: &[PackedE; PACKS], p: &[PackedE; QUAD], q: &[PackedE; QUAD], lambda: PackedE) {
    for i in 0..PACKS {
        let at = |table: &[PackedE; QUAD], child: usize| line(table[child * PACKS + i], table[(2 + child) * PACKS + i]);
        let (p0, b, q0, q1) = (at(p, 0), at(p, 1), at(q, 0), at(q, 1));
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum += eq[i] * (p0[x] * q1[x] + b[x] * q0[x] - lambda);
        }
    }
}

/// Makes b of p₁ and sums.
fn start(p: &mut [PackedE], q: &[PackedE], eq: &[PackedE], lambda: PackedE) -> [PackedE; 2] {
    let mut sums = [PackedE::ZERO; 2];
    let tables = p.as_chunks_mut::<QUAD>().0.iter_mut().zip(q.as_chunks::<QUAD>().0);
    for ((p, q), eq) in tables.zip(eq.as_chunks::<PACKS>().0) {
        for i in (PACKS..2 * PACKS).chain(3 * PACKS..QUAD) {
            p[i] += lambda * q[i];
        }
        add_rows(&mut sums, eq, p, q, lambda);
    }
    sums
}

/// As [`start`], on every core if that is much.
fn start_all(p: &mut [PackedE], q: &[PackedE], eq: &[PackedE], lambda: PackedE) -> [PackedE; 2] {
    if eq.len() <= TASK_PACKS {
        return start(p, q, eq, lambda);
    }
    let middle = (eq.len() / 2).next_multiple_of(PACKS);
    let (eq, eq_rest) = eq.split_at(middle);
    let ((p, p_rest), (q, q_rest)) = (p.split_at_mut(4 * middle), q.split_at(4 * middle));
    let (a, b) = rayon::join(|| start_all(p, q, eq, lambda), || start_all(p_rest, q_rest, eq_rest, lambda));
    [a[0] + b[0], a[1] + b[1]]
}

/// Binds the last variable of groups to `r`.
#[inline(always)]
fn bind(table: &[PackedE; 2 * QUAD], r: PackedE) -> [PackedE; QUAD] {
    std::array::from_fn(|i| {
        let low = i + i / (2 * PACKS) * (2 * PACKS);
        table[low] + r * (table[low + 2 * PACKS] - table[low])
    })
}

/// What a fold reads and writes.
struct Fold<'a> {
    p: &'a [PackedE],
    q: &'a [PackedE],
    eq: &'a [PackedE],
    p_out: &'a mut [PackedE],
    q_out: &'a mut [PackedE],
}

impl Fold<'_> {
    fn run(self, r: PackedE, lambda: PackedE) -> [PackedE; 2] {
        let mut sums = [PackedE::ZERO; 2];
        let inputs = self.p.as_chunks::<{ 2 * QUAD }>().0.iter().zip(self.q.as_chunks::<{ 2 * QUAD }>().0);
        let outputs = self.p_out.as_chunks_mut::<QUAD>().0.iter_mut().zip(self.q_out.as_chunks_mut::<QUAD>().0);
        for (((p, q), (p_out, q_out)), eq) in inputs.zip(outputs).zip(self.eq.as_chunks::<PACKS>().0) {
            *p_out = bind(p, r);
            *q_out = bind(q, r);
            add_rows(&mut sums, eq, p_out, q_out, lambda);
        }
        sums
    }

    /// As [`Fold::run`], on every core if that is much.
    fn run_all(self, r: PackedE, lambda: PackedE) -> [PackedE; 2] {
        if self.eq.len() <= TASK_PACKS {
            return self.run(r, lambda);
        }
        let middle = (self.eq.len() / 2).next_multiple_of(PACKS);
        let (eq, eq_rest) = self.eq.split_at(middle);
        let ((p, p_rest), (q, q_rest)) = (self.p.split_at(8 * middle), self.q.split_at(8 * middle));
        let (p_out, p_last) = self.p_out.split_at_mut(4 * middle);
        let (q_out, q_last) = self.q_out.split_at_mut(4 * middle);
        let first = Fold { p, q, eq, p_out, q_out };
        let rest = Fold { p: p_rest, q: q_rest, eq: eq_rest, p_out: p_last, q_out: q_last };
        let (a, b) = rayon::join(|| first.run_all(r, lambda), || rest.run_all(r, lambda));
        [a[0] + b[0], a[1] + b[1]]
    }
}

/// Binds the last variable of groups to `r` and sums for the next round, with weights `eq`; `more` rounds over groups may follow it.
fn fold(
    [p, q]: [&[PackedE]; 2],
    eq: &[PackedE],
    more: bool,
    r: E,
    lambda: E,
) -> (Buffer<PackedE>, Buffer<PackedE>, [PackedE; 2]) {
    let filled = q.len() / 2;
    let len = if more { filled.next_multiple_of(2 * QUAD) } else { filled };
    let (mut p_out, mut q_out) = (Buffer::stale(len), Buffer::stale(len));
    let task = Fold { p, q, eq, p_out: &mut p_out[..filled], q_out: &mut q_out[..filled] };
    let sums = task.run_all(r.into(), lambda.into());
    for (i, (p, q)) in p_out[filled..].iter_mut().zip(&mut q_out[filled..]).enumerate() {
        *p = if i / PACKS % 2 == 0 { PackedE::ZERO } else { lambda.into() };
        *q = PackedE::ONE;
    }
    (p_out, q_out, sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::eq::eq_table;
    use crate::kernel::table::pack;
    use crate::kernel::table::tests::elements;
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
