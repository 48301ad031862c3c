//! The frozen format, from the prover's side: the proofs of `vectors/proofs`, which the verifier's own tests judge, are still made.
//!
//! `CIRO_UPDATE=1 cargo test -p ciro-prover --test it vectors::` writes them anew: a decision, not a fix.

use crate::common::{Case, SEED, cases};
use crate::replay::{Frozen, Subject, digest, files, folder};
use ciro_auditor::{ProofContext, Statement};
use ciro_compile::{Options, compile_model, ports, samples};
use ciro_graph::{Disclosure, Model, Security};
use ciro_prover::{Proof, ProvingKey, prove, prove_batch};
use ciro_transcript::Segment;
use ciro_types::encode;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// One vector: its name, and what its files hold.
struct Vector {
    name: String,
    frozen: Frozen,
    /// Where the proof's messages lie.
    segments: Vec<Segment>,
}

impl Vector {
    fn new(name: &str, key: &ProvingKey, statement: &Statement, proof: Proof) -> Self {
        let (input, output) = statement.encode();
        let (program, weights) = (key.program().to_vec(), key.weights());
        let subject = encode(&Subject { program, weights, input, output, context: statement.context });
        let frozen = Frozen { subject, proof: proof.bytes, sample: None };
        Self { name: name.replace([',', ' '], "-").replace("--", "-"), frozen, segments: proof.segments }
    }

    /// A case, and its second sample if it is a batch whose samples open.
    fn of(case: Case) -> Self {
        let program = &case.model.program;
        let is_open = [program.visibility.input, program.visibility.output] == [Disclosure::Committed; 2];
        let sample = (program.batch > 1 && is_open).then(|| {
            let batch = prove_batch(&case.key, &case.input, &case.statement.context, &SEED).expect("the model runs");
            let (sample, opening) = batch.open_sample(&case.key, 1).expect("a sample");
            encode(&(encode(&sample), opening))
        });
        let mut vector = Self::new(case.name, &case.key, &case.statement, case.proof);
        vector.frozen.sample = sample;
        vector
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
        for segment in self.segments.iter().filter(|s| s.start < s.end) {
            ends.entry(segment.label).or_insert((segment.start, segment.start)).1 = segment.start;
        }
        let mut changes: Vec<String> =
            ends.into_values().flat_map(|(first, last)| [first, last]).map(|at| format!("flip proof {at}")).collect();
        changes.dedup();
        let step = self.frozen.subject.len() / 24 + 1;
        changes.extend((0..self.frozen.subject.len()).step_by(step).map(|at| format!("flip subject {at}")));
        let len = self.frozen.proof.len();
        changes.extend([0, len / 2, len - 1].map(|len| format!("cut {len}")));
        changes.push("append".into());
        let sample = self.frozen.sample.as_ref().map_or(0, Vec::len);
        changes.extend((0..sample).step_by(sample / 48 + 1).map(|at| format!("flip sample {at}")));
        changes
    }

    fn write(&self) {
        let mut rejections = String::new();
        for change in self.changes() {
            let phase = self.frozen.changed(&change).verdict().expect("a change is rejected");
            writeln!(rejections, "{change}: {phase:?}").expect("text grows");
        }
        let file = |extension: &str| folder().join(format!("{}.{extension}", self.name));
        std::fs::write(file("subject"), &self.frozen.subject).expect("vectors can be written");
        std::fs::write(file("proof"), &self.frozen.proof).expect("vectors can be written");
        if let Some(sample) = &self.frozen.sample {
            std::fs::write(file("sample"), sample).expect("vectors can be written");
        }
        std::fs::write(file("rejections"), rejections).expect("vectors can be written");
    }
}

/// A regression, a tree and a booster. At the higher target there are the booster again, and a convolutional network, which is large
/// enough for an oracle in the opening's tail. What the compiler makes of them may change; their frozen proofs stay valid.
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
    for Vector { name, frozen, .. } in &gadgets {
        let known = Frozen::read(&files, name);
        assert!(known.subject == frozen.subject, "{name}: the statement changed");
        assert!(known.proof == frozen.proof, "{name}: the proof changed");
        assert!(known.sample == frozen.sample, "{name}: the opening of a sample changed");
    }
}
