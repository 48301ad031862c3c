//! Deleting checks: each comparison that makes the verifier refuse is disarmed in turn, and a test has to notice.
//!
//! `cargo mutants` (docs/dev/mutants.md) changes operators and results, which mostly breaks honest proofs as well. A check that is
//! gone breaks nothing honest, so only a test that lies can tell.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Where the verifier's checks are.
const FILES: [&str; 10] = [
    "crates/proof/verifier/src/batch.rs",
    "crates/proof/verifier/src/constraints.rs",
    "crates/proof/verifier/src/gathers.rs",
    "crates/proof/verifier/src/key.rs",
    "crates/proof/verifier/src/layout.rs",
    "crates/proof/verifier/src/lookup.rs",
    "crates/proof/verifier/src/products.rs",
    "crates/proof/pcs/src/merkle.rs",
    "crates/proof/pcs/src/whir.rs",
    "crates/proof/transcript/src/reader.rs",
];

/// Tests that judge, the quick ones first.
const JUDGES: [&[&str]; 2] = [
    &["-p", "ciro-auditor", "-p", "ciro-pcs", "-p", "ciro-transcript"],
    &["-p", "ciro-prover", "--test", "it", "--", "opening::", "lying_rounds::", "tampering::", "malicious::"],
];

/// A file with one check disarmed.
#[derive(Debug, PartialEq, Eq)]
struct Deletion {
    line: usize,
    check: String,
    text: String,
}

/// Every deletion in a file: conditions before `return Err`, and `if … { Ok(()) } else { Err(…) }`.
fn deletions(text: &str) -> Vec<Deletion> {
    let product = text.split("#[cfg(test)]").next().unwrap_or(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in product.lines().enumerate() {
        let Some((indent, condition)) = line.split_once("if ").filter(|(indent, _)| indent.trim().is_empty()) else {
            continue;
        };
        let refuses = product.lines().nth(index + 1).is_some_and(|next| next.trim().starts_with("return Err("));
        let replaced = match condition.split_once(" {") {
            Some((check, "")) if refuses => Some((check, format!("{indent}if false && ({check}) {{"))),
            Some((check, rest)) if rest.starts_with(" Ok(()) } else { Err(") => {
                Some((check, format!("{indent}if true || ({check}) {{{rest}")))
            }
            _ => None,
        };
        if let Some((check, disarmed)) = replaced {
            let mut lines = lines.clone();
            lines[index] = &disarmed;
            found.push(Deletion { line: index + 1, check: check.into(), text: lines.join("\n") + "\n" });
        }
    }
    found
}

/// A file that is put back whatever happens.
struct Borrowed {
    path: PathBuf,
    text: String,
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.path, &self.text) {
            eprintln!("{} could not be put back: {error}", self.path.display());
        }
    }
}

/// Which tests noticed: the number of the judge, from 1.
fn judge() -> Result<Option<usize>> {
    for (number, judge) in (1..).zip(JUDGES) {
        let mut command = Command::new("cargo");
        command.args(["test", "--release", "--quiet"]).args(judge).stdout(Stdio::null()).stderr(Stdio::null());
        if !command.status().context("cargo does not run")?.success() {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Deletes each check of the checkout at the current directory, and says what noticed, as a table.
///
/// # Errors
/// When a file cannot be read or written, or the tests fail with every check in place.
pub(crate) fn run() -> Result<String> {
    ensure!(judge()?.is_none(), "the tests fail before anything is deleted");
    let mut table = String::from("| check | deleted at | noticed by |\n|---|---|---|\n");
    for file in FILES {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        let borrowed = Borrowed { path: Path::new(file).into(), text };
        for deletion in deletions(&borrowed.text) {
            fs::write(file, &deletion.text).with_context(|| format!("cannot write {file}"))?;
            let noticed = judge()?.map_or_else(|| "**nothing**".to_owned(), |number| JUDGES[number - 1].join(" "));
            eprintln!("{file}:{}: {noticed}", deletion.line);
            writeln!(table, "| `{}` | {file}:{} | `{noticed}` |", deletion.check.replace('|', "\\|"), deletion.line)?;
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_found_and_disarmed() {
        let text = "fn f() {\n    if a != b {\n        return Err(X);\n    }\n    if n == 0 { Ok(()) } else { Err(Y) }\n    if c {\n        g();\n    }\n}\n#[cfg(test)]\nmod tests {\n    if a {\n        return Err(Z);\n    }\n}\n";
        let found = deletions(text);
        let lines: Vec<(usize, &str)> = found.iter().map(|d| (d.line, d.check.as_str())).collect();
        assert_eq!(lines, [(2, "a != b"), (5, "n == 0")]);
        assert_eq!(found[0].text, text.replace("if a != b {", "if false && (a != b) {"));
        assert_eq!(found[1].text, text.replace("if n == 0 {", "if true || (n == 0) {"));
    }
}
