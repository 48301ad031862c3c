//! Every target on its seeds, and on some thousands of damaged ones. A failure names the target, the seed and the damage.

use ciro_fuzz::{Damage, KEPT, Kept, TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// As many as take about a second; `CIRO_FUZZ_RUNS` asks for more of each.
fn runs(target: &Target) -> u64 {
    let runs = match target.name {
        // These have proptests of their own beside them.
        "model_file" | "samples" => 600,
        "whole" => 300,
        "claim" | "key" | "receipt" | "sample_receipt" | "verify_file" => 1_500,
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

fn replay(kept: &Kept) {
    let target = TARGETS.into_iter().find(|target| target.name == kept.target).expect("a target");
    let inputs = kept.load();
    let read = kept.read(&inputs);
    assert!(
        read > 0,
        "{}: {read} of {} kept inputs are read: the format has changed. Make them anew: fuzz/README.md, What is kept",
        kept.target,
        inputs.len()
    );
    for (number, input) in inputs.iter().enumerate() {
        let held = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        assert!(held.is_ok(), "{}: kept input {number}, {} bytes", kept.target, input.len());
    }
}

#[test]
fn what_was_kept_is_of_the_present_formats_and_breaks_nothing() {
    KEPT.iter().for_each(replay);
}

/// libFuzzer's folders become the files of `fuzz/kept`: `CIRO_FUZZ_CORPUS` names the folder of one folder for each target.
#[test]
#[ignore = "writes files, from libFuzzer's"]
fn corpora_become_kept() {
    let folder = std::env::var("CIRO_FUZZ_CORPUS").expect("CIRO_FUZZ_CORPUS names the folder");
    for kept in KEPT {
        let entries =
            std::fs::read_dir(std::path::Path::new(&folder).join(kept.target)).expect("the folder of a target");
        let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read(entry.expect("an entry").path());
        kept.store(entries.map(|entry| read(entry).expect("an input")).collect());
    }
}

/// libFuzzer starts from files, and from what was kept: `CIRO_FUZZ_CORPUS=fuzz/corpus cargo test --release -p ciro-fuzz -- --ignored seeds_become_files`.
#[test]
#[ignore = "writes files, for libFuzzer"]
fn seeds_become_files() {
    let folder = std::env::var("CIRO_FUZZ_CORPUS").expect("CIRO_FUZZ_CORPUS names the folder");
    for target in TARGETS {
        let folder = std::path::Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&folder).expect("the folder of the target");
        let kept = KEPT.iter().filter(|kept| kept.target == target.name).flat_map(Kept::load);
        for (number, seed) in (target.seeds)().into_iter().chain(kept).enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed");
        }
    }
}
