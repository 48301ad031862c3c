//! The frozen format, from the prover's side: the proofs of `vectors/proofs`, which the verifier's own tests judge, are still made.
//!
//! `CIRO_UPDATE=1 cargo test -p ciro-prover --test vectors` writes them anew: a decision, not a fix.

mod common;
#[path = "../../verifier/tests/replay/mod.rs"]
mod replay;

use ciro_compile::{Options, compile_model, ports, samples};
use ciro_graph::{Model, Security};
use ciro_prover::{Proof, ProvingKey, prove};
use ciro_types::encode;
use ciro_verifier::{ProofContext, Statement};
use common::{Case, cases};
use replay::{Subject, changed, digest, files, folder, verdict};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// One vector: its name, and what its files hold.
struct Vector {
    name: String,
    subject: Vec<u8>,
    proof: Proof,
}

impl Vector {
    fn new(name: &str, key: &ProvingKey, statement: &Statement, proof: Proof) -> Self {
        let (input, output) = statement.encode();
        let (program, weights) = (key.program().to_vec(), key.weights());
        let subject = encode(&Subject { program, weights, input, output, context: statement.context });
        Self { name: name.replace([',', ' '], "-").replace("--", "-"), subject, proof }
    }

    fn of(case: Case) -> Self {
        Self::new(case.name, &case.key, &case.statement, case.proof)
    }

    /// A model trained on real data, on the first of its samples.
    fn real(model: &str, security: Security) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../vectors/models/{model}.onnx"));
        let bytes = std::fs::read(&file).expect("the model is there");
        let samples = samples::load(&file.with_extension("npz"), &ports(&bytes).expect("a model")).expect("samples");
        let input = samples.inputs[0].clone();
        let options = Options { calibration: Some(samples), security, ..Options::default() };
        let model_of: Model = compile_model(&bytes, &options).expect("the model compiles").model;
        let key = ProvingKey::new(model_of).expect("the model has a relation");
        let proof = prove(&key, &input, &ProofContext::default()).expect("the model runs");
        let statement = proof.statement.clone();
        let name = if security == Security::Bits128 { format!("{model}-128-bits") } else { model.to_string() };
        Self::new(&name, &key, &statement, proof)
    }

    /// The first byte of the first and of the last message of each label, bytes of the subject spread over it, and other lengths.
    fn changes(&self) -> Vec<String> {
        let mut ends: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for segment in self.proof.segments.iter().filter(|s| s.start < s.end) {
            ends.entry(segment.label).or_insert((segment.start, segment.start)).1 = segment.start;
        }
        let mut changes: Vec<String> =
            ends.into_values().flat_map(|(first, last)| [first, last]).map(|at| format!("flip proof {at}")).collect();
        changes.dedup();
        let step = self.subject.len() / 24 + 1;
        changes.extend((0..self.subject.len()).step_by(step).map(|at| format!("flip subject {at}")));
        let len = self.proof.bytes.len();
        changes.extend([0, len / 2, len - 1].map(|len| format!("cut {len}")));
        changes.push("append".into());
        changes
    }

    fn write(&self) {
        let mut rejections = String::new();
        for change in self.changes() {
            let (subject, proof) = changed(&change, self.subject.clone(), self.proof.bytes.clone());
            let phase = verdict(&subject, &proof).expect("a change is rejected");
            writeln!(rejections, "{change}: {phase:?}").expect("text grows");
        }
        let file = |extension: &str| folder().join(format!("{}.{extension}", self.name));
        std::fs::write(file("subject"), &self.subject).expect("vectors can be written");
        std::fs::write(file("proof"), &self.proof.bytes).expect("vectors can be written");
        std::fs::write(file("rejections"), rejections).expect("vectors can be written");
    }
}

/// A regression, a tree, a booster; at the higher target the booster again, and a convolutional network, which is large enough for an oracle
/// in the opening's tail. What the compiler makes of them may change; their frozen proofs stay valid.
fn real() -> [Vector; 5] {
    [
        Vector::real("A2_linreg_diabetes", Security::Bits100),
        Vector::real("B_dtree_bc_ml", Security::Bits100),
        Vector::real("D_xgb_bc_ml", Security::Bits100),
        Vector::real("D_xgb_bc_ml", Security::Bits128),
        Vector::real("F_lenet_digits", Security::Bits128),
    ]
}

#[test]
fn the_prover_makes_the_frozen_proofs() {
    let gadgets: Vec<Vector> = cases().into_iter().map(Vector::of).collect();
    if std::env::var_os("CIRO_UPDATE").is_some() {
        gadgets.iter().chain(&real()).for_each(Vector::write);
        std::fs::write(folder().join("DIGEST"), digest(&files())).expect("the digest can be written");
    }
    let files = files();
    for Vector { name, subject, proof } in &gadgets {
        assert!(files[&format!("{name}.subject")] == *subject, "{name}: the statement changed");
        assert!(files[&format!("{name}.proof")] == proof.bytes, "{name}: the proof changed");
    }
}
