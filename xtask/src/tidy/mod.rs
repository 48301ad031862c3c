//! The checks, each a module with one `check` that returns violations and a test that shows it can fail.
//!
//! | module | what it refuses |
//! |---|---|
//! | [`layers`] | a dependency that points upwards, a banned crate below the fabric, a cycle through dev-dependencies |
//! | [`closure`] | a crate without the workspace's lints, or of the verifier's closure without its tier |
//! | [`determinism`] | clocks, floats, unordered maps and entropy where replicas must agree |
//! | [`crate_map`] | a `lib.rs` that is not a map; a layer group without a README |
//! | [`circles`] | three files or more of a crate that use one another |
//! | [`habits`] | tests that are linked twice, functions that stand twice |
//! | [`folders`] | folders of a crate whose arrows point against their order |
//! | [`ratchet`] | functions and files that outgrow their limits |
//! | [`marks`] | unfinished work without a reference to the feature it waits for |
//! | [`words`] | paths of somebody's machine, registry and mirror hosts |
//! | [`licences`] | a dependency whose licence we do not accept |
//! | [`references`] | documents that name files or items which do not exist |
//! | [`book`] | a document that the book misses, and what its pages link to or show in vain |
//! | [`sentences`] | sentences of the book that are too long |
//! | [`limits`] | a stated limit that the code does not set, or one that nobody holds against the code |
//! | [`size`] | a stated size of the verifier that is not so any more |

pub(crate) mod book;
mod circles;
mod closure;
mod crate_map;
mod determinism;
mod folders;
mod habits;
mod layers;
mod licences;
mod limits;
mod marks;
mod ratchet;
pub(crate) mod references;
mod sentences;
mod size;
mod source;
pub(crate) mod tree;
mod violation;
mod words;
mod workspace;

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tree::Tree;
use violation::Report;
use workspace::Workspace;

/// Runs every check on the checkout around the current directory.
///
/// # Errors
/// When git or cargo cannot describe the checkout.
pub(crate) fn check_checkout() -> Result<Report> {
    let root = git_root()?;
    let tree = Tree::load(&root)?;
    let workspace = Workspace::load(&root)?;
    Ok(check(&tree, &workspace))
}

/// The lines of the verifier and its closure, as the page has them.
///
/// # Errors
/// As [`check_checkout`].
pub(crate) fn verifier_lines() -> Result<String> {
    let root = git_root()?;
    Ok(size::table(&Workspace::load(&root)?.members, &Tree::load(&root)?))
}

/// The paths of the book's pages, in the order of reading.
///
/// # Errors
/// As [`check_checkout`].
pub(crate) fn pages() -> Result<Vec<String>> {
    Ok(book::pages(&Tree::load(&git_root()?)?))
}

fn check(tree: &Tree, workspace: &Workspace) -> Report {
    let members = workspace.members.as_slice();
    let mut violations = [
        layers::check(members, tree),
        layers::check_reach(workspace),
        closure::check(members, tree),
        determinism::check(members, tree),
        crate_map::check(members, tree),
        circles::check(members, tree),
        habits::check(members, tree),
        folders::check(tree),
        ratchet::check(tree),
        marks::check(tree),
        words::check(tree),
        licences::check(workspace),
        references::check(tree),
        book::check(tree),
        sentences::check(tree),
        limits::check(tree),
        size::check(members, tree),
    ]
    .concat();
    violations.sort();
    Report { violations, files: tree.files().len(), duplicates: licences::duplicate_majors(workspace) }
}

pub(crate) fn git_root() -> Result<std::path::PathBuf> {
    let output = Command::new("git").args(["rev-parse", "--show-toplevel"]).output().context("git does not run")?;
    if !output.status.success() {
        bail!("not inside a git checkout: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout).context("the checkout's path is not UTF-8")?.trim_end().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use violation::Rule;
    use workspace::{Dependency, External, Kind, Member};

    /// A checkout that breaks every rule once: a check that is not wired into [`check`] leaves its rule out.
    #[test]
    fn every_check_is_wired_in() {
        let on = |name: &str, kind| Dependency { name: name.into(), kind, default_features: false, features: vec![] };
        let member = |name: &str, dir: &str, dependencies| Member { name: name.into(), dir: dir.into(), dependencies };
        let workspace = Workspace {
            members: vec![
                member(
                    "ciro-types",
                    "crates/base/types",
                    vec![on("ciro-prover", Kind::Normal), on("tokio", Kind::Normal)],
                ),
                member("ciro-prover", "crates/proof/prover", vec![on("ciro-types", Kind::Dev)]),
            ],
            externals: vec![External { name: "x".into(), version: "1.0.0".into(), licence: None }],
            links: BTreeMap::new(),
        };
        let long = format!("pub fn f(x: f64) {{\n{}}}", "f();\n".repeat(700));
        let mark = concat!("// TO", "DO, see /tm", "p/x");
        let tree = Tree::of(&[
            ("crates/base/types/src/lib.rs", &long),
            ("crates/base/types/src/broken.rs", "fn ("),
            ("crates/base/types/src/copy.rs", &long),
            ("crates/base/types/tests/one.rs", ""),
            ("crates/base/types/tests/two.rs", ""),
            ("crates/base/types/src/a.rs", "use crate::b::B;\npub struct A;"),
            ("crates/base/types/src/b.rs", "use crate::c::C;\npub struct B;"),
            ("crates/base/types/src/c.rs", "use crate::a::A;\npub struct C;"),
            ("docs/x.md", "`docs/gone.md`"),
            ("xtask/sentences.txt", "docs/x.md 1"),
            ("SECURITY.md", "| an input | 16 MiB |"),
            ("xtask/ratchet.txt", "gone.rs 700 no reason left"),
            ("scripts/a.sh", mark),
        ]);
        let found: BTreeSet<Rule> =
            check(&tree, &workspace).violations.iter().map(|violation| violation.rule).collect();
        assert_eq!(found, Rule::ALL.into(), "the sample breaks every rule");
    }
}
