//! The bundled models, trained on real data: compiled, proven and verified from their files.

use ciro_auditor::{ProofContext, Statement};
use ciro_compile::compile::ports_with;
use ciro_compile::{Options, compile_model, samples};
use ciro_graph::Profile;
use ciro_prover::{ProvingKey, prove};
use std::path::Path;

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

/// Boosters in their libraries' own files, and forests that exporters wrap in operators: some of their samples have missing values.
const BOOSTERS: [&str; 13] = [
    "native/xgb_regression.json",
    "native/xgb_binary.json",
    "native/xgb_softmax.json",
    "native/xgb_forest.ubj",
    "native/lgb_binary.txt",
    "native/lgb_multiclass.json",
    "native/lgb_ova.txt",
    "native/lgb_forest.txt",
    "isolation_forest_bc.onnx",
    "hist_boosting_missing_bc.onnx",
    "xgboost_missing_bc.onnx",
    "imputed_boosting_missing_bc.onnx",
    "imputed_mlp_wine.onnx",
];

/// Pipelines whose features are prepared: encoded, in bins, normalised, projected.
const PREPARED: [&str; 12] = [
    "encoded_logreg_people.onnx",
    "encoded_mlp_people.onnx",
    "encoded_forest_people.onnx",
    "encoded_boosting_people.onnx",
    "binned_logreg_people.onnx",
    "binned_tree_wine.onnx",
    "binarized_logreg_wine.onnx",
    "imputed_encoded_logreg_people.onnx",
    "imputed_encoded_forest_people.onnx",
    "normalized_forest_iris.onnx",
    "pca_boosting_wine.onnx",
    "sgd_wine.onnx",
];

/// Networks: recurrent layers, a decoder with a cache, an encoder whose mask and dimensions are the user's, and what converters of Keras
/// and Flax write.
const NETWORKS: [&str; 8] = [
    "crates/proof/compile/tests/fixtures/exported/attention_flax.onnx",
    "crates/proof/compile/tests/fixtures/exported/cnn_flax.onnx",
    "crates/proof/compile/tests/fixtures/exported/cnn_keras.onnx",
    "crates/proof/compile/tests/fixtures/exported/lstm_keras.onnx",
    "vectors/models/L_lstm_mini.onnx",
    "vectors/models/L_gru_mini.onnx",
    "vectors/models/M_llama_step_mini.onnx",
    "crates/proof/compile/tests/fixtures/exported/J_minilm_published.onnx",
];

/// A contract takes so many field elements of 31 bytes.
const CONTRACT_FELTS: usize = 5_000;

/// Compiles a model file, and proves and verifies it on the first of the samples that lie next to it. Returns the bytes of the longest proof.
fn prove_and_verify(file: &Path, profile: Profile) -> usize {
    let name = file.display();
    let model = std::fs::read(file).expect("the model is there");
    let dims = [("batch_size", 1), ("sequence_length", 16)].map(|(name, size)| (name.to_string(), size)).to_vec();
    let ports = ports_with(&model, &dims).expect("the file is a model");
    let samples = samples::load(&file.with_extension("npz"), &ports).expect("so are its samples");
    let inputs = samples.inputs.clone();
    let options = Options { calibration: Some(samples), dims, profile, ..Options::default() };
    let compiled = compile_model(&model, &options).expect("the model compiles");
    let key = ProvingKey::new(compiled.model).expect("the model has a relation");
    let mut longest = 0;
    for input in inputs.into_iter().take(3) {
        let context = ProofContext::default();
        let proof = prove(&key, &input, &context).expect("the model runs");
        let statement = Statement::public(input, proof.output.clone(), context);
        key.verifying().verify(&statement, &proof.bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        longest = longest.max(proof.bytes.len());
    }
    assert!(key.verifying().budget().total_bits >= 100, "{name}");
    longest
}

#[test]
fn every_bundled_model_proves_and_verifies_on_real_samples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/models");
    MODELS.iter().for_each(|name| _ = prove_and_verify(&folder.join(format!("{name}.onnx")), Profile::Native));
}

#[test]
fn proofs_for_contracts_are_short_up_to_a_small_network() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/models");
    for name in ["A_logreg_bc", "C_rf_digits", "D_xgb_bc", "E_mlp_digits", "F_lenet_digits"] {
        let file = folder.join(format!("{name}.onnx"));
        let [native, chain] = [Profile::Native, Profile::Chain].map(|profile| prove_and_verify(&file, profile));
        assert!(chain <= CONTRACT_FELTS * 31 && chain < native, "{name}: {chain} bytes, {native} natively");
    }
}

#[test]
fn recurrent_networks_and_decoders_prove_and_verify() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    NETWORKS.iter().for_each(|path| _ = prove_and_verify(&root.join(path), Profile::Native));
}

#[test]
fn pipelines_that_prepare_their_features_prove_and_verify() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compile/tests/fixtures");
    PREPARED.iter().for_each(|file| _ = prove_and_verify(&folder.join(file), Profile::Native));
}

#[test]
fn boosters_prove_and_verify_with_missing_values_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compile/tests/fixtures");
    BOOSTERS.iter().for_each(|file| _ = prove_and_verify(&folder.join(file), Profile::Native));
}
