//! Where replicas or strangers must get the same answer: no clock, no entropy, no float, no unordered map.

use super::layers::Layer;
use super::source::product_identifiers;
use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};
use super::workspace::Member;

/// Identifiers that deterministic crates may not name, and what to use instead.
const BANNED: [(&str, &str); 11] = [
    ("HashMap", "its order differs between replicas; use BTreeMap"),
    ("HashSet", "its order differs between replicas; use BTreeSet"),
    ("RandomState", "it draws entropy; use an ordered map"),
    ("SystemTime", "a clock; take the height or a caller's time as input"),
    ("Instant", "a clock; take the caller's time as input"),
    ("f32", "floats differ between machines; use integers"),
    ("f64", "floats differ between machines; use integers"),
    ("OsRng", "entropy; take a seed"),
    ("SysRng", "entropy; take a seed"),
    ("thread_rng", "entropy; take a seed"),
    ("available_parallelism", "a property of the machine; take it as input"),
];

/// A comment on the line or the one before that gives the reason for an exception.
const EXCUSE: &str = "// deterministic: ";

/// Checks the product code of the base, verifier and ledger layers. Tests may measure and draw as they like.
pub(crate) fn check(members: &[Member], tree: &Tree) -> Vec<Violation> {
    let is_deterministic = |member: &&Member| {
        matches!(Layer::of(member), Some(Layer::Base | Layer::Core | Layer::Auditor | Layer::Ledger))
    };
    let sources: Vec<String> = members.iter().filter(is_deterministic).map(|m| format!("{}/src/", m.dir)).collect();
    let is_source = |file: &&SourceFile| sources.iter().any(|source| file.path.starts_with(source));
    tree.ending(".rs").filter(is_source).filter(|file| !is_test_file(&file.path)).flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Violation> {
    let Ok(parsed) = syn::parse_file(&file.text) else { return Vec::new() };
    let excused: Vec<usize> = file.lines().filter(|(_, text)| text.contains(EXCUSE)).map(|(line, _)| line).collect();
    let mut violations = Vec::new();
    for (name, line) in product_identifiers(&parsed) {
        let banned = BANNED.iter().find(|(banned, _)| *banned == name);
        if let Some((_, instead)) = banned.filter(|_| !excused.contains(&line) && !excused.contains(&(line - 1))) {
            let message = format!("{name} in a deterministic crate: {instead}");
            violations.push(Violation { path: file.path.clone(), line, rule: Rule::Determinism, message });
        }
    }
    violations
}

/// A test module in a file of its own.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, code: &str) -> usize {
        let dir = path.split("/src/").next().unwrap();
        let member = Member { name: "ciro-x".into(), dir: dir.into(), dependencies: vec![] };
        check(&[member], &Tree::of(&[(path, code)])).len()
    }

    #[test]
    fn every_banned_name_is_found_in_deterministic_crates_only() {
        for (name, _) in BANNED {
            let code = format!("fn f() -> {name} {{ g() }}");
            assert_eq!(found("crates/ledger/x/src/a.rs", &code), 1, "{name}");
            assert_eq!(found("crates/fabric/x/src/a.rs", &code), 0, "{name}");
        }
    }

    #[test]
    fn tests_and_comments_may_name_them() {
        let code = "/// Not a HashMap.\n#[cfg(test)]\nmod tests { fn f(x: f64) {} }";
        assert_eq!(found("crates/base/x/src/a.rs", code), 0);
        assert_eq!(found("crates/base/x/src/a/tests.rs", "fn f(x: f64) {}"), 0);
    }

    #[test]
    fn an_exception_needs_its_reason_at_the_line() {
        let excused = |gap: &str| format!("{EXCUSE}shown to people only\n{gap}fn f(x: f32) {{}}");
        assert_eq!(found("crates/base/x/src/a.rs", &excused("")), 0);
        assert_eq!(found("crates/base/x/src/a.rs", &excused("\n")), 1);
    }
}
