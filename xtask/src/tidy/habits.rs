//! Habits that a reader would notice: the tests of a crate are linked once, and no function stands twice.

use std::collections::BTreeMap;

use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, ItemMod};

use super::source::is_test_only;
use super::tree::Tree;
use super::violation::{Rule, Violation};
use super::workspace::Member;

/// Shorter bodies are alike by chance: an accessor, a match with two arms.
const TOKENS_MIN: usize = 60;

/// Checks test binaries and copies of functions.
pub(crate) fn check(members: &[Member], tree: &Tree) -> Vec<Violation> {
    let mut violations: Vec<Violation> = members.iter().flat_map(|member| binaries(member, tree)).collect();
    violations.extend(copies(tree));
    violations
}

/// The test binaries of a crate beyond its first. One that its manifest names is apart for a reason.
fn binaries(member: &Member, tree: &Tree) -> Vec<Violation> {
    let folder = format!("{}/tests/", member.dir);
    let manifest = tree.file(&member.manifest()).map_or("", |file| file.text.as_str());
    let is_root = |path: &str| {
        let name = path.strip_prefix(&folder)?;
        let root = name.strip_suffix("/main.rs").or_else(|| name.strip_suffix(".rs"))?;
        (!root.contains('/') && !manifest.contains(&format!("name = \"{root}\""))).then(|| root.to_owned())
    };
    let roots: Vec<(&str, String)> =
        tree.ending(".rs").filter_map(|file| Some((file.path.as_str(), is_root(&file.path)?))).collect();
    let beyond = roots.iter().skip(1);
    beyond
        .map(|(path, root)| Violation {
            path: (*path).into(),
            line: 1,
            rule: Rule::TestBinary,
            message: format!("{root} is another test binary of {}: each links the whole crate", member.name),
        })
        .collect()
}

/// A function of the product.
struct Function {
    path: String,
    line: usize,
    name: String,
}

/// Functions whose bodies are the same, token for token.
fn copies(tree: &Tree) -> Vec<Violation> {
    let mut bodies: BTreeMap<String, Vec<Function>> = BTreeMap::new();
    for file in tree.ending(".rs").filter(|file| file.path.contains("/src/")) {
        let Ok(parsed) = syn::parse_file(&file.text) else { continue };
        let mut found = Functions { path: &file.path, bodies: &mut bodies };
        found.visit_file(&parsed);
    }
    let twice = bodies.into_values().filter(|functions| functions.len() > 1);
    twice.flat_map(|functions| told(&functions)).collect()
}

fn told(functions: &[Function]) -> Vec<Violation> {
    let Some((first, others)) = functions.split_first() else { return Vec::new() };
    let of = |other: &Function| Violation {
        path: other.path.clone(),
        line: other.line,
        rule: Rule::Copy,
        message: format!("{} has the body of {}::{}", other.name, first.path, first.name),
    };
    others.iter().map(of).collect()
}

struct Functions<'a> {
    path: &'a str,
    bodies: &'a mut BTreeMap<String, Vec<Function>>,
}

impl Functions<'_> {
    fn add(&mut self, name: &syn::Ident, body: &Block) {
        let tokens = body.to_token_stream();
        if count(tokens.clone()) >= TOKENS_MIN {
            let function = Function { path: self.path.into(), line: name.span().start().line, name: name.to_string() };
            self.bodies.entry(tokens.to_string()).or_default().push(function);
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test_only(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !is_test_only(&function.attrs) {
            self.add(&function.sig.ident, &function.block);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig.ident, &function.block);
    }
}

fn count(tokens: proc_macro2::TokenStream) -> usize {
    let of = |token| match token {
        proc_macro2::TokenTree::Group(group) => 1 + count(group.stream()),
        _ => 1,
    };
    tokens.into_iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        Member { name: "ciro-pcs".into(), dir: "crates/proof/pcs".into(), dependencies: vec![] }
    }

    fn rules(files: &[(&str, &str)]) -> Vec<Rule> {
        check(&[member()], &Tree::of(files)).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn a_second_test_binary_is_told_unless_the_manifest_names_it() {
        let (one, two) = (("crates/proof/pcs/tests/it/main.rs", ""), ("crates/proof/pcs/tests/metered.rs", ""));
        assert_eq!(rules(&[one, ("crates/proof/pcs/tests/it/more.rs", "")]), []);
        assert_eq!(rules(&[one, two]), [Rule::TestBinary]);
        let manifest = ("crates/proof/pcs/Cargo.toml", "[[test]]\nname = \"metered\"\n");
        assert_eq!(rules(&[one, two, manifest]), []);
    }

    #[test]
    fn a_body_that_stands_twice_is_told_unless_it_is_short_or_a_test() {
        let long = format!("fn f() {{ {} }}", "g(1, 2);".repeat(20));
        let files = |other: &str| rules(&[("crates/proof/pcs/src/a.rs", &long), ("crates/proof/pcs/src/b.rs", other)]);
        assert_eq!(files(&long.replace("fn f", "fn another")), [Rule::Copy]);
        assert_eq!(files(&long.replace("1, 2", "2, 1")), []);
        assert_eq!(files(&format!("#[cfg(test)]\nmod tests {{ {long} }}")), []);
        let short = "fn f() { g(1, 2); }";
        assert_eq!(rules(&[("crates/proof/pcs/src/a.rs", short), ("crates/proof/pcs/src/b.rs", short)]), []);
    }
}
