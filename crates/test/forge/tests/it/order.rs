//! What is cheap to refuse is refused first: of two defects the earlier one is named.

use ciro_auditor::AuditError;
use ciro_auditor::RelationError;
use ciro_forge::{Answer, Forger, Frozen};
use ciro_receipt::{Receipt, ReceiptError, Terms};
use ciro_relation::Limits;
use ciro_relation::TooCostly;
use ciro_types::{ChainId, Height, ModelId};

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
