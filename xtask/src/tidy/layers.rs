//! Dependencies point one way. This module holds the only table that says which way.
//!
//! ```text
//! base  <-  core  <-  auditor  <-  prover   <-  fabric  <-  test  <-  apps
//!                              <-  ledger   <-
//! ```
//!
//! Core and auditor are the closure a stranger needs in order to check a receipt. The core takes a key and a proof; the auditor
//! derives the key from a program. Neither may ever link the prover, the compiler, the ledger or the fabric. Dev-dependencies may point anywhere, as long as no cycle arises.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;
use super::violation::{Rule, Violation};
use super::workspace::{Dependency, Kind, Member, Workspace};

/// A layer of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// Names, units, hashes, signatures.
    Base,
    /// How a proof is checked, given a key.
    Core,
    /// What is claimed, and how a key follows from a program.
    Auditor,
    /// How a proof is made: compiler, prover.
    Prover,
    /// What replicas agree on.
    Ledger,
    /// Everything that touches sockets, executors and containers.
    Fabric,
    /// Binaries.
    Apps,
    /// Test beds: may use the whole product.
    Test,
    /// This program.
    Xtask,
}

/// Crates of `crates/proof` that check a proof, given a key.
pub(crate) const CORE: [&str; 5] = ["ciro-transcript", "ciro-sumcheck", "ciro-pcs", "ciro-relation", "ciro-verifier"];

/// Crates of `crates/proof` that derive a key from a program. The others of that group make proofs.
pub(crate) const AUDITOR: [&str; 2] = ["ciro-graph", "ciro-auditor"];

/// Crates that need an executor, a socket or the machine's entropy: for the fabric and above.
const FABRIC_ONLY: [&str; 14] = [
    "async-std",
    "axum",
    "getrandom",
    "hyper",
    "libp2p",
    "mio",
    "rdkafka",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tonic",
    "ureq",
];

/// Crates that draw entropy from the machine if one of these features, or the default ones, is on.
const ENTROPY_CRATES: [&str; 3] = ["rand", "rand_core", "rand_chacha"];
const ENTROPY_FEATURES: [&str; 4] = ["getrandom", "os_rng", "sys_rng", "thread_rng"];

/// Crates that the verifier's closure may not link even indirectly.
const UNREACHABLE_FROM_CLOSURE: [&str; 8] = ["axum", "hyper", "mio", "reqwest", "rustls", "socket2", "tokio", "ureq"];

impl Layer {
    /// The layer of a member, by its folder and name. `None` for a folder that the table does not know.
    pub(crate) fn of(member: &Member) -> Option<Self> {
        let group = member.dir.strip_prefix("crates/").and_then(|rest| rest.split('/').next());
        match group {
            Some("base") => Some(Self::Base),
            Some("proof") if CORE.contains(&member.name.as_str()) => Some(Self::Core),
            Some("proof") if AUDITOR.contains(&member.name.as_str()) => Some(Self::Auditor),
            Some("proof") => Some(Self::Prover),
            Some("ledger") => Some(Self::Ledger),
            Some("fabric") => Some(Self::Fabric),
            Some("apps") => Some(Self::Apps),
            Some("test") => Some(Self::Test),
            None if member.dir == "xtask" => Some(Self::Xtask),
            _ => None,
        }
    }

    /// The table: layers that this one may depend on, besides itself.
    const fn below(self) -> &'static [Self] {
        match self {
            Self::Base | Self::Xtask => &[],
            Self::Core => &[Self::Base],
            Self::Auditor => &[Self::Base, Self::Core],
            Self::Prover | Self::Ledger => &[Self::Base, Self::Core, Self::Auditor],
            Self::Fabric => &[Self::Base, Self::Core, Self::Auditor, Self::Prover, Self::Ledger],
            Self::Test => &[Self::Base, Self::Core, Self::Auditor, Self::Prover, Self::Ledger, Self::Fabric],
            // `ciro attack` ships the simulator: see docs/adr/0014-attackers-ship.md.
            Self::Apps => {
                &[Self::Base, Self::Core, Self::Auditor, Self::Prover, Self::Ledger, Self::Fabric, Self::Test]
            }
        }
    }

    fn may_use(self, other: Self) -> bool {
        self == other || self.below().contains(&other)
    }

    fn is_below_fabric(self) -> bool {
        matches!(self, Self::Base | Self::Core | Self::Auditor | Self::Prover | Self::Ledger)
    }
}

/// Declared dependencies: direction, bans, cycles.
pub(crate) fn check(members: &[Member], tree: &Tree) -> Vec<Violation> {
    let layers: BTreeMap<&str, Option<Layer>> = members.iter().map(|m| (m.name.as_str(), Layer::of(m))).collect();
    let mut violations = Vec::new();
    for member in members {
        let Some(layer) = Layer::of(member) else {
            let message = format!("{} lies in no layer of the table", member.name);
            violations.push(Violation { path: member.manifest(), line: 1, rule: Rule::Layer, message });
            continue;
        };
        for dependency in member.dependencies.iter().filter(|dependency| dependency.kind != Kind::Dev) {
            let target = layers.get(dependency.name.as_str()).copied().flatten();
            if let Some((rule, message)) = objection(member, layer, dependency, target) {
                let line =
                    tree.file(&member.manifest()).map_or(1, |file| declaration_line(&file.text, &dependency.name));
                violations.push(Violation { path: member.manifest(), line, rule, message });
            }
        }
    }
    violations.extend(cycle(members));
    violations
}

fn objection(member: &Member, layer: Layer, on: &Dependency, target: Option<Layer>) -> Option<(Rule, String)> {
    match target {
        Some(target) if !layer.may_use(target) => {
            let message = format!("{} ({layer:?}) may not depend on {} ({target:?})", member.name, on.name);
            return Some((Rule::Layer, message.to_lowercase()));
        }
        Some(_) => return None,
        None => {}
    }
    if !layer.is_below_fabric() {
        return None;
    }
    let needs_machine = FABRIC_ONLY.contains(&on.name.as_str());
    let message = if needs_machine {
        format!("{} lies below the fabric and may not depend on {}", member.name, on.name)
    } else if let Some(feature) = entropy_feature(on) {
        format!("{} may not draw entropy: {} has {feature}", member.name, on.name)
    } else {
        return None;
    };
    Some((Rule::BannedDependency, message))
}

/// The feature through which `dependency` would draw the machine's entropy.
fn entropy_feature(dependency: &Dependency) -> Option<&str> {
    if !ENTROPY_CRATES.contains(&dependency.name.as_str()) {
        return None;
    }
    if dependency.name == "rand" && dependency.default_features {
        return Some("its default features");
    }
    dependency.features.iter().map(String::as_str).find(|feature| ENTROPY_FEATURES.contains(feature))
}

/// Line in a manifest where `name` is declared, or 1.
fn declaration_line(manifest: &str, name: &str) -> usize {
    let declares = |line: &str| line.trim().strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    let index = manifest.lines().position(|line| declares(line) || line.trim().ends_with(&format!(".{name}]")));
    index.map_or(1, |index| index + 1)
}

/// A cycle among members over all kinds of dependencies. Cargo itself lets dev-dependencies close one.
fn cycle(members: &[Member]) -> Option<Violation> {
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut open: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for member in members {
        let targets = member.dependencies.iter().map(|dependency| dependency.name.as_str());
        open.insert(&member.name, targets.filter(|target| names.contains(target)).collect());
    }
    while let Some(leaf) = open.iter().find(|(_, targets)| targets.is_empty()).map(|(name, _)| *name) {
        open.remove(leaf);
        open.values_mut().for_each(|targets| _ = targets.remove(leaf));
    }
    let first = members.iter().find(|member| open.contains_key(member.name.as_str()))?;
    let message =
        format!("a cycle through dev-dependencies joins {}", open.keys().copied().collect::<Vec<_>>().join(", "));
    Some(Violation { path: first.manifest(), line: 1, rule: Rule::DependencyCycle, message })
}

/// What the verifier's closure links, however indirectly.
pub(crate) fn check_reach(workspace: &Workspace) -> Vec<Violation> {
    let closure = workspace.members.iter().filter(|member| {
        matches!(Layer::of(member), Some(Layer::Base | Layer::Core | Layer::Auditor))
            && workspace.links.contains_key(&member.name)
    });
    closure.flat_map(|member| unwanted_reach(workspace, member)).collect()
}

fn unwanted_reach(workspace: &Workspace, member: &Member) -> Vec<Violation> {
    let mut seen = BTreeSet::from([member.name.as_str()]);
    let mut open = vec![member.name.as_str()];
    while let Some(name) = open.pop() {
        let targets = workspace.links.get(name).into_iter().flatten();
        open.extend(targets.map(String::as_str).filter(|target| seen.insert(target)));
    }
    let unwanted = UNREACHABLE_FROM_CLOSURE.iter().filter(|name| seen.contains(**name));
    unwanted
        .map(|name| Violation {
            path: member.manifest(),
            line: 1,
            rule: Rule::BannedDependency,
            message: format!("{} reaches {name}; `cargo tree -p {} -i {name}` shows how", member.name, member.name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(name: &str, kind: Kind) -> Dependency {
        Dependency { name: name.into(), kind, default_features: false, features: vec![] }
    }

    fn member(name: &str, dir: &str, dependencies: Vec<Dependency>) -> Member {
        Member { name: name.into(), dir: dir.into(), dependencies }
    }

    fn rules(members: &[Member]) -> Vec<Rule> {
        check(members, &Tree::of(&[])).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn the_verifier_may_use_base_but_neither_prover_nor_ledger_nor_fabric() {
        let below = member("ciro-types", "crates/base/types", vec![]);
        let above = [
            member("ciro-prover", "crates/proof/prover", vec![]),
            member("ciro-state", "crates/ledger/state", vec![]),
            member("ciro-queue", "crates/fabric/queue", vec![]),
        ];
        let verifier = |name: &str| member("ciro-verifier", "crates/proof/verifier", vec![on(name, Kind::Normal)]);
        assert_eq!(rules(&[below.clone(), verifier("ciro-types")]), []);
        for upper in above {
            let name = upper.name.clone();
            assert_eq!(rules(&[upper, verifier(&name)]), [Rule::Layer], "{name}");
        }
    }

    #[test]
    fn the_ledger_may_use_the_verifier_but_not_the_prover() {
        let verifier = member("ciro-verifier", "crates/proof/verifier", vec![]);
        let prover = member("ciro-prover", "crates/proof/prover", vec![]);
        let engine = |name: &str| member("ciro-validator", "crates/ledger/validator", vec![on(name, Kind::Normal)]);
        assert_eq!(rules(&[verifier, engine("ciro-verifier")]), []);
        assert_eq!(rules(&[prover, engine("ciro-prover")]), [Rule::Layer]);
    }

    #[test]
    fn dev_dependencies_may_point_upwards_but_not_close_a_cycle() {
        let prover = member("ciro-prover", "crates/proof/prover", vec![]);
        let verifier = member("ciro-verifier", "crates/proof/verifier", vec![on("ciro-prover", Kind::Dev)]);
        assert_eq!(rules(&[prover.clone(), verifier.clone()]), []);
        let closing = Member { dependencies: vec![on("ciro-verifier", Kind::Normal)], ..prover };
        assert_eq!(rules(&[closing, verifier]), [Rule::DependencyCycle]);
    }

    #[test]
    fn executors_and_entropy_stay_in_the_fabric() {
        let with = |dir: &str, dependency: Dependency| rules(&[member("ciro-x", dir, vec![dependency])]);
        let entropic = Dependency { features: vec!["os_rng".into()], ..on("rand_chacha", Kind::Normal) };
        let defaulted = Dependency { default_features: true, ..on("rand", Kind::Normal) };
        for dependency in [on("tokio", Kind::Normal), on("tokio", Kind::Build), entropic, defaulted] {
            assert_eq!(with("crates/ledger/x", dependency.clone()), [Rule::BannedDependency], "{dependency:?}");
            assert_eq!(with("crates/fabric/x", dependency), []);
        }
        assert_eq!(with("crates/ledger/x", on("rand_chacha", Kind::Normal)), []);
        assert_eq!(with("crates/ledger/x", on("tokio", Kind::Dev)), []);
    }

    #[test]
    fn a_crate_outside_the_table_is_reported() {
        assert_eq!(rules(&[member("ciro-misc", "crates/utils/misc", vec![])]), [Rule::Layer]);
    }

    #[test]
    fn a_violation_points_at_the_declaration() {
        let tree =
            Tree::of(&[("crates/base/x/Cargo.toml", "[dependencies]\ntokio-util = \"1\"\ntokio.workspace = true\n")]);
        let members = [member("ciro-x", "crates/base/x", vec![on("tokio", Kind::Normal)])];
        assert_eq!(check(&members, &tree)[0].line, 3);
        assert_eq!(declaration_line("[dev-dependencies]\n[dependencies.tokio]\n", "tokio"), 2);
    }

    #[test]
    fn an_executor_behind_two_dependencies_is_found() {
        let links = [("ciro-verifier", "a"), ("a", "b"), ("b", "tokio")];
        let mut workspace = Workspace {
            members: vec![member("ciro-verifier", "crates/proof/verifier", vec![])],
            externals: vec![],
            links: links.map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()]))).into(),
        };
        assert_eq!(check_reach(&workspace).len(), 1);
        workspace.links.remove("b");
        assert_eq!(check_reach(&workspace).len(), 0);
    }
}
