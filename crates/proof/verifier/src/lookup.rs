//! LogUp as a GKR circuit of fractions.
//!
//! Each leaf is a fraction; a parent is the sum of its children, p = p₀q₁ + p₁q₀, q = q₀q₁. In node (g, n), n is its
//! last [`NEIGHBOURS`] variables, or all of them if there are not so many. Its children are (g, 0, n) and (g, 1, n). A
//! layer's nodes are those of a prefix of the leaves. Whatever lies beyond the last slot is 0/1 on every layer. The
//! root must be 0/q with q ≠ 0: then, as rational functions of β, every lookup's pole is cancelled by a table's. So
//! every looked-up tuple is a row of its table. Numbers of lookups stay far below p.

use crate::error::VerifyError;
use crate::evaluate::{Checks, Evaluator};
use crate::layout::{
    Evaluations, Occupant, Parted, Read, Slot, Values, count, lookup_columns, lookup_reads, part_bits, parted_len,
    slots,
};
use alloc::vec::Vec;
use ciro_relation::{ColId, Lookup, Parts, Relation, Table};
use ciro_sumcheck::{eq, eq_bits, verify_rounds};
use ciro_transcript::cost::E_MUL;
use ciro_transcript::field::from_int;
use ciro_transcript::{E, Reader, Transcript, meter};
use p3_field::PrimeCharacteristicRing;

/// Challenges that compress tuples: leaf denominator = β − (tag + α·c₀ + α²·c₁ + …).
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    /// Powers separate the entries of a tuple.
    pub alpha: E,
    /// The evaluation point of the rational identity.
    pub beta: E,
}

impl Compression {
    /// Draws both.
    pub fn draw(transcript: &mut impl Transcript) -> Self {
        Self { alpha: transcript.challenge("alpha"), beta: transcript.challenge("beta") }
    }

    /// The denominator of a tuple.
    pub fn denominator(&self, tag: usize, tuple: impl Iterator<Item = E>) -> E {
        let mut sum = E::from_usize(tag);
        let mut power = self.alpha;
        for entry in tuple {
            meter::field(2 * E_MUL);
            sum += power * entry;
            power *= self.alpha;
        }
        self.beta - sum
    }
}

/// log₂ of the number of neighbouring nodes that stay together, down to the layer of as many nodes. A processor handles so many at once.
pub const NEIGHBOURS: usize = 4;

/// Exchanges two orders of a layer's variables: their own, and the one in which its rounds bind them. Rounds first bind the variables
/// that number groups of neighbours, from the last to the first. Then they bind those within a group.
#[must_use]
pub fn in_rounds(point: &[E]) -> Vec<E> {
    let (groups, neighbours) = point.split_at(point.len().saturating_sub(NEIGHBOURS));
    groups.iter().rev().chain(neighbours).copied().collect()
}

/// The point between the two children of `node`: they differ in the last variable that numbers groups.
#[must_use]
pub fn child(mut node: Vec<E>, tau: E) -> Vec<E> {
    let neighbours = node.split_off(node.len().saturating_sub(NEIGHBOURS));
    node.push(tau);
    node.extend(neighbours);
    node
}

/// Claim on a layer: numerators and denominators at a point.
struct Layer {
    point: Vec<E>,
    p: E,
    q: E,
}

/// Verifies the lookup phase and records the claims it leaves.
///
/// # Errors
/// By the sum, by a layer, or by the leaves.
pub fn verify<'a>(
    transcript: &mut Reader<'_>,
    relation: &'a Relation,
    checks: &mut Checks<'a>,
    claims: &mut Evaluations,
) -> Result<(), VerifyError> {
    if relation.lookups.is_empty() {
        return Ok(());
    }
    let compression = Compression::draw(transcript);
    let (slots, depth) = slots(relation);
    let layer = descend(transcript, count(depth))?;
    let reads = lookup_reads(relation);
    let values = transcript.read_exts("lookup columns", parted_len(&reads))?;
    let bound = transcript.challenges("lookup parts", part_bits(&reads));
    claims.claim_parts(relation, &reads, &layer.point, &bound, &values);
    checks.add(move |evaluator| {
        let sent = Parted::new(&reads, &values);
        check_leaves(&slots, &layer, &mut Leaf { evaluator, compression: &compression, sent: &sent })
    })
}

/// From the root to the leaves.
fn descend(transcript: &mut Reader<'_>, depth: usize) -> Result<Layer, VerifyError> {
    let root: [E; 4] = transcript.read_array("lookup root")?;
    let [p0, p1, q0, q1] = root;
    if p0 * q1 + p1 * q0 != E::ZERO || q0 * q1 == E::ZERO {
        return Err(VerifyError::LookupSum);
    }
    let mut layer = split(transcript, root, Vec::new());
    for number in 2..=depth {
        let lambda = transcript.challenge("lookup layer");
        let claim = layer.p + lambda * layer.q;
        let reduced = verify_rounds(transcript, "lookup rounds", layer.point.len(), 3, claim)?;
        let bound = in_rounds(&reduced.point);
        let children: [E; 4] = transcript.read_array("lookup children")?;
        let [p0, p1, q0, q1] = children;
        let expected = eq(&layer.point, &bound) * (p0 * q1 + p1 * q0 + lambda * q0 * q1);
        if expected != reduced.claim {
            return Err(VerifyError::LookupLayer { layer: number });
        }
        layer = split(transcript, children, bound);
    }
    Ok(layer)
}

/// Two claims per polynomial, at the two children of `node`, become one between them.
fn split(transcript: &mut Reader<'_>, [p0, p1, q0, q1]: [E; 4], node: Vec<E>) -> Layer {
    let tau = transcript.challenge("lookup split");
    Layer { point: child(node, tau), p: p0 + tau * (p1 - p0), q: q0 + tau * (q1 - q0) }
}

fn check_leaves(slots: &[Slot], layer: &Layer, leaf: &mut Leaf<'_, '_>) -> Result<(), VerifyError> {
    let (mut p, mut q, mut occupied) = (E::ZERO, E::ZERO, E::ZERO);
    for slot in slots {
        meter::field(4 * E_MUL);
        let log_len = count(slot.log_len);
        let (high, low) = layer.point.split_at(layer.point.len().saturating_sub(log_len));
        let weight = eq_bits(slot.offset.checked_shr(slot.log_len).unwrap_or(0), high);
        let (numerator, denominator) = leaf.of(slot.occupant, low);
        p += weight * numerator;
        q += weight * denominator;
        occupied += weight;
    }
    // Unoccupied leaves are 0/1.
    q += E::ONE - occupied;
    if (p, q) == (layer.p, layer.q) { Ok(()) } else { Err(VerifyError::LookupLeaves) }
}

/// What numerators and denominators are made of.
struct Leaf<'b, 'a> {
    evaluator: &'b mut Evaluator<'a>,
    compression: &'b Compression,
    sent: &'b Parted<'b>,
}

impl Leaf<'_, '_> {
    /// Numerator and denominator of a slot at the point's last coordinates.
    fn of(&mut self, occupant: Occupant, low: &[E]) -> (E, E) {
        let relation = self.evaluator.relation();
        match occupant {
            Occupant::Lookup { lookup, part } => {
                relation.lookups.get(lookup).map_or((E::ZERO, E::ONE), |lookup| self.lookup(lookup, part, low))
            }
            Occupant::Table(i) => relation.tables.get(i).map_or((E::ZERO, E::ONE), |table| self.table(table, low)),
        }
    }

    fn lookup(&mut self, lookup: &Lookup, part: usize, low: &[E]) -> (E, E) {
        let parts = lookup.rows.parts();
        let point = parts.point(&parts.coordinates(part), low);
        let reads = lookup_columns(self.evaluator.relation(), lookup);
        let sent: Vec<(ColId, E)> = reads.map(|read| (read.col, self.sent.get(&read, part))).collect();
        let mut at = Values::new(self.evaluator, &point, sent.into_iter());
        let tuple: Vec<E> = lookup.tuple.iter().map(|e| at.expr(e)).collect();
        (lookup.rows.mask(&point), self.compression.denominator(lookup.tag, tuple.into_iter()))
    }

    fn table(&mut self, table: &Table, low: &[E]) -> (E, E) {
        let columns = table.tuple.iter().copied().chain([table.multiplicity]);
        let sent: Vec<(ColId, E)> =
            columns.map(|col| (col, self.sent.get(&Read { col, parts: Parts::WHOLE }, 0))).collect();
        let mut at = Values::new(self.evaluator, low, sent.into_iter());
        let tuple: Vec<E> = table.tuple.iter().map(|&c: &ColId| at.get(c)).collect();
        let multiplicity = at.get(table.multiplicity);
        (multiplicity * from_int(-1), self.compression.denominator(table.tag, tuple.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use ciro_transcript::Writer;

    /// Whether a root of these numerators and denominators is one of a sum that is zero.
    fn is_root(root: [u32; 4]) -> bool {
        let mut writer = Writer::new("test");
        writer.write_exts("lookup root", &root.map(E::from_u32));
        let (bytes, _) = writer.finish();
        match descend(&mut Reader::new("test", &bytes), 1) {
            Ok(layer) => {
                assert_eq!(layer.point.len(), 1);
                true
            }
            Err(error) => {
                assert_eq!(error, VerifyError::LookupSum);
                false
            }
        }
    }

    #[test]
    fn a_root_is_zero_over_something() {
        let minus_one = 0x7f00_0000;
        assert!(is_root([1, minus_one, 5, 5]));
        assert!(is_root([0, 0, 2, 3]));
        assert!(!is_root([1, 1, 5, 5]));
        assert!(!is_root([0, 1, 5, 5]));
        // Nothing over nothing, in either half.
        assert!(!is_root([0, 0, 0, 3]));
        assert!(!is_root([0, 0, 2, 0]));
        assert!(!is_root([7, 0, 3, 0]));
    }

    #[test]
    fn a_child_is_between_groups_and_neighbours() {
        let numbers = |n: u32| (1..=n).map(E::from_u32).collect::<Vec<E>>();
        let tau = E::from_u32(9);
        assert_eq!(child(numbers(2), tau), vec![tau, E::ONE, E::TWO]);
        assert_eq!(child(numbers(6), tau), [1, 2, 9, 3, 4, 5, 6].map(E::from_u32));
        assert_eq!(in_rounds(&numbers(6)), [2, 1, 3, 4, 5, 6].map(E::from_u32));
    }
}
