//! Normalisations by what they compute: spellings that [`super::norms`] does not know by their steps.
//!
//! In some of them the scale is multiplied into the deviation. Some go along another dimension than the last. Some are put together
//! as `x · k + (offset − mean · k)`.
//!
//! The steps between a value and the sums of its rows are computed for some numbers. They are a normalisation if each element of
//! the result is one of the value, normalised, times a factor and plus an offset.

use super::fuse::is_square;
use super::norms::eps_of;
use super::rewriter::Rewriter;
use crate::graph::array::{Array, count, positions};
use crate::graph::expr::Arith;
use crate::graph::net::eval::fold;
use crate::graph::net::{Id, Kind, Net, Step};
use std::collections::{BTreeMap, BTreeSet};

/// Most steps that spell one normalisation.
const LONGEST: usize = 48;
/// Most elements of a value that is tried.
const LARGEST: usize = 1 << 20;
/// Sizes of the numbers that are tried.
const SIZES: [f32; 6] = [1.0, 0.3, 2.5, 0.9, 6.0, 1.7];
/// How far numbers may be apart, as a part of the largest: float32 loses so much in a difference of squares.
const NEAR: f64 = 1e-3;
/// How far factors may be apart that count as one.
const ALIKE: f64 = 1e-5;

/// A value, and the moves after which its rows are summed, each with the dimensions behind it.
#[derive(Clone)]
struct Rows {
    of: Id,
    moves: Vec<(Kind, Vec<usize>)>,
}

pub(super) fn rewrite(rewriter: &mut Rewriter, step: &Step) -> Option<Id> {
    let Kind::Binary(Arith::Add | Arith::Sub | Arith::Mul | Arith::Div) = step.kind else { return None };
    let found = summed(&rewriter.net, step).into_iter().find_map(|rows| normalised(&rewriter.net, step, &rows))?;
    Some(found.add(rewriter, step))
}

/// A normalisation: rows, and what their elements become.
struct Found {
    rows: Rows,
    kind: Kind,
    factors: Option<Array>,
    offsets: Option<Array>,
}

impl Found {
    fn add(self, rewriter: &mut Rewriter, step: &Step) -> Id {
        let mut value = self.rows.of;
        let mut shapes = vec![rewriter.net.dims(value).to_vec()];
        for (kind, dims) in &self.rows.moves {
            value = rewriter.add(&step.at, kind.clone(), vec![value], dims.clone());
            shapes.push(dims.clone());
        }
        let rows = rewriter.net.dims(value).to_vec();
        value = rewriter.add(&step.at, self.kind, vec![value], rows);
        for ((kind, _), dims) in self.rows.moves.iter().zip(&shapes).rev() {
            value = rewriter.add(&step.at, undone(kind), vec![value], dims.clone());
        }
        for kind in [self.factors.map(Kind::MulConst), self.offsets.map(Kind::AddConst)].into_iter().flatten() {
            value = rewriter.add(&step.at, kind, vec![value], step.dims.clone());
        }
        value
    }
}

/// What takes a move back.
fn undone(kind: &Kind) -> Kind {
    match kind {
        Kind::Transpose(perm) => {
            let mut inverse = vec![0; perm.len()];
            perm.iter().enumerate().for_each(|(i, &axis)| inverse[axis] = i);
            Kind::Transpose(inverse)
        }
        kind => kind.clone(),
    }
}

/// Whether a normalisation may be spelt with such a step.
fn is_spelling(kind: &Kind) -> bool {
    match kind {
        Kind::Constant(_)
        | Kind::Pointwise(_)
        | Kind::AddConst(_)
        | Kind::MulConst(_)
        | Kind::Binary(_)
        | Kind::Sum
        | Kind::Reshape
        | Kind::Transpose(_)
        | Kind::Take(_) => true,
        Kind::Linear(_)
        | Kind::Conv(_)
        | Kind::Contract { .. }
        | Kind::Max
        | Kind::MaxPool { .. }
        | Kind::Softmax { .. }
        | Kind::Normalize { .. }
        | Kind::Embed(_)
        | Kind::Mask { .. }
        | Kind::Choose { .. }
        | Kind::Hide
        | Kind::ArgMax
        | Kind::Concat(_)
        | Kind::Top { .. }
        | Kind::Elem(_)
        | Kind::Norm(_)
        | Kind::Trees { .. } => false,
    }
}

/// The values of which rows, or rows of squares, are summed before a step: the nearest first.
fn summed(net: &Net, step: &Step) -> Vec<Rows> {
    let (mut seen, mut next) = (BTreeSet::new(), step.operands.clone());
    let mut found: Vec<Rows> = Vec::new();
    while let Some(id) = next.pop().filter(|_| seen.len() < LONGEST) {
        let Some(step) = net.step(id).filter(|step| is_spelling(&step.kind) && seen.insert(id)) else { continue };
        if matches!(step.kind, Kind::Sum) {
            let own = unmoved(net, Rows { of: step.operands[0], moves: vec![] });
            let roots = own.iter().flat_map(|rows| unsquared(net, rows));
            found.extend(roots.collect::<Vec<Rows>>());
            found.extend(own);
        }
        next.extend(&step.operands);
    }
    found.sort_by_key(|rows| std::cmp::Reverse(rows.of));
    found.dedup_by_key(|rows| rows.of);
    found
}

/// These rows, and what they are moves of.
fn unmoved(net: &Net, rows: Rows) -> Vec<Rows> {
    let below = |rows: &Rows| {
        let step = net.step(rows.of).filter(|step| matches!(step.kind, Kind::Reshape | Kind::Transpose(_)))?;
        let moves = [&[(step.kind.clone(), step.dims.clone())], rows.moves.as_slice()].concat();
        Some(Rows { of: step.operands[0], moves })
    };
    std::iter::successors(Some(rows), below).collect()
}

/// The rows of which these are the squares.
fn unsquared(net: &Net, rows: &Rows) -> Vec<Rows> {
    match net.step(rows.of) {
        Some(Step { kind: Kind::Pointwise(square), operands, .. }) if is_square(square) => {
            unmoved(net, Rows { of: operands[0], moves: rows.moves.clone() })
        }
        _ => vec![],
    }
}

/// The step as a normalisation of these rows, if it is one.
fn normalised(net: &Net, step: &Step, rows: &Rows) -> Option<Found> {
    let dims = net.dims(rows.of);
    if dims != step.dims || count(dims) > LARGEST {
        return None;
    }
    let between = between(net, step, rows.of)?;
    let n = rows.moves.last().map_or(dims, |(_, dims)| dims).last().copied()?;
    let eps = between.iter().find_map(|&id| {
        let Kind::Pointwise(root) = &net.step(id)?.kind else { return None };
        let ways = [(1.0, true), (1.0, false), (n as f64, true), (n as f64, false)];
        ways.into_iter().find_map(|(n, inverse)| eps_of(root, n, inverse))
    })?;
    let tried: Vec<Array> = SIZES.iter().enumerate().map(|(i, &size)| numbers(dims, size, i as u64)).collect();
    let given: Vec<Array> = tried.iter().map(|x| computed(net, step, &between, (rows.of, x))).collect();
    [true, false].into_iter().find_map(|centred| {
        let kind = Kind::Normalize { centred, eps };
        let wanted: Vec<Array> = tried.iter().map(|x| along(rows, &kind, x)).collect();
        let (factors, offsets) = lines(&wanted, &given)?;
        Some(Found {
            rows: rows.clone(),
            kind,
            factors: short(dims, &factors).filter(|c| c.scalar() != Some(1.0)),
            offsets: short(dims, &offsets).filter(|c| c.scalar() != Some(0.0)),
        })
    })
}

/// The steps between a value and a step, in order; none if it reads something else as well.
fn between(net: &Net, step: &Step, of: Id) -> Option<Vec<Id>> {
    let (mut seen, mut next) = (BTreeSet::new(), step.operands.clone());
    while let Some(id) = next.pop() {
        if id == of || !seen.insert(id) {
            continue;
        }
        let step = net.step(id).filter(|step| is_spelling(&step.kind) && seen.len() <= LONGEST)?;
        next.extend(&step.operands);
    }
    Some(seen.into_iter().collect())
}

/// Reproducible numbers around a mean of their own.
fn numbers(dims: &[usize], size: f32, seed: u64) -> Array {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 0.75
    };
    Array::new(dims.to_vec(), (0..count(dims)).map(|_| size * unit()).collect())
}

/// What a step gives, where one value has these numbers.
fn computed(net: &Net, step: &Step, between: &[Id], (of, x): (Id, &Array)) -> Array {
    let mut values = BTreeMap::from([(of, x.clone())]);
    let apply = |step: &Step, values: &BTreeMap<Id, Array>| {
        let operands: Vec<&Array> = step.operands.iter().filter_map(|id| values.get(id)).collect();
        fold(&step.kind, &operands, &step.dims)
    };
    for &id in between {
        if let Some(step) = net.step(id) {
            let value = apply(step, &values);
            values.insert(id, value);
        }
    }
    apply(step, &values)
}

/// Numbers moved, normalised by rows, and moved back.
fn along(rows: &Rows, kind: &Kind, x: &Array) -> Array {
    let mut value = x.clone();
    let mut shapes = vec![x.dims.clone()];
    for (kind, dims) in &rows.moves {
        value = fold(kind, &[&value], dims);
        shapes.push(dims.clone());
    }
    value = fold(kind, &[&value], &value.dims);
    for ((kind, _), dims) in rows.moves.iter().zip(&shapes).rev() {
        value = fold(&undone(kind), &[&value], dims);
    }
    value
}

/// Factor and offset of each element, if those make the given numbers of the wanted ones: by least squares.
fn lines(wanted: &[Array], given: &[Array]) -> Option<(Vec<f64>, Vec<f64>)> {
    let (n, len) = (wanted.len() as f64, wanted.first()?.values.len());
    let size = given.iter().flat_map(|y| y.values.iter()).fold(0.0f64, |size, &y| size.max(f64::from(y).abs()));
    let (mut factors, mut offsets) = (Vec::with_capacity(len), Vec::with_capacity(len));
    for i in 0..len {
        let pairs = || wanted.iter().zip(given).map(|(z, y)| (f64::from(z.values[i]), f64::from(y.values[i])));
        let (z, y) = pairs().fold((0.0, 0.0), |(a, b), (z, y)| (a + z / n, b + y / n));
        let (zz, zy) = pairs().fold((0.0, 0.0), |(a, b), (v, w)| (a + (v - z).powi(2), b + (v - z) * (w - y)));
        let factor = zy / zz.max(f64::MIN_POSITIVE);
        let offset = y - factor * z;
        let offset = if offset.abs() <= ALIKE * size { 0.0 } else { offset };
        // What is no number is not near either.
        if !pairs().all(|(z, y)| (factor * z + offset - y).abs() <= NEAR * size) {
            return None;
        }
        factors.push(factor);
        offsets.push(offset);
    }
    Some((factors, offsets))
}

/// Numbers of all elements as a constant that broadcasts to them.
fn short(dims: &[usize], values: &[f64]) -> Option<Array> {
    let size = values.iter().fold(0.0f64, |size, v| size.max(v.abs()));
    let mut shape = dims.to_vec();
    for axis in 0..dims.len() {
        let one: Vec<usize> = shape.iter().enumerate().map(|(i, &d)| if i == axis { 1 } else { d }).collect();
        let first = first_places(&one, dims);
        if positions(&one, dims).iter().zip(values).all(|(&at, v)| (values[first[at]] - v).abs() <= ALIKE * size) {
            shape = one;
        }
    }
    let first = first_places(&shape, dims);
    let snapped = |v: f64| if (v - v.round()).abs() <= ALIKE * size.max(1.0) { v.round() } else { v };
    (size > 0.0).then(|| Array::new(shape, first.into_iter().map(|at| snapped(values[at]) as f32).collect()))
}

/// For each element of a constant that broadcasts to `dims`, the first element there that it stands for.
fn first_places(shape: &[usize], dims: &[usize]) -> Vec<usize> {
    let mut first = vec![usize::MAX; count(shape)];
    for (i, at) in positions(shape, dims).into_iter().enumerate() {
        first[at] = first[at].min(i);
    }
    first
}
