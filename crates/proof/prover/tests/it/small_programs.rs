//! Honest proofs of hand-written programs verify, operator by operator.

use crate::common::{Sketch, X};
use ciro_graph::{Op, OutputKind};

#[test]
fn a_linear_layer() {
    let mut s = Sketch::new(3);
    let weight = s.constant(vec![1, 2, 3, 4, 5, 6]);
    let bias = Some(s.constant(vec![10, -10]));
    let y = s.node(Op::Linear { x: X, weight, bias }, 2, -48010, 47990);
    s.output(y, 2);
    assert_eq!(s.check(&[1.0, -2.0, 3.0]), vec![vec![1 - 6 + 15 + 10, 2 - 8 + 18 - 10]]);
}

#[test]
fn rescale_relu_clamp() {
    let mut s = Sketch::new(5);
    let y = s.node(Op::Rescale { x: X, shift: 3 }, 5, -500, 500);
    let r = s.node(Op::Relu { x: y }, 5, 0, 500);
    let c = s.node(Op::Clamp { x: y, lo: -3, hi: 7 }, 5, -3, 7);
    s.output(y, 5);
    s.output(r, 5);
    s.output(c, 5);
    let out = s.check(&[100.0, -100.0, 4.0, -4.0, 0.0]);
    assert_eq!(out, vec![vec![13, -12, 1, 0, 0], vec![13, 0, 1, 0, 0], vec![7, -3, 1, 0, 0]]);
}

#[test]
fn elementwise_and_broadcast() {
    let mut s = Sketch::new(3);
    let c = s.constant(vec![5, -6, 7]);
    let m = s.node(Op::Max { x: X }, 1, -4000, 4000);
    let d = s.node(Op::Sub { a: m, b: X }, 3, -8000, 8000);
    let p = s.node(Op::Mul { a: d, b: m }, 3, -32_000_000, 32_000_000);
    let a = s.node(Op::AddConst { x: d, c }, 3, -8006, 8007);
    let k = s.node(Op::MulConst { x: X, c }, 3, -28000, 28000);
    let f = s.node(Op::Scale { x: X, factor: -3 }, 3, -12000, 12000);
    let t = s.node(Op::Sum { x: X }, 1, -12000, 12000);
    for (v, n) in [(d, 3), (p, 3), (a, 3), (k, 3), (f, 3), (t, 1), (m, 1)] {
        s.output(v, n);
    }
    let out = s.check(&[2.0, 9.0, -5.0]);
    assert_eq!(out[0], vec![7, 0, 14]);
    assert_eq!(out[1], vec![63, 0, 126]);
    assert_eq!(out[2], vec![12, -6, 21]);
    assert_eq!(out[3], vec![10, -54, -35]);
    assert_eq!(out[4], vec![-6, -27, 15]);
    assert_eq!(out[5], vec![6]);
    assert_eq!(out[6], vec![9]);
}

#[test]
fn argmax_takes_the_first_of_equals() {
    let mut s = Sketch::new(4);
    let y = s.node(Op::ArgMax { x: X }, 1, 0, 3);
    s.reveal(y, 1, OutputKind::IntLabel { labels: vec![0, 1, 2, 3] });
    assert_eq!(s.check(&[1.0, 7.0, 7.0, -2.0]), vec![vec![1]]);
}

#[test]
fn root_and_division() {
    let mut s = Sketch::new(3);
    let q = s.node(Op::Mul { a: X, b: X }, 3, -16_000_000, 16_000_000);
    let n = s.node(Op::Sum { x: q }, 1, -48_000_000, 48_000_000);
    let n = s.node(Op::Clamp { x: n, lo: 1, hi: 48_000_000 }, 1, 1, 48_000_000);
    let r = s.node(Op::Isqrt { x: n }, 1, 1, 6928);
    let y = s.node(Op::Div { num: X, den: r, digit_bits: 8, digits: 2 }, 3, -65536, 65536);
    s.output(r, 1);
    s.output(y, 3);
    let out = s.check(&[3.0, -4.0, 12.0]);
    assert_eq!(out, vec![vec![13], vec![15123, -20165, 60494]]);
}

#[test]
fn a_curve() {
    let mut s = Sketch::new(2);
    let c = s.node(Op::Clamp { x: X, lo: -64, hi: 63 }, 2, -64, 63);
    let values = s.constant((0..8).map(|i| i * 100).collect());
    let slopes = s.constant(vec![100; 8]);
    let y = s.node(Op::Curve { x: c, lo: -64, frac_bits: 4, values, slopes }, 2, 0, 800);
    s.output(y, 2);
    assert_eq!(s.check(&[-60.0, 1000.0]), vec![vec![25, 794]]);
}
