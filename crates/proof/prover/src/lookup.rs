//! The circuit of fractions and its layer sumchecks. See `ciro_verifier::lookup` for the protocol.

use crate::kernel::arena::Buffer;
use crate::kernel::layer::{Exchange, Layer, Leaves, stored_groups};
use crate::kernel::table::add_lane;
use crate::kernel::{FOLD_PACKS, PackedE, PackedF, WIDTH};
use crate::rounds::EqRounds;
use crate::witness::Witness;
use ciro_relation::{ColId, Expr, Relation};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, Occupant, Slot, lookup_columns, slots};
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
    let columns = lookup_columns(relation);
    let values = witness.evaluate(relation, &columns, &point);
    transcript.write_exts("lookup columns", &values);
    claims.claim_columns(relation, &columns, &point, &values);
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
}

impl<'a> Combination<'a> {
    /// The denominators of a slot.
    fn of(relation: &Relation, witness: &'a Witness, compression: &Compression, occupant: Occupant) -> Self {
        match occupant {
            Occupant::Lookup(i) => {
                let lookup = &relation.lookups[i];
                let tuple = lookup.tuple.iter().map(|e: &Expr| (e.constant, e.terms.as_slice()));
                Self::new(witness, compression, lookup.tag, tuple)
            }
            Occupant::Table(i) => {
                let table = &relation.tables[i];
                let columns: Vec<[(i64, ColId); 1]> = table.tuple.iter().map(|&c| [(1, c)]).collect();
                Self::new(witness, compression, table.tag, columns.iter().map(|c| (0, c.as_slice())))
            }
        }
    }

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

/// How many leaves of the first slots have the numerator one, in whole octets of groups: no slot crosses that line.
fn units(relation: &Relation, slots: &[Slot]) -> usize {
    let whole = |slot: &&Slot| matches!(slot.occupant, Occupant::Lookup(i) if relation.lookups[i].rows.is_full());
    let end = slots.iter().take_while(whole).last().map_or(0, Slot::end);
    end - end % (8 << NEIGHBOURS)
}

fn leaves(relation: &Relation, witness: &Witness, compression: &Compression) -> Leaves {
    let (slots, depth) = slots(relation);
    let vars = depth as usize;
    let first = units(relation, &slots);
    let end = slots.last().map_or(0, Slot::end);
    let len = (stored_groups(end.div_ceil(1 << NEIGHBOURS), vars) << NEIGHBOURS) - first;
    let (mut units, mut p, mut q) = (Buffer::stale(first / WIDTH), Buffer::stale(len), Buffer::stale(len / WIDTH));
    p.fill(F::ZERO);
    q.fill(PackedE::ONE);
    units.fill(PackedE::ONE);
    for slot in slots {
        let combination = Combination::of(relation, witness, compression, slot.occupant);
        if slot.offset < first {
            combination.write(slot.offset, slot.log_len, &mut units);
            continue;
        }
        let offset = slot.offset - first;
        combination.write(offset, slot.log_len, &mut q);
        numerators(relation, witness, slot.occupant, &mut p[offset..][..1 << slot.log_len]);
    }
    Leaves { vars, units, p, q }
}

/// Writes the numerators that are not zero.
fn numerators(relation: &Relation, witness: &Witness, occupant: Occupant, p: &mut [F]) {
    match occupant {
        Occupant::Lookup(i) => relation.lookups[i].rows.indices().into_iter().for_each(|row| p[row] = F::ONE),
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
        let combination = Combination { constant: factors[2], terms };
        let mut packs = Buffer::stale((1 << 9) / WIDTH);
        combination.packs(&mut packs);
        let rows: Vec<E> = (0..1 << 9).map(|row| combination.row(row)).collect();
        assert_eq!(Table::packed(packs).to_vec(), rows);
        assert_eq!(rows[5], factors[2] + factors[0] * columns[0][5] + factors[1] * columns[1][5]);
    }
}
