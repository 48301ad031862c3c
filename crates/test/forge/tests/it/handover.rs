//! Receipts of a network in which somebody lost its vote: the validators of the genesis vouch for those that are left, and nobody else does.

use ciro_consensus::LightError;
use ciro_forge::{Answer, Forger, Frozen};
use ciro_receipt::error::{SETTLEMENT_BYTES_OF_UNIT, SIGNATURE_UNITS};
use ciro_receipt::{Receipt, ReceiptError, Settlement, Terms, check};
use ciro_relation::Limits;
use ciro_state::GenesisAccount;
use ciro_types::{AccountId, Amount, Height};

fn tree() -> Answer {
    Frozen::named("B_dtree_bc_ml").answer
}

/// Four validators of which the last has lost its vote.
fn forger() -> Forger {
    Forger { expelled: vec![4], ..Forger::new(&[1, 2, 3, 4]) }
}

fn refused(change: impl Fn(&mut Settlement)) -> ReceiptError {
    let mut receipt = forger().signed(tree());
    change(receipt.settlement.as_mut().expect("settled"));
    check(&receipt, Some(forger().chain())).expect_err("a forgery")
}

#[test]
fn a_receipt_shows_who_lost_its_vote_and_names_the_signers() {
    let receipt = forger().signed(tree());
    let report = check(&receipt, Some(forger().chain())).expect("valid");
    let whats: Vec<_> = report.shown.iter().map(|finding| finding.what).collect();
    assert_eq!(whats, ["settled once", "handed over", "decided", "answer signed"]);
    assert_eq!(report.shown[1].detail, "3 validators vote from height 5 on: those before them certified that");
    let decided = report.shown.iter().find(|finding| finding.what == "decided").expect("settled");
    assert!(decided.detail.starts_with("3 validators with more than 2/3"), "{}", decided.detail);
    let bytes = receipt.to_bytes();
    assert_eq!(Receipt::from_bytes(&bytes), Ok(receipt));
}

#[test]
fn a_handover_that_is_missing_forged_or_repeated_is_refused() {
    type Change = fn(&mut Settlement);
    type Reason = fn(&LightError) -> bool;
    let cases: [(&str, Change, Reason); 6] = [
        ("missing", |s| s.changes.clear(), |e| matches!(e, LightError::Validators { .. })),
        ("twice", |s| s.changes.push(s.changes[0].clone()), |e| matches!(e, LightError::Order { .. })),
        (
            "to the one who was expelled",
            |s| s.changes[0].next = Forger { expelled: vec![1, 2, 3], ..forger() }.set(),
            |e| matches!(e, LightError::Handover { .. }),
        ),
        (
            "by those who gain from it",
            |s| {
                let usurper = Forger { expelled: vec![1, 2, 3], ..forger() };
                s.changes[0] = usurper.hand_over(Height(4));
                s.changes[0].last.certificate.signatures.drain(..2);
            },
            |e| matches!(e, LightError::Certificate(_)),
        ),
        (
            "of a block that was not decided",
            |s| s.changes[0].last.header.proposer.0[0] ^= 1,
            |e| matches!(e, LightError::Block { .. }),
        ),
        ("at height 0", |s| s.changes[0] = forger().hand_over(Height(0)), |e| matches!(e, LightError::Order { .. })),
    ];
    for (what, change, is_reason) in cases {
        let error = refused(change);
        assert!(matches!(&error, ReceiptError::Light(e) if is_reason(e)), "{what}: {error:?}");
    }
}

#[test]
fn the_votes_of_handovers_count_towards_the_limit() {
    let expected = ciro_receipt::error::SIGNATURES_MAX;
    let error = refused(|s| {
        let many = expected / s.changes[0].last.certificate.signatures.len() + 1;
        s.changes = vec![s.changes[0].clone(); many];
    });
    assert!(matches!(error, ReceiptError::Votes { expected: e, got } if e == expected && got > expected), "{error:?}");
}

/// Three seconds are for all of a receipt: whoever sends many votes has less left for the proof.
#[test]
fn a_settlement_is_paid_for_from_the_same_purse_as_the_proof() {
    let mut large = forger();
    large.genesis.accounts = (1..=2_000u16).map(account).collect();
    for receipt in [forger().signed(tree()), large.signed(tree())] {
        let units = settlement_units(&receipt);
        let key = ciro_auditor::AuditedModel::of(&receipt.program, &receipt.weights).expect("a key");
        let needed = key.cost().units() + units;
        assert!(of_units(needed).check(&receipt).is_ok());
        assert!(matches!(of_units(needed - 1).check(&receipt), Err(ReceiptError::Proof(_))));
    }
}

/// Before anything of it is checked: its genesis is none, and nobody looks.
#[test]
fn a_settlement_that_costs_too_much_is_refused_by_its_size() {
    let mut receipt = forger().signed(tree());
    let settlement = receipt.settlement.as_mut().expect("settled");
    settlement.genesis.accounts = vec![account(1); 2_000];
    assert!(matches!(check(&receipt, None), Err(ReceiptError::Genesis(_))));
    let (units, got) = (settlement_units(&receipt) - 1, settlement_units(&receipt));
    let refused = of_units(units).check(&receipt).map(|_| ());
    assert_eq!(refused, Err(ReceiptError::Settlement { what: "units of work", expected: units, got }));
    let limits = Limits { peak_bytes: 1 << 16, ..Limits::default() };
    let refused = Terms { limits, ..Terms::default() }.check(&receipt).map(|_| ());
    assert!(matches!(refused, Err(ReceiptError::Settlement { what: "bytes of memory", .. })), "{refused:?}");
}

fn account(n: u16) -> GenesisAccount {
    let mut account = AccountId([0; 32]);
    account.0[..2].copy_from_slice(&n.to_be_bytes());
    GenesisAccount { account, balance: Amount(1) }
}

fn of_units(units: u64) -> Terms {
    Terms { limits: Limits { units, ..Limits::default() }, ..Terms::default() }
}

/// By its votes and its bytes.
fn settlement_units(receipt: &Receipt) -> u64 {
    let settlement = receipt.settlement.as_ref().expect("settled");
    let of_change = settlement.changes[0].last.certificate.signatures.len();
    let votes = (of_change + settlement.certified.certificate.signatures.len()) as u64;
    let bytes = ciro_types::encode(settlement).len() as u64;
    votes * SIGNATURE_UNITS + bytes.div_ceil(SETTLEMENT_BYTES_OF_UNIT)
}
