//! Networks of tensors against the answers that onnxruntime gave.

use crate::cost::estimate;
use crate::support::{bundled, calibrated, stored};
use ciro_compile::{Options, compile_onnx};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Compiles a model and holds its largest deviation from onnxruntime's stored answers, relative to the largest answer,
/// against a limit; every sample has to get the same class, unless the answers are no classes.
fn check(name: &str, limit: f64, classes: bool) {
    let (onnx, samples) = stored(&bundled(), name);
    let expected = samples.expected.clone().expect("the samples carry answers");
    let size = expected.values.iter().fold(0.0f64, |size, v| size.max(f64::from(v.abs())));
    let report = calibrated(&onnx, samples).report.expect("samples were given");
    let got = report.expected.expect("the samples carry answers");
    eprintln!("{name}: max {:.2e}, mean {:.2e} of {size:.1}", got.max_deviation, got.mean_deviation);
    assert!(got.max_deviation <= limit * size, "{name}: {got:?}");
    assert!(!classes || got.same_class.is_none_or(|part| part >= 1.0), "{name}: {got:?}");
    // The float reference is the compiler's own; onnxruntime agrees with it to float32's precision.
    let own = &report.outputs.last().expect("an output").max_deviation;
    assert!((own - got.max_deviation).abs() < 1e-4 * size, "{name}: {own} {got:?}");
}

#[test]
fn convolutions() {
    check("F_lenet_digits", 5e-3, true);
    check("H_resnet20_digits", 5e-3, true);
    check("I_resnet_mini", 4e-2, true);
}

#[test]
fn transformers() {
    check("G_transformer_digits", 8e-3, true);
    check("G2_transformer_gelu", 8e-3, true);
    check("J_minilm_mini", 5e-3, false);
    check("K_gpt2_mini", 2e-2, true);
}

#[test]
fn without_samples_a_network_runs_on_random_scales_and_says_so() {
    let (onnx, samples) = stored(&bundled(), "F_lenet_digits");
    let compiled = compile_onnx(&onnx, &Options { input_range: Some(1.0), ..Options::default() }).unwrap();
    assert_eq!(compiled.report, None);
    assert!(compiled.notes.iter().any(|note| note.contains("random inputs")), "{:?}", compiled.notes);
    for input in &samples.inputs {
        ciro_graph::execute(&compiled.model, input).unwrap();
    }
}

/// Every model of the folder that `CIRO_MODELS` names (or those named in `CIRO_ONLY`): accuracy, cost and time on stderr.
#[test]
#[ignore = "prints what models elsewhere cost and how exact they are"]
fn models_elsewhere() {
    let dir = PathBuf::from(std::env::var("CIRO_MODELS").expect("a folder"));
    for name in std::env::var("CIRO_ONLY").expect("names, separated by commas").split(',') {
        describe(&dir, name);
    }
}

fn describe(dir: &Path, name: &str) {
    let (onnx, samples) = stored(dir, name);
    let first = samples.inputs[0].clone();
    let start = Instant::now();
    let compiled = calibrated(&onnx, samples);
    let compiled_in = start.elapsed();
    let start = Instant::now();
    ciro_graph::execute(&compiled.model, &first).unwrap();
    let report = compiled.report.unwrap();
    let expected = report.expected.as_ref().unwrap_or(&report.outputs[0]);
    eprintln!(
        "{name}: max {:.2e} mean {:.2e} same class {:?}; {:?}, limbs {}; compiled in {compiled_in:.1?}, run in {:.1?}",
        expected.max_deviation,
        expected.mean_deviation,
        expected.same_class,
        estimate(&compiled.model),
        compiled.model.program.limb_bits,
        start.elapsed()
    );
    eprintln!("  float reference: {:.2e}", report.outputs.last().unwrap().max_deviation);
    if std::env::var("CIRO_STEPS").is_ok() {
        for operator in &report.operators {
            let relative = operator.max_deviation / operator.max_magnitude;
            eprintln!("  {relative:.1e} of {:9.3} {} {}", operator.max_magnitude, operator.operator, operator.node);
        }
    }
    if std::env::var("CIRO_NODES").is_ok() {
        for (i, node) in compiled.model.program.nodes.iter().enumerate() {
            let text = format!("{:?}", node.op);
            eprintln!("  {i} {:?} [{}, {}] {}", node.shape, node.lo, node.hi, &text[..text.len().min(110)]);
        }
    }
}
