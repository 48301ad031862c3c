//! The circuit of fractions and its layer sumchecks. See `ciro_verifier::lookup` for the protocol.

use crate::kernel::arena::Buffer;
use crate::kernel::layer::Halves;
use crate::kernel::table::{Table, add_lane, lane};
use crate::kernel::{FOLD_PACKS, PackedE, PackedF, WIDTH};
use crate::rounds::EqRounds;
use crate::witness::Witness;
use ciro_relation::{ColId, Expr, Relation};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, Occupant, Slot, lookup_columns, slots};
use ciro_verifier::lookup::Compression;
use p3_field::{Algebra, PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;

/// Numerators and denominators of one layer.
struct Layer {
    p: Table,
    q: Table,
}

/// The leaves: their numerators are integers.
struct Leaves {
    p: Buffer<F>,
    q: Table,
}

/// Fractions p₀/q₀ + p₁/q₁, not reduced.
fn add_fractions<A, B>([p0, p1]: [&[A]; 2], [q0, q1]: [&[B]; 2], p: &mut [B], q: &mut [B])
where
    A: PrimeCharacteristicRing + Copy,
    B: Algebra<A> + Copy,
{
    for (i, (p, q)) in p.iter_mut().zip(q).enumerate() {
        *p = q1[i] * p0[i] + q0[i] * p1[i];
        *q = q0[i] * q1[i];
    }
}

/// As [`add_fractions`] on whole layers.
fn parent_of<A, B>(p: &[A], q: &[B], p_out: &mut [B], q_out: &mut [B])
where
    A: PrimeCharacteristicRing + Copy + Sync,
    B: Algebra<A> + Copy + Sync + Send,
{
    let (p, q) = (p.split_at(p.len() / 2), q.split_at(q.len() / 2));
    let inputs = p.0.par_chunks(FOLD_PACKS).zip(p.1.par_chunks(FOLD_PACKS));
    let inputs = inputs.zip(q.0.par_chunks(FOLD_PACKS).zip(q.1.par_chunks(FOLD_PACKS)));
    let outputs = p_out.par_chunks_mut(FOLD_PACKS).zip(q_out.par_chunks_mut(FOLD_PACKS));
    inputs.zip(outputs).for_each(|(((p0, p1), (q0, q1)), (p, q))| add_fractions([p0, p1], [q0, q1], p, q));
}

fn packed_parent<A>(p: &[A], q: &[PackedE]) -> Layer
where
    A: PrimeCharacteristicRing + Copy + Sync,
    PackedE: Algebra<A>,
{
    let (mut p_out, mut q_out) = (Buffer::stale(q.len() / 2), Buffer::stale(q.len() / 2));
    parent_of(p, q, &mut p_out, &mut q_out);
    Layer { p: Table::packed(p_out), q: Table::packed(q_out) }
}

fn scalar_parent<A>(p: &[A], q: &[E]) -> Layer
where
    A: PrimeCharacteristicRing + Copy + Sync,
    E: Algebra<A>,
{
    let (mut p_out, mut q_out) = (E::zero_vec(q.len() / 2), E::zero_vec(q.len() / 2));
    parent_of(p, q, &mut p_out, &mut q_out);
    Layer { p: Table::Few(p_out), q: Table::Few(q_out) }
}

impl Layer {
    fn parent(&self) -> Self {
        match (&self.p, &self.q) {
            (Table::Few(p), Table::Few(q)) => scalar_parent(p, q),
            (Table::Many(p), Table::Many(q)) => packed_parent(p, q),
            _ => unreachable!("a layer has as many numerators as denominators"),
        }
    }
}

impl Leaves {
    fn parent(&self) -> Layer {
        match &self.q {
            Table::Few(q) => scalar_parent(&self.p, q),
            Table::Many(q) => packed_parent(PackedF::pack_slice(&self.p), q),
        }
    }

    fn into_layer(self) -> Layer {
        let p = match &self.q {
            Table::Few(_) => Table::Few(self.p.iter().map(|&x| E::from(x)).collect()),
            Table::Many(q) => {
                let mut p = Buffer::stale(q.len());
                for (p, &x) in p.iter_mut().zip(PackedF::pack_slice(&self.p)) {
                    *p = PackedE::from(x);
                }
                Table::packed(p)
            }
        };
        Layer { p, q: self.q }
    }
}

/// Proves the lookup phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, claims: &mut Evaluations) {
    if relation.lookups.is_empty() {
        return;
    }
    let compression = Compression::draw(transcript);
    let leaves = leaves(relation, witness, &compression);
    let mut layers = Vec::new();
    if leaves.p.len() > 2 {
        layers.push(leaves.parent());
    }
    while let Some(last) = layers.last().filter(|l| l.p.len() > 2) {
        layers.push(last.parent());
    }
    layers.insert(0, leaves.into_layer());
    let Some(top) = layers.pop() else { return };
    let (p, q) = (top.p.to_vec(), top.q.to_vec());
    let children = [p[0], p[1], q[0], q[1]];
    transcript.write_exts("lookup root", &children);
    let (mut point, mut claim) = split(transcript, children, Vec::new());
    while let Some(layer) = layers.pop() {
        (point, claim) = descend(transcript, layer, &point, claim);
    }
    let columns = lookup_columns(relation);
    let values = witness.evaluate(relation, &columns, &point);
    transcript.write_exts("lookup columns", &values);
    claims.claim_columns(relation, &columns, &point, &values);
}

/// From the claims (p, q) at `point` on a layer to claims on the layer below it, `layer`.
fn descend(transcript: &mut Writer, mut layer: Layer, point: &[E], (p, q): (E, E)) -> (Vec<E>, (E, E)) {
    let lambda = transcript.challenge("lookup layer");
    let mut rounds = EqRounds::new("lookup rounds", point, p + lambda * q);
    let (mut halves, mut sums) = Halves::start(&mut layer.p, &mut layer.q, rounds.weights(), lambda);
    let mut r = rounds.send(transcript, sums);
    while !rounds.is_done() {
        sums = halves.fold(r, rounds.weights());
        r = rounds.send(transcript, sums);
    }
    let [p0, b, q0, q1] = halves.last(r);
    let children = [p0, b - lambda * q1, q0, q1];
    transcript.write_exts("lookup children", &children);
    split(transcript, children, rounds.into_point())
}

fn split(transcript: &mut Writer, [p0, p1, q0, q1]: [E; 4], rest: Vec<E>) -> (Vec<E>, (E, E)) {
    let tau = transcript.challenge("lookup split");
    let mut point = vec![tau];
    point.extend(rest);
    (point, (p0 + tau * (p1 - p0), q0 + tau * (q1 - q0)))
}

/// constant + Σ coefficient·column on each row: the denominators of a slot.
struct Combination<'a> {
    constant: E,
    terms: Vec<(E, &'a [F])>,
}

impl<'a> Combination<'a> {
    /// β − (tag + α·c₀ + α²·c₁ + …).
    fn new<'e>(
        witness: &'a Witness,
        compression: &Compression,
        tag: usize,
        tuple: impl Iterator<Item = (i64, &'e [(i64, ColId)])>,
    ) -> Self {
        let mut constant = compression.beta - E::from_usize(tag);
        let mut terms = Vec::new();
        let mut power = compression.alpha;
        for (added, entry) in tuple {
            constant -= power * from_int(added);
            for &(c, col) in entry {
                let coefficient = -power * from_int(c);
                match witness.column(col) {
                    [one] => constant += coefficient * *one,
                    many => terms.push((coefficient, many)),
                }
            }
            power *= compression.alpha;
        }
        Self { constant, terms }
    }

    fn row(&self, row: usize) -> E {
        self.terms.iter().fold(self.constant, |acc, (c, column)| acc + *c * column[row])
    }

    fn packs(&self, out: &mut [PackedE]) {
        let constant = PackedE::from(self.constant);
        let terms: Vec<(PackedE, &[PackedF])> =
            self.terms.iter().map(|(c, column)| (PackedE::from(*c), PackedF::pack_slice(column))).collect();
        out.par_chunks_mut(FOLD_PACKS).enumerate().for_each(|(task, out)| {
            for (i, out) in (task * FOLD_PACKS..).zip(out) {
                *out = terms.iter().fold(constant, |acc, (c, column)| acc + *c * column[i]);
            }
        });
    }

    /// Writes the rows of a slot whose leaves are one before.
    fn write(&self, slot: &Slot, q: &mut [PackedE]) {
        let len = 1usize << slot.log_len;
        if len >= WIDTH {
            self.packs(&mut q[slot.offset / WIDTH..][..len / WIDTH]);
            return;
        }
        for row in 0..len {
            let leaf = slot.offset + row;
            add_lane(&mut q[leaf / WIDTH], leaf % WIDTH, self.row(row) - E::ONE);
        }
    }
}

fn leaves(relation: &Relation, witness: &Witness, compression: &Compression) -> Leaves {
    let (slots, depth) = slots(relation);
    let len = 1usize << depth;
    let (mut p, mut q) = (Buffer::stale(len), Buffer::stale(len.div_ceil(WIDTH)));
    p.fill(F::ZERO);
    q.fill(PackedE::ONE);
    for slot in slots {
        match slot.occupant {
            Occupant::Lookup(i) => {
                let lookup = &relation.lookups[i];
                let numerators = &mut p[slot.offset..][..1 << slot.log_len];
                lookup.rows.indices().into_iter().for_each(|row| numerators[row] = F::ONE);
                let tuple = lookup.tuple.iter().map(|e: &Expr| (e.constant, e.terms.as_slice()));
                Combination::new(witness, compression, lookup.tag, tuple).write(&slot, &mut q);
            }
            Occupant::Table(i) => {
                let table = &relation.tables[i];
                for (p, &m) in p[slot.offset..].iter_mut().zip(witness.column(table.multiplicity)) {
                    *p = -m;
                }
                let columns: Vec<[(i64, ColId); 1]> = table.tuple.iter().map(|&c| [(1, c)]).collect();
                let tuple = columns.iter().map(|c| (0, c.as_slice()));
                Combination::new(witness, compression, table.tag, tuple).write(&slot, &mut q);
            }
        }
    }
    let q = if len < WIDTH { Table::Few((0..len).map(|i| lane(&q[0], i)).collect()) } else { Table::packed(q) };
    Leaves { p, q }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::{cells, elements};

    /// p₀/q₀ + p₁/q₁ node by node.
    fn parent_plainly(p: &[E], q: &[E]) -> (Vec<E>, Vec<E>) {
        let half = p.len() / 2;
        (0..half).map(|i| (p[i] * q[half + i] + p[half + i] * q[i], q[i] * q[half + i])).unzip()
    }

    #[test]
    fn parents_are_the_sums_of_their_children_at_every_length() {
        for log in [1, 2, 3, 4, 5, 8, 16] {
            let all = elements(2 << log);
            let (p, q) = all.split_at(1 << log);
            let layer = Layer { p: Table::new(p.to_vec()), q: Table::new(q.to_vec()) }.parent();
            assert_eq!((layer.p.to_vec(), layer.q.to_vec()), parent_plainly(p, q), "{log}");

            let base = cells(1 << log);
            let lifted: Vec<E> = base.iter().map(|&x| E::from(x)).collect();
            let mut kept = Buffer::stale(base.len());
            kept.copy_from_slice(&base);
            let leaves = Leaves { p: kept, q: Table::new(q.to_vec()) };
            let parent = leaves.parent();
            assert_eq!((parent.p.to_vec(), parent.q.to_vec()), parent_plainly(&lifted, q), "{log}");
            assert_eq!(leaves.into_layer().p.to_vec(), lifted, "{log}");
        }
    }

    #[test]
    fn packed_rows_of_a_combination_equal_single_ones() {
        let columns = [cells(1 << 9), cells(2 << 9)[1 << 9..].to_vec()];
        let factors = elements(3);
        let terms = columns.iter().zip(&factors).map(|(column, &c)| (c, column.as_slice())).collect();
        let combination = Combination { constant: factors[2], terms };
        let mut packs = Buffer::stale((1 << 9) / WIDTH);
        combination.packs(&mut packs);
        let rows: Vec<E> = (0..1 << 9).map(|row| combination.row(row)).collect();
        assert_eq!(Table::packed(packs).to_vec(), rows);
        assert_eq!(rows[5], factors[2] + factors[0] * columns[0][5] + factors[1] * columns[1][5]);
    }
}
