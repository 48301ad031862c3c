//! The float reference: what the steps compute in float32, sums in order.

use crate::graph::array::{Array, count, joint, positions};
use crate::graph::expr::Arith;
use crate::graph::net::{Conv, Kind, Linear, Net};
use ciro_graph::Window;

/// Every value of the network for one sample, by id.
pub(crate) fn evaluate(net: &Net, inputs: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let mut values = inputs;
    for step in &net.steps {
        let operands: Vec<(&[usize], &[f32])> =
            step.operands.iter().map(|&x| (net.dims(x), values[x].as_slice())).collect();
        let result = apply(&step.kind, &operands, &step.dims);
        values.push(result);
    }
    values
}

/// The constant that a step of constants is.
pub(crate) fn fold(kind: &Kind, operands: &[&Array], dims: &[usize]) -> Array {
    let whole = operands.iter().all(|x| x.whole);
    let views: Vec<(&[usize], &[f32])> = operands.iter().map(|x| (x.dims.as_slice(), x.values.as_slice())).collect();
    let mut values = apply(kind, &views, dims);
    if whole && matches!(kind, Kind::Binary(Arith::Div)) {
        values.iter_mut().for_each(|v| *v = v.trunc());
    }
    if whole { Array::whole(dims.to_vec(), values) } else { Array::new(dims.to_vec(), values) }
}

/// Mean (zero unless centred) and root of the mean square around it.
pub(crate) fn deviation(row: &[f32], centred: bool, eps: f64) -> (f64, f64) {
    let n = row.len() as f64;
    let mean = if centred { row.iter().map(|&v| f64::from(v)).sum::<f64>() / n } else { 0.0 };
    let square = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    (mean, (square + eps).sqrt())
}

fn apply(kind: &Kind, operands: &[(&[usize], &[f32])], dims: &[usize]) -> Vec<f32> {
    let Some(&(x_dims, x)) = operands.first() else {
        return match kind {
            Kind::Constant(array) => array.values.to_vec(),
            _ => vec![0.0; count(dims)],
        };
    };
    let row = x_dims.last().copied().unwrap_or(1).max(1);
    let constant =
        |c: &Array, f: fn(f32, f32) -> f32| x.iter().zip(c.spread(x_dims)).map(|(&v, c)| f(v, c)).collect::<Vec<f32>>();
    match kind {
        Kind::Constant(array) => array.values.to_vec(),
        Kind::Linear(linear) => linear_rows(linear, x),
        Kind::Conv(conv) => convolve(conv, (x_dims, x), dims),
        Kind::Contract { transposed } => contract(operands, *transposed),
        Kind::Pointwise(expr) => x.iter().map(|&v| expr.at(f64::from(v)) as f32).collect(),
        Kind::AddConst(c) => constant(c, |v, c| v + c),
        Kind::MulConst(c) => constant(c, |v, c| v * c),
        Kind::Binary(arith) => binary(*arith, operands),
        Kind::Sum => x.chunks_exact(row).map(|row| row.iter().map(|&v| f64::from(v)).sum::<f64>() as f32).collect(),
        Kind::Max => x.chunks_exact(row).map(largest).collect(),
        Kind::MaxPool { window, positive } => {
            max_pool(window, (x_dims, x), dims, if *positive { 0.0 } else { f32::NEG_INFINITY })
        }
        Kind::Softmax { log } => x.chunks_exact(row).flat_map(|row| softmax(row, *log)).collect(),
        Kind::Normalize { centred, eps } => {
            x.chunks_exact(row).flat_map(|row| normalized(row, *centred, *eps)).collect()
        }
        Kind::Embed(table) => {
            let d = table.dims[1];
            let last = table.dims[0].saturating_sub(1);
            x.iter().flat_map(|&id| &table.values[(id as usize).min(last) * d..][..d]).copied().collect()
        }
        Kind::Mask { keep, fill } => {
            x.iter().zip(keep.spread(x_dims)).map(|(&v, keep)| if keep == 0.0 { *fill } else { v }).collect()
        }
        Kind::Choose { fill } => chosen(operands, *fill),
        Kind::Hide => chosen(operands, f32::NEG_INFINITY),
        Kind::ArgMax => vec![crate::graph::decisions::argmax(x) as f32],
        Kind::Reshape => x.to_vec(),
        Kind::Transpose(perm) => transpose(x_dims, x, perm),
        Kind::Take(picks) => take(x_dims, x, picks),
        Kind::Concat(axis) => concat(operands, *axis),
        Kind::Top { k, largest } => x.chunks_exact(row).flat_map(|row| top(row, *k, *largest)).collect(),
        Kind::Elem(elem) => x.iter().enumerate().map(|(i, &v)| elem.apply(i, v)).collect(),
        Kind::Norm(norm) => crate::graph::elem::normalized(*norm, x),
        Kind::Trees { forest, .. } => crate::graph::forest::leaf_sums(forest, |feature| f64::from(x[feature])),
    }
}

/// For each element of a step that only moves them: the operand and the element that it is, or none where it is zero.
pub(crate) fn rearranged(kind: &Kind, operands: &[&[usize]], dims: &[usize]) -> Vec<Option<(usize, usize)>> {
    let mut places = Vec::new();
    let numbered: Vec<Vec<f32>> = operands
        .iter()
        .enumerate()
        .map(|(operand, dims)| {
            let start = places.len();
            places.extend((0..count(dims)).map(|i| (operand, i)));
            // Zero is what is picked from nowhere.
            (start..places.len()).map(|i| (i + 1) as f32).collect()
        })
        .collect();
    let views: Vec<(&[usize], &[f32])> = operands.iter().copied().zip(numbered.iter().map(Vec::as_slice)).collect();
    let picked = apply(kind, &views, dims);
    picked.into_iter().map(|number| (number as usize).checked_sub(1).map(|i| places[i])).collect()
}

/// Positions of the k largest elements, or the smallest.
fn top(x: &[f32], k: usize, largest: bool) -> Vec<f32> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| if largest { x[b].total_cmp(&x[a]) } else { x[a].total_cmp(&x[b]) });
    order.into_iter().take(k).map(|i| i as f32).collect()
}

fn linear_rows(linear: &Linear, x: &[f32]) -> Vec<f32> {
    let mut result = Vec::with_capacity(x.len() / linear.k.max(1) * linear.n);
    for row in x.chunks_exact(linear.k.max(1)) {
        let mut sums = linear.bias.as_ref().map_or_else(|| vec![0.0; linear.n], |bias| bias.to_vec());
        for (&v, weights) in row.iter().zip(linear.weight.chunks_exact(linear.n.max(1))).filter(|(v, _)| **v != 0.0) {
            accumulate(&mut sums, v, weights);
        }
        result.extend(sums);
    }
    result
}

fn accumulate(sums: &mut [f32], x: f32, weights: &[f32]) {
    sums.iter_mut().zip(weights).for_each(|(sum, &w)| *sum += x * w);
}

fn contract(operands: &[(&[usize], &[f32])], transposed: bool) -> Vec<f32> {
    let (Some(&(a_dims, a)), Some(&(b_dims, b))) = (operands.first(), operands.get(1)) else { return vec![] };
    let matrix = |dims: &[usize]| (dims[dims.len() - 2], dims[dims.len() - 1]);
    let ((m, k), (rows, cols)) = (matrix(a_dims), matrix(b_dims));
    let mut result = Vec::new();
    for (a, b) in a.chunks_exact((m * k).max(1)).zip(b.chunks_exact((rows * cols).max(1))) {
        for row in a.chunks_exact(k.max(1)) {
            if transposed {
                let inner = |other: &[f32]| row.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
                result.extend(b.chunks_exact(cols.max(1)).map(inner));
                continue;
            }
            let mut sums = vec![0.0; cols];
            row.iter().zip(b.chunks_exact(cols.max(1))).for_each(|(&x, other)| accumulate(&mut sums, x, other));
            result.extend(sums);
        }
    }
    result
}

fn convolve(conv: &Conv, (x_dims, x): (&[usize], &[f32]), dims: &[usize]) -> Vec<f32> {
    let [outputs, per_group, ..] = conv.dims;
    let (h, w) = (x_dims[2], x_dims[3]);
    let (rows, cols) = (dims[2], dims[3]);
    let taps = (conv.dims[2] * conv.dims[3]).max(1);
    if outputs / conv.groups >= WIDE {
        return convolve_by_patches(conv, (x_dims, x), dims);
    }
    let mut result = Vec::with_capacity(count(dims));
    for (o, kernels) in conv.weight.chunks_exact((per_group * taps).max(1)).enumerate() {
        let mut sums = vec![conv.bias.as_ref().map_or(0.0, |bias| bias[o]); rows * cols];
        let first = o / (outputs / conv.groups) * per_group;
        for (c, kernel) in kernels.chunks_exact(taps).enumerate() {
            let plane = &x[(first + c) * h * w..][..h * w];
            correlate(&mut sums, plane, kernel, &conv.window, ([h, w], [rows, cols]));
        }
        result.extend(sums);
    }
    result
}

/// From this many outputs per group on, all outputs at one position are summed side by side.
const WIDE: usize = 8;

fn convolve_by_patches(conv: &Conv, (x_dims, x): (&[usize], &[f32]), dims: &[usize]) -> Vec<f32> {
    let [outputs, per_group, kh, kw] = conv.dims;
    let (h, w) = (x_dims[2], x_dims[3]);
    let positions = dims[2] * dims[3];
    let (wide, depth) = (outputs / conv.groups, per_group * kh * kw);
    let (row_of, col_of) = (sources(conv, 0, (h, dims[2])), sources(conv, 1, (w, dims[3])));
    let mut result = vec![0.0; outputs * positions];
    for group in 0..conv.groups {
        let weights = &conv.weight[group * wide * depth..][..wide * depth];
        let by_tap: Vec<f32> = (0..depth).flat_map(|k| (0..wide).map(move |o| weights[o * depth + k])).collect();
        let planes = &x[group * per_group * h * w..][..per_group * h * w];
        for position in 0..positions {
            let rows = &row_of[position / dims[3] * kh..][..kh];
            let cols = &col_of[position % dims[3] * kw..][..kw];
            let mut sums: Vec<f32> =
                conv.bias.as_ref().map_or_else(|| vec![0.0; wide], |bias| bias[group * wide..][..wide].to_vec());
            let mut weights = by_tap.chunks_exact(wide);
            for plane in planes.chunks_exact((h * w).max(1)) {
                let taps = rows.iter().flat_map(|row| cols.iter().map(move |col| row.zip(*col)));
                for (tap, weights) in taps.zip(&mut weights) {
                    if let Some(v) = tap.map(|(row, col)| plane[row * w + col]).filter(|v| *v != 0.0) {
                        accumulate(&mut sums, v, weights);
                    }
                }
            }
            sums.into_iter().enumerate().for_each(|(o, sum)| result[(group * wide + o) * positions + position] = sum);
        }
    }
    result
}

/// The element of dimension `d` that each tap of each window reads, window by window; `None` in the padding.
fn sources(conv: &Conv, d: usize, (from, to): (usize, usize)) -> Vec<Option<usize>> {
    let taps = conv.dims[2 + d];
    let source = |i: usize| {
        let (window, tap) = ((i / taps) as u32, (i % taps) as u32);
        conv.window.source(d, window, tap, from as u32).map(|at| at as usize)
    };
    (0..to * taps).map(source).collect()
}

fn correlate(sums: &mut [f32], x: &[f32], kernel: &[f32], window: &Window, (from, to): ([usize; 2], [usize; 2])) {
    let source =
        |d: usize, i: usize, tap: usize| window.source(d, i as u32, tap as u32, from[d] as u32).map(|i| i as usize);
    for (tap, &weight) in kernel.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
        let (u, v) = (tap / window.kernel[1] as usize, tap % window.kernel[1] as usize);
        let Some(first) = (0..to[1]).find(|&j| source(1, j, v).is_some()) else { continue };
        let last = (first..to[1]).rfind(|&j| source(1, j, v).is_some()).unwrap_or(first);
        let start = source(1, first, v).unwrap_or(0);
        for i in 0..to[0] {
            let Some(row) = source(0, i, u) else { continue };
            let line = &x[row * from[1] + start..(row + 1) * from[1]];
            let sums = &mut sums[i * to[1] + first..=i * to[1] + last];
            if window.stride[1] == 1 {
                accumulate(sums, weight, line);
            } else {
                let strided = line.iter().step_by(window.stride[1] as usize);
                sums.iter_mut().zip(strided).for_each(|(sum, &x)| *sum += x * weight);
            }
        }
    }
}

fn binary(arith: Arith, operands: &[(&[usize], &[f32])]) -> Vec<f32> {
    let (Some(&(a_dims, a)), Some(&(b_dims, b))) = (operands.first(), operands.get(1)) else { return vec![] };
    let both = |a: f32, b: f32| arith.at(f64::from(a), f64::from(b)) as f32;
    if a_dims == b_dims {
        return a.iter().zip(b).map(|(&a, &b)| both(a, b)).collect();
    }
    let dims = joint(a_dims, b_dims).unwrap_or_default();
    positions(a_dims, &dims).into_iter().zip(positions(b_dims, &dims)).map(|(i, j)| both(a[i], b[j])).collect()
}

/// The first operand where the second is not zero, else `fill`.
fn chosen(operands: &[(&[usize], &[f32])], fill: f32) -> Vec<f32> {
    let (Some(&(dims, x)), Some(&(keep_dims, keep))) = (operands.first(), operands.get(1)) else { return vec![] };
    let shown = |(&v, at): (&f32, usize)| if keep[at] == 0.0 { fill } else { v };
    x.iter().zip(positions(keep_dims, dims)).map(shown).collect()
}

fn largest(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

fn max_pool(window: &Window, (x_dims, x): (&[usize], &[f32]), dims: &[usize], least: f32) -> Vec<f32> {
    let (h, w) = (x_dims[2], x_dims[3]);
    let source = |d: usize, i: usize, tap: u32, len: usize| window.source(d, i as u32, tap, len as u32);
    let mut result = Vec::with_capacity(count(dims));
    for plane in x.chunks_exact((h * w).max(1)) {
        for (i, j) in (0..dims[2]).flat_map(|i| (0..dims[3]).map(move |j| (i, j))) {
            let rows: Vec<u32> = (0..window.kernel[0]).filter_map(|u| source(0, i, u, h)).collect();
            let cols = (0..window.kernel[1]).filter_map(|v| source(1, j, v, w));
            let inside = cols.flat_map(|col| rows.iter().map(move |&row| plane[row as usize * w + col as usize]));
            result.push(inside.fold(least, f32::max));
        }
    }
    result
}

fn softmax(row: &[f32], log: bool) -> Vec<f32> {
    // In a row of which nothing is shown, all elements are alike.
    let top = largest(row).max(f32::MIN);
    let powers: Vec<f64> = row.iter().map(|&v| f64::from(v - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    if log {
        return row.iter().map(|&v| (f64::from(v - top) - sum.ln()) as f32).collect();
    }
    powers.into_iter().map(|power| (power / sum) as f32).collect()
}

fn normalized(row: &[f32], centred: bool, eps: f64) -> Vec<f32> {
    let (mean, deviation) = deviation(row, centred, eps);
    row.iter().map(|&v| ((f64::from(v) - mean) / deviation) as f32).collect()
}

fn transpose(dims: &[usize], x: &[f32], perm: &[usize]) -> Vec<f32> {
    let own = ciro_graph::strides(&crate::graph::array::narrow(dims), &crate::graph::array::narrow(dims));
    let to: Vec<u32> = perm.iter().map(|&axis| dims[axis] as u32).collect();
    let steps: Vec<usize> = perm.iter().map(|&axis| own[axis]).collect();
    ciro_graph::shape::offsets(&to, &steps).into_iter().map(|i| x[i]).collect()
}

fn take(dims: &[usize], x: &[f32], picks: &[(usize, Vec<Option<usize>>)]) -> Vec<f32> {
    let (mut dims, mut values) = (dims.to_vec(), x.to_vec());
    for (axis, index) in picks {
        let (inner, len) = (count(&dims[axis + 1..]), dims[*axis]);
        let mut taken = Vec::new();
        for block in values.chunks_exact((len * inner).max(1)) {
            for i in index {
                match i {
                    Some(i) => taken.extend_from_slice(&block[i * inner..(i + 1) * inner]),
                    None => taken.resize(taken.len() + inner, 0.0),
                }
            }
        }
        dims[*axis] = index.len();
        values = taken;
    }
    values
}

fn concat(operands: &[(&[usize], &[f32])], axis: usize) -> Vec<f32> {
    let blocks: Vec<(&[f32], usize)> = operands.iter().map(|(dims, x)| (*x, count(&dims[axis..]))).collect();
    let outer = operands.first().map_or(0, |(dims, _)| count(&dims[..axis]));
    let piece = |i: usize| blocks.iter().flat_map(move |(x, size)| &x[i * size..(i + 1) * size]);
    (0..outer).flat_map(piece).copied().collect()
}
