//! The book: `docs/SUMMARY.md` lists its pages, and everything below `docs/` is a page or shown by one.

use std::collections::BTreeSet;

use super::references::{relative_links, resolve};
use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};

/// The list of pages, in the order of reading.
pub(crate) const SUMMARY: &str = "docs/SUMMARY.md";
/// Everything in this folder belongs to the book.
const FOLDER: &str = "docs/";
/// How mdBook names a part of another file: `PATH` or `PATH:ANCHOR` follows, then `}}`.
const INCLUDE: &str = "{{#include ";

/// What a page includes: a file, and the anchor within it, if not all of it is meant.
struct Include {
    line: usize,
    path: String,
    anchor: Option<String>,
}

impl Include {
    /// Why it shows nothing, if it does not.
    fn defect(&self, tree: &Tree) -> Option<String> {
        let Some(file) = tree.file(&self.path) else {
            return Some(format!("includes {}, which is not there", self.path));
        };
        let anchor = self.anchor.as_ref()?;
        let is_whole = ["ANCHOR", "ANCHOR_END"].iter().all(|mark| marks(file, &format!("{mark}: {anchor}")));
        (!is_whole).then(|| format!("{} has no anchor {anchor}", self.path))
    }
}

fn marks(file: &SourceFile, mark: &str) -> bool {
    file.lines().any(|(_, line)| line.trim_end().ends_with(mark))
}

/// The paths of the pages, in the order of reading.
pub(crate) fn pages(tree: &Tree) -> Vec<String> {
    let lines = tree.file(SUMMARY).into_iter().flat_map(SourceFile::lines);
    lines.flat_map(|(_, line)| relative_links(line).map(|target| resolve(SUMMARY, target))).collect()
}

/// The pages, and what they link to or include.
pub(crate) fn files(tree: &Tree) -> BTreeSet<String> {
    let pages = pages(tree);
    let shown = pages.iter().filter_map(|path| tree.file(path)).flat_map(|page| {
        let linked = links(page).into_iter().map(|(_, target)| target);
        linked.chain(includes(page).into_iter().map(|include| include.path)).collect::<Vec<_>>()
    });
    shown.chain(pages.iter().cloned()).collect()
}

/// The lines and paths of a page's links within the checkout, outside fenced blocks.
fn links(page: &SourceFile) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (line, text) in page.lines() {
        fenced ^= text.trim_start().starts_with("```");
        if !fenced {
            found.extend(relative_links(text).map(|target| (line, resolve(&page.path, target))));
        }
    }
    found
}

fn includes(page: &SourceFile) -> Vec<Include> {
    let named = page.lines().filter_map(|(line, text)| {
        let (named, _) = text.split_once(INCLUDE)?.1.split_once("}}")?;
        Some((line, named))
    });
    let parsed = named.map(|(line, named)| {
        let (path, anchor) =
            named.split_once(':').map_or((named, None), |(path, anchor)| (path, Some(anchor.to_owned())));
        Include { line, path: resolve(&page.path, path), anchor }
    });
    parsed.collect()
}

/// Checks that the book has every document, and that its pages lead to pages.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let pages = pages(tree);
    let at = |path: &str, line, message| Violation { path: path.into(), line, rule: Rule::Book, message };
    let mut violations: Vec<Violation> =
        missed(tree).into_iter().map(|path| at(&path, 1, format!("no page of {SUMMARY}, and none shows it"))).collect();
    for page in pages.iter().filter_map(|path| tree.file(path)) {
        let outside = links(page).into_iter().filter(|(_, target)| target.ends_with(".md") && !pages.contains(target));
        violations.extend(outside.map(|(line, target)| at(&page.path, line, format!("{target} is not in the book"))));
        let broken = includes(page).into_iter().filter_map(|include| Some((include.line, include.defect(tree)?)));
        violations.extend(broken.map(|(line, message)| at(&page.path, line, message)));
        let nameless = || "a block without a language: bash and python are run, text is not".to_owned();
        violations.extend(nameless_blocks(page).map(|line| at(&page.path, line, nameless())));
    }
    violations
}

/// Lines that open a fenced block and do not say its language, so that nobody knows whether it runs.
fn nameless_blocks(page: &SourceFile) -> impl Iterator<Item = usize> {
    let fences = page.lines().filter(|(_, text)| text.trim_start().starts_with("```"));
    fences.step_by(2).filter(|(_, text)| text.trim() == "```").map(|(line, _)| line)
}

/// Files of the book's folder that no reader of the book would find.
fn missed(tree: &Tree) -> Vec<String> {
    let shown = files(tree);
    let inside = tree.paths().filter(|path| path.starts_with(FOLDER) && *path != SUMMARY);
    inside.filter(|path| !shown.contains(*path)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A book of one page `docs/a.md` with this text, beside a program with an anchor and a picture.
    fn messages(page: &str, more: &[(&str, &str)]) -> Vec<String> {
        let program = "// ANCHOR: call\nf();\n// ANCHOR_END: call\n// ANCHOR: open\n";
        let files = [(SUMMARY, "- [A](a.md)\n"), ("docs/a.md", page), ("x/b.rs", program)];
        let tree = Tree::of(&[&files, more].concat());
        check(&tree).into_iter().map(|violation| violation.message).collect()
    }

    #[test]
    fn pages_pictures_and_anchors_that_are_there_are_fine() {
        let page =
            "![p](figures/p.svg) [b](../x/b.rs)\n```rust\n{{#include ../x/b.rs:call}}\n```\n{{#include ../x/b.rs}}";
        assert_eq!(messages(page, &[("docs/figures/p.svg", "<svg/>")]), [] as [&str; 0]);
    }

    #[test]
    fn what_the_book_misses_is_found() {
        assert_eq!(messages("", &[("docs/b.md", "")]), ["no page of docs/SUMMARY.md, and none shows it"]);
        assert_eq!(messages("", &[("docs/p.svg", "")]), ["no page of docs/SUMMARY.md, and none shows it"]);
        assert_eq!(messages("[s](../STYLE.md)", &[("STYLE.md", "")]), ["STYLE.md is not in the book"]);
    }

    #[test]
    fn a_block_says_its_language() {
        let nameless = "a block without a language: bash and python are run, text is not";
        assert_eq!(messages("```text\nx\n```\n```\ny\n```\n", &[]), [nameless]);
    }

    #[test]
    fn what_a_page_includes_in_vain_is_found() {
        assert_eq!(messages("{{#include ../x/c.rs:call}}", &[]), ["includes x/c.rs, which is not there"]);
        assert_eq!(messages("{{#include ../x/b.rs:cal}}", &[]), ["x/b.rs has no anchor cal"]);
        assert_eq!(messages("{{#include ../x/b.rs:open}}", &[]), ["x/b.rs has no anchor open"]);
    }
}
