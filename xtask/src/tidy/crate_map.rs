//! `lib.rs` is a map, and each group of crates has a README.

use std::collections::BTreeSet;

use super::tree::Tree;
use super::violation::{Rule, Violation};
use super::workspace::Member;

/// A map fits on two screens; what is longer holds code.
const MAP_LINES_MAX: usize = 120;

/// Checks the library root of every member and the README of every group.
pub(crate) fn check(members: &[Member], tree: &Tree) -> Vec<Violation> {
    let maps = members.iter().filter_map(|member| tree.file(&member.lib())).flat_map(|file| {
        let lines = file.text.lines().count();
        let headless = !file.text.starts_with("//!");
        let long = lines > MAP_LINES_MAX;
        let at = |line, message| Violation { path: file.path.clone(), line, rule: Rule::CrateMap, message };
        [
            headless.then(|| at(1, "lib.rs does not start with its map (`//!`)".into())),
            long.then(|| at(MAP_LINES_MAX + 1, format!("lib.rs has {lines} lines; a map has at most {MAP_LINES_MAX}"))),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
    });
    maps.chain(missing_readmes(members, tree)).collect()
}

fn missing_readmes(members: &[Member], tree: &Tree) -> Vec<Violation> {
    let groups: BTreeSet<&str> =
        members.iter().filter_map(|m| m.dir.rsplit_once('/')).map(|(group, _)| group).collect();
    let paths = groups.iter().map(|group| format!("{group}/README.md")).filter(|path| !tree.exists(path));
    paths
        .map(|path| Violation { path, line: 1, rule: Rule::GroupReadme, message: "the group has no README".into() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(files: &[(&str, &str)]) -> Vec<Rule> {
        let member = Member { name: "ciro-x".into(), dir: "crates/base/x".into(), dependencies: vec![] };
        check(&[member], &Tree::of(files)).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn a_map_starts_with_its_purpose_and_stays_short() {
        let readme = ("crates/base/README.md", "");
        assert_eq!(rules(&[readme, ("crates/base/x/src/lib.rs", "//! Purpose.\npub mod a;\n")]), []);
        assert_eq!(rules(&[readme, ("crates/base/x/src/lib.rs", "pub mod a;\n")]), [Rule::CrateMap]);
        let at_limit = format!("//! Purpose.\n{}", "\n".repeat(MAP_LINES_MAX - 1));
        assert_eq!(rules(&[readme, ("crates/base/x/src/lib.rs", &at_limit)]), []);
        assert_eq!(rules(&[readme, ("crates/base/x/src/lib.rs", &format!("{at_limit}\n"))]), [Rule::CrateMap]);
    }

    #[test]
    fn a_group_needs_a_readme() {
        assert_eq!(rules(&[]), [Rule::GroupReadme]);
    }
}
