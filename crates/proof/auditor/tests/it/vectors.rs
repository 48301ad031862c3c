//! The frozen format: proofs that any verifier must accept, and changes to them that it must reject, with the phase. No prover is
//! needed here.

use crate::replay::{Frozen, digest, files, folder};

#[test]
fn frozen_proofs_are_judged_as_they_were() {
    let files = files();
    assert_eq!(std::fs::read_to_string(folder().join("DIGEST")).expect("the digest is there"), digest(&files));
    let names: Vec<&str> = files.keys().filter_map(|name| name.strip_suffix(".proof")).collect();
    let samples = files.keys().filter(|name| name.ends_with(".sample")).count();
    assert_eq!(names.len() * 3 + samples, files.len());
    assert!(names.len() >= 8 && samples >= 1);
    for name in names {
        let frozen = Frozen::read(&files, name);
        assert_eq!(frozen.verdict(), None, "{name}");
        let rejections = String::from_utf8(files[&format!("{name}.rejections")].clone()).expect("text");
        for line in rejections.lines() {
            let (change, phase) = line.split_once(": ").expect("a change and its phase");
            let verdict = frozen.changed(change).verdict().map(|p| format!("{p:?}"));
            assert_eq!(verdict, Some(phase.into()), "{name}: {change}");
        }
    }
}
