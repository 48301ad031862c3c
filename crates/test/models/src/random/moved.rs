//! Steps that move elements, one after the other, and those that read rows of what was moved.

use super::Draw;
use super::growing::{Growing, Operand};
use super::recipes::{Recipe, add_const, concat, contract, dot, linear, max, mul_const, relu, sum, take};
use ciro_graph::Op;

/// What [`super::rearranged`] draws from. What appears twice is drawn twice as often.
pub(super) const RECIPES: [Recipe; 18] = [
    reshape,
    reshape,
    reshape,
    reshape,
    flatten,
    flatten,
    transpose,
    transpose,
    take,
    concat,
    relu,
    sum,
    sum,
    linear,
    dot_or_contract,
    max,
    add_const,
    mul_const,
];

/// Dimensions that are no powers of two, and some that are: both merge with one another in another way.
const DIMENSIONS: [u32; 8] = [1, 2, 3, 4, 5, 6, 10, 16];

/// Most elements of an input.
const ELEMENTS_MAX: u32 = 96;

/// One to four dimensions.
pub(super) fn shape(draw: &mut Draw) -> Vec<u32> {
    let mut shape = Vec::new();
    let dimensions = draw.within(1, 4);
    for _ in 0..dimensions {
        let elements: u32 = shape.iter().product();
        let fitting: Vec<u32> = DIMENSIONS.into_iter().filter(|d| elements * d <= ELEMENTS_MAX).collect();
        shape.push(draw.one_of(&fitting));
    }
    shape
}

/// The elements cut into dimensions by any of their divisors.
fn reshape(g: &mut Growing, x: &Operand) {
    let mut rest = x.len();
    let mut shape = Vec::new();
    while rest > 1 && shape.len() < 3 {
        let divisors: Vec<u32> = (1..=rest).filter(|d| rest.is_multiple_of(*d)).collect();
        let d = g.draw.one_of(&divisors);
        shape.push(d);
        rest /= d;
    }
    shape.push(rest);
    let y = g.reshape(x.id, shape);
    g.prefer(y);
}

fn flatten(g: &mut Growing, x: &Operand) {
    let y = g.reshape(x.id, vec![x.len()]);
    g.prefer(y);
}

/// The dimensions in any order.
fn transpose(g: &mut Growing, x: &Operand) {
    let mut perm: Vec<u8> = (0..x.shape.len() as u8).collect();
    for i in (1..perm.len()).rev() {
        perm.swap(i, g.draw.size(0, i as u64));
    }
    let y = g.push(Op::Transpose { x: x.id, perm });
    g.prefer(y);
}

/// Inner products of rows: with those of any value of this shape, or with all of a matrix.
fn dot_or_contract(g: &mut Growing, x: &Operand) {
    if g.draw.one_in(2) { dot(g, x) } else { contract(g, x) }
}
