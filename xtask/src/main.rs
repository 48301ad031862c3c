//! House checks that a script, not a reviewer, makes.
//!
//! `cargo xtask tidy` reads the manifests, the sources and the documents of the checkout it is run in and prints one line
//! per violation, `path:line: rule: message`. Exit codes: 0 tidy, 1 violations, 2 usage, 3 the checkout cannot be read.

mod tidy;

use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy\n\n  tidy   check layers, lint tiers, sizes, unfinished marks, local paths, licences, references";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => run_tidy(),
        ["help" | "--help" | "-h"] => say(&mut io::stdout(), USAGE, ExitCode::SUCCESS),
        _ => say(&mut io::stderr(), USAGE, ExitCode::from(2)),
    }
}

fn run_tidy() -> ExitCode {
    match tidy::check_checkout() {
        Ok(report) if report.violations.is_empty() => say(&mut io::stdout(), &report.to_string(), ExitCode::SUCCESS),
        Ok(report) => say(&mut io::stdout(), &report.to_string(), ExitCode::FAILURE),
        Err(error) => say(&mut io::stderr(), &format!("tidy: {error:#}"), ExitCode::from(3)),
    }
}

/// Writes a line. A closed pipe is the reader's choice, not an error of ours.
fn say(to: &mut dyn Write, text: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(to, "{}", text.trim_end());
    code
}
