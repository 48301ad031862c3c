//! Shapes and intervals of what moves and sums elements.

use super::{Consts, Outcome, Scope, Tensor, linear_interval, unlike};
use crate::arith::{self, power};
use crate::count::{narrow, signed, size, wide};
use crate::interval::{FIELD, Interval};
use crate::problem::{MAX_ELEMENTS, MAX_TOTAL, Problem, at_most, in_range, length, up_to};
use crate::program::{ConstId, Op, Pick, ValueId, Window, element_count};
use alloc::vec;
use alloc::vec::Vec;

/// Longest side of a window, and largest stride, dilation and padding.
const WINDOW_MAX: i64 = 1 << 12;

/// Most tensors that one operator compares: windows of 32 × 32.
const MAX_TAPS: u64 = 1 << 10;

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

/// The numbers below `n`.
fn below(n: u32) -> Interval {
    Interval { lo: 0, hi: i64::from(n).saturating_sub(1) }
}

fn no_axis(expected: Interval, axis: u8) -> Problem {
    Problem::Range { what: "axis", expected, got: i64::from(axis) }
}

/// The interval of a sum of `terms` terms.
fn sum_of(terms: u32, term: Interval) -> Interval {
    term.times(i64::from(terms))
}

impl Scope {
    pub(super) fn sum(&self, x: ValueId) -> Result<Tensor, Problem> {
        let (shape, x) = self.number(x)?;
        Ok((with_row(shape, 1), sum_of(row(shape), x)))
    }

    pub(super) fn max(&self, x: ValueId) -> Result<Tensor, Problem> {
        self.number(x).map(|(shape, x)| (with_row(shape, 1), x))
    }

    pub(super) fn arg_max(&self, x: ValueId) -> Result<Tensor, Problem> {
        let (shape, _) = self.number(x)?;
        length("the only row", u64::from(row(shape)), size(element_count(shape)))?;
        Ok((vec![1], below(row(shape))))
    }

    pub(super) fn largest(&self, parts: &[ValueId]) -> Result<Tensor, Problem> {
        let (shape, parts) = self.alike(parts)?;
        let ends = parts.into_iter().reduce(|a, b| Interval { lo: a.lo.max(b.lo), hi: a.hi.max(b.hi) });
        Ok((shape.to_vec(), ends.unwrap_or(Interval { lo: 0, hi: 0 })))
    }

    pub(super) fn dot(&self, a: ValueId, b: ValueId) -> Result<Tensor, Problem> {
        let (shape, _) = self.alike(&[a, b])?;
        let ((_, first), (_, second)) = (self.number(a)?, self.number(b)?);
        let term = if a == b { first.square() } else { first.product(second) };
        Ok((with_row(shape, 1), sum_of(row(shape), term)))
    }

    pub(super) fn gap(&self, x: ValueId, shift: u8, bits: u8) -> Result<Tensor, Problem> {
        in_range("shift", Interval { lo: 0, hi: 29 }, i64::from(shift))?;
        in_range("bits", Interval { lo: 1, hi: 30 }, i64::from(bits))?;
        let (shape, x) = self.number(x)?;
        let reach = arith::gap_reach(x, shift, bits);
        if reach >= FIELD {
            return Err(Problem::Wraps { what: "compared numbers", got: Interval::around(reach) });
        }
        let rounded = x.map(|v| arith::rounded(v, shift));
        // This end is enforced when it runs.
        let hi = rounded.hi.saturating_sub(rounded.lo).min(power(bits).saturating_sub(1));
        Ok((shape.to_vec(), Interval { lo: 0, hi }))
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

    pub(super) fn contract(&self, a: ValueId, b: ValueId, transposed: bool) -> Result<Tensor, Problem> {
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
        let of_a_group = |n: u32| n.checked_div(groups).filter(|part| part.checked_mul(groups) == Some(n));
        if [kh, kw] != window.kernel || of_a_group(c) != Some(c_group) || of_a_group(o).is_none() {
            let [rows, cols] = window.kernel;
            return Err(unlike("weight", &[o, c.checked_div(groups).unwrap_or(0), rows, cols], w_shape));
        }
        let too_small = || unlike("input", &window.kernel, shape);
        let rows = window.count(0, h).ok_or_else(too_small)?;
        let cols = window.count(1, w).ok_or_else(too_small)?;
        if let Some(bias) = bias {
            consts.expect("bias", bias, u64::from(o))?;
        }
        let interval = consts.values(weight).and_then(|weights| {
            let taps = size(element_count(&[c_group, kh, kw]));
            // Zeros of the padding lie in the interval that counts.
            let x = if window.before.iter().chain(&window.after).any(|&p| p > 0) {
                x.union(Interval { lo: 0, hi: 0 })
            } else {
                x
            };
            linear_interval(x, &transposed(weights, taps), bias.map(|b| consts.values(b)), size(o))
        });
        Ok(Outcome { shape: vec![o, rows, cols], interval })
    }

    pub(super) fn table(&self, x: ValueId, lo: i32, values: ConstId, consts: Consts<'_>) -> Result<Outcome, Problem> {
        let (shape, x) = self.number(x)?;
        let lo = i64::from(lo);
        let domain = Interval { lo, hi: lo.saturating_add(signed(consts.len(values)?)).saturating_sub(1) };
        in_range("domain", domain, x.lo)?;
        in_range("domain", domain, x.hi)?;
        let row = |v: i64| usize::try_from(v.saturating_sub(lo)).unwrap_or(usize::MAX);
        let reached = row(x.lo)..=row(x.hi);
        let interval = consts.values(values).and_then(|values| values.get(reached)).and_then(|values| {
            values.iter().map(|&v| Interval { lo: i64::from(v), hi: i64::from(v) }).reduce(Interval::union)
        });
        Ok(Outcome { shape: shape.to_vec(), interval })
    }

    pub(super) fn embed(&self, ids: ValueId, table: ConstId, consts: Consts<'_>) -> Result<Outcome, Problem> {
        let (shape, x) = self.number(ids)?;
        if size(ids.0) >= self.inputs {
            return Err(Problem::Reference { what: "input", below: self.inputs, got: ids.0 });
        }
        let &[rows, d] = consts.shape(table)? else {
            return Err(unlike("table", &[1, 1], consts.shape(table)?));
        };
        in_range("row", below(rows), x.lo)?;
        in_range("row", below(rows), x.hi)?;
        let interval = consts.values(table).and_then(|values| {
            Some(Interval { lo: i64::from(*values.iter().min()?), hi: i64::from(*values.iter().max()?) })
        });
        Ok(Outcome { shape: [shape, &[d]].concat(), interval })
    }

    pub(super) fn transposed(&self, x: ValueId, perm: &[u8]) -> Result<Tensor, Problem> {
        let (shape, x) = self.number(x)?;
        Ok((transpose(shape, perm)?, x))
    }

    pub(super) fn taken(&self, x: ValueId, picks: &[Pick]) -> Result<Tensor, Problem> {
        let (shape, x) = self.number(x)?;
        take(shape, x, picks)
    }

    pub(super) fn concat(&self, parts: &[ValueId], axis: u8) -> Result<Tensor, Problem> {
        let Some((&first, rest)) = parts.split_first() else {
            return Err(Problem::Zero { what: "number of operands" });
        };
        let (first, mut ends) = self.number(first)?;
        in_range("axis", below(narrow(first.len())), i64::from(axis))?;
        let axis = usize::from(axis);
        let mut shape = first.to_vec();
        for &part in rest {
            let (got, interval) = self.number(part)?;
            let mut like = got.to_vec();
            if let (Some(a), Some(b), Some(sum)) = (like.get_mut(axis), first.get(axis), shape.get_mut(axis)) {
                *sum = sum.saturating_add(*a);
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
    length("permutation", wide(shape.len()), perm.len())?;
    for &axis in perm {
        let at = usize::from(axis);
        let (Some(seen), Some(&dim)) = (seen.get_mut(at), shape.get(at)) else {
            return Err(no_axis(below(narrow(shape.len())), axis));
        };
        if core::mem::replace(seen, true) {
            return Err(Problem::Range {
                what: "repeated axis",
                expected: Interval { lo: 0, hi: 0 },
                got: i64::from(axis),
            });
        }
        result.push(dim);
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
        let axes = Interval { lo: next, ..below(narrow(shape.len())) };
        let is_next = axes.has(i64::from(pick.axis));
        let dim = result.get_mut(usize::from(pick.axis)).filter(|_| is_next).ok_or(no_axis(axes, pick.axis))?;
        next = i64::from(pick.axis).saturating_add(1);
        let positions = Interval { lo: -1, ..below(*dim) };
        in_range("picked", up_to(MAX_ELEMENTS), signed(pick.index.len()))?;
        pick.index.iter().try_for_each(|&i| in_range("position", positions, i64::from(i)))?;
        if pick.index.contains(&-1) {
            ends = ends.union(Interval { lo: 0, hi: 0 });
        }
        *dim = narrow(pick.index.len());
    }
    at_most("elements", MAX_TOTAL, u64::from(element_count(&result)))?;
    Ok((result, ends))
}

/// The one shape that picks of a tensor of `shape` give; its own if there are no picks.
pub(super) fn taken_alike(shape: &[u32], taps: &[Vec<Pick>]) -> Result<Vec<u32>, Problem> {
    at_most("taps", MAX_TAPS, wide(taps.len()))?;
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
    at_most("compared elements", MAX_TOTAL, u64::from(element_count(&taken)).saturating_mul(wide(taps.len())))?;
    Ok(taken)
}

/// The shape of a Reshape is the node's own, as long as it has as many elements.
pub(super) fn reshaped(op: &Op, outcome: &mut Outcome, declared: &[u32]) {
    if matches!(op, Op::Reshape { .. }) && element_count(declared) == element_count(&outcome.shape) {
        outcome.shape = declared.to_vec();
    }
}
