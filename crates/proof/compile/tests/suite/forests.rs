//! Tree ensembles: branches exactly as floats decide, whatever the floats.

use crate::support::{self, Onnx, float, floats, int, ints, run, run_doubles, text, texts};
use ciro_compile::onnx::proto::{AttributeProto, TYPE_DOUBLE, TYPE_FLOAT, TensorProto};
use ciro_graph::render::Cell;
use proptest::prelude::*;

/// A node of a random tree, in the form of the attributes.
#[derive(Clone, Debug)]
struct Row {
    mode: &'static str,
    feature: i64,
    threshold: f32,
    yes: i64,
    no: i64,
    leaf: f32,
}

const FEATURES: i64 = 3;

/// A full binary tree of the given depth; node i has the children 2i + 1 and 2i + 2.
fn any_tree(depth: u32) -> impl Strategy<Value = Vec<Row>> {
    let inner = (1usize << depth) - 1;
    let mode = prop::sample::select(vec!["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"]);
    let leaf = (-8i32..8).prop_map(|v| v as f32 / 4.0);
    let row = (mode, 0..FEATURES, any_threshold(), leaf);
    prop::collection::vec(row, 2 * inner + 1).prop_map(move |rows| {
        let node = |(i, (mode, feature, threshold, leaf)): (usize, (&'static str, i64, f32, f32))| {
            let mode = if i < inner { mode } else { "LEAF" };
            let (yes, no) = if i < inner { (2 * i as i64 + 1, 2 * i as i64 + 2) } else { (0, 0) };
            Row { mode, feature, threshold, yes, no, leaf }
        };
        rows.into_iter().enumerate().map(node).collect()
    })
}

fn any_threshold() -> impl Strategy<Value = f32> {
    let special = vec![0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE, 1e-45, f32::MAX];
    prop_oneof![prop::sample::select(special), -2f32..2.0]
}

fn attributes(trees: &[Vec<Row>]) -> Vec<AttributeProto> {
    let all =
        || trees.iter().enumerate().flat_map(|(t, rows)| rows.iter().enumerate().map(move |(i, row)| (t, i, row)));
    let column = |f: &dyn Fn((usize, usize, &Row)) -> i64| all().map(f).collect::<Vec<i64>>();
    let modes: Vec<&str> = all().map(|(_, _, row)| row.mode).collect();
    let thresholds: Vec<f32> = all().map(|(_, _, row)| row.threshold).collect();
    let leaves = || all().filter(|(_, _, row)| row.mode == "LEAF");
    vec![
        ints("nodes_treeids", &column(&|(t, _, _)| t as i64)),
        ints("nodes_nodeids", &column(&|(_, i, _)| i as i64)),
        ints("nodes_featureids", &column(&|(_, _, row)| row.feature)),
        ints("nodes_truenodeids", &column(&|(_, _, row)| row.yes)),
        ints("nodes_falsenodeids", &column(&|(_, _, row)| row.no)),
        floats("nodes_values", &thresholds),
        texts("nodes_modes", &modes),
        ints("target_treeids", &leaves().map(|(t, _, _)| t as i64).collect::<Vec<_>>()),
        ints("target_nodeids", &leaves().map(|(_, i, _)| i as i64).collect::<Vec<_>>()),
        ints("target_ids", &leaves().map(|_| 0).collect::<Vec<_>>()),
        floats("target_weights", &leaves().map(|(_, _, row)| row.leaf).collect::<Vec<_>>()),
    ]
}

fn walk(rows: &[Row], x: &[f32]) -> f32 {
    walk_missing(rows, &[false; 15], x)
}

/// The leaf that x ends at; a missing value goes to the yes-child where `to_yes` says so.
fn walk_missing(rows: &[Row], to_yes: &[bool], x: &[f32]) -> f32 {
    let mut at = 0;
    loop {
        let Row { mode, feature, threshold, yes, no, leaf } = rows[at];
        let v = x[feature as usize];
        let holds = match mode {
            "LEAF" => return leaf,
            _ if v.is_nan() => to_yes[at],
            "BRANCH_LEQ" => v <= threshold,
            "BRANCH_LT" => v < threshold,
            "BRANCH_GTE" => v >= threshold,
            _ => v > threshold,
        };
        at = if holds { yes } else { no } as usize;
    }
}

fn regressor(trees: &[Vec<Row>], scaler: Option<(&[f32], &[f32])>) -> Onnx {
    let onnx = Onnx::new(FEATURES);
    match scaler {
        None => onnx.node("ml.TreeEnsembleRegressor x -> y", attributes(trees)),
        Some((offset, scale)) => onnx
            .node("ml.Scaler x -> s", vec![floats("offset", offset), floats("scale", scale)])
            .node("ml.TreeEnsembleRegressor s -> y", attributes(trees)),
    }
    .outputs(&["y"])
}

/// The sum of leaves as text; quarters are exact.
fn sum(trees: &[Vec<Row>], x: &[f32]) -> Cell {
    let sum: f32 = trees.iter().map(|rows| walk(rows, x)).sum();
    Cell::Number(format!("{}", if sum == 0.0 { 0.0 } else { sum }))
}

proptest! {
    #[test]
    fn every_mode_branches_exactly(
        trees in prop::collection::vec(any_tree(3), 1..4),
        x in prop::collection::vec(any_threshold(), 3),
        tie in any::<prop::sample::Index>(),
    ) {
        let mut x = x;
        // One feature meets a threshold of its own exactly.
        let row = &trees[0][tie.index(7)];
        x[row.feature as usize] = row.threshold;
        let compiled = regressor(&trees, None).compile().unwrap();
        prop_assert_eq!(&run(&compiled, &x)[0][0], &sum(&trees, &x));
    }

    #[test]
    fn a_scaler_before_the_trees_is_folded_into_exact_thresholds(
        trees in prop::collection::vec(any_tree(3), 1..3),
        x in prop::collection::vec(-100f32..100.0, 3),
        offset in prop::collection::vec(-50f32..50.0, 3),
        scale in prop::collection::vec(prop_oneof![0.01f32..3.0, -3f32..-0.01], 3),
        tie in any::<prop::sample::Index>(),
        steps in -2i32..=2,
    ) {
        let mut x = x;
        let row = &trees[0][tie.index(7)];
        let f = row.feature as usize;
        // The float32 whose scaled image is nearest to a threshold, and its neighbours.
        let near = row.threshold / scale[f] + offset[f];
        if near.is_finite() && near != 0.0 {
            x[f] = f32::from_bits(near.to_bits().wrapping_add_signed(steps));
        }
        prop_assume!(x.iter().all(|v| !v.is_nan()));
        let scaled: Vec<f32> = (0..3).map(|i| (x[i] - offset[i]) * scale[i]).collect();
        let compiled = regressor(&trees, Some((&offset, &scale))).compile().unwrap();
        prop_assert_eq!(&run(&compiled, &x)[0][0], &sum(&trees, &scaled));
    }
}

proptest! {
    #[test]
    fn a_missing_value_goes_where_each_node_sends_it(
        tree in any_tree(3),
        to_yes in prop::collection::vec(any::<bool>(), 15),
        x in prop::collection::vec(prop_oneof![any_threshold(), Just(f32::NAN)], 3),
        scaled in any::<bool>(),
    ) {
        let mut all = attributes(std::slice::from_ref(&tree));
        // At least one node has a branch for missing values.
        let flags: Vec<i64> = to_yes.iter().enumerate().map(|(i, &yes)| i64::from(yes || i == 0)).collect();
        all.push(ints("nodes_missing_value_tracks_true", &flags));
        let to_yes: Vec<bool> = flags.iter().map(|&flag| flag == 1).collect();
        // A negative scale turns every split around, but not the way of a missing value.
        let (offset, scale) = ([0.0; 3], [if scaled { -1.0 } else { 1.0 }; 3]);
        let onnx = Onnx::new(FEATURES)
            .node("ml.Scaler x -> s", vec![floats("offset", &offset), floats("scale", &scale)])
            .node("ml.TreeEnsembleRegressor s -> y", all)
            .outputs(&["y"]);
        let compiled = onnx.compile().unwrap();
        let leaf = walk_missing(&tree, &to_yes, &x.iter().map(|x| x * scale[0]).collect::<Vec<_>>());
        let leaf = Cell::Number(format!("{}", if leaf == 0.0 { 0.0 } else { leaf }));
        prop_assert_eq!(&run(&compiled, &x)[0][0], &leaf);
    }
}

/// A tree behind `(x − mean) / spread`, which is computed in doubles and compared as float32.
fn behind_doubles(elem_type: i32, mean: f64, spread: f64, threshold: f32) -> Onnx {
    let double = |name: &str, value: f64| TensorProto {
        name: Some(name.into()),
        dims: vec![1],
        data_type: Some(TYPE_DOUBLE),
        double_data: vec![value],
        ..TensorProto::default()
    };
    let onnx = Onnx::new(1).edit(|model| {
        let graph = model.graph.as_mut().unwrap();
        graph.initializer.extend([double("mean", mean), double("spread", spread)]);
        graph.input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = Some(elem_type);
    });
    onnx.node("Cast x -> c", vec![int("to", TYPE_DOUBLE.into())])
        .node("Sub c mean -> d", vec![])
        .node("Div d spread -> e", vec![])
        .node("Cast e -> f", vec![int("to", TYPE_FLOAT.into())])
        .node("ml.TreeEnsembleRegressor f -> y", support::stump(0, threshold))
        .outputs(&["y"])
}

#[test]
fn a_whole_number_on_a_threshold_behind_a_scaler_goes_where_doubles_send_it() {
    let mut apart = 0;
    for i in 0..40 {
        let (mean, spread) = (52.0 + f64::from(i) / 90.0, 20.5 + f64::from(i) / 7.0);
        let scaled = |x: f64| ((x - mean) / spread) as f32;
        // Half way between the neighbours of 57, as a tree learns it, and the float32s around.
        let middle = (f64::from(scaled(56.0)) + f64::from(scaled(58.0))) / 2.0;
        for threshold in [scaled(57.0), scaled(57.0).next_down(), middle as f32] {
            let in_singles = (57.0 - mean as f32) * (1.0 / spread) as f32;
            apart += i32::from((in_singles <= threshold) != (scaled(57.0) <= threshold));
            for elem_type in [TYPE_FLOAT, TYPE_DOUBLE] {
                let compiled = behind_doubles(elem_type, mean, spread, threshold).compile().unwrap();
                for x in [56.0, 57.0, 58.0] {
                    let leaf = |x: f64| run_doubles(&compiled, &[x])[0][0].clone();
                    let expected = if scaled(x) <= threshold { leaf(-1e6) } else { leaf(1e6) };
                    assert_ne!(leaf(-1e6), leaf(1e6));
                    assert_eq!(leaf(x), expected, "{x} {mean} {spread} {threshold}");
                }
            }
        }
    }
    assert!(apart > 0, "float32 would have decided otherwise");
}

#[test]
fn an_imputed_value_stands_for_a_missing_one() {
    let imputer = |value: f32| {
        Onnx::new(FEATURES)
            .node(
                "ml.Imputer x -> i",
                vec![floats("imputed_value_floats", &[value]), float("replaced_value_float", f32::NAN)],
            )
            .node("ml.TreeEnsembleRegressor i -> y", attributes(&[stump("BRANCH_LEQ", 1.0, 2.0)]))
            .outputs(&["y"])
    };
    for value in [-1.0, 0.0, 1.0] {
        let compiled = imputer(value).compile().unwrap();
        let missing = run(&compiled, &[f32::NAN, 0.0, f32::NAN]);
        assert_eq!(missing, run(&compiled, &[value, 0.0, 0.0]), "{value}");
        assert_ne!(missing, run(&compiled, &[if value <= 0.0 { 1.0 } else { -1.0 }, 0.0, 0.0]));
    }
    let marked = vec![floats("imputed_value_floats", &[0.0]), float("replaced_value_float", -1.0)];
    let error = Onnx::new(1).node("ml.Imputer x -> y", marked).outputs(&["y"]).compile().unwrap_err();
    assert!(error.to_string().contains("replaced_value_float: expected NaN, got -1"), "{error}");
}

#[test]
fn what_is_computed_from_one_leaf_is_a_leaf() {
    let tree = attributes(&[stump("BRANCH_LEQ", 3.0, 16.0)]);
    let codes = vec![ints("keys_int64s", &[3, 16]), floats("values_floats", &[0.25, 0.75])];
    let onnx = Onnx::new(FEATURES)
        .constant("two", &[1], &[2.0])
        .constant("half", &[1], &[0.5])
        .constant("nine", &[1], &[9.0])
        .node("ml.TreeEnsembleRegressor x -> t", tree)
        .node("Cast t -> i", vec![int("to", 7)])
        .node("ml.LabelEncoder i -> code", codes)
        .node("Greater t nine -> large", vec![])
        .node("Cast large -> flag", vec![int("to", 1)])
        .node("Max t nine -> m", vec![])
        .node("Sqrt m -> r", vec![])
        .node("Mul r flag -> a", vec![])
        .node("Div code half -> b", vec![])
        .node("Neg b -> n", vec![])
        .node("Sum a n two -> y", vec![])
        .outputs(&["y"]);
    let compiled = onnx.compile().unwrap();
    assert_eq!(compiled.model.program.nodes.len(), 1);
    // √max(t, 9)·[t > 9] − 2·code + 2
    assert_eq!(run(&compiled, &[-1.0, 0.0, 0.0])[0], [Cell::Number("1.5".into())]);
    assert_eq!(run(&compiled, &[1.0, 0.0, 0.0])[0], [Cell::Number("4.5".into())]);
}

#[test]
fn trees_of_different_inputs_or_operations_stay_apart() {
    let tree = |low: f32, high: f32| attributes(&[stump("BRANCH_LEQ", low, high)]);
    let two = |operator: &str| {
        Onnx::new(FEATURES)
            .node("ml.TreeEnsembleRegressor x -> a", tree(1.0, 2.0))
            .node("ml.TreeEnsembleRegressor x -> b", tree(3.0, 5.0))
            .node(&format!("{operator} a b -> y"), vec![])
            .outputs(&["y"])
            .compile()
            .unwrap()
    };
    let sum = two("Add");
    assert_eq!(sum.model.program.nodes.len(), 1, "a sum of forests is a forest");
    assert_eq!(run(&sum, &[1.0, 0.0, 0.0])[0], [Cell::Number("7".into())]);
    let product = two("Mul");
    assert!((crate::support::numbers(&run(&product, &[1.0, 0.0, 0.0])[0])[0] - 10.0).abs() < 1e-4);
}

#[test]
fn a_forest_that_doubles_itself_is_stopped() {
    let mut onnx =
        Onnx::new(FEATURES).node("ml.TreeEnsembleRegressor x -> y0", attributes(&[stump("BRANCH_LEQ", 1.0, 2.0)]));
    onnx = onnx.node("ml.TreeEnsembleRegressor x -> z", attributes(&[stump("BRANCH_LEQ", 1.0, 2.0)]));
    onnx = onnx.node("Add y0 z -> y1", vec![]);
    for i in 1..60 {
        onnx = onnx.node(&format!("Add y{i} y{i} -> y{}", i + 1), vec![]);
    }
    let error = onnx.outputs(&["y60"]).compile().unwrap_err();
    assert!(error.to_string().contains("its numbers reach beyond 2³⁰"), "{error}");
}

#[test]
fn a_comparison_is_a_label_and_equals_are_decided_as_written() {
    // Less, Greater, and their opposites, on numbers around −0.25.
    let label = |operator: &str, x: f32| {
        let onnx =
            Onnx::new(1).constant("c", &[1], &[-0.25]).int_constant("m", &[1], &[-2]).int_constant("one", &[1], &[1]);
        let compiled = onnx
            .node(&format!("{operator} -> b"), vec![])
            .node("Cast b -> i", vec![int("to", 7)])
            .node("Mul i m -> t", vec![])
            .node("Add t one -> y", vec![])
            .outputs(&["y"])
            .compile()
            .unwrap();
        run(&compiled, &[x])[0].clone()
    };
    type Truth = fn(f32, f32) -> bool;
    let operators: [(&str, Truth, Truth); 4] = [
        ("Less", |a, b| a < b, |a, b| b < a),
        ("LessOrEqual", |a, b| a <= b, |a, b| b <= a),
        ("Greater", |a, b| a > b, |a, b| b > a),
        ("GreaterOrEqual", |a, b| a >= b, |a, b| b >= a),
    ];
    for x in [-0.5, -0.25, 0.0] {
        for (operator, truth, turned) in operators {
            let expected = |holds: bool| [Cell::Int(if holds { -1 } else { 1 })];
            assert_eq!(label(&format!("{operator} x c"), x), expected(truth(x, -0.25)), "{x} {operator} c");
            assert_eq!(label(&format!("{operator} c x"), x), expected(turned(x, -0.25)), "c {operator} {x}");
        }
    }
}

fn stump(mode: &'static str, low: f32, high: f32) -> Vec<Row> {
    let leaf = |leaf| Row { mode: "LEAF", feature: 0, threshold: 0.0, yes: 0, no: 0, leaf };
    vec![Row { mode, feature: 0, threshold: 0.0, yes: 1, no: 2, leaf: 0.0 }, leaf(low), leaf(high)]
}

fn classifier(trees: &[Vec<Row>], more: Vec<AttributeProto>) -> Onnx {
    let mut all = attributes(trees);
    for attribute in &mut all {
        let name = attribute.name.as_deref().unwrap_or_default().replace("target_", "class_");
        attribute.name = Some(name);
    }
    all.extend(more);
    Onnx::new(FEATURES).node("ml.TreeEnsembleClassifier x -> l p", all).outputs(&["l", "p"])
}

#[test]
fn two_classes_by_one_column_of_probabilities_or_of_margins() {
    let labels = || texts("classlabels_strings", &["no", "yes"]);
    let probabilities = classifier(&[stump("BRANCH_LEQ", 0.25, 0.75)], vec![labels()]).compile().unwrap();
    let yes = |x: f32| run(&probabilities, &[x, 0.0, 0.0]);
    assert_eq!(
        yes(1.0),
        [vec![Cell::Text("yes".into())], vec![Cell::Number("0.25".into()), Cell::Number("0.75".into())]]
    );
    assert_eq!(yes(-1.0)[0], [Cell::Text("no".into())]);

    let logistic = vec![labels(), text("post_transform", "LOGISTIC"), floats("base_values", &[0.5])];
    let margins = classifier(&[stump("BRANCH_LT", -1.0, 1.0)], logistic).compile().unwrap();
    let outputs = run(&margins, &[-1.0, 0.0, 0.0]);
    assert_eq!(outputs[0], [Cell::Text("no".into())]);
    let p = crate::support::numbers(&outputs[1]);
    assert!((p[1] - 0.377_540_67).abs() < 5e-6 && (p[0] - 0.622_459_33).abs() < 5e-6, "{p:?}");
}

#[test]
fn half_of_a_forest_is_the_first_class_whatever_a_share_rounds_to() {
    for trees in [2, 6, 10, 20, 30, 100] {
        let share = 1.0 / trees as f32;
        // Half of them vote for the second class above zero, the others below it.
        let stumps: Vec<Vec<Row>> = (0..trees)
            .map(|i| if i % 2 == 0 { stump("BRANCH_LEQ", 0.0, share) } else { stump("BRANCH_LEQ", share, 0.0) })
            .collect();
        let labels = texts("classlabels_strings", &["no", "yes"]);
        let compiled = classifier(&stumps, vec![labels]).compile().unwrap();
        for x in [-1.0, 1.0] {
            let outputs = run(&compiled, &[x, 0.0, 0.0]);
            assert_eq!(outputs[0], [Cell::Text("no".into())], "{trees}");
            let half = support::numbers(&outputs[1]);
            assert!(half.iter().all(|p| (p - 0.5).abs() < 1e-5), "{half:?}");
        }
    }
}

#[test]
fn an_average_and_base_values_are_part_of_the_leaves() {
    let trees = [stump("BRANCH_LEQ", 1.0, 2.0), stump("BRANCH_LEQ", 3.0, 5.0)];
    let mut all = attributes(&trees);
    all.extend([text("aggregate_function", "AVERAGE"), floats("base_values", &[0.25])]);
    let onnx = Onnx::new(FEATURES).node("ml.TreeEnsembleRegressor x -> y", all).outputs(&["y"]);
    let compiled = onnx.compile().unwrap();
    assert_eq!(run(&compiled, &[-1.0, 0.0, 0.0])[0], [Cell::Number("2.25".into())]);
    assert_eq!(run(&compiled, &[1.0, 0.0, 0.0])[0], [Cell::Number("3.75".into())]);
}

#[test]
fn a_missing_value_is_refused_with_its_feature() {
    let compiled = regressor(&[stump("BRANCH_LEQ", 1.0, 2.0)], None).compile().unwrap();
    let error = ciro_execution::execute(&compiled.model, &crate::support::raw(&[0.0, f32::NAN, 0.0])).unwrap_err();
    assert_eq!(error.to_string(), "input \"x\", element 1: expected a number, got NaN");
}
