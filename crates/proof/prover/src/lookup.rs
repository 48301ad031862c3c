//! The circuit of fractions and its layer sumchecks. See `ciro_verifier::lookup` for the protocol.

use crate::kernel::arena::Buffer;
use crate::kernel::groups::Unit;
use crate::kernel::layer::{Exchange, Layer, Leaves, stored_groups};
use crate::kernel::lines::{LEAVES_MIN, Line};
use crate::kernel::table::add_lane;
use crate::kernel::{FOLD_PACKS, PackedE, PackedF, WIDTH};
use crate::parts::Part;
use crate::rounds::EqRounds;
use crate::witness::Witness;
use ciro_relation::{ColId, Expr, Parts, Relation};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, Occupant, Slot, lookup_reads, part_bits, slots};
use ciro_verifier::lookup::{Compression, NEIGHBOURS, child, in_rounds};
use p3_field::{PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;

/// Proves the lookup phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, claims: &mut Evaluations) {
    if relation.lookups.is_empty() {
        return;
    }
    let compression = Compression::draw(transcript);
    let point = circuit(transcript, leaves(relation, witness, &compression));
    let reads = lookup_reads(relation);
    let values = witness.evaluate_parts(relation, &reads, &point);
    transcript.write_exts("lookup columns", &values);
    let bound = transcript.challenges("lookup parts", part_bits(&reads));
    claims.claim_parts(relation, &reads, &point, &bound, &values);
}

/// Proves the sum of all leaves. Returns the point at which they are claimed.
fn circuit(transcript: &mut Writer, leaves: Leaves) -> Vec<E> {
    let mut layers = vec![leaves.parent()];
    while let Some(last) = layers.last().filter(|layer| layer.vars() > 1) {
        layers.push(last.parent());
    }
    let Some(Layer::Few { p, q }) = layers.pop() else { unreachable!("a layer of two nodes is stored node by node") };
    let root = [p[0], p[1], q[0], q[1]];
    transcript.write_exts("lookup root", &root);
    let (mut point, mut claim) = split(transcript, root, Vec::new());
    while let Some(layer) = layers.pop() {
        (point, claim) = descend(transcript, &point, claim, |at, lambda, send| layer.reduce(at, lambda, send));
    }
    drop(layers);
    descend(transcript, &point, claim, |at, lambda, send| leaves.reduce(at, lambda, send)).0
}

/// From the claims (p, q) at `point` on a layer to claims on the layer below it, which `reduce` runs the rounds over.
fn descend(
    transcript: &mut Writer,
    point: &[E],
    (p, q): (E, E),
    reduce: impl FnOnce(&[E], E, &mut Exchange<'_>) -> [E; 4],
) -> (Vec<E>, (E, E)) {
    let lambda = transcript.challenge("lookup layer");
    let z = in_rounds(point);
    let mut rounds = EqRounds::new("lookup rounds", &z, p + lambda * q);
    let children = reduce(point, lambda, &mut |sums| rounds.send(transcript, sums));
    transcript.write_exts("lookup children", &children);
    split(transcript, children, in_rounds(&rounds.into_point()))
}

fn split(transcript: &mut Writer, [p0, p1, q0, q1]: [E; 4], node: Vec<E>) -> (Vec<E>, (E, E)) {
    let tau = transcript.challenge("lookup split");
    (child(node, tau), (p0 + tau * (p1 - p0), q0 + tau * (q1 - q0)))
}

/// constant + Σ coefficient·column on each row: the denominators of a slot.
struct Combination<'a> {
    constant: E,
    terms: Vec<(E, &'a [F])>,
    /// Where the rows of the slot are in columns.
    part: Part,
}

impl<'a> Combination<'a> {
    /// The denominators of a slot.
    fn of(relation: &Relation, witness: &'a Witness, compression: &Compression, occupant: Occupant) -> Self {
        match occupant {
            Occupant::Lookup { lookup, part } => {
                let lookup = &relation.lookups[lookup];
                let tuple = lookup.tuple.iter().map(|e: &Expr| (e.constant, e.terms.as_slice()));
                let part = Part::new(lookup.rows.parts(), lookup.log_len as usize, part);
                Self::new(witness, compression, lookup.tag, tuple, part)
            }
            Occupant::Table(i) => {
                let table = &relation.tables[i];
                let columns: Vec<[(i64, ColId); 1]> = table.tuple.iter().map(|&c| [(1, c)]).collect();
                let part = Part::new(Parts::WHOLE, table.log_len as usize, 0);
                Self::new(witness, compression, table.tag, columns.iter().map(|c| (0, c.as_slice())), part)
            }
        }
    }

    /// β − (tag + α·c₀ + α²·c₁ + …).
    fn new<'e>(
        witness: &'a Witness,
        compression: &Compression,
        tag: usize,
        tuple: impl Iterator<Item = (i64, &'e [(i64, ColId)])>,
        part: Part,
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
        Self { constant, terms, part }
    }

    fn row(&self, row: usize) -> E {
        let row = self.part.row(row);
        self.terms.iter().fold(self.constant, |acc, (c, column)| acc + *c * column[row])
    }

    fn packs(&self, out: &mut [PackedE]) {
        let constant = PackedE::from(self.constant);
        let terms: Vec<(PackedE, &[PackedF])> =
            self.terms.iter().map(|(c, column)| (PackedE::from(*c), PackedF::pack_slice(column))).collect();
        out.par_chunks_mut(FOLD_PACKS).enumerate().for_each(|(task, out)| {
            for (i, out) in (task * FOLD_PACKS..).zip(out) {
                let i = self.part.pack(i);
                *out = terms.iter().fold(constant, |acc, (c, column)| acc + *c * column[i]);
            }
        });
    }

    /// Writes the rows of a slot whose leaves are one before.
    fn write(&self, offset: usize, log_len: u32, q: &mut [PackedE]) {
        let len = 1usize << log_len;
        if len >= WIDTH {
            self.packs(&mut q[offset / WIDTH..][..len / WIDTH]);
            return;
        }
        for row in 0..len {
            let leaf = offset + row;
            add_lane(&mut q[leaf / WIDTH], leaf % WIDTH, self.row(row) - E::ONE);
        }
    }
}

/// The first slots, whose leaves have the numerator one, and how many leaves these are. They are whole octets of groups, and no slot
/// crosses their end.
fn units<'a>(relation: &Relation, slots: &'a [Slot]) -> (&'a [Slot], usize) {
    let whole = |slot: &&Slot| matches!(slot.occupant, Occupant::Lookup { lookup, .. } if relation.lookups[lookup].rows.fills_parts());
    let end = slots.iter().take_while(whole).last().map_or(0, Slot::end);
    let end = end - end % (8 << NEIGHBOURS);
    (&slots[..slots.partition_point(|slot| slot.offset < end)], end)
}

/// Whether the leaves of a slot are lines in one base value: a long lookup of a single number.
fn is_line(relation: &Relation, slot: &Slot) -> bool {
    let single = |lookup: usize| relation.lookups[lookup].tuple.len() == 1;
    1 << slot.log_len >= LEAVES_MIN && matches!(slot.occupant, Occupant::Lookup { lookup, .. } if single(lookup))
}

/// The leaves of some of the first slots, up to `end`: one slot of a line, or several that are none.
fn unit(relation: &Relation, witness: &Witness, compression: &Compression, slots: &[Slot], end: usize) -> Unit {
    let first = &slots[0];
    if is_line(relation, first) {
        return Unit::Line(line(relation, witness, compression, first));
    }
    let end = slots.iter().map(Slot::end).max().unwrap_or(0).min(end);
    let mut q = Buffer::stale((end - first.offset) / WIDTH);
    q.fill(PackedE::ONE);
    for slot in slots {
        let combination = Combination::of(relation, witness, compression, slot.occupant);
        combination.write(slot.offset - first.offset, slot.log_len, &mut q);
    }
    Unit::Table(q)
}

/// The leaves of a slot that is a line.
fn line(relation: &Relation, witness: &Witness, compression: &Compression, slot: &Slot) -> Line {
    let Occupant::Lookup { lookup, part } = slot.occupant else { unreachable!("only lookups are lines") };
    let lookup = &relation.lookups[lookup];
    let part = Part::new(lookup.rows.parts(), lookup.log_len as usize, part);
    let (mut added, mut terms) = (F::ZERO, Vec::new());
    for expr in &lookup.tuple {
        added += from_int(expr.constant);
        for &(c, col) in &expr.terms {
            match witness.column(col) {
                [one] => added += from_int(c) * *one,
                many => terms.push((from_int(c), many)),
            }
        }
    }
    let mut values = Buffer::stale(1 << slot.log_len);
    weighted_sums(&terms, part, &mut values);
    let constant = compression.beta - E::from_usize(lookup.tag) - compression.alpha * added;
    Line { constant, slope: -compression.alpha, values }
}

/// Σ coefficient·column on the rows of a part.
fn weighted_sums(terms: &[(F, &[F])], part: Part, out: &mut [F]) {
    let terms: Vec<(PackedF, &[PackedF])> =
        terms.iter().map(|&(c, column)| (PackedF::from(c), PackedF::pack_slice(column))).collect();
    PackedF::pack_slice_mut(out).par_chunks_mut(FOLD_PACKS).enumerate().for_each(|(task, out)| {
        for (i, out) in (task * FOLD_PACKS..).zip(out) {
            let i = part.pack(i);
            *out = terms.iter().fold(PackedF::ZERO, |sum, &(c, column)| sum + c * column[i]);
        }
    });
}

fn leaves(relation: &Relation, witness: &Witness, compression: &Compression) -> Leaves {
    let (slots, depth) = slots(relation);
    let vars = depth as usize;
    let (ones, first) = units(relation, &slots);
    let runs = ones.chunk_by(|a, b| !is_line(relation, a) && !is_line(relation, b));
    let units = runs.map(|run| unit(relation, witness, compression, run, first)).collect();
    let end = slots.last().map_or(0, Slot::end);
    let len = (stored_groups(end.div_ceil(1 << NEIGHBOURS), vars) << NEIGHBOURS) - first;
    let (mut p, mut q) = (Buffer::stale(len), Buffer::stale(len / WIDTH));
    p.fill(F::ZERO);
    q.fill(PackedE::ONE);
    for slot in &slots[ones.len()..] {
        let offset = slot.offset - first;
        let combination = Combination::of(relation, witness, compression, slot.occupant);
        combination.write(offset, slot.log_len, &mut q);
        numerators(relation, witness, slot.occupant, &mut p[offset..][..1 << slot.log_len]);
    }
    Leaves { vars, units, p, q }
}

/// Writes the numerators that are not zero.
fn numerators(relation: &Relation, witness: &Witness, occupant: Occupant, p: &mut [F]) {
    match occupant {
        Occupant::Lookup { lookup, part } => {
            let lookup = &relation.lookups[lookup];
            let part = Part::new(lookup.rows.parts(), lookup.log_len as usize, part);
            let rows = lookup.rows.indices();
            rows.into_iter().filter_map(|row| part.within(row)).for_each(|row| p[row] = F::ONE);
        }
        Occupant::Table(i) => {
            let multiplicities = witness.column(relation.tables[i].multiplicity);
            p.iter_mut().zip(multiplicities).for_each(|(p, &m)| *p = -m);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::Table;
    use crate::kernel::table::tests::{cells, elements};

    #[test]
    fn packed_rows_of_a_combination_equal_single_ones() {
        let columns = [cells(1 << 9), cells(2 << 9)[1 << 9..].to_vec()];
        let factors = elements(3);
        let terms = columns.iter().zip(&factors).map(|(column, &c)| (c, column.as_slice())).collect();
        let part = Part::new(Parts::WHOLE, 9, 0);
        let combination = Combination { constant: factors[2], terms, part };
        let mut packs = Buffer::stale((1 << 9) / WIDTH);
        combination.packs(&mut packs);
        let rows: Vec<E> = (0..1 << 9).map(|row| combination.row(row)).collect();
        assert_eq!(Table::packed(packs).to_vec(), rows);
        assert_eq!(rows[5], factors[2] + factors[0] * columns[0][5] + factors[1] * columns[1][5]);
    }
}
