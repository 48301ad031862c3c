//! Lookups whose padding fills parts of its own: these are left out, and what is said of them is bound all the same.

use crate::common::net::parted;
use ciro_auditor::Phase;
use ciro_prover::prove_witness;
use ciro_relation::{ColId, Parts, Poly, Source};
use ciro_transcript::F;
use ciro_verifier::layout::{Occupant, lookup_reads, slots};
use p3_field::PrimeCharacteristicRing;
use std::collections::BTreeSet;

/// Bytes of an extension element.
const ELEMENT: usize = 20;

/// The case covers what it is for: columns, views and products, parts by inner variables, and parts with padding within them.
#[test]
fn parts_of_padding_have_no_leaves() {
    let case = parted();
    let relation = case.key.verifying().relation();
    let reads = lookup_reads(relation);
    let cut = |source: fn(&Source) -> bool| {
        reads.iter().any(|read| read.parts != Parts::WHOLE && source(&relation.columns[read.col.0].source))
    };
    assert!(cut(|s| matches!(s, Source::Cut(_))) && cut(|s| matches!(s, Source::View(_))));
    assert!(cut(|s| matches!(s, Source::Product(_))));
    assert!(reads.iter().any(|read| read.parts.at > 0));
    assert!(relation.lookups.iter().any(|l| l.rows.parts() != Parts::WHOLE && !l.rows.fills_parts()));

    let (slots, _) = slots(relation);
    for (i, lookup) in relation.lookups.iter().enumerate() {
        let own = slots.iter().filter(|s| matches!(s.occupant, Occupant::Lookup { lookup, .. } if lookup == i));
        let leaves: usize = own.map(|slot| 1 << slot.log_len).sum();
        let parts = lookup.rows.parts();
        assert_eq!(leaves, (parts.real << lookup.log_len) / parts.count());
        assert!(leaves >= lookup.rows.real());
    }
}

/// Each value of each part. One of a part without leaves enters no leaf, and the claim on it fails later: what follows was made for
/// other challenges.
#[test]
fn values_of_all_parts_are_bound() {
    let case = parted();
    let relation = case.key.verifying().relation();
    let segment = case.proof.segments.iter().find(|s| s.label == "lookup columns").expect("values are sent");
    let reads = lookup_reads(relation);
    let places = reads.iter().flat_map(|read| (0..read.parts.count()).map(|part| part < read.parts.real));
    assert_eq!(places.clone().count() * ELEMENT, segment.end - segment.start);
    for (i, has_leaves) in places.enumerate() {
        let mut proof = case.proof.bytes.clone();
        proof[segment.start + i * ELEMENT] ^= 1;
        let error = case.key.verifying().verify(&case.statement, &proof).expect_err("a tampered proof was accepted");
        let expected = if has_leaves { Phase::Lookup } else { Phase::Constraints };
        assert!([expected, Phase::Encoding].contains(&error.phase()), "value {i} rejected by {:?}", error.phase());
    }
}

/// A cell in each part of each long column, padding included, changed by one under an honest prover's code.
#[test]
fn cells_of_all_parts_are_pinned() {
    let case = parted();
    let relation = case.key.verifying().relation();
    let read: BTreeSet<ColId> =
        lookup_reads(relation).iter().filter(|r| r.parts != Parts::WHOLE).map(|r| r.col).collect();
    for col in read {
        if relation.window(col).is_none_or(|window| window.poly != Poly::Witness) {
            continue;
        }
        let len = case.witness.column(col).len();
        for row in (7..len).step_by(len / 16) {
            let mut witness = case.witness.clone();
            witness.column_mut(col)[row] += F::ONE;
            witness.align(relation, col);
            let proof = prove_witness(&case.key, &case.statement, &witness);
            let error = case.key.verifying().verify(&case.statement, &proof.bytes).expect_err("a cell is free");
            let expected = [Phase::Lookup, Phase::Constraints, Phase::Products];
            assert!(expected.contains(&error.phase()), "cell {row} of {col:?} rejected by {:?}", error.phase());
        }
    }
}
