//! Ranges that another lookup stands in for, and ends that are checked only where they must be. Each has a liar with
//! another quotient, another rest or a number beyond what is declared. The elision must not let it through, and would
//! if it were one bit wider.

use crate::common::liar::Liar;
use crate::common::{Case, Sketch, X, forest_of_numbers};
use ciro_auditor::Limits;
use ciro_auditor::Phase;
use ciro_graph::Disclosure::{Committed, Private, Public};
use ciro_graph::{ConstId, Ingest, Model, Op, Pick, ValueId};
use ciro_prover::ProvingKey;
use ciro_transcript::field::P;

const Y: ValueId = ValueId(1);
const Z: ValueId = ValueId(2);

/// Entries of a table: distinct, and none is where it stands.
fn entries(n: i32) -> Vec<i32> {
    (0..n).map(|i| (i * 7 + 3) % 101).collect()
}

/// x from `lo` to `hi`, `op` of it within `ends`, then a table of `n` entries from `first` on.
fn looked_up((lo, hi): (i32, i32), op: Op, ends: (i32, i32), (first, n): (i32, i32)) -> Model {
    let mut s = sketch(lo, hi);
    let values = s.constant(entries(n));
    table_of(s, op, ends, (first, values))
}

fn sketch(lo: i32, hi: i32) -> Sketch {
    let mut s = Sketch::new(1);
    s.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo, hi };
    s
}

fn table_of(mut s: Sketch, op: Op, (lo, hi): (i32, i32), (first, values): (i32, ConstId)) -> Model {
    let y = s.node(op, 1, lo, hi);
    let z = s.node(Op::Table { x: y, lo: first, values }, 1, 0, 100);
    s.output(z, 1);
    s.model()
}

/// How many lookups the relation of a model has.
fn lookups(model: &Model) -> usize {
    ciro_auditor::lower(&model.program, &Limits::NONE).expect("a relation").0.lookups.len()
}

/// What rejects who says that the first value is y and the second what the table has there.
fn other(model: &Model, x: f32, y: i64, z: i64) -> Phase {
    let key = ProvingKey::new(model.clone()).expect("a relation");
    Liar::on(model, &key, &[x]).says(vec![vec![y], vec![z]]).caught_by_the_way()
}

/// The quotients that equal x's modulo p if the rest is another one in range: y·2ˢ + r = x + 2^(s−1) + k·p.
fn residues(x: i64, shift: u32) -> Vec<i64> {
    let (p, half) = (i64::from(P), 1i64 << (shift - 1));
    let at = |k: i64| (x + half + k * p) >> shift;
    (-4..=4).filter(|&k| k != 0).map(at).collect()
}

#[test]
fn a_table_that_holds_a_rounded_number_admits_one_of_each_residue() {
    let model = looked_up((-500, 500), Op::Rescale { x: X, shift: 4 }, (-31, 31), (-31, 63));
    let case = Case::new("looked up", model.clone(), &[77.0]);
    assert_eq!(case.execution.values[1], [5]);
    for y in [4, 6, -31, 31, 32, -32, 63] {
        let z = i64::from(*entries(63).get((y + 31) as usize).unwrap_or(&3));
        assert_eq!(other(&model, 77.0, y, z), Phase::Lookup, "another rest, out of range: {y}");
    }
    for y in residues(77, 4) {
        assert_eq!(other(&model, 77.0, y, 3), Phase::Lookup, "another quotient, out of the table: {y}");
    }
}

/// Seven quotients of 29 bits are more than the field has: −1 and 3 are one residue.
#[test]
fn a_table_longer_than_the_field_does_not_hold_a_rounded_number() {
    let x = -(1i64 << 29) + (1 << 27);
    let wide = (1 << 29) + (1 << 28) - 1;
    let model = looked_up((-wide, wide), Op::Rescale { x: X, shift: 29 }, (-1, 1), (-2, 7));
    Case::new("longer than the field", model.clone(), &[x as f32]);
    let twin = residues(x, 29).into_iter().find(|y| (-2..5).contains(y)).expect("another row of the table");
    assert_eq!(twin, 3);
    assert_eq!(other(&model, x as f32, twin, i64::from(entries(7)[5])), Phase::Lookup);
}

#[test]
fn a_table_that_holds_a_curve_admits_one_value() {
    let mut s = sketch(-16, 15);
    let values = s.constant((0..8).map(|i| 5 * i).collect());
    let slopes = s.constant(vec![5; 8]);
    let table = s.constant(entries(41));
    let curve = Op::Curve { x: X, lo: -16, frac_bits: 2, values, slopes };
    let model = table_of(s, curve, (0, 40), (0, table));
    let case = Case::new("curve", model, &[6.0]);
    let honest = case.execution.values[1][0];
    for y in (0..=40).filter(|&y| y != honest) {
        let lie = Liar::about(&case).only_value(Y, |v| v[0] = y);
        let lie = lie.only_value(Z, |v| v[0] = i64::from(entries(41)[y as usize]));
        assert!([Phase::Lookup, Phase::Constraints].contains(&lie.caught(&case)), "{y}");
    }
}

/// Numbers beyond what is declared, in tables of exactly that, and of twice as much.
#[test]
fn a_declared_number_is_within_its_interval_whatever_table_reads_it() {
    for (shift, n, x, y) in [
        // Beyond the interval and the table.
        (0, 16, 8.0, 8),
        (0, 16, -9.0, -9),
        (3, 16, 64.0, 8),
        // Beyond the interval alone.
        (0, 32, 8.0, 8),
        (0, 32, 20.0, 20),
        (3, 32, 64.0, 8),
    ] {
        let model = looked_up((-200, 200), Op::Narrow { x: X, shift, lo: -8, bits: 4 }, (-8, 7), (-8, n));
        Case::new("declared", model.clone(), &[7.0]);
        let z = entries(n).get((y + 8) as usize).copied().unwrap_or(3);
        assert_eq!(other(&model, x, y, i64::from(z)), Phase::Lookup, "{shift} {n} {x}");
        // And within, but another.
        assert!([Phase::Lookup, Phase::Constraints].contains(&other(&model, 7.0, 5, i64::from(entries(n)[13]))));
    }
}

#[test]
fn the_range_of_a_declared_number_is_elided_for_its_very_table_alone() {
    let narrow = |first: i32, n: i32| {
        lookups(&looked_up((-200, 200), Op::Narrow { x: X, shift: 0, lo: -8, bits: 4 }, (-8, 7), (first, n)))
    };
    for (first, n) in [(-8, 17), (-9, 17), (-9, 18)] {
        assert!(narrow(-8, 16) < narrow(first, n), "{first} {n}");
    }
}

/// How far a number lies below its row's largest, in a table of all that it may be, and in one of twice as much.
#[test]
fn a_gap_is_below_its_bound_whatever_table_reads_it() {
    for (n, far) in [(16, 16), (16, 31), (32, 16), (32, 31)] {
        let mut s = Sketch::new(2);
        s.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -100, hi: 100 };
        let values = s.constant(entries(n));
        let y = s.node(Op::Gap { x: X, shift: 0, bits: 4 }, 2, 0, 15);
        let z = s.node(Op::Table { x: y, lo: 0, values }, 2, 0, 100);
        s.output(z, 2);
        let model = s.model();
        Case::new("gap", model.clone(), &[9.0, -6.0]);
        let key = ProvingKey::new(model.clone()).expect("a relation");
        let z = i64::from(entries(n).get(far as usize).copied().unwrap_or(3));
        let lie = Liar::on(&model, &key, &[50.0, (50 - far) as f32]);
        let lie = lie.says(vec![vec![0, i64::from(far)], vec![i64::from(entries(n)[0]), z]]);
        assert_eq!(lie.caught_by_the_way(), Phase::Lookup, "{n} {far}");
    }
}

/// Three quotients of 29 bits: a range of two bits has a fourth, which is one residue with the first.
#[test]
fn both_ends_of_a_quotient_are_checked_where_one_range_would_wrap() {
    let wide = (1 << 29) + (1 << 28) - 1;
    let mut s = sketch(-wide, wide);
    let y = s.node(Op::Rescale { x: X, shift: 29 }, 1, -1, 1);
    s.output(y, 1);
    let x = -wide + 64;
    let case = Case::new("three quotients", s.model(), &[x as f32]).showing("three", Public, Private, Committed);
    let twin = residues(case.execution.values[0][0], 29).into_iter().find(|y| (-1..3).contains(y));
    assert_eq!((case.execution.values[1][0], twin), (-1, Some(2)));
    assert_eq!(Liar::about(&case).only_value(Y, |y| y[0] = 2).caught(&case), Phase::Lookup);
}

/// An interval of a power of two takes one range, any other two.
#[test]
fn a_hidden_input_takes_a_second_range_unless_it_is_a_power_of_two_wide() {
    let mut lookups = Vec::new();
    for hi in [10, 9, 11] {
        let mut s = sketch(-5, hi);
        let y = s.node(Op::Scale { x: X, factor: 2 }, 1, -10, 2 * hi);
        s.output(y, 1);
        let case = Case::new("hidden", s.model(), &[1.0]).showing("hidden", Private, Private, Committed);
        lookups.push(case.key.verifying().relation().lookups.len());
        for x in [-6, i64::from(hi) + 1] {
            let lie = Liar::about(&case).only_value(X, |v| v[0] = x).only_value(Y, |y| y[0] = 2 * x);
            assert_eq!(lie.caught_by_the_way(), Phase::Lookup, "{x}");
        }
    }
    assert!(lookups[0] < lookups[1] && lookups[0] < lookups[2], "{lookups:?}");
}

/// Two quotients of 29 bits: a range of one bit has no third, which would be one residue with the first.
#[test]
fn a_quotient_of_one_bit_is_one_of_two() {
    let least = -3 << 28;
    let mut s = sketch(least, (1 << 28) - 1);
    let y = s.node(Op::Rescale { x: X, shift: 29 }, 1, -1, 0);
    s.output(y, 1);
    let case = Case::new("two quotients", s.model(), &[(least + 64) as f32]).showing("two", Public, Private, Committed);
    let twin = residues(case.execution.values[0][0], 29).into_iter().find(|y| (-1..3).contains(y));
    assert_eq!((case.execution.values[1][0], twin), (-1, Some(2)));
    assert_eq!(Liar::about(&case).only_value(Y, |y| y[0] = 2).caught(&case), Phase::Lookup);
}

/// An interval of a power of two ends where its one range does, any other takes a second.
#[test]
fn both_ends_of_a_declared_quotient_are_checked() {
    let mut lookups = Vec::new();
    for (lo, hi) in [(-3, 12), (-3, 11), (-3, 13)] {
        let model = divided(Op::Quotient { num: Y, den: Z, lo, hi }, 1_000, (lo, hi));
        let key = ProvingKey::new(model.clone()).expect("a relation");
        lookups.push(key.verifying().relation().lookups.len());
        for y in [lo - 1, hi + 1].map(i64::from) {
            let num = 4 * y + 1;
            let lie = Liar::on(&model, &key, &[num as f32, 4.0]).says(vec![vec![num], vec![4], vec![y]]);
            assert_eq!(lie.caught_by_the_way(), Phase::Lookup, "{y} in {lo}..{hi}");
        }
    }
    assert!(lookups[0] < lookups[1] && lookups[0] < lookups[2], "{lookups:?}");
}

/// The first element of the input divided by the second, both within a bound. The answer is not shown, so that its interval is the
/// relation's.
fn divided(op: Op, bound: i32, (lo, hi): (i32, i32)) -> Model {
    let mut s = Sketch::new(2);
    s.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -bound, hi: bound };
    for i in 0..2 {
        s.node(Op::Take { x: X, picks: vec![Pick { axis: 1, index: vec![i] }] }, 1, -bound, bound);
    }
    let y = s.node(op, 1, lo, hi);
    s.output(y, 1);
    s.program.visibility.output = Private;
    s.model()
}

/// p is eight times the largest divisor and one: nothing is eight times it, and a rest of one.
#[test]
fn a_digit_that_wraps_around_the_field_is_out_of_its_range() {
    let most = (1 << 28) - (1 << 21);
    assert_eq!(i64::from(P), 8 * i64::from(most) + 1);
    let model = divided(Op::Div { num: Y, den: Z, digit_bits: 1, digits: 1 }, most, (-2, 2));
    let key = ProvingKey::new(model.clone()).expect("a relation");
    let lie =
        Liar::on(&model, &key, &[0.0, most as f32]).cells("digit", 0, |c| c[0] = 8).cells("rest", 0, |c| c[0] = 1);
    assert_eq!(lie.says(vec![vec![0], vec![most.into()], vec![8]]).caught_by_the_way(), Phase::Lookup);
}

/// 46160² is p and 39167: modulo p just below 70000, as 264² is.
#[test]
fn a_root_whose_square_wraps_around_the_field_is_out_of_its_range() {
    let mut s = sketch(0, 100_000);
    let y = s.node(Op::Isqrt { x: X }, 1, 0, 316);
    s.output(y, 1);
    let case = Case::new("root", s.model(), &[70_000.0]).showing("root", Public, Private, Committed);
    let root = 46_160;
    let square = root * root - i64::from(P);
    assert!((0..1 << 16).contains(&(70_000 - square)) && (0..1 << 16).contains(&(square + 2 * root - 70_000)));
    assert_eq!(Liar::about(&case).only_value(Y, |y| y[0] = root).caught(&case), Phase::Lookup);
}

/// The halves of the least number's image, and those of p more, of which the high one has fifteen bits.
#[test]
fn a_number_that_a_forest_reads_has_no_halves_beyond_the_field() {
    let mut model = forest_of_numbers();
    model.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -(1 << 29), hi: 4000 };
    let case = Case::new("least number", model, &[-(1 << 29) as f32, 12.0]);
    let high = i64::from(P) >> 16;
    assert!((1 << 14..1 << 15).contains(&high));
    let lie = Liar::about(&case).cells("number high", 0, |c| c[0] = high).value(Z, |v| v[0] = 10);
    assert_eq!(lie.caught(&case), Phase::Lookup);
}
