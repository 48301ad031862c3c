//! The frozen format: proofs that any verifier must accept, and changes to them that it must reject, with the phase. No prover is
//! needed here.

mod replay;

use replay::{changed, digest, files, folder, verdict};

#[test]
fn frozen_proofs_are_judged_as_they_were() {
    let files = files();
    assert_eq!(std::fs::read_to_string(folder().join("DIGEST")).expect("the digest is there"), digest(&files));
    let names: Vec<&str> = files.keys().filter_map(|name| name.strip_suffix(".proof")).collect();
    assert_eq!(names.len() * 3, files.len());
    assert!(names.len() >= 8);
    for name in names {
        let file = |extension: &str| files[&format!("{name}.{extension}")].clone();
        let (subject, proof) = (file("subject"), file("proof"));
        assert_eq!(verdict(&subject, &proof), None, "{name}");
        let rejections = String::from_utf8(file("rejections")).expect("text");
        for line in rejections.lines() {
            let (change, phase) = line.split_once(": ").expect("a change and its phase");
            let (subject, proof) = changed(change, subject.clone(), proof.clone());
            assert_eq!(verdict(&subject, &proof).map(|p| format!("{p:?}")), Some(phase.into()), "{name}: {change}");
        }
    }
}
