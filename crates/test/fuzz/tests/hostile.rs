//! Every target on its seeds, and on some thousands of damaged ones. A failure names the target, the seed and the damage.

use ciro_fuzz::{Damage, TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// As many as take about a second; `CIRO_FUZZ_RUNS` asks for more of each.
fn runs(target: &Target) -> u64 {
    let runs = match target.name {
        // These have proptests of their own beside them.
        "model_file" | "samples" => 600,
        "whole" => 300,
        "claim" | "receipt" | "sample_receipt" | "verify_file" => 1_500,
        _ => 4_000,
    };
    std::env::var("CIRO_FUZZ_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(runs)
}

fn check(target: &Target) {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    seeds.iter().for_each(|seed| (target.run)(seed));
    for number in 0..runs(target) {
        let mut damage = Damage::new(number);
        let (a, b) = (damage.below(seeds.len()), damage.below(seeds.len()));
        let bytes = damage.apply(&seeds[a], &seeds[b]);
        let held = catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes)));
        assert!(held.is_ok(), "{}: seed {a} with {b}, damage {number}, {} bytes", target.name, bytes.len());
    }
}

#[test]
fn no_target_breaks_on_damaged_seeds() {
    TARGETS.iter().for_each(check);
}

/// Each target has a binary for libFuzzer, and each binary a target.
#[test]
fn every_target_has_its_binary() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fuzz");
    let manifest = std::fs::read_to_string(format!("{folder}/Cargo.toml")).expect("the manifest");
    for target in TARGETS {
        let binary = std::fs::read_to_string(format!("{folder}/fuzz_targets/{}.rs", target.name)).expect("a binary");
        assert!(binary.contains(&format!("ciro_fuzz::targets::{}", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
    let binaries = std::fs::read_dir(format!("{folder}/fuzz_targets")).expect("the folder").count();
    assert_eq!(binaries, TARGETS.len());
}

/// libFuzzer starts from files: `CIRO_FUZZ_CORPUS=fuzz/corpus cargo test --release -p ciro-fuzz -- --ignored seeds_become_files`.
#[test]
#[ignore = "writes files, for libFuzzer"]
fn seeds_become_files() {
    let folder = std::env::var("CIRO_FUZZ_CORPUS").expect("CIRO_FUZZ_CORPUS names the folder");
    for target in TARGETS {
        let folder = std::path::Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&folder).expect("the folder of the target");
        for (number, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed");
        }
    }
}
