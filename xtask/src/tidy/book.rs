//! The book: `docs/SUMMARY.md` lists its pages, and everything below `docs/` is a page or shown by one.

use std::collections::BTreeSet;

use super::references::{relative_links, resolve};
use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};

/// The list of pages, in the order of reading.
pub(crate) const SUMMARY: &str = "docs/SUMMARY.md";
/// Everything in this folder belongs to the book.
const FOLDER: &str = "docs/";
/// The comment before a block that shows a part of a program: `PATH:ANCHOR` follows, then [`END`].
const FROM: &str = "<!-- from ";
const END: &str = " -->";
/// How mdBook would include a part of another file. A page is also read where nothing puts it in.
const INCLUDE: &str = "{{#include ";

/// A block that shows a part of a program, and holds its text.
struct Excerpt<'a> {
    line: usize,
    path: String,
    anchor: &'a str,
    shown: Vec<&'a str>,
}

impl Excerpt<'_> {
    /// Why it is no part of that program, if it is none.
    fn defect(&self, tree: &Tree) -> Option<String> {
        let Self { path, anchor, .. } = self;
        let Some(file) = tree.file(path) else { return Some(format!("shows {path}, which is not there")) };
        let Some(part) = part(file, anchor) else { return Some(format!("{path} has no anchor {anchor}")) };
        (part != self.shown).then(|| format!("differs from {path}:{anchor}, which is what cargo builds"))
    }
}

/// The lines of a file between the two marks of an anchor.
fn part<'a>(file: &'a SourceFile, anchor: &str) -> Option<Vec<&'a str>> {
    let at = |mark: &str| {
        let mark = format!("{mark}: {anchor}");
        file.text.lines().position(|line| line.trim_end().ends_with(&mark))
    };
    let (first, last) = (at("ANCHOR")? + 1, at("ANCHOR_END")?);
    Some(file.text.lines().take(last).skip(first).collect())
}

/// The excerpts of a page: the block after each comment that names a program.
fn excerpts(page: &SourceFile) -> Vec<Excerpt<'_>> {
    let mut lines = page.lines();
    let mut found = Vec::new();
    while let Some((line, text)) = lines.next() {
        let named = text.trim().strip_prefix(FROM).and_then(|rest| rest.strip_suffix(END));
        let Some((path, anchor)) = named.and_then(|named| named.split_once(':')) else { continue };
        let block = lines.by_ref().map(|(_, text)| text).skip_while(|text| text.starts_with("```"));
        let shown = block.take_while(|text| !text.starts_with("```")).collect();
        found.push(Excerpt { line, path: resolve(&page.path, path), anchor, shown });
    }
    found
}

/// The paths of the pages, in the order of reading.
pub(crate) fn pages(tree: &Tree) -> Vec<String> {
    let lines = tree.file(SUMMARY).into_iter().flat_map(SourceFile::lines);
    lines.flat_map(|(_, line)| relative_links(line).map(|target| resolve(SUMMARY, target))).collect()
}

/// The pages, and what they link to.
pub(crate) fn files(tree: &Tree) -> BTreeSet<String> {
    let pages = pages(tree);
    let linked = pages.iter().filter_map(|path| tree.file(path)).flat_map(links).map(|(_, target)| target);
    linked.chain(pages.iter().cloned()).collect()
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

/// Checks that the book has every document, and that its pages lead to pages.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let pages = pages(tree);
    let at = |path: &str, line, message| Violation { path: path.into(), line, rule: Rule::Book, message };
    let mut violations: Vec<Violation> =
        missed(tree).into_iter().map(|path| at(&path, 1, format!("no page of {SUMMARY}, and none shows it"))).collect();
    for page in pages.iter().filter_map(|path| tree.file(path)) {
        let outside = links(page).into_iter().filter(|(_, target)| target.ends_with(".md") && !pages.contains(target));
        violations.extend(outside.map(|(line, target)| at(&page.path, line, format!("{target} is not in the book"))));
        let included = page.lines().filter(|(_, text)| text.contains(INCLUDE));
        let raw = || {
            format!("an include is shown as it is where no book is made: hold the text, under {FROM}PATH:ANCHOR{END}")
        };
        violations.extend(included.map(|(line, _)| at(&page.path, line, raw())));
        let broken = excerpts(page).into_iter().filter_map(|excerpt| Some((excerpt.line, excerpt.defect(tree)?)));
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
        let page = "![p](figures/p.svg) [b](../x/b.rs)\n<!-- from ../x/b.rs:call -->\n```rust\nf();\n```\n";
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
    fn what_a_page_shows_is_what_is_built() {
        let shown =
            |from: &str, text: &str| messages(&format!("<!-- from ../x/{from} -->\n```rust\n{text}\n```\n"), &[]);
        assert_eq!(shown("b.rs:call", "f();"), [] as [&str; 0]);
        assert_eq!(shown("c.rs:call", "f();"), ["shows x/c.rs, which is not there"]);
        for anchor in ["cal", "open"] {
            assert_eq!(shown(&format!("b.rs:{anchor}"), "f();"), [format!("x/b.rs has no anchor {anchor}")]);
        }
        for other in ["g();", "f();\nf();", ""] {
            assert_eq!(shown("b.rs:call", other), ["differs from x/b.rs:call, which is what cargo builds"], "{other}");
        }
        let raw = messages("```rust\n{{#include ../x/b.rs:call}}\n```\n", &[]);
        assert!(matches!(&raw[..], [message] if message.starts_with("an include is shown as it is")), "{raw:?}");
    }
}
