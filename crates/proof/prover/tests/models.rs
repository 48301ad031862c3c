//! The bundled models, trained on real data: compiled, proven and verified from their ONNX files.

use ciro_compile::{Options, compile_onnx, ports, samples};
use ciro_prover::{ProvingKey, prove};
use ciro_verifier::{ProofContext, Statement};
use std::path::PathBuf;

const MODELS: [&str; 13] = [
    "A_logreg_bc",
    "A_logreg_bc_ml",
    "A2_linreg_diabetes",
    "B_dtree_bc",
    "B_dtree_bc_eq",
    "B_dtree_bc_ml",
    "C_rf_digits",
    "C_rf_digits_ml",
    "D_xgb_bc",
    "D_xgb_bc_ml",
    "D2_xgb_digits",
    "D2_xgb_digits_ml",
    "E_mlp_digits",
];

fn path(file: String) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/models").join(file)
}

#[test]
fn every_bundled_model_proves_and_verifies_on_real_samples() {
    for name in MODELS {
        let onnx = std::fs::read(path(format!("{name}.onnx"))).expect("the model is bundled");
        let samples = samples::load(&path(format!("{name}.npz")), &ports(&onnx).expect("the file is ONNX"))
            .expect("the samples are bundled");
        let inputs = samples.inputs.clone();
        let options = Options { calibration: Some(samples), ..Options::default() };
        let compiled = compile_onnx(&onnx, &options).expect("the model compiles");
        let key = ProvingKey::new(compiled.model).expect("the model has a relation");
        for input in inputs.into_iter().take(3) {
            let context = ProofContext::default();
            let proof = prove(&key, &input, &context).expect("the model runs");
            let statement = Statement { input, output: proof.output.clone(), context };
            key.verifying().verify(&statement, &proof.bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        assert!(key.verifying().budget().total_bits >= 100, "{name}");
    }
}
