//! Words that a stranger chose.

use ciro_auditor::AuditError;
use ciro_forge::{Answer, Forger, Frozen};
use ciro_graph::check::CheckError;
use ciro_graph::problem::Problem;
use ciro_receipt::{Judged, ReceiptError, Terms, check};
use ciro_state::GenesisError;
use ciro_types::{Lines, TextError};
use proptest::prelude::*;

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
            let ReceiptError::Proof(AuditError::Program(CheckError { problem, .. })) = error else {
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

fn judged(text: &str) -> Option<Judged> {
    Terms::default().judge(&Forger::default().signed(tree().named(text)).to_bytes()).ok()
}

/// Anything, what is printable, and what looks like our own sentences.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "\\PC{0,60}", "[a-z0-9 =,:()\"\\\\\u{300}-\u{303}]{0,30}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a stranger calls things: where it is accepted, every line begins as with harmless names, and none is more or less.
    #[test]
    fn no_name_adds_a_line_or_begins_one(text in texts()) {
        let printed = |judged: Judged| judged.text().expect("rendered");
        let harmless = printed(judged("x").expect("valid"));
        if let Some(loud) = judged(&text) {
            let model = loud.report.model.to_string();
            let loud = printed(loud);
            prop_assert_eq!(Lines(&loud).to_string(), loud.as_str());
            prop_assert_eq!(loud.lines().count(), harmless.lines().count());
            let first = format!("valid, not proven (A0: signed answer) · model id {model}");
            prop_assert_eq!(loud.lines().next(), Some(first.as_str()));
            for (line, expected) in loud.lines().zip(harmless.lines()) {
                let start: String = expected.chars().take(2).collect();
                prop_assert!(line.starts_with(&start), "{line:?} in place of {expected:?}");
            }
        }
    }
}
