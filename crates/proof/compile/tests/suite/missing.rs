//! A missing value is computed with as the model does, or refused; it never becomes a number that the model does not have.

use crate::support::{Onnx, float, floats, int, ints, numbers, raw, run, stump};
use ciro_compile::onnx::proto::AttributeProto;
use ciro_compile::{CompileError, Compiled, Options, compile_onnx};
use ciro_execution::execute;

/// Two features apart, as `a` and `b`, of which the first is imputed: `i`.
fn imputed() -> Onnx {
    Onnx::new(2)
        .int_constant("first", &[1], &[0])
        .int_constant("second", &[1], &[1])
        .node("ml.ArrayFeatureExtractor x first -> a", vec![])
        .node("ml.ArrayFeatureExtractor x second -> b", vec![])
        .node(
            "ml.Imputer a -> i",
            vec![floats("imputed_value_floats", &[3.0]), float("replaced_value_float", f32::NAN)],
        )
}

/// A tree of one split of the only feature, which takes missing values for low ones: 1 below, 2 above.
fn tracking_stump(threshold: f32) -> Vec<AttributeProto> {
    let tracks = ints("nodes_missing_value_tracks_true", &[1, 0, 0]);
    stump(0, threshold).into_iter().chain([tracks]).collect()
}

fn compiled_within(onnx: &Onnx, range: f64) -> Result<Compiled, CompileError> {
    compile_onnx(&onnx.bytes(), &Options { input_range: Some(range), ..Options::default() })
}

#[test]
fn what_is_revealed_as_it_came_is_not_missing() {
    let alone = imputed().outputs(&["i"]).compile().unwrap();
    assert_eq!(numbers(&run(&alone, &[f32::NAN, f32::NAN])[0]), [3.0]);
    for outputs in [&["y"][..], &["y", "b"], &["y", "a"], &["y", "x"]] {
        let compiled = imputed().node("Concat i b -> y", vec![int("axis", 1)]).outputs(outputs).compile().unwrap();
        assert_eq!(numbers(&run(&compiled, &[1.0, -2.0])[0]), [1.0, -2.0]);
        assert!(execute(&compiled.model, &raw(&[1.0, f32::NAN])).is_err(), "{outputs:?}");
    }
}

#[test]
fn a_split_below_all_numbers_is_refused_where_missing_ones_go_below_it() {
    let model =
        |threshold| imputed().node("ml.TreeEnsembleRegressor b -> t", tracking_stump(threshold)).outputs(&["i", "t"]);
    let within = compiled_within(&model(-50.0), 64.0).unwrap();
    for (x, expected) in [(f32::NAN, 1.0), (-64.0, 1.0), (-50.0, 1.0), (-49.0, 2.0)] {
        assert_eq!(numbers(&run(&within, &[1.0, x])[1]), [expected], "{x}");
    }
    // The number −64 lies above the threshold, a missing value below it.
    for threshold in [-64.1, -500.0] {
        let error = compiled_within(&model(threshold), 64.0).unwrap_err();
        assert!(error.to_string().contains("below all numbers"), "{error}");
        assert!(error.hint().unwrap().contains("a larger span"));
    }
    // An imputer in front sends a missing value where its number goes.
    let tree = imputed().node("ml.TreeEnsembleRegressor i -> t", tracking_stump(-500.0)).outputs(&["i", "t"]);
    assert_eq!(numbers(&run(&compiled_within(&tree, 64.0).unwrap(), &[f32::NAN, 0.0])[1]), [2.0]);
}

#[test]
fn a_comparison_below_all_numbers_is_refused_where_values_may_be_missing() {
    let model = |constant: f32| {
        let onnx = imputed().constant("c", &[1, 1], &[constant]).node("Greater b c -> g", vec![]);
        onnx.node("Cast g -> t", vec![int("to", 1)]).outputs(&["i", "t"])
    };
    let within = compiled_within(&model(-50.0), 64.0).unwrap();
    for (x, expected) in [(f32::NAN, 0.0), (-50.0, 0.0), (-49.0, 1.0)] {
        assert_eq!(numbers(&run(&within, &[1.0, x])[1]), [expected], "{x}");
    }
    let error = compiled_within(&model(-500.0), 64.0).unwrap_err();
    assert!(error.to_string().contains("below all numbers"), "{error}");
}

#[test]
fn a_missing_value_times_zero_is_not_zero() {
    let onnx = imputed().constant("zero", &[1], &[0.0]).constant("one", &[1], &[1.0]);
    let onnx = onnx.node("Mul b zero -> z", vec![]).node("Add z one -> o", vec![]).node("Add i o -> y", vec![]);
    let compiled = onnx.outputs(&["y"]).compile().unwrap();
    assert_eq!(numbers(&run(&compiled, &[1.5, 7.0])[0]), [2.5]);
    assert!(execute(&compiled.model, &raw(&[1.5, f32::NAN])).is_err());
    assert!(compiled.notes.iter().any(|note| note.contains("give it no infinite values")), "{:?}", compiled.notes);
}
