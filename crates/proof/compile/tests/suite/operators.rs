//! Operators one by one, as `fixtures/operators/generate.py` draws them, against the answers that onnxruntime gave.

use crate::networks::check_in;
use crate::support::{Onnx, fixtures, numbers, run};
use ciro_compile::onnx::proto::{DimensionProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto};
use ciro_compile::{CompileError, Compiled, Options, compile_onnx};

/// Holds each model's largest deviation, relative to the largest answer, against a limit. A limit of 2e-2 is a hundredth of the spread
/// where answers lie on both sides of zero.
fn check(limit: f64, names: &[&str]) {
    let dir = fixtures().join("operators");
    names.iter().for_each(|name| check_in(&dir, name, limit, false));
}

#[test]
fn elements_at_constant_positions() {
    check(1e-3, &["gather_elements", "gather_elements_rows", "scatter_elements", "channel_shuffle", "patches"]);
    check(2e-3, &["scatter_nd_slices", "scatter_nd_box", "scatter_nd_added"]);
}

#[test]
fn images_read_between_their_elements() {
    check(4e-3, &["grid_sample", "grid_sample_border", "grid_sample_reflected"]);
}

#[test]
fn channels_divided_by_their_neighbours() {
    check(5e-3, &["local_response"]);
}

#[test]
fn attention_of_opset_23() {
    check(
        2e-2,
        &[
            "attention",
            "attention_causal",
            "attention_shared_masked",
            "attention_padded",
            "attention_blind",
            "attention_of_rows",
        ],
    );
    check(5e-3, &["rotary", "rotary_interleaved", "rotary_of_a_part", "rms_normalization"]);
}

#[test]
fn branches_and_loops() {
    check(1e-2, &["if_by_the_input", "loop_of_four_trips", "clip_below_the_largest"]);
}

#[test]
fn sequences_of_which_not_all_positions_count() {
    check(2e-2, &["gru_of_some_positions"]);
}

#[test]
fn quiet_bins_of_a_spectrum_keep_their_digits() {
    check(3e-2, &["magnitudes_of_quiet_bins"]);
}

#[test]
fn integers_of_eight_bits() {
    check(2e-2, &["qdq_layer", "qlinear_conv", "qlinear_matmul"]);
}

fn port(name: &str, kind: i32, dims: &[Option<i64>], called: &str) -> ValueInfoProto {
    let dim = |&value: &Option<i64>| DimensionProto {
        dim_value: value,
        dim_param: value.is_none().then(|| called.to_string()).filter(|name| !name.is_empty()),
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = TensorTypeProto { elem_type: Some(kind), shape: Some(shape) };
    ValueInfoProto { name: Some(name.into()), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

fn with_inputs(onnx: Onnx, inputs: Vec<ValueInfoProto>) -> Onnx {
    onnx.edit(|model| model.graph.as_mut().unwrap().input = inputs)
}

fn compiled(onnx: &Onnx, dims: &[(&str, u32)]) -> Result<Compiled, CompileError> {
    let dims = dims.iter().map(|(name, size)| ((*name).to_string(), *size)).collect();
    compile_onnx(&onnx.bytes(), &Options { dims, ..Options::default() })
}

#[test]
fn open_dimensions_are_given_by_name_or_by_place() {
    let tanh = || Onnx::new(2).node("Tanh x -> y", vec![]).outputs(&["y"]);
    for called in ["", "?", "rows"] {
        let onnx = with_inputs(tanh(), vec![port("x", 1, &[Some(1), None, Some(3)], called)]);
        let name = if called == "rows" { "rows" } else { "x[1]" };
        assert!(compiled(&onnx, &[]).unwrap_err().to_string().contains(&format!("dimension 1 ({name:?})")));
        for given in [name, "x[1]"] {
            assert_eq!(compiled(&onnx, &[(given, 5)]).unwrap().model.program.inputs[0].shape, [1, 5, 3]);
        }
    }
    // What the batch is called is one everywhere.
    let sum = Onnx::new(2).node("Tanh x -> t", vec![]).node("Add t h -> y", vec![]).outputs(&["y"]);
    let ports = vec![port("x", 1, &[None, Some(3)], "batch"), port("h", 1, &[Some(2), None, Some(3)], "batch")];
    let program = compiled(&with_inputs(sum, ports), &[]).unwrap().model.program;
    assert_eq!(program.inputs.iter().map(|input| input.shape.clone()).collect::<Vec<_>>(), [vec![1, 3], vec![2, 1, 3]]);
}

#[test]
fn an_input_that_is_one_whole_number_may_be_given_for_ever() {
    let onnx = Onnx::new(2)
        .int_constant("high", &[], &[16_000])
        .constant("two", &[], &[2.0])
        .constant("three", &[], &[3.0])
        .node("Tanh x -> t", vec![])
        .node("Equal rate high -> is_high", vec![])
        .node("Where is_high two three -> factor", vec![])
        .node("Mul t factor -> y", vec![])
        .outputs(&["y"]);
    let onnx = with_inputs(onnx, vec![port("x", 1, &[Some(1), Some(2)], ""), port("rate", 7, &[], "")]);
    for (rate, factor) in [(16_000, 2.0f64), (8_000, 3.0)] {
        let compiled = compiled(&onnx, &[("rate", rate)]).unwrap();
        assert_eq!(compiled.model.program.inputs.len(), 1);
        assert!(compiled.notes.iter().any(|note| note.contains(&rate.to_string())), "{:?}", compiled.notes);
        let y = numbers(&run(&compiled, &[0.5, -1.0])[0]);
        assert!((y[0] - factor * 0.5f64.tanh()).abs() < 0.05, "{y:?}");
    }
}
