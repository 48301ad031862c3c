//! What is cheap to refuse is refused first: of two defects the earlier one is named.

use ciro_auditor::{AuditError, RelationError};
use ciro_forge::{Answer, Forger, Frozen};
use ciro_receipt::{Evidence, ProofVerifier, Receipt, ReceiptError, Terms};
use ciro_relation::{Limits, TooCostly};
use ciro_state::ProofCheck as _;
use ciro_types::{ChainId, Hash32, Height, ModelId, ModelRoots};

fn tree() -> Answer {
    Frozen::named("B_dtree_bc_ml").answer
}

/// Which stage refused.
fn stage(terms: Terms, receipt: &Receipt) -> &'static str {
    match terms.check(receipt) {
        Ok(_) => "none",
        Err(ReceiptError::Model { .. }) => "model",
        Err(ReceiptError::Network { .. } | ReceiptError::Unsettled { .. }) => "network",
        Err(ReceiptError::Proof(_)) => "program or proof",
        Err(ReceiptError::SignedElse | ReceiptError::Signature(_) | ReceiptError::Nothing) => "signature",
        Err(_) => "settlement",
    }
}

#[test]
fn pins_come_before_the_settlement_and_that_before_signature_program_and_proof() {
    let forger = Forger::default();
    let any = Terms::default();
    // Of the worst, one defect after the other is mended.
    let garbage = Answer { program: b"no program".to_vec(), ..tree() };
    let mut receipt = forger.signed(garbage.clone());
    let tx = forger.signed(tree().lied()).evidence;
    receipt.evidence = tx;
    let late = Forger { header: Height(9), ..forger.clone() };
    receipt.settlement = late.signed(garbage.clone()).settlement;

    let (model, network) = (Some(ModelId([1; 32])), Some(ChainId([1; 32])));
    assert_eq!(stage(Terms { model, network, ..any }, &receipt), "model");
    assert_eq!(stage(Terms { network, ..any }, &receipt), "network");
    assert_eq!(stage(any, &receipt), "settlement");
    receipt.settlement = forger.signed(garbage.clone()).settlement;
    assert_eq!(stage(any, &receipt), "signature");
    receipt.evidence = forger.signed(garbage).evidence;
    assert_eq!(stage(any, &receipt), "program or proof");
    assert_eq!(stage(any, &forger.signed(tree())), "none");
}

/// Whoever verifies says how much; the error says which limit, and what it would take.
#[test]
fn what_costs_more_than_the_reader_accepts_is_refused_after_signatures_and_before_the_proof() {
    let forger = Forger::default();
    // Enough for the settlement.
    let limits = Limits { units: 1_000, ..Limits::VERIFY };
    let error = Terms { limits, ..Terms::default() }.check(&forger.signed(tree())).map(|_| ());
    let Err(ReceiptError::Proof(AuditError::Relation(RelationError::TooCostly(TooCostly { expected, got, .. })))) =
        error
    else {
        panic!("{error:?}")
    };
    assert!(expected < 1_000 && got > expected);
    let mut unsigned = forger.signed(tree());
    unsigned.evidence = forger.signed(tree().lied()).evidence;
    assert_eq!(stage(Terms { limits, ..Terms::default() }, &unsigned), "signature");
}

#[test]
fn a_program_is_not_looked_at_where_another_model_is_named() {
    let frozen = Frozen::named("B_dtree_bc_ml");
    let receipt = Receipt { program: vec![0xff; 1 << 20], ..frozen.receipt() };
    assert_eq!(stage(Terms { model: Some(ModelId::ZERO), ..Terms::default() }, &receipt), "model");
}

/// A receipt says which key its program has. Its word decides the id, which is compared with a pin before anything dear is done. What it
/// says is then compared with what follows from the program.
#[test]
fn a_receipt_that_lies_about_its_key_is_refused_before_its_proof() {
    let honest = Frozen::named("B_dtree_bc_ml").receipt();
    let true_id = honest.model();
    let mut lying = honest.clone();
    lying.key.0[0] ^= 1;
    lying.evidence = Evidence::Proven { context: Default::default(), proof: vec![0; 30_000] };
    let pinned = Terms { model: Some(true_id), ..Terms::default() }.check(&lying);
    assert!(matches!(pinned, Err(ReceiptError::Model { expected, .. }) if expected == true_id), "{pinned:?}");
    let told = Terms::default().check(&lying);
    let lie = ReceiptError::Proof(AuditError::Key { expected: honest.key, got: lying.key });
    assert_eq!(told.map(|_| ()), Err(lie));
}

/// What a validator keeps of a model is what it derived itself.
#[test]
fn a_registration_that_lies_about_its_key_is_refused_whatever_is_known() {
    let (answer, proofs) = (tree(), ProofVerifier::default());
    let honest = ModelRoots { key: Frozen::named("B_dtree_bc_ml").receipt().key, weights: answer.weights.root() };
    let lie = ModelRoots { key: Hash32([9; 32]), ..honest };
    for _ in 0..2 {
        let refused = proofs.cost(&answer.program, &lie).expect_err("another key");
        assert!(refused.reason.contains(&honest.key.to_string()), "{refused}");
        assert!(proofs.cost(&answer.program, &honest).is_ok());
    }
}
