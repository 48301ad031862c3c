//! The rounds of Σ eq·(p₀q₁ + p₁q₀ + λq₀q₁) over the groups of a layer.
//!
//! The summand is p₀q₁ + bq₀ with b = p₁ + λq₁, and b folds like a table. Where numerators are one it is ((1 + λq₀)(1 + λq₁) − 1)/λ, one
//! product of two tables, and remains so as they fold. Where nodes are 0/1 it is λ, and what is summed is how much the others
//! differ from that. [`super::layer`] tests all of it against the definition.

use crate::kernel::arena::Buffer;
use crate::kernel::eq::prefix_tables;
use crate::kernel::layer::{Exchange, reduce_few, unpacked};
use crate::kernel::lines::Line;
use crate::kernel::piece::{Piece, bind, fold, fold_parents, fold_units, is_first, start, start_units};
use crate::kernel::table::sum_lanes;
use crate::kernel::{PACKS, PackedE, PackedF, QUAD};
use ciro_transcript::E;
use ciro_verifier::lookup::NEIGHBOURS;
use p3_field::{Field, PrimeCharacteristicRing};
use rayon::prelude::*;

/// Nodes whose numerators are one, whole octets of groups.
pub enum Unit {
    /// Leaves that are lines.
    Line(Line),
    /// Denominators, and 1 + λq once rounds begin.
    Table(Buffer<PackedE>),
}

impl Unit {
    /// Packs of nodes.
    pub fn packs(&self) -> usize {
        match self {
            Self::Line(line) => line.packs().len(),
            Self::Table(q) => q.len(),
        }
    }
}

/// Other nodes, whole octets of groups or all there are.
pub enum Nodes<'a> {
    /// Parents of leaves that are lines.
    Parents(&'a Line),
    /// Node by node.
    Table {
        /// Numerators; once rounds begin, p₀ and b in turn.
        p: Buffer<PackedE>,
        /// Denominators.
        q: Buffer<PackedE>,
    },
}

impl Nodes<'_> {
    /// Packs of nodes.
    pub fn packs(&self) -> usize {
        match self {
            Self::Parents(line) => line.packs().len() / 2,
            Self::Table { q, .. } => q.len(),
        }
    }
}

/// What the rounds over groups fold.
pub struct Groups<'a> {
    /// The first nodes.
    units: Vec<Unit>,
    /// The next ones.
    nodes: Vec<Nodes<'a>>,
    lambda: E,
    /// 1/λ, or zero if there is none: that challenge has probability 2⁻¹⁵⁵; the proof would then fail, not lie.
    inverse: E,
}

impl<'a> Groups<'a> {
    /// The nodes of a layer, in order.
    pub fn new(units: Vec<Unit>, nodes: Vec<Nodes<'a>>, lambda: E) -> Self {
        Self { units, nodes, lambda, inverse: lambda.try_inverse().unwrap_or(E::ZERO) }
    }

    /// Packs of units, and of other nodes.
    fn len(&self) -> [usize; 2] {
        [self.units.iter().map(Unit::packs).sum(), self.nodes.iter().map(Nodes::packs).sum()]
    }

    /// The rounds over groups, then those within the last one.
    pub fn reduce(mut self, point: &[E], send: &mut Exchange<'_>) -> [E; 4] {
        let (groups, neighbours) = point.split_at(point.len() - NEIGHBOURS);
        let len = self.len().iter().sum::<usize>() / 4;
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
        let lambda = self.lambda;
        let mut eq = eq;
        let mut weights = |len: usize| eq.split_off(..len / 4).unwrap_or_default();
        let units: Vec<_> = self.units.iter_mut().map(|unit| (weights(unit.packs()), unit)).collect();
        let nodes: Vec<_> = self.nodes.iter_mut().map(|nodes| (weights(nodes.packs()), nodes)).collect();
        let units = sum_all(units, |(eq, unit)| start_unit(unit, eq, lambda));
        let others = sum_all(nodes, |(eq, nodes)| start_nodes(nodes, eq, lambda));
        self.total(units, others)
    }

    /// Sums of the summand, from those of its difference from λ: eq adds up to one.
    fn total(&self, units: [PackedE; 2], others: [PackedE; 2]) -> [E; 2] {
        std::array::from_fn(|x| self.lambda + sum_lanes(others[x]) + self.inverse * sum_lanes(units[x]))
    }

    /// Binds the last variable of groups to `r` and sums for the next round, with weights `eq`; `more` rounds over groups may
    /// follow it.
    fn fold(&mut self, eq: &[PackedE], more: bool, r: E) -> [E; 2] {
        let lambda = self.lambda;
        let [unit_len, node_len] = self.len().map(|len| len / 2);
        let mut eq = eq;
        let mut weights = |len: usize| eq.split_off(..len / 8).unwrap_or_default();
        let mut units = Buffer::stale(unit_len);
        let mut out = &mut *units;
        let work: Vec<_> =
            self.units.iter().map(|unit| (weights(unit.packs()), unit, front(&mut out, unit.packs() / 2))).collect();
        let unit_sums = sum_all(work, |(eq, unit, out)| fold_unit(unit, out, eq, r, lambda));

        // Units that no longer fill an octet join the others.
        let joined = unit_len % (2 * QUAD);
        let filled = joined + node_len;
        let len = if more { filled.next_multiple_of(2 * QUAD) } else { filled };
        let (mut p, mut q) = (Buffer::stale(len), Buffer::stale(len));
        let (mut p_out, mut q_out) = (&mut p[joined..filled], &mut q[joined..filled]);
        let outputs = |len: usize| [front(&mut p_out, len / 2), front(&mut q_out, len / 2)];
        let lengths: Vec<usize> = self.nodes.iter().map(Nodes::packs).collect();
        let outputs: Vec<_> = lengths.into_iter().map(outputs).collect();
        let work: Vec<_> =
            self.nodes.iter().zip(outputs).map(|(nodes, out)| (weights(nodes.packs()), nodes, out)).collect();
        let sums = sum_all(work, |(eq, nodes, out)| fold_nodes(nodes, out, eq, r, lambda));
        let kept = unit_len - joined;
        self.join(&units[kept..], &mut p, &mut q);
        units.truncate(kept);
        fill(&mut p[filled..], &mut q[filled..], PackedE::from(lambda));
        (self.units, self.nodes) = (vec![Unit::Table(units)], vec![Nodes::Table { p, q }]);
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
    fn last(mut self, r: E) -> [Vec<E>; 4] {
        let bound = |table: &[PackedE]| {
            let (low, high) = table.split_at(table.len() / 2);
            low.iter().zip(high).map(|(&low, &high)| low + PackedE::from(r) * (high - low)).collect::<Vec<PackedE>>()
        };
        let Some(Nodes::Table { p, q }) = self.nodes.pop() else {
            unreachable!("a round over groups leaves one table")
        };
        let (p, q) = (bound(&p), bound(&q));
        [&p[..PACKS], &p[PACKS..], &q[..PACKS], &q[PACKS..]].map(unpacked)
    }
}

/// Takes the first `len` values off a slice.
pub fn front<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    rest.split_off_mut(..len).unwrap_or_default()
}

/// Adds up `f`, on every core if there is much.
fn sum_all<T: Send>(items: Vec<T>, f: impl Fn(T) -> [PackedE; 2] + Send + Sync) -> [PackedE; 2] {
    let add = |a: [PackedE; 2], b: [PackedE; 2]| [a[0] + b[0], a[1] + b[1]];
    if items.len() < 2 {
        return items.into_iter().map(f).fold([PackedE::ZERO; 2], add);
    }
    items.into_par_iter().map(f).reduce(|| [PackedE::ZERO; 2], add)
}

/// Nodes 0/1, with b for p₁.
fn fill(p: &mut [PackedE], q: &mut [PackedE], lambda: PackedE) {
    for (i, (p, q)) in p.iter_mut().zip(q).enumerate() {
        *p = if is_first(i) { PackedE::ZERO } else { lambda };
        *q = PackedE::ONE;
    }
}

/// What is taken off a product of units, so that those of nodes 0/1 add nothing.
fn offset(lambda: E) -> E {
    lambda.square() + E::ONE
}

/// The first sums over units; makes 1 + λq of denominators.
fn start_unit(unit: &mut Unit, eq: &[PackedE], lambda: E) -> [PackedE; 2] {
    match unit {
        Unit::Table(units) => {
            let piece = Piece { inputs: [], outputs: [&mut **units], eq };
            let (lambda, offset) = (PackedE::from(lambda), PackedE::from(offset(lambda)));
            piece.sum(&|piece| start_units(piece, lambda, offset))
        }
        Unit::Line(line) => {
            let piece = Piece { inputs: [line.packs()], outputs: [], eq };
            piece.sum(&|piece: Piece<'_, PackedF, 1, 0>| {
                line.leaf_sums(piece.inputs[0], piece.eq, lambda, offset(lambda))
            })
        }
    }
}

/// The first sums over other nodes; makes b of p₁.
fn start_nodes(nodes: &mut Nodes<'_>, eq: &[PackedE], lambda: E) -> [PackedE; 2] {
    match nodes {
        Nodes::Table { p, q } => {
            let piece = Piece { inputs: [&**q], outputs: [&mut **p], eq };
            piece.sum(&|piece| start(piece, PackedE::from(lambda)))
        }
        Nodes::Parents(line) => {
            let piece = Piece { inputs: [line.packs()], outputs: [], eq };
            piece.sum(&|piece: Piece<'_, PackedF, 1, 0>| line.parent_sums(piece.inputs[0], piece.eq, lambda))
        }
    }
}

/// Binds the last variable of groups to `r` in units, and sums.
fn fold_unit(unit: &Unit, out: &mut [PackedE], eq: &[PackedE], r: E, lambda: E) -> [PackedE; 2] {
    let offset = PackedE::from(offset(lambda));
    match unit {
        Unit::Table(units) => {
            let r = PackedE::from(r);
            Piece { inputs: [&**units], outputs: [out], eq }
                .sum(&|piece| fold_units(piece, &|units| bind(units, r), offset))
        }
        Unit::Line(line) => {
            let bind = line.bind_leaves(r, lambda);
            Piece { inputs: [line.packs()], outputs: [out], eq }.sum(&|piece| fold_units(piece, &bind, offset))
        }
    }
}

/// Binds the last variable of groups to `r` in other nodes, and sums.
fn fold_nodes(nodes: &Nodes<'_>, [p, q]: [&mut [PackedE]; 2], eq: &[PackedE], r: E, lambda: E) -> [PackedE; 2] {
    match nodes {
        Nodes::Table { p: p_in, q: q_in } => {
            let (r, lambda) = (PackedE::from(r), PackedE::from(lambda));
            Piece { inputs: [&**p_in, &**q_in], outputs: [p, q], eq }.sum(&|piece| fold(piece, r, lambda))
        }
        Nodes::Parents(line) => {
            let bind = line.bind_parents(r, lambda);
            let lambda = PackedE::from(lambda);
            Piece { inputs: [line.packs()], outputs: [p, q], eq }.sum(&|piece| fold_parents(piece, &bind, lambda))
        }
    }
}
