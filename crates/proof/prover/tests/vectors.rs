//! The frozen format: proofs that any verifier must accept, and changes to them that it must reject, with the phase.
//!
//! `CIRO_UPDATE=1 cargo test -p ciro-prover --test vectors` writes `vectors/proofs` anew: a decision, not a fix.

mod common;

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::encode;
use ciro_verifier::{Claim, Phase, ProofContext, Weights, verify};
use common::{Case, cases};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What a proof is about, in canonical bytes: the first file of a vector.
#[derive(BorshSerialize, BorshDeserialize)]
struct Subject {
    program: Vec<u8>,
    weights: Weights,
    input: Vec<u8>,
    output: Vec<u8>,
    context: ProofContext,
}

impl Subject {
    fn of(case: &Case) -> Self {
        let (input, output) = case.statement.encode();
        let (program, weights) = (case.key.program().to_vec(), case.key.weights());
        Self { program, weights, input, output, context: case.statement.context }
    }

    /// `None` if the proof is accepted.
    fn rejected(&self, proof: &[u8]) -> Option<Phase> {
        let Self { program, weights, input, output, context } = self;
        let claim = Claim { program, weights, input, output, context: *context };
        verify(&claim, proof).err().map(|e| e.phase())
    }
}

/// What a change does, by the bytes of subject and proof.
fn verdict(subject: &[u8], proof: &[u8]) -> Option<Phase> {
    match borsh::from_slice::<Subject>(subject) {
        Ok(subject) => subject.rejected(proof),
        Err(_) => Some(Phase::Statement),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/proofs")
}

/// Applies `flip FILE OFFSET` (the lowest bit of a byte), `cut LENGTH` or `append` (a zero byte) to subject and proof.
fn changed(change: &str, mut subject: Vec<u8>, mut proof: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let words: Vec<&str> = change.split(' ').collect();
    let number = |i: usize| words[i].parse::<usize>().expect("a number");
    match words[0] {
        "flip" if words[1] == "proof" => proof[number(2)] ^= 1,
        "flip" => subject[number(2)] ^= 1,
        "cut" => proof.truncate(number(1)),
        "append" => proof.push(0),
        other => panic!("no change is called {other}"),
    }
    (subject, proof)
}

/// The first byte of the first and of the last message of each label, bytes of the subject spread over it, and other lengths.
fn changes(case: &Case, subject: &[u8]) -> Vec<String> {
    let mut ends: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for segment in case.proof.segments.iter().filter(|s| s.start < s.end) {
        ends.entry(segment.label).or_insert((segment.start, segment.start)).1 = segment.start;
    }
    let mut changes: Vec<String> =
        ends.into_values().flat_map(|(first, last)| [first, last]).map(|at| format!("flip proof {at}")).collect();
    changes.dedup();
    changes.extend((0..subject.len()).step_by(subject.len() / 24 + 1).map(|at| format!("flip subject {at}")));
    let len = case.proof.bytes.len();
    changes.extend([0, len / 2, len - 1].map(|len| format!("cut {len}")));
    changes.push("append".into());
    changes
}

fn write(case: &Case) {
    let name = case.name.replace([',', ' '], "-").replace("--", "-");
    let subject = encode(&Subject::of(case));
    let mut rejections = String::new();
    for change in changes(case, &subject) {
        let (subject, proof) = changed(&change, subject.clone(), case.proof.bytes.clone());
        let phase = verdict(&subject, &proof).expect("a change is rejected");
        writeln!(rejections, "{change}: {phase:?}").expect("text grows");
    }
    let file = |extension: &str| folder().join(format!("{name}.{extension}"));
    std::fs::write(file("subject"), subject).expect("vectors can be written");
    std::fs::write(file("proof"), &case.proof.bytes).expect("vectors can be written");
    std::fs::write(file("rejections"), rejections).expect("vectors can be written");
}

/// All files but the digest itself, by name.
fn files() -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder()).expect("the vectors are there");
    let paths = entries.map(|entry| entry.expect("a file").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let read = |path: PathBuf| (name(&path), std::fs::read(&path).expect("a readable file"));
    paths.map(read).filter(|(name, _)| name != "DIGEST" && name != "README.md").collect()
}

fn digest(files: &BTreeMap<String, Vec<u8>>) -> String {
    let pairs: Vec<(&String, &Vec<u8>)> = files.iter().collect();
    format!("{}\n", ciro_crypto::hash_encoded("ciro/vectors/v2", &pairs))
}

#[test]
fn frozen_proofs_are_judged_as_they_were() {
    if std::env::var_os("CIRO_UPDATE").is_some() {
        cases().iter().for_each(write);
        std::fs::write(folder().join("DIGEST"), digest(&files())).expect("the digest can be written");
    }
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
