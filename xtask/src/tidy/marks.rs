//! Marks of unfinished work. One that stays cites the row of the feature list it waits for.

use super::tree::Tree;
use super::violation::{Rule, Violation};

/// The marks. Each is written in two halves, so that this file does not contain them.
const MARKS: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("allow(dead", "_code)"),
];

/// Files that people and programs write. Data, licences and locks are not searched.
const SEARCHED: [&str; 9] = [".rs", ".md", ".sh", ".py", ".ts", ".tsx", ".toml", ".proto", ".cairo"];

/// Checks every searched file and every script without an ending.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files().iter().filter(|file| is_searched(&file.path)) {
        for (line, text) in file.lines().filter(|(_, text)| !cites_a_row(text)) {
            if let Some(mark) = MARKS.iter().find(|mark| has_word(text, mark)) {
                let message = format!("`{mark}` without a feature row");
                violations.push(Violation { path: file.path.clone(), line, rule: Rule::UnfinishedMark, message });
            }
        }
    }
    violations
}

fn is_searched(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    !name.contains('.') || SEARCHED.iter().any(|ending| name.ends_with(ending))
}

/// `FEATURES row 12` or `FEATURES row C11`.
fn cites_a_row(line: &str) -> bool {
    line.split_once("FEATURES row ")
        .is_some_and(|(_, row)| row.trim_start_matches('C').starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether `word` stands in `line` and is not part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        !before.is_some_and(is_letter) && (word.ends_with(['(', ')']) || !after.is_some_and(is_letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, line: &str) -> usize {
        check(&Tree::of(&[(path, line)])).len()
    }

    #[test]
    fn every_mark_is_found_in_code_documents_and_scripts() {
        for mark in MARKS {
            for path in ["a.rs", "docs/a.md", "quickstart", "a.py"] {
                assert_eq!(found(path, &format!("  // {mark} later")), 1, "{mark} in {path}");
            }
        }
    }

    #[test]
    fn a_cited_row_excuses_a_mark_and_a_bare_mention_of_features_does_not() {
        let mark = MARKS[0];
        assert_eq!(found("a.rs", &format!("// {mark} FEATURES row 61: hiding")), 0);
        assert_eq!(found("a.rs", &format!("// {mark} FEATURES row C8")), 0);
        assert_eq!(found("a.rs", &format!("// {mark} see FEATURES")), 1);
    }

    #[test]
    fn longer_words_and_data_files_are_left_alone() {
        assert_eq!(found("a.rs", &format!("let METHOD{}S = 1;", MARKS[0])), 0);
        assert_eq!(found("a.json", MARKS[0]), 0);
    }
}
