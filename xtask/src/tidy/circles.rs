//! Files of a crate that use one another in a circle.
//!
//! Two files may need each other: a parent and the part of it that grew too long. Three or more in a circle are one file in
//! pieces: a reader who wants to understand one of them has to read all. `xtask/circles.txt` lists the crates that still have
//! such circles, with the number of files in them; it may shrink, not grow.
//!
//! A file uses another if it names it or something in it, by `use` or by a path. What a file re-exports is looked through: who
//! names `crate::Key` uses the file that defines `Key`. Code for tests only does not count, nor do the arguments of macros.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Item, ItemUse, UseTree, Visibility};

use super::source::is_test_only;
use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};
use super::workspace::Member;

/// The list of crates with circles: `FOLDER FILES reason…`.
const ALLOWANCES: &str = "xtask/circles.txt";
/// Files that may use one another.
const CIRCLE_MAX: usize = 2;
/// Re-exports of re-exports that are followed.
const HOPS_MAX: usize = 8;

/// A module by its path from the crate's root, which is empty.
pub(super) type Module = Vec<String>;

/// Checks each crate.
pub(crate) fn check(members: &[Member], tree: &Tree) -> Vec<Violation> {
    let (allowances, mut violations) = allowances(tree);
    for member in members {
        let circles = circles(&member.dir, tree);
        let files: usize = circles.iter().map(BTreeSet::len).sum();
        let (allowed, line) = allowances.get(member.dir.as_str()).copied().unwrap_or((0, 1));
        if files > allowed {
            let report = |circle: &BTreeSet<String>| Violation {
                path: format!("{}/src", member.dir),
                line: 1,
                rule: Rule::Circle,
                message: circle.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            violations.extend(circles.iter().map(report));
        } else if files < allowed {
            let message = format!("{} has {files} files in circles, not {allowed}", member.dir);
            violations.push(Violation { path: ALLOWANCES.into(), line, rule: Rule::StaleAllowance, message });
        }
    }
    violations
}

fn allowances(tree: &Tree) -> (BTreeMap<&str, (usize, usize)>, Vec<Violation>) {
    let (mut allowances, mut violations) = (BTreeMap::new(), Vec::new());
    let lines = tree.file(ALLOWANCES).into_iter().flat_map(SourceFile::lines);
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty() && !text.starts_with('#')) {
        let mut words = text.split_whitespace();
        match (words.next(), words.next().and_then(|files| files.parse().ok()), words.next()) {
            (Some(folder), Some(files), Some(_)) => _ = allowances.insert(folder, (files, line)),
            _ => {
                let message = "expected `FOLDER FILES reason`".into();
                violations.push(Violation { path: ALLOWANCES.into(), line, rule: Rule::StaleAllowance, message });
            }
        }
    }
    (allowances, violations)
}

/// The circles of more than [`CIRCLE_MAX`] files of the crate in `folder`, by the files' names.
fn circles(folder: &str, tree: &Tree) -> Vec<BTreeSet<String>> {
    let modules = modules(folder, tree);
    let edges = edges(&modules);
    let name = |module: &&Module| if module.is_empty() { "lib".to_owned() } else { module.join("::") };
    let circles = components(&edges).into_iter().filter(|circle| circle.len() > CIRCLE_MAX);
    circles.map(|circle| circle.iter().map(name).collect()).collect()
}

/// What a file names.
#[derive(Default)]
pub(super) struct Names {
    /// Paths that it uses, as written.
    used: Vec<Vec<String>>,
    /// What it re-exports: a name, or `*`, and the path.
    exported: Vec<(String, Vec<String>)>,
}

/// The modules of the crate in `folder` that have a file of their own.
pub(super) fn modules(folder: &str, tree: &Tree) -> BTreeMap<Module, Names> {
    let root = format!("{folder}/src/");
    let sources = tree.ending(".rs").filter_map(|file| Some((file.path.strip_prefix(&root)?, file)));
    let parsed = sources.filter_map(|(path, file)| Some((module(path), names(&syn::parse_file(&file.text).ok()?))));
    parsed.collect()
}

/// `a/mod.rs` and `a.rs` are `a`; `lib.rs` and `main.rs` are the root.
fn module(path: &str) -> Module {
    let stem = path.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if ["lib", "main"].contains(&stem) { Module::new() } else { stem.split('/').map(str::to_owned).collect() }
}

fn names(file: &syn::File) -> Names {
    let mut names = Names::default();
    file.items.iter().for_each(|item| names.visit_item(item));
    names
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test_only(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        match item.vis {
            Visibility::Inherited => self.used.extend(leaves.into_iter().map(|(_, path)| path)),
            Visibility::Public(_) | Visibility::Restricted(_) => self.exported.extend(leaves),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.used.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}

/// The leaves of a `use`: the name that each has here, and its path.
fn flatten(tree: &UseTree, path: &mut Vec<String>, leaves: &mut Vec<(String, Vec<String>)>) {
    let leaf = |name: String, last: Option<String>, path: &[String]| {
        (name, path.iter().cloned().chain(last.filter(|last| last != "self")).collect())
    };
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            flatten(&inner.tree, path, leaves);
            path.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|inner| flatten(inner, path, leaves)),
        UseTree::Glob(_) => leaves.push(leaf("*".into(), None, path)),
        UseTree::Name(name) => leaves.push(leaf(name.ident.to_string(), Some(name.ident.to_string()), path)),
        UseTree::Rename(name) => leaves.push(leaf(name.rename.to_string(), Some(name.ident.to_string()), path)),
    }
}

/// Which module uses which.
pub(super) fn edges(modules: &BTreeMap<Module, Names>) -> BTreeMap<&Module, BTreeSet<&Module>> {
    let used = |module: &Module, names: &Names| {
        let paths = names.used.iter().filter_map(|path| resolve(modules, &absolute(modules, module, path)?));
        paths.filter(|used| *used != module).collect()
    };
    modules.iter().map(|(module, names)| (module, used(module, names))).collect()
}

/// A path as seen from the crate's root. `None` if it leads out of the crate.
fn absolute(modules: &BTreeMap<Module, Names>, module: &Module, path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let above = path.iter().take_while(|segment| *segment == "super").count();
    let child = || modules.contains_key(&[module.as_slice(), std::slice::from_ref(first)].concat());
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module.as_slice(), rest].concat()),
        "super" => Some([module.get(..module.len().checked_sub(above)?)?, &path[above..]].concat()),
        _ if child() => Some([module.as_slice(), path].concat()),
        _ => None,
    }
}

/// The module that defines what a path names.
fn resolve<'m>(modules: &'m BTreeMap<Module, Names>, path: &[String]) -> Option<&'m Module> {
    let mut path = path.to_vec();
    for _ in 0..HOPS_MAX {
        let longest = (0..=path.len()).rev().find_map(|len| modules.get_key_value(&path[..len]));
        let (module, names) = longest?;
        let rest = &path[module.len()..];
        let export = rest.first().and_then(|name| names.exported.iter().find(|(exported, _)| exported == name));
        let Some(target) = export.and_then(|(_, target)| absolute(modules, module, target)) else {
            return Some(module);
        };
        path = [target.as_slice(), &rest[1..]].concat();
    }
    None
}

/// The sets of modules that reach one another.
fn components<'m>(edges: &BTreeMap<&'m Module, BTreeSet<&'m Module>>) -> Vec<BTreeSet<&'m Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        edges.keys().map(|module| (*module, reachable(edges, module))).collect();
    let reaches = |from: &Module, to: &Module| reached.get(from).is_some_and(|set| set.contains(to));
    let mut components = BTreeSet::new();
    for (&module, beyond) in &reached {
        let both = beyond.iter().copied().filter(|other| reaches(other, module));
        components.insert(both.collect::<BTreeSet<&Module>>());
    }
    components.into_iter().filter(|component| !component.is_empty()).collect()
}

fn reachable<'m>(edges: &BTreeMap<&'m Module, BTreeSet<&'m Module>>, from: &'m Module) -> BTreeSet<&'m Module> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(next) = waiting.pop() {
        waiting.extend(edges.get(next).into_iter().flatten().copied().filter(|used| found.insert(*used)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let found = circles("crates/a/b", &Tree::of(files));
        found.into_iter().map(|circle| circle.into_iter().collect()).collect()
    }

    const A: (&str, &str) = ("crates/a/b/src/a.rs", "use super::b::B; pub struct A;");
    const B: (&str, &str) = ("crates/a/b/src/b.rs", "pub struct B; fn f() { crate::c::d::g() }");
    const D: (&str, &str) = ("crates/a/b/src/c/d.rs", "use crate::A; pub fn g() {}");
    const ROOT: (&str, &str) = ("crates/a/b/src/lib.rs", "mod a; mod b; mod c; pub use a::A;");

    #[test]
    fn three_files_in_a_circle_are_found_through_paths_and_exports() {
        assert_eq!(circles_of(&[A, B, D, ROOT]), [["a", "b", "c::d"]]);
    }

    #[test]
    fn what_only_tests_use_closes_no_circle() {
        let d = ("crates/a/b/src/c/d.rs", "pub fn g() {} #[cfg(test)] mod tests { use crate::A; }");
        assert_eq!(circles_of(&[A, B, d, ROOT]), Vec::<Vec<String>>::new());
    }

    #[test]
    fn two_files_may_need_each_other() {
        let b = ("crates/a/b/src/b.rs", "use crate::A; pub struct B;");
        assert_eq!(circles_of(&[A, b, ROOT]), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_list_of_more_files_than_there_are_is_stale() {
        let member = Member { name: "b".into(), dir: "crates/a/b".into(), dependencies: Vec::new() };
        let listed = |files: usize| {
            let text = format!("crates/a/b {files} because\n");
            let tree = Tree::of(&[A, B, D, ROOT, (ALLOWANCES, &text)]);
            check(std::slice::from_ref(&member), &tree).iter().map(|v| v.rule).collect::<Vec<_>>()
        };
        assert_eq!(listed(2), [Rule::Circle]);
        assert_eq!(listed(3), []);
        assert_eq!(listed(4), [Rule::StaleAllowance]);
    }
}
