//! Features that a model prepares before its trees: encoded, in bins, computed, from several inputs.

use crate::support::{Onnx, floats, int, ints, numbers, run, stump};
use ciro_compile::Compiled;
use ciro_compile::onnx::proto::ValueInfoProto;
use ciro_execution::execute;
use ciro_graph::render::render;
use ciro_graph::{Input, RawInput, RawTensor};
use proptest::prelude::*;

fn is_ordered(compiled: &Compiled) -> bool {
    compiled.model.program.inputs.iter().all(Input::is_ordered)
}

/// Numbers around the whole ones, where encoders change.
fn near_whole() -> impl Strategy<Value = f32> {
    (-5i32..=5, -2i32..=2).prop_map(|(whole, steps)| {
        let x = whole as f32;
        match steps {
            1 => x.next_up(),
            2 => x + 0.5,
            -1 => x.next_down(),
            -2 => x - 0.5,
            _ => x,
        }
    })
}

proptest! {
    #[test]
    fn a_category_is_every_number_that_is_cut_off_to_it(
        x in near_whole(),
        categories in prop::collection::btree_set(-4i64..5, 1..5),
    ) {
        let categories: Vec<i64> = categories.into_iter().collect();
        let onnx = Onnx::new(1)
            .node("Cast x -> i", vec![int("to", 7)])
            .node("ml.OneHotEncoder i -> y", vec![ints("cats_int64s", &categories)]);
        let compiled = onnx.outputs(&["y"]).compile().unwrap();
        prop_assert!(is_ordered(&compiled));
        let expected: Vec<f64> = categories.iter().map(|&c| f64::from(u8::from(c == x as i64))).collect();
        prop_assert_eq!(numbers(&run(&compiled, &[x])[0]), expected);
    }

    #[test]
    fn a_table_of_numbers_is_looked_up_exactly(
        x in near_whole(),
        keys in prop::collection::vec(near_whole(), 1..5),
    ) {
        let values: Vec<i64> = (10..).take(keys.len()).collect();
        let table = vec![floats("keys_floats", &keys), ints("values_int64s", &values), int("default_int64", -7)];
        let compiled = Onnx::new(1).node("ml.LabelEncoder x -> y", table).outputs(&["y"]).compile().unwrap();
        let at = keys.iter().position(|key| key.to_bits() == x.to_bits());
        let expected = at.map_or(-7.0, |i| values[i] as f64);
        prop_assert_eq!(numbers(&run(&compiled, &[x])[0]), [expected]);
    }

    #[test]
    fn bins_begin_at_their_edges(
        x in near_whole(),
        edges in prop::collection::btree_set(-4i32..5, 2..5),
        one_hot in any::<bool>(),
    ) {
        let edges: Vec<f32> = edges.into_iter().map(|edge| edge as f32).collect();
        let bins: Vec<i64> = (0..=edges.len() as i64).collect();
        // As skl2onnx writes KBinsDiscretizer.
        let onnx = Onnx::new(2)
            .int_constant("second", &[], &[1])
            .constant("edges", &[edges.len() as i64], &edges)
            .constant("zero", &[1], &[0.0])
            .constant("one", &[1], &[1.0])
            .node("ml.ArrayFeatureExtractor x second -> c", vec![])
            .node("Less c edges -> b", vec![])
            .node("Cast b -> f", vec![int("to", 1)])
            .node("Mul c zero -> z", vec![])
            .node("Add z one -> last", vec![])
            .node("Concat f last -> all", vec![int("axis", 1)])
            .node("ArgMax all -> i", vec![int("axis", 1)]);
        let onnx = if one_hot {
            onnx.node("ml.OneHotEncoder i -> y", vec![ints("cats_int64s", &bins)])
        } else {
            onnx.node("Cast i -> y", vec![int("to", 1)])
        };
        let compiled = onnx.outputs(&["y"]).compile().unwrap();
        prop_assert!(is_ordered(&compiled));
        let bin = edges.iter().filter(|&&edge| x >= edge).count();
        let expected = match one_hot {
            true => bins.iter().map(|&b| f64::from(u8::from(b as usize == bin))).collect(),
            false => vec![bin as f64],
        };
        prop_assert_eq!(numbers(&run(&compiled, &[9.0, x])[0]), expected);
    }

    #[test]
    fn trees_compare_what_is_computed(
        quarters in prop::collection::vec(-40i32..40, 2),
        threshold in -40i32..40,
        feature in 0i64..2,
    ) {
        // Quarters and their sums are exact at every scale.
        let x: Vec<f32> = quarters.iter().map(|&q| q as f32 / 4.0).collect();
        let threshold = threshold as f32 / 4.0;
        let onnx = Onnx::new(2)
            .constant("w", &[2, 2], &[1.0, -1.0, 1.0, 1.0])
            .node("MatMul x w -> s", vec![])
            .node("Relu s -> r", vec![])
            .node("ml.TreeEnsembleRegressor r -> y", stump(feature, threshold));
        let compiled = onnx.outputs(&["y"]).compile().unwrap();
        let computed = if feature == 0 { x[0] + x[1] } else { x[1] - x[0] }.max(0.0);
        prop_assert_eq!(numbers(&run(&compiled, &x)[0]), [if computed <= threshold { 1.0 } else { 2.0 }]);
    }
}

#[test]
fn a_missing_value_is_no_category_and_in_no_bin() {
    let one_hot = Onnx::new(1).node("Cast x -> i", vec![int("to", 7)]);
    let one_hot = one_hot.node("ml.OneHotEncoder i -> y", vec![ints("cats_int64s", &[-3, 0, 2])]);
    let below = Onnx::new(1).constant("edges", &[2], &[-1.0, 4.0]).node("Less x edges -> b", vec![]);
    let below = below.node("Cast b -> y", vec![int("to", 1)]);
    for (onnx, width) in [(one_hot, 3), (below, 2)] {
        let compiled = onnx.outputs(&["y"]).compile().unwrap();
        assert_eq!(numbers(&run(&compiled, &[f32::NAN])[0]), vec![0.0; width]);
    }
}

#[test]
fn an_input_is_compared_and_computed_with() {
    let onnx = Onnx::new(2)
        .constant("w", &[2, 1], &[1.0, 1.0])
        .node("MatMul x w -> s", vec![])
        .node("ml.TreeEnsembleRegressor x -> y", stump(1, 0.5));
    let compiled = onnx.outputs(&["y", "s"]).compile().unwrap();
    assert!(!is_ordered(&compiled));
    for (x, y) in [([3.0, 0.5], 1.0), ([3.0, 0.75], 2.0)] {
        let outputs = run(&compiled, &x);
        assert_eq!(numbers(&outputs[0]), [y]);
        assert_eq!(numbers(&outputs[1]), [f64::from(x[0] + x[1])]);
    }
}

/// A table with a column per input, as data frames are exported: one is compared as it is, one is encoded before.
#[test]
fn trees_read_several_inputs_exactly() {
    let second = |model: &mut ciro_compile::onnx::proto::ModelProto| {
        let graph = model.graph.as_mut().unwrap();
        let first = graph.input[0].r#type.clone();
        let mut whole = first.clone();
        whole.as_mut().and_then(|t| t.tensor_type.as_mut()).unwrap().elem_type = Some(7);
        graph.input.push(ValueInfoProto { name: Some("kind".into()), r#type: whole });
    };
    let tie = 0.1f32;
    let onnx = Onnx::new(1)
        .node("ml.OneHotEncoder kind -> e", vec![ints("cats_int64s", &[4, 7, 9])])
        .int_constant("form", &[2], &[-1, 3])
        .node("Reshape e form -> f", vec![])
        .node("Concat f x -> all", vec![int("axis", 1)])
        .node("ml.TreeEnsembleRegressor all -> of_x", stump(3, tie))
        .node("ml.TreeEnsembleRegressor all -> of_kind", stump(1, 0.5));
    let compiled = onnx.outputs(&["of_x", "of_kind"]).edit(second).compile().unwrap();
    assert!(is_ordered(&compiled));
    for (x, kind) in [(tie, 7u8), (tie.next_up(), 7), (tie.next_down(), 4), (f32::INFINITY, 9)] {
        let tensor = |x: f32| RawTensor { shape: vec![1, 1], bits: vec![x.to_bits()] };
        let run = execute(&compiled.model, &RawInput(vec![tensor(x), tensor(kind.into())])).unwrap();
        let program = &compiled.model.program;
        let shown = render(program, &run.outputs(program)).unwrap();
        let expected = [x > tie, kind == 7].map(|above| [if above { 2.0 } else { 1.0 }]);
        assert_eq!([0, 1].map(|i| numbers(&shown[i].values)), expected, "{x} {kind}");
    }
}

#[test]
fn scores_are_divided_by_their_sum() {
    // As skl2onnx writes the probabilities of one score per class.
    let onnx = Onnx::new(3)
        .constant("minus", &[], &[-1.0])
        .constant("one", &[], &[1.0])
        .constant("n", &[], &[3.0])
        .int_constant("axis", &[1], &[1])
        .node("Mul x minus -> m", vec![])
        .node("Exp m -> e", vec![])
        .node("Add e one -> d", vec![])
        .node("Reciprocal d -> p", vec![])
        .node("ReduceSum p axis -> s", vec![])
        .node("Cast s -> b", vec![int("to", 9)])
        .node("Not b -> none", vec![])
        .node("Cast none -> z", vec![int("to", 1)])
        .node("Add p z -> p2", vec![])
        .node("Mul z n -> zn", vec![])
        .node("Add s zn -> s2", vec![])
        .node("Div p2 s2 -> q", vec![])
        .node("ml.ZipMap q -> y", vec![ints("classlabels_int64s", &[0, 1, 2])]);
    let compiled = onnx.outputs(&["y"]).compile().unwrap();
    let x = [0.5f32, -1.25, 2.0];
    let scores = x.map(|x| 1.0 / (1.0 + f64::from(-x).exp()));
    let sum: f64 = scores.iter().sum();
    for (got, score) in numbers(&run(&compiled, &x)[0]).into_iter().zip(scores) {
        assert!((got - score / sum).abs() < 1e-5, "{got} {score} {sum}");
    }
}

/// Tables of tens of thousands of keys, in any order, of which the first counts where one comes twice.
#[test]
fn a_table_has_many_keys() {
    const KEYS: i64 = 20_000;
    // Every third number from −30,000 on, in an order of their own: 7,919 has no divisor in common with their count.
    let key = |i: i64| 3 * (i * 7_919 % KEYS) - 30_000;
    let keys: Vec<i64> = (0..KEYS).map(key).chain([key(5), key(17)]).collect();
    let values: Vec<i64> = (0..KEYS).chain([-2, -3]).collect();
    let table = vec![ints("keys_int64s", &keys), ints("values_int64s", &values), int("default_int64", -7)];
    let onnx = Onnx::new(1).node("Cast x -> i", vec![int("to", 7)]).node("ml.LabelEncoder i -> y", table);
    let compiled = onnx.outputs(&["y"]).compile().unwrap();
    // Whole numbers.
    let of = |x: f32| numbers(&run(&compiled, &[x])[0])[0] as i64;
    for i in (0..KEYS).step_by(997).chain([5, 17, KEYS - 1]) {
        assert_eq!(of(key(i) as f32), i, "key {i}");
        // Between keys, and beyond them all.
        assert_eq!([of(key(i) as f32 + 1.0), of(key(i) as f32 - 1.0)], [-7; 2], "beside key {i}");
    }
    assert_eq!([of(-30_001.0), of(-30_000.0), of(29_997.0), of(29_999.0)], [-7, 0, of(29_997.0), -7]);
}

/// The positions of the smallest elements, also of equal ones, through a list of constants.
#[test]
fn the_smallest_elements_are_told_in_order_and_the_first_of_equals_first() {
    let onnx = Onnx::new(4).int_constant("k", &[1], &[3]).constant("list", &[4], &[10.0, 20.0, 30.0, 40.0]);
    let onnx =
        onnx.node("TopK x k -> v i", vec![int("largest", 0)]).node("ml.ArrayFeatureExtractor list i -> y", vec![]);
    let compiled = onnx.outputs(&["v", "y"]).compile().unwrap();
    for (x, values, found) in [
        ([0.5, -1.0, 2.0, 0.25], [-1.0, 0.25, 0.5], [20.0, 40.0, 10.0]),
        ([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [10.0, 20.0, 30.0]),
        ([3.0, 1.0, 3.0, 1.0], [1.0, 1.0, 3.0], [20.0, 40.0, 10.0]),
    ] {
        let outputs = run(&compiled, &x);
        assert!(numbers(&outputs[0]).iter().zip(values).all(|(got, expected)| (got - expected).abs() < 1e-5), "{x:?}");
        assert_eq!(numbers(&outputs[1]), found, "{x:?}");
    }
}
