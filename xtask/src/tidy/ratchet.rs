//! Length limits as a ratchet: nothing new grows past them, and a listed exception may shrink but not grow.
//!
//! `xtask/ratchet.txt` lists exceptions, one per line: `path LIMIT reason…` for a file and `path::function LIMIT reason…`
//! for a function. Length is a place to look, never a reason to cut a good function in two: a reason is enough.

use std::collections::BTreeMap;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};

/// Lines of a function, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a source file, tests and comments included.
const FILE_LINES_MAX: usize = 600;
/// Source files by the end of their names.
const SOURCES: [&str; 5] = [".rs", ".py", ".ts", ".tsx", ".sh"];
/// The list of exceptions.
const ALLOWANCES: &str = "xtask/ratchet.txt";

/// Something with a length.
struct Measured {
    /// `path` or `path::function`.
    key: String,
    path: String,
    line: usize,
    lines: usize,
    rule: Rule,
}

impl Measured {
    fn limit(&self) -> usize {
        if self.rule == Rule::FileLength { FILE_LINES_MAX } else { FUNCTION_LINES_MAX }
    }
}

/// A line of the list of exceptions.
struct Allowance {
    line: usize,
    limit: usize,
}

/// Checks every source file and every Rust function.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let (allowances, mut violations) = allowances(tree);
    let mut measured = Vec::new();
    for file in tree.files() {
        measured.extend(measure_file(file));
        match measure_functions(file) {
            Ok(functions) => measured.extend(functions),
            Err(error) => violations.push(unparsable(file, &error)),
        }
    }
    for item in measured.iter().filter(|item| item.lines > item.limit()) {
        let limit = allowances.get(&item.key).map_or(item.limit(), |allowance| allowance.limit);
        if item.lines > limit {
            let message = format!("{} has {} lines; the limit is {limit}", item.key, item.lines);
            violations.push(Violation { path: item.path.clone(), line: item.line, rule: item.rule, message });
        }
    }
    let needed = |key: &str| measured.iter().any(|item| item.key == key && item.lines > item.limit());
    let stale = allowances.iter().filter(|(key, _)| !needed(key));
    violations.extend(stale.map(|(key, allowance)| in_list(allowance.line, format!("{key} no longer needs its line"))));
    violations
}

fn in_list(line: usize, message: String) -> Violation {
    Violation { path: ALLOWANCES.into(), line, rule: Rule::StaleAllowance, message }
}

fn unparsable(file: &SourceFile, error: &syn::Error) -> Violation {
    let line = error.span().start().line;
    Violation { path: file.path.clone(), line, rule: Rule::Unparsable, message: format!("not valid Rust: {error}") }
}

fn allowances(tree: &Tree) -> (BTreeMap<String, Allowance>, Vec<Violation>) {
    let (mut allowances, mut violations) = (BTreeMap::new(), Vec::new());
    let lines = tree.file(ALLOWANCES).into_iter().flat_map(SourceFile::lines);
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty() && !text.starts_with('#')) {
        let mut words = text.split_whitespace();
        match (words.next(), words.next().and_then(|limit| limit.parse().ok()), words.next()) {
            (Some(key), Some(limit), Some(_)) => _ = allowances.insert(key.to_owned(), Allowance { line, limit }),
            _ => violations.push(in_list(line, "expected `path[::function] LIMIT reason`".into())),
        }
    }
    (allowances, violations)
}

fn measure_file(file: &SourceFile) -> Option<Measured> {
    let is_source = SOURCES.iter().any(|ending| file.path.ends_with(ending));
    let (path, lines) = (file.path.clone(), file.text.lines().count());
    is_source.then(|| Measured { key: path.clone(), path, line: 1, lines, rule: Rule::FileLength })
}

fn measure_functions(file: &SourceFile) -> syn::Result<Vec<Measured>> {
    let mut functions = Functions { path: &file.path, found: Vec::new() };
    if file.path.ends_with(".rs") {
        functions.visit_file(&syn::parse_file(&file.text)?);
    }
    Ok(functions.found)
}

/// Collects every function with a body, nested ones included.
struct Functions<'a> {
    path: &'a str,
    found: Vec<Measured>,
}

impl Functions<'_> {
    fn push(&mut self, signature: &Signature, body: &Block) {
        let (line, end) = (signature.span().start().line, body.brace_token.span.close().end().line);
        let (key, path) = (format!("{}::{}", self.path, signature.ident), self.path.to_owned());
        self.found.push(Measured { key, path, line, lines: end - line + 1, rule: Rule::FunctionLength });
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.push(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.push(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.push(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("/// Doc.\nfn long() {{\n{}}}\n", "    f();\n".repeat(lines - 2))
    }

    fn found(files: &[(&str, &str)]) -> Vec<(Rule, usize)> {
        check(&Tree::of(files)).into_iter().map(|violation| (violation.rule, violation.line)).collect()
    }

    #[test]
    fn a_function_may_reach_the_limit_and_not_pass_it() {
        assert_eq!(found(&[("a.rs", &function(FUNCTION_LINES_MAX))]), []);
        assert_eq!(found(&[("a.rs", &function(FUNCTION_LINES_MAX + 1))]), [(Rule::FunctionLength, 2)]);
    }

    #[test]
    fn methods_defaults_and_nested_functions_count() {
        let long = function(FUNCTION_LINES_MAX + 1);
        for code in [format!("impl A {{ {long} }}"), format!("trait A {{ {long} }}"), format!("mod m {{ {long} }}")] {
            assert_eq!(found(&[("a.rs", &code)]).len(), 1);
        }
        assert_eq!(found(&[("a.rs", &format!("fn outer() {{ {long} }}"))]).len(), 2);
    }

    #[test]
    fn a_file_may_reach_the_limit_and_not_pass_it() {
        for ending in SOURCES {
            let path = format!("a{ending}");
            assert_eq!(found(&[(&path, &"\n".repeat(FILE_LINES_MAX))]), []);
            assert_eq!(found(&[(&path, &"\n".repeat(FILE_LINES_MAX + 1))]), [(Rule::FileLength, 1)]);
        }
        assert_eq!(found(&[("a.json", &"\n".repeat(FILE_LINES_MAX + 1))]), []);
    }

    #[test]
    fn an_exception_has_a_limit_and_a_reason_and_goes_stale() {
        let long = function(90);
        let with = |list: &str| found(&[("a.rs", &long), (ALLOWANCES, list)]);
        assert_eq!(with("# comment\na.rs::long 90 one match over all arms\n"), []);
        assert_eq!(with("a.rs::long 80 one match over all arms\n"), [(Rule::FunctionLength, 2)]);
        assert!(with("a.rs::long 90\n").contains(&(Rule::StaleAllowance, 1)));
        assert_eq!(with("a.rs::long 90 why\nb.rs 700 gone\n"), [(Rule::StaleAllowance, 2)]);
    }

    #[test]
    fn a_file_that_is_not_rust_is_reported_not_skipped() {
        assert_eq!(found(&[("a.rs", "fn (")]), [(Rule::Unparsable, 1)]);
    }
}
