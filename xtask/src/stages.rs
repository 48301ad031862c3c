//! What `./test` counts, tried on commands that pass, fail and cannot run here.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs `lines` with the functions of `scripts/stage.sh`.
fn sourced(lines: &str) -> Output {
    let stage = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/stage.sh");
    let script = format!("set -euo pipefail\n. {}\n{lines}\nsummary", stage.display());
    Command::new("bash").args(["-c", &script]).output().expect("bash starts")
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn what_cannot_run_here_is_skipped_with_its_reason_and_counts_as_nothing() {
    let output = sourced("stage here true\nstage page bash -c 'echo built; echo no browser here; exit 77'");
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.lines().any(|line| line.starts_with("skip ") && line.ends_with("page: no browser here")), "{text}");
    assert_eq!(text.lines().last(), Some("1 passed, 0 failed"));
}

#[test]
fn what_fails_is_counted_and_ends_the_run() {
    let output = sourced("stage broken bash -c 'exit 3'\nstage after true");
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("FAILED") && !text.contains("after"), "{text}");
    assert_eq!(text.lines().last(), Some("0 passed, 1 failed"));
}
