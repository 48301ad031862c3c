//! Lint tiers: the workspace's for every crate, stricter ones for the verifier's closure.
//!
//! Foreign bytes reach every crate of the closure, so none may use `unsafe` or the standard library. The verifier and what it
//! computes with are total: the lints of [`FULL_TIER`] deny each construct that could panic or wrap silently. A crate that must relax
//! one says so at the crate root with `#![expect(lint, reason = "…")]`.

use std::collections::BTreeSet;

use quote::ToTokens as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, File, Meta, Token};

use super::layers::{AUDITOR, CORE};
use super::source::product_metas;
use super::tree::{SourceFile, Tree};
use super::violation::{Rule, Violation};
use super::workspace::Member;

/// Crates below the proof group that the verifier also links.
pub(crate) const CLOSURE_OF_BASE: [&str; 2] = ["ciro-types", "ciro-crypto"];

/// Crates that carry the full tier: whatever foreign numbers reach before a verdict, whole.
const TOTAL_CRATES: [&str; 9] = [
    "ciro-types",
    "ciro-crypto",
    "ciro-graph",
    "ciro-transcript",
    "ciro-sumcheck",
    "ciro-pcs",
    "ciro-relation",
    "ciro-verifier",
    "ciro-auditor",
];

/// Crates above the closure that carry the full tier too: they read what a stranger hands over.
const TOTAL_READERS: [&str; 3] = ["ciro-client", "ciro-receipt", "ciro-verify"];

/// Files of other crates that do. Some are what a receipt and a light client read of the ledger. Some admit a stranger's transaction and
/// move money. Some are what the command line shows of files and answers of strangers. They deny the tier at their top.
const TOTAL_FILES: [&str; 39] = [
    "crates/apps/ciro/src/client.rs",
    "crates/apps/ciro/src/cmd/inspect.rs",
    "crates/apps/ciro/src/cmd/open.rs",
    "crates/apps/ciro/src/cmd/quote.rs",
    "crates/apps/ciro/src/cmd/run.rs",
    "crates/apps/ciro/src/cmd/verify/details.rs",
    "crates/apps/ciro/src/cmd/verify/mod.rs",
    "crates/apps/ciro/src/files.rs",
    "crates/apps/ciro/src/show.rs",
    "crates/ledger/consensus/src/block.rs",
    "crates/ledger/consensus/src/certificate.rs",
    "crates/ledger/consensus/src/evidence.rs",
    "crates/ledger/consensus/src/light.rs",
    "crates/ledger/consensus/src/validators.rs",
    "crates/ledger/consensus/src/vote.rs",
    "crates/ledger/state/src/action.rs",
    "crates/ledger/state/src/admission.rs",
    "crates/ledger/state/src/check.rs",
    "crates/ledger/state/src/component/dispatch.rs",
    "crates/ledger/state/src/component/job/action.rs",
    "crates/ledger/state/src/component/job/check.rs",
    "crates/ledger/state/src/component/job/rules.rs",
    "crates/ledger/state/src/component/model/action.rs",
    "crates/ledger/state/src/component/model/rules.rs",
    "crates/ledger/state/src/component/token/action.rs",
    "crates/ledger/state/src/component/token/rules.rs",
    "crates/ledger/state/src/component/validator/action.rs",
    "crates/ledger/state/src/component/validator/rules.rs",
    "crates/ledger/state/src/component/worker/action.rs",
    "crates/ledger/state/src/component/worker/rules.rs",
    "crates/ledger/state/src/fees.rs",
    "crates/ledger/state/src/genesis.rs",
    "crates/ledger/state/src/inclusion.rs",
    "crates/ledger/state/src/lane.rs",
    "crates/ledger/state/src/merkle.rs",
    "crates/ledger/state/src/component/model/row.rs",
    "crates/ledger/state/src/money.rs",
    "crates/ledger/state/src/receipt.rs",
    "crates/ledger/state/src/tx.rs",
];

/// Lints that a total crate denies at its root.
const FULL_TIER: [&str; 13] = [
    "clippy::allow_attributes_without_reason",
    "clippy::arithmetic_side_effects",
    "clippy::as_conversions",
    "clippy::expect_used",
    "clippy::float_arithmetic",
    "clippy::indexing_slicing",
    "clippy::panic",
    "clippy::panic_in_result_fn",
    "clippy::string_slice",
    "clippy::todo",
    "clippy::unimplemented",
    "clippy::unreachable",
    "clippy::unwrap_used",
];

/// Checks that each member takes the workspace's lints, and the crate root of each crate of the closure that exists.
pub(crate) fn check(members: &[Member], tree: &Tree) -> Vec<Violation> {
    let closure: BTreeSet<&str> = CORE.into_iter().chain(AUDITOR).chain(CLOSURE_OF_BASE).collect();
    let mut violations: Vec<Violation> = members.iter().filter_map(|member| without_lints(member, tree)).collect();
    for member in members.iter().filter(|member| closure.contains(member.name.as_str())) {
        violations.extend(tree.file(&member.lib()).into_iter().flat_map(|file| check_root(member, file)));
    }
    let readers = members.iter().filter(|member| TOTAL_READERS.contains(&member.name.as_str()));
    let roots = readers.filter_map(|member| tree.file(&member.lib()));
    violations.extend(roots.chain(TOTAL_FILES.iter().filter_map(|path| tree.file(path))).flat_map(check_total));
    violations
}

/// A file that reads foreign numbers denies the full tier at its top.
fn check_total(file: &SourceFile) -> Vec<Violation> {
    let Ok(parsed) = syn::parse_file(&file.text) else { return Vec::new() };
    let path = || file.path.clone();
    let lacks = |lint| format!("{} reads foreign numbers and lacks #![deny({lint})]", file.path);
    let missing = missing_lints(&parsed).map(|lint| Violation {
        path: path(),
        line: 1,
        rule: Rule::LintTier,
        message: lacks(lint),
    });
    missing.collect()
}

/// Lints of the full tier that a file neither denies nor relaxes with a reason.
fn missing_lints(parsed: &File) -> impl Iterator<Item = &'static str> {
    let settled = &lints(parsed, &["deny", "forbid"]) | &relaxed_with_reason(parsed);
    FULL_TIER.into_iter().filter(move |lint| !settled.contains(*lint))
}

/// A manifest that does not say `[lints] workspace = true` opts out of every lint of the workspace.
fn without_lints(member: &Member, tree: &Tree) -> Option<Violation> {
    let manifest = tree.file(&member.manifest())?;
    let lints = manifest.text.lines().skip_while(|line| line.trim() != "[lints]").skip(1);
    let inherits =
        lints.take_while(|line| !line.starts_with('[')).any(|line| line.replace(' ', "") == "workspace=true");
    let message = format!("{} does not inherit the lints of the workspace", member.name);
    (!inherits).then(|| Violation { path: manifest.path.clone(), line: 1, rule: Rule::LintTier, message })
}

fn check_root(member: &Member, file: &SourceFile) -> Vec<Violation> {
    let Ok(parsed) = syn::parse_file(&file.text) else {
        return Vec::new();
    };
    let mut missing = Vec::new();
    if !is_no_std(&parsed) {
        missing.push("#![no_std]".to_owned());
    }
    if !lints(&parsed, &["forbid"]).contains("unsafe_code") {
        missing.push("#![forbid(unsafe_code)]".to_owned());
    }
    if TOTAL_CRATES.contains(&member.name.as_str()) {
        missing.extend(missing_lints(&parsed).map(|lint| format!("#![deny({lint})]")));
    }
    let at_root = |attribute| Violation {
        path: file.path.clone(),
        line: 1,
        rule: Rule::LintTier,
        message: format!("{} belongs to the verifier's closure and lacks {attribute}", member.name),
    };
    missing.into_iter().map(at_root).collect()
}

/// `#![no_std]`, also under `cfg_attr(not(test), …)`.
fn is_no_std(file: &File) -> bool {
    file.attrs.iter().flat_map(product_metas).any(|meta| meta.path().is_ident("no_std"))
}

/// Lints that the crate root sets to one of `levels`.
fn lints(file: &File, levels: &[&str]) -> BTreeSet<String> {
    let metas = file.attrs.iter().flat_map(product_metas);
    metas
        .filter(|meta| levels.iter().any(|level| meta.path().is_ident(level)))
        .flat_map(|meta| arguments(&meta))
        .collect()
}

/// Lints that the crate root relaxes, each attribute with its reason.
fn relaxed_with_reason(file: &File) -> BTreeSet<String> {
    let is_relaxing =
        |attribute: &&Attribute| attribute.path().is_ident("expect") || attribute.path().is_ident("allow");
    let relaxing = file.attrs.iter().filter(is_relaxing).map(|attribute| arguments(&attribute.meta));
    relaxing.filter(|arguments| arguments.iter().any(|argument| argument.starts_with("reason="))).flatten().collect()
}

/// The arguments of `level(a, b::c, reason = "…")`, without spaces.
fn arguments(meta: &Meta) -> Vec<String> {
    let Meta::List(list) = meta else { return Vec::new() };
    let arguments = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
    arguments.iter().map(|argument| argument.to_token_stream().to_string().replace(' ', "")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(name: &str, root: &str) -> Vec<String> {
        let member = Member { name: name.into(), dir: "crates/proof/x".into(), dependencies: vec![] };
        let tree = Tree::of(&[("crates/proof/x/src/lib.rs", root)]);
        check(&[member], &tree).into_iter().map(|violation| violation.message).collect()
    }

    fn full_tier_without(lint: &str) -> String {
        let kept: Vec<&str> = FULL_TIER.into_iter().filter(|kept| *kept != lint).collect();
        format!("#![no_std]\n#![forbid(unsafe_code)]\n#![deny({})]", kept.join(", "))
    }

    #[test]
    fn the_closure_wants_no_std_and_no_unsafe() {
        let lints = FULL_TIER.join(", ");
        let of = |name: &str, head: &str| missing(name, &format!("{head}\n#![deny({lints})]"));
        assert_eq!(of("ciro-graph", "#![no_std]\n#![forbid(unsafe_code)]"), [] as [&str; 0]);
        assert_eq!(of("ciro-graph", "#![cfg_attr(not(test), no_std)]\n#![forbid(unsafe_code)]"), [] as [&str; 0]);
        assert!(of("ciro-graph", "#![forbid(unsafe_code)]")[0].ends_with("#![no_std]"));
        assert!(of("ciro-types", "#![no_std]\n#![deny(unsafe_code)]")[0].ends_with("#![forbid(unsafe_code)]"));
        assert_eq!(of("ciro-graph", "#![cfg_attr(feature = \"x\", no_std)]\n#![forbid(unsafe_code)]").len(), 1);
    }

    #[test]
    fn the_verifier_wants_every_lint_of_the_full_tier() {
        assert_eq!(missing("ciro-verifier", &full_tier_without("")), [] as [&str; 0]);
        for lint in FULL_TIER {
            let messages = missing("ciro-verifier", &full_tier_without(lint));
            assert_eq!(messages.len(), 1, "{lint}");
            assert!(messages[0].contains(lint));
        }
    }

    #[test]
    fn what_reads_foreign_numbers_wants_the_full_tier_without_the_rest() {
        let denied = format!("#![deny({})]", FULL_TIER.join(", "));
        assert_eq!(missing("ciro-receipt", &denied), [] as [&str; 0]);
        assert_eq!(missing("ciro-receipt", "").len(), FULL_TIER.len());
        for path in TOTAL_FILES {
            let found = |text: &str| check(&[], &Tree::of(&[(path, text)])).len();
            assert_eq!((found(&denied), found("")), (0, FULL_TIER.len()), "{path}");
        }
    }

    /// A file that moved would escape the rule in silence.
    #[test]
    fn the_files_that_read_foreign_numbers_are_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert!(TOTAL_FILES.iter().all(|path| root.join(path).is_file()));
    }

    #[test]
    fn a_lint_is_relaxed_only_with_a_reason() {
        let root = full_tier_without("clippy::panic");
        let with = format!("{root}\n#![expect(clippy::panic, reason = \"shown by a test\")]");
        assert_eq!(missing("ciro-verifier", &with), [] as [&str; 0]);
        assert_eq!(missing("ciro-verifier", &format!("{root}\n#![expect(clippy::panic)]")).len(), 1);
    }

    #[test]
    fn every_crate_takes_the_lints_of_the_workspace() {
        let members = [Member { name: "ciro-x".into(), dir: "crates/fabric/x".into(), dependencies: vec![] }];
        let found = |manifest: &str| check(&members, &Tree::of(&[("crates/fabric/x/Cargo.toml", manifest)])).len();
        assert_eq!(found("[package]\n\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(found("[package]\nworkspace = true\n\n[lints]\n\n[x]\nworkspace = true\n"), 1);
    }

    #[test]
    fn crates_outside_the_closure_or_not_there_yet_are_left_alone() {
        assert_eq!(missing("ciro-prover", "fn f() {}"), [] as [&str; 0]);
        let absent = Member { name: "ciro-verifier".into(), dir: "crates/proof/verifier".into(), dependencies: vec![] };
        assert_eq!(check(&[absent], &Tree::of(&[])), []);
    }
}
