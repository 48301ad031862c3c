//! Execution of what sums and moves elements. Sums are of 32-bit factors in 64 bits; each operator first makes sure that
//! they cannot overflow, so that the loops need no checks.

use super::{Fault, Run};
use crate::engine::{Dims, Engine, accumulate};
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::arith::rounded;
use ciro_graph::interval::Interval;
use ciro_graph::program::{ConstId, Pick, ValueId, Window};
use ciro_graph::shape::{around, broadcast, offsets, strides};

/// Both operands at every position of the shape they broadcast to.
pub(super) fn zip(
    engine: &dyn Engine,
    a: &[i64],
    b: &[i64],
    shapes: (&[u32], &[u32]),
    f: impl Fn(i64, i64) -> i64 + Sync,
) -> Vec<i64> {
    let flat = [a.len() as u32];
    let shapes = if shapes.0 == shapes.1 { (&flat[..], &flat[..]) } else { shapes };
    let Some(shape) = broadcast(shapes.0, shapes.1) else { return Vec::new() };
    // The last dimension is a row: of both operands, or one element of it for all.
    let (row, outer) = shape.split_last().map_or((1, &[][..]), |(&row, outer)| (row as usize, outer));
    let starts = [shapes.0, shapes.1].map(|of| offsets(outer, &strides(of, &shape)));
    let [is_row_of_a, is_row_of_b] = [shapes.0, shapes.1].map(|of| of.last().is_some_and(|&d| d > 1));
    let mut result = vec![0; starts[0].len() * row];
    engine.fill(&mut result, &|start, mut out| {
        let mut at = start;
        while !out.is_empty() {
            let (number, col) = (at / row, at % row);
            let (own, rest) = out.split_at_mut(out.len().min(row - col));
            let cell = |starts: &[usize], is_row: bool| starts[number] + if is_row { col } else { 0 };
            match (a.get(cell(&starts[0], is_row_of_a)..), b.get(cell(&starts[1], is_row_of_b)..)) {
                (Some([a, ..]), Some([b, ..])) if !is_row_of_a && !is_row_of_b => own.fill(f(*a, *b)),
                (Some([a, ..]), Some(b)) if !is_row_of_a => own.iter_mut().zip(b).for_each(|(out, &b)| *out = f(*a, b)),
                (Some(a), Some([b, ..])) if !is_row_of_b => own.iter_mut().zip(a).for_each(|(out, &a)| *out = f(a, *b)),
                (Some(a), Some(b)) => own.iter_mut().zip(a).zip(b).for_each(|((out, &a), &b)| *out = f(a, b)),
                _ => {}
            }
            (at, out) = (at + own.len(), rest);
        }
    });
    result
}

/// The elements as 32-bit factors, if every sum of `terms` products of one of them and one of `weight` fits 64 bits.
fn factors(x: &[i64], weight: &[i32], terms: usize) -> Result<Vec<i32>, Fault> {
    let narrow: Vec<i32> = x.iter().map(|&v| v as i32).collect();
    if narrow.iter().zip(x).any(|(&v, &x)| i64::from(v) != x) {
        return Err(Fault::Overflow { index: 0 });
    }
    let largest = |v: &[i32]| i128::from(v.iter().fold(0, |largest, v| v.unsigned_abs().max(largest)));
    let one_weight = i128::from(i64::MAX / 2) / (largest(&narrow) * terms as i128).max(1);
    // Weights are many: they are looked at where they might matter.
    if one_weight < 1 << 31 && largest(weight) > one_weight { Err(Fault::Overflow { index: 0 }) } else { Ok(narrow) }
}

/// How far each rounded element of a row lies below its largest.
pub(super) fn gaps(row: &[i64], shift: u8) -> impl Iterator<Item = i64> + '_ {
    let largest = rounded(row.iter().copied().max().unwrap_or(0), shift);
    row.iter().map(move |&v| largest - rounded(v, shift))
}

fn inner(a: &[i32], b: &[i32]) -> i64 {
    let products = a.iter().zip(b).map(|(&a, &b)| i64::from(a).wrapping_mul(i64::from(b)));
    products.fold(0, i64::wrapping_add)
}

impl Run<'_> {
    pub(super) fn linear(&self, x: ValueId, weight: ConstId, bias: Option<ConstId>) -> Result<Vec<i64>, Fault> {
        let k = self.shape(x).last().map_or(1, |&d| d as usize).max(1);
        let weight = self.constant(weight)?;
        let x = factors(self.value(x)?, weight, k)?;
        let n = (weight.len() / k).max(1);
        let mut result = self.engine.products(&x, weight, Dims { m: x.len() / k, k, n });
        if let Some(bias) = bias {
            let bias = self.constant(bias)?;
            let rows = result.chunks_exact_mut(n);
            rows.for_each(|row| row.iter_mut().zip(bias).for_each(|(sum, &b)| *sum += i64::from(b)));
        }
        Ok(result)
    }

    pub(super) fn contract(&self, a: ValueId, b: ValueId, transposed: bool) -> Result<Vec<i64>, Fault> {
        let dims = |id| match self.shape(id) {
            [.., rows, cols] => (*rows as usize, *cols as usize),
            _ => (1, 1),
        };
        let ((m, k), (rows, cols)) = (dims(a), dims(b));
        let mut b: Vec<i32> = factors(self.value(b)?, &[], 0)?;
        let a = factors(self.value(a)?, &b, k)?;
        let n = if transposed { rows } else { cols };
        if transposed {
            let matrices = b.chunks_exact((rows * cols).max(1));
            b = matrices.flat_map(|matrix| turned(matrix, cols)).collect();
        }
        Ok(self.engine.products(&a, &b, Dims { m, k, n }))
    }

    pub(super) fn dot(&self, a: ValueId, b: ValueId) -> Result<Vec<i64>, Fault> {
        let k = self.shape(a).last().map_or(1, |&d| d as usize).max(1);
        let b = factors(self.value(b)?, &[], 0)?;
        let a = factors(self.value(a)?, &b, k)?;
        Ok(a.chunks_exact(k).zip(b.chunks_exact(k)).map(|(a, b)| inner(a, b)).collect())
    }

    pub(super) fn conv(
        &self,
        x: ValueId,
        (weight, bias): (ConstId, Option<ConstId>),
        window: &Window,
        groups: u32,
        shape: &[u32],
    ) -> Result<Vec<i64>, Fault> {
        let (&[c, h, w], &[o, rows, cols]) = (self.shape(x), shape) else {
            return Err(Fault::Length { expected: 3, got: shape.len() });
        };
        let weight = self.constant(weight)?;
        let c_group = c / groups.max(1);
        let taps = c_group * window.kernel[0] * window.kernel[1];
        let x = factors(self.value(x)?, weight, taps as usize)?;
        let plane = (rows * cols) as usize;
        if o / groups.max(1) >= WIDE {
            let bias = bias.map(|bias| self.constant(bias)).transpose()?;
            let patches = Patches::new(window, groups as usize, [c, h, w], [o, rows, cols]);
            return Ok(patches.convolve(self.engine, &x, weight, bias));
        }
        let mut result = Vec::with_capacity(o as usize * plane);
        for (out, taps) in (0..o).zip(weight.chunks_exact((taps as usize).max(1))) {
            let start = match bias {
                Some(bias) => self.constant(bias)?.get(out as usize).map_or(0, |&b| i64::from(b)),
                None => 0,
            };
            let mut sums = vec![start; plane];
            let first = out / (o / groups.max(1)).max(1) * c_group;
            let kernels = taps.chunks_exact((window.kernel[0] * window.kernel[1]).max(1) as usize);
            for (channel, kernel) in (first..).zip(kernels) {
                let from = (channel * h * w) as usize;
                correlate(&mut sums, &x[from..from + (h * w) as usize], kernel, window, [h, w], [rows, cols]);
            }
            result.extend(sums);
        }
        Ok(result)
    }

    pub(super) fn table(&self, x: ValueId, lo: i32, values: ConstId) -> Result<Vec<i64>, Fault> {
        let values = self.constant(values)?;
        let entry = |&x: &i64| {
            let index = usize::try_from(x - i64::from(lo)).ok();
            index.and_then(|i| values.get(i)).map(|&v| i64::from(v)).ok_or(Fault::Length { expected: 1, got: 0 })
        };
        self.value(x)?.iter().map(entry).collect()
    }

    pub(super) fn embed(&self, ids: ValueId, table: ConstId) -> Result<Vec<i64>, Fault> {
        let d = self.program.constants.get(table.0 as usize).and_then(|c| c.shape.last()).map_or(1, |&d| d as usize);
        let table = self.constant(table)?;
        let row = |&id: &i64| usize::try_from(id).ok().and_then(|id| table.chunks_exact(d.max(1)).nth(id));
        let mut result = Vec::new();
        for id in self.value(ids)? {
            result.extend(row(id).ok_or(Fault::Length { expected: 1, got: 0 })?.iter().map(|&v| i64::from(v)));
        }
        Ok(result)
    }

    pub(super) fn largest(&self, parts: &[ValueId]) -> Result<Vec<i64>, Fault> {
        let mut parts = parts.iter().map(|&part| self.value(part));
        let mut largest = parts.next().ok_or(Fault::Length { expected: 1, got: 0 })??.to_vec();
        for part in parts {
            largest.iter_mut().zip(part?).for_each(|(a, &b)| *a = b.max(*a));
        }
        Ok(largest)
    }

    pub(super) fn transpose(&self, x: ValueId, perm: &[u8]) -> Result<Vec<i64>, Fault> {
        let shape = self.shape(x);
        let steps = strides(shape, shape);
        let pick = |of: &dyn Fn(usize) -> usize| perm.iter().map(|&axis| of(usize::from(axis))).collect::<Vec<_>>();
        let dims: Vec<u32> = pick(&|axis| shape[axis] as usize).into_iter().map(|d| d as u32).collect();
        let x = self.value(x)?;
        Ok(offsets(&dims, &pick(&|axis| steps[axis])).into_iter().map(|i| x[i]).collect())
    }

    pub(super) fn take(&self, x: ValueId, picks: &[Pick]) -> Result<Vec<i64>, Fault> {
        taken(self.value(x)?, self.shape(x), picks)
    }

    /// The largest of zero and the taps of a tensor of this shape.
    pub(super) fn rectify(&self, x: Vec<i64>, shape: &[u32], bits: u8, taps: &[Vec<Pick>]) -> Result<Vec<i64>, Fault> {
        let mut parts = match taps {
            [] => vec![x],
            _ => taps.iter().map(|picks| taken(&x, shape, picks)).collect::<Result<_, _>>()?,
        };
        while parts.len() > 1 {
            let larger = |pair: &[Vec<i64>]| match pair {
                [a, b] => larger(a, b, bits),
                rest => Ok(rest.concat()),
            };
            parts = parts.chunks(2).map(larger).collect::<Result<_, _>>()?;
        }
        let last = parts.concat();
        larger(&last, &vec![0; last.len()], bits)
    }

    pub(super) fn concat(&self, parts: &[ValueId], axis: usize) -> Result<Vec<i64>, Fault> {
        let mut blocks = Vec::with_capacity(parts.len());
        let mut count = 1;
        for &part in parts {
            let missing = Fault::Length { expected: axis + 1, got: self.shape(part).len() };
            let (outer, len, inner) = around(self.shape(part), axis).ok_or(missing)?;
            blocks.push((self.value(part)?, len * inner));
            count = outer;
        }
        let piece = |i: usize| blocks.iter().flat_map(move |(x, size)| &x[i * size..(i + 1) * size]);
        Ok((0..count).flat_map(piece).copied().collect())
    }

    pub(super) fn quotient(&self, num: ValueId, den: ValueId) -> Result<Vec<i64>, Fault> {
        if let Some(index) = self.value(den)?.iter().position(|&d| d < 1) {
            let (dividend, divisor) = (0, self.value(den)?[index]);
            return Err(Fault::Quotient { index, dividend, divisor });
        }
        self.binary(num, den, i64::div_euclid)
    }
}

/// The larger one of two numbers at each position, if none are 2^bits or more apart.
fn larger(a: &[i64], b: &[i64], bits: u8) -> Result<Vec<i64>, Fault> {
    let apart = Interval { lo: 1 - (1 << bits), hi: (1 << bits) - 1 };
    super::calibrated(a.iter().zip(b).map(|(a, b)| a - b).collect(), apart)?;
    Ok(a.iter().zip(b).map(|(&a, &b)| a.max(b)).collect())
}

/// Picks of a tensor of this shape.
fn taken(values: &[i64], shape: &[u32], picks: &[Pick]) -> Result<Vec<i64>, Fault> {
    let (mut values, mut shape) = (values.to_vec(), shape.to_vec());
    for pick in picks {
        let axis = usize::from(pick.axis);
        let Some((outer, len, inner)) = around(&shape, axis) else {
            return Err(Fault::Length { expected: axis + 1, got: shape.len() });
        };
        let mut taken = Vec::with_capacity(outer * pick.index.len() * inner);
        for block in values.chunks_exact((len * inner).max(1)) {
            for &i in &pick.index {
                match usize::try_from(i) {
                    Ok(i) => taken.extend_from_slice(&block[i * inner..(i + 1) * inner]),
                    Err(_) => taken.resize(taken.len() + inner, 0),
                }
            }
        }
        shape[axis] = pick.index.len() as u32;
        values = taken;
    }
    Ok(values)
}

/// A matrix of rows of `cols` elements, its columns as rows.
fn turned(matrix: &[i32], cols: usize) -> impl Iterator<Item = i32> + '_ {
    (0..cols).flat_map(move |col| matrix.iter().skip(col).step_by(cols).copied())
}

/// From this many outputs per group on, all outputs at one position are summed side by side.
const WIDE: u32 = 8;

/// Elements of patches that are there at a time, unless one row of results takes more: a few megabytes.
const PATCHES: usize = 1 << 20;

/// A convolution as products of matrices: the weights, times what positions see at each tap.
struct Patches {
    groups: usize,
    /// Channels of a group.
    channels: usize,
    /// Elements of a channel.
    area: usize,
    /// For each row of results and row of the kernel, where the row of elements begins; nothing for padding.
    rows: Vec<Vec<Option<usize>>>,
    /// For each column of the kernel and column of results, the column of elements; nothing for padding.
    cols: Vec<Vec<Option<usize>>>,
    outputs: usize,
}

impl Patches {
    fn new(window: &Window, groups: usize, [c, h, w]: [u32; 3], [o, rows, cols]: [u32; 3]) -> Self {
        let [taps_down, taps_across] = window.kernel;
        let row = |i| (0..taps_down).map(|tap| Some(window.source(0, i, tap, h)? as usize * w as usize)).collect();
        let col = |tap| (0..cols).map(|i| Some(window.source(1, i, tap, w)? as usize)).collect();
        let (rows, cols) = ((0..rows).map(row).collect(), (0..taps_across).map(col).collect());
        Self { groups, channels: c as usize / groups, area: (h * w) as usize, rows, cols, outputs: o as usize }
    }

    fn convolve(&self, engine: &dyn Engine, x: &[i32], weight: &[i32], bias: Option<&[i32]>) -> Vec<i64> {
        let (width, m) = (self.cols.first().map_or(0, Vec::len), self.outputs / self.groups);
        let k = self.channels * self.rows.first().map_or(0, Vec::len) * self.cols.len();
        let positions = self.rows.len() * width;
        let mut result = vec![0; self.outputs * positions];
        let of_groups = weight.chunks_exact((m * k).max(1)).zip(result.chunks_exact_mut((m * positions).max(1)));
        for (group, (weights, result)) in of_groups.enumerate() {
            let at_once = (PATCHES / (k * width).max(1)).max(1);
            for (i, rows) in self.rows.chunks(at_once).enumerate() {
                let n = rows.len() * width;
                let sums = engine.products(weights, &self.seen(x, group, rows), Dims { m, k, n });
                for (result, sums) in result.chunks_exact_mut(positions.max(1)).zip(sums.chunks_exact(n.max(1))) {
                    result[i * at_once * width..][..n].copy_from_slice(sums);
                }
            }
        }
        for (sums, &bias) in result.chunks_exact_mut(positions.max(1)).zip(bias.unwrap_or(&[])) {
            sums.iter_mut().for_each(|sum| *sum += i64::from(bias));
        }
        result
    }

    /// For each tap of the channels of a group, what the positions of some rows of results see there, zeros for padding.
    fn seen(&self, x: &[i32], group: usize, rows: &[Vec<Option<usize>>]) -> Vec<i32> {
        let mut seen = Vec::new();
        for channel in x.chunks_exact(self.area.max(1)).skip(group * self.channels).take(self.channels) {
            for down in 0..rows.first().map_or(0, Vec::len) {
                for across in &self.cols {
                    for row in rows {
                        let line = row[down].and_then(|start| channel.get(start..)).unwrap_or(&[]);
                        let at = |col: &Option<usize>| col.and_then(|col| line.get(col)).copied().unwrap_or(0);
                        seen.extend(across.iter().map(at));
                    }
                }
            }
        }
        seen
    }
}

/// sums += the correlation of one channel with one kernel.
fn correlate(sums: &mut [i64], x: &[i32], kernel: &[i32], window: &Window, [h, w]: [u32; 2], [rows, cols]: [u32; 2]) {
    for (tap, &weight) in kernel.iter().enumerate().filter(|(_, weight)| **weight != 0) {
        let (u, v) = (tap as u32 / window.kernel[1], tap as u32 % window.kernel[1]);
        // Windows whose element at this tap lies inside x.
        let inside = |j: &u32| window.source(1, *j, v, w).is_some();
        let Some(first) = (0..cols).find(inside) else { continue };
        let last = (first..cols).rfind(inside).unwrap_or(first);
        let start = window.source(1, first, v, w).unwrap_or(0);
        for i in 0..rows {
            let Some(row) = window.source(0, i, u, h) else { continue };
            let line = &x[(row * w + start) as usize..((row + 1) * w) as usize];
            let sums = &mut sums[(i * cols + first) as usize..=(i * cols + last) as usize];
            if window.stride[1] == 1 {
                accumulate(sums, weight, line);
            } else {
                let strided = line.iter().step_by(window.stride[1] as usize);
                sums.iter_mut().zip(strided).for_each(|(sum, &x)| *sum += i64::from(x) * i64::from(weight));
            }
        }
    }
}
