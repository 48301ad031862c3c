//! The first lines of a report say what was checked, and no more.

use ciro_forge::network::{JOB, key};
use ciro_forge::{Answer, Forger, Frozen};
use ciro_prover::{ProvingKey, prove};
use ciro_receipt::receipt::ProvenFor;
use ciro_receipt::{Bound, Receipt, ReceiptError, Report, Terms, check};
use ciro_test_models::relu;
use ciro_types::{Assurance, ChainId, ModelId};

fn tree() -> Answer {
    Frozen::named("B_dtree_bc_ml").answer
}

/// A settled proof, real all the way.
fn proven(forger: &Forger, change: impl FnOnce(&mut ProvenFor)) -> Receipt {
    let key_of_relu = ProvingKey::new(relu(2)).expect("a relation");
    let bits = [1.25f32, 0.5].map(f32::to_bits).to_vec();
    let input = ciro_graph::RawInput(vec![ciro_graph::RawTensor { shape: vec![1, 2], bits }]);
    let mut context = ProvenFor { chain: forger.chain(), job: JOB, worker: key(77).account() };
    change(&mut context);
    let made = prove(&key_of_relu, &input, &context.into()).expect("proves");
    let (input, output) = made.statement.encode();
    let program = key_of_relu.program().to_vec();
    forger.proven(Answer { program, weights: key_of_relu.weights(), input, output }, context, made.bytes)
}

fn report(receipt: &Receipt) -> Report {
    check(receipt, None).expect("valid")
}

fn whats(report: &Report) -> Vec<&str> {
    report.shown.iter().chain(&report.assumptions).map(|finding| finding.what).collect()
}

#[test]
fn a_signed_lie_is_valid_and_says_first_that_it_is_not_proven() {
    let lie = tree().lied();
    let report = report(&Forger::default().signed(lie.clone()));
    let first = format!("valid, not proven (A0: signed answer) · model id {}", lie.model());
    assert_eq!(report.verdict().lines().next(), Some(first.as_str()));
    assert!(!report.is_proven() && report.is_settled());
    let expected = ["settled once", "decided", "answer signed", "network", "stake", "worker honesty", "model"];
    assert_eq!(whats(&report), expected);
}

#[test]
fn answers_that_agree_are_no_proof_either() {
    let lie = tree().lied();
    let report = report(&Forger::default().agreed(lie.clone()));
    let first = format!("valid, not proven (A2: answers that agree) · model id {}", lie.model());
    assert_eq!(report.verdict().lines().next(), Some(first.as_str()));
    let workers = report.bound.as_ref().map(|bound| bound.workers.len());
    assert_eq!((report.is_proven(), workers), (false, Some(2)));
    let expected = ["settled once", "decided", "answers agree", "network", "stake", "worker independence", "model"];
    assert_eq!(whats(&report), expected);
}

#[test]
fn one_worker_paid_twice_does_not_agree_with_itself() {
    let mut receipt = Forger::default().agreed(tree());
    let forger = Forger::default();
    let mut record = receipt.settlement.expect("settled").record;
    record.payments[1] = record.payments[0].clone();
    receipt.settlement = Some(forger.settle(record));
    assert_eq!(check(&receipt, None).map(|_| ()), Err(ReceiptError::Workers { expected: 2, got: 1 }));
}

#[test]
fn a_settled_proof_says_where_and_for_whom() {
    let forger = Forger::default();
    let receipt = proven(&forger, |_| {});
    let report = Terms { network: Some(forger.chain()), ..Terms::default() }.check(&receipt).expect("valid");
    let (chain, worker) = (forger.chain(), key(77).account());
    let expected = format!(
        "valid, proven (A4: proof of the inference) · model id {}\nsettled at height 5 of network {chain} (the one you named)\n\
         bound to network {chain}, job {JOB}, worker {worker}",
        report.model
    );
    assert_eq!(report.verdict(), expected);
    assert_eq!(report.bound, Some(Bound { network: chain, job: JOB, workers: vec![worker] }));
    assert!(report.is_proven() && report.is_settled());
    assert!(!whats(&report).contains(&"network"), "it was named");
}

/// The finding: a proof for another network, settled nowhere, passed with a network named.
#[test]
fn a_proof_without_a_settlement_says_so_and_fails_where_a_network_is_named() {
    let forger = Forger::default();
    let made_for = forger.chain();
    let receipt = Receipt { settlement: None, ..proven(&forger, |_| {}) };
    let report = report(&receipt);
    assert!(report.is_proven() && !report.is_settled());
    let verdict = report.verdict();
    let lines: Vec<&str> = verdict.lines().collect();
    assert_eq!(lines[1], "not settled: nothing says that this was ever paid or ordered");
    assert!(lines[2].starts_with(&format!("bound to network {made_for}, job ")), "{verdict}");

    let expected = ChainId([0xab; 32]);
    let other = ReceiptError::Network { expected, got: made_for };
    assert_eq!(check(&receipt, Some(expected)).map(|_| ()), Err(other));
    let unsettled = ReceiptError::Unsettled { expected: made_for };
    assert_eq!(check(&receipt, Some(made_for)).map(|_| ()), Err(unsettled));
}

#[test]
fn a_proof_for_no_job_says_so() {
    let forger = Forger::default();
    let receipt = Receipt { settlement: None, ..proven(&forger, |context| *context = ProvenFor::default()) };
    let report = report(&receipt);
    assert_eq!(report.bound, None);
    assert_eq!(report.verdict().lines().nth(2), Some("bound to no network, job or worker"));
    let expected = forger.chain();
    assert_eq!(check(&receipt, Some(expected)).map(|_| ()), Err(ReceiptError::Unsettled { expected }));
}

/// A settlement speaks for the proof that was made for it, and for no other.
#[test]
fn a_proof_for_another_network_job_or_worker_is_not_settled_by_this_record() {
    let forger = Forger::default();
    let changes: [fn(&mut ProvenFor); 2] = [|c| c.chain.0[0] ^= 1, |c| c.job.0[0] ^= 1];
    for change in changes {
        let error = check(&proven(&forger, change), None).map(|_| ());
        assert!(matches!(error, Err(ReceiptError::Mismatch { .. })), "{error:?}");
    }
    let mut receipt = proven(&forger, |_| {});
    let mut record = receipt.settlement.expect("settled").record;
    record.payments[0].worker = key(78).account();
    receipt.settlement = Some(forger.settle(record));
    assert_eq!(check(&receipt, None).map(|_| ()), Err(ReceiptError::Worker { got: key(77).account() }));
}

#[test]
fn evidence_of_one_rung_is_not_paid_by_a_record_of_another() {
    let forger = Forger::default();
    let mut receipt = forger.agreed(tree());
    let settlement = forger.signed(tree()).settlement;
    receipt.settlement = settlement;
    let error = ReceiptError::Assurance { expected: Assurance::A0, got: Assurance::A2 };
    assert_eq!(check(&receipt, None).map(|_| ()), Err(error));
}

#[test]
fn another_network_or_model_than_the_one_named_is_refused() {
    let forger = Forger::default();
    let receipt = forger.signed(tree());
    let (network, model) = (ChainId([7; 32]), ModelId([8; 32]));
    let error = ReceiptError::Network { expected: network, got: forger.chain() };
    assert_eq!(check(&receipt, Some(network)).map(|_| ()), Err(error));
    let error = ReceiptError::Model { expected: model, got: tree().model() };
    assert_eq!(Terms { model: Some(model), ..Terms::default() }.check(&receipt).map(|_| ()), Err(error));
}

#[test]
fn a_signature_by_nobody_who_was_paid_or_of_another_answer_is_refused() {
    let forger = Forger::default();
    let (signed, other) = (forger.signed(tree()), forger.signed(tree().lied()));
    let swapped = Receipt { evidence: other.evidence, ..signed.clone() };
    assert_eq!(check(&swapped, None).map(|_| ()), Err(ReceiptError::SignedElse));
    let mut record = signed.settlement.clone().expect("settled").record;
    record.payments[0].worker = key(78).account();
    let unpaid = Receipt { settlement: Some(forger.settle(record)), ..signed };
    assert_eq!(check(&unpaid, None).map(|_| ()), Err(ReceiptError::Worker { got: key(77).account() }));
}

#[test]
fn whoever_wants_a_proof_takes_neither_a_signature_nor_answers_that_agree() {
    let forger = Forger::default();
    let terms = Terms { proven: true, ..Terms::default() };
    let unproven = |got| Err(ReceiptError::Unproven { got });
    assert_eq!(terms.check(&forger.signed(tree())).map(|_| ()), unproven(Assurance::A0));
    assert_eq!(terms.check(&forger.agreed(tree())).map(|_| ()), unproven(Assurance::A2));
    assert_eq!(terms.check(&proven(&forger, |_| {})).map(|_| ()), Ok(()));
}
