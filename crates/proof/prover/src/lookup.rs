//! The circuit of fractions and its layer sumchecks. See `ciro_verifier::lookup` for the protocol.

use crate::rounds::{EqRounds, fold};
use crate::witness::Witness;
use ciro_relation::Relation;
use ciro_sumcheck::eq_table;
use ciro_transcript::{E, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, Occupant, lookup_columns, slots};
use ciro_verifier::lookup::Compression;
use p3_field::PrimeCharacteristicRing;

/// Numerators and denominators of one layer.
struct Layer {
    p: Vec<E>,
    q: Vec<E>,
}

impl Layer {
    fn parent(&self) -> Self {
        let half = self.p.len() / 2;
        let (p0, p1) = self.p.split_at(half);
        let (q0, q1) = self.q.split_at(half);
        let p = (0..half).map(|i| p0[i] * q1[i] + p1[i] * q0[i]).collect();
        let q = (0..half).map(|i| q0[i] * q1[i]).collect();
        Self { p, q }
    }
}

/// Proves the lookup phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, claims: &mut Evaluations) {
    if relation.lookups.is_empty() {
        return;
    }
    let compression = Compression::draw(transcript);
    let mut layers = vec![leaves(relation, witness, &compression)];
    while let Some(last) = layers.last().filter(|l| l.p.len() > 2) {
        layers.push(last.parent());
    }
    let Some(top) = layers.pop() else { return };
    let children = [top.p[0], top.p[1], top.q[0], top.q[1]];
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
fn descend(transcript: &mut Writer, layer: Layer, point: &[E], (p, q): (E, E)) -> (Vec<E>, (E, E)) {
    let lambda = transcript.challenge("lookup layer");
    let half = layer.p.len() / 2;
    let (mut p0, mut q0) = (layer.p, layer.q);
    let (mut p1, mut q1) = (p0.split_off(half), q0.split_off(half));
    // p₀q₁ + p₁q₀ + λq₀q₁ = p₀q₁ + (p₁ + λq₁)q₀, and the bracket folds like a table.
    for (p, &q) in p1.iter_mut().zip(&q1) {
        *p += lambda * q;
    }
    let mut rounds = EqRounds::new("lookup rounds", point, p + lambda * q);
    while !rounds.is_done() {
        let eq = eq_table(rounds.rest(), E::ONE);
        let (t0, t2) = layer_round(&eq, [&p0, &q1, &p1, &q0]);
        let r = rounds.send(transcript, t0, t2);
        for table in [&mut p0, &mut p1, &mut q0, &mut q1] {
            fold(table, r);
        }
    }
    let children = [p0[0], p1[0] - lambda * q1[0], q0[0], q1[0]];
    transcript.write_exts("lookup children", &children);
    split(transcript, children, rounds.into_point())
}

/// t(0) and t(2) of Σ eq·(a·b + c·d).
fn layer_round(eq: &[E], [a, b, c, d]: [&[E]; 4]) -> (E, E) {
    let half = eq.len();
    let (mut t0, mut t2) = (E::ZERO, E::ZERO);
    let at_two = |t: &[E], i: usize| t[half + i].double() - t[i];
    for (i, &w) in eq.iter().enumerate() {
        t0 += w * (a[i] * b[i] + c[i] * d[i]);
        t2 += w * (at_two(a, i) * at_two(b, i) + at_two(c, i) * at_two(d, i));
    }
    (t0, t2)
}

fn split(transcript: &mut Writer, [p0, p1, q0, q1]: [E; 4], rest: Vec<E>) -> (Vec<E>, (E, E)) {
    let tau = transcript.challenge("lookup split");
    let mut point = vec![tau];
    point.extend(rest);
    (point, (p0 + tau * (p1 - p0), q0 + tau * (q1 - q0)))
}

fn leaves(relation: &Relation, witness: &Witness, compression: &Compression) -> Layer {
    let (slots, depth) = slots(relation);
    let mut layer = Layer { p: E::zero_vec(1 << depth), q: vec![E::ONE; 1 << depth] };
    for slot in slots {
        let range = slot.offset..slot.offset + (1 << slot.log_len);
        let (p, q) = (&mut layer.p[range.clone()], &mut layer.q[range]);
        match slot.occupant {
            Occupant::Lookup(i) => {
                let lookup = &relation.lookups[i];
                lookup.rows.indices().into_iter().for_each(|row| p[row] = E::ONE);
                for (row, q) in q.iter_mut().enumerate() {
                    *q =
                        compression.denominator(lookup.tag, lookup.tuple.iter().map(|e| E::from(witness.expr(e, row))));
                }
            }
            Occupant::Table(i) => {
                let table = &relation.tables[i];
                for (row, (p, q)) in p.iter_mut().zip(q.iter_mut()).enumerate() {
                    *p = E::from(-witness.cell(table.multiplicity, row));
                    *q = compression.denominator(table.tag, table.tuple.iter().map(|&c| E::from(witness.cell(c, row))));
                }
            }
        }
    }
    layer
}
