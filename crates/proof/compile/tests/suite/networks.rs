//! Networks of tensors against the answers that onnxruntime gave.

use crate::cost::estimate;
use crate::support::{Onnx, bundled, calibrated, fixtures, numbers, raw, stored, stored_with};
use ciro_compile::samples::Samples;
use ciro_compile::{Options, Precision, compile_onnx};
use ciro_execution::Fault;
use ciro_execution::{ExecError, execute};
use ciro_graph::render::render;
use ciro_graph::{Op, RawInput, RawTensor};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Compiles a model and holds its largest deviation from onnxruntime's stored answers against a limit. Both are relative to the largest
/// answer. Every sample has to get the same class, unless the answers are no classes.
fn check(name: &str, limit: f64, classes: bool) {
    check_in(&bundled(), name, limit, classes);
}

pub(crate) fn check_in(dir: &Path, name: &str, limit: f64, classes: bool) {
    let (onnx, samples) = stored(dir, name);
    let expected = samples.expected.clone().expect("the samples carry answers");
    let size = expected.values.iter().fold(0.0f64, |size, v| size.max(f64::from(v.abs())));
    let report = calibrated(&onnx, samples).report.expect("samples were given");
    let got = report.expected.first().expect("the samples carry answers");
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
fn recurrent_networks() {
    check("L_lstm_mini", 8e-3, true);
    check("L_gru_mini", 8e-3, true);
}

#[test]
fn an_unrolled_layer_does_not_commit_its_weights_anew_for_each_position() {
    let (onnx, samples) = stored(&bundled(), "L_lstm_mini");
    let program = calibrated(&onnx, samples).model.program;
    let state = [16, 4 * 16];
    let products = program.nodes.iter().filter(|node| match node.op {
        Op::Linear { weight, .. } => program.constants[weight.0 as usize].shape == state,
        _ => false,
    });
    // Sixteen positions in two directions; the first has no state yet.
    assert_eq!(products.count(), 2 * 15);
    // Once per direction; a second time where the first state, which is narrower, is held more finely than the others.
    let copies = program.constants.iter().filter(|constant| constant.shape == state).count();
    assert!((2..=4).contains(&copies), "{copies}");
}

#[test]
fn a_decoders_step_reads_a_cache_and_hands_it_on() {
    check("M_llama_step_mini", 2e-2, true);
    let (onnx, samples) = stored(&bundled(), "M_llama_step_mini");
    let report = calibrated(&onnx, samples.clone()).report.unwrap();
    let names: Vec<&str> = report.outputs.iter().map(|output| output.name.as_str()).collect();
    let present = ["present.0.key", "present.0.value", "present.1.key", "present.1.value"];
    assert_eq!(names, [&present[..], &["logits"]].concat());
    // Keys and values are normal numbers of about one.
    assert!(report.outputs.iter().all(|output| output.max_deviation < 0.05), "{:?}", report.outputs);
}

fn published() -> (Vec<u8>, Samples, Options) {
    let dims = vec![("batch_size".to_string(), 1), ("sequence_length".to_string(), 16)];
    let (onnx, samples) = stored_with(&fixtures().join("exported"), "J_minilm_published", &dims);
    let options = Options { calibration: Some(samples.clone()), dims, ..Options::default() };
    (onnx, samples, options)
}

#[test]
fn a_published_encoder_takes_masks_and_named_dimensions() {
    let (onnx, samples, options) = published();
    let open = compile_onnx(&onnx, &Options { dims: vec![], ..options.clone() }).unwrap_err();
    assert!(open.to_string().contains("sequence_length"), "{open}");
    let expected = samples.expected.unwrap();
    let size = expected.values.iter().fold(0.0f64, |size, v| size.max(f64::from(v.abs())));
    let report = compile_onnx(&onnx, &options).unwrap().report.unwrap();
    let got = report.expected.first().unwrap();
    assert!(got.max_deviation < 1e-2 * size, "{got:?} of {size}");
}

#[test]
fn what_a_mask_hides_changes_nothing() {
    let (onnx, samples, options) = published();
    let model = compile_onnx(&onnx, &options).unwrap().model;
    let padded = samples.inputs.iter().find(|input| input.0[1].bits.contains(&0)).expect("a padded sentence");
    let shown = padded.0[1].bits.iter().filter(|&&bits| bits != 0).count();
    let mut other = padded.clone();
    other.0[0].bits[shown..].fill(7f32.to_bits());
    assert_ne!(padded.0[0].bits, other.0[0].bits);
    let answer = |input| execute(&model, input).unwrap().outputs(&model.program).0[0][..shown * 32].to_vec();
    assert_eq!(answer(padded), answer(&other));
    // With the mask lifted, the same words count.
    let lifted = |mut input: RawInput| {
        input.0[1].bits.fill(1f32.to_bits());
        input
    };
    assert_ne!(answer(&lifted(padded.clone())), answer(&lifted(other.clone())));
}

#[test]
fn what_exporters_write() {
    let dir = fixtures().join("exported");
    for (name, limit) in [
        ("attention_flax", 1e-2),
        ("bert_dynamo", 1e-2),
        ("bert_legacy", 1e-2),
        ("channels_last", 5e-3),
        ("choices_legacy", 1e-2),
        ("cnn_flax", 1e-2),
        ("cnn_keras", 1e-2),
        ("gpt2_dynamo", 2e-2),
        ("llama_legacy", 2e-2),
        ("lstm_keras", 1.5e-2),
        ("llama_step_dynamo", 3e-2),
        ("patches_dynamo", 3e-2),
        ("patches_legacy", 3e-2),
        ("recurrent_dynamo", 1e-2),
        ("segmenter_dynamo", 1e-2),
        ("segmenter_legacy", 1e-2),
        ("volumes_legacy", 1e-2),
    ] {
        check_in(&dir, name, limit, false);
    }
}

#[test]
fn without_samples_a_network_runs_on_random_scales_and_says_so() {
    let (onnx, samples) = stored(&bundled(), "F_lenet_digits");
    let compiled = compile_onnx(&onnx, &Options { input_range: Some(1.0), ..Options::default() }).unwrap();
    assert_eq!(compiled.report, None);
    assert!(compiled.notes.iter().any(|note| note.contains("random inputs")), "{:?}", compiled.notes);
    for input in &samples.inputs {
        execute(&compiled.model, input).unwrap();
    }
}

#[test]
fn precision_is_bought_with_wider_tables() {
    for name in ["F_lenet_digits", "G2_transformer_gelu"] {
        let [fast, balanced, exact] = [Precision::Fast, Precision::Balanced, Precision::Exact].map(|precision| {
            let (onnx, samples) = stored(&bundled(), name);
            let options = Options { calibration: Some(samples), precision, ..Options::default() };
            let compiled = compile_onnx(&onnx, &options).unwrap();
            let told = format!("precision {precision}: values have up to 1");
            assert!(compiled.notes.iter().any(|note| note.starts_with(&told)), "{:?}", compiled.notes);
            let deviation = compiled.report.expect("samples were given").outputs[0].mean_deviation;
            (deviation, estimate(&compiled.model).rows)
        });
        assert!(exact.0 < balanced.0 && balanced.0 < fast.0, "{name}: {fast:?} {balanced:?} {exact:?}");
        // LeNet has no functions to tabulate.
        let has_tables = name == "G2_transformer_gelu";
        assert!(!has_tables || exact.1 > balanced.1 && balanced.1 >= fast.1, "{name}: {fast:?} {balanced:?} {exact:?}");
    }
}

/// Calibrated on quiet inputs, a network takes inputs twice as loud. When it refuses one, it says which value is beyond what it was
/// calibrated for.
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
    // The answers were given to louder samples.
    let quiet = Samples { inputs: louder(1.0 / 64.0), expected: None };
    let options = Options { calibration: Some(quiet), input_range: Some(1.0), ..Options::default() };
    let compiled = compile_onnx(&onnx, &options).unwrap();
    for input in louder(1.0 / 32.0) {
        ciro_execution::execute(&compiled.model, &input).unwrap();
    }
    let refused = louder(1.0).iter().find_map(|input| ciro_execution::execute(&compiled.model, input).err());
    let ExecError::Node { op, fault: Fault::Uncalibrated { expected, got, .. }, .. } = refused.expect("too loud")
    else {
        panic!("another refusal")
    };
    assert!(op == "Rectify" && !expected.has(got), "{op}: {got} in {expected}");
}

/// Functions that grow faster than their argument, or whose samples lie where they are small: whatever input is accepted is
/// answered as it should be. Results beyond those that samples show were once cut off.
#[test]
fn no_result_of_a_function_is_cut_off() {
    type Function = (&'static str, fn(f64) -> f64);
    let functions: [Function; 7] = [
        ("Pow x two -> y", |v| v * v),
        ("Pow x three -> y", |v| v * v * v),
        ("Exp x -> y", f64::exp),
        ("Sigmoid x -> y", |v| 1.0 / (1.0 + (-v).exp())),
        ("Elu x -> y", |v| if v > 0.0 { v } else { v.exp() - 1.0 }),
        ("Softplus x -> y", |v| v.exp().ln_1p()),
        ("HardSwish x -> y", |v| v * (v + 3.0).clamp(0.0, 6.0) / 6.0),
    ];
    let seen = [(-0.5, 0.6), (-6.0, 0.1), (-5.0, -3.0), (0.2, 2.0)];
    for ((node, function), (lo, hi)) in functions.into_iter().flat_map(|f| seen.map(|s| (f, s))) {
        let onnx = Onnx::new(1).constant("two", &[], &[2.0]).constant("three", &[], &[3.0]);
        let bytes = onnx.node(node, vec![]).outputs(&["y"]).bytes();
        let at = |i: usize| lo + (hi - lo) * (i as f32) / 63.0;
        let inputs = (0..64).map(|i| raw(&[at(i)])).collect();
        let calibration = Some(Samples { inputs, expected: None });
        let options = Options { calibration, tolerance: Some(0.1), ..Options::default() };
        let compiled = compile_onnx(&bytes, &options).unwrap_or_else(|e| panic!("{node} in {lo}..{hi}: {e}"));
        let size = (0..64).map(|i| function(f64::from(at(i))).abs()).fold(0.0, f64::max);
        let mut answered = 0;
        for v in (-400..=400).map(|i| i as f32 / 40.0) {
            let Ok(run) = execute(&compiled.model, &raw(&[v])) else { continue };
            let outputs = render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
            let (got, wanted) = (numbers(&outputs[0].values)[0], function(f64::from(v)));
            // Beside the rounding of results, that of an argument where the function is steepest.
            let rounding = 0.01 * size.max(wanted.abs()) + 0.01 * f64::from(v.abs());
            assert!((got - wanted).abs() <= rounding, "{node} in {lo}..{hi} at {v}: expected {wanted}, got {got}");
            answered += 1;
        }
        assert!(answered as f32 >= 40.0 * (hi - lo), "{node} in {lo}..{hi}: {answered} answers");
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
    execute(&compiled.model, &first).unwrap();
    let report = compiled.report.unwrap();
    let expected = report.expected.first().unwrap_or(&report.outputs[0]);
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
