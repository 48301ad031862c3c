//! Proofs at the higher target: what is lacking is made up for by work, and every proof of work is checked.

use crate::common::{Case, Sketch, X, cases};
use ciro_auditor::{AuditError, VerifyError};
use ciro_graph::{Op, Security};
use ciro_transcript::ReadError;
use ciro_verifier::{Budget, Work};

/// So many numbers rounded that their lookups' fractions need work too.
fn large() -> Case {
    let len = 1 << 19;
    let mut s = Sketch::new(len);
    s.program.security = Security::Bits128;
    let y = s.node(Op::Rescale { x: X, shift: 3 }, len, -501, 501);
    s.output(y, len);
    let x: Vec<f32> = (0..len).map(|i| (i % 4000) as f32).collect();
    Case::new("large", s.model(), &x)
}

fn check(case: &Case) {
    let Budget { terms, total_bits, total_bits_newer } = case.key.verifying().budget();
    assert!(total_bits.min(total_bits_newer) >= 128, "{}: {total_bits} {total_bits_newer}", case.name);
    for term in terms {
        assert!(term.total() >= 134 && term.total_newer() >= 134 && term.work <= 24, "{}: {term:?}", case.name);
    }
}

#[test]
fn the_budget_holds_whatever_the_size() {
    let small = cases().into_iter().filter(|case| case.model.program.security == Security::Bits128);
    small.chain([large()]).for_each(|case| check(&case));
}

/// A nonce that is none is refused where it stands, whatever phase it is for.
#[test]
fn every_proof_of_work_is_checked() {
    let case = large();
    let verify = |proof: &[u8]| case.key.verifying().verify(&case.statement, proof);
    let mut labels = Vec::new();
    for segment in case.proof.segments.iter().filter(|s| s.label.ends_with("work")) {
        labels.push(segment.label);
        // A nonce may be good by chance, where little work is asked. Then what follows is bad.
        let refused = (0..16u8).any(|nonce| {
            let mut proof = case.proof.bytes.clone();
            proof[segment.start + 6] ^= nonce + 1;
            match verify(&proof).expect_err("another nonce") {
                AuditError::Proof(VerifyError::Read(ReadError::Ungrinded { label, .. }))
                | AuditError::Proof(VerifyError::Opening(ciro_pcs::PcsError::Read(ReadError::Ungrinded {
                    label,
                    ..
                }))) => label == segment.label,
                _ => false,
            }
        });
        assert!(refused, "{}", segment.label);
    }
    labels.dedup();
    let tail = ["fold work", "work"].repeat(case.key.verifying().params().tail.len());
    assert_eq!(labels, [&["lookup work", "batch round work", "join work", "work"], tail.as_slice()].concat());
}

/// Work follows from the degrees of the identities.
#[test]
fn more_constraints_take_more_work() {
    let case = cases().into_iter().find(|case| case.name == "layer, 128 bits").expect("the case");
    let (mut relation, params) = (case.key.verifying().relation().clone(), case.key.verifying().params());
    let before = Work::new(&relation, params);
    assert_eq!(&before, case.key.verifying().key().work());
    assert_eq!(before.constraints, 0);
    let constraint = relation.sections[0].constraints[0].clone();
    // 134 bits are wanted, and the field has 154.
    for (log, bits) in [(19, 0), (20, 1), (22, 3)] {
        relation.sections[0].constraints = vec![constraint.clone(); 1 << log];
        assert_eq!(Work::new(&relation, params), Work { constraints: bits, ..before }, "{log}");
    }
}

/// The target is part of the identity, and a proof for one is none for the other.
#[test]
fn a_proof_for_another_target_is_refused() {
    let cases = cases();
    let named = |name: &str| cases.iter().find(|case| case.name == name).expect("the case");
    let (low, high) = (named("layer"), named("layer, 128 bits"));
    assert_ne!(low.key.model_id(), high.key.model_id());
    assert!(low.key.verifying().verify(&high.statement, &high.proof.bytes).is_err());
    assert!(high.key.verifying().verify(&low.statement, &low.proof.bytes).is_err());
}
