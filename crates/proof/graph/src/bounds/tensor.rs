//! Shapes and intervals of what moves and sums elements.

use super::{Consts, Outcome, Scope, linear_interval, unlike};
use crate::check::{MAX_ELEMENTS, MAX_TOTAL, Problem, at_most, in_range, length};
use crate::interval::Interval;
use crate::program::{ConstId, Op, Pick, ValueId, Window, element_count};
use alloc::vec;
use alloc::vec::Vec;

/// Longest side of a window, and largest stride, dilation and padding.
const WINDOW_MAX: i64 = 1 << 12;

/// Most tensors that one operator compares: windows of 32 × 32.
const MAX_TAPS: u64 = 1 << 10;

/// A shape and an interval.
type Tensor = (Vec<u32>, Interval);

/// A shape with another last dimension.
fn with_row(shape: &[u32], row: u32) -> Vec<u32> {
    let mut shape = shape.to_vec();
    shape.pop();
    shape.push(row);
    shape
}

fn row(shape: &[u32]) -> u32 {
    shape.last().copied().unwrap_or(1)
}

/// The interval of a sum of `terms` terms.
fn sum_of(terms: u32, term: Interval) -> Interval {
    term.times(i64::from(terms))
}

impl Scope {
    pub(super) fn reduction(&self, op: &Op) -> Result<Tensor, Problem> {
        match op {
            Op::Sum { x } => {
                let (shape, x) = self.number(*x)?;
                Ok((with_row(shape, 1), sum_of(row(shape), x)))
            }
            Op::Max { x } => self.number(*x).map(|(shape, x)| (with_row(shape, 1), x)),
            Op::Gap { x } => {
                let (shape, x) = self.number(*x)?;
                Ok((shape.to_vec(), Interval { lo: 0, hi: x.hi - x.lo }))
            }
            Op::ArgMax { x } => {
                let (shape, _) = self.number(*x)?;
                length("the only row", u64::from(row(shape)), element_count(shape) as usize)?;
                Ok((vec![1], Interval { lo: 0, hi: i64::from(row(shape)) - 1 }))
            }
            Op::Largest { parts } => {
                let (shape, parts) = self.alike(parts)?;
                let ends = parts.iter().copied().reduce(|a, b| Interval { lo: a.lo.max(b.lo), hi: a.hi.max(b.hi) });
                Ok((shape.to_vec(), ends.unwrap_or(Interval { lo: 0, hi: 0 })))
            }
            Op::Dot { a, b } => {
                let (shape, ends) = self.alike(&[*a, *b])?;
                let term = if a == b { ends[0].square() } else { ends[0].product(ends[1]) };
                Ok((with_row(shape, 1), sum_of(row(shape), term)))
            }
            Op::Contract { a, b, transposed } => self.contract(*a, *b, *transposed),
            _ => Err(Problem::Kind { expected: "a reduction", got: crate::check::op_name(op) }),
        }
    }

    /// The one shape of several values, and their intervals.
    fn alike(&self, parts: &[ValueId]) -> Result<(&[u32], Vec<Interval>), Problem> {
        let Some(&first) = parts.first() else { return Err(Problem::Zero { what: "number of operands" }) };
        let (shape, _) = self.number(first)?;
        let mut ends = Vec::with_capacity(parts.len());
        for &part in parts {
            let (got, interval) = self.number(part)?;
            if got != shape {
                return Err(unlike("operand", shape, got));
            }
            ends.push(interval);
        }
        Ok((shape, ends))
    }

    fn contract(&self, a: ValueId, b: ValueId, transposed: bool) -> Result<Tensor, Problem> {
        let ((a_shape, a), (b_shape, b)) = (self.number(a)?, self.number(b)?);
        let mismatch = || unlike("right matrices", a_shape, b_shape);
        let ([lead @ .., m, k], [b_lead @ .., rows, cols]) = (a_shape, b_shape) else { return Err(mismatch()) };
        let (n, b_k) = if transposed { (rows, cols) } else { (cols, rows) };
        if lead != b_lead || k != b_k {
            return Err(mismatch());
        }
        let shape = [lead, &[*m, *n]].concat();
        at_most("products", 1 << 40, u64::from(element_count(&shape)).saturating_mul(u64::from(*k)))?;
        Ok((shape, sum_of(*k, a.product(b))))
    }

    pub(super) fn conv(
        &self,
        x: ValueId,
        (weight, bias): (ConstId, Option<ConstId>),
        window: &Window,
        groups: u32,
        consts: Consts<'_>,
    ) -> Result<Outcome, Problem> {
        let (shape, x) = self.number(x)?;
        let w_shape = consts.shape(weight)?;
        let (&[c, h, w], &[o, c_group, kh, kw]) = (shape, w_shape) else {
            return Err(unlike("weight", shape, w_shape));
        };
        let positive = Interval { lo: 1, hi: WINDOW_MAX };
        for (what, pair, range) in [
            ("kernel", window.kernel, positive),
            ("stride", window.stride, positive),
            ("dilation", window.dilation, positive),
            ("padding", window.before, Interval { lo: 0, hi: WINDOW_MAX }),
            ("padding", window.after, Interval { lo: 0, hi: WINDOW_MAX }),
        ] {
            pair.iter().try_for_each(|&got| in_range(what, range, i64::from(got)))?;
        }
        in_range("groups", Interval { lo: 1, hi: i64::from(c) }, i64::from(groups))?;
        if [kh, kw] != window.kernel || u64::from(c_group) * u64::from(groups) != u64::from(c) || o % groups != 0 {
            return Err(unlike("weight", &[o, c / groups, window.kernel[0], window.kernel[1]], w_shape));
        }
        let too_small = || unlike("input", &window.kernel, shape);
        let rows = window.count(0, h).ok_or_else(too_small)?;
        let cols = window.count(1, w).ok_or_else(too_small)?;
        if let Some(bias) = bias {
            consts.expect("bias", bias, u64::from(o))?;
        }
        let interval = consts.values(weight).and_then(|weights| {
            let taps = c_group as usize * kh as usize * kw as usize;
            // Zeros of the padding lie in the interval that counts.
            let x = if window.before.iter().chain(&window.after).any(|&p| p > 0) {
                x.union(Interval { lo: 0, hi: 0 })
            } else {
                x
            };
            linear_interval(x, &transposed(weights, taps), bias.map(|b| consts.values(b)), o as usize)
        });
        Ok(Outcome { shape: vec![o, rows, cols], interval })
    }

    pub(super) fn table(&self, x: ValueId, lo: i32, values: ConstId, consts: Consts<'_>) -> Result<Outcome, Problem> {
        let (shape, x) = self.number(x)?;
        let lo = i64::from(lo);
        let domain = Interval { lo, hi: lo + consts.len(values)? as i64 - 1 };
        in_range("domain", domain, x.lo)?;
        in_range("domain", domain, x.hi)?;
        let reached = (x.lo - lo) as usize..=(x.hi - lo) as usize;
        let interval = consts.values(values).and_then(|values| values.get(reached)).and_then(|values| {
            values.iter().map(|&v| Interval { lo: i64::from(v), hi: i64::from(v) }).reduce(Interval::union)
        });
        Ok(Outcome { shape: shape.to_vec(), interval })
    }

    pub(super) fn embed(&self, ids: ValueId, table: ConstId, consts: Consts<'_>) -> Result<Outcome, Problem> {
        let (shape, x) = self.number(ids)?;
        if ids.0 as usize >= self.inputs {
            return Err(Problem::Reference { what: "input", below: self.inputs, got: ids.0 });
        }
        let &[rows, d] = consts.shape(table)? else {
            return Err(unlike("table", &[1, 1], consts.shape(table)?));
        };
        let below = Interval { lo: 0, hi: i64::from(rows) - 1 };
        in_range("row", below, x.lo)?;
        in_range("row", below, x.hi)?;
        let interval = consts.values(table).and_then(|values| {
            Some(Interval { lo: i64::from(*values.iter().min()?), hi: i64::from(*values.iter().max()?) })
        });
        Ok(Outcome { shape: [shape, &[d]].concat(), interval })
    }

    pub(super) fn rearrangement(&self, op: &Op) -> Result<Tensor, Problem> {
        match op {
            // The node's own shape says what it becomes; see `reshaped`.
            Op::Reshape { x } => self.number(*x).map(|(shape, x)| (shape.to_vec(), x)),
            Op::Transpose { x, perm } => {
                let (shape, x) = self.number(*x)?;
                Ok((transpose(shape, perm)?, x))
            }
            Op::Take { x, picks } => {
                let (shape, x) = self.number(*x)?;
                take(shape, x, picks)
            }
            Op::Concat { parts, axis } => self.concat(parts, *axis),
            _ => Err(Problem::Kind { expected: "a rearrangement", got: crate::check::op_name(op) }),
        }
    }

    fn concat(&self, parts: &[ValueId], axis: u8) -> Result<Tensor, Problem> {
        let Some((&first, rest)) = parts.split_first() else {
            return Err(Problem::Zero { what: "number of operands" });
        };
        let (first, mut ends) = self.number(first)?;
        in_range("axis", Interval { lo: 0, hi: first.len() as i64 - 1 }, i64::from(axis))?;
        let mut shape = first.to_vec();
        for &part in rest {
            let (got, interval) = self.number(part)?;
            let mut like = got.to_vec();
            if let (Some(a), Some(b)) = (like.get_mut(usize::from(axis)), first.get(usize::from(axis))) {
                shape[usize::from(axis)] = shape[usize::from(axis)].saturating_add(*a);
                *a = *b;
            }
            if like != first {
                return Err(unlike("part", first, got));
            }
            ends = ends.union(interval);
        }
        Ok((shape, ends))
    }
}

/// (rows, cols) as (cols, rows), by the length of a row.
fn transposed(cells: &[i32], row: usize) -> Vec<i32> {
    (0..row).flat_map(|j| cells.iter().skip(j).step_by(row.max(1)).copied()).collect()
}

fn transpose(shape: &[u32], perm: &[u8]) -> Result<Vec<u32>, Problem> {
    let mut seen = vec![false; shape.len()];
    let mut result = Vec::with_capacity(shape.len());
    length("permutation", shape.len() as u64, perm.len())?;
    for &axis in perm {
        in_range("axis", Interval { lo: 0, hi: shape.len() as i64 - 1 }, i64::from(axis))?;
        if core::mem::replace(&mut seen[usize::from(axis)], true) {
            return Err(Problem::Range {
                what: "repeated axis",
                expected: Interval { lo: 0, hi: 0 },
                got: i64::from(axis),
            });
        }
        result.push(shape[usize::from(axis)]);
    }
    Ok(result)
}

fn take(shape: &[u32], x: Interval, picks: &[Pick]) -> Result<Tensor, Problem> {
    let (mut result, mut ends) = (shape.to_vec(), x);
    if picks.is_empty() {
        return Err(Problem::Zero { what: "number of axes" });
    }
    let mut next = 0;
    for pick in picks {
        in_range("axis", Interval { lo: next, hi: shape.len() as i64 - 1 }, i64::from(pick.axis))?;
        next = i64::from(pick.axis) + 1;
        let axis = usize::from(pick.axis);
        let positions = Interval { lo: -1, hi: i64::from(shape[axis]) - 1 };
        in_range("picked", Interval { lo: 1, hi: MAX_ELEMENTS as i64 }, pick.index.len() as i64)?;
        pick.index.iter().try_for_each(|&i| in_range("position", positions, i64::from(i)))?;
        if pick.index.contains(&-1) {
            ends = ends.union(Interval { lo: 0, hi: 0 });
        }
        result[axis] = pick.index.len() as u32;
    }
    at_most("elements", MAX_TOTAL, u64::from(element_count(&result)))?;
    Ok((result, ends))
}

/// The one shape that picks of a tensor of `shape` give; its own if there are no picks.
pub(super) fn taken_alike(shape: &[u32], taps: &[Vec<Pick>]) -> Result<Vec<u32>, Problem> {
    at_most("taps", MAX_TAPS, taps.len() as u64)?;
    let any = Interval { lo: 0, hi: 0 };
    let mut taken: Option<Vec<u32>> = None;
    for picks in taps {
        let (got, _) = take(shape, any, picks)?;
        match &taken {
            Some(expected) if *expected != got => return Err(unlike("tap", expected, &got)),
            Some(_) => {}
            None => taken = Some(got),
        }
    }
    let taken = taken.unwrap_or_else(|| shape.to_vec());
    at_most("compared elements", MAX_TOTAL, u64::from(element_count(&taken)).saturating_mul(taps.len() as u64))?;
    Ok(taken)
}

/// The shape of a Reshape is the node's own, as long as it has as many elements.
pub(super) fn reshaped(op: &Op, outcome: &mut Outcome, declared: &[u32]) {
    if matches!(op, Op::Reshape { .. }) && element_count(declared) == element_count(&outcome.shape) {
        outcome.shape = declared.to_vec();
    }
}
