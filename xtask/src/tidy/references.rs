//! Documents name only what exists: paths and `path::item` in backquotes, and relative links.

use super::tree::Tree;
use super::violation::{Rule, Violation};

/// A word in backquotes that starts like this is a path of the checkout.
const ROOTS: [&str; 12] = [
    ".cargo/",
    ".ci/",
    "api/",
    "contracts/",
    "crates/",
    "deploy/",
    "docs/",
    "scripts/",
    "spec/",
    "tests/",
    "vectors/",
    "xtask/",
];

/// Checks every Markdown file outside fenced blocks.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.ending(".md") {
        let mut fenced = false;
        for (line, text) in file.lines() {
            fenced ^= text.trim_start().starts_with("```");
            if !fenced {
                let messages = dead_words(tree, text).into_iter().chain(dead_links(tree, &file.path, text));
                let at = |message| Violation { path: file.path.clone(), line, rule: Rule::DeadReference, message };
                violations.extend(messages.map(at));
            }
        }
    }
    violations
}

/// Words in backquotes that look like a path and lead nowhere.
fn dead_words(tree: &Tree, line: &str) -> Vec<String> {
    let quoted = line.split('`').skip(1).step_by(2);
    let paths = quoted.filter(|word| ROOTS.iter().any(|root| word.starts_with(root)) && !word.contains(pattern));
    paths.filter_map(|word| dead(tree, word)).collect()
}

/// Characters of a pattern or a command line: such a word is not one path.
fn pattern(c: char) -> bool {
    c.is_whitespace() || "*{}<>…$[](),".contains(c)
}

fn dead(tree: &Tree, word: &str) -> Option<String> {
    let (path, item) = word.split_once("::").map_or((word, None), |(path, item)| (path, Some(item)));
    if !tree.exists(path) {
        return Some(format!("there is no {path}"));
    }
    let name = item?.rsplit("::").next().unwrap_or_default();
    let text = &tree.file(path)?.text;
    (!declares(text, name)).then(|| format!("{path} declares no {name}"))
}

/// Whether `text` declares an item called `name`.
fn declares(text: &str, name: &str) -> bool {
    let kinds = ["fn", "struct", "enum", "trait", "const", "type", "static", "mod", "macro_rules!"];
    kinds.iter().any(|kind| {
        let declaration = format!("{kind} {name}");
        let ends = |at: usize| !text[at + declaration.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        text.match_indices(&declaration).any(|(at, _)| ends(at))
    })
}

/// Relative links that lead nowhere.
fn dead_links<'a>(tree: &'a Tree, from: &'a str, line: &'a str) -> impl Iterator<Item = String> + 'a {
    let dead = relative_links(line).filter(|target| !tree.exists(&resolve(from, target)));
    dead.map(|target| format!("there is no {target}"))
}

/// What a line of Markdown links to within the checkout, as it is written, without the part after `#`.
pub(super) fn relative_links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

/// The path that `target` means in the document `from`.
pub(crate) fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => _ = parts.pop(),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: (&str, &str) = ("crates/a/src/b.rs", "pub fn apply_block() {}\nimpl X { fn open() {} }\n");

    fn messages(document: &str) -> Vec<String> {
        let tree = Tree::of(&[CODE, ("docs/x.md", document), ("README.md", "")]);
        check(&tree).into_iter().map(|violation| violation.message).collect()
    }

    #[test]
    fn paths_and_items_that_exist_are_fine() {
        let good = "`crates/a/src/b.rs::apply_block`, `crates/a/src/b.rs::X::open`, `crates/a/`, `crates/*/x`, [r](../README.md#a)";
        assert_eq!(messages(good), [] as [&str; 0]);
        assert_eq!(messages("```\n`crates/gone`\n```\n[w](https://example.org/x)"), [] as [&str; 0]);
    }

    #[test]
    fn paths_items_and_links_that_do_not_exist_are_found() {
        assert_eq!(messages("see `crates/gone.rs`"), ["there is no crates/gone.rs"]);
        assert_eq!(messages("`crates/a/src/b.rs::apply`"), ["crates/a/src/b.rs declares no apply"]);
        assert_eq!(messages("[r](README.md)"), ["there is no README.md"]);
    }
}
