//! Licences of everything we link, and dependencies that come in several versions.

use std::collections::BTreeMap;

use super::violation::{Rule, Violation};
use super::workspace::{External, Workspace};

/// SPDX identifiers we accept: permissive ones, and MPL, whose copyleft ends at the file.
const ACCEPTED: [&str; 16] = [
    "0BSD",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Exceptions that only widen a licence.
const ACCEPTED_EXCEPTIONS: [&str; 1] = ["LLVM-exception"];

/// Checks every package that is not ours, on every platform.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let refused = workspace.externals.iter().filter_map(|package| Some((package, objection(package)?)));
    let at = |(package, objection): (&External, String)| Violation {
        path: "Cargo.lock".into(),
        line: 1,
        rule: Rule::Licence,
        message: format!("{} {}: {objection}", package.name, package.version),
    };
    refused.map(at).collect()
}

fn objection(package: &External) -> Option<String> {
    let Some(expression) = &package.licence else {
        return Some("names no SPDX licence".into());
    };
    match acceptable(expression) {
        Some(true) => None,
        Some(false) => Some(format!("licence not accepted: {expression}")),
        None => Some(format!("licence is not an SPDX expression: {expression}")),
    }
}

/// Whether one may use the package by accepted licences alone. `None` if `expression` is not SPDX.
fn acceptable(expression: &str) -> Option<bool> {
    // Old manifests write `MIT/Apache-2.0` for a choice.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let verdict = choice(&mut words)?;
    words.next().is_none().then_some(verdict)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// `a OR b`: one accepted side is enough. `AND` binds tighter.
fn choice(words: &mut Words<'_>) -> Option<bool> {
    let mut verdict = union(words)?;
    while words.next_if_eq(&"OR").is_some() {
        verdict |= union(words)?;
    }
    Some(verdict)
}

/// `a AND b`: both must be accepted.
fn union(words: &mut Words<'_>) -> Option<bool> {
    let mut verdict = licence(words)?;
    while words.next_if_eq(&"AND").is_some() {
        verdict &= licence(words)?;
    }
    Some(verdict)
}

/// One identifier, with an exception perhaps, or an expression in parentheses.
fn licence(words: &mut Words<'_>) -> Option<bool> {
    match words.next()? {
        "(" => {
            let verdict = choice(words)?;
            words.next_if_eq(&")").map(|_| verdict)
        }
        ")" | "AND" | "OR" | "WITH" => None,
        name => {
            let accepted = ACCEPTED.contains(&name);
            match words.next_if_eq(&"WITH") {
                Some(_) => Some(accepted && ACCEPTED_EXCEPTIONS.contains(&words.next()?)),
                None => Some(accepted),
            }
        }
    }
}

/// Packages present in several incompatible versions, as `name 0.5.1, 1.2.0`.
pub(crate) fn duplicate_majors(workspace: &Workspace) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for package in &workspace.externals {
        versions.entry(&package.name).or_default().insert(compatible(&package.version), &package.version);
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    several
        .map(|(name, versions)| format!("{name} {}", versions.into_values().collect::<Vec<_>>().join(", ")))
        .collect()
}

/// The part of a version that cargo keeps apart: `1` of `1.2.3`, `0.5` of `0.5.1`.
fn compatible(version: &str) -> &str {
    let parts = if version.starts_with("0.") { 2 } else { 1 };
    let end = version.match_indices('.').nth(parts - 1).map_or(version.len(), |(at, _)| at);
    &version[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(packages: &[(&str, &str, Option<&str>)]) -> Workspace {
        let external = |(name, version, licence): &(&str, &str, Option<&str>)| External {
            name: (*name).into(),
            version: (*version).into(),
            licence: licence.map(str::to_owned),
        };
        Workspace { members: vec![], externals: packages.iter().map(external).collect(), links: BTreeMap::new() }
    }

    #[test]
    fn expressions_are_read_as_spdx() {
        for good in
            ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "Apache-2.0 WITH LLVM-exception", "(MIT OR GPL-2.0) AND ISC"]
        {
            assert_eq!(acceptable(good), Some(true), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR AGPL-3.0)", "Apache-2.0 WITH Other-exception"] {
            assert_eq!(acceptable(bad), Some(false), "{bad}");
        }
        for broken in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "WITH MIT"] {
            assert_eq!(acceptable(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_package_without_or_with_a_foreign_licence_is_refused() {
        let externals = [("a", "1.0.0", None), ("b", "1.0.0", Some("AGPL-3.0")), ("c", "1.0.0", Some("MIT"))];
        let messages: Vec<String> = check(&workspace(&externals)).into_iter().map(|v| v.message).collect();
        assert_eq!(messages, ["a 1.0.0: names no SPDX licence", "b 1.0.0: licence not accepted: AGPL-3.0"]);
    }

    #[test]
    fn duplicates_are_those_that_cargo_keeps_apart() {
        let at = |version| ("a", version, Some("MIT"));
        assert_eq!(duplicate_majors(&workspace(&[at("1.2.0"), at("1.9.1")])), [] as [&str; 0]);
        assert_eq!(duplicate_majors(&workspace(&[at("0.4.9"), at("0.5.0"), at("1.0.0")])), ["a 0.4.9, 0.5.0, 1.0.0"]);
    }
}
