//! Numbers at their edges: whatever a stranger writes, a check ends with a report or a typed error.

use ciro_forge::network::{JOB, key};
use ciro_forge::{Answer, Forger, Frozen};
use ciro_receipt::{Receipt, ReceiptError, check};
use ciro_types::{Amount, Height};

/// Where counters and sums break.
const EDGES: [u64; 6] = [0, 1, 5, u64::MAX / 3, u64::MAX - 1, u64::MAX];

fn tree() -> Answer {
    Frozen::named("B_dtree_bc_ml").answer
}

/// Both ways in which a reader may check.
fn checked(forger: &Forger, receipt: &Receipt) -> Result<(), ReceiptError> {
    let pinned = check(receipt, Some(forger.chain())).map(|_| ());
    assert_eq!(check(receipt, None).map(|_| ()), pinned);
    pinned
}

/// The finding: a record of height u64::MAX has no next height.
#[test]
fn no_pair_of_heights_breaks_a_check_and_only_neighbours_pass() {
    for (settled, header) in EDGES.iter().flat_map(|&a| EDGES.map(|b| (Height(a), Height(b)))) {
        let forger = Forger { settled, header, ..Forger::default() };
        let expected = match settled.0.checked_add(1) {
            Some(next) if next == header.0 => Ok(()),
            _ => Err(ReceiptError::Height { settled, got: header }),
        };
        for receipt in [forger.signed(tree()), forger.agreed(tree())] {
            assert_eq!(checked(&forger, &receipt), expected, "{settled} {header}");
        }
    }
}

#[test]
fn rounds_and_amounts_may_be_anything() {
    for edge in [0, 1, u128::from(u64::MAX), u128::MAX - 1, u128::MAX] {
        let forger = Forger { price: Amount(edge), round: edge as u32, ..Forger::default() };
        for receipt in [forger.signed(tree()), forger.agreed(tree())] {
            assert_eq!(checked(&forger, &receipt), Ok(()), "{edge}");
        }
    }
}

#[test]
fn stakes_beyond_all_money_and_below_one_are_refused() {
    for edge in [0, 1, Amount::ONE.0 - 1, Amount::ciro(u64::MAX / 3 + 1).0, u128::MAX - 1, u128::MAX] {
        let mut receipt = Forger::new(&[1, 2]).signed(tree());
        let settlement = receipt.settlement.as_mut().expect("settled");
        settlement.genesis.validators[1].stake = Amount(edge);
        assert!(matches!(check(&receipt, None), Err(ReceiptError::Genesis(_))), "{edge}");
    }
}

#[test]
fn places_in_a_tree_may_be_anything_and_only_the_right_one_passes() {
    let edges = [0, 1, 2, 3, u32::MAX / 2, u32::MAX - 1, u32::MAX];
    for (index, leaves) in edges.iter().flat_map(|&a| edges.map(|b| (a, b))) {
        let mut receipt = Forger::default().signed(tree());
        let path = &mut receipt.settlement.as_mut().expect("settled").path;
        (path.index, path.leaves) = (index, leaves);
        let is_right = (index, leaves) == (0, 1);
        assert_eq!(check(&receipt, None).is_ok(), is_right, "{index} of {leaves}");
    }
}

/// Votes are counted before one is checked: a file has room for a million.
#[test]
fn the_votes_that_are_checked_are_limited() {
    let forger = Forger::default();
    let mut receipt = forger.signed(tree());
    let settlement = receipt.settlement.as_mut().expect("settled");
    let signatures = &mut settlement.certified.certificate.signatures;
    let (vote, many) = (signatures[0], ciro_receipt::error::SIGNATURES_MAX + 1);
    signatures.resize(many, vote);
    let expected = ciro_receipt::error::SIGNATURES_MAX;
    assert_eq!(check(&receipt, None).map(|_| ()), Err(ReceiptError::Votes { expected, got: many }));
}

/// Every number of the file at every edge, one at a time: most are signed and refused, none breaks the check.
#[test]
fn no_word_of_a_receipt_breaks_its_check() {
    let forger = Forger::default();
    let proven = Frozen::named("layer");
    let context = ciro_receipt::receipt::ProvenFor { chain: forger.chain(), job: JOB, worker: key(77).account() };
    let receipts = [forger.signed(tree()), forger.agreed(tree()), forger.proven(proven.answer, context, proven.proof)];
    for receipt in receipts {
        let bytes = ciro_types::encode(&receipt);
        let numbers = bytes.len().saturating_sub(4_096)..bytes.len();
        for (at, edge) in numbers.flat_map(|at| [0, u64::MAX, 1 << 63].map(|edge| (at, edge))) {
            let mut altered = bytes.clone();
            altered.iter_mut().skip(at).zip(edge.to_le_bytes()).for_each(|(byte, edge)| *byte = edge);
            if let Ok(altered) = ciro_types::decode::<Receipt>(&altered, bytes.len()) {
                let judged = check(&altered, None).map(|_| ());
                assert!(judged.is_err() || altered == receipt, "byte {at}");
            }
        }
    }
}
