//! Normalised rows against their floats.

use crate::support::{Onnx, calibrated, float, int, numbers, raw, run};
use ciro_compile::Compiled;
use ciro_compile::samples::Samples;
use ciro_execution::execute;
use ciro_graph::render::render;
use ciro_graph::{Op, RawInput, RawTensor};

const EPSILON: f32 = 1e-5;

/// A row that deviates by about `size`, around a mean of a quarter of that.
fn row(width: usize, size: f32, seed: usize) -> Vec<f32> {
    (0..width).map(|i| size * (((i * 7 + seed * 5) % 11) as f32 * 0.3 - 1.25)).collect()
}

fn gamma(i: usize) -> f32 {
    0.5 + (i % 4) as f32 / 4.0
}

/// Sizes of as many rows as tell something of others.
fn alike() -> Vec<f32> {
    (0..16).map(|i| 1.0 + i as f32 / 15.0).collect()
}

/// A normalisation of rows, calibrated on rows that deviate by these sizes.
fn normalisation(width: usize, sizes: &[f32]) -> Compiled {
    let inputs = sizes.iter().enumerate().map(|(seed, &size)| raw(&row(width, size, seed))).collect();
    calibrated(&layer(width).bytes(), Samples { inputs, expected: None })
}

fn layer(width: usize) -> Onnx {
    let gammas: Vec<f32> = (0..width).map(gamma).collect();
    Onnx::new(width as i64)
        .constant("gamma", &[width as i64], &gammas)
        .constant("beta", &[width as i64], &vec![0.25; width])
        .node("LayerNormalization x gamma beta -> y", vec![int("axis", -1), float("epsilon", EPSILON)])
        .outputs(&["y"])
}

fn normalised(x: &[f32]) -> Vec<f64> {
    let mean_of = |of: &dyn Fn(f64) -> f64| x.iter().map(|&v| of(f64::from(v))).sum::<f64>() / x.len() as f64;
    let mean = mean_of(&|v| v);
    let deviation = (mean_of(&|v| (v - mean).powi(2)) + f64::from(EPSILON)).sqrt();
    let y = |(i, &v): (usize, &f32)| (f64::from(v) - mean) / deviation * f64::from(gamma(i)) + 0.25;
    x.iter().enumerate().map(y).collect()
}

/// Whether each element is divided, and not each row.
fn divides_elements(compiled: &Compiled, width: usize) -> bool {
    let divides = |node: &ciro_graph::Node| matches!(node.op, Op::Quotient { .. }) && node.len() == width as u32;
    compiled.model.program.nodes.iter().any(divides)
}

/// Rows of few elements, of several blocks of all sizes, and of an odd number of blocks.
#[test]
fn rows_that_deviate_alike_are_multiplied_by_reciprocals() {
    for width in [12, 64, 72, 96, 320] {
        let compiled = normalisation(width, &alike());
        assert!(!divides_elements(&compiled, width), "{width}");
        for (size, seed) in [(1.0, 3), (1.5, 1), (1.9, 2), (0.5, 4)] {
            let x = row(width, size, seed);
            let got = numbers(&run(&compiled, &x)[0]);
            for (got, exact) in got.iter().zip(normalised(&x)) {
                assert!((got - exact).abs() < 0.02, "{width} {size}: {got} {exact}");
            }
        }
    }
}

#[test]
fn rows_that_deviate_very_differently_are_divided() {
    for width in [12, 64] {
        let compiled = normalisation(width, &[0.25, 16.0]);
        assert!(divides_elements(&compiled, width), "{width}");
        for (size, limit) in [(16.0, 0.02), (0.25, 0.2)] {
            let x = row(width, size, 1);
            let got = numbers(&run(&compiled, &x)[0]);
            for (got, exact) in got.iter().zip(normalised(&x)) {
                assert!((got - exact).abs() < limit, "{width} {size}: {got} {exact}");
            }
        }
    }
}

/// Few samples or none tell too little; where a mean drowns the deviations, one reciprocal for all of a row would move it.
#[test]
fn rows_that_are_not_known_well_are_divided() {
    assert!(divides_elements(&normalisation(64, &alike()[..15]), 64));
    assert!(divides_elements(&layer(64).compile_within(4.0), 64));
    let far = |seed: usize| row(64, 1.0, seed).iter().map(|x| x + 64.0).collect::<Vec<f32>>();
    let inputs = (0..16).map(|seed| raw(&far(seed))).collect();
    let compiled = calibrated(&layer(64).bytes(), Samples { inputs, expected: None });
    assert!(divides_elements(&compiled, 64));
    let x = far(3);
    for (got, exact) in numbers(&run(&compiled, &x)[0]).iter().zip(normalised(&x)) {
        assert!((got - exact).abs() < 0.1, "{got} {exact}");
    }
}

#[test]
fn a_row_that_deviates_much_less_than_all_samples_is_refused() {
    let compiled = normalisation(64, &alike());
    let runs = |size: f32| execute(&compiled.model, &raw(&row(64, size, 1))).map(|_| ());
    assert!(runs(0.3).is_ok());
    let refused = runs(0.15).expect_err("a quotient beyond what is declared");
    assert!(refused.to_string().contains("expected"), "{refused}");
}

/// As Flax spells it, along the positions of four channels. The factor belongs to the deviation, and a difference of squares is kept from
/// being negative.
fn flax() -> Onnx {
    Onnx::of(&[1, 24, 4])
        .int_constant("axis", &[1], &[1])
        .constant("n", &[], &[1.0 / 24.0])
        .constant("zero", &[], &[0.0])
        .constant("eps", &[], &[EPSILON])
        .constant("gamma", &[1, 24, 1], &(0..24).map(gamma).collect::<Vec<f32>>())
        .constant("beta", &[1, 24, 1], &[0.25; 24])
        .node("ReduceSum x axis -> s", vec![int("keepdims", 1)])
        .node("Mul s n -> mean", vec![])
        .node("Mul x x -> xx", vec![])
        .node("ReduceSum xx axis -> ss", vec![int("keepdims", 1)])
        .node("Mul ss n -> square", vec![])
        .node("Mul mean mean -> mm", vec![])
        .node("Sub square mm -> v", vec![])
        .node("Max zero v -> positive", vec![])
        .node("Add positive eps -> ve", vec![])
        .node("Sqrt ve -> root", vec![])
        .node("Reciprocal root -> inverse", vec![])
        .node("Mul inverse gamma -> k", vec![])
}

/// What spellings of [`flax`] make of a sample, against each channel normalised.
fn check_spelling(spelt: &Onnx) {
    let sample = |seed: usize| -> Vec<f32> {
        let channels: Vec<Vec<f32>> = (0..4).map(|c| row(24, 1.0 + c as f32 / 4.0, seed + c)).collect();
        (0..96).map(|i| channels[i % 4][i / 4]).collect()
    };
    let raw = |seed: usize| RawInput(vec![RawTensor { shape: vec![1, 24, 4], bits: bits(&sample(seed)) }]);
    let compiled = calibrated(&spelt.bytes(), Samples { inputs: (0..16).map(raw).collect(), expected: None });
    let is_root = |node: &ciro_graph::Node| matches!(node.op, Op::Isqrt { .. });
    assert!(compiled.model.program.nodes.iter().any(is_root), "it is a normalisation");
    let run = execute(&compiled.model, &raw(3)).unwrap();
    let rendered = render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
    let got = numbers(&rendered[0].values);
    for c in 0..4 {
        let channel: Vec<f32> = sample(3).into_iter().skip(c).step_by(4).collect();
        for (i, exact) in normalised(&channel).into_iter().enumerate() {
            assert!((got[i * 4 + c] - exact).abs() < 0.02, "{c} {i}: {} {exact}", got[i * 4 + c]);
        }
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn a_factor_that_belongs_to_the_deviation_is_one_of_the_result() {
    let spelt = flax().node("Sub x mean -> c", vec![]).node("Mul c k -> z", vec![]);
    check_spelling(&spelt.node("Add z beta -> y", vec![]).outputs(&["y"]));
}

#[test]
fn a_mean_that_is_taken_off_in_the_offset_is_one_of_the_value() {
    let spelt = flax().node("Mul x k -> xk", vec![]).node("Mul mean k -> mk", vec![]);
    check_spelling(&spelt.node("Sub beta mk -> o", vec![]).node("Add xk o -> y", vec![]).outputs(&["y"]));
}
