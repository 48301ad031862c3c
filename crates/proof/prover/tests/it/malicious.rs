//! Provers that lie about one gadget and are consistent everywhere else: each lie meets the phase that rejects it.
//!
//! A liar changes a value or some cells, and computes everything that depends on them to match ([`crate::common::liar`]). So
//! what rejects it is the one check that the lie is about. An impostor runs another program of the same shape under
//! the honest identity. All its messages agree with one another, and the verifier's own reading of the program
//! contradicts them.

use crate::common::liar::{Liar, Weights, impostor};
use crate::common::net::{Net, mixed, window};
use crate::common::{Case, Sketch, X, cases, forest_model, forest_of_numbers};
use ciro_auditor::{Phase, ProofContext, Statement};
use ciro_graph::{Forest, Op, OutputKind, Pick, ValueId};
use ciro_prover::{ProvingKey, prove, prove_as};
use ciro_types::{AccountId, ChainId, JobId};

const Y: ValueId = ValueId(1);

/// The op of one node, to be changed.
fn node(model: &mut ciro_graph::Model, i: usize) -> &mut Op {
    &mut model.program.nodes[i].op
}

/// The same tools, used to tell the truth, convince: what rejects a lie is the lie.
#[test]
fn a_liar_who_tells_the_truth_is_believed() {
    for case in cases() {
        let truth = Liar::about(&case).value(X, |_| {});
        truth.verdict().unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let proof = prove_as(case.key.verifying(), &case.key, &case.statement, &case.witness);
        assert_eq!(proof.bytes, case.proof.bytes, "{}", case.name);
    }
}

#[test]
fn rounding_off_by_one() {
    for (op, lo, hi) in
        [(Op::Rescale { x: X, shift: 3 }, -501, 501), (Op::Narrow { x: X, shift: 3, lo: -16, bits: 5 }, -16, 15)]
    {
        let mut s = Sketch::new(3);
        let y = s.node(op, 3, lo, hi);
        s.output(y, 3);
        let case = Case::new("rescale", s.model(), &[100.0, -100.0, 4.0]);
        for delta in [1, -1] {
            assert_eq!(Liar::about(&case).value(Y, |v| v[1] += delta).caught(&case), Phase::Lookup);
        }
    }
}

/// A number that the execution refuses: neither it, nor another with a remainder to match, is in range.
#[test]
fn a_number_beyond_what_is_declared() {
    let narrow = |shift: u8, looked_up: bool| {
        let mut net = Net::new(&[2], 4000, 4);
        let mut y = net.node(Op::Narrow { x: X, shift, lo: -8, bits: 4 });
        if looked_up {
            let values = net.constant(&[16], |i| 3 * i);
            y = net.node(Op::Table { x: y, lo: -8, values });
        }
        // The sum alone is revealed, so that no output is out of range.
        let sum = net.node(Op::Sum { x: y });
        net.output(sum);
        let model = net.model();
        (ProvingKey::new(model.clone()).expect("a relation"), model)
    };
    for (shift, x, looked_up) in [(3, 64, false), (3, -69, false), (3, 100, true), (0, 8, false), (0, -9, true)] {
        let (key, model) = narrow(shift, looked_up);
        let raw = [0.0, x as f32];
        let refused = ciro_execution::execute(&model, &crate::common::liar::raw(&model, &raw)).expect_err("beyond");
        assert!(refused.to_string().contains("[-8, 7]"), "{refused}");
        let honest = if shift == 0 { x } else { (x + (1 << (shift - 1))) >> shift };
        for y in [honest, honest.clamp(-8, 7)] {
            let mut values = vec![vec![0, y]];
            if looked_up {
                values.push(vec![24, 3 * (y + 8)]);
            }
            values.push(vec![values.iter().flatten().skip(2 * usize::from(looked_up)).sum()]);
            let lie = Liar::on(&model, &key, &raw).says(values);
            assert!(
                matches!(lie.caught_by_the_way(), Phase::Lookup | Phase::Constraints),
                "{shift} {x} {looked_up} {y}"
            );
        }
    }
}

/// Quotients that differ by fractions j/8 modulo p leave remainders in range, and their sum is off by one. Only the quotients' own range
/// tells, or the table that they are looked up in.
#[test]
fn wrapped_quotients() {
    let p = 0x7f00_0001i64;
    let half = (p + 1) / 2; // 4/8
    let rows = |op: Op, looked_up: bool| {
        let mut net = Net::within(&[2], -100, 100, 4);
        let y = net.node(op);
        if looked_up {
            let values = net.constant(&[32], |i| i);
            let t = net.node(Op::Table { x: y, lo: -16, values });
            net.output(t);
        }
        let sum = net.node(Op::Sum { x: y });
        net.output(sum);
        // Remainders of at least four.
        net.case("quotients", |_| 26)
    };
    let wrapped = |y: &mut Vec<i64>| y.iter_mut().for_each(|y| *y = (*y + half) % p);
    for op in [Op::Rescale { x: X, shift: 3 }, Op::Narrow { x: X, shift: 3, lo: -16, bits: 5 }] {
        let case = rows(op.clone(), false);
        let lie = Liar::about(&case).only_value(Y, wrapped).only_value(ValueId(2), |v| v[0] += 1);
        assert_eq!(lie.caught(&case), Phase::Lookup);
        let case = rows(op, true);
        let lie = Liar::about(&case).only_value(Y, wrapped).only_value(ValueId(3), |v| v[0] += 1);
        assert_eq!(lie.caught(&case), Phase::Lookup);
    }
}

#[test]
fn another_sign() {
    let mut s = Sketch::new(2);
    let y = s.node(Op::Relu { x: X }, 2, 0, 4000);
    s.output(y, 2);
    let case = Case::new("relu", s.model(), &[7.0, -9.0]);
    let flag = |flag: i64, i: usize| Liar::about(&case).cells("negative", 0, |c| c[i] = flag);
    assert_eq!(flag(1, 0).value(Y, |v| v[0] = 0).caught(&case), Phase::Lookup);
    // A flag that is no bit, 4/7, reaches a value between.
    let g = (4 * 913_159_900i64).rem_euclid(0x7f00_0001);
    let between = flag(g, 0).cells("relu", 0, |c| c[0] = 3).value(Y, |v| v[0] = 3);
    assert!([Phase::Lookup, Phase::Constraints].contains(&between.caught(&case)));
    // The input itself, with the flag of a negative number.
    let kept = Liar::about(&case).cells("relu", 0, |c| c[0] = 8).value(Y, |v| v[0] = 8);
    assert!([Phase::Lookup, Phase::Constraints].contains(&kept.caught(&case)));
}

#[test]
fn an_unsaturated_clamp() {
    let mut s = Sketch::new(2);
    let y = s.node(Op::Clamp { x: X, lo: -3, hi: 7 }, 2, -100, 100);
    s.output(y, 2);
    let case = Case::new("clamp", s.model(), &[50.0, -50.0]);
    let above = Liar::about(&case).cells("negative", 1, |c| c[0] = 1).value(Y, |v| v[0] = 50);
    assert_eq!(above.caught(&case), Phase::Lookup);
    let below = Liar::about(&case).cells("negative", 0, |c| c[1] = 0).value(Y, |v| v[1] = -50);
    assert_eq!(below.caught(&case), Phase::Lookup);
}

#[test]
fn another_branch_and_another_leaf() {
    let case = Case::new("forest", forest_model(1, false), &[0.25, 3.5]);
    let Op::Trees { forest, .. } = &case.model.program.nodes[0].op else { panic!("a forest") };
    let sums = case.output().0[0].clone();
    // The first tree's other child, by the flag and by the borrow; all later rows follow.
    let root = Liar::about(&case).cells("less", 0, |c| c[0] ^= 1);
    assert_eq!(root.value(Y, |v| v[0] += 1).caught(&case), Phase::Lookup);
    for (name, level) in [("borrow", 0), ("less", 1), ("borrow", 1)] {
        let lie = Liar::about(&case).cells(name, level, |c| c[0] ^= 1);
        assert_eq!(lie.caught_by_the_way(), Phase::Lookup, "{name}");
    }
    let leaf = Liar::about(&case).cells("leaf value", 1, |c| c[0] += 10).value(Y, |v| v[0] += 10);
    assert_eq!(leaf.caught(&case), Phase::Lookup);
    let Forest { trees, .. } = forest;
    assert_eq!((*trees, sums.len()), (3, 3));
}

/// A number has one pair of halves: whatever else makes the sum is out of range.
#[test]
fn other_halves_of_a_number() {
    let case = Case::new("forest of numbers", forest_of_numbers(), &[3.0, 12.0]);
    assert_eq!(case.output().0[0], [1, 1000]);
    let to_the_right = |lie: Liar<'_>| lie.value(ValueId(2), |v| v[0] = 10).caught(&case);
    // As much more in the low half as less in the high one; and a sum that is p more, whose low half is in range.
    for high in [1, -1, 0x7f00] {
        let lie = Liar::about(&case).cells("number high", 0, |c| c[0] += high);
        let lie = if high < 0 { lie.caught_by_the_way() } else { to_the_right(lie) };
        assert_eq!(lie, Phase::Lookup, "{high}");
    }
    // Halves in range of another number, the one of the second value that of the first.
    let other = Liar::about(&case).cells("number low", 0, |c| c[0] += 2);
    assert_eq!(to_the_right(other), Phase::Constraints);
    let swapped = Liar::about(&case).cells("number low", 1, |c| c[1] = 3);
    assert_eq!(swapped.value(ValueId(2), |v| v[1] = 100).caught(&case), Phase::Constraints);
}

#[test]
fn a_maximum_that_is_not() {
    let program = |op: fn(ValueId) -> Op, looked_up: bool| {
        let mut net = Net::new(&[2, 3], 12, 4);
        let mut y = net.node(op(X));
        if looked_up {
            let values = net.constant(&[32], |i| i);
            y = net.node(Op::Table { x: y, lo: 0, values });
        } else if matches!(op(X), Op::Gap { .. }) {
            y = net.node(Op::Sub { a: y, b: X });
        }
        net.output(y);
        net.case("max", |i| [3, 9, 5, -4, -8, -6][i as usize])
    };
    // The second largest; and one more than the largest, which no element attains.
    let case = program(|x| Op::Max { x }, false);
    let second = Liar::about(&case).cells("max", 0, |c| c[0] = 5).value(Y, |v| v[0] = 5);
    assert_eq!(second.caught(&case), Phase::Lookup);
    let beyond = Liar::about(&case).cells("max", 0, |c| c[1] = -3).value(Y, |v| v[1] = -3);
    assert_eq!(beyond.caught(&case), Phase::Constraints);
    // One that is attained where the row is padding.
    let padding = Liar::about(&case).cells("max", 0, |c| c[1] = 0).cells("chosen", 0, |c| {
        c[4..8].copy_from_slice(&[0, 0, 0, 1]);
    });
    assert_eq!(padding.value(Y, |v| v[1] = 0).caught(&case), Phase::Constraints);
    // Three thirds of a choice that attain nothing.
    let thirds = Liar::about(&case).cells("max", 0, |c| c[0] = 10).cells("chosen", 0, |c| c[..3].fill(710_235_478));
    assert_eq!(thirds.value(Y, |v| v[0] = 10).caught(&case), Phase::Constraints);

    for looked_up in [false, true] {
        let case = program(|x| Op::Gap { x, shift: 0, bits: 5 }, looked_up);
        let more = |v: &mut Vec<i64>| v[3..].iter_mut().for_each(|gap| *gap += 1);
        let beyond = Liar::about(&case).cells("max", 0, |c| c[1] = -3).value(Y, more);
        assert_eq!(beyond.caught(&case), Phase::Constraints, "looked up: {looked_up}");
        let less = |v: &mut Vec<i64>| v[..3].copy_from_slice(&[2, -4, 0]);
        let second = Liar::about(&case).cells("max", 0, |c| c[0] = 5).only_value(Y, less);
        assert_eq!(second.caught_by_the_way(), Phase::Lookup, "looked up: {looked_up}");
    }
}

#[test]
fn a_largest_part_that_is_not() {
    let mut net = Net::new(&[2], 12, 4);
    let minus = net.node(Op::Scale { x: X, factor: -1 });
    let twice = net.node(Op::Scale { x: X, factor: 2 });
    let y = net.node(Op::Largest { parts: vec![X, minus, twice] });
    net.output(y);
    let case = net.case("largest", |i| 5 - 9 * i);
    for (i, lie, phase) in
        [(0, 5, Phase::Lookup), (0, -5, Phase::Lookup), (0, 11, Phase::Constraints), (1, 5, Phase::Constraints)]
    {
        assert_eq!(Liar::about(&case).value(y, |v| v[i] = lie).caught(&case), phase, "{i} {lie}");
    }
}

#[test]
fn another_label() {
    let mut s = Sketch::new(3);
    let y = s.node(Op::ArgMax { x: X }, 1, 0, 2);
    s.reveal(y, 1, OutputKind::IntLabel { labels: vec![0, 1, 2] });
    let case = Case::new("label", s.model(), &[2.0, 9.0, 9.0]);
    // One that is not maximal, and a later one of equals.
    for label in [0, 2] {
        assert_eq!(Liar::about(&case).value(Y, |v| v[0] = label).caught(&case), Phase::Lookup);
    }
    let score = Liar::about(&case).cells("top score", 0, |c| c[0] = 10).value(Y, |v| v[0] = 2);
    assert_eq!(score.caught(&case), Phase::Constraints);
}

#[test]
fn another_entry_of_a_table() {
    let mut net = Net::new(&[3], 7, 4);
    let values = net.constant(&[16], |i| i * i);
    let y = net.node(Op::Table { x: X, lo: -8, values });
    net.output(y);
    let case = net.case("table", |i| i);
    assert_eq!(Liar::about(&case).value(Y, |v| v[1] = 100).caught(&case), Phase::Lookup);
    let shifted = impostor(&case, Weights::Committed, |lie| {
        let Op::Table { lo, .. } = node(lie, 0) else { panic!("a table") };
        *lo = -7;
    });
    assert_eq!(shifted, Phase::Lookup);
    let other = impostor(&case, Weights::Lied, |lie| lie.weights[0][9] += 1);
    assert_eq!(other, Phase::Opening);
    let other = impostor(&case, Weights::Committed, |lie| lie.weights[0][9] += 1);
    assert_eq!(other, Phase::Lookup);
}

#[test]
fn another_segment_of_a_curve() {
    let mut s = Sketch::new(1);
    let c = s.node(Op::Clamp { x: X, lo: -64, hi: 63 }, 1, -64, 63);
    let values = s.constant((0..8).map(|i| i * i).collect());
    let slopes = s.constant((0..8).map(|i| 2 * i + 1).collect());
    let y = s.node(Op::Curve { x: c, lo: -64, frac_bits: 4, values, slopes }, 1, 0, 100);
    s.output(y, 1);
    let case = Case::new("curve", s.model(), &[-20.0]);
    // Segment 1 with a fraction beyond it, and segment 3 with a negative one: the line of the neighbour, prolonged.
    for (segment, y) in [(1, 6), (3, 7)] {
        let lie = Liar::about(&case).cells("segment", 0, |c| c[0] = segment);
        let phase = lie.only_value(ValueId(2), |v| v[0] = y).caught_by_the_way();
        assert_eq!(phase, Phase::Lookup);
    }
    // A product is in the remainder: its limbs are in range, and do not add up to it.
    assert_eq!(Liar::about(&case).value(ValueId(2), |v| v[0] += 1).caught(&case), Phase::Constraints);
}

#[test]
fn another_rest_of_a_division() {
    let mut net = Net::within(&[3], 1, 60, 4);
    let pick = |i: i32| Op::Take { x: X, picks: vec![Pick { axis: 0, index: vec![i] }] };
    let (num, den) = (net.node(pick(0)), net.node(pick(1)));
    let y = net.node(Op::Quotient { num, den, lo: 0, hi: 60 });
    net.output(y);
    let case = net.case("quotient", |i| [50, 7, 9][i as usize]);
    for delta in [-1, 1] {
        let lie = Liar::about(&case).cells("quotient", 0, |c| c[0] += delta).cells("rest", 0, |c| c[0] -= 7 * delta);
        assert_eq!(lie.value(ValueId(3), |v| v[0] += delta).caught(&case), Phase::Lookup);
    }
    // The division modulo p: no rest at all.
    let exact = 50 * 913_159_900i64 % 0x7f00_0001;
    let lie = Liar::about(&case).cells("quotient", 0, |c| c[0] = exact).cells("rest", 0, |c| c[0] = 0);
    assert_eq!(lie.caught_by_the_way(), Phase::Lookup);
    let unequal = Liar::about(&case).cells("quotient", 0, |c| c[0] += 1).value(ValueId(3), |v| v[0] += 1);
    assert_eq!(unequal.caught(&case), Phase::Constraints);
}

/// A divisor that is a power of two times another number: its rest has two parts.
#[test]
fn another_rest_in_two_parts() {
    let mut net = Net::within(&[3], 1, 60, 4);
    let pick = |i: i32| Op::Take { x: X, picks: vec![Pick { axis: 0, index: vec![i] }] };
    let (num, den) = (net.node(pick(0)), net.node(pick(1)));
    let (num, den) = (net.node(Op::Scale { x: num, factor: 50 }), net.node(Op::Scale { x: den, factor: 16 }));
    let y = net.node(Op::Quotient { num, den, lo: -64, hi: 63 });
    net.output(y);
    let case = net.case("quotient", |i| [50, 7, 9][i as usize]);
    // 2500 = 22·(16·7) + 16·2 + 4.
    assert_eq!(case.proof.output.0[0], [22]);
    for (quotient, rest, low) in [(23, -5, 4), (21, 9, 4), (21, 2, 116), (23, 2, -108), (22, 1, 20)] {
        let lie = Liar::about(&case).cells("quotient", 0, |c| c[0] = quotient);
        let lie = lie.cells("rest", 0, |c| c[0] = rest).cells("low rest", 0, |c| c[0] = low);
        assert_eq!(lie.value(y, |v| v[0] = quotient).caught_by_the_way(), Phase::Lookup, "{quotient} {rest} {low}");
    }
    let unequal = Liar::about(&case).cells("low rest", 0, |c| c[0] += 1);
    assert_eq!(unequal.caught_by_the_way(), Phase::Constraints);
}

#[test]
fn another_digit_and_another_root() {
    let mut s = Sketch::new(2);
    let q = s.node(Op::Dot { a: X, b: X }, 1, 0, 32_000_000);
    let n = s.node(Op::Clamp { x: q, lo: 1, hi: 32_000_000 }, 1, 1, 32_000_000);
    let r = s.node(Op::Isqrt { x: n }, 1, 1, 5656);
    let y = s.node(Op::Div { num: X, den: r, digit_bits: 4, digits: 2 }, 2, -256, 256);
    s.output(y, 2);
    s.output(r, 1);
    let case = Case::new("division", s.model(), &[30.0, -40.0]);
    for delta in [1, -1] {
        assert_eq!(Liar::about(&case).value(r, |v| v[0] += delta).caught(&case), Phase::Lookup);
        // The last digit with a rest to match, then the first one with all that follows.
        let last = Liar::about(&case).cells("digit", 1, |c| c[0] += delta).cells("rest", 1, |c| c[0] -= 50 * delta);
        assert_eq!(last.value(y, |v| v[0] += delta).caught(&case), Phase::Lookup);
        let first = Liar::about(&case).cells("digit", 0, |c| c[0] += delta).cells("rest", 0, |c| c[0] -= 50 * delta);
        assert_eq!(first.caught_by_the_way(), Phase::Lookup);
    }
}

/// Two layers of one shape.
fn layers() -> Case {
    let mut net = Net::new(&[2, 3], 12, 4);
    let weight = |net: &mut Net, seed: i32| net.constant(&[3, 3], move |i| mixed(i + seed) / 4);
    let (first, second) = (weight(&mut net, 1), weight(&mut net, 7));
    let y = net.node(Op::Linear { x: X, weight: first, bias: None });
    let y = net.node(Op::Rescale { x: y, shift: 2 });
    let y = net.node(Op::Linear { x: y, weight: second, bias: None });
    net.output(y);
    net.case("layers", mixed)
}

#[test]
fn swapped_layers_and_other_weights() {
    let case = layers();
    let swap = |lie: &mut ciro_graph::Model| lie.weights.swap(0, 1);
    let change = |lie: &mut ciro_graph::Model| lie.weights[1][4] += 1;
    // By the program: which layer reads which constant.
    let program = |lie: &mut ciro_graph::Model| {
        for i in [0, 2] {
            let Op::Linear { weight, .. } = node(lie, i) else { panic!("a layer") };
            weight.0 = 1 - weight.0;
        }
    };
    assert_eq!(impostor(&case, Weights::Committed, swap), Phase::Products);
    assert_eq!(impostor(&case, Weights::Lied, swap), Phase::Opening);
    assert_eq!(impostor(&case, Weights::Committed, change), Phase::Products);
    assert_eq!(impostor(&case, Weights::Lied, change), Phase::Opening);
    assert_eq!(impostor(&case, Weights::Committed, program), Phase::Products);
    let sums = Liar::about(&case).value(ValueId(3), |v| v[4] += 1);
    assert_eq!(sums.caught(&case), Phase::Products);
}

#[test]
fn another_input_and_another_context() {
    let case = layers();
    assert_eq!(Liar::about(&case).sees(|x| x[2] += 8).caught(&case), Phase::Products);
    let relu = {
        let mut s = Sketch::new(1);
        let y = s.node(Op::Relu { x: X }, 1, 0, 4000);
        s.output(y, 1);
        Case::new("relu", s.model(), &[5.0])
    };
    assert_eq!(Liar::about(&relu).sees(|x| x[0] = 6).caught(&relu), Phase::Lookup);
    let honest = case.statement.context;
    for context in [
        ProofContext { chain: ChainId([1; 32]), ..honest },
        ProofContext { job: JobId([1; 32]), ..honest },
        ProofContext { worker: AccountId([1; 32]), ..honest },
    ] {
        let proof = prove(&case.key, &case.input, &context).expect("the model runs");
        let verdict = case.key.verifying().verify(&case.statement, &proof.bytes);
        assert_eq!(verdict.expect_err("a proof for another context").phase(), Phase::Lookup);
        let statement = Statement { context, ..case.statement.clone() };
        assert!(case.key.verifying().verify(&statement, &proof.bytes).is_ok());
    }
}

/// Cells beyond the real rows of two factors, which a sum of products would count.
#[test]
fn padding_rows_used() {
    let mut net = Net::new(&[1, 3], 12, 4);
    let a = net.node(Op::Relu { x: X });
    let minus = net.node(Op::Scale { x: X, factor: -1 });
    let b = net.node(Op::Relu { x: minus });
    let sum = net.node(Op::Add { a, b });
    let y = net.node(Op::Dot { a: sum, b: sum });
    net.output(y);
    let case = net.case("padding", mixed);
    let lie = Liar::about(&case).cells("left rows", 0, |c| c[3] = 2).value(y, |v| v[0] += 4);
    assert_eq!(lie.caught(&case), Phase::Constraints);
}

fn convolution() -> Case {
    let mut net = Net::new(&[2, 5, 4], 12, 4);
    let weight = net.constant(&[3, 2, 3, 2], mixed);
    let window = window([3, 2], [2, 1], [1, 0], [1, 1]);
    let y = net.node(Op::Conv { x: X, weight, bias: None, window, groups: 1 });
    net.output(y);
    net.case("convolution", mixed)
}

#[test]
fn another_window_of_a_convolution() {
    let case = convolution();
    type Change = fn(&mut ciro_graph::Window);
    let changes: [Change; 3] = [
        |w| (w.before, w.after) = ([0, 0], [2, 1]),
        |w| (w.before, w.after) = ([1, 1], [1, 0]),
        |w| (w.dilation, w.before, w.after) = ([2, 1], [2, 0], [2, 1]),
    ];
    for change in changes {
        let phase = impostor(&case, Weights::Committed, |lie| {
            let Op::Conv { window, .. } = node(lie, 0) else { panic!("a convolution") };
            change(window);
        });
        assert_eq!(phase, Phase::Gathers);
    }
    assert_eq!(Liar::about(&case).value(Y, |v| v[3] += 1).caught(&case), Phase::Products);
    assert_eq!(Liar::about(&case).sees(|x| x[7] += 1).caught(&case), Phase::Gathers);
}

#[test]
fn another_slice_and_another_order() {
    let mut net = Net::new(&[3, 5], 12, 4);
    let y = net.node(Op::Take { x: X, picks: vec![Pick { axis: 1, index: vec![4, -1, 0, 2, 2] }] });
    net.output(y);
    let z = net.node(Op::Concat { parts: vec![X, y], axis: 0 });
    net.output(z);
    let case = net.case("slices", mixed);
    for lie in [vec![4, 0, 0, 2, 2], vec![-1, 4, 0, 2, 2], vec![4, -1, 0, 2, -1]] {
        let phase = impostor(&case, Weights::Committed, |model| {
            let Op::Take { picks, .. } = node(model, 0) else { panic!("a slice") };
            picks[0].index = lie;
        });
        assert_eq!(phase, Phase::Gathers);
    }
    let phase = impostor(&case, Weights::Committed, |model| {
        let Op::Concat { parts, .. } = node(model, 1) else { panic!("a concatenation") };
        parts.swap(0, 1);
    });
    assert_eq!(phase, Phase::Constraints);
}

#[test]
fn another_row_of_an_embedding() {
    let mut net = Net::within(&[6], 0, 4, 8);
    let table = net.constant(&[5, 3], mixed);
    let y = net.node(Op::Embed { ids: X, table });
    net.output(y);
    let case = net.case("embedding", |i| (i * 3) % 5);
    assert_eq!(Liar::about(&case).sees(|ids| ids[2] = 3).caught(&case), Phase::Products);
    let row = Liar::about(&case).value(Y, |v| (0..3).for_each(|j| v[j] = v[3 + j]));
    assert_eq!(row.caught(&case), Phase::Products);
}

#[test]
fn transposed_operands() {
    let mut net = Net::new(&[3, 3, 3], 12, 4);
    let relu = net.node(Op::Relu { x: X });
    let y = net.node(Op::Contract { a: X, b: relu, transposed: false });
    let z = net.node(Op::Transpose { x: relu, perm: vec![0, 2, 1] });
    let z = net.node(Op::Rescale { x: z, shift: 1 });
    net.output(y);
    net.output(z);
    let case = net.case("transposed", mixed);
    let right = impostor(&case, Weights::Committed, |lie| {
        let Op::Contract { transposed, .. } = node(lie, 1) else { panic!("a product") };
        *transposed = true;
    });
    assert_eq!(right, Phase::Batch);
    let sides = impostor(&case, Weights::Committed, |lie| {
        let Op::Contract { a, b, .. } = node(lie, 1) else { panic!("a product") };
        std::mem::swap(a, b);
    });
    assert_eq!(sides, Phase::Products);
    let view = impostor(&case, Weights::Committed, |lie| {
        let Op::Transpose { perm, .. } = node(lie, 2) else { panic!("a view") };
        *perm = vec![1, 0, 2];
    });
    assert_eq!(view, Phase::Batch);
}
