//! Positions that are picked behind a computation are picked before it: the program is the one in which the file does so.

use crate::cost::estimate;
use crate::support::{Onnx, int, ints, text};
use ciro_compile::Compiled;
use ciro_execution::execute;
use ciro_graph::{Op, RawInput, RawTensor};

const TOKENS: usize = 4;
const WIDTH: usize = 8;

/// Numbers that differ.
fn varied(n: usize) -> Vec<f32> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn input() -> RawInput {
    let bits = varied(TOKENS * WIDTH).iter().map(|v| v.to_bits()).collect();
    RawInput(vec![RawTensor { shape: vec![1, TOKENS as u32, WIDTH as u32], bits }])
}

/// A model of four tokens of eight numbers each, `t`, with constants to compute with.
fn tokens() -> Onnx {
    let shape = |onnx: Onnx, name: &str, dims: &[i64]| onnx.int_constant(name, &[dims.len() as i64], dims);
    let onnx = shape(Onnx::of(&[1, TOKENS as i64, WIDTH as i64]), "heads", &[1, -1, 2, 4]);
    let onnx = shape(onnx, "flat", &[-1, 8]);
    onnx.constant("w", &[8, 8], &varied(64))
        .constant("positions", &[1, 4, 8], &varied(32))
        .constant("gain", &[8], &varied(8))
        .int_constant("last", &[1], &[-1])
        .int_constant("some", &[2], &[2, 0])
        .node("Identity x -> t", vec![])
}

/// The same steps with the pick behind them and before them. `steps` reads `a` and writes `b`. In each half of the comparison it is a
/// model of its own.
fn check(index: &str, axis: i64, early_axis: i64, steps: &[&str], early: &[(&str, &str)]) {
    let attributes = |step: &str| match step.split_whitespace().next() {
        Some("Softmax") => vec![int("axis", -1)],
        Some("LayerNormalization") => vec![int("axis", -1)],
        Some("Transpose") => vec![ints("perm", &[0, 2, 1, 3])],
        _ => vec![],
    };
    let with = |onnx: Onnx, steps: &[String]| steps.iter().fold(onnx, |onnx, step| onnx.node(step, attributes(step)));
    let own: Vec<String> = steps.iter().map(ToString::to_string).collect();
    let renamed: Vec<String> = steps
        .iter()
        .map(|step| early.iter().fold(step.to_string(), |step, (from, to)| step.replace(from, to)))
        .collect();
    let late = with(tokens().node("Identity t -> a", vec![]), &own)
        .node(&format!("Gather b {index} -> y"), vec![int("axis", axis)])
        .outputs(&["y"]);
    let soon = tokens()
        .node(&format!("Gather t {index} -> a"), vec![int("axis", early_axis)])
        .node(&format!("Gather positions {index} -> picked"), vec![int("axis", 1)]);
    let soon = with(soon, &renamed).node("Identity b -> y", vec![]).outputs(&["y"]);
    same(&late.compile().unwrap(), &soon.compile().unwrap(), steps);
}

fn same(late: &Compiled, soon: &Compiled, steps: &[&str]) {
    assert_eq!(estimate(&late.model), estimate(&soon.model), "{steps:?}");
    let input = input();
    let outputs = [late, soon].map(|compiled| {
        let run = execute(&compiled.model, &input).unwrap();
        run.outputs(&compiled.model.program)
    });
    assert_eq!(outputs[0], outputs[1], "{steps:?}");
}

#[test]
fn steps_that_work_row_by_row() {
    for index in ["last", "some"] {
        check(index, 1, 1, &["MatMul a w -> b"], &[]);
        check(index, 1, 1, &["Relu a -> r", "MatMul r w -> b"], &[]);
        check(index, 1, 1, &["LayerNormalization a gain -> n", "MatMul n w -> b"], &[]);
        check(index, 1, 1, &["MatMul a w -> s", "Softmax s -> b"], &[]);
        check(index, 1, 1, &["MatMul a w -> s", "Mul s gain -> m", "Tanh m -> b"], &[]);
    }
}

#[test]
fn constants_lose_the_same_positions() {
    let early = [("positions", "picked")];
    check("some", 1, 1, &["MatMul a w -> s", "Add s positions -> m", "Tanh m -> b"], &early);
    check("last", 1, 1, &["MatMul a w -> s", "Mul s positions -> m", "Tanh m -> b"], &early);
}

#[test]
fn other_shapes_in_between() {
    check("last", 0, 1, &["MatMul a w -> s", "Tanh s -> r", "Reshape r flat -> b"], &[]);
    check("some", 2, 1, &["MatMul a w -> s", "Tanh s -> r", "Reshape r heads -> h", "Transpose h -> b"], &[]);
}

#[test]
fn a_residual_branch_and_what_it_branches_from() {
    let block = ["Tanh a -> r", "MatMul r w -> s", "Relu s -> u", "MatMul u w -> v", "Add v r -> b"];
    check("last", 1, 1, &block, &[]);
}

/// An attention in which queries are picked, or its results. What is added to the scores is `off`, if `onnx` computes it.
fn attention(onnx: Onnx, is_masked: bool, pick_early: bool) -> Compiled {
    let (queries, result) =
        if pick_early { ("Gather q last -> p", "Identity c -> y") } else { ("Identity q -> p", "Gather c last -> y") };
    let axis = |step: &str| if step.starts_with("Gather") { vec![int("axis", 1)] } else { vec![] };
    onnx.node("MatMul t w -> q", vec![])
        .node("MatMul t w -> k", vec![])
        .node("Transpose k -> kt", vec![ints("perm", &[0, 2, 1])])
        .node(queries, axis(queries))
        .node("MatMul p kt -> products", vec![])
        .node(if is_masked { "Add products off -> scores" } else { "Identity products -> scores" }, vec![])
        .node("Softmax scores -> weights", vec![int("axis", -1)])
        .node("MatMul weights t -> c", vec![])
        .node(result, axis(result))
        .outputs(&["y"])
        .compile_within(1.0)
}

#[test]
fn queries_of_an_attention_but_not_its_keys() {
    let [late, soon] = [false, true].map(|early| attention(tokens(), false, early));
    same(&late, &soon, &["attention"]);
}

/// As encoders with a padding mask have it, whose answer is the state of one token.
#[test]
fn a_mask_that_depends_on_the_input_is_picked_with_the_scores() {
    let masked = || {
        tokens()
            .int_constant("first", &[1], &[0])
            .constant("zero", &[], &[0.0])
            .constant("one", &[], &[1.0])
            .constant("far", &[], &[-1e9])
            .node("Gather t first -> g", vec![int("axis", 2)])
            .node("Greater g zero -> positive", vec![])
            .node("Cast positive -> seen", vec![int("to", 1)])
            .node("Transpose seen -> row", vec![ints("perm", &[0, 2, 1])])
            .node("Sub one row -> unseen", vec![])
            .node("Mul unseen far -> off", vec![])
    };
    let [late, soon] = [false, true].map(|early| attention(masked(), true, early));
    same(&late, &soon, &["masked attention"]);
    // Tokens that are hidden have no weight.
    let x = varied(TOKENS * WIDTH);
    let seen: Vec<&[f32]> = x.chunks(WIDTH).filter(|token| token[0] > 0.0).collect();
    assert!(!seen.is_empty() && seen.len() < TOKENS);
    let run = execute(&late.model, &input()).unwrap();
    let outputs = ciro_graph::render::render(&late.model.program, &run.outputs(&late.model.program)).unwrap();
    for (i, &y) in crate::support::numbers(&outputs[0].values).iter().enumerate() {
        let (lo, hi) = seen
            .iter()
            .map(|token| f64::from(token[i]))
            .fold((f64::MAX, f64::MIN), |(lo, hi), v| (lo.min(v), hi.max(v)));
        assert!((lo - 0.02..hi + 0.02).contains(&y), "{i}: {y} between {lo} and {hi}");
    }
}

#[test]
fn a_pick_that_repeats_a_dimension_of_one_stays() {
    let onnx = Onnx::of(&[1, 1, 8, 1])
        .int_constant("pads", &[8], &[0, 0, 0, 0, 0, 0, -3, 2])
        .int_constant("axes", &[1], &[3])
        .node("Split x -> a b", vec![int("axis", 2)])
        .node("Mul a b -> m", vec![])
        .node("Pad m pads -> r", vec![text("mode", "edge")])
        .node("ReduceSum r axes -> y", vec![int("keepdims", 0)])
        .outputs(&["y"]);
    let compiled = onnx.compile_within(1.0);
    let x = varied(8);
    let bits = x.iter().map(|v| v.to_bits()).collect();
    let run = execute(&compiled.model, &RawInput(vec![RawTensor { shape: vec![1, 1, 8, 1], bits }])).unwrap();
    let outputs = ciro_graph::render::render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
    let y = crate::support::numbers(&outputs[0].values);
    let expected = f64::from(3.0 * x[0] * x[4]);
    assert!(y.len() == 1 && (y[0] - expected).abs() < 0.01, "{y:?}, expected {expected}");
}

/// What a convolution's sums are rounded for is one function of them, picked or not.
#[test]
fn a_convolution_is_not_rounded_twice() {
    let with = |last: &str| {
        let onnx = Onnx::of(&[1, 2, 4, 4])
            .constant("k", &[3, 2, 3, 3], &varied(54))
            .int_constant("some", &[1], &[0])
            .node("Conv x k -> c", vec![])
            .node("Relu c -> r", vec![])
            .node(last, if last.starts_with("Gather") { vec![int("axis", 2)] } else { vec![] });
        estimate(&onnx.outputs(&["y"]).compile_within(1.0).model)
    };
    assert_eq!(with("Gather r some -> y"), with("Identity r -> y"));
}

#[test]
fn what_others_read_is_not_computed_twice() {
    let onnx = tokens()
        .node("MatMul t w -> s", vec![])
        .node("Tanh s -> h", vec![])
        .node("Gather h last -> y", vec![int("axis", 1)])
        .outputs(&["y", "h"]);
    let program = onnx.compile().unwrap().model.program;
    assert_eq!(program.nodes.iter().filter(|node| matches!(node.op, Op::Linear { .. })).count(), 1);
}

#[test]
fn zeros_around_are_no_positions() {
    // The exponential of what is padded is not what the exponential of padding is.
    let onnx = tokens()
        .node("Exp t -> e", vec![])
        .int_constant("pads", &[6], &[0, -3, 0, 0, 1, 0])
        .node("Pad e pads -> y", vec![])
        .outputs(&["y"]);
    let compiled = onnx.compile_within(1.0);
    let run = execute(&compiled.model, &input()).unwrap();
    let outputs = ciro_graph::render::render(&compiled.model.program, &run.outputs(&compiled.model.program)).unwrap();
    let values = crate::support::numbers(&outputs[0].values);
    assert!(values[..WIDTH].iter().all(|&v| v > 0.1) && values[WIDTH..].iter().all(|&v| v == 0.0), "{values:?}");
}
