//! A program that is not the user's model is not compiled.

use crate::support::{Onnx, bundled, int, raw, stored};
use ciro_compile::samples::{SampleProblem, Samples, load_answers, parse_answers};
use ciro_compile::tolerance::Excess;
use ciro_compile::{Answer, CompileError, Compiled, Given, Options, Tolerance, compile_onnx};
use ciro_graph::{RawInput, RawTensor};
use std::path::Path;

fn numbers(output: &str, width: usize, values: &[f64]) -> Answer {
    Answer { output: output.into(), values: Given::Numbers { width, values: values.to_vec() } }
}

fn samples(rows: &[&[f32]]) -> Samples {
    Samples { inputs: rows.iter().map(|row| raw(row)).collect(), expected: None }
}

/// `y = 2 · (x₀ + x₁)`.
fn doubled() -> Onnx {
    Onnx::new(2).constant("w", &[2, 1], &[2.0, 2.0]).node("MatMul x w -> y", vec![]).outputs(&["y"])
}

fn compile(
    onnx: &Onnx,
    calibration: Samples,
    expected: Vec<Answer>,
    tolerance: Option<f64>,
) -> Result<Compiled, CompileError> {
    compile_onnx(&onnx.bytes(), &Options { calibration: Some(calibration), expected, tolerance, ..Options::default() })
}

fn excess(error: &CompileError) -> Excess {
    match error {
        CompileError::Deviates(disagreement) => disagreement.excess,
        other => panic!("{other}"),
    }
}

const ROWS: [&[f32]; 3] = [&[1.0, 0.0], &[0.5, 0.25], &[-1.0, 3.0]];

#[test]
fn answers_of_another_model_fail_and_the_error_says_where() {
    let right = numbers("y", 1, &[2.0, 1.5, 4.0]);
    let report = compile(&doubled(), samples(&ROWS), vec![right], None).unwrap().report.unwrap();
    assert_eq!((report.expected.len(), report.tolerance), (1, Tolerance::EXACT));

    let wrong = vec![numbers("y", 1, &[2.0, 1.5, 4.5])];
    let error = compile(&doubled(), samples(&ROWS), wrong.clone(), None).unwrap_err();
    let Excess::Deviation { share, allowed } = excess(&error) else { panic!("{error}") };
    assert!((share - 0.5 / 3.0).abs() < 1e-6 && allowed <= 1e-3, "{error}");
    let text = error.to_string();
    assert!(text.contains("sample 2, output \"y\", element 0: expected 4.5 by the answers given, got 4"), "{text}");
    assert!(
        error.hint().is_some_and(|hint| hint.contains("--tolerance 0.17 (in Python tolerance=0.17) accepts it")),
        "{:?}",
        error.hint()
    );

    // What the hint says works, and the report tells.
    let accepted = compile(&doubled(), samples(&ROWS), wrong, Some(0.17)).unwrap().report.unwrap();
    assert!((accepted.tolerance.deviation - 0.17).abs() < 1e-12);
    assert!((accepted.expected[0].max_deviation - 0.5).abs() < 1e-6);
}

/// `label` is the larger of two features.
fn larger() -> Onnx {
    Onnx::new(2).node("ArgMax x -> label", vec![int("axis", 1), int("keepdims", 0)]).outputs(&["label"])
}

#[test]
fn every_decision_of_an_exact_model_counts() {
    let rows: [&[f32]; 3] = [&[1.0, 0.0], &[0.0, 1.0], &[2.0, 1.0]];
    compile(&larger(), samples(&rows), vec![numbers("label", 1, &[0.0, 1.0, 0.0])], None).unwrap();
    let error = compile(&larger(), samples(&rows), vec![numbers("label", 1, &[0.0, 1.0, 1.0])], None).unwrap_err();
    assert!(matches!(excess(&error), Excess::Decisions { count: 1, of: 3, .. }), "{error}");
    assert!(error.to_string().contains("expected 1 by the answers given, got 0"), "{error}");
    // A label that the model does not have is another one.
    let texts = Answer { output: "label".into(), values: Given::Texts(vec!["0".into(), "1".into(), "cat".into()]) };
    let error = compile(&larger(), samples(&rows), vec![texts], None).unwrap_err();
    assert!(error.to_string().contains("expected another label"), "{error}");
}

#[test]
fn answers_that_fit_nothing_are_refused() {
    let refusal = |answer| compile(&doubled(), samples(&ROWS), vec![answer], None).unwrap_err();
    for answer in [numbers("y", 1, &[1.0, 2.0]), numbers("y", 3, &[0.0; 9])] {
        let error = refusal(answer);
        assert!(matches!(error, CompileError::Answers { .. }), "{error}");
        assert!(error.hint().is_some());
    }
    let texts = Answer { output: "label".into(), values: Given::Texts(vec!["a".into(); 3]) };
    assert!(matches!(refusal(texts), CompileError::Answers { .. }));
}

#[test]
fn both_probabilities_may_be_given_where_the_model_has_that_of_the_second_class() {
    let onnx = doubled().node("Sigmoid y -> p", vec![]).outputs(&["p"]);
    let p = [2.0f64, 1.5, 4.0].map(|x| 1.0 / (1.0 + (-x).exp()));
    let both: Vec<f64> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
    let report = compile(&onnx, samples(&ROWS), vec![numbers("out", 2, &both)], None).unwrap().report.unwrap();
    assert!(report.expected[0].max_deviation < 1e-5);
}

#[test]
fn a_reference_that_is_no_number_fails() {
    let error = compile(&doubled(), samples(&ROWS), vec![numbers("y", 1, &[2.0, f64::NAN, 4.0])], None).unwrap_err();
    assert_eq!(excess(&error), Excess::Undefined);
    assert!(error.to_string().contains("sample 1"), "{error}");
    let error =
        compile(&doubled(), samples(&ROWS), vec![numbers("y", 1, &[2.0, f64::NAN, 4.0])], Some(1.0)).unwrap_err();
    assert_eq!(excess(&error), Excess::Undefined, "no tolerance accepts it");
}

#[test]
fn accuracy_is_told_on_samples_that_did_not_calibrate() {
    let (onnx, samples) = stored(&bundled(), "E_mlp_digits");
    let count = samples.inputs.len();
    let options = Options { calibration: Some(samples), ..Options::default() };
    let held = compile_onnx(&onnx, &options).unwrap().report.unwrap().held_out.expect("enough samples");
    assert_eq!((held.samples, held.refused), (count, 0), "each is left out once, and none of these is refused");
    assert!(held.outputs.iter().all(|output| output.max_deviation > 0.0), "{held:?}");
    assert!(compile(&doubled(), self::samples(&ROWS), vec![], None).unwrap().report.unwrap().held_out.is_none());
}

#[test]
fn the_report_tells_classes_and_the_positions_of_a_map() {
    // Two positions of two numbers each: the answers differ from the second one's.
    let onnx = Onnx::of(&[1, 2, 2]).constant("two", &[], &[2.0]).node("Mul x two -> y", vec![]).outputs(&["y"]);
    let rows: [[f32; 4]; 3] = [[1.0, 0.0, 0.5, 1.0], [0.0, 1.0, 1.0, 0.5], [1.0, 0.5, 0.25, 1.0]];
    let shaped = |row: &[f32; 4]| {
        RawInput(vec![RawTensor { shape: vec![1, 2, 2], bits: row.iter().map(|v| v.to_bits()).collect() }])
    };
    let samples = Samples { inputs: rows.iter().map(shaped).collect(), expected: None };
    let mut answers: Vec<f64> = rows.iter().flatten().map(|&v| f64::from(v) * 2.0).collect();
    answers[3] += 0.5;
    let report = compile(&onnx, samples, vec![numbers("y", 4, &answers)], Some(1.0)).unwrap().report.unwrap();
    let output = &report.expected[0];
    assert_eq!((output.places.len(), output.worst_place, output.worst_sample), (2, Some(1), 0));
    assert!(output.places[1] > 0.08 && output.places[0] < 0.01, "{output:?}");
    let classes: Vec<_> = output.classes.iter().map(|c| (c.class.as_str(), c.decisions, c.same)).collect();
    assert_eq!(classes, [("0", 3, 1.0), ("1", 3, 1.0)]);
    assert!(report.outputs[0].places.iter().all(|&place| place < 0.01), "against the file they are alike");
}

#[test]
fn what_only_the_samples_left_out_show_is_counted_as_refused() {
    // Every fourth sample is a thousand times larger than the others.
    let rows: Vec<Vec<f32>> = (0..32).map(|i| vec![if i % 4 == 3 { 1000.0 } else { 1.0 }, i as f32 / 32.0]).collect();
    let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let held = compile(&doubled(), samples(&rows), vec![], None).unwrap().report.unwrap().held_out.unwrap();
    assert_eq!((held.samples, held.refused), (32, 8));
    assert!((held.refusal_rate - 0.25).abs() < 1e-12 && (0.38..0.42).contains(&held.refusal_rate_at_most), "{held:?}");
    let first = held.first_refused.expect("some were");
    assert_eq!(first.sample, 3);
    assert!(
        first.reason.contains("element 0: expected a number from ") && first.reason.ends_with("got 1000"),
        "{first:?}"
    );
}

fn npy(descr: &str, shape: &str, fortran: bool, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn answers_are_read_from_numpy_and_csv() {
    let doubles: Vec<u8> = [1.0f64, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let rows = parse_answers("npy", &npy("<f8", "(2, 2)", false, &doubles)).unwrap();
    assert_eq!(rows, [numbers("y", 2, &[1.0, 2.0, 3.0, 4.0])]);
    let columns = parse_answers("npy", &npy("<f8", "(2, 2)", true, &doubles)).unwrap();
    assert_eq!(columns, [numbers("y", 2, &[1.0, 3.0, 2.0, 4.0])]);
    let letters: Vec<u8> = "good\0bad".chars().chain(['\0']).flat_map(|c| (c as u32).to_le_bytes()).collect();
    let letters = [&letters[..16], &letters[20..32], &[0; 4]].concat();
    let texts = parse_answers("npy", &npy("<U4", "(2,)", false, &letters)).unwrap();
    assert_eq!(texts[0].values, Given::Texts(vec!["good".into(), "bad".into()]));

    let csv = parse_answers("csv", b"label,p0,p1\n0,0.75,0.25\n1,0.5,0.5\n").unwrap();
    let label = Answer { output: "label".into(), values: Given::Texts(vec!["0".into(), "1".into()]) };
    assert_eq!(csv, [label, numbers("y", 2, &[0.75, 0.25, 0.5, 0.5])]);
    assert_eq!(parse_answers("csv", b"1.5\n2\n").unwrap(), [numbers("y", 1, &[1.5, 2.0])]);
    assert!(parse_answers("csv", b"1,2\n3\n").unwrap_err().to_string().contains("expected 2 columns, got 1"));
    assert!(matches!(parse_answers("json", b"{}"), Err(SampleProblem::Extension { .. })));
    assert!(load_answers(Path::new("nowhere.csv")).unwrap_err().to_string().starts_with("nowhere.csv"));
}
