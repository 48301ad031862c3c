//! Folders of a crate that are stages: arrows between them point one way.
//!
//! `xtask/folders.txt` lists such crates, each with its folders in order. For example, where it has `graph fronts`, a file below
//! `src/graph` does not name what lies below `src/fronts`. What counts as naming is what [`super::circles`] says.

use super::circles::{Module, edges, modules};
use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};

/// The list of such crates: `CRATE FOLDER FOLDER …`.
const LIST: &str = "xtask/folders.txt";

/// Checks each crate of the list.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let lines = tree.file(LIST).into_iter().flat_map(SourceFile::lines);
    let listed = lines.filter(|(_, text)| !text.trim().is_empty() && !text.starts_with('#'));
    listed.flat_map(|(line, text)| of_crate(line, text, tree)).collect()
}

fn of_crate(line: usize, text: &str, tree: &Tree) -> Vec<Violation> {
    let mut words = text.split_whitespace();
    let (crate_dir, folders): (_, Vec<&str>) = (words.next().unwrap_or_default(), words.collect());
    let modules = modules(crate_dir, tree);
    let place = |module: &Module| folders.iter().position(|folder| Some(*folder) == module.first().map(String::as_str));
    let report = |message: String| Violation { path: LIST.into(), line, rule: Rule::Layer, message };
    let is_empty = |folder: &&&str| !modules.keys().any(|module| module.first().is_some_and(|first| first == **folder));
    let empty = folders.iter().filter(is_empty).map(|folder| report(format!("{crate_dir} has no folder {folder}")));
    let unlisted = modules.keys().filter(|module| module.len() == 1 && place(module).is_none());
    let unlisted = unlisted.map(|module| report(format!("{crate_dir} has {} too", module.join("::"))));
    let mut violations: Vec<Violation> = empty.chain(unlisted).collect();
    for (module, used) in edges(&modules) {
        let is_later =
            |other: &&&Module| place(module).is_some_and(|own| place(other).is_some_and(|place| place > own));
        let later = used.iter().filter(is_later);
        violations.extend(later.map(|other| report(format!("{} names {}", module.join("::"), other.join("::")))));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: (&str, &str) = ("crates/a/b/src/low.rs", "pub struct Low;");
    const HIGH: (&str, &str) = ("crates/a/b/src/high/mod.rs", "use crate::low::Low; pub struct High(Low);");
    const ROOT: (&str, &str) = ("crates/a/b/src/lib.rs", "mod low; mod high; pub use high::High;");

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|violation| violation.message).collect()
    }

    #[test]
    fn arrows_to_earlier_folders_are_fine_and_those_to_later_ones_are_not() {
        let listed = (LIST, "crates/a/b low high\n");
        assert_eq!(messages(&[LOW, HIGH, ROOT, listed]), Vec::<String>::new());
        let low = ("crates/a/b/src/low.rs", "pub struct Low(crate::High);");
        assert_eq!(messages(&[low, HIGH, ROOT, listed]), ["low names high"]);
    }

    #[test]
    fn the_list_has_every_folder_and_no_other() {
        assert_eq!(messages(&[LOW, HIGH, ROOT, (LIST, "crates/a/b low\n")]), ["crates/a/b has high too"]);
        let listed = (LIST, "crates/a/b low high gone\n");
        assert_eq!(messages(&[LOW, HIGH, ROOT, listed]), ["crates/a/b has no folder gone"]);
    }
}
