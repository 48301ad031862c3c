//! What a check reports, and how a report reads.

use std::collections::BTreeSet;
use std::fmt;

/// A rule of the house. The name is what a reader greps for; the hint says what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    Layer,
    BannedDependency,
    DependencyCycle,
    LintTier,
    Determinism,
    CrateMap,
    GroupReadme,
    FunctionLength,
    FileLength,
    Circle,
    TestBinary,
    Copy,
    StaleAllowance,
    StatedSize,
    StatedLimit,
    UnfinishedMark,
    LocalPath,
    Licence,
    DeadReference,
    Book,
    Sentence,
    Unparsable,
}

impl Rule {
    /// Every rule.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 22] = [
        Self::Layer,
        Self::BannedDependency,
        Self::DependencyCycle,
        Self::LintTier,
        Self::Determinism,
        Self::CrateMap,
        Self::GroupReadme,
        Self::FunctionLength,
        Self::FileLength,
        Self::Circle,
        Self::TestBinary,
        Self::Copy,
        Self::StaleAllowance,
        Self::StatedSize,
        Self::StatedLimit,
        Self::UnfinishedMark,
        Self::LocalPath,
        Self::Licence,
        Self::DeadReference,
        Self::Book,
        Self::Sentence,
        Self::Unparsable,
    ];

    /// The rule's name in the output.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::BannedDependency => "banned-dependency",
            Self::DependencyCycle => "dependency-cycle",
            Self::LintTier => "lint-tier",
            Self::Determinism => "determinism",
            Self::CrateMap => "crate-map",
            Self::GroupReadme => "group-readme",
            Self::FunctionLength => "function-length",
            Self::FileLength => "file-length",
            Self::Circle => "circle",
            Self::TestBinary => "test-binary",
            Self::Copy => "copy",
            Self::StaleAllowance => "stale-allowance",
            Self::StatedSize => "stated-size",
            Self::StatedLimit => "stated-limit",
            Self::UnfinishedMark => "unfinished-mark",
            Self::LocalPath => "local-path",
            Self::Licence => "licence",
            Self::DeadReference => "dead-reference",
            Self::Book => "book",
            Self::Sentence => "sentence",
            Self::Unparsable => "unparsable",
        }
    }

    /// What to do about a violation.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::Layer => {
                "move the code down, or pass it in through a trait; the table is in xtask/src/tidy/layers.rs"
            }
            Self::BannedDependency => "sockets, executors and entropy live in crates/fabric and above; pass a value in",
            Self::DependencyCycle => "move the shared test code into the lower crate or into crates/test",
            Self::LintTier => {
                "add the attribute to the crate root (relax one with a reason), or `[lints] workspace = true` to the manifest"
            }
            Self::Determinism => {
                "take the value as an input, use the ordered or integer form, or give the reason as `// deterministic: …`"
            }
            Self::CrateMap => {
                "start lib.rs with `//!` (purpose, module table, dependency position) and move code to modules"
            }
            Self::GroupReadme => "say in three lines what belongs in the group and what it may depend on",
            Self::FunctionLength => {
                "keep the branches in the parent and move pure leaves out, or list it with a reason"
            }
            Self::FileLength => "split by noun, or list it in xtask/ratchet.txt with a reason",
            Self::TestBinary => {
                "move it into tests/it, or name it in the manifest as `[[test]]` with what sets it apart"
            }
            Self::Copy => "keep one, where both can use it",
            Self::Circle => "move what several of these files need into a file that uses none of them",
            Self::StaleAllowance => "delete the line, or write the smaller number: the ratchet only tightens",
            Self::StatedLimit => {
                "make document and code say the same number, and add or correct its line in xtask/limits.txt"
            }
            Self::StatedSize => "write what `cargo xtask lines` prints",
            Self::UnfinishedMark => "finish it, or cite the row it waits for as `FEATURES row N` on the same line",
            Self::LocalPath => "use a relative path, a variable, or mktemp; let cargo's configuration name mirrors",
            Self::Licence => "replace the dependency, or argue for the licence in an ADR and add it to the table",
            Self::DeadReference => "correct the path or the name, or remove the sentence",
            Self::Book => "list the page in docs/SUMMARY.md, or correct what it links to or shows",
            Self::Sentence => "make two of it; xtask/sentences.txt counts what is left, and only shrinks",
            Self::Unparsable => "make the file valid Rust of this edition",
        }
    }
}

/// One violation at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// Path relative to the checkout.
    pub(crate) path: String,
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// The rule.
    pub(crate) rule: Rule,
    /// What is wrong, in one sentence.
    pub(crate) message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule.name(), self.message)
    }
}

/// The outcome of a run.
pub(crate) struct Report {
    /// Every violation, by path and line.
    pub(crate) violations: Vec<Violation>,
    /// How many text files were read.
    pub(crate) files: usize,
    /// Dependencies present in several incompatible versions: `name 1.2.0, 2.0.1`. For information.
    pub(crate) duplicates: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.violations {
            writeln!(f, "{violation}")?;
        }
        let rules: BTreeSet<Rule> = self.violations.iter().map(|violation| violation.rule).collect();
        for rule in &rules {
            writeln!(f, "hint: {}: {}", rule.name(), rule.hint())?;
        }
        if !self.duplicates.is_empty() {
            writeln!(f, "info: in several versions: {}", self.duplicates.join("; "))?;
        }
        write!(f, "tidy: {} files, {} violations", self.files, self.violations.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_one_line_per_violation_and_one_hint_per_rule() {
        let at = |line| Violation { path: "a.rs".into(), line, rule: Rule::LocalPath, message: "names a path".into() };
        let report = Report { violations: vec![at(1), at(2)], files: 3, duplicates: vec![] };
        let text = report.to_string();
        assert!(
            text.starts_with("a.rs:1: local-path: names a path\na.rs:2: local-path: names a path\nhint: local-path:")
        );
        assert!(text.ends_with("\ntidy: 3 files, 2 violations"));
        assert_eq!(text.matches("hint:").count(), 1);
    }
}
