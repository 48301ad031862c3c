//! Inputs that a compiled model refuses are named as their users name them, and the hint leads to a model that takes them.

use crate::support::{Onnx, floats, int, raw};
use ciro_compile::refusal::{Refusal, sift};
use ciro_compile::samples::Samples;
use ciro_compile::{Compiled, Options, Signature, compile_model};
use ciro_execution::Fault;
use ciro_execution::{ExecError, execute};
use ciro_graph::{Column, Interval, RawInput, RawTensor};

/// y = x₀ + 2·x₁, as ai.onnx.ml has it.
fn weighted() -> Onnx {
    let weights = vec![floats("coefficients", &[1.0, 2.0]), floats("intercepts", &[0.0]), int("targets", 1)];
    Onnx::new(2).node("ml.LinearRegressor x -> y", weights).outputs(&["y"])
}

fn with_columns(range: Option<f64>, rows: &[[f32; 2]]) -> Compiled {
    let column = |name: &str| Column { name: name.into(), ..Column::default() };
    let signature = Signature { columns: vec![column("age"), column("income")], ..Signature::default() };
    let inputs = rows.iter().map(|row| raw(row)).collect();
    let calibration = Some(Samples { inputs, expected: None });
    compile_model(&weighted().bytes(), &Options { calibration, signature, input_range: range, ..Options::default() })
        .unwrap()
}

fn refusal(compiled: &Compiled, input: &RawInput) -> Refusal {
    let error = execute(&compiled.model, input).expect_err("an input that is refused");
    Refusal::of(&compiled.model.program, &error).expect("the input is what is wrong")
}

#[test]
fn a_feature_is_named_by_its_column_with_its_range_and_what_widens_it() {
    let rows = [[1.0, -3.0], [2.0, 4.0], [0.5, 1.0]];
    let compiled = with_columns(None, &rows);
    let far = raw(&[1.0, 70_000.0]);
    let Refusal { reason, hint } = refusal(&compiled, &far);
    assert!(reason.starts_with("column \"income\": expected a number from -"), "{reason}");
    assert!(reason.ends_with(", got 70000"), "{reason}");

    // Both ways that the hint names lead to a model that takes it.
    let range = hint.split("--input-range ").nth(1).and_then(|rest| rest.split(' ').next());
    let range: f64 = range.and_then(|range| range.parse().ok()).unwrap_or_else(|| panic!("{hint}"));
    assert!(hint.starts_with("compile with calibration samples like this one"), "{hint}");
    assert!(execute(&with_columns(Some(range), &rows).model, &far).is_ok());
    assert!(execute(&with_columns(None, &[rows[0], [1.0, 70_000.0]]).model, &far).is_ok());
}

#[test]
fn a_missing_value_is_named_and_no_range_is_offered() {
    let refused = refusal(&with_columns(None, &[[1.0, 2.0]]), &raw(&[f32::NAN, 1.0]));
    assert_eq!(refused.reason, "column \"age\": expected a number, got NaN");
    assert!(refused.hint.contains("imputer") && !refused.hint.contains("--input-range"), "{}", refused.hint);
}

#[test]
fn an_id_without_a_row_is_told_which_there_are() {
    let onnx = Onnx::of(&[1, 2]).constant("rows", &[3, 2], &[0.5, 1.0, -1.0, 2.0, 0.25, 3.0]);
    let onnx = onnx.node("Gather rows x -> y", vec![]).outputs(&["y"]).edit(|model| {
        let input = model.graph.as_mut().and_then(|graph| graph.input[0].r#type.as_mut());
        input.and_then(|input| input.tensor_type.as_mut()).expect("an input").elem_type = Some(7);
    });
    let compiled = onnx.compile().unwrap();
    let ids = |ids: [f32; 2]| RawInput(vec![RawTensor { shape: vec![1, 2], bits: ids.map(f32::to_bits).to_vec() }]);
    assert!(execute(&compiled.model, &ids([2.0, 0.0])).is_ok());
    let Refusal { reason, hint } = refusal(&compiled, &ids([0.0, 3.0]));
    assert_eq!(reason, "input \"x\", element 1: expected a number from 0 to 2, got 3");
    assert_eq!(hint, "the model has rows for the ids 0 to 2 and no others: give one of these");
}

#[test]
fn a_value_inside_is_told_by_how_much_it_is_beyond_the_samples() {
    let compiled = with_columns(None, &[[1.0, 2.0]]);
    let expected = Interval { lo: -512, hi: 511 };
    let fault = |got| ExecError::Node { node: 3, op: "Narrow", fault: Fault::Uncalibrated { index: 7, expected, got } };
    let reason = |got| Refusal::of(&compiled.model.program, &fault(got)).expect("the input is what is wrong").reason;
    assert_eq!(
        reason(-768),
        format!(
            "a value inside is 1.50 times as large as what the model was calibrated for \
             (node 3, Narrow, element 7: expected a number in {expected}, got -768)"
        )
    );
    assert!(reason(1022).contains(" 2.00 times as large"));
    let broken = ExecError::Node { node: 3, op: "Narrow", fault: Fault::Overflow { index: 0 } };
    assert_eq!(Refusal::of(&compiled.model.program, &broken), None, "no input is to blame for a malformed program");
}

#[test]
fn the_samples_of_a_batch_are_sifted_one_by_one() {
    let compiled = with_columns(None, &[[1.0, 2.0]]);
    let samples = [raw(&[1.0, 1.0]), raw(&[f32::NAN, 1.0]), raw(&[0.5, 0.0]), raw(&[1e9, 1.0])];
    let sifted = sift(&compiled.model, &samples).unwrap();
    assert_eq!(sifted.taken, [0, 2]);
    assert_eq!(sifted.refused.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 3]);
    assert!(sift(&compiled.model, &[raw(&[1.0])]).is_err(), "another shape is no refusal");
}
