//! Types that networks are fed with, integers of eight bits inside, and what is compared where there are no samples.

use crate::support::{Onnx, int, numbers};
use ciro_compile::onnx::proto::{ModelProto, TensorProto};
use ciro_compile::samples::Samples;
use ciro_compile::{CompileError, Compiled, Options, compile_onnx};
use ciro_execution::execute;
use ciro_graph::render::render;
use ciro_graph::{RawInput, RawTensor};

const WIDTH: usize = 12;
const OUTPUTS: usize = 5;
/// ONNX's numbers of its types.
const FLOAT16: i32 = 10;
const WHOLE: [(i32, f32); 4] = [(7, 500.0), (6, 60.0), (2, 255.0), (9, 1.0)];

/// Numbers from −1 to 1 that differ.
fn varied(n: usize, seed: u32) -> Vec<f32> {
    (0..n as u32).map(|i| ((i + seed * 977).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn raw(x: &[f32]) -> RawInput {
    RawInput(vec![RawTensor { shape: vec![1, x.len() as u32], bits: x.iter().map(|v| v.to_bits()).collect() }])
}

fn first_output(compiled: &Compiled, x: &[f32]) -> Vec<f64> {
    let run = execute(&compiled.model, &raw(x)).unwrap();
    let rendered = render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
    numbers(&rendered[0].values)
}

fn with_type(onnx: Onnx, elem_type: i32) -> Onnx {
    onnx.edit(|model| {
        let input = &mut model.graph.as_mut().unwrap().input[0];
        input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = Some(elem_type);
    })
}

/// A layer of what is fed, and what it gives.
fn layer(elem_type: i32) -> Onnx {
    let onnx = Onnx::new(WIDTH as i64)
        .constant("w", &[WIDTH as i64, OUTPUTS as i64], &varied(WIDTH * OUTPUTS, 1))
        .node("Cast x -> number", vec![int("to", 1)])
        .node("MatMul number w -> h", vec![])
        .node("Tanh h -> y", vec![])
        .outputs(&["h"]);
    with_type(onnx, elem_type)
}

fn exact(x: &[f32]) -> Vec<f64> {
    let w = varied(WIDTH * OUTPUTS, 1);
    let sum = |j: usize| x.iter().enumerate().map(|(i, &v)| f64::from(v) * f64::from(w[i * OUTPUTS + j])).sum();
    (0..OUTPUTS).map(sum).collect()
}

#[test]
fn whole_numbers_truths_and_halves_are_fed_as_what_they_are() {
    let samples = |largest: f32, whole: bool, seed: u32| -> Vec<f32> {
        let number =
            |v: f32| if whole { ((v + 1.0) / 2.0 * (largest + 0.99)).floor().min(largest) } else { v * largest };
        varied(WIDTH, seed).into_iter().map(number).collect()
    };
    for (elem_type, largest, whole) in
        WHOLE.map(|(elem_type, largest)| (elem_type, largest, true)).into_iter().chain([(FLOAT16, 4.0, false)])
    {
        let inputs = (0..64).map(|seed| raw(&samples(largest, whole, seed))).collect();
        let options = Options { calibration: Some(Samples { inputs, expected: None }), ..Options::default() };
        let compiled = compile_onnx(&layer(elem_type).bytes(), &options).unwrap();
        for seed in 100..300 {
            let x = samples(if whole { largest } else { largest * 0.99 }, whole, seed);
            for (got, wanted) in first_output(&compiled, &x).iter().zip(exact(&x)) {
                assert!((got - wanted).abs() <= 0.005 * f64::from(largest), "{elem_type} {seed}: {got} {wanted}");
            }
        }
    }
}

/// Adds the zero point of signed integers.
fn zero(model: &mut ModelProto) {
    let zero = TensorProto { name: Some("zero".into()), data_type: Some(3), int32_data: vec![0], ..Default::default() };
    model.graph.as_mut().unwrap().initializer.push(zero);
}

/// A layer between integers of eight bits, as QDQ models have it: what it gives in units.
fn quantized() -> Onnx {
    let weights: Vec<f32> = varied(WIDTH * OUTPUTS, 1).iter().map(|w| (w * 127.0).round() / 100.0).collect();
    Onnx::new(WIDTH as i64)
        .constant("w", &[WIDTH as i64, OUTPUTS as i64], &weights)
        .constant("sx", &[], &[0.007])
        .constant("sy", &[], &[0.041])
        .edit(zero)
        .node("QuantizeLinear x sx zero -> q", vec![])
        .node("DequantizeLinear q sx zero -> d", vec![])
        .node("MatMul d w -> h", vec![])
        .node("QuantizeLinear h sy zero -> y", vec![])
        .outputs(&["y"])
}

#[test]
fn integers_of_eight_bits_are_those_that_exact_sums_round_to() {
    let inputs = (0..64).map(|seed| raw(&varied(WIDTH, seed))).collect();
    let options = Options { calibration: Some(Samples { inputs, expected: None }), ..Options::default() };
    let compiled = compile_onnx(&quantized().bytes(), &options).unwrap();
    let w: Vec<f64> = varied(WIDTH * OUTPUTS, 1).iter().map(|w| f64::from((w * 127.0).round() / 100.0)).collect();
    let mut others = 0;
    for seed in 100..400 {
        let x = varied(WIDTH, seed);
        let units: Vec<f64> = x.iter().map(|v| f64::from(v / 0.007).round_ties_even().clamp(-128.0, 127.0)).collect();
        let got = first_output(&compiled, &x);
        for j in 0..OUTPUTS {
            let sum: f64 = units.iter().enumerate().map(|(i, q)| q * 0.007 * w[i * OUTPUTS + j]).sum();
            let wanted = (sum / 0.041).round_ties_even().clamp(-128.0, 127.0);
            assert!((got[j] - wanted).abs() < 1.5, "{seed} {j}: {} {wanted}", got[j]);
            others += usize::from((got[j] - wanted).abs() > 0.5);
        }
    }
    assert!(others <= 3, "{others} of 1500 lie on another side of a rounding edge");
}

/// Of what is saturated nearly everywhere, a table has too few arguments where it is not.
#[test]
fn a_steep_curve_is_rounded_to_the_integers_next_to_it() {
    const SCALE: f64 = 0.0149;
    let onnx = Onnx::new(8)
        .constant("six", &[], &[6.0])
        .constant("s", &[], &[SCALE as f32])
        .edit(zero)
        .node("Pow x six -> p", vec![])
        .node("QuantizeLinear p s zero -> q", vec![])
        .node("DequantizeLinear q s zero -> y", vec![])
        .outputs(&["y"]);
    let inputs = (0..64).map(|seed| raw(&varied(8, seed).iter().map(|v| v * 10.0).collect::<Vec<f32>>())).collect();
    let options = Options { calibration: Some(Samples { inputs, expected: None }), ..Options::default() };
    let compiled = compile_onnx(&onnx.bytes(), &options).unwrap();
    let mut others = 0;
    for i in 0..300 {
        let x: Vec<f32> = (0..8).map(|j| (i * 8 + j) as f32 * 0.001 - 1.2).collect();
        for (got, v) in first_output(&compiled, &x).iter().zip(&x) {
            let wanted = (f64::from(*v).powi(6) / SCALE).round_ties_even().min(127.0);
            assert!((got / SCALE - wanted).abs() < 1.2, "{v}: {got} is not {wanted} of {SCALE}");
            others += usize::from((got / SCALE - wanted).abs() > 0.5);
        }
    }
    assert!(others <= 240, "{others} of 2400 lie on another side of a rounding edge");
}

/// As two exporters' quantizers in a row leave it: most numbers are saturated, and others are rounded twice.
#[test]
fn integers_of_other_integers_are_exact() {
    let scales = [0.006_824_f32, 0.013_455];
    let onnx = Onnx::new(8)
        .constant("s", &[], &scales[..1])
        .constant("t", &[], &scales[1..])
        .edit(zero)
        .node("QuantizeLinear x s zero -> q", vec![])
        .node("DequantizeLinear q s zero -> d", vec![])
        .node("QuantizeLinear d t zero -> r", vec![])
        .node("DequantizeLinear r t zero -> y", vec![])
        .outputs(&["y"]);
    let inputs = (0..64).map(|seed| raw(&varied(8, seed).iter().map(|v| v * 30.0).collect::<Vec<f32>>())).collect();
    let options = Options { calibration: Some(Samples { inputs, expected: None }), ..Options::default() };
    let compiled = compile_onnx(&onnx.bytes(), &options).unwrap();
    let [s, t] = scales.map(f64::from);
    let mut others = 0;
    for i in 0..300 {
        let x: Vec<f32> = (0..8).map(|j| (i * 8 + j) as f32 * 0.001 - 1.2).collect();
        for (got, v) in first_output(&compiled, &x).iter().zip(&x) {
            let first = (f64::from(*v) / s).round_ties_even().clamp(-128.0, 127.0);
            let wanted = (first * s / t).round_ties_even();
            assert!((got / t - wanted).abs() < 1.2, "{v}: {got} is not {wanted} of {t}");
            others += usize::from((got / t - wanted).abs() > 0.5);
        }
    }
    assert!(others <= 120, "{others} of 2400 lie on another side of a rounding edge");
}

#[test]
fn a_scale_of_its_own_is_that_of_the_largest_and_the_smallest() {
    let onnx = Onnx::new(WIDTH as i64)
        .node("DynamicQuantizeLinear x -> q s z", vec![])
        .node("DequantizeLinear q s z -> y", vec![])
        .outputs(&["y"]);
    let sized = |seed: u32| varied(WIDTH, seed).iter().map(|v| v * (1.0 + (seed % 5) as f32)).collect::<Vec<f32>>();
    let inputs = (0..64).map(|seed| raw(&sized(seed))).collect();
    let options = Options { calibration: Some(Samples { inputs, expected: None }), ..Options::default() };
    let compiled = compile_onnx(&onnx.bytes(), &options).unwrap();
    for seed in 100..300 {
        let x = sized(seed);
        let (lo, hi) = x.iter().fold((0.0f32, 0.0f32), |(lo, hi), &v| (lo.min(v), hi.max(v)));
        let scale = f64::from(hi - lo) / 255.0;
        for (got, v) in first_output(&compiled, &x).iter().zip(&x) {
            let wanted = (f64::from(*v) / scale).round() * scale;
            assert!((got - wanted).abs() <= 1.6 * scale, "{seed}: {got} {wanted} in units of {scale}");
        }
    }
}

#[test]
fn without_samples_a_network_is_compared_on_drawn_inputs() {
    let compiled = layer(1).compile().unwrap();
    assert!(compiled.notes.iter().any(|note| note.contains("drawn inputs")), "{:?}", compiled.notes);
}

#[test]
fn a_network_whose_answers_are_no_numbers_has_no_report_and_fails() {
    let undefined = Onnx::new(4)
        .constant("below", &[], &[-1.0])
        .node("Mul x x -> square", vec![])
        .node("Sub below square -> negative", vec![])
        .node("Log negative -> y", vec![])
        .outputs(&["y"]);
    let error = undefined.compile().unwrap_err();
    assert!(matches!(error, CompileError::Uncompared { .. }), "{error}");
}
