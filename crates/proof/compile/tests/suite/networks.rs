//! Networks of tensors against the answers that onnxruntime gave.

use crate::cost::estimate;
use crate::support::{bundled, calibrated, stored};
use ciro_compile::samples::Samples;
use ciro_compile::{Options, Precision, compile_onnx};
use ciro_graph::exec::Fault;
use ciro_graph::{ExecError, RawInput, RawTensor};
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

#[test]
fn precision_is_bought_with_wider_tables() {
    for name in ["F_lenet_digits", "G2_transformer_gelu"] {
        let [fast, balanced, exact] = [Precision::Fast, Precision::Balanced, Precision::Exact].map(|precision| {
            let (onnx, samples) = stored(&bundled(), name);
            let options = Options { calibration: Some(samples), precision, ..Options::default() };
            let compiled = compile_onnx(&onnx, &options).unwrap();
            let deviation = compiled.report.expect("samples were given").outputs[0].mean_deviation;
            (deviation, estimate(&compiled.model).rows)
        });
        assert!(exact.0 < balanced.0 && balanced.0 < fast.0, "{name}: {fast:?} {balanced:?} {exact:?}");
        assert!(exact.1 > balanced.1 && balanced.1 >= fast.1, "{name}: {fast:?} {balanced:?} {exact:?}");
    }
}

/// Calibrated on quiet inputs, a network takes inputs twice as loud, and says which value is beyond what it was calibrated for when it
/// refuses one.
#[test]
fn a_value_far_beyond_the_samples_is_refused_by_name() {
    let (onnx, samples) = stored(&bundled(), "F_lenet_digits");
    let louder = |factor: f32| {
        let scaled = |input: &RawInput| {
            let tensor = |t: &RawTensor| RawTensor {
                shape: t.shape.clone(),
                bits: t.bits.iter().map(|&bits| (f32::from_bits(bits) * factor).to_bits()).collect(),
            };
            RawInput(input.0.iter().map(tensor).collect())
        };
        samples.inputs.iter().map(scaled).collect::<Vec<_>>()
    };
    let quiet = Samples { inputs: louder(1.0 / 64.0), ..samples.clone() };
    let options = Options { calibration: Some(quiet), input_range: Some(1.0), ..Options::default() };
    let compiled = compile_onnx(&onnx, &options).unwrap();
    for input in louder(1.0 / 32.0) {
        ciro_graph::execute(&compiled.model, &input).unwrap();
    }
    let refused = louder(1.0).iter().find_map(|input| ciro_graph::execute(&compiled.model, input).err());
    let ExecError::Node { op, fault: Fault::Uncalibrated { expected, got, .. }, .. } = refused.expect("too loud")
    else {
        panic!("another refusal")
    };
    assert!(op == "Narrow" && !expected.has(got), "{op}: {got} in {expected}");
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
