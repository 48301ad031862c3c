//! Arithmetic: how far integers may be from real numbers.

use crate::support::{Onnx, floats, int, ints, numbers, run, text};
use ciro_graph::render::Cell;
use ciro_graph::{Node, Op};
use proptest::prelude::*;

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn sigmoid_stays_within_five_millionths() {
    let compiled = Onnx::new(1).node("Sigmoid x -> y", vec![]).outputs(&["y"]).compile_within(64.0);
    let mut worst = 0.0f64;
    for i in -40_000..40_000 {
        let x = i as f32 * 0.001_5;
        let got = numbers(&run(&compiled, &[x])[0])[0];
        assert!((0.0..=1.0).contains(&got));
        worst = worst.max((got - logistic(f64::from(x))).abs());
    }
    assert!(worst < 5e-6, "{worst:e}");
}

#[test]
fn small_probabilities_are_right_relative_to_themselves() {
    let compiled = Onnx::new(1).node("Sigmoid x -> y", vec![]).outputs(&["y"]).compile_within(16.0);
    for i in 0..8_000 {
        let x = 5.8 + i as f32 * 0.001;
        let small = logistic(-f64::from(x));
        let [below, above] = [-x, x].map(|x| numbers(&run(&compiled, &[x])[0])[0]);
        for got in [below, 1.0 - above] {
            assert!((got - small).abs() <= 0.006 * small, "{got:e} for {small:e} at {x}");
        }
    }
}

#[test]
fn a_sigmoid_never_falls_by_more_than_a_step() {
    let compiled = Onnx::new(1).node("Sigmoid x -> y", vec![]).outputs(&["y"]).compile_within(32.0);
    let at = |i: i32| numbers(&run(&compiled, &[i as f32 / 512.0])[0])[0];
    let mut last = at(-12_000);
    for i in -11_999..12_000 {
        let next = at(i);
        assert!(next >= last - 2e-6, "at {i}");
        last = next;
    }
}

#[test]
fn exponentials_stay_within_a_hundred_thousandth_of_the_largest() {
    let scaled = |factor: f32, shift: f32, operator: &str| {
        let onnx =
            Onnx::new(1).constant("f", &[1], &[factor]).constant("s", &[1], &[shift]).constant("two", &[1], &[2.0]);
        onnx.node("Mul x f -> m", vec![]).node("Sub m s -> d", vec![]).node(operator, vec![]).outputs(&["y"])
    };
    for (factor, shift) in [(0.25, 1.0), (1.0, 8.0), (0.01, 0.0), (4.0, 30.0)] {
        for (operator, base) in [("Exp d -> y", std::f64::consts::E), ("Pow two d -> y", 2.0)] {
            let compiled = scaled(factor, shift, operator).compile_within(8.0);
            let largest = base.powf(f64::from(8.0 * factor - shift));
            for i in -800..800 {
                let x = i as f32 / 100.0;
                let got = numbers(&run(&compiled, &[x])[0])[0];
                let error = (got - base.powf(f64::from(x * factor - shift))).abs();
                assert!(error <= 1.2e-5 * largest.max(0.1), "{operator} at {x}: {error:e} of {largest:e}");
            }
        }
    }
    let error = scaled(4.0, 0.0, "Exp d -> y").compile().unwrap_err();
    assert!(error.to_string().contains("e to a power of up to"), "{error}");
}

proptest! {
    #[test]
    fn softmax_shares_stay_within_a_hundred_thousandth(x in prop::collection::vec(-30f32..30.0, 5), scale in 0.01f32..1.0) {
        let x: Vec<f32> = x.into_iter().map(|v| v * scale).collect();
        let compiled = Onnx::new(5).node("Softmax x -> y", vec![]).outputs(&["y"]).compile_within(32.0);
        let got = numbers(&run(&compiled, &x)[0]);
        let powers: Vec<f64> = x.iter().map(|&v| f64::from(v).exp()).collect();
        let sum: f64 = powers.iter().sum();
        for (got, power) in got.iter().zip(powers) {
            prop_assert!((got - power / sum).abs() < 1.2e-5, "{} {}", got, power / sum);
        }
        prop_assert!((got.iter().sum::<f64>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_layer_errs_by_a_millionth_of_its_range(
        x in prop::collection::vec(-8f32..8.0, 12),
        w in prop::collection::vec(-2f32..2.0, 36),
        c in prop::collection::vec(-50f32..50.0, 3),
        (alpha, beta) in (0.1f32..2.0, -2f32..2.0),
    ) {
        let attributes = || {
            let float = |name: &str, f| ciro_compile::onnx::proto::AttributeProto {
                name: Some(name.into()), f: Some(f), r#type: Some(1), ..Default::default()
            };
            vec![float("alpha", alpha), float("beta", beta), int("transB", 1)]
        };
        let compiled = Onnx::new(12)
            .constant("w", &[3, 12], &w)
            .constant("c", &[3], &c)
            .node("Gemm x w c -> y", attributes())
            .outputs(&["y"])
            .compile_within(8.0);
        let got = numbers(&run(&compiled, &x)[0]);
        for j in 0..3 {
            let row = &w[12 * j..12 * (j + 1)];
            let dot: f64 = row.iter().zip(&x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            let exact = f64::from(alpha) * dot + f64::from(beta) * f64::from(c[j]);
            let range: f64 = row.iter().map(|w| f64::from(w.abs()) * 8.0 * f64::from(alpha)).sum::<f64>() + 100.0;
            prop_assert!((got[j] - exact).abs() < range * 2e-6 + exact.abs() * 1e-6, "{} {}", got[j], exact);
        }
    }

    #[test]
    fn chains_of_element_steps_and_products_are_one_map(x in prop::collection::vec(-4f32..4.0, 3), c in 0.25f32..4.0) {
        // y = (1.5 − (x·c)·W) / 0.5, in four nodes.
        let compiled = Onnx::new(3)
            .constant("c", &[1], &[c])
            .constant("w", &[3, 2], &[1.0, -2.0, 0.5, 0.75, -1.25, 3.0])
            .constant("k", &[], &[1.5])
            .constant("d", &[1, 2], &[0.5, -0.5])
            .node("Mul x c -> a", vec![])
            .node("MatMul a w -> b", vec![])
            .node("Sub k b -> e", vec![])
            .node("Div e d -> y", vec![])
            .outputs(&["y"])
            .compile_within(4.0);
        let got = numbers(&run(&compiled, &x)[0]);
        let sum = |w: [f32; 3]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(w)).sum::<f64>() * f64::from(c);
        let exact = [(1.5 - sum([1.0, 0.5, -1.25])) / 0.5, (1.5 - sum([-2.0, 0.75, 3.0])) / -0.5];
        for (got, exact) in got.iter().zip(exact) {
            prop_assert!((got - exact).abs() < 1e-3 * 0.2, "{} {}", got, exact);
        }
    }

    #[test]
    fn norms_divide(x in prop::collection::vec(-9f32..9.0, 6), norm in prop::sample::select(vec!["L1", "L2"])) {
        let compiled = Onnx::new(6).node("ml.Normalizer x -> y", vec![text("norm", norm)]).outputs(&["y"]).compile_within(16.0);
        let got = numbers(&run(&compiled, &x)[0]);
        let wide: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let size = match norm {
            "L1" => wide.iter().map(|v| v.abs()).sum::<f64>(),
            _ => wide.iter().map(|v| v * v).sum::<f64>().sqrt(),
        };
        prop_assume!(size > 1.0);
        for (got, exact) in got.iter().zip(wide) {
            prop_assert!((got - exact / size).abs() < 3e-4, "{} {}", got, exact / size);
        }
    }
}

#[test]
fn a_zero_vector_has_no_norm_and_stays() {
    for norm in ["L1", "L2"] {
        let onnx = Onnx::new(3).node("ml.Normalizer x -> y", vec![text("norm", norm)]).outputs(&["y"]);
        assert_eq!(numbers(&run(&onnx.compile().unwrap(), &[0.0, -0.0, 0.0])[0]), [0.0; 3]);
    }
}

#[test]
fn features_of_very_different_size_keep_their_precision() {
    let sizes = [1e3f32, 1e-3, 1.0, 1e5];
    let weights: Vec<f32> = sizes.iter().map(|s| 1.0 / s).collect();
    let onnx = Onnx::new(4)
        .node("ml.Scaler x -> s", vec![floats("offset", &[0.0; 4]), floats("scale", &weights)])
        .constant("w", &[4, 1], &[1.0; 4])
        .node("MatMul s w -> y", vec![])
        .outputs(&["y"]);
    let compiled = onnx.compile().unwrap();
    let x: Vec<f32> = sizes.iter().zip([0.3f32, -1.7, 2.2, 0.9]).map(|(s, v)| s * v).collect();
    assert!((numbers(&run(&compiled, &x)[0])[0] - 1.7).abs() < 1e-4);
}

#[test]
fn sums_products_and_concatenations_of_values() {
    let onnx = Onnx::new(2)
        .node("Relu x -> r", vec![])
        .node("Add r x -> a", vec![])
        .node("Mul a r -> m", vec![])
        .node("Sub m x -> d", vec![])
        .node("Concat d r -> y", vec![int("axis", 1)])
        .outputs(&["y"]);
    let got = numbers(&run(&onnx.compile_within(4.0), &[1.5, -2.0])[0]);
    for (got, exact) in got.iter().zip([3.0, 2.0, 1.5, 0.0]) {
        assert!((got - exact).abs() < 0.02, "{got} {exact}");
    }
}

/// As ONNX has it: the upper end comes last.
#[test]
fn a_clip_whose_ends_are_exchanged_gives_the_upper_one() {
    let compiled = Onnx::new(3)
        .constant("low", &[], &[0.75])
        .constant("high", &[], &[-0.25])
        .node("Clip x low high -> y", vec![])
        .outputs(&["y"])
        .compile_within(2.0);
    for x in numbers(&run(&compiled, &[-2.0, 0.5, 1.5])[0]) {
        assert!((x + 0.25).abs() < 1e-4, "{x}");
    }
}

#[test]
fn labels_of_linear_models_follow_the_largest_score() {
    let classifier = |rows: &[f32], bias: &[f32], labels: &[&str]| {
        let attributes = vec![
            floats("coefficients", rows),
            floats("intercepts", bias),
            texts_of(labels),
            text("post_transform", "LOGISTIC"),
        ];
        Onnx::new(2).node("ml.LinearClassifier x -> l p", attributes).outputs(&["l", "p"]).compile().unwrap()
    };
    let three = classifier(&[1.0, 0.0, 0.0, 1.0, -1.0, -1.0], &[0.0; 3], &["right", "up", "down-left"]);
    assert_eq!(run(&three, &[2.0, 1.0])[0], [Cell::Text("right".into())]);
    assert_eq!(run(&three, &[-2.0, -1.0])[0], [Cell::Text("down-left".into())]);
    let one = classifier(&[1.0, 0.0], &[-0.5], &["no", "yes"]);
    for (x, label, p) in [(0.75, "yes", logistic(0.25)), (0.5, "no", 0.5), (0.25, "no", logistic(-0.25))] {
        let outputs = run(&one, &[x, 9.0]);
        assert_eq!(outputs[0], [Cell::Text(label.into())]);
        let columns = numbers(&outputs[1]);
        assert!((columns[1] - p).abs() < 5e-6 && (columns[0] + columns[1] - 1.0).abs() < 5e-6, "{columns:?}");
    }
}

fn texts_of(labels: &[&str]) -> ciro_compile::onnx::proto::AttributeProto {
    crate::support::texts("classlabels_strings", labels)
}

/// Neighbours in a window differ by as much as the interval is long where it bounds them: by twice what any is from zero.
#[test]
fn pooled_neighbours_at_both_ends_of_the_interval_are_not_refused() {
    // Ends of ±4.8 are far from the next power of two, where a number of as many bits would end.
    let weight: Vec<f32> = (0..16).map(|i| if i % 5 == 0 { 0.6 } else { 0.0 }).collect();
    let compiled = Onnx::new(4)
        .constant("w", &[4, 4], &weight)
        .int_constant("shape", &[4], &[1, 1, 1, 4])
        .node("MatMul x w -> s", vec![])
        .node("Reshape s shape -> r", vec![])
        .node("MaxPool r -> m", vec![ints("kernel_shape", &[1, 2]), ints("strides", &[1, 2])])
        .node("Relu m -> y", vec![])
        .outputs(&["y"])
        .compile_within(8.0);
    let pools = |node: &Node| matches!(&node.op, Op::Rectify { taps, .. } if taps.len() == 2);
    assert!(compiled.model.program.nodes.iter().any(pools));
    let got = numbers(&run(&compiled, &[8.0, -8.0, -8.0, -7.5])[0]);
    assert!((got[0] - 4.8).abs() < 0.01 && got[1] == 0.0, "{got:?}");
}
