//! Layers of fractions, their sums, and the rounds of Σ eq·(p₀q₁ + p₁q₀ + λq₀q₁) over them.
//!
//! A layer stores the nodes up to the last slot, in groups of sixteen neighbours; all others are 0/1. The children of
//! group y are the groups 2y and 2y + 1, and rounds bind the variables of groups from the last to the first. So sums
//! and folds of a prefix are prefixes, and nobody touches the rest. Leaves of whole lookups come first; their
//! numerators are one, and are not stored.

use crate::kernel::arena::Buffer;
use crate::kernel::eq::few;
use crate::kernel::groups::{Groups, Nodes, Unit, front};
use crate::kernel::lines::Line;
use crate::kernel::table::unpack;
use crate::kernel::{FOLD_PACKS, PACKS, PackedE, PackedF, WIDTH};
use crate::rounds;
use ciro_transcript::{E, F};
use ciro_verifier::lookup::NEIGHBOURS;
use p3_field::{Algebra, PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;

/// Takes t(0) and t(2) of a round and returns its challenge.
pub type Exchange<'a> = dyn FnMut([E; 2]) -> E + 'a;

/// Numerators and denominators of one layer.
pub enum Layer<'a> {
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
        /// Those that are stored or follow from leaves.
        nodes: Vec<Nodes<'a>>,
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
fn parent<'a>(vars: usize, nodes: &[Nodes<'_>]) -> Layer<'a> {
    let filled = nodes.iter().map(Nodes::packs).sum::<usize>() / 2;
    let len = PACKS * stored_groups(filled / PACKS, vars - 1);
    let (mut p, mut q) = (Buffer::stale(len), Buffer::stale(len));
    let (mut p_out, mut q_out) = (&mut *p, &mut *q);
    let work = nodes.iter().map(|nodes| {
        let len = nodes.packs() / 2;
        (nodes, front(&mut p_out, len), front(&mut q_out, len))
    });
    let add = |(nodes, p, q): (&Nodes<'_>, &mut [PackedE], &mut [PackedE])| match nodes {
        Nodes::Parents(line) => add_lines(line, p, q),
        Nodes::Table { p: p_in, q: q_in } => add_all(p_in, q_in, p, q),
    };
    let work: Vec<_> = work.collect();
    if work.len() < 2 {
        work.into_iter().for_each(add);
    } else {
        work.into_par_iter().for_each(add);
    }
    p[filled..].fill(PackedE::ZERO);
    q[filled..].fill(PackedE::ONE);
    Layer::new(vars - 1, p, q)
}

/// Sums of four leaves each, on every core if that is much.
fn add_lines(line: &Line, p: &mut [PackedE], q: &mut [PackedE]) {
    let outputs = p.par_chunks_mut(FOLD_PACKS).zip(q.par_chunks_mut(FOLD_PACKS));
    outputs.zip(line.packs().par_chunks(4 * FOLD_PACKS)).for_each(|((p, q), leaves)| line.add_four(leaves, p, q));
}

/// The leaves. There are at least four groups of them.
pub struct Leaves {
    /// log₂ of their number.
    pub vars: usize,
    /// The first ones.
    pub units: Vec<Unit>,
    /// Numerators of the next ones. Those past them are 0/1.
    pub p: Buffer<F>,
    /// Denominators of the same.
    pub q: Buffer<PackedE>,
}

impl Leaves {
    /// The layer above.
    pub fn parent(&self) -> Layer<'_> {
        let last = self.units.iter().rposition(|unit| matches!(unit, Unit::Line(_))).map_or(0, |last| last + 1);
        let (first, rest) = self.units.split_at(last);
        let mut nodes: Vec<Nodes<'_>> = first.iter().map(parents).collect();
        let filled = (rest.iter().map(Unit::packs).sum::<usize>() + self.q.len()) / 2;
        let before = nodes.iter().map(Nodes::packs).sum::<usize>();
        let len = PACKS * stored_groups((before + filled) / PACKS, self.vars - 1) - before;
        let (mut p, mut q) = (Buffer::stale(len), Buffer::stale(len));
        let mut at = 0;
        for unit in rest {
            let Unit::Table(units) = unit else { unreachable!("lines come before") };
            let end = at + units.len() / 2;
            add_units(units, &mut p[at..end], &mut q[at..end]);
            at = end;
        }
        add_all(PackedF::pack_slice(&self.p), &self.q, &mut p[at..filled], &mut q[at..filled]);
        p[filled..].fill(PackedE::ZERO);
        q[filled..].fill(PackedE::ONE);
        nodes.push(Nodes::Table { p, q });
        Layer::of(self.vars - 1, nodes)
    }

    /// As [`Layer::reduce`].
    pub fn reduce(self, point: &[E], lambda: E, send: &mut Exchange<'_>) -> [E; 4] {
        let mut p = Buffer::stale(self.q.len());
        for (p, &x) in p.iter_mut().zip(PackedF::pack_slice(&self.p)) {
            *p = PackedE::from(x);
        }
        let [p0, b, q0, q1] = Groups::new(self.units, vec![Nodes::Table { p, q: self.q }], lambda).reduce(point, send);
        [p0, b - lambda * q1, q0, q1]
    }
}

/// The parents of units.
fn parents(unit: &Unit) -> Nodes<'_> {
    match unit {
        Unit::Line(line) => Nodes::Parents(line),
        Unit::Table(units) => {
            let (mut p, mut q) = (Buffer::stale(units.len() / 2), Buffer::stale(units.len() / 2));
            add_units(units, &mut p, &mut q);
            Nodes::Table { p, q }
        }
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

/// All elements of some packs.
pub fn unpacked(packs: &[PackedE]) -> Vec<E> {
    let mut all = Vec::with_capacity(packs.len() * WIDTH);
    packs.iter().for_each(|pack| unpack(pack, &mut all));
    all
}

impl<'a> Layer<'a> {
    /// A layer of 2^`vars` nodes, of which those past the stored groups ([`stored_groups`]) are 0/1.
    pub fn new(vars: usize, p: Buffer<PackedE>, q: Buffer<PackedE>) -> Self {
        Self::of(vars, vec![Nodes::Table { p, q }])
    }

    /// As [`Layer::new`]. Small layers are one table.
    fn of(vars: usize, mut nodes: Vec<Nodes<'a>>) -> Self {
        if vars > NEIGHBOURS + 1 {
            return Self::Many { vars, nodes };
        }
        let Some(Nodes::Table { p, q }) = nodes.pop() else { unreachable!("lines are longer") };
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
    pub fn parent<'b>(&self) -> Layer<'b> {
        match self {
            Self::Many { vars, nodes } => parent(*vars, nodes),
            Self::Few { p, q } => {
                let (p, q) = (p.split_at(p.len() / 2), q.split_at(q.len() / 2));
                let sum = |i: usize| (p.0[i] * q.1[i] + p.1[i] * q.0[i], q.0[i] * q.1[i]);
                let (p, q) = (0..p.0.len()).map(sum).unzip();
                Layer::Few { p, q }
            }
        }
    }

    /// Runs the rounds for a claim at `point` of the layer above: `send` takes t(0) and t(2) and returns the challenge. Returns the
    /// values of p₀, p₁, q₀ and q₁.
    pub fn reduce(self, point: &[E], lambda: E, send: &mut Exchange<'_>) -> [E; 4] {
        let [p0, b, q0, q1] = match self {
            Self::Many { nodes, .. } => Groups::new(Vec::new(), nodes, lambda).reduce(point, send),
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
pub fn reduce_few(mut tables: [Vec<E>; 4], point: &[E], send: &mut Exchange<'_>) -> [E; 4] {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::eq::eq_table;
    use crate::kernel::table::pack;
    use crate::kernel::table::tests::{cells, elements};
    use ciro_verifier::lookup::in_rounds;

    /// A layer whose nodes past `groups` groups are 0/1, and all its nodes.
    fn sample(vars: usize, groups: usize) -> (Layer<'static>, [Vec<E>; 2]) {
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
    fn nodes(layer: &Layer<'_>) -> [Vec<E>; 2] {
        match layer {
            Layer::Few { p, q } => [p.clone(), q.clone()],
            Layer::Many { vars, nodes } => {
                let (mut p, mut q) = (Vec::new(), Vec::new());
                for nodes in nodes {
                    let [p_own, q_own] = stored(nodes);
                    p.extend(p_own);
                    q.extend(q_own);
                }
                p.resize(1 << vars, E::ZERO);
                q.resize(1 << vars, E::ONE);
                [p, q]
            }
        }
    }

    /// Nodes one by one: those of a line from its leaves.
    fn stored(nodes: &Nodes<'_>) -> [Vec<E>; 2] {
        match nodes {
            Nodes::Table { p, q } => [unpacked(p), unpacked(q)],
            Nodes::Parents(line) => {
                let q = denominators(line);
                let pairs = q.chunks_exact(2 << NEIGHBOURS).flat_map(|groups| {
                    let (first, second) = groups.split_at(1 << NEIGHBOURS);
                    first.iter().copied().zip(second.to_vec())
                });
                pairs.map(|(x, y)| (x + y, x * y)).unzip::<E, E, Vec<E>, Vec<E>>().into()
            }
        }
    }

    fn denominators(line: &Line) -> Vec<E> {
        line.values.iter().map(|&x| line.constant + line.slope * x).collect()
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

    fn packed(values: &[E]) -> Buffer<PackedE> {
        let mut buffer = Buffer::stale(values.len() / WIDTH);
        buffer.iter_mut().zip(values.chunks_exact(WIDTH)).for_each(|(b, v)| *b = pack(v));
        buffer
    }

    /// A line of leaves, or denominators of as many groups.
    fn sample_unit(number: usize, groups: usize, line: bool) -> Unit {
        let len = groups << NEIGHBOURS;
        if !line {
            return Unit::Table(packed(&elements(number + len)[number..]));
        }
        let mut values = Buffer::stale(len);
        values.copy_from_slice(&cells(number + len)[number..]);
        let ends = elements(number + 2);
        Unit::Line(Line { constant: ends[number], slope: ends[number + 1], values })
    }

    /// log₂ of the leaves; groups of each unit, and whether it is a line; groups of other leaves.
    type Shape<'a> = (usize, &'a [(usize, bool)], usize);

    /// Leaves, and the layer of the same nodes. The first leaves are units of so many groups, lines or not. `rest` other groups follow.
    fn sample_leaves(vars: usize, units: &[(usize, bool)], rest: usize) -> (Leaves, Layer<'static>) {
        let units: Vec<Unit> =
            units.iter().enumerate().map(|(i, &(groups, line))| sample_unit(i, groups, line)).collect();
        let mut q: Vec<E> = Vec::new();
        for unit in &units {
            match unit {
                Unit::Line(line) => q.extend(denominators(line)),
                Unit::Table(table) => q.extend(unpacked(table)),
            }
        }
        let ones = q.len();
        q.extend(elements(rest << NEIGHBOURS));
        let mut p = vec![F::ONE; ones];
        p.extend(cells(rest << NEIGHBOURS));
        let stored = stored_groups(q.len() >> NEIGHBOURS, vars) << NEIGHBOURS;
        p.resize(stored, F::ZERO);
        q.resize(stored, E::ONE);
        let lifted: Vec<E> = p.iter().map(|&x| E::from(x)).collect();
        let layer = Layer::new(vars, packed(&lifted), packed(&q));
        let mut own = Buffer::stale(stored - ones);
        own.copy_from_slice(&p[ones..]);
        (Leaves { vars, units, p: own, q: packed(&q[ones..]) }, layer)
    }

    #[test]
    fn leaves_equal_a_layer_of_the_same_nodes() {
        // Without units, without and with lines, lines between others, and pieces of several tasks.
        let shapes: [Shape<'_>; 12] = [
            (6, &[], 1),
            (6, &[], 4),
            (7, &[(8, false)], 0),
            (8, &[(8, false)], 1),
            (9, &[(16, false)], 4),
            (9, &[(24, false)], 8),
            (9, &[(32, true)], 0),
            (10, &[(32, true)], 3),
            (11, &[(64, true), (32, true), (8, false)], 1),
            (12, &[(64, false), (64, true), (32, false), (32, true), (24, false)], 7),
            (17, &[(4992, false)], 8),
            (19, &[(16384, true), (8192, false), (1024, true), (40, false)], 3),
        ];
        for (vars, units, rest) in shapes {
            let shape = format!("{vars} {units:?} {rest}");
            let (leaves, layer) = sample_leaves(vars, units, rest);
            let (parent, expected) = (leaves.parent(), layer.parent());
            assert_eq!(nodes(&parent), nodes(&expected), "{shape}");
            let (point, lambda) = (elements(vars - 1), elements(vars + 1)[vars]);
            if vars > 6 {
                assert_eq!(nodes(&parent.parent()), nodes(&expected.parent()), "{shape}");
            }
            assert_eq!(transcript(parent, &point[1..], lambda), transcript(expected, &point[1..], lambda), "{shape}");
            let leaf_messages = messages(vars, |send| leaves.reduce(&point, lambda, send));
            assert_eq!(leaf_messages, transcript(layer, &point, lambda), "{shape}");
        }
    }

    /// What a layer's rounds send, and their end.
    fn transcript(layer: Layer<'_>, point: &[E], lambda: E) -> (Vec<[E; 2]>, [E; 4]) {
        messages(layer.vars(), |send| layer.reduce(point, lambda, send))
    }

    fn messages(vars: usize, reduce: impl FnOnce(&mut Exchange<'_>) -> [E; 4]) -> (Vec<[E; 2]>, [E; 4]) {
        let (challenges, mut messages) = (elements(vars + 3), Vec::new());
        let ends = reduce(&mut |sums| {
            messages.push(sums);
            challenges[messages.len()]
        });
        (messages, ends)
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
