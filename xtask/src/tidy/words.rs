//! Text that belongs to one machine: absolute paths of work folders, hosts of registries and mirrors.

use super::tree::Tree;
use super::violation::{Rule, Violation};

/// Folders of somebody's machine. Each is written in two halves, so that this file does not contain them.
const FOLDERS: [&str; 5] =
    [concat!("/tm", "p/"), concat!("/wor", "k/"), concat!("/hom", "e/"), concat!("/roo", "t/"), concat!("/User", "s/")];

/// Hosts and settings that name a package registry or a mirror of one. Cargo, pip and npm have their own configuration.
const REGISTRIES: [&str; 9] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("files.pythonhosted", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("registry.yarnpkg", ".com"),
    concat!("proxy.golang", ".org"),
    concat!("index", "-url"),
    concat!("replace", "-with"),
];

/// The only source that `Cargo.lock` may name.
const LOCK_SOURCE: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// Checks every text file; in `Cargo.lock`, the sources.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files() {
        for (line, text) in file.lines() {
            let message = if file.path.ends_with("Cargo.lock") { foreign_source(text) } else { local_word(text) };
            let at = |message| Violation { path: file.path.clone(), line, rule: Rule::LocalPath, message };
            violations.extend(message.map(at));
        }
    }
    violations
}

fn foreign_source(line: &str) -> Option<String> {
    (line.starts_with("source = ") && line != LOCK_SOURCE).then(|| format!("a lock entry from elsewhere: {line}"))
}

fn local_word(line: &str) -> Option<String> {
    let folder = FOLDERS.iter().find(|folder| starts_a_path(line, folder)).map(|folder| format!("names {folder}"));
    folder.or_else(|| REGISTRIES.iter().find(|host| line.contains(**host)).map(|host| format!("names {host}")))
}

/// Whether `folder` stands in `line` as the start of a path, not in the middle of a longer one.
fn starts_a_path(line: &str, folder: &str) -> bool {
    let is_inner = |c: char| c.is_alphanumeric() || "._-~$}*)".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].chars().next_back().is_some_and(is_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, line: &str) -> usize {
        check(&Tree::of(&[(path, line)])).len()
    }

    #[test]
    fn every_folder_and_host_is_found_in_any_text_file() {
        for folder in FOLDERS {
            assert_eq!(found("a.md", &format!("see {folder}x")), 1, "{folder}");
            assert_eq!(found("a.sh", &format!("out=\"{folder}x\"")), 1, "{folder}");
        }
        for host in REGISTRIES {
            assert_eq!(found("a.toml", &format!("url = \"https://{host}/\"")), 1, "{host}");
        }
    }

    #[test]
    fn a_folder_inside_a_longer_path_is_left_alone() {
        for folder in FOLDERS {
            assert_eq!(
                found("a.md", &format!("crates{folder}x, $ROOT{folder}x and ${{ROOT}}{folder}x")),
                0,
                "{folder}"
            );
        }
    }

    #[test]
    fn a_lock_names_one_source_only() {
        assert_eq!(found("Cargo.lock", LOCK_SOURCE), 0);
        assert_eq!(found("Cargo.lock", "source = \"git+https://example.org/x#abc\""), 1);
    }
}
