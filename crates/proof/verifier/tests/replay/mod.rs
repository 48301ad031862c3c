//! The files of `vectors/proofs`, as its README says them.
#![allow(dead_code, reason = "each test binary uses its own part")]

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_verifier::{Claim, Phase, ProofContext, Weights, verify};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a proof is about, in canonical bytes: the first file of a vector.
#[derive(BorshSerialize, BorshDeserialize)]
pub(crate) struct Subject {
    pub(crate) program: Vec<u8>,
    pub(crate) weights: Weights,
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) context: ProofContext,
}

impl Subject {
    /// `None` if the proof is accepted.
    fn rejected(&self, proof: &[u8]) -> Option<Phase> {
        let Self { program, weights, input, output, context } = self;
        let claim = Claim { program, weights, input, output, context: *context };
        verify(&claim, proof).err().map(|e| e.phase())
    }
}

/// What rejects a proof, if anything does, by the bytes of subject and proof.
pub(crate) fn verdict(subject: &[u8], proof: &[u8]) -> Option<Phase> {
    match borsh::from_slice::<Subject>(subject) {
        Ok(subject) => subject.rejected(proof),
        Err(_) => Some(Phase::Statement),
    }
}

/// Where they are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/proofs")
}

/// Applies `flip FILE OFFSET` (the lowest bit of a byte), `cut LENGTH` or `append` (a zero byte) to subject and proof.
pub(crate) fn changed(change: &str, mut subject: Vec<u8>, mut proof: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
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

/// All files but the digest itself, by name.
pub(crate) fn files() -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder()).expect("the vectors are there");
    let paths = entries.map(|entry| entry.expect("a file").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let read = |path: PathBuf| (name(&path), std::fs::read(&path).expect("a readable file"));
    paths.map(read).filter(|(name, _)| name != "DIGEST" && name != "README.md").collect()
}

/// What the file DIGEST holds.
pub(crate) fn digest(files: &BTreeMap<String, Vec<u8>>) -> String {
    let pairs: Vec<(&String, &Vec<u8>)> = files.iter().collect();
    format!("{}\n", ciro_crypto::hash_encoded("ciro/vectors/v2", &pairs))
}
