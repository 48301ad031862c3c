//! Graphs as exporters and users write them, against arithmetic written out here.

use crate::support::{Onnx, float, int, numbers};
use ciro_compile::onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TYPE_DOUBLE, TYPE_INT64, TYPE_UINT8, TensorProto, ValueInfoProto,
};
use ciro_compile::onnx::with_external_data;
use ciro_compile::samples::Samples;
use ciro_compile::{CompileError, Options, compile_onnx};
use ciro_execution::execute;
use ciro_graph::render::render;
use ciro_graph::{RawInput, RawTensor};
use prost::Message;

/// Numbers in [−1, 1), from a fixed seed.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut one = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count).map(|_| one()).collect()
}

fn input(shape: &[u32], values: &[f32]) -> RawInput {
    RawInput(vec![RawTensor { shape: shape.to_vec(), bits: values.iter().map(|v| v.to_bits()).collect() }])
}

/// Compiles with the inputs as samples, and compares the last output on each with `expected`, to a part of the largest.
fn check(onnx: &Onnx, inputs: &[RawInput], within: f64, expected: impl Fn(&[f32]) -> Vec<f64>) {
    let samples = Samples { inputs: inputs.to_vec(), expected: None };
    let options = Options { calibration: Some(samples), tolerance: Some(0.5), ..Options::default() };
    let compiled = compile_onnx(&onnx.bytes(), &options).unwrap_or_else(|e| panic!("{e}: {:?}", e.hint()));
    let program = &compiled.model.program;
    for raw in inputs {
        let given = program.inputs.iter().zip(&raw.0).flat_map(|(input, tensor)| input.given(tensor));
        let x: Vec<f32> = given.map(|number| number.parse().unwrap()).collect();
        let run = execute(&compiled.model, raw).unwrap();
        let got = numbers(&render(program, &run.outputs(program)).unwrap().pop().expect("an output").values);
        let expected = expected(&x);
        let size = expected.iter().fold(1e-9f64, |size, v| size.max(v.abs()));
        assert_eq!(got.len(), expected.len());
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert!((got - expected).abs() <= within * size, "element {i}: {got} for {expected}");
        }
    }
}

/// The same numbers as doubles.
fn doubled(inputs: &[RawInput]) -> Vec<RawInput> {
    let double = |&bits: &u32| f64::from(f32::from_bits(bits)).to_bits();
    let tensor = |t: &RawTensor| RawTensor::of_doubles(t.shape.clone(), t.bits.iter().map(double));
    inputs.iter().map(|raw| RawInput(raw.0.iter().map(tensor).collect())).collect()
}

fn noisy(shape: &[u32], count: usize) -> Vec<RawInput> {
    let len = shape.iter().product::<u32>() as usize;
    (0..count as u64).map(|seed| input(shape, &noise(len, seed + 3))).collect()
}

/// `x·w`, w row-major (k, n).
fn product(x: &[f64], w: &[f32], n: usize) -> Vec<f64> {
    (0..n).map(|j| x.iter().enumerate().map(|(i, x)| x * f64::from(w[i * n + j])).sum()).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&v| f64::from(v)).collect()
}

#[test]
fn a_flattened_image_goes_through_dense_layers() {
    for (dims, shape) in [([1, 1, 4, 4].as_slice(), [1, 1, 4, 4].as_slice()), (&[1, 2, 8], &[1, 2, 8])] {
        for with_bias in [true, false] {
            let (w, v, b) = (noise(16 * 6, 1), noise(6 * 3, 2), noise(6, 9));
            let onnx = Onnx::of(dims).constant("w", &[16, 6], &w).constant("v", &[6, 3], &v).constant("b", &[6], &b);
            let onnx = onnx.node("Flatten x -> f", vec![int("axis", 1)]).node("MatMul f w -> m", vec![]);
            let onnx = if with_bias { onnx.node("Add m b -> a", vec![]) } else { onnx.node("Identity m -> a", vec![]) };
            let onnx = onnx.node("Relu a -> r", vec![]).node("MatMul r v -> y", vec![]).outputs(&["y"]);
            let shape: Vec<u32> = shape.to_vec();
            check(&onnx, &noisy(&shape, 8), 5e-3, |x| {
                let hidden = product(&wide(x), &w, 6).into_iter().zip(&b);
                let hidden = hidden.map(|(v, &b)| (v + if with_bias { f64::from(b) } else { 0.0 }).max(0.0));
                product(&hidden.collect::<Vec<_>>(), &v, 3)
            });
        }
    }
}

#[test]
fn sums_run_along_any_axis_from_either_end() {
    for (axis, exclusive, reverse) in [(1, 0, 0), (2, 0, 1), (-1, 1, 0), (-2, 1, 1)] {
        let sums = vec![int("exclusive", exclusive), int("reverse", reverse)];
        let onnx = Onnx::of(&[1, 3, 4]).int_constant("axis", &[], &[axis]).node("CumSum x axis -> y", sums);
        check(&onnx.outputs(&["y"]), &noisy(&[1, 3, 4], 8), 0.01, |x| {
            let along_rows = axis.rem_euclid(3) == 1;
            let place = |i: usize| if along_rows { i / 4 } else { i % 4 };
            let line = |i: usize| if along_rows { i % 4 } else { i / 4 };
            let is_added = |from: usize, to: usize| {
                let (from, to) = if reverse == 1 { (to, from) } else { (from, to) };
                from < to || (exclusive == 0 && from == to)
            };
            let of = |to: usize| (0..12).filter(move |&i| line(i) == line(to) && is_added(place(i), place(to)));
            (0..12).map(|to| of(to).map(|i| f64::from(x[i])).sum()).collect()
        });
    }
}

#[test]
fn a_constant_is_spread_over_a_matrix() {
    let m = noise(4, 5);
    let onnx = Onnx::of(&[1, 3, 4]).constant("m", &[4], &m);
    let onnx = onnx.node("Sub x m -> a", vec![]).node("Relu a -> y", vec![]).outputs(&["y"]);
    check(&onnx, &noisy(&[1, 3, 4], 8), 5e-3, |x| {
        x.iter().enumerate().map(|(i, &x)| (f64::from(x) - f64::from(m[i % 4])).max(0.0)).collect()
    });
}

#[test]
fn a_hyperbolic_tangent_before_a_class_is_no_matter() {
    let (w, v) = (noise(5 * 8, 1), noise(8 * 2, 2));
    let onnx = Onnx::new(5).constant("w", &[5, 8], &w).constant("v", &[8, 2], &v).constant("half", &[], &[0.5]);
    let onnx = onnx
        .node("MatMul x w -> m", vec![])
        .node("Tanh m -> t", vec![])
        .node("MatMul t v -> s", vec![])
        .node("ml.Normalizer s -> y", vec![])
        .outputs(&["s"]);
    check(&onnx, &noisy(&[1, 5], 8), 1e-4, |x| {
        product(&product(&wide(x), &w, 8).into_iter().map(f64::tanh).collect::<Vec<_>>(), &v, 2)
    });
}

#[test]
fn features_are_clipped_before_a_linear_model() {
    let w = noise(4, 3);
    for (lo, hi) in [(Some(-0.25f32), Some(0.5f32)), (None, Some(0.5)), (Some(-0.25), None)] {
        let bounds = [("lo", lo), ("hi", hi)].into_iter().filter_map(|(name, v)| Some((name, v?)));
        let onnx = bounds.fold(Onnx::new(4), |onnx, (name, v)| onnx.constant(name, &[], &[v]));
        let text = match (lo, hi) {
            (Some(_), Some(_)) => "Clip x lo hi -> c",
            (Some(_), None) => "Clip x lo -> c",
            (None, _) => "Clip x  hi -> c",
        };
        let onnx = onnx.node(text, vec![]).edit(|model| {
            if lo.is_none() {
                let node = &mut model.graph.as_mut().unwrap().node[0];
                node.input = vec!["x".into(), String::new(), "hi".into()];
            }
        });
        let onnx =
            onnx.node("ml.LinearRegressor c -> y", vec![crate::support::floats("coefficients", &w)]).outputs(&["y"]);
        check(&onnx, &noisy(&[1, 4], 8), 1e-4, |x| {
            let clip = |x: f32| f64::from(x).clamp(lo.map_or(-9.0, f64::from), hi.map_or(9.0, f64::from));
            product(&x.iter().map(|&x| clip(x)).collect::<Vec<_>>(), &w, 1)
        });
    }
}

fn typed(onnx: Onnx, elem_type: i32) -> Onnx {
    onnx.edit(|model| {
        let input = &mut model.graph.as_mut().unwrap().input[0];
        input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = Some(elem_type);
    })
}

#[test]
fn integers_divide_as_numbers_once_they_are_cast() {
    for elem_type in [TYPE_INT64, TYPE_UINT8] {
        let onnx = Onnx::new(4).constant("k", &[], &[50.0]);
        let onnx = onnx.node("Cast x -> c", vec![int("to", 1)]).node("Div c k -> d", vec![]);
        let onnx = typed(onnx.node("Tanh d -> y", vec![]).outputs(&["y"]), elem_type);
        let inputs: Vec<RawInput> =
            (0..8).map(|i| input(&[1, 4], &[i, 2 * i, 50, 100 - i].map(|v| v as f32))).collect();
        check(&onnx, &inputs, 5e-3, |x| x.iter().map(|&x| (f64::from(x) / 50.0).tanh()).collect());
    }
}

#[test]
fn a_linear_model_reads_doubles() {
    let onnx = Onnx::new(2).constant("w", &[2, 1], &[0.5, -2.0]).node("MatMul x w -> y", vec![]).outputs(&["y"]);
    check(&typed(onnx, TYPE_DOUBLE), &doubled(&noisy(&[1, 2], 4)), 1e-5, |x| product(&wide(x), &[0.5, -2.0], 1));
}

#[test]
fn columns_of_ids_have_tables_of_their_own() {
    let table = noise(7 * 3, 8);
    let onnx = Onnx::new(2).constant("e", &[7, 3], &table).int_constant("i", &[], &[1]);
    let onnx = onnx
        .node("Gather x i -> id", vec![int("axis", 1)])
        .node("Gather e id -> v", vec![int("axis", 0)])
        .node("Tanh v -> y", vec![])
        .outputs(&["y"]);
    let inputs: Vec<RawInput> = (0..7).map(|i| input(&[1, 2], &[6.0 - i as f32, i as f32])).collect();
    check(&typed(onnx, TYPE_INT64), &inputs, 5e-3, |x| {
        table[x[1] as usize * 3..][..3].iter().map(|&v| f64::from(v).tanh()).collect()
    });
}

#[test]
fn a_mask_that_dropout_names_and_nothing_reads_is_no_training() {
    let onnx = Onnx::new(3).node("Dropout x -> d mask", vec![float("ratio", 0.5)]);
    let onnx = onnx.node("Tanh d -> y", vec![]).outputs(&["y"]);
    check(&onnx, &noisy(&[1, 3], 4), 5e-3, |x| x.iter().map(|&x| f64::from(x).tanh()).collect());
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.into()],
        op_type: Some(op.into()),
        ..NodeProto::default()
    }
}

fn branch(name: &str, op: &str) -> AttributeProto {
    let output = ValueInfoProto { name: Some(format!("{op}.out")), r#type: None };
    let graph = GraphProto {
        node: vec![node(op, &["x"], &format!("{op}.out"))],
        output: vec![output],
        ..GraphProto::default()
    };
    AttributeProto { name: Some(name.into()), g: Some(Box::new(graph)), r#type: Some(5), ..AttributeProto::default() }
}

#[test]
fn a_branch_by_a_constant_is_taken() {
    for (condition, f) in [(1, f64::tanh as fn(f64) -> f64), (0, f64::sin)] {
        let branches = vec![branch("then_branch", "Tanh"), branch("else_branch", "Sin")];
        let onnx = Onnx::new(3).int_constant("c", &[], &[condition]).node("If c -> y", branches).outputs(&["y"]);
        check(&onnx, &noisy(&[1, 3], 4), 5e-3, |x| x.iter().map(|&x| f(f64::from(x))).collect());
    }
}

#[test]
fn of_a_branch_by_the_input_both_are_computed() {
    let branches = vec![branch("then_branch", "Tanh"), branch("else_branch", "Sin")];
    let onnx = Onnx::new(1).constant("z", &[], &[0.0]).node("Greater x z -> c", vec![]).node("If c -> y", branches);
    let chosen = |x: f64| if x > 0.0 { x.tanh() } else { x.sin() };
    check(&onnx.outputs(&["y"]), &noisy(&[1, 1], 16), 1e-2, |x| vec![chosen(f64::from(x[0]))]);
}

#[test]
fn operators_of_the_models_own_are_put_in() {
    // f(a) = g(tanh(a)), g(a) = a · alpha with the caller's alpha.
    let of =
        |op: &str, inputs: &[&str], output: &str| NodeProto { domain: Some("own".into()), ..node(op, inputs, output) };
    let alpha = AttributeProto {
        name: Some("value_float".into()),
        ref_attr_name: Some("alpha".into()),
        r#type: Some(1),
        ..AttributeProto::default()
    };
    let constant = NodeProto { attribute: vec![alpha], ..node("Constant", &[], "k") };
    let inner = FunctionProto {
        name: Some("G".into()),
        domain: Some("own".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![constant, node("Mul", &["a", "k"], "b")],
        attribute_proto: vec![float("alpha", 3.0)],
    };
    let outer = FunctionProto {
        name: Some("F".into()),
        node: vec![node("Tanh", &["a"], "t"), of("G", &["t"], "b")],
        attribute_proto: vec![],
        ..inner.clone()
    };
    let functions = |functions: Vec<FunctionProto>| move |model: &mut ModelProto| model.functions = functions;
    let onnx = Onnx::new(3).node("F x -> h", vec![]).node("G h -> y", vec![float("alpha", 0.5)]).outputs(&["y"]);
    let own = |model: &mut ModelProto| {
        model.graph.as_mut().unwrap().node.iter_mut().for_each(|node| node.domain = Some("own".into()));
    };
    let onnx = onnx.edit(own).edit(functions(vec![inner, outer.clone()]));
    check(&onnx, &noisy(&[1, 3], 4), 5e-3, |x| x.iter().map(|&x| 1.5 * f64::from(x).tanh()).collect());

    // One that calls itself has no end.
    let endless = FunctionProto { node: vec![of("F", &["a"], "b")], ..outer };
    let onnx = Onnx::new(3).node("F x -> y", vec![]).outputs(&["y"]).edit(own).edit(functions(vec![endless]));
    assert!(matches!(onnx.compile(), Err(CompileError::NotOnnx { .. })));
}

/// Softmax of x where a mask (the first three of six numbers) shows it, of `fill` elsewhere.
fn filled_softmax(fill: f32) -> Onnx {
    let onnx = Onnx::new(6).constant("z", &[], &[0.5]).constant("fill", &[], &[fill]);
    onnx.node("Split x -> mask scores", vec![int("axis", 1)])
        .node("Greater mask z -> shown", vec![])
        .node("Where shown scores fill -> t", vec![])
        .node("Softmax t -> y", vec![int("axis", 1)])
        .outputs(&["y"])
}

fn softmax(x: &[f64]) -> Vec<f64> {
    let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = x.iter().map(|v| (v - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

#[test]
fn a_fill_value_counts_as_what_it_is() {
    for fill in [0.0, -1.5, -40.0, -500.0, -1e4, -65504.0, -1e8, -1e9] {
        let flags = [[1.0f32, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let inputs: Vec<RawInput> =
            (0..8usize).map(|i| input(&[1, 6], &[flags[i % 4].as_slice(), &noise(3, i as u64 + 1)].concat())).collect();
        check(&filled_softmax(fill), &inputs, 6e-3, |x| {
            let shown = |(i, &s): (usize, &f32)| f64::from(if x[i] > 0.5 { s } else { fill });
            softmax(&x[3..].iter().enumerate().map(shown).collect::<Vec<_>>())
        });
    }
}

#[test]
fn where_nothing_is_shown_all_is_alike() {
    let all = |flag: f32, seed| input(&[1, 6], &[&[flag; 3], noise(3, seed).as_slice()].concat());
    let inputs: Vec<RawInput> = (0..8).map(|i| all(f32::from(i % 2 == 0), i + 1)).collect();
    check(&filled_softmax(-1e4), &inputs, 6e-3, |x| {
        softmax(&x[3..].iter().map(|&s| if x[0] > 0.5 { f64::from(s) } else { 0.0 }).collect::<Vec<_>>())
    });
}

#[test]
fn a_constant_mask_fills_in_what_it_says() {
    for fill in [0.0f32, -2.0, -1e4] {
        let onnx = Onnx::new(4).int_constant("c", &[1, 4], &[1, 0, 1, 0]).constant("fill", &[], &[fill]);
        let onnx =
            onnx.node("Where c x fill -> t", vec![]).node("Softmax t -> y", vec![int("axis", 1)]).outputs(&["y"]);
        check(&onnx, &noisy(&[1, 4], 8), 6e-3, |x| {
            let shown = |(i, &x): (usize, &f32)| f64::from(if i % 2 == 0 { x } else { fill });
            softmax(&x.iter().enumerate().map(shown).collect::<Vec<_>>())
        });
    }
}

#[test]
fn corners_are_aligned_as_the_runtime_has_them() {
    // Five numbers at a scale of one half: two, the first and the last one.
    let onnx = Onnx::of(&[1, 1, 1, 5]).constant("s", &[4], &[1.0, 1.0, 1.0, 0.5]);
    let attributes = vec![
        crate::support::text("mode", "linear"),
        crate::support::text("coordinate_transformation_mode", "align_corners"),
    ];
    let onnx = onnx.edit(|model| model.opset_import[0].version = Some(13)).node("Resize x  s -> y", attributes);
    let onnx =
        onnx.edit(|model| model.graph.as_mut().unwrap().node[0].input = ["x", "", "s"].map(String::from).to_vec());
    check(&onnx.outputs(&["y"]), &noisy(&[1, 1, 1, 5], 4), 1e-2, |x| vec![f64::from(x[0]), f64::from(x[4])]);
}

#[test]
fn constants_beside_the_file_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let w = [0.5f32, -2.0];
    let bytes: Vec<u8> = [0u8; 4].into_iter().chain(w.iter().flat_map(|v| v.to_le_bytes())).collect();
    std::fs::write(folder.path().join("weights.data"), bytes).unwrap();
    let external = |location: &str, length: &str| {
        let entry =
            |(key, value): (&str, &str)| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
        let external_data = [("location", location), ("offset", "4"), ("length", length)].map(entry).to_vec();
        let tensor = TensorProto {
            name: Some("w".into()),
            dims: vec![2, 1],
            data_type: Some(1),
            external_data,
            data_location: Some(1),
            ..TensorProto::default()
        };
        let onnx = Onnx::new(2).node("MatMul x w -> y", vec![]).outputs(&["y"]);
        onnx.edit(|model| model.graph.as_mut().unwrap().initializer.push(tensor)).bytes()
    };
    let whole = with_external_data(external("weights.data", "8"), folder.path()).unwrap();
    let inside = Onnx::new(2).constant("w", &[2, 1], &w).node("MatMul x w -> y", vec![]).outputs(&["y"]);
    assert_eq!(compile_onnx(&whole, &Options::default()).unwrap().model, inside.compile().unwrap().model);
    // A file without any is handed back as it is.
    assert_eq!(with_external_data(inside.bytes(), folder.path()).unwrap(), inside.bytes());
    for (location, length, reason) in [
        ("nowhere.data", "8", "cannot be read"),
        ("../weights.data", "8", "in the folder of the model"),
        ("/etc/hostname", "1", "in the folder of the model"),
        ("weights.data", "many", "expected a number"),
        ("weights.data", "99999999999", "expected at most"),
    ] {
        let error = with_external_data(external(location, length), folder.path()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let short = with_external_data(external("weights.data", "4"), folder.path()).unwrap();
    assert!(matches!(compile_onnx(&short, &Options::default()), Err(CompileError::Initializer { .. })));
    let opsets = ModelProto::decode(whole.as_slice()).unwrap().opset_import;
    assert_eq!(opsets, [OperatorSetIdProto { domain: None, version: Some(17) }]);
}

fn regressor(coefficients: &[f32], targets: i64) -> Vec<AttributeProto> {
    vec![crate::support::floats("coefficients", coefficients), int("targets", targets)]
}

#[test]
fn the_models_of_an_ensemble_are_averaged() {
    let onnx = Onnx::new(2).int_constant("s", &[3], &[1, 1, 2]);
    let onnx = onnx
        .node("ml.LinearRegressor x -> a", regressor(&[1.0, 2.0, 3.0, 4.0], 2))
        .node("ml.LinearRegressor x -> b", regressor(&[0.5, -2.0, 7.0, 1.0], 2))
        .node("Reshape a s -> ra", vec![])
        .node("Reshape b s -> rb", vec![])
        .node("Concat ra rb -> all", vec![int("axis", 0)])
        .node("ReduceMean all -> y", vec![crate::support::ints("axes", &[0]), int("keepdims", 0)])
        .outputs(&["y"]);
    check(&onnx, &noisy(&[1, 2], 4), 1e-5, |x| {
        let of = |w: [f64; 4]| [0, 1].map(|j| w[2 * j] * f64::from(x[0]) + w[2 * j + 1] * f64::from(x[1]));
        let (a, b) = (of([1.0, 2.0, 3.0, 4.0]), of([0.5, -2.0, 7.0, 1.0]));
        vec![(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0]
    });
}

#[test]
fn a_calibration_is_a_logistic_function() {
    // 1 / (1 + e^(−2·s + 0.5)), twice, and their sum: as CalibratedClassifierCV has it.
    let onnx = Onnx::new(2).constant("a", &[], &[-2.0]).constant("b", &[], &[0.5]).constant("one", &[], &[1.0]);
    let onnx = onnx
        .node("ml.LinearRegressor x -> s", regressor(&[1.0, -1.0], 1))
        .node("Mul a s -> m", vec![])
        .node("Add m b -> z", vec![])
        .node("Exp z -> e", vec![])
        .node("Add one e -> d", vec![])
        .node("Div one d -> p", vec![])
        .node("Sum p p p -> y", vec![])
        .outputs(&["y"]);
    check(&onnx, &noisy(&[1, 2], 4), 1e-4, |x| {
        vec![3.0 / (1.0 + (0.5 - 2.0 * (f64::from(x[0]) - f64::from(x[1]))).exp())]
    });
}

#[test]
fn columns_are_multiplied() {
    let onnx = Onnx::new(3).int_constant("at", &[2], &[0, 2]);
    let onnx = onnx
        .node("ml.ArrayFeatureExtractor x at -> pair", vec![])
        .node("ReduceProd pair -> y", vec![crate::support::ints("axes", &[1])])
        .outputs(&["y"]);
    check(&onnx, &noisy(&[1, 3], 8), 1e-2, |x| vec![f64::from(x[0]) * f64::from(x[2])]);
}

#[test]
fn an_exponential_is_as_fine_as_what_samples_show() {
    // Weights that could reach e^40, where samples reach e^2.
    let onnx = Onnx::new(2).node("ml.LinearRegressor x -> s", regressor(&[2.0, 2.0], 1));
    let onnx = onnx.node("Exp s -> y", vec![]).outputs(&["y"]);
    let inputs: Vec<RawInput> = (0..8).map(|i| input(&[1, 2], &[i as f32 - 4.0, 4.5 - i as f32])).collect();
    check(&onnx, &inputs, 1e-3, |x| vec![(2.0 * (f64::from(x[0]) + f64::from(x[1]))).exp()]);
    let samples = Samples { inputs, expected: None };
    let model =
        compile_onnx(&onnx.bytes(), &Options { calibration: Some(samples), ..Options::default() }).unwrap().model;
    // Within the inputs' ranges, but beyond what was declared.
    assert!(execute(&model, &input(&[1, 2], &[4.0, 4.0])).is_err());
}
