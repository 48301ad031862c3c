//! Proving and verifying bundled models, and the commitment under both.

use ciro_auditor::{ProofContext, Statement};
use ciro_compile::{Options, compile_onnx, ports, samples};
use ciro_graph::RawInput;
use ciro_pcs::{Params, Profile, Security, Size};
use ciro_prover::oracle::{BaseOracle, UNSALTED};
use ciro_prover::{ProvingKey, prove};
use ciro_transcript::F;
use ciro_transcript::field::from_int;
use criterion::{Criterion, criterion_group, criterion_main};
use std::path::PathBuf;

const MODELS: [&str; 5] = ["A_logreg_bc", "B_dtree_bc_ml", "D2_xgb_digits_ml", "E_mlp_digits", "F_lenet_digits"];

fn load(name: &str) -> (ProvingKey, RawInput) {
    let path = |end: &str| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/models").join(format!("{name}{end}"))
    };
    let onnx = std::fs::read(path(".onnx")).expect("the model is bundled");
    let samples = samples::load(&path(".npz"), &ports(&onnx).expect("the file is ONNX")).expect("samples are bundled");
    let input = samples.inputs[0].clone();
    let options = Options { calibration: Some(samples), ..Options::default() };
    let compiled = compile_onnx(&onnx, &options).expect("the model compiles");
    (ProvingKey::new(compiled.model).expect("the model has a relation"), input)
}

fn models(c: &mut Criterion) {
    let context = ProofContext::default();
    for name in MODELS {
        let (key, input) = load(name);
        c.bench_function(&format!("prover::prove/model={name}"), |b| {
            b.iter(|| prove(&key, &input, &context).expect("runs"));
        });
        let proof = prove(&key, &input, &context).expect("runs");
        let statement = Statement::public(input, proof.output, context);
        c.bench_function(&format!("verifier::verify/model={name}"), |b| {
            b.iter(|| key.verifying().verify(&statement, &proof.bytes).expect("an honest proof"));
        });
    }
}

fn commitment(c: &mut Criterion) {
    for vars in [12u32, 16] {
        let table: Vec<F> = (0..1i64 << vars).map(from_int).collect();
        let round = Params::new(&[Size::full(vars), Size::full(vars)], Security::Bits100, Profile::Native).first[0];
        c.bench_function(&format!("oracle::commit/vars={vars}"), |b| {
            b.iter(|| BaseOracle::new(&table, &round, &UNSALTED));
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = models, commitment }
criterion_main!(benches);
