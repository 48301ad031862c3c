//! House checks that a script, not a reviewer, makes, distributions, and the book.
//!
//! `cargo xtask tidy` reads the manifests, the sources and the documents of the checkout it is run in and prints one line
//! per violation, `path:line: rule: message`. `cargo xtask dist` builds for every level of processors, `cargo xtask book` the
//! book. Exit codes: 0 tidy, 1 violations, 2 usage, 3 the checkout cannot be read.

mod book;
mod deletions;
mod dist;
#[cfg(test)]
mod stages;
mod tidy;

use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy | lines | deletions | dist [FOLDER] | book [FOLDER] | pages\n\n  tidy   check layers, lint tiers, sizes, unfinished marks, local paths, licences, references\n  lines  count the verifier and its closure, as docs/reference/verifier-size.md states them\n  deletions  disarm each check of the verifier in turn, and see which tests notice (half an hour)\n  dist   build ciro for each level of processors, with the launcher that chooses (into target/dist/ciro), and compare their proofs\n  book   build the book with mdBook (into target/book), and follow its links\n  pages  list the pages of the book";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => run_tidy(),
        ["lines"] => run_lines(),
        ["deletions"] => run_deletions(),
        ["dist"] => run_dist("target/dist/ciro"),
        ["dist", out] => run_dist(out),
        ["pages"] => run_pages(),
        ["book"] => run_book("target/book"),
        ["book", out] => run_book(out),
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

fn run_lines() -> ExitCode {
    match tidy::verifier_lines() {
        Ok(table) => say(&mut io::stdout(), &table, ExitCode::SUCCESS),
        Err(error) => say(&mut io::stderr(), &format!("lines: {error:#}"), ExitCode::from(3)),
    }
}

fn run_deletions() -> ExitCode {
    match deletions::run() {
        Ok(table) => say(&mut io::stdout(), &table, ExitCode::SUCCESS),
        Err(error) => say(&mut io::stderr(), &format!("deletions: {error:#}"), ExitCode::from(3)),
    }
}

fn run_dist(out: &str) -> ExitCode {
    match dist::build(out.as_ref()) {
        Ok(made) => say(&mut io::stdout(), &made.to_string(), ExitCode::SUCCESS),
        Err(error) => say(&mut io::stderr(), &format!("dist: {error:#}"), ExitCode::FAILURE),
    }
}

fn run_pages() -> ExitCode {
    match tidy::pages() {
        Ok(pages) => say(&mut io::stdout(), &pages.join("\n"), ExitCode::SUCCESS),
        Err(error) => say(&mut io::stderr(), &format!("pages: {error:#}"), ExitCode::from(3)),
    }
}

fn run_book(out: &str) -> ExitCode {
    match book::build(out.as_ref()) {
        Ok(made) => say(&mut io::stdout(), &made, ExitCode::SUCCESS),
        Err(error) => say(&mut io::stderr(), &format!("book: {error:#}"), ExitCode::FAILURE),
    }
}

/// Writes a line. A closed pipe is the reader's choice, not an error of ours.
fn say(to: &mut dyn Write, text: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(to, "{}", text.trim_end());
    code
}
