//! How each operator's parameters are drawn: mostly fitting, often exactly at an end.
//!
//! A recipe that does not fit its operand adds nothing.

use super::growing::{Growing, Operand};
use ciro_graph::{Op, Pick, ValueId, Window};

/// Adds nodes that read the operand.
pub(super) type Recipe = fn(&mut Growing, &Operand);

/// All recipes. What appears twice is drawn twice as often.
pub(super) const RECIPES: [Recipe; 41] = [
    rescale, rescale, rescale, relu, relu, clamp, add, sub, mul, mul, scale, add_const, mul_const, sum, max, gap, gap,
    largest, linear, linear, take, transpose, reshape, isqrt, narrow, narrow, narrow, table, table, rectify, quotient,
    curve, curve, dot, contract, contract, concat, div, div, conv, label,
];

fn rescale(g: &mut Growing, x: &Operand) {
    let most = if x.is_wide() { 26 } else { x.width_bits().clamp(1, 12) };
    let shift = g.draw.size(1, most.unsigned_abs());
    let y = g.push(Op::Rescale { x: x.id, shift });
    g.prefer(y);
}

pub(super) fn relu(g: &mut Growing, x: &Operand) {
    g.push(Op::Relu { x: x.id });
}

fn clamp(g: &mut Growing, x: &Operand) {
    let (lo, hi) = if x.is_wide() && g.draw.one_in(2) {
        let lo = g.draw.within(x.lo, x.hi - 1);
        (lo, g.draw.within(lo + 1, x.hi))
    } else {
        let lo = g.draw.within(-40, 40);
        (lo, lo + g.draw.within(1, 60))
    };
    g.push(Op::Clamp { x: x.id, lo: lo as i32, hi: hi as i32 });
}

fn add(g: &mut Growing, x: &Operand) {
    let b = g.pick().id;
    g.push(Op::Add { a: x.id, b });
}

fn sub(g: &mut Growing, x: &Operand) {
    let b = g.pick().id;
    g.push(Op::Sub { a: x.id, b });
}

fn mul(g: &mut Growing, x: &Operand) {
    let b = g.pick().id;
    g.push(Op::Mul { a: x.id, b });
}

fn scale(g: &mut Growing, x: &Operand) {
    let factor = g.draw.one_of(&[2, 3, -1, -5, 16, 100, 1000]);
    g.push(Op::Scale { x: x.id, factor });
}

/// A shape that broadcasts to the operand's.
fn repeated(g: &mut Growing, x: &Operand) -> Vec<u32> {
    x.shape.iter().map(|&d| if g.draw.one_in(2) { 1 } else { d }).collect()
}

pub(super) fn add_const(g: &mut Growing, x: &Operand) {
    let shape = repeated(g, x);
    let values = g.draw.many(shape.iter().product(), -9, 9);
    let c = g.constant(shape, values);
    g.push(Op::AddConst { x: x.id, c });
}

pub(super) fn mul_const(g: &mut Growing, x: &Operand) {
    let shape = repeated(g, x);
    let values = g.draw.many(shape.iter().product(), -9, 9);
    let c = g.constant(shape, values);
    g.push(Op::MulConst { x: x.id, c });
}

pub(super) fn sum(g: &mut Growing, x: &Operand) {
    g.push(Op::Sum { x: x.id });
}

pub(super) fn max(g: &mut Growing, x: &Operand) {
    g.push(Op::Max { x: x.id });
}

fn gap(g: &mut Growing, x: &Operand) {
    let (shift, bits) =
        if x.is_wide() { (g.draw.size(0, 24), g.draw.size(3, 30)) } else { (g.draw.size(0, 4), g.draw.size(2, 12)) };
    let y = g.push(Op::Gap { x: x.id, shift, bits });
    g.prefer(y);
}

fn largest(g: &mut Growing, x: &Operand) {
    let alike = g.operands().filter(|other| other.shape == x.shape);
    let parts = alike.take(3).map(|other| other.id).collect();
    g.push(Op::Largest { parts });
}

pub(super) fn linear(g: &mut Growing, x: &Operand) {
    let (row, columns) = (x.row(), g.draw.size(1, 4));
    let values = g.draw.many(row * columns, -7, 7);
    let weight = g.constant(vec![row, columns], values);
    let bias = g.draw.one_in(2).then(|| g.draw.many(columns, -30, 30));
    let bias = bias.map(|bias| g.constant(vec![columns], bias));
    g.push(Op::Linear { x: x.id, weight, bias });
}

pub(super) fn take(g: &mut Growing, x: &Operand) {
    let axis: u8 = g.draw.size(0, x.shape.len() as u64 - 1);
    let picked = g.draw.size(1, 5);
    let index = g.draw.many(picked, -1, x.shape[usize::from(axis)] as i32 - 1);
    g.push(Op::Take { x: x.id, picks: vec![Pick { axis, index }] });
}

fn transpose(g: &mut Growing, x: &Operand) {
    let perm = (0..x.shape.len() as u8).rev().collect();
    g.push(Op::Transpose { x: x.id, perm });
}

fn reshape(g: &mut Growing, x: &Operand) {
    let shape = if g.draw.one_in(2) { vec![1, x.len()] } else { vec![x.len(), 1] };
    g.reshape(x.id, shape);
}

fn isqrt(g: &mut Growing, x: &Operand) {
    if x.lo >= 0 {
        g.push(Op::Isqrt { x: x.id });
    }
}

/// Declared around the middle of what interval arithmetic gives. Then, at times, rounded again to whole steps of that interval, or looked
/// up in a table of exactly it.
fn narrow(g: &mut Growing, x: &Operand) {
    let (shift, bits): (u8, u8) = if x.is_wide() {
        let shift = g.draw.size(0, 24);
        (shift, g.draw.size(2, (30 - u64::from(shift)).min(29)))
    } else {
        (g.draw.size(0, (x.width_bits() - 1).clamp(0, 8).unsigned_abs()), g.draw.size(2, 9))
    };
    let middle = ((x.lo + x.hi) / 2) >> shift;
    let beside = if g.draw.one_in(2) { 0 } else { g.draw.within(-2, 2) };
    let lo = middle - (1 << (bits - 1)) + beside;
    let Some(y) = g.push(Op::Narrow { x: x.id, shift, lo: lo as i32, bits }) else { return };
    g.prefer(Some(y));
    match g.draw.below(4) {
        0 | 1 => round_to_whole_steps(g, y, bits),
        2 => whole_table(g, y),
        _ => {}
    }
}

/// A Rescale whose results and rests are those of exactly the declared interval.
fn round_to_whole_steps(g: &mut Growing, y: ValueId, bits: u8) {
    let Some(Operand { lo, hi, .. }) = g.operand(y) else { return };
    let shift: u8 = g.draw.size(1, 2);
    if (lo + (1 << (shift - 1))) % (1 << shift) == 0 && hi - lo + 1 == 1 << bits {
        g.push(Op::Rescale { x: y, shift });
    }
}

/// A table of exactly the declared interval.
fn whole_table(g: &mut Growing, y: ValueId) {
    let Some(Operand { lo, hi, .. }) = g.operand(y) else { return };
    if hi - lo < 1 << 9 {
        let len = (hi - lo + 1) as u32;
        let values = g.draw.many(len, -50, 50);
        let values = g.constant(vec![len], values);
        g.push(Op::Table { x: y, lo: lo as i32, values });
    }
}

fn table(g: &mut Growing, x: &Operand) {
    if x.width() >= 200 {
        return;
    }
    let [before, after] = [(); 2].map(|()| if g.draw.one_in(2) { 0 } else { g.draw.within(0, 3) });
    let lo = x.lo - before;
    let len = (x.hi - lo + 1 + after) as u32;
    let values = g.draw.many(len, -50, 50);
    let values = g.constant(vec![len], values);
    g.push(Op::Table { x: x.id, lo: lo as i32, values });
}

fn rectify(g: &mut Growing, x: &Operand) {
    let (axis, row) = (x.shape.len() as u8 - 1, x.row() as i32);
    let count = g.draw.below(5);
    let tap = |g: &mut Growing| vec![Pick { axis, index: g.draw.many(2, -1, row - 1) }];
    let taps = (0..count).map(|_| tap(g)).collect();
    let (shift, bits) = (g.draw.size(0, 4), g.draw.size(3, 12));
    g.push(Op::Rectify { x: x.id, shift, bits, taps });
}

fn quotient(g: &mut Growing, x: &Operand) {
    let d = g.pick();
    if d.hi < 2 || d.lo >= d.hi {
        return;
    }
    let Some(mut den) = g.push(Op::Clamp { x: d.id, lo: 1, hi: d.hi.min(2000) as i32 }) else { return };
    if g.draw.one_in(2) {
        den = g.push(Op::Scale { x: den, factor: 4 }).unwrap_or(den);
    }
    let most = g.draw.of(4, 300);
    let lo = if g.draw.one_in(2) { -most } else { -128 };
    let hi = if g.draw.one_in(2) { most } else { 127 };
    g.push(Op::Quotient { num: x.id, den, lo, hi });
}

fn curve(g: &mut Growing, x: &Operand) {
    if x.width() >= 500 || x.lo <= -1000 {
        return;
    }
    let frac_bits: u8 = g.draw.size(1, 4);
    let segments = ((x.width() >> frac_bits) as u32 + 1).next_power_of_two();
    let [values, slopes] = [50, 20].map(|most| {
        let elements = g.draw.many(segments, -most, most);
        g.constant(vec![segments], elements)
    });
    let y = g.push(Op::Curve { x: x.id, lo: x.lo as i32, frac_bits, values, slopes });
    g.prefer(y);
}

pub(super) fn dot(g: &mut Growing, x: &Operand) {
    if let Some(b) = g.pick_that(|other| other.shape == x.shape) {
        g.push(Op::Dot { a: x.id, b: b.id });
    }
}

pub(super) fn contract(g: &mut Growing, x: &Operand) {
    let transposed = g.draw.one_in(2);
    let inner = usize::from(transposed);
    if let Some(b) = g.pick_that(|other| other.shape.len() == 2 && other.shape[inner] == x.row()) {
        g.push(Op::Contract { a: x.id, b: b.id, transposed });
    }
}

pub(super) fn concat(g: &mut Growing, x: &Operand) {
    let axis: usize = g.draw.size(0, 1);
    let is_alike = |other: &Operand| {
        other.shape.len() == x.shape.len() && (0..x.shape.len()).all(|d| d == axis || other.shape[d] == x.shape[d])
    };
    let parts = g.operands().filter(is_alike).take(3).map(|other| other.id).collect();
    g.push(Op::Concat { parts, axis: axis as u8 });
}

/// The operand over the root of its squares' sum, or over that sum.
fn div(g: &mut Growing, x: &Operand) {
    let Some(squares) = g.push(Op::Mul { a: x.id, b: x.id }) else { return };
    let Some(row) = g.reshape(squares, vec![1, x.len()]) else { return };
    let Some(sum) = g.push(Op::Sum { x: row }) else { return };
    let most = g.operand(sum).map_or(0, |sum| sum.hi).min(1 << 20);
    if most < 2 {
        return;
    }
    let Some(mut den) = g.push(Op::Clamp { x: sum, lo: 1, hi: most as i32 }) else { return };
    if g.draw.one_in(2) {
        den = g.push(Op::Isqrt { x: den }).unwrap_or(den);
    }
    let (digit_bits, digits) = (g.draw.size(1, 4), g.draw.size(1, 3));
    g.push(Op::Div { num: x.id, den, digit_bits, digits });
}

/// A convolution along rows, its channels the operand's rows.
fn conv(g: &mut Growing, x: &Operand) {
    let [channels, row] = x.shape[..] else { return };
    let Some(image) = g.reshape(x.id, vec![channels, 1, row]) else { return };
    let (made, reach): (u32, u32) = (g.draw.size(1, 3), g.draw.size(1, 2));
    let values = g.draw.many(made * channels * reach, -5, 5);
    let weight = g.constant(vec![made, channels, 1, reach], values);
    let window = Window {
        kernel: [1, reach],
        stride: [1, g.draw.size(1, 2)],
        dilation: [1, g.draw.size(1, 2)],
        before: [0, g.draw.size(0, 1)],
        after: [0, g.draw.size(0, 2)],
    };
    let Some(y) = g.push(Op::Conv { x: image, weight, bias: None, window, groups: 1 }) else { return };
    if let Some(Operand { shape, .. }) = g.operand(y) {
        g.reshape(y, vec![shape[0] * shape[1], shape[2]]);
    }
}

fn label(g: &mut Growing, x: &Operand) {
    if !g.has_label()
        && x.len() > 1
        && let Some(row) = g.reshape(x.id, vec![1, x.len()])
    {
        g.push(Op::ArgMax { x: row });
    }
}
