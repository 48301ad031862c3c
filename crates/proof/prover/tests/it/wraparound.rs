//! Integers near half the field, where a negative number and a large one look alike: no gadget takes one for the other.

use crate::common::liar::Liar;
use crate::common::net::Net;
use crate::common::{Case, Sketch, X};
use ciro_auditor::Limits;
use ciro_auditor::RelationError;
use ciro_auditor::{AuditError, AuditedModel, Phase};
use ciro_graph::{Ingest, Model, Op, OutputKind, Pick, ValueId};
use ciro_prover::ProvingKey;
use ciro_types::{Hash32, encode};

/// The largest magnitude of a value.
const MAX: i32 = (1 << 30) - (1 << 23);

/// An interval of this bound on both sides is as wide as a value may be, and needs 30 bits.
const HALF: i32 = MAX / 2;

fn sketch(len: u32, bound: i32) -> Sketch {
    let mut s = Sketch::new(len);
    s.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -bound, hi: bound };
    s
}

/// Whether the program is refused because it is too wide.
fn is_too_wide(model: &Model) -> bool {
    let key = AuditedModel::new(&encode(&model.program), Hash32::ZERO);
    matches!(key, Err(AuditError::Relation(RelationError::TooWide { .. })))
}

#[test]
fn the_largest_number_is_not_negative() {
    let mut s = sketch(2, MAX);
    let y = s.node(Op::Relu { x: X }, 2, 0, MAX);
    s.output(y, 2);
    let case = Case::new("wide relu", s.model(), &[MAX as f32, -MAX as f32]);
    assert_eq!(case.proof.output.0[0], [i64::from(MAX), 0]);
    let lie = |flag: i64, y: i64, i: usize| {
        Liar::about(&case).cells("negative", 0, |c| c[i] = flag).value(ValueId(1), |v| v[i] = y).caught(&case)
    };
    assert_eq!(lie(1, 0, 0), Phase::Lookup);
    let negative = Liar::about(&case).cells("negative", 0, |c| c[1] = 0).cells("relu", 0, |c| c[1] = -i64::from(MAX));
    assert_eq!(negative.caught_by_the_way(), Phase::Lookup);
}

#[test]
fn a_wide_relu_with_a_short_side_is_exact_too() {
    let mut s = sketch(1, 8);
    s.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -4, hi: MAX };
    let y = s.node(Op::Relu { x: X }, 1, 0, MAX);
    s.output(y, 1);
    let model = s.model();
    for x in [MAX as f32, (MAX - (1 << 22)) as f32, ((1 << 29) + 64) as f32, 7.0] {
        let case = Case::new("one-sided relu", model.clone(), &[x]);
        let lie = Liar::about(&case).cells("negative", 0, |c| c[0] = 1).value(ValueId(1), |v| v[0] = 0);
        assert_eq!(lie.caught(&case), Phase::Lookup);
    }
    Case::new("one-sided relu", model, &[-4.0]);
}

/// Its element stands for a negative number as well, and only with the bias for the right one.
#[test]
fn a_product_may_be_larger_than_any_value() {
    let mut net = Net::within(&[1, 1], 1 << 28, 1 << 29, 8);
    let weight = net.constant(&[1, 1], |_| 3);
    let bias = net.constant(&[1], |_| -(1 << 30));
    let y = net.node(Op::Linear { x: X, weight, bias: Some(bias) });
    let y = net.node(Op::Relu { x: y });
    net.output(y);
    let model = net.model();
    for (x, y) in [(1 << 29, 1 << 29), (1 << 28, 0), ((1 << 28) + (1 << 27), 1 << 27)] {
        let case = Case::new("wide product", model.clone(), &[x as f32]);
        assert_eq!(case.proof.output.0[0], [y]);
    }
}

/// The least element of such an interval, less the largest, is a number of 30 bits modulo p.
#[test]
fn comparisons_wider_than_the_field_allows_are_refused() {
    for (op, len, lo, hi) in
        [(Op::Max { x: X }, 1, -HALF, HALF), (Op::Largest { parts: vec![X, ValueId(1)] }, 2, -HALF, HALF)]
    {
        let mut s = sketch(2, HALF);
        s.node(Op::Scale { x: X, factor: -1 }, 2, -HALF, HALF);
        let y = s.node(op, len, lo, hi);
        s.output(y, len);
        assert!(is_too_wide(&s.model()));
    }
    let mut s = sketch(2, HALF);
    let y = s.node(Op::ArgMax { x: X }, 1, 0, 1);
    s.reveal(y, 1, OutputKind::IntLabel { labels: vec![0, 1] });
    assert!(is_too_wide(&s.model()));
}

#[test]
fn the_widest_comparisons_that_are_not_refused_hold() {
    let bound = (1 << 29) - (1 << 23);
    let (most, least) = (bound as f32, -bound as f32);
    let mut s = sketch(2, bound);
    let y = s.node(Op::Max { x: X }, 1, -bound, bound);
    s.output(y, 1);
    let case = Case::new("wide max", s.model(), &[most, least]);
    let lie = Liar::about(&case).cells("max", 0, |c| c[0] = -i64::from(bound));
    assert_eq!(lie.value(y, |v| v[0] = -i64::from(bound)).caught(&case), Phase::Lookup);

    let mut s = sketch(1, bound);
    let minus = s.node(Op::Scale { x: X, factor: -1 }, 1, -bound, bound);
    let y = s.node(Op::Largest { parts: vec![X, minus] }, 1, -bound, bound);
    s.output(y, 1);
    let case = Case::new("wide largest", s.model(), &[most]);
    assert_eq!(Liar::about(&case).value(y, |v| v[0] = -i64::from(bound)).caught(&case), Phase::Lookup);

    let mut s = sketch(2, bound);
    let y = s.node(Op::ArgMax { x: X }, 1, 0, 1);
    s.reveal(y, 1, OutputKind::IntLabel { labels: vec![0, 1] });
    let case = Case::new("wide label", s.model(), &[most, least]);
    assert_eq!(Liar::about(&case).value(y, |v| v[0] = 1).caught(&case), Phase::Lookup);
}

/// num / den as elements of the input, den of any sign, the quotient declared to be zero.
fn quotient(bound: i32) -> Model {
    let mut s = sketch(2, bound);
    let pick = |i: i32| Op::Take { x: X, picks: vec![Pick { axis: 1, index: vec![i] }] };
    let num = s.node(pick(0), 1, -bound, bound);
    let den = s.node(pick(1), 1, -bound, bound);
    let y = s.node(Op::Quotient { num, den, lo: 0, hi: 0 }, 1, 0, 0);
    s.output(y, 1);
    s.model()
}

#[test]
fn a_rest_beyond_the_divisor_does_not_wrap_below_it() {
    // The rest would be larger than the divisor by almost the field, or the divisor be negative.
    assert!(is_too_wide(&quotient(MAX)));
    let bound = (1 << 29) - 32;
    for x in [[bound as f32, 1.0], [5.0, -bound as f32], [5.0, 0.0]] {
        let model = quotient(bound);
        let key = ProvingKey::new(model.clone()).expect("not refused");
        let [num, den] = x.map(|x| x as i64);
        let lie = Liar::on(&model, &key, &x).cells("quotient", 0, |c| c[0] = 0).cells("rest", 0, |c| c[0] = num);
        assert_eq!(lie.says(vec![vec![num], vec![den], vec![0]]).caught_by_the_way(), Phase::Lookup, "{x:?}");
    }
}

#[test]
fn a_dividend_beyond_the_divisor_does_not_wrap_below_it() {
    let mut s = sketch(2, MAX);
    let pick = |i: i32| Op::Take { x: X, picks: vec![Pick { axis: 1, index: vec![i] }] };
    let num = s.node(pick(0), 1, -MAX, MAX);
    let den = s.node(pick(1), 1, -MAX, MAX);
    let den = s.node(Op::Clamp { x: den, lo: -3, hi: 3 }, 1, -3, 3);
    let y = s.node(Op::Div { num, den, digit_bits: 1, digits: 1 }, 1, -2, 2);
    s.output(y, 1);
    let model = s.model();
    let key = ProvingKey::new(model.clone()).expect("a relation");
    // 2·num = q·3 + r modulo p with a rest below 3 and a digit of a few bits: only for dividends near ±p/2.
    let (num, q, r) = (-i64::from(MAX), 0, 1);
    assert_eq!((2 * num - r).rem_euclid(0x7f00_0001), 0);
    for den in [3, 0, -3] {
        let lie = Liar::on(&model, &key, &[num as f32, den as f32]);
        let lie = lie.cells("digit", 0, |c| c[0] = q).cells("rest", 0, |c| c[0] = r);
        assert_eq!(lie.says(vec![vec![num], vec![den], vec![den], vec![q]]).caught_by_the_way(), Phase::Lookup);
    }
}

/// A declared interval so wide, or so far out, that a number beyond it plus p lies in it.
#[test]
fn numbers_beyond_what_is_declared_do_not_wrap_into_it() {
    let narrow = |shift: u8, lo: i32, bits: u8| {
        let mut s = sketch(1, MAX);
        let y = s.node(Op::Narrow { x: X, shift, lo, bits }, 1, lo, lo + (1 << bits) - 1);
        s.output(y, 1);
        s.model()
    };
    // MAX and half a unit is less than half a unit above −MAX modulo p.
    assert!(is_too_wide(&narrow(4, -(MAX >> 4), 8)));
    assert!(is_too_wide(&narrow(4, (MAX >> 4) - 255, 8)));
    assert!(is_too_wide(&narrow(10, -(1 << 20), 21)));
    for (shift, lo) in [(0, -MAX), (0, MAX - 255), (4, -(MAX >> 4) + 1), (4, (MAX >> 4) - 256)] {
        let model = narrow(shift, lo, 8);
        let key = ProvingKey::new(model.clone()).expect("a relation");
        for x in [MAX, -MAX, 0] {
            let raw = [x as f32];
            if ciro_execution::execute(&model, &crate::common::liar::raw(&model, &raw)).is_ok() {
                Case::new("declared", model.clone(), &raw);
                continue;
            }
            for y in [lo, lo + 255] {
                let lie = Liar::on(&model, &key, &raw).says(vec![vec![i64::from(y)]]);
                let phase = lie.caught_by_the_way();
                assert!([Phase::Lookup, Phase::Constraints].contains(&phase), "{shift} {lo} {x} {y}");
            }
        }
    }
}

/// As the check of a program does, its relation refuses to compare numbers that could meet around the field.
#[test]
fn compared_numbers_that_could_wrap_have_no_relation() {
    for (bits, fits) in [(16, true), (17, false)] {
        let mut s = sketch(1, MAX);
        let y = s.node(Op::Rectify { x: X, shift: 13, bits, taps: vec![] }, 1, 0, (1 << bits) - 1);
        s.output(y, 1);
        assert_eq!(ciro_auditor::lower(&s.program, &Limits::NONE).is_ok(), fits, "{bits}");
    }
    for (bound, fits) in [(HALF / 2, true), (HALF, false)] {
        let mut s = sketch(2, bound);
        let y = s.node(Op::Gap { x: X, shift: 10, bits: 20 }, 2, 0, (1 << 20) - 1);
        s.output(y, 2);
        assert_eq!(ciro_auditor::lower(&s.program, &Limits::NONE).is_ok(), fits, "{bound}");
    }
}

/// An interval that holds two quotients of one residue, declared around one that does not.
#[test]
fn declared_quotients_that_meet_around_the_field_have_no_relation() {
    let most = i32::try_from(ciro_transcript::field::P >> 4).expect("a number");
    for (hi, fits) in [(most - 1, true), (most, false)] {
        let mut s = sketch(1, 1000);
        let y = s.node(Op::Rescale { x: X, shift: 4 }, 1, -63, hi - 63);
        s.output(y, 1);
        assert_eq!(is_too_wide(&s.model()), !fits, "{hi}");
    }
}

/// A number and the same number plus p would lie on different segments.
#[test]
fn a_curve_longer_than_the_field_is_refused() {
    let curve = |segments: i32| {
        let mut s = sketch(1, 1000);
        s.program.limb_bits = 16;
        let values = s.constant((0..segments).map(|t| i32::from(t == 7)).collect());
        let slopes = s.constant(vec![0; segments as usize]);
        let y = s.node(Op::Curve { x: X, lo: -1000, frac_bits: 28, values, slopes }, 1, 0, 1);
        s.output(y, 1);
        s.model()
    };
    assert!(is_too_wide(&curve(16)) && is_too_wide(&curve(8)));
    assert!(!is_too_wide(&curve(4)));
}

/// One rest of one bit among many ranges of sixteen: 65025·2¹⁵ is 32767 modulo p, so limbs of sixteen bits would take 65025 for a bit.
#[test]
fn a_bit_is_not_a_number_that_wraps() {
    let len = 1 << 17;
    let mut net = Net::new(&[len], 40_000, 16);
    let narrow = net.node(Op::Narrow { x: X, shift: 0, lo: -32768, bits: 16 });
    let first = net.node(Op::Take { x: narrow, picks: vec![Pick { axis: 0, index: vec![0] }] });
    let half = net.node(Op::Rescale { x: first, shift: 1 });
    net.output(half);
    let mut x = vec![0.0; len as usize];
    x[0] = 32766.0;
    let case = Case::new("a bit among ranges", net.model(), &x);
    assert_eq!(case.proof.output.0[0], [16383]);
    assert_eq!(Liar::about(&case).value(half, |v| v[0] = 16383 - 32512).caught(&case), Phase::Lookup);
}
