//! The text files of the checkout: what git tracks, and what it would track.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A text file.
pub(crate) struct SourceFile {
    /// Path relative to the checkout, with `/`.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl SourceFile {
    /// Lines with their numbers, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Every file of the checkout by name, and the text of those that are text.
pub(crate) struct Tree {
    files: Vec<SourceFile>,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the checkout at `root`: tracked files and untracked ones that git does not ignore.
    ///
    /// # Errors
    /// When git cannot list the files or a listed file cannot be read.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let mut tree = Self { files: Vec::new(), paths: BTreeSet::new() };
        for path in list(root)? {
            let full = root.join(&path);
            // A file deleted but not yet staged is still listed; a symbolic link has no text of its own.
            if !fs::symlink_metadata(&full).is_ok_and(|metadata| metadata.is_file()) {
                continue;
            }
            let bytes = fs::read(&full).with_context(|| format!("cannot read {path}"))?;
            if let Some(text) = as_text(bytes) {
                tree.files.push(SourceFile { path: path.clone(), text });
            }
            tree.paths.insert(path);
        }
        Ok(tree)
    }

    /// The text files, by path.
    pub(crate) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Every file by name, text or not.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// The text files whose name ends with `suffix`.
    pub(crate) fn ending(&self, suffix: &str) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(move |file| file.path.ends_with(suffix))
    }

    /// The text file at `path`.
    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether `path` is a file, or a folder that holds one.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.paths.contains(path) || self.paths.range(folder.clone()..).next().is_some_and(|p| p.starts_with(&folder))
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let files = files.iter().map(|(path, text)| SourceFile { path: (*path).into(), text: (*text).into() });
        Self { files: files.collect(), paths }
    }
}

fn list(root: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git does not run")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// The bytes as text, or `None` for a binary file.
fn as_text(bytes: Vec<u8>) -> Option<String> {
    if bytes.contains(&0) { None } else { String::from_utf8(bytes).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_exists_only_by_its_files() {
        let tree = Tree::of(&[("docs/adr/0001.md", ""), ("docs-old", "")]);
        assert!(tree.exists("docs") && tree.exists("docs/adr/") && tree.exists("docs/adr/0001.md"));
        assert!(!tree.exists("docs/ad") && !tree.exists("doc"));
    }

    #[test]
    fn binary_files_have_no_text() {
        assert_eq!(as_text(vec![b'a', 0, b'b']), None);
        assert_eq!(as_text(vec![0xff, 0xfe]), None);
        assert_eq!(as_text(b"fn".to_vec()), Some("fn".into()));
    }
}
