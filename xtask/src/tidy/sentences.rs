//! Sentences of the book and of documentation comments that are too long to be read once. They are a ratchet: nothing
//! new is longer, and a listed count may shrink but not grow.
//!
//! `xtask/sentences.txt` lists files that still have some, one per line: `path COUNT`.

use std::collections::BTreeMap;

use super::book::pages;
use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};

/// Words of a sentence.
const WORDS_MAX: usize = 25;
/// The list of files with sentences that are longer.
const ALLOWANCES: &str = "xtask/sentences.txt";
/// Pages that are a list of what happened, or notes for the next day.
const EXEMPT: [&str; 2] = ["CHANGELOG.md", "docs/dev/NOTES.md"];

/// Text that belongs together: a paragraph, an item of a list or a part of a table's cell, with the line on which it begins.
#[derive(Debug, PartialEq, Eq)]
struct Passage {
    line: usize,
    text: String,
}

/// Checks the pages of the book, and what modules and items say about themselves.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let (allowed, mut violations) = allowances(tree);
    let pages = pages(tree);
    let pages = pages.iter().filter(|path| !EXEMPT.contains(&path.as_str())).filter_map(|path| tree.file(path));
    for page in pages.chain(tree.ending(".rs")) {
        let long = long_in(page);
        let limit = allowed.get(page.path.as_str()).map_or(0, |(_, count)| *count);
        if long.len() > limit {
            let say = |(line, words)| Violation {
                path: page.path.clone(),
                line,
                rule: Rule::Sentence,
                message: format!(
                    "a sentence of {words} words; {} here are longer than {WORDS_MAX}, expected {limit}",
                    long.len()
                ),
            };
            violations.extend(long.iter().copied().map(say));
        }
    }
    let found = |path: &str| tree.file(path).map_or(0, |page| long_in(page).len());
    let loose = allowed
        .iter()
        .map(|(path, (line, count))| (path, line, count, found(path)))
        .filter(|(_, _, count, found)| found < *count);
    violations.extend(
        loose.map(|(path, line, count, found)| {
            in_list(*line, format!("{path} has {found} long sentences, not {count}"))
        }),
    );
    violations
}

fn in_list(line: usize, message: String) -> Violation {
    Violation { path: ALLOWANCES.into(), line, rule: Rule::Sentence, message }
}

/// Line and count by page.
fn allowances(tree: &Tree) -> (BTreeMap<&str, (usize, usize)>, Vec<Violation>) {
    let (mut allowances, mut violations) = (BTreeMap::new(), Vec::new());
    let lines = tree.file(ALLOWANCES).into_iter().flat_map(SourceFile::lines);
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty() && !text.starts_with('#')) {
        match text.split_once(' ').and_then(|(path, count)| Some((path, count.parse().ok()?))) {
            Some((path, count)) => _ = allowances.insert(path, (line, count)),
            None => violations.push(in_list(line, "expected `path COUNT`".into())),
        }
    }
    (allowances, violations)
}

/// Lines and words of the sentences of a file that are too long.
fn long_in(file: &SourceFile) -> Vec<(usize, usize)> {
    if file.path.ends_with(".rs") { long_sentences(&docs(&file.text)) } else { long_sentences(&file.text) }
}

/// What a module and its items say about themselves, on the lines where it stands.
fn docs(source: &str) -> String {
    source.lines().map(|line| doc(line.trim()).to_owned() + "\n").collect()
}

/// The text of a line of documentation; nothing of any other line.
fn doc(line: &str) -> &str {
    ["//!", "///"].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or_default()
}

/// Lines and words of the sentences that are too long.
fn long_sentences(page: &str) -> Vec<(usize, usize)> {
    let sentences = passages(page).into_iter().flat_map(|passage| {
        let words = sentences(&passage.text).map(words).collect::<Vec<_>>();
        words.into_iter().map(move |words| (passage.line, words))
    });
    sentences.filter(|(_, words)| *words > WORDS_MAX).collect()
}

/// The text of a page without headings, comments and fenced blocks.
fn passages(page: &str) -> Vec<Passage> {
    let (mut found, mut fenced, mut continues) = (Vec::<Passage>::new(), false, false);
    for (index, line) in page.lines().enumerate() {
        let (text, line) = (line.trim().trim_start_matches("> "), index + 1);
        let fence = text.starts_with("```");
        fenced ^= fence;
        if fence || fenced || text.is_empty() || text.starts_with('#') || text.starts_with("<!--") {
            continues = false;
        } else if let Some(row) = text.strip_prefix('|') {
            found.extend(row.split(['|', ';']).map(|part| Passage { line, text: part.trim().to_owned() }));
            continues = false;
        } else if let Some(item) = item(text) {
            found.push(Passage { line, text: item.to_owned() });
            continues = true;
        } else {
            match found.last_mut().filter(|_| continues) {
                Some(passage) => passage.text = format!("{} {text}", passage.text),
                None => found.push(Passage { line, text: text.to_owned() }),
            }
            continues = true;
        }
    }
    found
}

/// The text of a list's item.
fn item(line: &str) -> Option<&str> {
    let (mark, text) = line.split_once(' ')?;
    let number = mark.strip_suffix('.').is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit()));
    (mark == "-" || mark == "*" || number).then_some(text)
}

/// Sentences end with a full stop, an exclamation or a question mark before a space. What is quoted as code holds no end.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut ended) = (false, false);
    text.split(move |c: char| {
        quoted ^= c == '`';
        let is_end = ended && !quoted && c.is_whitespace();
        // Brackets, quotes and emphasis may close after the mark.
        ended = ".!?".contains(c) || (ended && ")*_\"".contains(c));
        is_end
    })
}

/// Words have two letters or more; signs and the letters of formulas are none. What is quoted as code is one.
fn words(sentence: &str) -> usize {
    let parts = sentence.split('`').enumerate().map(|(index, part)| if index % 2 == 1 { 1 } else { plain_words(part) });
    parts.sum()
}

fn plain_words(text: &str) -> usize {
    let is_word =
        |token: &&str| token.split(|c: char| !c.is_alphabetic()).any(|run| run == "a" || run.chars().count() > 1);
    text.split_whitespace().filter(is_word).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str, list: &str) -> Vec<(String, usize)> {
        let files = [
            ("docs/SUMMARY.md", "- [A](a.md)\n- [C](../CHANGELOG.md)"),
            ("docs/a.md", page),
            ("CHANGELOG.md", &long(30)),
            (ALLOWANCES, list),
        ];
        check(&Tree::of(&files)).into_iter().map(|violation| (violation.path, violation.line)).collect()
    }

    fn long(words: usize) -> String {
        format!("{}.", vec!["word"; words].join(" "))
    }

    #[test]
    fn a_sentence_may_reach_the_limit_and_not_pass_it() {
        assert_eq!(found(&format!("# T\n\n{} {}\n", long(25), long(25)), ""), []);
        assert_eq!(found(&format!("**{}** \"{}\" ({}) {}\n", long(25), long(25), long(25), long(25)), ""), []);
        assert_eq!(found(&format!("# T\n\n{}\n", long(26)), ""), [("docs/a.md".into(), 3)]);
        assert_eq!(
            found(&format!("{}\n{}\n", long(13).trim_end_matches('.'), long(13)), ""),
            [("docs/a.md".into(), 1)]
        );
    }

    #[test]
    fn code_formulas_headings_and_cells_are_no_sentences() {
        assert_eq!(found(&format!("`{}` = Σ x · y ≤ 2ᵇ + z {}\n", long(40), long(24)), ""), []);
        assert_eq!(found(&format!("# {0}\n```text\n{0}\n```\n<!-- {0} -->\n", long(26)), ""), []);
        let half = long(20).replace('.', "");
        assert_eq!(found(&format!("| {half}; {half} |\n"), ""), []);
        assert_eq!(found(&format!("- {half}\n- {half}\n1. {half}\n| {half} | {half} |\n"), ""), []);
    }

    #[test]
    fn modules_are_read_as_well_and_their_code_is_not() {
        let check = |source: &str| check(&Tree::of(&[("crates/a/src/b.rs", source)])).len();
        assert_eq!(check(&format!("//! {}\n//! {}\n", long(25), long(25))), 0);
        assert_eq!(check(&format!("//! {}\n", long(26))), 1);
        assert_eq!(check(&format!("// {}\nlet a = \"{}\";\n", long(26), long(26))), 0);
    }

    #[test]
    fn items_are_read_as_well_each_by_itself() {
        let lines = |source: &str| {
            let found = check(&Tree::of(&[("crates/a/src/b.rs", source)])).into_iter();
            found.map(|violation| violation.line).collect::<Vec<_>>()
        };
        let half = long(13).replace('.', "");
        assert_eq!(lines(&format!("/// {}\n    /// {}\nfn f() {{}}\n", long(25), long(25))), Vec::<usize>::new());
        assert_eq!(lines(&format!("fn f() {{}}\n\n    /// {half}\n    /// {half}\n    fn g() {{}}\n")), [3]);
        assert_eq!(lines(&format!("/// {half}\nfn f() {{}}\n/// {half}\nfn g() {{}}\n")), Vec::<usize>::new());
    }

    #[test]
    fn a_listed_page_may_get_better_and_not_worse() {
        let page = format!("{}\n\n{}\n", long(26), long(26));
        assert_eq!(found(&page, "# list\ndocs/a.md 2\n"), []);
        assert_eq!(found(&page, "docs/a.md 1\n"), [("docs/a.md".into(), 1), ("docs/a.md".into(), 3)]);
        assert_eq!(found(&page, "docs/a.md 3\n"), [(ALLOWANCES.into(), 1)]);
        assert_eq!(found("", "docs/a.md x\n"), [(ALLOWANCES.into(), 1)]);
    }
}
