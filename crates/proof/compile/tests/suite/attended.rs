//! Attention of opset 24: keys of which only some count.

use crate::support::{Onnx, int, numbers};
use ciro_compile::onnx::proto::{DimensionProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto};
use ciro_compile::samples::Samples;
use ciro_compile::{Options, compile_onnx};
use ciro_execution::execute;
use ciro_graph::render::render;
use ciro_graph::{RawInput, RawTensor};

const POSITIONS: usize = 6;
const SIZE: usize = 4;

/// Numbers from −1 to 1 that differ.
fn sample(seed: u32) -> Vec<f32> {
    let number = |i: u32| ((i + seed * 977).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    (0..(POSITIONS * SIZE) as u32).map(number).collect()
}

fn raw(seed: u32, count: usize) -> RawInput {
    let x = RawTensor {
        shape: vec![1, POSITIONS as u32, SIZE as u32],
        bits: sample(seed).iter().map(|v| (v * 3.0).to_bits()).collect(),
    };
    RawInput(vec![x, RawTensor { shape: vec![1], bits: vec![(count as f32).to_bits()] }])
}

/// Attention of x to itself, with an input that says how many keys count.
fn attention(is_causal: bool) -> Onnx {
    let shape = TensorShapeProto { dim: vec![DimensionProto { dim_value: Some(1), dim_param: None }] };
    let tensor = TensorTypeProto { elem_type: Some(7), shape: Some(shape) };
    let count = ValueInfoProto { name: Some("n".into()), r#type: Some(TypeProto { tensor_type: Some(tensor) }) };
    let heads = [int("q_num_heads", 1), int("kv_num_heads", 1), int("is_causal", i64::from(is_causal))];
    Onnx::of(&[1, POSITIONS as i64, SIZE as i64])
        .edit(|model| {
            model.graph.as_mut().unwrap().input.push(count);
            model.opset_import[0].version = Some(24);
        })
        .node("Attention x x x -> y", heads.to_vec())
        .edit(|model| {
            let inputs = &mut model.graph.as_mut().unwrap().node[0].input;
            inputs.extend(["", "", ""].map(String::from));
            inputs.push("n".into());
        })
        .outputs(&["y"])
}

/// What each query gets of the keys that it sees; nothing, if it sees none.
fn attended(x: &[f32], count: usize, is_causal: bool) -> Vec<f64> {
    let row = |i: usize| x[i * SIZE..][..SIZE].iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let mut result = Vec::new();
    for query in 0..POSITIONS {
        let last = if is_causal { (query + count + 1).saturating_sub(POSITIONS) } else { count };
        let score =
            |key: usize| row(query).iter().zip(row(key)).map(|(a, b)| a * b).sum::<f64>() / (SIZE as f64).sqrt();
        let powers: Vec<f64> = (0..last).map(|key| score(key).exp()).collect();
        let sum: f64 = powers.iter().sum();
        let element = |i: usize| (0..last).map(|key| powers[key] / sum * row(key)[i]).sum::<f64>();
        result.extend((0..SIZE).map(element));
    }
    result
}

#[test]
fn keys_beyond_the_number_that_counts_are_not_seen() {
    for is_causal in [false, true] {
        let inputs = (0..24).map(|seed| raw(seed, 2 + seed as usize % 5)).collect();
        let options = Options { calibration: Some(Samples { inputs, expected: None }), ..Options::default() };
        let compiled = compile_onnx(&attention(is_causal).bytes(), &options).unwrap();
        for count in 2..=POSITIONS {
            let run = execute(&compiled.model, &raw(7, count)).unwrap();
            let rendered = render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
            let x: Vec<f32> = sample(7).iter().map(|v| v * 3.0).collect();
            for (got, wanted) in numbers(&rendered[0].values).iter().zip(attended(&x, count, is_causal)) {
                assert!((got - wanted).abs() < 0.03, "{is_causal} {count}: {got} {wanted}");
            }
        }
    }
}

/// Zeros have no size to choose a scale by.
#[test]
fn what_is_always_zero_can_be_weighed_and_divided() {
    let rows: Vec<f32> = sample(3)[..16].to_vec();
    for middle in [&["Softmax x -> p", "MatMul p zero -> m"][..], &["Exp x -> e", "Div zero e -> m"]] {
        let zero = Onnx::of(&[1, 4, 4]).node("Sub x x -> none", vec![]).node("Sin none -> zero", vec![]);
        let model = middle.iter().fold(zero, |onnx, step| onnx.node(step, vec![]));
        let compiled = model.node("Add m x -> y", vec![]).outputs(&["y"]).compile_within(1.0);
        let input =
            RawInput(vec![RawTensor { shape: vec![1, 4, 4], bits: rows.iter().map(|v| v.to_bits()).collect() }]);
        let run = execute(&compiled.model, &input).unwrap();
        let rendered = render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
        for (got, &wanted) in numbers(&rendered[0].values).iter().zip(&rows) {
            assert!((got - f64::from(wanted)).abs() < 0.01, "{middle:?}: {got} {wanted}");
        }
    }
}
