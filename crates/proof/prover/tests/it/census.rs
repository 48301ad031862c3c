//! Every absorb and every challenge of one proof per gadget, as text: a change of the transcript shows in review.
//!
//! `CIRO_UPDATE=1 cargo test -p ciro-prover --test it census::` writes the file anew.

use crate::common::cases;
use ciro_transcript::Step;
use std::fmt::Write;
use std::path::Path;

/// One line per step, equal ones in a row counted.
fn listed(steps: &[Step]) -> String {
    let mut text = String::new();
    for run in steps.chunk_by(|a, b| a == b) {
        let Step { kind, label, len } = run[0];
        let times = if run.len() > 1 { format!(" ×{}", run.len()) } else { String::new() };
        writeln!(text, "{:<10}{label:<20}{len:>6}{times}", format!("{kind:?}").to_lowercase()).expect("text grows");
    }
    text
}

#[test]
fn the_transcript_is_what_was_reviewed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/census.txt");
    let sections = cases().into_iter().map(|case| format!("# {}\n{}", case.name, listed(&case.proof.steps)));
    let census = sections.collect::<Vec<String>>().join("\n");
    if std::env::var_os("CIRO_UPDATE").is_some() {
        std::fs::write(&file, &census).expect("the census can be written");
    }
    let reviewed = std::fs::read_to_string(&file).expect("the census is there");
    assert!(census == reviewed, "the transcript changed: review the difference after CIRO_UPDATE=1");
}

/// Nothing that a proof holds escapes the census, and nothing is drawn before the statement and the witness are absorbed.
#[test]
fn the_census_is_complete() {
    use ciro_transcript::StepKind::{Absorb, Challenge, Open, Positions, Send};
    for case in cases() {
        let steps = &case.proof.steps;
        let sent = steps.iter().filter(|s| matches!(s.kind, Send | Open)).map(|s| s.len).sum::<usize>();
        assert_eq!(sent, case.proof.bytes.len(), "{}", case.name);
        let first = steps.iter().position(|s| matches!(s.kind, Challenge | Positions)).expect("something is drawn");
        let before: Vec<&str> = steps[..first].iter().map(|s| s.label).collect();
        let given = ["model", "weight root", "security", "context", "input", "output"];
        let read = ["input integers", "output integers", "witness root"];
        assert_eq!(before, [&given[..], &read].concat(), "{}", case.name);
        assert!(steps[first..].iter().all(|s| s.kind != Absorb), "{}", case.name);
    }
}
