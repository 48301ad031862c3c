//! Trained models against the answers that onnxruntime gave.

use crate::support::{bundled, calibrated, fixtures, stored};
use ciro_compile::{Options, compile_onnx};
use std::path::Path;

/// Checks the largest deviation from onnxruntime's stored answers, and that every sample gets the same class. Returns the
/// deviation.
fn check(dir: &Path, name: &str, limit: f64) {
    let (onnx, samples) = stored(dir, name);
    let count = samples.inputs.len();
    let report = calibrated(&onnx, samples).report.expect("samples were given");
    let expected = report.expected.expect("the samples carry answers");
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
            ciro_graph::execute(&compiled.model, input).unwrap();
        }
    }
}
