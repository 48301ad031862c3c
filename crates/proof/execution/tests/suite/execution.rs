//! Execution against slow twins that share no code with it.

use crate::support::{Builder, Tree, add_forest, raw};
use ciro_execution::Fault;
use ciro_execution::{ExecError, execute};
use ciro_graph::ingest::{Element, fixed, ordered, unordered};
use ciro_graph::{
    Column, Ingest, IngestError, Interval, Model, Op, OutputKind, Pick, RawInput, RawOutput, RawTensor, ValueId,
    check_model,
};
use proptest::prelude::*;

const FIXED: OutputKind = OutputKind::Fixed { frac_bits: 0 };

fn integers(len: u32, magnitude: i32) -> Builder {
    Builder::new(Ingest::Fixed { exponents: vec![0], lo: -magnitude, hi: magnitude }, len)
}

/// Floats with every class of bit pattern, NaN excepted.
fn any_float() -> impl Strategy<Value = f32> {
    let special =
        prop::sample::select(vec![0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, 1.0, f32::MIN_POSITIVE, f32::MAX]);
    prop_oneof![3 => any::<u32>().prop_map(f32::from_bits), 1 => special, 1 => (0u32..64).prop_map(f32::from_bits)]
        .prop_filter("a number", |x| !x.is_nan())
}

fn any_tree(features: u32) -> impl Strategy<Value = Tree> {
    (-1000i32..1000).prop_map(Tree::Leaf).prop_recursive(6, 64, 2, move |inner| {
        (0..features, any_float(), inner.clone(), inner).prop_map(|(feature, threshold, below, above)| Tree::Split {
            feature,
            threshold,
            below: Box::new(below),
            above: Box::new(above),
        })
    })
}

fn thresholds(tree: &Tree, into: &mut Vec<f32>) {
    if let Tree::Split { threshold, below, above, .. } = tree {
        into.push(*threshold);
        thresholds(below, into);
        thresholds(above, into);
    }
}

proptest! {
    #[test]
    fn fixed_equals_the_rounding_of_the_exact_product(bits in any::<u32>(), exponent in any::<i8>()) {
        let x = f32::from_bits(bits);
        prop_assume!(!x.is_nan());
        // 24 significant bits times a power of two: the product is exact in f64.
        let exact = f64::from(x) * 2f64.powi(i32::from(exponent));
        if exact.abs() < 2f64.powi(50) {
            prop_assert_eq!(fixed(bits, exponent), (exact + 0.5).floor() as i64);
        } else {
            prop_assert!(fixed(bits, exponent).abs() >= 1 << 50);
            prop_assert_eq!(fixed(bits, exponent) < 0, exact < 0.0);
        }
    }

    #[test]
    fn ordered_images_compare_as_the_floats_do(a in any_float(), b in any_float()) {
        prop_assert_eq!(ordered(a.to_bits()) < ordered(b.to_bits()), a < b);
        prop_assert_eq!(ordered(a.to_bits()) > ordered(b.to_bits()), a > b);
        // Adding +0 turns −0 into +0 and leaves every other number.
        prop_assert_eq!(unordered(ordered(a.to_bits())), (a + 0.0).to_bits());
    }

    #[test]
    fn forests_branch_as_floats_do(
        trees in prop::collection::vec(any_tree(3), 1..6),
        random in prop::collection::vec(any_float(), 3),
        ties in prop::collection::vec(any::<prop::sample::Index>(), 3),
        from_tree in prop::collection::vec(any::<bool>(), 3),
    ) {
        let mut exact = vec![0.0f32, -0.0];
        trees.iter().for_each(|tree| thresholds(tree, &mut exact));
        let x: Vec<f32> = (0..3).map(|i| if from_tree[i] { *ties[i].get(&exact) } else { random[i] }).collect();

        let mut builder = Builder::new(Ingest::Ordered, 3);
        let tree_class: Vec<u32> = (0..trees.len() as u32).map(|t| t % 2).collect();
        let op = add_forest(&mut builder, &trees, tree_class, 2);
        let sums = builder.node(op).unwrap();
        builder.output(sums, FIXED);
        prop_assert_eq!(check_model(&builder.model), Ok(()));

        let mut expected = [0i64; 2];
        for (t, tree) in trees.iter().enumerate() {
            expected[t % 2] += i64::from(tree.walk(&x));
        }
        let run = execute(&builder.model, &raw(&x)).unwrap();
        prop_assert_eq!(run.outputs(&builder.model.program), RawOutput(vec![expected.to_vec()]));
    }

    #[test]
    fn linear_then_rescale_is_the_rounded_dot_product(
        x in prop::collection::vec(-1000i32..=1000, 5),
        w in prop::collection::vec(-2000i32..=2000, 15),
        bias in prop::collection::vec(-5000i32..=5000, 3),
        shift in 1u8..12,
    ) {
        let mut builder = integers(5, 1000);
        let (weight, bias_id) = (builder.constant(w.clone()), builder.constant(bias.clone()));
        let y = builder.node(Op::Linear { x: ValueId(0), weight, bias: Some(bias_id) }).unwrap();
        let z = builder.node(Op::Rescale { x: y, shift }).unwrap();
        let floats: Vec<f32> = x.iter().map(|&v| v as f32).collect();
        let run = execute(&builder.model, &raw(&floats)).unwrap();
        for j in 0..3 {
            let dot: i128 = (0..5).map(|k| i128::from(x[k]) * i128::from(w[k * 3 + j])).sum::<i128>() + i128::from(bias[j]);
            prop_assert_eq!(i128::from(run.values[y.0 as usize][j]), dot);
            let rounded = (dot as f64 / 2f64.powi(i32::from(shift)) + 0.5).floor() as i64;
            prop_assert_eq!(run.values[z.0 as usize][j], rounded);
        }
    }

    #[test]
    fn division_is_the_floor_of_the_quotient(num in prop::collection::vec(-1000i32..=1000, 3), den in 1000i32..=4000) {
        let mut builder = integers(4, 4000);
        // den = the last element, read off by a one-column Linear.
        let pick = builder.constant(vec![0, 0, 0, 1]);
        let den_value = builder.node(Op::Linear { x: ValueId(0), weight: pick, bias: None }).unwrap();
        let num_pick = builder.constant(vec![1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        let num_value = builder.node(Op::Linear { x: ValueId(0), weight: num_pick, bias: None }).unwrap();
        let q = builder.node(Op::Div { num: num_value, den: den_value, digit_bits: 5, digits: 4 }).unwrap();
        let x: Vec<f32> = num.iter().chain([&den]).map(|&v| v as f32).collect();
        let run = execute(&builder.model, &raw(&x)).unwrap();
        for (i, &n) in num.iter().enumerate() {
            let expected = (f64::from(n) * f64::from(1 << 20) / f64::from(den)).floor() as i64;
            prop_assert_eq!(run.values[q.0 as usize][i], expected);
        }
    }

    #[test]
    fn whatever_interval_arithmetic_accepts_runs_inside_its_intervals(
        ops in prop::collection::vec((0u8..12, any::<u8>(), any::<u8>(), any::<i16>()), 1..24),
        x in prop::collection::vec(-300i32..=300, 4),
        ends in prop::collection::vec(any::<bool>(), 4),
    ) {
        let mut builder = integers(4, 300);
        let mut values = vec![ValueId(0)];
        for (kind, a, b, n) in ops {
            let (a, b) = (values[a as usize % values.len()], values[b as usize % values.len()]);
            if let Ok(id) = random_node(&mut builder, kind, a, b, n) {
                values.push(id);
            }
        }
        prop_assert_eq!(check_model(&builder.model), Ok(()));
        // Extreme inputs reach the ends of the intervals.
        let x: Vec<f32> = x.iter().zip(ends).map(|(&v, end)| if end { 300.0f32.copysign(v as f32) } else { v as f32 }).collect();
        let run = execute(&builder.model, &raw(&x));
        prop_assert!(run.is_ok(), "{:?}", run);
    }
}

fn random_node(
    builder: &mut Builder,
    kind: u8,
    a: ValueId,
    b: ValueId,
    n: i16,
) -> Result<ValueId, ciro_graph::problem::Problem> {
    let len = builder.len_of(a) as usize;
    let op = match kind {
        0 => Op::Rescale { x: a, shift: (n.unsigned_abs() % 29 + 1) as u8 },
        1 => Op::Relu { x: a },
        2 => Op::Clamp { x: a, lo: -i32::from(n.unsigned_abs()) - 1, hi: i32::from(n.unsigned_abs()) },
        3 => Op::Add { a, b },
        4 => Op::Sub { a, b },
        5 => Op::Mul { a, b },
        6 => Op::Scale { x: a, factor: i32::from(n) },
        7 => Op::AddConst { x: a, c: builder.constant(vec![i32::from(n); len]) },
        8 => Op::MulConst { x: a, c: builder.constant(vec![i32::from(n % 50); len]) },
        9 => Op::Sum { x: a },
        10 => Op::Max { x: a },
        _ => Op::Linear {
            x: a,
            weight: builder.constant((0..2 * len).map(|i| i32::from(n % 40) - i as i32).collect()),
            bias: None,
        },
    };
    builder.node(op)
}

#[test]
fn a_curve_interpolates_between_its_points() {
    let mut builder = integers(3, 31);
    let (values, slopes) = (builder.constant(vec![0, 100, 40, 40]), builder.constant(vec![100, -60, 0, 8]));
    let y = builder.node(Op::Curve { x: ValueId(0), lo: -32, frac_bits: 4, values, slopes }).unwrap();
    let run = execute(&builder.model, &raw(&[-31.0, -8.0, 31.0])).unwrap();
    // 100·1/16 = 6.25; 100 − 60·8/16 = 70; 40 + 8·15/16 = 47.5, half up.
    assert_eq!(run.values[y.0 as usize], [6, 70, 48]);
}

#[test]
fn argmax_takes_the_first_of_equals() {
    let mut builder = integers(4, 9);
    let y = builder.node(Op::ArgMax { x: ValueId(0) }).unwrap();
    builder.output(y, OutputKind::IntLabel { labels: vec![10, 20, 30, 40] });
    let run = execute(&builder.model, &raw(&[1.0, 7.0, 7.0, 2.0])).unwrap();
    assert_eq!(run.outputs(&builder.model.program), RawOutput(vec![vec![1]]));
}

#[test]
fn a_divisor_below_the_dividend_is_refused_when_it_runs() {
    let mut builder = integers(2, 9);
    let den = builder.node(Op::Max { x: ValueId(0) }).unwrap();
    builder.node(Op::Div { num: ValueId(0), den, digit_bits: 4, digits: 2 }).unwrap();
    let error = execute(&builder.model, &raw(&[3.0, -4.0])).unwrap_err();
    let fault = Fault::Quotient { index: 1, dividend: -4, divisor: 3 };
    assert_eq!(error, ExecError::Node { node: 1, op: "Div", fault });
    let error = execute(&builder.model, &raw(&[0.0, 0.0])).unwrap_err();
    assert!(matches!(error, ExecError::Node { fault: Fault::Quotient { divisor: 0, .. }, .. }));
}

#[test]
fn a_number_beyond_what_is_declared_is_refused_when_it_runs() {
    let mut builder = integers(2, 300);
    let y = builder.node(Op::Narrow { x: ValueId(0), shift: 2, lo: -8, bits: 4 }).unwrap();
    let z = builder.node(Op::Narrow { x: y, shift: 0, lo: -4, bits: 3 }).unwrap();
    let q = builder.node(Op::Quotient { num: ValueId(0), den: ValueId(0), lo: 0, hi: 1 }).unwrap();
    assert_eq!(check_model(&builder.model), Ok(()));
    let run = |x: [f32; 2]| execute(&builder.model, &raw(&x));
    let values = run([13.0, 2.0]).unwrap().values;
    assert_eq!((&values[y.0 as usize], &values[z.0 as usize]), (&vec![3, 1], &vec![3, 1]));
    assert_eq!(values[q.0 as usize], [1, 1]);
    for (x, node, expected, got) in [(30.0, 0, (-8, 7), 8), (-40.0, 0, (-8, 7), -10), (16.0, 1, (-4, 3), 4)] {
        let expected = Interval { lo: expected.0, hi: expected.1 };
        let fault = Fault::Uncalibrated { index: 1, expected, got };
        assert_eq!(run([1.0, x]).unwrap_err(), ExecError::Node { node, op: "Narrow", fault });
    }
}

#[test]
fn gaps_are_between_rounded_numbers_and_not_too_wide() {
    let mut builder = integers(3, 300);
    let exact = builder.node(Op::Gap { x: ValueId(0), shift: 0, bits: 10 }).unwrap();
    let rounded = builder.node(Op::Gap { x: ValueId(0), shift: 3, bits: 4 }).unwrap();
    assert_eq!(check_model(&builder.model), Ok(()));
    let run = |x: [f32; 3]| execute(&builder.model, &raw(&x));
    let values = run([12.0, -5.0, 11.0]).unwrap().values;
    assert_eq!(values[exact.0 as usize], [0, 17, 1]);
    // 2, −1 (−0.625) and 1 (1.375).
    assert_eq!(values[rounded.0 as usize], [0, 3, 1]);
    let fault = Fault::Uncalibrated { index: 2, expected: Interval { lo: 0, hi: 15 }, got: 16 };
    let error = run([128.0, 100.0, 0.0]).unwrap_err();
    assert_eq!(error, ExecError::Node { node: 1, op: "Gap", fault });
}

#[test]
fn rectified_numbers_are_compared_in_pairs_and_with_zero() {
    let mut builder = integers(6, 300);
    let tap = |index: [i32; 2]| vec![Pick { axis: 1, index: index.to_vec() }];
    let taps = vec![tap([0, 3]), tap([1, 4]), tap([2, 5])];
    let one = builder.node(Op::Rectify { x: ValueId(0), shift: 2, bits: 5, taps: vec![] }).unwrap();
    let pooled = builder.node(Op::Rectify { x: ValueId(0), shift: 2, bits: 4, taps: taps.clone() }).unwrap();
    let whole = builder.node(Op::Rectify { x: ValueId(0), shift: 0, bits: 9, taps }).unwrap();
    assert_eq!(check_model(&builder.model), Ok(()));
    let ends = |node: usize| (builder.model.program.nodes[node].lo, builder.model.program.nodes[node].hi);
    assert_eq!([ends(0), ends(1), ends(2)], [(0, 31), (0, 15), (0, 300)]);
    let run = |x: [f32; 6]| execute(&builder.model, &raw(&x));
    let values = run([5.0, 33.0, -20.0, -6.0, -7.0, -60.0]).unwrap().values;
    assert_eq!(values[one.0 as usize], [1, 8, 0, 0, 0, 0]);
    assert_eq!((&values[pooled.0 as usize], &values[whole.0 as usize]), (&vec![8, 0], &vec![33, 0]));
    // Too large; too far below its neighbour; the larger one of a pair too far from a third, and from zero.
    for (x, node, index, bits, got) in [
        ([0.0, 0.0, 0.0, 0.0, 126.0, 0.0], 0, 4, 5, 32),
        ([0.0, 0.0, 0.0, -32.0, 32.0, 0.0], 1, 1, 4, -16),
        ([40.0, 0.0, -24.0, 0.0, 0.0, 0.0], 1, 0, 4, 16),
        ([-66.0, -66.0, -66.0, 0.0, 0.0, 0.0], 1, 0, 4, -16),
    ] {
        let expected = Interval { lo: 1 - (1 << bits), hi: (1 << bits) - 1 };
        let fault = Fault::Uncalibrated { index, expected, got };
        assert_eq!(run(x).unwrap_err(), ExecError::Node { node, op: "Rectify", fault });
    }
}

#[test]
fn an_interval_that_leaves_the_field_is_not_declared() {
    let mut builder = integers(1, 300);
    let lowest = -ciro_graph::MAX_MAGNITUDE as i32;
    assert!(builder.node(Op::Narrow { x: ValueId(0), shift: 0, lo: lowest, bits: 4 }).is_ok());
    assert!(builder.node(Op::Narrow { x: ValueId(0), shift: 0, lo: lowest - 1, bits: 4 }).is_err());
    assert!(builder.node(Op::Narrow { x: ValueId(0), shift: 0, lo: -lowest - 14, bits: 4 }).is_err());
}

#[test]
fn a_result_outside_its_declared_interval_is_refused_even_if_nobody_checked_the_model() {
    let mut builder = integers(1, 9);
    builder.node(Op::Scale { x: ValueId(0), factor: 3 }).unwrap();
    let c = builder.constant(vec![5]);
    builder.node(Op::AddConst { x: ValueId(0), c }).unwrap();
    builder.model.weights[0][0] = 1_000;
    assert!(check_model(&builder.model).is_err());
    let error = execute(&builder.model, &raw(&[1.0])).unwrap_err();
    assert!(matches!(error, ExecError::Node { node: 1, fault: Fault::Interval { got: 1001, .. }, .. }), "{error}");
}

/// Exponents by element, a label and a rendered shape: everything that knows where a sample begins.
#[test]
fn a_batch_runs_each_sample_as_if_it_were_alone() {
    let mut b = Builder::new(Ingest::Fixed { exponents: vec![0, 1, 2], lo: -100, hi: 100 }, 3);
    let label = b.node(Op::ArgMax { x: ValueId(0) }).unwrap();
    b.output(ValueId(0), FIXED);
    b.output(label, OutputKind::IntLabel { labels: vec![10, 11, 12] });
    let samples = [raw(&[7.0, 1.0, 1.0]), raw(&[1.0, 1.0, 1.0]), raw(&[0.0, 5.0, -5.0])];
    let alone: Vec<RawOutput> =
        samples.iter().map(|x| execute(&b.model, x).unwrap().outputs(&b.model.program)).collect();
    assert_eq!(alone.iter().map(|y| y.0[1][0]).collect::<Vec<_>>(), [0, 2, 1]);

    let mut model = b.model;
    model.program = model.program.batched(3);
    let program = &model.program;
    let mut input = program.join(&samples).unwrap();
    let output = execute(&model, &input).unwrap().outputs(program);
    for (i, (sample, alone)) in (0..).zip(samples.iter().zip(alone)) {
        assert_eq!(program.input_of(&input, i).as_ref(), Some(sample));
        assert_eq!(program.output_of(&output, i), Some(alone));
    }
    assert_eq!((program.input_of(&input, 3), program.output_of(&output, 3)), (None, None));
    let shapes: Vec<Vec<u32>> = ciro_graph::render(program, &output).unwrap().into_iter().map(|o| o.shape).collect();
    assert_eq!(shapes.iter().map(|shape| shape[0]).collect::<Vec<_>>(), [3, 3]);

    // 30·2² leaves the range, in the last element of the second sample.
    input.0[0].bits[5] = 30f32.to_bits();
    assert!(matches!(
        execute(&model, &input),
        Err(ExecError::Input(IngestError::OutOfRange { at: Element { sample: Some(1), .. }, .. }))
    ));
    assert_eq!(program.join(&samples[..2]), None);
    let mut uneven = samples.clone();
    uneven[1].0[0].shape = vec![3];
    assert_eq!(program.join(&uneven), None);
    assert!(matches!(execute(&model, &samples[0]), Err(ExecError::Input(IngestError::Shape { .. }))));
}

/// A receipt prints the number that users write for a missing value. So no input may hold that number itself: two values would look alike.
#[test]
fn the_number_that_is_written_for_a_missing_value_is_no_input() {
    let written = Column { missing: Some((-999f64).to_bits()), ..Column::default() };
    let ingest = Ingest::Imputed { exponents: vec![0], lo: -1_000, hi: 1_000, missing: vec![7] };
    let mut b = Builder::new(ingest, 2);
    b.output(ValueId(0), FIXED);
    let mut model = b.model;
    model.program.columns = vec![Column::default(), written];
    let read =
        |model: &Model, values: &[f32]| execute(model, &raw(values)).map(|run| run.outputs(&model.program).0.concat());
    assert_eq!(read(&model, &[-999.0, f32::NAN]), Ok(vec![-999, 7]), "the first column has no such number");
    let refused = read(&model, &[1.0, -999.0]).expect_err("is written for NaN");
    let at = Element { sample: None, index: 1 };
    let expected = IngestError::WrittenMissing { input: "x".into(), at, value: "-999".into() };
    assert_eq!(refused, ExecError::Input(expected));

    model.program.columns[1].missing = Some(0f64.to_bits());
    assert!(read(&model, &[0.0, -0.0]).is_err(), "zero is zero, whatever its sign");
    let batch = Model { program: model.program.batched(2), ..model };
    let tensor = RawTensor { shape: vec![2, 1, 2], bits: [1f32, 2.0, 3.0, 0.0].map(f32::to_bits).to_vec() };
    let refused = execute(&batch, &RawInput(vec![tensor])).expect_err("is written for NaN");
    let is_second = |at: &Element| (at.sample, at.index) == (Some(1), 1);
    assert!(matches!(&refused, ExecError::Input(IngestError::WrittenMissing { at, .. }) if is_second(at)), "{refused}");
}

/// What a receipt prints of one element is short, and reads as the number.
#[test]
fn numbers_far_from_one_are_printed_with_an_exponent() {
    let b = Builder::new(Ingest::OrderedDouble { missing: false }, 6);
    let numbers = [5e-324, -1.5e300, 1e17, 0.1, 123_456.75, -0.0];
    let halves = |x: &f64| [x.to_bits() as u32, (x.to_bits() >> 32) as u32];
    let tensor = RawTensor { shape: vec![1, 6], bits: numbers.iter().flat_map(halves).collect() };
    let shown: Vec<String> = b.model.program.inputs[0].given(&tensor).collect();
    assert_eq!(shown, ["5e-324", "-1.5e300", "1e17", "0.1", "123456.75", "-0"]);
}
