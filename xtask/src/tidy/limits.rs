//! Limits that a document states, held against the code that makes them so.
//!
//! `xtask/limits.txt` has a line for each number: `row | words | path | code`. The row of a table of `SECURITY.md`
//! that begins like this says these words. The file holds this code, however it is broken into lines. Whoever changes
//! a limit changes the code of its line here, and so looks at the words. A row with a number that no line speaks of is
//! reported.

use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};

/// What states limits.
const DOCUMENT: &str = "SECURITY.md";
/// Where each comes from.
const LIMITS: &str = "xtask/limits.txt";

/// A line of the list.
struct Limit<'a> {
    line: usize,
    row: &'a str,
    words: &'a str,
    path: &'a str,
    code: &'a str,
}

/// A row of a table: its line, its first cell, and the others.
struct Row<'a> {
    line: usize,
    first: &'a str,
    rest: &'a str,
}

/// Holds the document against the list, and the list against the code.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let (limits, mut violations) = limits(tree);
    let rows: Vec<Row<'_>> = tree.file(DOCUMENT).into_iter().flat_map(SourceFile::lines).filter_map(row).collect();
    for limit in &limits {
        violations.extend(wrong(limit, &rows, tree).map(|message| in_list(limit.line, message)));
    }
    let listed: Vec<usize> = limits.iter().filter_map(|limit| Some(stated(limit.row, &rows)?.line)).collect();
    let has_number = |row: &&Row<'_>| row.rest.contains(|c: char| c.is_ascii_digit());
    let unlisted = rows.iter().filter(|row| has_number(row) && !listed.contains(&row.line));
    violations.extend(unlisted.map(|row| Violation {
        path: DOCUMENT.into(),
        line: row.line,
        rule: Rule::StatedLimit,
        message: format!("no line of {LIMITS} says what makes \"{}\" so", row.first),
    }));
    violations
}

/// What is wrong with a line of the list.
fn wrong(limit: &Limit<'_>, rows: &[Row<'_>], tree: &Tree) -> Option<String> {
    let Limit { row, words, path, code, .. } = limit;
    let Some(stated) = stated(row, rows) else {
        return Some(format!("no row of {DOCUMENT} begins with \"{row}\""));
    };
    if !stated.rest.contains(words) {
        return Some(format!("\"{row}\" does not say \"{words}\""));
    }
    let is_there = tree.file(path).is_some_and(|file| on_one_line(&file.text).contains(&on_one_line(code)));
    (!is_there).then(|| format!("{path} does not hold `{code}`, which makes \"{row}\" be \"{words}\""))
}

/// The row with this first cell, or else the first one that begins like this.
fn stated<'a, 'b>(row: &str, rows: &'b [Row<'a>]) -> Option<&'b Row<'a>> {
    let whole = rows.iter().find(|stated| stated.first == row);
    whole.or_else(|| rows.iter().find(|stated| stated.first.starts_with(row)))
}

fn in_list(line: usize, message: String) -> Violation {
    Violation { path: LIMITS.into(), line, rule: Rule::StatedLimit, message }
}

fn limits(tree: &Tree) -> (Vec<Limit<'_>>, Vec<Violation>) {
    let (mut limits, mut violations) = (Vec::new(), Vec::new());
    let lines = tree.file(LIMITS).into_iter().flat_map(SourceFile::lines);
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty() && !text.starts_with('#')) {
        match text.splitn(4, " | ").collect::<Vec<_>>().as_slice() {
            &[row, words, path, code] => limits.push(Limit { line, row, words, path, code }),
            _ => violations.push(in_list(line, "expected `row | words | path | code`".into())),
        }
    }
    (limits, violations)
}

/// A line of a table, unless it separates the heading from the rows.
fn row((line, text): (usize, &str)) -> Option<Row<'_>> {
    let (first, rest) = text.strip_prefix("| ")?.split_once(" | ")?;
    Some(Row { line, first, rest })
}

/// Code as it reads without line breaks and indentation.
fn on_one_line(code: &str) -> String {
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: (&str, &str) = ("a.rs", "const MOST: usize =\n    1 << 24;");

    fn found(row: &str, line: &str) -> Vec<String> {
        let table = format!("| what | limit |\n|---|---|\n{row}\n");
        let tree = Tree::of(&[(DOCUMENT, &table), (LIMITS, line), CODE]);
        check(&tree).into_iter().map(|violation| format!("{}:{}", violation.path, violation.line)).collect()
    }

    #[test]
    fn a_number_is_what_the_code_says() {
        let row = "| an input | 16 MiB each |";
        assert_eq!(found(row, "an input | 16 MiB | a.rs | MOST: usize = 1 << 24"), [""; 0]);
        for line in [
            "an input | 32 MiB | a.rs | MOST: usize = 1 << 24",
            "an input | 16 MiB | a.rs | MOST: usize = 1 << 25",
            "an input | 16 MiB | gone.rs | MOST: usize = 1 << 24",
        ] {
            assert_eq!(found(row, line), ["xtask/limits.txt:1"], "{line}");
        }
    }

    #[test]
    fn each_row_with_a_number_has_a_line_and_each_line_a_row() {
        let listed = "an input | 16 MiB | a.rs | MOST: usize = 1 << 24";
        assert_eq!(found("| an output | 16 MiB |", listed), ["xtask/limits.txt:1", "SECURITY.md:3"]);
        assert_eq!(found("| an output | none |", ""), [""; 0]);
        assert_eq!(found("| an output | none |", "an output | none | a.rs"), ["xtask/limits.txt:1"]);
    }
}
