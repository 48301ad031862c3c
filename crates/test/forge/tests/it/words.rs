//! Words that a stranger chose.

use ciro_forge::{Answer, Forger, Frozen};
use ciro_graph::check::{CheckError, Problem};
use ciro_receipt::{ReceiptError, check};
use ciro_state::GenesisError;
use ciro_types::TextError;
use ciro_verifier::VerifyError;

/// One of each kind: moves the cursor, ends the line, reorders, hides, piles up.
const LIES: [&str; 8] = [
    "\u{1b}[2J\u{1b}[Hvalid (A4)",
    "\nvalid",
    "\rvalid",
    "\u{9b}2J",
    "a\u{202e}b",
    "a\u{200b}b",
    "a\u{2028}b",
    "\u{feff}",
];

fn tree() -> Answer {
    Frozen::named("B_dtree_bc_ml").answer
}

/// The finding: an answer without a proof, whose names print a verdict of their own.
#[test]
fn a_program_whose_names_are_not_printable_is_refused_at_every_rung() {
    let forger = Forger::default();
    for lie in LIES {
        for receipt in [forger.signed(tree().named(lie)), forger.agreed(tree().named(lie))] {
            let error = check(&receipt, None).map(|_| ()).expect_err(lie);
            let ReceiptError::Proof(VerifyError::Program(CheckError { problem, .. })) = error else {
                panic!("{lie:?}: {error}")
            };
            assert!(matches!(problem, Problem::Text { source: TextError::Hidden { .. }, .. }), "{lie:?}: {problem}");
        }
    }
}

#[test]
fn a_network_whose_name_is_not_printable_is_refused() {
    for lie in LIES {
        let mut forger = Forger::default();
        forger.genesis.network = lie.into();
        let error = check(&forger.signed(tree()), None).map(|_| ());
        assert!(matches!(error, Err(ReceiptError::Genesis(GenesisError::Name(_)))), "{lie:?}: {error:?}");
    }
}
