//! The files of `vectors/proofs`, as its README says them.
#![allow(dead_code, reason = "each test binary uses its own part")]

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_auditor::{AuditError, AuditedModel, Claim, Phase, ProofContext, Sample, Statement, Weights, verify};
use ciro_types::decode;
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

    /// Verifies the proof, then that a sample is one of its batch.
    fn opened(&self, proof: &[u8], sample: &[u8]) -> Result<(), AuditError> {
        let decode_error = |source| AuditError::Decode { what: "sample", source };
        let key = AuditedModel::of(&self.program, &self.weights)?;
        let visibility = &key.program().visibility;
        let statement = Statement::decode(visibility, &self.input, &self.output, self.context)?;
        let verified = key.verify_proof(&statement, proof)?;
        let (sample, opening): (Vec<u8>, Vec<u8>) = decode(sample, usize::MAX).map_err(decode_error)?;
        verified.verify_sample(&Sample::decode(&sample)?, &opening).map(|_| ())
    }
}

/// A vector as its files hold it, or as a change left it.
#[derive(Clone)]
pub(crate) struct Frozen {
    pub(crate) subject: Vec<u8>,
    pub(crate) proof: Vec<u8>,
    /// Of a batch whose samples open: canonical bytes of one and its opening.
    pub(crate) sample: Option<Vec<u8>>,
}

impl Frozen {
    /// The vector of a name.
    pub(crate) fn read(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Self {
        let file = |extension: &str| files.get(&format!("{name}.{extension}")).cloned();
        let (subject, proof) = file("subject").zip(file("proof")).expect("a subject and a proof");
        Self { subject, proof, sample: file("sample") }
    }

    /// What rejects it, if anything does: the proof, or the sample.
    pub(crate) fn verdict(&self) -> Option<Phase> {
        let Ok(subject) = borsh::from_slice::<Subject>(&self.subject) else { return Some(Phase::Statement) };
        match &self.sample {
            None => subject.rejected(&self.proof),
            Some(sample) => subject.opened(&self.proof, sample).err().map(|e| e.phase()),
        }
    }

    /// Applies `flip FILE OFFSET` (the lowest bit of a byte), `cut LENGTH` or `append` (a zero byte) to the proof.
    pub(crate) fn changed(&self, change: &str) -> Self {
        let mut changed = self.clone();
        let words: Vec<&str> = change.split(' ').collect();
        let number = |i: usize| words[i].parse::<usize>().expect("a number");
        match words[0] {
            "flip" => {
                let file = match words[1] {
                    "proof" => &mut changed.proof,
                    "subject" => &mut changed.subject,
                    _ => changed.sample.as_mut().expect("a sample"),
                };
                file[number(2)] ^= 1;
            }
            "cut" => changed.proof.truncate(number(1)),
            "append" => changed.proof.push(0),
            other => panic!("no change is called {other}"),
        }
        changed
    }
}

/// Where they are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/proofs")
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
