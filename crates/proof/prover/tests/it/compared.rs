//! Provers that lie about numbers that have no range of their own, but are held by those that they are compared with or rounded to.

use crate::common::liar::Liar;
use crate::common::net::Net;
use crate::common::{Case, X};
use ciro_auditor::Phase;
use ciro_graph::{Op, Pick, ValueId};
use ciro_prover::ProvingKey;

const Y: ValueId = ValueId(1);

/// x as [`Op::Rectify`] takes it: the largest of 13, −12 and 5, of −3, −4 and −20, and zero.
fn rectified() -> Case {
    let mut net = Net::new(&[6], 200, 4);
    let tap = |i: i32| vec![Pick { axis: 0, index: vec![i, i + 3] }];
    let y = net.node(Op::Rectify { x: X, shift: 3, bits: 5, taps: vec![tap(0), tap(1), tap(2)] });
    reveal_less_x(&mut net, y, &[0, 3]);
    net.case("rectified", |i| [100, -100, 40, -25, -30, -160][i as usize])
}

/// Reveals y less some elements of x, so that no lie about y is out of range.
fn reveal_less_x(net: &mut Net, y: ValueId, index: &[i32]) {
    let some = net.node(Op::Take { x: X, picks: vec![Pick { axis: 0, index: index.to_vec() }] });
    let less = net.node(Op::Sub { a: y, b: some });
    net.output(less);
}

#[test]
fn a_rectified_number_that_is_not() {
    let case = rectified();
    assert_eq!(case.output().0[0], [13 - 100, 25]);
    let says = |i: usize, lie: i64| Liar::about(&case).value(Y, |v| v[i] = lie);
    // Zero though another is larger; the other though zero is; and one that is neither.
    for (i, lie, phase) in [(0, 0, Phase::Lookup), (1, -3, Phase::Lookup), (0, 14, Phase::Constraints)] {
        assert_eq!(says(i, lie).caught(&case), phase, "{i} {lie}");
    }
    // The smaller one of the first pair wins; then it and what is left.
    let first = says(0, 5).cells("larger", 0, |c| c[0] = -12).cells("larger", 1, |c| c[0] = 5);
    assert_eq!(first.caught(&case), Phase::Lookup);
    assert_eq!(says(0, 5).cells("larger", 1, |c| c[0] = 5).caught(&case), Phase::Lookup);
    // One that neither of them is.
    assert_eq!(says(0, 9).cells("larger", 1, |c| c[0] = 9).caught(&case), Phase::Constraints);
    for delta in [1, -1] {
        let rounded = |c: &mut [i64]| c[0] += delta;
        let off = says(0, 13 + delta).cells("rounded", 0, rounded);
        assert_eq!(off.caught(&case), Phase::Lookup, "{delta}");
    }
}

/// The quotients differ by 4/8 modulo p, with rests to match. They are as far from one another as the honest ones, and the sum of two is
/// near zero. Only where each is compared with zero does it show that each is near zero.
#[test]
fn numbers_that_are_compared_far_from_zero() {
    let mut net = Net::new(&[4], 200, 4);
    let tap = |i: i32| vec![Pick { axis: 0, index: vec![i, i + 2] }];
    let y = net.node(Op::Rectify { x: X, shift: 3, bits: 5, taps: vec![tap(0), tap(1)] });
    let sum = net.node(Op::Sum { x: y });
    net.output(sum);
    let case = net.case("far from zero", |i| [100, -100, -25, -30][i as usize]);
    let half = (0x7f00_0001i64 + 1) / 2;
    let far = |c: &mut [i64], real: usize| c[..real].iter_mut().for_each(|n| *n -= half);
    let lie = Liar::about(&case).cells("rounded", 0, |c| far(c, 4)).cells("larger", 0, |c| far(c, 2));
    let lie = lie.only_value(Y, |v| v.copy_from_slice(&[13 - half, -3 - half])).only_value(sum, |v| v[0] = 9);
    assert_eq!(lie.caught(&case), Phase::Lookup);
}

/// What the execution refuses: numbers too far from one another, or from zero.
#[test]
fn numbers_too_far_apart_to_be_compared() {
    for x in [[130.0, -130.0, 0.0], [0.0, -100.0, 157.0], [199.0, 199.0, 199.0]] {
        let mut net = Net::new(&[3], 200, 4);
        let tap = |i: i32| vec![Pick { axis: 0, index: vec![i] }];
        let y = net.node(Op::Rectify { x: X, shift: 2, bits: 5, taps: vec![tap(0), tap(1), tap(2)] });
        reveal_less_x(&mut net, y, &[0]);
        let model = net.model();
        let key = ProvingKey::new(model.clone()).expect("a relation");
        let refused =
            ciro_execution::execute(&model, &crate::common::liar::raw(&model, &x)).expect_err("too far apart");
        assert!(refused.to_string().contains("[-31, 31]"), "{refused}");
        let honest = x.map(|x| (x as i64 + 2) >> 2).into_iter().max().unwrap_or(0);
        for y in [honest, 31, 0] {
            let first = x[0] as i64;
            let lie = Liar::on(&model, &key, &x).says(vec![vec![y], vec![first], vec![y - first]]);
            assert!([Phase::Lookup, Phase::Constraints].contains(&lie.caught_by_the_way()), "{x:?} {y}");
        }
    }
}

/// Rests that are all one larger, with quotients an eighth smaller modulo p, are another rounding. An element that it rounds up would lie
/// nearer to the largest. That the largest is an integer near zero excludes it.
#[test]
fn another_rounding_of_a_row() {
    let mut net = Net::new(&[1, 2], 100, 4);
    let y = net.node(Op::Gap { x: X, shift: 3, bits: 4 });
    net.output(y);
    // (16 + 4) = 2·8 + 4 and (3 + 4) = 0·8 + 7.
    let case = net.case("rounded gaps", |i| [16, 3][i as usize]);
    assert_eq!(case.output().0[0], [0, 2]);
    let eighth_less = (0x7f00_0001i64 - 1) / 8;
    let lie = Liar::about(&case).cells("rounded", 0, |c| c[..2].copy_from_slice(&[2 + eighth_less, 1 + eighth_less]));
    let lie = lie.cells("max", 0, |c| c[0] = 2 + eighth_less).value(Y, |v| v[1] = 1);
    assert_eq!(lie.caught(&case), Phase::Lookup);
    for delta in [1, -1] {
        let off = Liar::about(&case).cells("rounded", 0, |c| c[1] -= delta).value(Y, |v| v[1] += delta);
        assert_eq!(off.caught(&case), Phase::Lookup, "{delta}");
    }
}

/// Near an end of x's interval, each rounding has a twin modulo p beyond the other end. Near the lower end, only the upper end of the
/// largest's range refuses the twin. Near the upper end, only the lower one does.
#[test]
fn a_largest_that_wraps_beyond_the_other_end() {
    const END: i32 = (1 << 30) - (1 << 24);
    const P: i64 = 0x7f00_0001;
    let mut net = Net::within(&[2, 2], 0, 1, 4);
    let c = net.constant(&[2, 2], |i| [-END, 1 - END, END - 1, END - 2][i as usize]);
    let x = net.node(Op::AddConst { x: X, c });
    let y = net.node(Op::Gap { x, shift: 1, bits: 20 });
    net.output(y);
    let case = net.case("ends", |i| i / 2);
    assert_eq!(case.output().0[0], [1, 0, 0, 0]);
    // Twice these, and the other rest, are p above the row's numbers: those of the second row stand for numbers below its range, each
    // with a p more, because the prover looks up what is negative modulo p and nothing else.
    let twins = [(0, [0x2000_0001, 0x2000_0001], [0, 0]), (1, [P - 0x2000_0000, P - 0x2000_0001], [0, 1])];
    for (row, rounded, gaps) in twins {
        let lie = Liar::about(&case).cells("rounded", 0, |c| c[2 * row..][..2].copy_from_slice(&rounded));
        let lie = lie.cells("max", 0, |c| c[row] = rounded[0]).value(y, |v| v[2 * row..][..2].copy_from_slice(&gaps));
        assert_eq!(lie.caught(&case), Phase::Lookup, "row {row}");
    }
}

/// A table that takes no further elements stands for the gap's own range, a longer one does not.
#[test]
fn an_element_too_far_below_the_largest() {
    let model = |entries: Option<u32>| {
        let mut net = Net::new(&[2], 200, 4);
        let mut y = net.node(Op::Gap { x: X, shift: 2, bits: 5 });
        if let Some(entries) = entries {
            let values = net.constant(&[entries], |i| 3 * i);
            y = net.node(Op::Table { x: y, lo: 0, values });
        }
        let sum = net.node(Op::Sum { x: y });
        net.output(sum);
        net.model()
    };
    let raw = [70.0, -60.0];
    for entries in [None, Some(32), Some(64)] {
        let (model, looked_up) = (model(entries), entries.is_some());
        let key = ProvingKey::new(model.clone()).expect("a relation");
        let refused = ciro_execution::execute(&model, &crate::common::liar::raw(&model, &raw)).expect_err("too far");
        assert!(refused.to_string().contains("[0, 31]"), "{refused}");
        for gap in [33, 31, 0] {
            let mut values = vec![vec![0, gap]];
            if looked_up {
                values.push(vec![0, 3 * gap]);
            }
            values.push(vec![values.iter().flatten().skip(2 * usize::from(looked_up)).sum()]);
            let lie = Liar::on(&model, &key, &raw).says(values);
            let phase = lie.caught_by_the_way();
            assert!(
                matches!(phase, Phase::Lookup | Phase::Constraints | Phase::Statement),
                "{entries:?} {gap}: {phase:?}"
            );
        }
    }
}

/// A number has a range of its own, also where a rounded copy takes whole steps of what is declared.
#[test]
fn a_number_beyond_what_its_rounded_copy_shows() {
    let model = |lo: i32, shift: u8| {
        let mut net = Net::new(&[2], 4000, 4);
        let y = net.node(Op::Narrow { x: X, shift: 3, lo, bits: 4 });
        let coarse = net.node(Op::Rescale { x: y, shift });
        let steps = net.node(Op::Scale { x: coarse, factor: 1 << shift });
        let rest = net.node(Op::Sub { a: y, b: steps });
        net.output(rest);
        net.model()
    };
    for (lo, shift, x) in [(-10, 2, 44), (-10, 2, -85), (-10, 2, 4000), (-8, 4, 64), (-8, 4, 65)] {
        let model = model(lo, shift);
        let key = ProvingKey::new(model.clone()).expect("a relation");
        let raw = [0.0, x as f32];
        let refused = ciro_execution::execute(&model, &crate::common::liar::raw(&model, &raw)).expect_err("beyond");
        assert!(refused.to_string().contains(&format!("[{lo}, {}]", lo + 15)), "{refused}");
        let honest = i64::from((x + 4) >> 3);
        for y in [honest, honest.clamp(i64::from(lo), i64::from(lo) + 15)] {
            let rounded = (y + (1 << (shift - 1))) >> shift;
            for coarse in [rounded, rounded - 1] {
                let steps = coarse << shift;
                let values = [y, coarse, steps, y - steps].map(|v| vec![0, v]);
                let phase = Liar::on(&model, &key, &raw).says(values.to_vec()).caught_by_the_way();
                assert!(matches!(phase, Phase::Lookup | Phase::Statement), "{lo} {shift} {x} {y} {coarse}: {phase:?}");
            }
        }
    }
}

/// Whatever its copies are: looked up, wider, of a part of it.
#[test]
fn a_number_that_its_rounded_copy_does_not_hold() {
    type Copy = fn(&mut Net, ValueId) -> ValueId;
    let looked_up: Copy = |net, y| {
        let coarse = net.node(Op::Rescale { x: y, shift: 2 });
        let values = net.constant(&[16], |i| i * i);
        net.node(Op::Table { x: coarse, lo: -2, values })
    };
    let wider: Copy = |net, y| net.declared(Op::Rescale { x: y, shift: 2 }, -2, 5);
    let of_a_part: Copy = |net, y| {
        let first = net.node(Op::Take { x: y, picks: vec![Pick { axis: 0, index: vec![0] }] });
        let reshaped = net.reshape(first, &[1, 1]);
        net.node(Op::Rescale { x: reshaped, shift: 2 })
    };
    let copies: [(&str, Copy, &[&[i64]]); 3] = [
        ("looked up", looked_up, &[&[0, 5], &[4, 49]]),
        ("wider", wider, &[&[0, 5]]),
        ("of a part", of_a_part, &[&[0], &[0], &[0]]),
    ];
    for (name, copy, rounded) in copies {
        let mut net = Net::new(&[2], 4000, 4);
        let y = net.node(Op::Narrow { x: X, shift: 3, lo: -10, bits: 4 });
        copy(&mut net, y);
        let less = net.node(Op::Sub { a: y, b: X });
        net.output(less);
        let model = net.model();
        let key = ProvingKey::new(model.clone()).expect("a relation");
        let raw = [0.0, 160.0];
        let refused = ciro_execution::execute(&model, &crate::common::liar::raw(&model, &raw)).expect_err("beyond");
        assert!(refused.to_string().contains("[-10, 5]"), "{refused}");
        let values = [&[&[0, 20][..]], rounded, &[&[0, -140]]].concat().iter().map(|v| v.to_vec()).collect();
        assert_eq!(Liar::on(&model, &key, &raw).says(values).caught_by_the_way(), Phase::Lookup, "{name}");
    }
}

/// A rest that is three larger is in range, with a quotient that is as many eighths smaller modulo p. The rest of a copy that is rounded
/// from it may be in range, too. But neither quotient is.
#[test]
fn another_rounding_that_a_rounded_copy_could_hold() {
    let mut net = Net::new(&[2], 4000, 4);
    let y = net.node(Op::Rescale { x: X, shift: 3 });
    let coarse = net.node(Op::Rescale { x: y, shift: 2 });
    let steps = net.node(Op::Scale { x: coarse, factor: 4 });
    let rest = net.node(Op::Sub { a: y, b: steps });
    net.output(rest);
    // 16 + 4 = 2·8 + 4 and 2 + 2 = 1·4 + 0.
    let case = net.case("rounded twice", |i| [16, 3][i as usize]);
    assert_eq!(case.output().0[0], [-2, 0]);
    let eighth = (0x7f00_0001i64 - 1) / 8;
    // 13/8, and a quarter of 13/8 + 1, so that the rest is another.
    let lie = Liar::about(&case)
        .only_value(y, |v| v[0] = 2 + 3 * eighth)
        .only_value(coarse, |v| v[0] = 3 * eighth / 4 - 6 * eighth)
        .only_value(rest, |v| v[0] = -1);
    assert_eq!(lie.caught(&case), Phase::Lookup);
    for (value, delta) in [(y, 1), (y, -1), (coarse, 1), (coarse, -1)] {
        let off = Liar::about(&case).value(value, |v| v[0] += delta);
        assert_eq!(off.caught(&case), Phase::Lookup, "{value:?} {delta}");
    }
}

/// Elements times a number of their row, or of their column, have no cells, and are looked up as the products that they are.
#[test]
fn rows_and_columns_times_something_else() {
    let by_row: fn(&mut Net) -> ValueId = |net| net.node(Op::Sum { x: X });
    let by_column: fn(&mut Net) -> ValueId = |net| {
        let column = net.node(Op::Transpose { x: X, perm: vec![1, 0] });
        let sum = net.node(Op::Sum { x: column });
        net.reshape(sum, &[1, 3])
    };
    for (name, by) in [("rows", by_row), ("columns", by_column)] {
        let mut net = Net::new(&[2, 3], 100, 4);
        let by = by(&mut net);
        let product = net.node(Op::Mul { a: X, b: by });
        let y = net.node(Op::Narrow { x: product, shift: 4, lo: -4096, bits: 13 });
        net.output(y);
        let case = net.case(name, |i| 7 * i - 11);
        let off = Liar::about(&case).value(y, |v| v[4] += 1);
        assert_eq!(off.caught(&case), Phase::Lookup, "{name}");
        let other = Liar::about(&case).value(product, |v| v.swap(0, 4));
        assert_eq!(other.caught(&case), Phase::Products, "{name}");
        let sixteen_more = Liar::about(&case).value(product, |v| v[4] += 16);
        assert_eq!(sixteen_more.caught(&case), Phase::Products, "{name}");
    }
}
