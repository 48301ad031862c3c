//! How much code a stranger has to trust: the lines of the verifier and of what it links of ours.
//!
//! A line counts if it holds a token of the product: comments, documentation, blank lines and tests do not. The page states each crate's
//! lines rounded up, so that it changes when the code grows and not with every edit.

use super::closure::CLOSURE_OF_BASE;
use super::layers::{AUDITOR, CORE};
use super::source::product_lines;
use super::tree::Tree;
use super::violation::{Rule, Violation};
use super::workspace::Member;

/// The page that states them.
const PAGE: &str = "docs/reference/verifier-size.md";

/// What lines are rounded up to.
const STEP: usize = 100;

/// One row of the page: a crate, and its lines at most.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    lines: usize,
}

impl Row {
    fn text(&self) -> String {
        format!("| `{}` | {} |", self.name, self.lines)
    }
}

/// The crates of the closure, top first: the core's and their sum, then the others and the sum of all.
fn rows(members: &[Member], tree: &Tree) -> Vec<Row> {
    let core = counted(CORE.into_iter().rev(), members, tree);
    let others = counted(AUDITOR.into_iter().rev().chain(CLOSURE_OF_BASE), members, tree);
    let sum = |rows: &[(String, usize)]| rows.iter().map(|(_, lines)| lines).sum::<usize>();
    let (of_core, of_others) = (sum(&core), sum(&others));
    let core = core.into_iter().chain([("core".to_owned(), of_core)]);
    let all = core.chain(others).chain([("all".to_owned(), of_core + of_others)]);
    all.map(|(name, lines)| Row { name, lines: lines.next_multiple_of(STEP) }).collect()
}

/// The lines of the members of these names, those that are there.
fn counted<'a>(names: impl Iterator<Item = &'a str>, members: &[Member], tree: &Tree) -> Vec<(String, usize)> {
    let members = names.filter_map(|name| members.iter().find(|member| member.name == name));
    members.map(|member| (member.name.clone(), lines(member, tree))).collect()
}

fn lines(member: &Member, tree: &Tree) -> usize {
    let sources = format!("{}/src/", member.dir);
    let files = tree.ending(".rs").filter(|file| file.path.starts_with(&sources));
    files.filter_map(|file| syn::parse_file(&file.text).ok()).map(|file| product_lines(&file).len()).sum()
}

/// The rows as the page has them.
pub(crate) fn table(members: &[Member], tree: &Tree) -> String {
    let rows = rows(members, tree).iter().map(Row::text).collect::<Vec<_>>().join("\n");
    format!("| crate | lines, at most |\n|---|---|\n{rows}")
}

/// Checks that the page states what is there.
pub(crate) fn check(members: &[Member], tree: &Tree) -> Vec<Violation> {
    let page = tree.file(PAGE).map_or("", |page| page.text.as_str());
    let stated: Vec<(usize, &str)> = page.lines().enumerate().filter(|(_, line)| line.starts_with("| `")).collect();
    let expected = rows(members, tree);
    if expected.len() == 2 {
        return Vec::new();
    }
    let missing = expected.iter().filter(|row| !stated.iter().any(|(_, line)| *line == row.text()));
    let missing = missing.map(|row| (1, format!("expected the row {}", row.text())));
    let wrong = stated.iter().filter(|(_, line)| !expected.iter().any(|row| *line == row.text()));
    let wrong = wrong.map(|(index, line)| (index + 1, format!("is not so any more: {line}")));
    missing
        .chain(wrong)
        .map(|(line, message)| Violation { path: PAGE.into(), line, rule: Rule::StatedSize, message })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str, code: &str) -> usize {
        let member = Member { name: "ciro-pcs".into(), dir: "crates/proof/pcs".into(), dependencies: vec![] };
        check(&[member], &Tree::of(&[(PAGE, page), ("crates/proof/pcs/src/lib.rs", code)])).len()
    }

    #[test]
    fn a_stated_size_is_kept_up_to_date() {
        let page = "| crate | lines, at most |\n|---|---|\n| `ciro-pcs` | 100 |\n| `core` | 100 |\n| `all` | 100 |\n";
        let code = |lines: usize| format!("fn f() {{\n{}}}", "    f();\n".repeat(lines - 2));
        assert_eq!(found(page, &code(100)), 0);
        assert_eq!(found(page, &code(101)), 6, "three rows are missing, three are wrong");
        assert_eq!(found("", &code(50)), 3);
        assert_eq!(found(&format!("{page}| `ciro-graph` | 100 |\n"), &code(50)), 1);
    }

    #[test]
    fn comments_and_tests_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}", "fn f() {}\n".repeat(99));
        let page = "| `ciro-pcs` | 100 |\n| `core` | 100 |\n| `all` | 100 |\n";
        let documented = format!("//! A.\n\n{}fn f() {{}}\n{tests}", "/// B.\n// C.\n\n".repeat(60));
        assert_eq!(found(page, &documented), 0);
    }
}
