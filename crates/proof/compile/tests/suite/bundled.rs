//! The bundled models against the answers that onnxruntime gave.

use crate::support::compiled;

/// Largest deviation allowed from onnxruntime's stored answers; its class has to be met on every sample.
fn check(name: &str, limit: f64) {
    let report = compiled(name).report.expect("samples were given");
    let expected = report.expected.expect("the samples carry answers");
    eprintln!("{name}: max {:.2e}, mean {:.2e}", expected.max_deviation, expected.mean_deviation);
    assert_eq!(report.samples, 32);
    assert!(expected.max_deviation <= limit, "{name}: {expected:?}");
    assert!(expected.same_class.is_none_or(|part| part >= 1.0), "{name}: {expected:?}");
    assert!(report.outputs.iter().all(|output| output.same_class.is_none_or(|part| part >= 1.0)), "{name}");
}

#[test]
fn logistic_regression() {
    check("A_logreg_bc", 1e-5);
    check("A_logreg_bc_ml", 1e-5);
}

#[test]
fn linear_regression() {
    check("A2_linreg_diabetes", 5e-6);
}

#[test]
fn trees() {
    check("B_dtree_bc_ml", 1e-7);
    check("C_rf_digits_ml", 1e-6);
    check("D_xgb_bc_ml", 5e-6);
    check("D2_xgb_digits_ml", 5e-6);
}

#[test]
fn mlp() {
    check("E_mlp_digits", 1e-3);
}
