//! What cargo says about the members of the workspace and about everything they pull in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In the product.
    Normal,
    /// In a build script.
    Build,
    /// In tests, examples and benches only.
    Dev,
}

/// A dependency as a manifest declares it, workspace inheritance resolved.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) default_features: bool,
    pub(crate) features: Vec<String>,
}

/// A member of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Folder relative to the checkout.
    pub(crate) dir: String,
    pub(crate) dependencies: Vec<Dependency>,
}

impl Member {
    /// The manifest, relative to the checkout.
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.dir)
    }

    /// The library's root, relative to the checkout. It need not exist.
    pub(crate) fn lib(&self) -> String {
        format!("{}/src/lib.rs", self.dir)
    }
}

/// A package that is not ours.
#[derive(Clone, Debug)]
pub(crate) struct External {
    pub(crate) name: String,
    pub(crate) version: String,
    /// SPDX expression from the manifest.
    pub(crate) licence: Option<String>,
}

/// The workspace as cargo resolves it, for every platform.
pub(crate) struct Workspace {
    pub(crate) members: Vec<Member>,
    pub(crate) externals: Vec<External>,
    /// For each package name, the names of the packages it links in the product (no dev, no build dependencies).
    pub(crate) links: BTreeMap<String, BTreeSet<String>>,
}

impl Workspace {
    /// Asks cargo, offline if the sources of all dependencies are at hand.
    ///
    /// # Errors
    /// When cargo refuses, for instance because `Cargo.lock` does not match the manifests.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let offline = metadata(root, &["--offline"])?;
        let output = if offline.status.success() { offline } else { metadata(root, &[])? };
        if !output.status.success() {
            bail!("cargo metadata --locked: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Self::parse(&serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?)
    }

    /// Reads the format that `cargo metadata --format-version 1` documents.
    ///
    /// # Errors
    /// When a documented field is missing.
    pub(crate) fn parse(metadata: &Value) -> Result<Self> {
        let root = text(metadata, "workspace_root")?;
        let member_ids: BTreeSet<&str> =
            list(metadata, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let mut workspace = Self { members: Vec::new(), externals: Vec::new(), links: BTreeMap::new() };
        let mut names = BTreeMap::new();
        for package in list(metadata, "packages")? {
            let id = text(package, "id")?;
            names.insert(id, text(package, "name")?);
            if member_ids.contains(id) {
                workspace.members.push(member(package, root)?);
            } else {
                workspace.externals.push(external(package)?);
            }
        }
        workspace.links = links(metadata, &names)?;
        Ok(workspace)
    }
}

fn metadata(root: &Path, extra: &[&str]) -> Result<Output> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(extra)
        .current_dir(root)
        .output()
        .context("cargo does not run")
}

fn member(package: &Value, root: &str) -> Result<Member> {
    let manifest = text(package, "manifest_path")?;
    let dir = manifest.strip_prefix(root).and_then(|rest| rest.strip_suffix("/Cargo.toml"));
    let dir = dir.with_context(|| format!("{manifest} lies outside the workspace {root}"))?;
    let dependencies = list(package, "dependencies")?.iter().map(dependency).collect::<Result<_>>()?;
    Ok(Member { name: text(package, "name")?.into(), dir: dir.trim_start_matches('/').into(), dependencies })
}

fn dependency(value: &Value) -> Result<Dependency> {
    let kind = match value.get("kind").and_then(Value::as_str) {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    };
    let features = list(value, "features")?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let default_features = value.get("uses_default_features").and_then(Value::as_bool).unwrap_or(true);
    Ok(Dependency { name: text(value, "name")?.into(), kind, default_features, features })
}

fn external(package: &Value) -> Result<External> {
    Ok(External {
        name: text(package, "name")?.into(),
        version: text(package, "version")?.into(),
        licence: package.get("license").and_then(Value::as_str).map(str::to_owned),
    })
}

fn links(metadata: &Value, names: &BTreeMap<&str, &str>) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut links: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in list(metadata.get("resolve").context("no `resolve`")?, "nodes")? {
        let from = names.get(text(node, "id")?).context("a resolved package is not listed")?;
        let targets = links.entry((*from).to_owned()).or_default();
        for link in list(node, "deps")?.iter().filter(|link| is_linked(link)) {
            let to = names.get(text(link, "pkg")?).context("a resolved dependency is not listed")?;
            targets.insert((*to).to_owned());
        }
    }
    Ok(links)
}

fn is_linked(link: &Value) -> bool {
    let kinds = link.get("dep_kinds").and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.get("kind").is_none_or(Value::is_null)))
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("no text `{key}` in cargo metadata"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value.get(key).and_then(Value::as_array).with_context(|| format!("no list `{key}` in cargo metadata"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metadata_gives_members_externals_and_product_links_only() {
        let workspace = Workspace::parse(&json!({
            "workspace_root": "/w", "workspace_members": ["ours"],
            "packages": [
                {"id": "ours", "name": "ciro-a", "version": "1.0.0", "manifest_path": "/w/crates/base/a/Cargo.toml",
                 "license": null, "dependencies": [
                    {"name": "theirs", "kind": "dev", "features": ["x"], "uses_default_features": false}]},
                {"id": "t", "name": "theirs", "version": "0.2.0", "manifest_path": "/elsewhere/Cargo.toml",
                 "license": "MIT", "dependencies": []}],
            "resolve": {"nodes": [
                {"id": "ours", "deps": [{"pkg": "t", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "t", "deps": [{"pkg": "ours", "dep_kinds": [{"kind": null}]}]}]}
        }))
        .unwrap();
        assert_eq!(workspace.members[0].manifest(), "crates/base/a/Cargo.toml");
        assert_eq!(workspace.members[0].dependencies[0].kind, Kind::Dev);
        assert!(!workspace.members[0].dependencies[0].default_features);
        assert_eq!(workspace.externals[0].licence.as_deref(), Some("MIT"));
        assert!(workspace.links["ciro-a"].is_empty());
        assert!(workspace.links["theirs"].contains("ciro-a"));
    }

    #[test]
    fn metadata_without_a_documented_field_is_refused() {
        assert!(Workspace::parse(&json!({"workspace_root": "/w"})).is_err());
    }
}
