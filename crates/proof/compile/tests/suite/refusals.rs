//! What is not supported is refused with the node, the reason, and the nearest thing that works.

use crate::support::{Onnx, bundled, float, floats, int, ints, numbers, read, run, text, texts};
use ciro_compile::onnx::proto::AttributeProto;
use ciro_compile::{CompileError, Options, compile_onnx};

fn refusal(onnx: &Onnx) -> (String, String) {
    let error = onnx.compile().expect_err("a model that is not supported");
    (error.to_string(), error.hint().unwrap_or_default())
}

#[test]
fn an_unknown_operator_is_named_with_its_node_and_a_way_out() {
    let dynamic = Onnx::new(2).node("DynamicQuantizeMatMul x -> y", vec![]).outputs(&["y"]);
    assert_eq!(
        refusal(&dynamic),
        (
            "node \"the DynamicQuantizeMatMul\" (DynamicQuantizeMatMul): the operator is not supported".into(),
            "quantize without the runtime's graph optimisations: DynamicQuantizeLinear and MatMulInteger work".into()
        )
    );
    let iterated = vec![floats("prob_a", &[1.0])];
    let svm = Onnx::new(2).node("ml.SVMClassifier x -> l p", iterated).outputs(&["p"]);
    let (message, hint) = refusal(&svm);
    assert!(
        message.contains("(ai.onnx.ml SVMClassifier)") && hint.contains("CalibratedClassifierCV"),
        "{message} {hint}"
    );
    let custom = Onnx::new(2).node("Zorp x -> y", vec![]).outputs(&["y"]);
    let (_, hint) = refusal(&custom);
    assert!(hint.contains("`ciro ops`") && !hint.contains("LayerNormalization"), "no list of them all: {hint}");
}

#[test]
fn trees_in_tensor_form_are_pointed_to_the_native_form() {
    let model = Onnx::new(2).node("GatherElements x x -> g", vec![]).outputs(&["g"]);
    assert!(refusal(&model).1.contains("TreeEnsembleClassifier"));
}

/// A recurrent layer of one feature and one number of state over one position.
fn recurrent(operator: &str, gates: usize, attributes: Vec<AttributeProto>, operands: &str) -> Onnx {
    let onnx = Onnx::new(1).int_constant("s", &[3], &[1, 1, 1]).node("Reshape x s -> t", vec![]);
    let onnx = onnx.constant("w", &[1, gates as i64, 1], &vec![0.5; gates]).constant("p", &[1, 3], &[0.1; 3]);
    let onnx = onnx.int_constant("two", &[1], &[2]);
    onnx.node(&format!("{operator} t w w {operands} -> y"), attributes).outputs(&["y"])
}

#[test]
fn what_would_change_a_recurrent_layer_is_refused_by_name() {
    assert!(recurrent("LSTM", 4, vec![int("hidden_size", 1)], "").compile().is_ok());
    let cases = [
        ("attribute activations: expected 3 of Sigmoid, Tanh and Relu, got Sigmoid, Affine, Tanh", {
            recurrent("LSTM", 4, vec![texts("activations", &["Sigmoid", "Affine", "Tanh"])], "")
        }),
        ("attribute clip: expected gates without a bound, got 3", recurrent("GRU", 3, vec![float("clip", 3.0)], "")),
        ("attribute direction: expected forward", recurrent("RNN", 1, vec![text("direction", "up")], "")),
        ("attribute input_forget: expected 0, got 1", recurrent("LSTM", 4, vec![int("input_forget", 1)], "")),
        ("operand 2: expected weights for a state of 7", recurrent("LSTM", 4, vec![int("hidden_size", 7)], "")),
        ("operand 1: expected dimensions [1, 3, 1], got dimensions [1, 4, 1]", recurrent("GRU", 4, vec![], "")),
        ("operand 4: expected sequences of 1 positions, got [2]", recurrent("RNN", 1, vec![], "| two")),
        ("operand 5: expected dimensions [1, 1, 1], got [1, 3]", recurrent("RNN", 1, vec![], "| | p")),
        ("peepholes", recurrent("LSTM", 4, vec![], "| | | | p")),
    ];
    for (expected, onnx) in cases {
        let omitted = |name: &mut String| {
            if name == "|" {
                name.clear();
            }
        };
        let onnx = onnx.edit(|model| {
            let nodes = model.graph.iter_mut().flat_map(|graph| &mut graph.node);
            nodes.for_each(|node| node.input.iter_mut().for_each(omitted));
        });
        let (message, _) = refusal(&onnx);
        assert!(message.contains(expected), "expected {expected:?}, got {message:?}");
    }
}

#[test]
fn forms_that_are_not_supported_say_what_is() {
    let cases: Vec<(&str, Onnx)> = vec![
        ("divide by positive values", {
            let onnx =
                Onnx::new(2).node("Cos x -> c", vec![]).node("Sin x -> s", vec![]).constant("m", &[2], &[1.0, 2.0]);
            let onnx = onnx.node("Mul c m -> d", vec![]).node("Div s d -> y", vec![]);
            onnx.outputs(&["y"])
        }),
        ("positions that an integer input gives", { Onnx::new(2).node("Gather x x -> y", vec![]).outputs(&["y"]) }),
        ("export the model in evaluation mode", {
            let onnx = Onnx::new(2).constant("r", &[], &[0.5]).int_constant("t", &[], &[1]);
            onnx.node("Dropout x r t -> y", vec![]).outputs(&["y"])
        }),
        ("have to broadcast", {
            Onnx::new(2).constant("d", &[2], &[3.0, 5.0]).node("Expand x d -> y", vec![]).outputs(&["y"])
        }),
        ("encode texts before the model", {
            Onnx::new(1).node("ml.OneHotEncoder x -> y", vec![texts("cats_strings", &["a", "b"])]).outputs(&["y"])
        }),
        ("encode texts before the model", {
            let table = vec![texts("keys_strings", &["a"]), ints("values_int64s", &[1])];
            Onnx::new(1).node("ml.LabelEncoder x -> y", table).outputs(&["y"])
        }),
        ("pass calibration samples", {
            Onnx::new(2).node("Reciprocal x -> r", vec![]).node("ml.Normalizer r -> y", vec![]).outputs(&["y"])
        }),
        ("scale it by something else", {
            let scaler = vec![floats("offset", &[0.0]), floats("scale", &[0.0])];
            let onnx = Onnx::new(1).node("ml.Scaler x -> s", scaler);
            onnx.node("ml.TreeEnsembleRegressor s -> y", split()).outputs(&["y"])
        }),
        ("choose between 1 and 65536", {
            let onnx = Onnx::new(2).int_constant("at", &[0], &[]);
            onnx.node("ml.ArrayFeatureExtractor x at -> y", vec![]).outputs(&["y"])
        }),
        ("constant positions work", {
            let onnx = Onnx::new(2).constant("c", &[2], &[1.0, 2.0]);
            onnx.node("ml.ArrayFeatureExtractor c x -> y", vec![]).outputs(&["y"])
        }),
        ("use the norm L1 or L2", Onnx::new(2).node("ml.Normalizer x -> y", vec![text("norm", "MAX")]).outputs(&["y"])),
        ("append a Sigmoid", {
            let attributes = vec![floats("coefficients", &[1.0, 2.0]), text("post_transform", "LOGISTIC")];
            Onnx::new(2).node("ml.LinearRegressor x -> y", attributes).outputs(&["y"])
        }),
        ("export votes for one class only", {
            let mut attributes = leaf();
            for a in &mut attributes {
                a.name = a.name.take().map(|name| name.replace("target_", "class_"));
            }
            attributes.retain(|a| a.name.as_deref() != Some("class_ids"));
            attributes.extend([ints("class_ids", &[1]), ints("classlabels_int64s", &[0, 1])]);
            Onnx::new(1).node("ml.TreeEnsembleClassifier x -> l p", attributes).outputs(&["l", "p"])
        }),
    ];
    for (expected, onnx) in cases {
        let (message, hint) = refusal(&onnx);
        assert!(hint.contains(expected), "expected {expected:?}, got {message:?} and {hint:?}");
        assert!(message.starts_with("node \"the "), "{message}");
    }
}

/// A tree of one leaf.
fn leaf() -> Vec<ciro_compile::onnx::proto::AttributeProto> {
    tree(&[("LEAF", 0, 0)])
}

fn split() -> Vec<ciro_compile::onnx::proto::AttributeProto> {
    tree(&[("BRANCH_LEQ", 1, 2), ("LEAF", 0, 0), ("LEAF", 0, 0)])
}

fn tree(rows: &[(&str, i64, i64)]) -> Vec<ciro_compile::onnx::proto::AttributeProto> {
    let zeros = vec![0i64; rows.len()];
    let numbers: Vec<i64> = (0..rows.len() as i64).collect();
    vec![
        ints("nodes_treeids", &zeros),
        ints("nodes_nodeids", &numbers),
        ints("nodes_featureids", &zeros),
        ints("nodes_truenodeids", &rows.iter().map(|r| r.1).collect::<Vec<_>>()),
        ints("nodes_falsenodeids", &rows.iter().map(|r| r.2).collect::<Vec<_>>()),
        floats("nodes_values", &vec![0.0; rows.len()]),
        texts("nodes_modes", &rows.iter().map(|r| r.0).collect::<Vec<_>>()),
        ints("target_treeids", &[0]),
        ints("target_nodeids", &[rows.len() as i64 - 1]),
        ints("target_ids", &[0]),
        floats("target_weights", &[1.0]),
    ]
}

#[test]
fn a_network_does_not_cut_numbers_off_to_whole_ones() {
    let onnx = Onnx::of(&[2, 2]).node("Cast x -> i", vec![int("to", 7)]).node("Cast i -> f", vec![int("to", 1)]);
    let (message, hint) = refusal(&onnx.node("Sigmoid f -> y", vec![]).outputs(&["y"]));
    assert!(message.contains("a cast of numbers to integers"), "{message}");
    assert!(hint.contains("an input of integers"), "{hint}");
}

#[test]
fn a_choice_beyond_the_row_is_refused() {
    for position in [-1, 2, i64::MAX] {
        let onnx = Onnx::new(2).int_constant("at", &[1], &[position]);
        let onnx = onnx.node("ml.ArrayFeatureExtractor x at -> y", vec![]).outputs(&["y"]);
        let (message, _) = refusal(&onnx);
        assert!(message.ends_with(&format!("expected positions below 2, got {position}")), "{message}");
    }
}

#[test]
fn malformed_trees_are_refused() {
    for (expected, yes, no) in [("two parents", 1, 1), ("two parents", 0, 1), ("no such child", 1, 7)] {
        let rows = tree(&[("BRANCH_LEQ", yes, no), ("LEAF", 0, 0)]);
        let onnx = Onnx::new(1).node("ml.TreeEnsembleRegressor x -> y", rows).outputs(&["y"]);
        assert!(refusal(&onnx).0.contains(expected), "{:?}", refusal(&onnx));
    }
    let equal = tree(&[("BRANCH_EQ", 1, 2), ("LEAF", 0, 0), ("LEAF", 0, 0)]);
    let onnx = Onnx::new(1).node("ml.TreeEnsembleRegressor x -> y", equal).outputs(&["y"]);
    assert!(
        refusal(&onnx).0.contains("attribute nodes_modes: expected LEAF or BRANCH_LEQ, LT, GTE, GT, got BRANCH_EQ")
    );
}

#[test]
fn an_attribute_without_a_known_meaning_is_refused() {
    let onnx = Onnx::new(2).node("Relu x -> y", vec![int("negative_slope", 1)]).outputs(&["y"]);
    assert!(refusal(&onnx).0.contains("attribute negative_slope"));
    let onnx = Onnx::new(2).node("ml.Normalizer x -> y", vec![text("norm", "L3")]).outputs(&["y"]);
    assert_eq!(
        refusal(&onnx).0,
        "node \"the Normalizer\" (ai.onnx.ml Normalizer): attribute norm: expected L1, L2 or MAX, got L3"
    );
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let onnx = Onnx::new(1).constant("w", &[1, 1], &[f32::NAN]).node("MatMul x w -> y", vec![]).outputs(&["y"]);
    assert!(matches!(onnx.compile(), Err(CompileError::Range { .. })));
    let onnx = Onnx::new(1).constant("w", &[1, 1], &[3e38]).node("MatMul x w -> y", vec![]).outputs(&["y"]);
    let (message, _) = refusal(&onnx);
    assert!(message.contains("2³⁰"), "{message}");
}

#[test]
fn inputs_must_be_floats_of_fixed_size_but_the_batch_may_be_open() {
    use ciro_compile::onnx::proto::{DimensionProto, ModelProto, TensorTypeProto};
    fn tensor(m: &mut ModelProto) -> &mut TensorTypeProto {
        m.graph.as_mut().unwrap().input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap()
    }
    let relu = || Onnx::new(2).node("Relu x -> y", vec![]).outputs(&["y"]);
    let open = DimensionProto { dim_value: None, dim_param: Some("N".into()) };
    let dim = |m: &mut ModelProto, i: usize| tensor(m).shape.as_mut().unwrap().dim[i] = open.clone();
    let batch = relu().edit(|m| dim(m, 0)).compile().unwrap();
    assert_eq!(batch.model.program.inputs[0].shape, [1, 2]);
    assert!(refusal(&relu().edit(|m| dim(m, 1))).0.contains("an open dimension 1"));
    let texts = refusal(&relu().edit(|m| tensor(m).elem_type = Some(8))).0;
    assert!(texts.contains("Relu reads inside a text"), "{texts}");
    assert!(refusal(&relu().edit(|m| tensor(m).shape = None)).0.contains("expected a shape"));
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    for bytes in [&b"PK\x03\x04"[..], b"", b"{}"] {
        let error = compile_onnx(bytes, &Options::default()).unwrap_err();
        assert!(matches!(error, CompileError::NotOnnx { .. }) && error.hint().is_some(), "{error}");
    }
    let cut = read(&bundled().join("A_logreg_bc.onnx"));
    assert!(compile_onnx(&cut[..cut.len() / 2], &Options::default()).is_err());
}

/// Scores of three features and their sum.
fn scores() -> Onnx {
    let onnx = Onnx::new(3).int_constant("axis", &[1], &[1]).constant("one", &[], &[1.0]).constant("nil", &[], &[0.0]);
    onnx.node("Sigmoid x -> p", vec![]).node("ReduceSum p axis -> s", vec![])
}

#[test]
fn only_a_sum_of_zero_is_replaced_by_something_else() {
    let named =
        |onnx: Onnx| onnx.node("ml.ZipMap y -> n", vec![ints("classlabels_int64s", &[0, 1, 2])]).outputs(&["n"]);
    let divided = |onnx: Onnx| named(onnx.node("Add s z -> t", vec![]).node("Div p t -> y", vec![]));
    let (to_bool, to_float, to_int) = (|| vec![int("to", 9)], || vec![int("to", 1)], || vec![int("to", 7)]);
    let test = |operator: &str| scores().node(&format!("{operator} -> b"), vec![]).node("Cast b -> z", to_float());
    let cast = || scores().node("Cast s -> b", to_bool());
    let negated = cast().node("Not b -> k", vec![]);
    assert!(divided(negated.node("Cast k -> z", to_float())).compile().is_ok());
    assert!(divided(test("Equal s nil")).compile().is_ok());
    let wrong = [
        ("not negated", divided(cast().node("Cast b -> z", to_float()))),
        ("negated twice", {
            let twice = cast().node("Not b -> k", vec![]).node("Not k -> m", vec![]);
            divided(twice.node("Cast m -> z", to_float()))
        }),
        ("compared with one", divided(test("Equal s one"))),
        ("cut off", divided(scores().node("Cast s -> z", to_int()))),
    ];
    for (what, onnx) in wrong {
        assert!(onnx.compile().is_err(), "{what}");
    }
    let sum = named(scores().node("Cast s -> z", to_float()).node("Add p z -> y", vec![])).compile().unwrap();
    assert!(numbers(&run(&sum, &[0.0; 3])[0]).iter().all(|v| (v - 2.0).abs() < 1e-5));
}

#[test]
fn a_column_and_a_row_are_not_taken_element_by_element() {
    let model = |a: &[i64], b: &[i64]| {
        let onnx = Onnx::new(3).constant("a", a, &[1.0, 2.0, 3.0]).constant("b", b, &[10.0, 20.0, 30.0]);
        onnx.node("Add a b -> c", vec![])
            .node("Add x c -> y", vec![])
            .node("ml.Scaler y -> z", scaler())
            .outputs(&["z"])
    };
    let sums = model(&[1, 3], &[3]).compile().unwrap();
    assert_eq!(numbers(&run(&sums, &[0.0; 3])[0]), [11.0, 22.0, 33.0]);
    let (message, _) = refusal(&model(&[3, 1], &[1, 3]));
    assert!(message.contains("constants of dimensions [3, 1] and [1, 3]"), "{message}");
    // The same after a tree's leaf.
    let leaves = |b: &[i64]| {
        let onnx = Onnx::new(1).constant("a", &[3, 1], &[1.0, 2.0, 3.0]).constant("b", b, &[10.0, 20.0, 30.0]);
        let onnx = onnx.node("ml.TreeEnsembleRegressor x -> t", split()).node("Add t a -> u", vec![]);
        onnx.node("Add u b -> v", vec![]).outputs(&["v"])
    };
    assert!(leaves(&[3, 1]).compile().is_ok());
    let all = run(&leaves(&[1, 3]).compile().unwrap(), &[1.0]);
    assert_eq!(numbers(&all[0]), [12.0, 22.0, 32.0, 13.0, 23.0, 33.0, 14.0, 24.0, 34.0]);
}

fn scaler() -> Vec<AttributeProto> {
    vec![floats("offset", &[0.0]), floats("scale", &[1.0])]
}

#[test]
fn categories_that_cannot_be_columns_are_refused() {
    let many: Vec<i64> = (0..5000).collect();
    let cases = [
        ("expected 1 to 4096 categories, got 0", vec![]),
        ("expected 1 to 4096 categories, got 5000", vec![ints("cats_int64s", &many)]),
        ("expected categories that differ", vec![ints("cats_int64s", &[1, 2, 1])]),
    ];
    for (expected, attributes) in cases {
        let of_input = Onnx::new(1).node("ml.OneHotEncoder x -> y", attributes.clone()).outputs(&["y"]);
        let of_leaf = Onnx::new(1).node("ml.TreeEnsembleRegressor x -> t", split());
        let of_leaf = of_leaf.node("Cast t -> i", vec![int("to", 7)]).node("ml.OneHotEncoder i -> y", attributes);
        for onnx in [of_input, of_leaf.outputs(&["y"])] {
            let (message, _) = refusal(&onnx);
            assert!(message.contains(expected), "expected {expected:?}, got {message:?}");
        }
    }
    let codes = |value| vec![ints("keys_int64s", &[0]), ints("values_int64s", &[value])];
    let label = |value| Onnx::new(1).node("ml.LabelEncoder x -> y", codes(value)).outputs(&["y"]);
    assert!(label(1 << 24).compile().is_ok());
    let (message, _) = refusal(&label((1 << 24) + 1));
    assert!(message.contains("expected numbers that float32 has, got 16777217"), "{message}");
}

#[test]
fn comparisons_need_finite_constants() {
    let model = |constants: &[f32]| {
        let onnx = Onnx::new(2).constant("c", &[1, constants.len() as i64], constants).int_constant("at", &[1], &[0]);
        let onnx = onnx.node("ml.ArrayFeatureExtractor x at -> a", vec![]).node("Less a c -> l", vec![]);
        onnx.node("Cast l -> y", vec![int("to", 1)]).node("ml.Scaler y -> z", scaler()).outputs(&["z"])
    };
    assert!(model(&[0.5, 1.5]).compile().is_ok());
    for infinite in [f32::INFINITY, f32::NEG_INFINITY] {
        let (message, _) = refusal(&model(&[0.5, infinite]));
        assert!(message.contains("expected finite numbers"), "{message}");
    }
    assert!(refusal(&model(&[])).0.contains("expected numbers to compare with, got none"));
}
