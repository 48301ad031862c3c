//! What `check_program` and `check_model` refuse, and that nothing foreign makes them, or execution, panic.

use crate::support::{Builder, Tree, add_forest, raw};
use ciro_execution::execute;
use ciro_graph::batch::MAX_BATCH;
use ciro_graph::check::CheckError;
use ciro_graph::forest::ForestError;
use ciro_graph::problem::Problem;
use ciro_graph::{
    ConstId, Ingest, Interval, Model, Op, OutputKind, Pick, Program, ValueId, check_model, check_program,
};
use ciro_types::{TextError, decode, encode};
use proptest::prelude::*;

fn split(feature: u32, threshold: f32, below: Tree, above: Tree) -> Tree {
    Tree::Split { feature, threshold, below: Box::new(below), above: Box::new(above) }
}

/// One of nearly everything: a linear layer, a curve, a division and labels.
fn dense() -> Model {
    let mut b = Builder::new(Ingest::Fixed { exponents: vec![4, 5, 6], lo: -100, hi: 100 }, 3);
    let (weight, bias) = (b.constant(vec![3, -2, 5, 1, 0, 7]), b.constant(vec![10, -10]));
    let y = b.node(Op::Linear { x: ValueId(0), weight, bias: Some(bias) }).unwrap();
    let y = b.node(Op::Rescale { x: y, shift: 2 }).unwrap();
    let y = b.node(Op::Clamp { x: y, lo: -128, hi: 127 }).unwrap();
    let (values, slopes) = (b.constant(vec![1, 20, 300, 4000]), b.constant(vec![19, 280, 3700, 0]));
    let y = b.node(Op::Curve { x: y, lo: -128, frac_bits: 6, values, slopes }).unwrap();
    let sum = b.node(Op::Sum { x: y }).unwrap();
    let quotient = b.node(Op::Div { num: y, den: sum, digit_bits: 5, digits: 4 }).unwrap();
    let class = b.node(Op::ArgMax { x: y }).unwrap();
    b.output(quotient, OutputKind::Fixed { frac_bits: 20 });
    b.output(class, OutputKind::TextLabel { labels: vec!["no".into(), "yes".into()] });
    b.model
}

fn forest() -> Model {
    let mut b = Builder::new(Ingest::Ordered, 2);
    let deep = split(0, 0.5, Tree::Leaf(1), split(1, -0.5, Tree::Leaf(2), Tree::Leaf(3)));
    let op = add_forest(&mut b, &[deep, split(1, 2.0, Tree::Leaf(-7), Tree::Leaf(9))], vec![0, 1], 2);
    let y = b.node(op).unwrap();
    b.output(y, OutputKind::Fixed { frac_bits: 0 });
    b.model
}

fn problem(model: &Model) -> Problem {
    check_model(model).expect_err("a tampered model").problem
}

#[test]
fn the_models_of_this_file_pass() {
    for model in [dense(), forest()] {
        assert_eq!(check_program(&model.program), Ok(()));
        assert_eq!(check_model(&model), Ok(()));
        assert_eq!(decode::<Model>(&encode(&model), 10_000), Ok(model));
    }
}

#[test]
fn a_declared_interval_must_cover_the_computed_one() {
    for node in 0..dense().program.nodes.len() {
        let mut model = dense();
        model.program.nodes[node].hi -= 1;
        if let Ok(()) = check_model(&model) {
            panic!("node {node} declares less than it reaches");
        }
        let mut model = dense();
        model.program.nodes[node].lo += 1;
        assert!(check_model(&model).is_err(), "node {node}");
    }
}

#[test]
fn a_weight_that_grows_is_noticed() {
    let mut model = dense();
    model.weights[0][5] = 8;
    assert!(matches!(problem(&model), Problem::Uncovered { .. }));
    model.weights[0][5] = i32::MAX;
    assert!(matches!(problem(&model), Problem::Wraps { .. }));
    assert_eq!(check_program(&model.program), Ok(()), "validators do not see weights");
}

#[test]
fn references_go_backwards_only() {
    let mut model = dense();
    model.program.nodes[1].op = Op::Relu { x: ValueId(2) };
    assert_eq!(problem(&model), Problem::Reference { what: "value", below: 2, got: 2 });
    let mut model = dense();
    model.program.nodes[0].op = Op::Linear { x: ValueId(0), weight: ConstId(9), bias: None };
    assert_eq!(problem(&model), Problem::Reference { what: "constant", below: 4, got: 9 });
    let mut model = dense();
    model.program.outputs[0].value = ValueId(99);
    assert!(matches!(problem(&model), Problem::Reference { what: "value", .. }));
}

#[test]
fn class_indices_are_for_outputs_and_only_they_carry_labels() {
    let mut model = dense();
    let class = model.program.outputs[1].value;
    model.program.nodes.push(ciro_graph::Node { op: Op::Relu { x: class }, shape: vec![1], lo: 0, hi: 1 });
    assert_eq!(problem(&model), Problem::Kind { expected: "a number", got: "a class index" });
    let mut model = dense();
    model.program.outputs[1].value = ValueId(5);
    assert!(matches!(problem(&model), Problem::Kind { expected: "a class index", .. }));
    let mut model = dense();
    model.program.outputs[1].kind = OutputKind::IntLabel { labels: vec![1, 2, 3] };
    assert_eq!(problem(&model), Problem::Length { what: "labels", expected: 2, got: 3 });
}

#[test]
fn ordered_images_are_for_trees() {
    let mut model = forest();
    model.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -1 << 29, hi: (1 << 29) - 1 };
    assert!(check_model(&model).is_ok());
    model.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: 0, hi: 1 << 29 };
    assert!(matches!(problem(&model), Problem::Range { what: "a forest's number", got: 0x2000_0000, .. }));
    let mut model = dense();
    model.program.inputs[0].ingest = Ingest::Ordered;
    assert_eq!(problem(&model), Problem::Kind { expected: "a number", got: "an ordered image" });
}

fn rectify(shift: u8, bits: u8, taps: Vec<Vec<Pick>>) -> Op {
    Op::Rectify { x: ValueId(1), shift, bits, taps }
}

fn tap(axis: u8, index: &[i32]) -> Vec<Pick> {
    vec![Pick { axis, index: index.to_vec() }]
}

/// The equations about compared numbers hold modulo p: those and what they are rounded from must not meet around the field.
#[test]
fn compared_numbers_that_could_wrap_are_refused() {
    let check = |shift: u8, bits: u8, taps: Vec<Vec<Pick>>| {
        let mut model = dense();
        model.program.nodes[1].op = rectify(shift, bits, taps);
        check_program(&model.program).map_err(|error| error.problem)
    };
    let tap = || tap(1, &[0, 1]);
    // Four rounds of 2²⁹ are more than p, three are not.
    for (bits, taps, fits) in [(29, 1, true), (29, 3, true), (29, 5, false), (28, 9, true)] {
        let result = check(0, bits, vec![tap(); taps]);
        assert_eq!(!matches!(result, Err(Problem::Wraps { what: "compared numbers", .. })), fits, "{bits} {taps}");
    }
    assert!(matches!(check(2, 29, vec![]), Err(Problem::Wraps { what: "compared numbers", .. })));
    for (shift, bits, fits) in [(0, 30, true), (10, 20, true), (1, 30, false), (29, 2, false)] {
        let mut model = dense();
        model.program.nodes[1].op = Op::Gap { x: ValueId(1), shift, bits };
        let result = check_program(&model.program).map_err(|error| error.problem);
        assert_eq!(!matches!(result, Err(Problem::Wraps { what: "compared numbers", .. })), fits, "{shift} {bits}");
    }
    assert!(matches!(check(2, 4, vec![tap(); 1025]), Err(Problem::TooMany { what: "taps", .. })));
}

#[test]
fn taps_have_one_shape() {
    let mut model = dense();
    model.program.nodes[1].op = rectify(1, 4, vec![tap(1, &[0]), tap(1, &[0, 1])]);
    assert!(matches!(problem(&model), Problem::Shape { what: "tap", .. }));
}

#[test]
fn parameters_have_ranges() {
    type Edit = fn(&mut Program);
    let edits: [(&str, Edit); 19] = [
        ("shift 0", |p| p.nodes[1].op = Op::Rescale { x: ValueId(1), shift: 0 }),
        ("shift 30", |p| p.nodes[1].op = Op::Rescale { x: ValueId(1), shift: 30 }),
        ("narrow by 30", |p| p.nodes[1].op = Op::Narrow { x: ValueId(1), shift: 30, lo: 0, bits: 4 }),
        ("narrow to one", |p| p.nodes[1].op = Op::Narrow { x: ValueId(1), shift: 1, lo: 0, bits: 0 }),
        ("narrow to all", |p| p.nodes[1].op = Op::Narrow { x: ValueId(1), shift: 1, lo: -(1 << 29), bits: 30 }),
        ("gap by 30", |p| p.nodes[1].op = Op::Gap { x: ValueId(1), shift: 30, bits: 4 }),
        ("gap of none", |p| p.nodes[1].op = Op::Gap { x: ValueId(1), shift: 1, bits: 0 }),
        ("rectify by 30", |p| p.nodes[1].op = rectify(30, 4, vec![])),
        ("rectify to one", |p| p.nodes[1].op = rectify(1, 0, vec![])),
        ("rectify what is not there", |p| p.nodes[1].op = rectify(1, 4, vec![tap(1, &[2])])),
        ("empty clamp", |p| p.nodes[2].op = Op::Clamp { x: ValueId(2), lo: 5, hi: 5 }),
        ("curve domain", |p| {
            if let Op::Curve { lo, .. } = &mut p.nodes[3].op {
                *lo += 1;
            }
        }),
        ("limb width", |p| p.limb_bits = 17),
        ("curve width", |p| p.limb_bits = 2),
        ("no samples", |p| p.batch = 0),
        ("too many samples", |p| p.batch = MAX_BATCH + 1),
        ("zero factor", |p| p.nodes[2].op = Op::Scale { x: ValueId(2), factor: 0 }),
        ("negative root", |p| p.nodes[2].op = Op::Isqrt { x: ValueId(2) }),
        ("wide quotient", |p| p.nodes[5].op = Op::Div { num: ValueId(4), den: ValueId(5), digit_bits: 15, digits: 2 }),
    ];
    for (name, edit) in edits {
        let mut model = dense();
        edit(&mut model.program);
        let error = check_program(&model.program).expect_err(name);
        assert!(matches!(error.problem, Problem::Range { .. } | Problem::Zero { .. }), "{name}: {error}");
    }
}

fn imputed(missing: Vec<i32>) -> Ingest {
    Ingest::Imputed { exponents: vec![4, 5, 6], lo: -100, hi: 100, missing }
}

#[test]
fn what_stands_for_a_missing_value_is_accepted_itself() {
    let mut model = dense();
    for end in [-100, 100] {
        model.program.inputs[0].ingest = imputed(vec![0, 0, end]);
        assert_eq!(check_program(&model.program), Ok(()));
        model.program.inputs[0].ingest = imputed(vec![0, 0, end + end.signum()]);
        let error = check_program(&model.program).expect_err("a value outside");
        assert!(matches!(error.problem, Problem::Range { what: "missing value", .. }), "{error}");
    }
}

#[test]
fn lengths_agree() {
    type Edit = fn(&mut Model);
    let edits: [(&str, Edit); 7] = [
        ("missing values", |m| m.program.inputs[0].ingest = imputed(vec![1, 2])),
        ("node", |m| m.program.nodes[0].shape = vec![3]),
        ("constant", |m| m.program.constants[0].shape = vec![5]),
        ("weights", |m| m.weights[1].push(0)),
        ("missing weights", |m| drop(m.weights.pop())),
        ("exponents", |m| m.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![1, 2], lo: -100, hi: 100 }),
        ("output", |m| m.program.outputs[0].shape = vec![3]),
    ];
    for (name, edit) in edits {
        let mut model = dense();
        edit(&mut model);
        assert!(matches!(problem(&model), Problem::Length { .. } | Problem::Shape { .. }), "{name}");
    }
}

#[test]
fn names_are_short_and_distinct() {
    let mut model = dense();
    model.program.outputs[1].name = "y0".into();
    assert_eq!(problem(&model), Problem::Name { got: "y0".into() });
    let mut model = dense();
    model.program.inputs[0].name = "n".repeat(257);
    assert_eq!(problem(&model), Problem::Text { what: "name", source: TextError::TooLong { expected: 256, got: 257 } });
}

/// Whatever a program calls its parts ends on the screen of whoever checks a receipt.
#[test]
fn names_and_labels_are_printable() {
    type Part = (&'static str, fn(&mut Program, String));
    let parts: [Part; 5] = [
        ("program name", |program, text| program.name = text),
        ("name", |program, text| program.inputs[0].name = text),
        ("name", |program, text| program.constants[0].name = text),
        ("name", |program, text| program.outputs[0].name = text),
        ("label", |program, text| {
            program.outputs[0].kind = OutputKind::TextLabel { labels: vec!["no".into(), text] };
        }),
    ];
    for (what, put) in parts {
        for hidden in ['\n', '\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}'] {
            let mut model = dense();
            put(&mut model.program, format!("a{hidden}b"));
            assert_eq!(problem(&model), Problem::Text { what, source: TextError::Hidden { got: hidden.into() } });
        }
    }
}

#[test]
fn a_batch_is_limited_by_all_its_elements() {
    let mut model = dense();
    model.program.batch = MAX_BATCH;
    assert!(check_model(&model).is_ok());
    model.program.inputs[0].shape = vec![1 << 13];
    assert!(matches!(problem(&model), Problem::TooMany { what: "elements", .. }));
}

#[test]
fn sizes_are_limited_before_anything_is_allocated() {
    let mut model = dense();
    model.program.inputs[0].shape = vec![u32::MAX; 3];
    assert!(check_program(&model.program).is_err());
    let mut model = forest();
    if let Op::Trees { forest, .. } = &mut model.program.nodes[0].op {
        forest.classes = u32::MAX;
    }
    assert!(matches!(check_program(&model.program).unwrap_err().problem, Problem::Range { what: "classes", .. }));
}

/// Each level of a forest reads them all.
#[test]
fn the_parts_of_a_forest_are_limited() {
    for (count, is_refused) in [(0, true), (1, false), (1 << 8, false), ((1 << 8) + 1, true)] {
        let mut model = forest();
        if let Op::Trees { parts, .. } = &mut model.program.nodes[0].op {
            *parts = vec![ValueId(0); count];
        }
        let parts = Interval { lo: 1, hi: 1 << 8 };
        let refused = Problem::Range { what: "parts", expected: parts, got: count as i64 };
        let got = check_program(&model.program).map_err(|error| error.problem);
        assert_eq!(got, if is_refused { Err(refused) } else { Ok(()) }, "{count}");
    }
}

#[test]
fn forests_are_trees() {
    // Constants: 0 feature, 1 and 2 threshold, 3 left, 4 leaf, 5 values. Nodes: 0 and 1 roots; 2, 3; 4, 5; 6, 7.
    type Edit = fn(&mut Model);
    let edits: [(&str, Edit); 8] = [
        ("shared child", |m| m.weights[3][3] = 4),
        ("child is a root", |m| m.weights[3][3] = 0),
        ("child beyond the end", |m| m.weights[3][3] = 7),
        ("negative child", |m| m.weights[3][3] = -1),
        ("unlisted loop", |m| m.weights[3][3] = 3),
        ("feature", |m| m.weights[0][0] = 2),
        ("threshold", |m| m.weights[1][0] = 0x1_0000),
        ("leaf order", |m| m.weights[4].swap(0, 1)),
    ];
    for (name, edit) in edits {
        let mut model = forest();
        edit(&mut model);
        assert!(matches!(problem(&model), Problem::Forest(_)), "{name}: {}", problem(&model));
        let _ = execute(&model, &raw(&[0.0, 0.0]));
    }
    let mut shallow = forest();
    if let Op::Trees { forest, .. } = &mut shallow.program.nodes[0].op {
        forest.depth = 1;
    }
    assert!(
        matches!(problem(&shallow), Problem::Forest(ForestError::TooDeep { depth: 1, .. })),
        "{}",
        problem(&shallow)
    );
    assert!(execute(&shallow, &raw(&[1.0, 0.0])).is_err(), "an unfinished walk gives no sum");
}

#[test]
fn an_error_reads_as_place_and_problem() {
    let mut model = dense();
    model.program.nodes[1].op = Op::Rescale { x: ValueId(1), shift: 40 };
    let error: CheckError = check_program(&model.program).unwrap_err();
    assert_eq!(error.to_string(), "node 1 (Rescale): shift: expected a value in [1, 29], got 40");
    let computed = Interval { lo: -1, hi: 1 };
    assert_eq!(Problem::Wraps { what: "result", got: computed }.to_string(), "result [-1, 1] leaves ±(2³⁰ − 2²³)");
}

proptest! {
    #[test]
    fn mutated_models_never_panic(
        which in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode(&if which { dense() } else { forest() });
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(model) = decode::<Model>(&bytes, 10_000) {
            let _ = check_program(&model.program);
            let checked = check_model(&model);
            let width = model.program.inputs.first().and_then(|i| i.shape.get(1)).map_or(2, |&d| d.min(8));
            let run = execute(&model, &raw(&vec![0.25; width as usize]));
            if checked.is_ok() {
                // A checked model may refuse an input or a quotient, never a declared interval.
                let broken = matches!(run, Err(ciro_execution::ExecError::Node { fault: ciro_execution::Fault::Interval { .. }, .. }));
                prop_assert!(!broken, "{:?}", run);
            }
        }
    }
}
