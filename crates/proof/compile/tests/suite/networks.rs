//! Networks of tensors against the answers that onnxruntime gave.

use crate::cost::estimate;
use crate::support::{bundled, calibrated, stored};
use std::path::{Path, PathBuf};
use std::time::Instant;

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
    let _ = bundled;
}
