//! Trained models against the answers that onnxruntime gave.

use crate::support::{bundled, calibrated, fixtures, run, stored};
use ciro_compile::{Options, compile_onnx};
use ciro_graph::render::Cell;
use std::path::Path;

/// Checks the largest deviation from onnxruntime's stored answers, and that every sample gets the same class. Returns the
/// deviation.
fn check(dir: &Path, name: &str, limit: f64) {
    let (onnx, samples) = stored(dir, name);
    let count = samples.inputs.len();
    let report = calibrated(&onnx, samples).report.expect("samples were given");
    let expected = report.expected.first().expect("the samples carry answers");
    eprintln!("{name}: max {:.2e}, mean {:.2e}", expected.max_deviation, expected.mean_deviation);
    assert_eq!(report.samples, count);
    assert!(expected.max_deviation <= limit, "{name}: {expected:?}");
    assert!(expected.same_class.is_none_or(|part| part >= 1.0), "{name}: {expected:?}");
    assert!(report.outputs.iter().all(|output| output.same_class.is_none_or(|part| part >= 1.0)), "{name}");
}

#[test]
fn logistic_regression() {
    check(&bundled(), "A_logreg_bc", 1e-5);
    check(&bundled(), "A_logreg_bc_ml", 1e-5);
    check(&fixtures(), "scaled_logreg_wine", 2e-5);
    check(&fixtures(), "normalized_logreg_iris", 1e-4);
}

#[test]
fn linear_regression() {
    check(&bundled(), "A2_linreg_diabetes", 5e-6);
}

#[test]
fn linear_classifiers_without_probabilities() {
    // One of its features has a long tail, for which there is room: 1.2e-4 is eight millionths of the spread.
    check(&fixtures(), "scaled_svc_bc", 2e-4);
    check(&fixtures(), "ridge_classes_bc", 1e-3);
    for (name, labels) in [
        ("scaled_svc_bc", [Cell::Int(0), Cell::Int(1)]),
        ("ridge_classes_bc", ["benign", "malignant"].map(|label| Cell::Text(label.into()))),
    ] {
        let (onnx, samples) = stored(&fixtures(), name);
        let compiled = calibrated(&onnx, samples.clone());
        let mut seen = [false; 2];
        for (i, input) in samples.inputs.iter().enumerate() {
            let x: Vec<f32> = input.0[0].bits.iter().map(|&b| f32::from_bits(b)).collect();
            let score = samples.expected.as_ref().and_then(|e| e.row(i)).unwrap()[0];
            let class = usize::from(score > 0.0);
            assert_eq!(run(&compiled, &x)[0], labels[class..=class], "{name}: {score}");
            seen[class] = true;
        }
        assert_eq!(seen, [true; 2], "{name}: samples of both classes");
    }
}

#[test]
fn trees() {
    check(&bundled(), "B_dtree_bc_ml", 1e-7);
    check(&bundled(), "B_dtree_bc", 1e-7);
    check(&bundled(), "B_dtree_bc_eq", 1e-7);
    check(&bundled(), "C_rf_digits", 1e-6);
    check(&bundled(), "D_xgb_bc", 5e-6);
    check(&bundled(), "D2_xgb_digits", 5e-6);
    check(&bundled(), "C_rf_digits_ml", 1e-6);
    check(&bundled(), "D_xgb_bc_ml", 5e-6);
    check(&bundled(), "D2_xgb_digits_ml", 5e-6);
    check(&fixtures(), "boosting_wine", 5e-6);
    check(&fixtures(), "forest_diabetes", 1e-4);
}

#[test]
fn trees_after_scaling_branch_as_the_scaled_floats_do() {
    check(&fixtures(), "scaled_tree_bc", 1e-7);
    check(&fixtures(), "minmax_extra_trees_iris", 1e-6);
}

#[test]
fn encoders_bins_and_what_reads_them() {
    check(&fixtures(), "encoded_logreg_people", 2e-5);
    check(&fixtures(), "encoded_mlp_people", 1e-4);
    check(&fixtures(), "binned_logreg_people", 2e-5);
    check(&fixtures(), "binarized_logreg_wine", 2e-5);
    check(&fixtures(), "encoded_forest_people", 1e-6);
    check(&fixtures(), "encoded_boosting_people", 5e-6);
    check(&fixtures(), "binned_tree_wine", 1e-7);
    check(&fixtures(), "imputed_encoded_logreg_people", 2e-5);
    check(&fixtures(), "imputed_encoded_forest_people", 1e-6);
}

/// Models of models, and what is computed around them, against the estimators themselves.
#[test]
fn several_models_in_one_graph() {
    check(&fixtures(), "voting_wine", 1e-5);
    check(&fixtures(), "adaboost_bc", 1e-5);
    check(&fixtures(), "adaboost_wine", 1e-5);
    check(&fixtures(), "stacking_wine", 1e-4);
    check(&fixtures(), "two_answers_bc", 2e-5);
}

#[test]
fn kernels_and_neighbours() {
    check(&fixtures(), "kernels_diabetes", 2e-2);
    check(&fixtures(), "kernels_wine", 1e-3);
    check(&fixtures(), "one_against_all_wine", 2e-5);
    check(&fixtures(), "neighbours_diabetes", 1e-3);
}

#[test]
fn squares_and_products_of_features() {
    check(&fixtures(), "gaussian_nb_wine", 1e-3);
    check(&fixtures(), "products_diabetes", 5e-2);
}

#[test]
fn trees_on_what_the_model_computes() {
    check(&fixtures(), "normalized_forest_iris", 1e-6);
    check(&fixtures(), "pca_boosting_wine", 5e-6);
}

#[test]
fn other_scalers_and_linear_models() {
    check(&fixtures(), "pca_ridge_diabetes", 1e-3);
    check(&fixtures(), "maxabs_lasso_diabetes", 1e-3);
    check(&fixtures(), "robust_svr_diabetes", 1e-3);
    check(&fixtures(), "minmax_logreg_wine", 2e-5);
    check(&fixtures(), "sgd_bc", 1e-4);
    check(&fixtures(), "sgd_wine", 1e-3);
}

#[test]
fn boosters_take_missing_values() {
    check(&fixtures(), "hist_boosting_missing_bc", 5e-6);
    check(&fixtures(), "xgboost_missing_bc", 5e-6);
    check(&fixtures(), "lightgbm_missing_wine", 5e-6);
    check(&fixtures(), "imputed_boosting_missing_bc", 5e-6);
}

#[test]
fn an_imputer_before_arithmetic_fills_in_what_is_missing() {
    check(&fixtures(), "imputed_ridge_diabetes", 2e-3);
    check(&fixtures(), "imputed_mlp_wine", 1e-4);
    let (onnx, samples) = stored(&fixtures(), "imputed_ridge_diabetes");
    let missing = |input: &&ciro_graph::RawInput| input.0[0].bits.iter().any(|&b| f32::from_bits(b).is_nan());
    let holes = samples.inputs.iter().filter(missing).count();
    assert!((1..samples.inputs.len()).contains(&holes), "{holes} samples with missing values");
    // Without samples, the constants that are filled in are within reach too.
    let compiled = compile_onnx(&onnx, &Options::default()).unwrap();
    let with_holes = samples.inputs.iter().find(missing).unwrap();
    ciro_execution::execute(&compiled.model, with_holes).unwrap();
}

#[test]
fn an_isolation_forest_is_one_forest_whose_label_is_the_sign_of_its_score() {
    check(&fixtures(), "isolation_forest_bc", 1e-5);
    let (onnx, samples) = stored(&fixtures(), "isolation_forest_bc");
    let compiled = calibrated(&onnx, samples.clone());
    let is_forest = |node: &&ciro_graph::Node| matches!(node.op, ciro_graph::Op::Trees { .. });
    assert_eq!(compiled.model.program.nodes.iter().filter(is_forest).count(), 1);
    let mut labels = std::collections::BTreeSet::new();
    for (i, input) in samples.inputs.iter().enumerate() {
        let x: Vec<f32> = input.0[0].bits.iter().map(|&b| f32::from_bits(b)).collect();
        let score = samples.expected.as_ref().and_then(|e| e.row(i)).unwrap()[0];
        let label = if score < 0.0 { -1 } else { 1 };
        assert_eq!(run(&compiled, &x)[0], [Cell::Int(label)], "{score}");
        labels.insert(label);
    }
    assert_eq!(labels.len(), 2, "samples of both classes");
}

#[test]
fn networks() {
    check(&bundled(), "E_mlp_digits", 1e-3);
    check(&fixtures(), "scaled_mlp_wine", 1e-4);
}

#[test]
fn a_model_that_scales_its_inputs_itself_needs_no_samples() {
    for name in ["scaled_logreg_wine", "scaled_mlp_wine"] {
        let (onnx, samples) = stored(&fixtures(), name);
        let compiled = compile_onnx(&onnx, &Options::default()).unwrap();
        assert_eq!(compiled.report, None);
        assert!(compiled.notes.iter().any(|note| note.contains("calibration samples")), "{:?}", compiled.notes);
        for input in &samples.inputs {
            ciro_execution::execute(&compiled.model, input).unwrap();
        }
    }
}
