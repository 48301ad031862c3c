//! The largest elements of rows beside layers, and what is picked at their positions.

use crate::support::{Onnx, int, numbers};
use ciro_compile::samples::Samples;
use ciro_compile::{Options, compile_onnx};
use ciro_execution::execute;
use ciro_graph::render::render;
use ciro_graph::{RawInput, RawTensor};

const ROWS: usize = 5;
const WIDTH: usize = 8;

/// Numbers of a sample, far enough apart that rounding does not change their order.
fn sample(seed: usize) -> Vec<f32> {
    (0..ROWS * WIDTH).map(|i| ((i * 7 + i / WIDTH * 3 + seed * 5) % 11) as f32 / 4.0 - 1.0).collect()
}

fn raw(seed: usize) -> RawInput {
    let bits = sample(seed).iter().map(|v| v.to_bits()).collect();
    RawInput(vec![RawTensor { shape: vec![1, ROWS as u32, WIDTH as u32], bits }])
}

/// Rows after a layer that leaves them as they are.
fn rows() -> Onnx {
    let identity: Vec<f32> = (0..WIDTH * WIDTH).map(|i| f32::from(i % (WIDTH + 1) == 0)).collect();
    Onnx::of(&[1, ROWS as i64, WIDTH as i64])
        .constant("w", &[WIDTH as i64, WIDTH as i64], &identity)
        .int_constant("k", &[1], &[3])
        .node("MatMul x w -> h", vec![])
}

/// The outputs of one sample.
fn outputs(onnx: &Onnx, seed: usize) -> Vec<Vec<f64>> {
    let samples = Samples { inputs: (0..12).map(raw).collect(), expected: None };
    let compiled = compile_onnx(&onnx.bytes(), &Options { calibration: Some(samples), ..Options::default() }).unwrap();
    let run = execute(&compiled.model, &raw(seed)).unwrap();
    let rendered = render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
    rendered.iter().map(|output| numbers(&output.values)).collect()
}

/// Positions in order of their numbers, the first of equal ones first.
fn order(row: &[f32], largest: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| if largest { row[b].total_cmp(&row[a]) } else { row[a].total_cmp(&row[b]) });
    order
}

#[test]
fn the_largest_and_the_smallest_of_each_row() {
    for largest in [true, false] {
        let onnx = rows().node("TopK h k -> values at", vec![int("largest", i64::from(largest))]);
        for seed in 0..4 {
            let [values, at] = outputs(&onnx.clone().outputs(&["values", "at"]), seed).try_into().unwrap();
            for (r, row) in sample(seed).chunks_exact(WIDTH).enumerate() {
                for (i, place) in order(row, largest).into_iter().take(3).enumerate() {
                    assert!((at[r * 3 + i] - place as f64).abs() < 1e-6, "{largest} {seed} {r} {i}: {row:?} {at:?}");
                    assert!((values[r * 3 + i] - f64::from(row[place])).abs() < 0.02);
                }
            }
        }
    }
}

#[test]
fn elements_of_a_row_that_is_one_number_come_in_their_order() {
    let onnx = rows().node("TopK h k -> values at", vec![]).outputs(&["at"]);
    let samples = Samples { inputs: (0..12).map(raw).collect(), expected: None };
    let compiled = compile_onnx(&onnx.bytes(), &Options { calibration: Some(samples), ..Options::default() }).unwrap();
    let bits = vec![1.0f32.to_bits(); ROWS * WIDTH];
    let input = RawInput(vec![RawTensor { shape: vec![1, ROWS as u32, WIDTH as u32], bits }]);
    let run = execute(&compiled.model, &input).unwrap();
    let rendered = render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
    for at in numbers(&rendered[0].values).chunks_exact(3) {
        assert!(at.iter().zip([0.0, 1.0, 2.0]).all(|(got, wanted)| (got - wanted).abs() < 1e-6), "{at:?}");
    }
}

#[test]
fn elements_and_rows_at_the_positions_of_the_largest() {
    let picked = rows().node("ArgMax h -> at", vec![int("axis", 2), int("keepdims", 1)]);
    let picked = picked.node("GatherElements x at -> y", vec![int("axis", 2)]).outputs(&["y"]);
    let first = rows().int_constant("first", &[1], &[0]).node("Gather h first -> column", vec![int("axis", 2)]);
    let first = first.node("ArgMax column -> at", vec![int("axis", 1), int("keepdims", 0)]);
    let first = first.node("Gather x at -> y", vec![int("axis", 1)]).outputs(&["y"]);
    for seed in 0..4 {
        let x = sample(seed);
        let largest = outputs(&picked, seed).remove(0);
        for (row, got) in x.chunks_exact(WIDTH).zip(&largest) {
            assert!((got - f64::from(row[order(row, true)[0]])).abs() < 0.02, "{row:?} {got}");
        }
        let column: Vec<f32> = x.iter().copied().step_by(WIDTH).collect();
        let row = &x[order(&column, true)[0] * WIDTH..][..WIDTH];
        for (got, want) in outputs(&first, seed).remove(0).iter().zip(row) {
            assert!((got - f64::from(*want)).abs() < 0.02, "{row:?} {got}");
        }
    }
}

/// One row is read as several are: of constants or of the input, at positions that count from its end or its beginning.
#[test]
fn a_single_row_is_read_at_computed_positions() {
    let count = ROWS * WIDTH;
    let constants: Vec<f32> = (0..count).map(|i| i as f32 / 8.0).collect();
    for of_constants in [false, true] {
        // The first of the two positions counts from the end, or both from the beginning.
        for at in ["places", "turned"] {
            let onnx = Onnx::of(&[1, ROWS as i64, WIDTH as i64])
                .constant("c", &[1, count as i64], &constants)
                .int_constant("k", &[1], &[2])
                .int_constant("end", &[1, 2], &[count as i64, 0])
                .node("Flatten x -> row", vec![])
                .node("TopK row k -> values places", vec![])
                .node("Sub places end -> turned", vec![]);
            let list = if of_constants { "c" } else { "row" };
            let onnx = onnx.node(&format!("GatherElements {list} {at} -> found"), vec![int("axis", 1)]);
            let onnx = onnx.node("Relu found -> y", vec![]).outputs(&["y"]);
            for seed in 0..4 {
                let row = sample(seed);
                let found = outputs(&onnx, seed).remove(0);
                for (got, place) in found.into_iter().zip(order(&row, true)) {
                    let wanted = f64::from(if of_constants { constants[place] } else { row[place] }.max(0.0));
                    assert!((got - wanted).abs() < 0.03, "{list} {at} {seed}: {got} {wanted}");
                }
            }
        }
    }
}
