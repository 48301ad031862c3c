//! The book: documents gathered from the whole checkout, built by mdBook, and every link of the result followed.
//!
//! Pages lie where a reader of the checkout expects them (`README.md`, `spec/`, `docs/`), and mdBook reads one folder only. So the pages, and
//! the files that they link to, are copied to one folder first, each under its own path. A link is then right in both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::tidy::book::{SUMMARY, files, pages};
use crate::tidy::git_root;
use crate::tidy::references::resolve;
use crate::tidy::tree::Tree;

/// Builds the book into `out/html`, with the mdBook that `MDBOOK` names or that is on the path.
///
/// Returns a line that says what was built.
///
/// # Errors
/// When mdBook fails, and when a link of the built book leads nowhere.
pub(crate) fn build(out: &Path) -> Result<String> {
    let root = git_root()?;
    let tree = Tree::load(&root)?;
    gather(&root, &tree, out)?;
    let program = std::env::var_os("MDBOOK").unwrap_or_else(|| "mdbook".into());
    let status = Command::new(program).arg("build").arg(out).status();
    ensure!(
        status.context("mdBook does not run: set MDBOOK to it, or let ./test install it")?.success(),
        "mdBook failed"
    );
    let html = read_html(&out.join("html"))?;
    let dead = dead_links(&html, |path| out.join("html").join(path).is_file());
    ensure!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    Ok(format!("{}: {} pages, no dead link", out.join("html/index.html").display(), pages(&tree).len()))
}

/// Copies what the book needs to `out`, which is emptied first.
fn gather(root: &Path, tree: &Tree, out: &Path) -> Result<()> {
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    for path in files(tree) {
        copy(&root.join(&path), &out.join("src").join(&path))?;
    }
    copy(&root.join("book.toml"), &out.join("book.toml"))?;
    let summary = tree.file(SUMMARY).with_context(|| format!("there is no {SUMMARY}"))?;
    fs::write(out.join("src/SUMMARY.md"), from_the_root(&summary.text)).context("cannot write the summary")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()))
}

/// The summary with its targets named from the checkout's root.
fn from_the_root(summary: &str) -> String {
    let mut parts = summary.split("](");
    let head = parts.next().unwrap_or_default().to_owned();
    parts.fold(head, |text, part| {
        let (target, rest) = part.split_once(')').unwrap_or((part, ""));
        format!("{text}]({}){rest}", resolve(SUMMARY, target))
    })
}

/// The pages of the built book by their paths in it.
fn read_html(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner)).context("the book was not built")? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "html") {
                found.insert(path.display().to_string(), fs::read_to_string(entry.path())?);
            }
        }
    }
    Ok(found)
}

/// Links within the book whose file or whose place in a page is not there. `exists` says whether a file is.
fn dead_links(html: &BTreeMap<String, String>, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let places: BTreeMap<&str, BTreeSet<&str>> =
        html.iter().map(|(path, text)| (path.as_str(), attributes(text, "id").collect())).collect();
    let is_dead = |from: &str, link: &str| {
        let (path, place) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { from.to_owned() } else { resolve(from, path) };
        let is_place = |known: &BTreeSet<&str>| place.is_empty() || known.contains(place);
        !places.get(target.as_str()).map_or_else(|| exists(&target), is_place)
    };
    let links = html.iter().flat_map(|(path, text)| {
        let all = attributes(text, "href").chain(attributes(text, "src"));
        all.filter(|link| is_internal(link)).map(move |link| (path, link))
    });
    links.filter(|(path, link)| is_dead(path, link)).map(|(path, link)| format!("{path}: {link}")).collect()
}

fn is_internal(link: &str) -> bool {
    !link.contains("://") && !["mailto:", "data:", "javascript:"].iter().any(|scheme| link.starts_with(scheme))
}

/// The values of an attribute, wherever it stands.
fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let opening = format!(" {name}=\"");
    let at: Vec<usize> = html.match_indices(&opening).map(|(at, _)| at + opening.len()).collect();
    at.into_iter().filter_map(|at| html[at..].split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(page: &str) -> Vec<String> {
        let other = "<h1 id=\"top\">x</h1>";
        let html = [("a/p.html", page), ("o.html", other)].map(|(path, text)| (path.to_owned(), text.to_owned()));
        dead_links(&html.into(), |path| path == "a/p.svg")
    }

    #[test]
    fn links_are_followed_to_their_place() {
        let good =
            "<h1 id=\"h\"> <a href=\"#h\"> <a href=\"../o.html#top\"> <img src=\"p.svg\"> <a href=\"https://x.org/y\">";
        assert_eq!(dead(good), [] as [&str; 0]);
        assert_eq!(dead("<a href=\"o.html\">"), ["a/p.html: o.html"]);
        assert_eq!(dead("<a href=\"../o.html#gone\">"), ["a/p.html: ../o.html#gone"]);
        assert_eq!(dead("<a href=\"#gone\">"), ["a/p.html: #gone"]);
        assert_eq!(dead("<img src=\"q.svg\">"), ["a/p.html: q.svg"]);
    }

    #[test]
    fn the_summary_names_its_pages_from_the_root() {
        let summary = "# S\n- [A](../README.md)\n  - [B](reference/cli.md)\n";
        assert_eq!(from_the_root(summary), "# S\n- [A](README.md)\n  - [B](docs/reference/cli.md)\n");
    }
}
