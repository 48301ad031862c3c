//! Shapes, kinds and intervals of values, operator by operator.
//!
//! [`Scope::outcome`] is what the compiler asks while it builds and what a loader asks while it re-checks, so that the two
//! cannot disagree. Without weights, an operator that depends on them has no computed interval.

mod tensor;

use crate::arith::{self, power};
use crate::count::{narrow, signed, size, wide};
use crate::cuts::Cuts;
use crate::forest::{NUMBER_ORIGIN, Tables, sum_interval};
use crate::interval::{FIELD, Interval};
use crate::problem::{
    MAX_ELEMENTS, MAX_PARTS, MAX_RANK, MAX_TOTAL, Problem, at_most, declared, in_range, length, up_to,
};
use crate::program::{ConstId, Constant, Forest, Ingest, Input, Node, Op, Pick, ValueId, element_count};
use crate::shape::broadcast;
use alloc::vec;
use alloc::vec::Vec;

/// What is known of a value before it is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// Dimensions.
    pub shape: Vec<u32>,
    /// What the elements are.
    pub kind: Kind,
}

/// What a value's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ordered images of float32: only [`Op::Trees`] reads them.
    Ordered,
    /// Ordered images of float64: only [`Op::Rank`] and [`Op::Missing`] read them.
    OrderedDouble,
    /// Numbers in an interval.
    Bounded(Interval),
    /// A class index: only an output reads it.
    Index {
        /// How many classes there are.
        below: u32,
    },
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ordered => "an ordered image",
            Self::OrderedDouble => "an ordered image of a float64",
            Self::Bounded(_) => "a number",
            Self::Index { .. } => "a class index",
        }
    }
}

impl ValueInfo {
    /// Elements.
    #[must_use]
    pub fn len(&self) -> u32 {
        element_count(&self.shape)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of a row.
    #[must_use]
    pub fn row(&self) -> u32 {
        self.shape.last().copied().unwrap_or(1)
    }

    pub(crate) fn bounded(&self) -> Result<Interval, Problem> {
        match self.kind {
            Kind::Bounded(interval) => Ok(interval),
            kind @ (Kind::Ordered | Kind::OrderedDouble | Kind::Index { .. }) => {
                Err(Problem::Kind { expected: "a number", got: kind.name() })
            }
        }
    }
}

/// A shape and an interval.
type Tensor = (Vec<u32>, Interval);

/// What an operator produces: its shape, and its interval as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Dimensions.
    pub shape: Vec<u32>,
    /// By interval arithmetic; `None` if it depends on weights that were not given.
    pub interval: Option<Interval>,
}

/// The contents of a program's constants, where they are known.
#[derive(Clone, Copy, Debug)]
pub struct Consts<'a> {
    /// Names and lengths.
    pub shapes: &'a [Constant],
    /// Contents, as long as the shapes say.
    pub weights: Option<&'a [Vec<i32>]>,
}

impl<'a> Consts<'a> {
    fn shape(self, id: ConstId) -> Result<&'a [u32], Problem> {
        let missing = Problem::Reference { what: "constant", below: self.shapes.len(), got: id.0 };
        self.shapes.get(size(id.0)).map(|constant| constant.shape.as_slice()).ok_or(missing)
    }

    fn len(self, id: ConstId) -> Result<usize, Problem> {
        self.shape(id).map(|shape| size(element_count(shape)))
    }

    fn expect(self, what: &'static str, id: ConstId, len: u64) -> Result<(), Problem> {
        length(what, len, self.len(id)?)
    }

    fn values(self, id: ConstId) -> Option<&'a [i32]> {
        self.weights?.get(size(id.0)).map(Vec::as_slice)
    }
}

/// The values defined so far.
#[derive(Clone, Debug)]
pub struct Scope {
    limb_bits: u8,
    inputs: usize,
    values: Vec<ValueInfo>,
}

impl Scope {
    /// An empty scope of a program with this limb width.
    #[must_use]
    pub const fn new(limb_bits: u8) -> Self {
        Self { limb_bits, inputs: 0, values: Vec::new() }
    }

    /// Defines the next value as a (checked) input.
    pub fn push_input(&mut self, input: &Input) {
        let kind = match input.ingest {
            Ingest::Ordered | Ingest::OrderedMissing => Kind::Ordered,
            Ingest::OrderedDouble { .. } => Kind::OrderedDouble,
            Ingest::Fixed { lo, hi, .. } | Ingest::Imputed { lo, hi, .. } | Ingest::FixedDouble { lo, hi, .. } => {
                Kind::Bounded(Interval { lo: i64::from(lo), hi: i64::from(hi) })
            }
        };
        self.inputs = self.inputs.saturating_add(1);
        self.values.push(ValueInfo { shape: input.value_shape(), kind });
    }

    /// Defines the next value as the result of `op`, within `interval`.
    pub fn push(&mut self, op: &Op, shape: Vec<u32>, interval: Interval) {
        let kind = if let Op::ArgMax { x } = op {
            Kind::Index { below: self.get(*x).map_or(0, ValueInfo::row) }
        } else {
            Kind::Bounded(interval)
        };
        self.values.push(ValueInfo { shape, kind });
    }

    /// How many values there are; the next one's number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What is known of a value.
    ///
    /// # Errors
    /// [`Problem::Reference`] if it is not defined yet.
    pub fn get(&self, id: ValueId) -> Result<&ValueInfo, Problem> {
        let missing = Problem::Reference { what: "value", below: self.values.len(), got: id.0 };
        self.values.get(size(id.0)).ok_or(missing)
    }

    /// Shape and interval of a value that holds numbers.
    fn number(&self, id: ValueId) -> Result<(&[u32], Interval), Problem> {
        let value = self.get(id)?;
        Ok((&value.shape, value.bounded()?))
    }

    /// What `op` would produce here.
    ///
    /// # Errors
    /// [`Problem`] if it reads what it may not, a shape or parameter is wrong, or an interval could wrap.
    pub fn outcome(&self, op: &Op, consts: Consts<'_>) -> Result<Outcome, Problem> {
        let outcome = self.result(op, consts)?;
        at_most("dimensions", MAX_RANK, wide(outcome.shape.len()))?;
        at_most("elements", MAX_ELEMENTS, u64::from(element_count(&outcome.shape)))?;
        match outcome.interval {
            Some(got) if !got.fits() => Err(Problem::Wraps { what: "result", got }),
            _ => Ok(outcome),
        }
    }

    /// One match over all operators, so that none is forgotten.
    fn result(&self, op: &Op, consts: Consts<'_>) -> Result<Outcome, Problem> {
        let known = match op {
            Op::Linear { x, weight, bias } => return self.linear(*x, *weight, *bias, consts),
            Op::Conv { x, weight, bias, window, groups } => {
                return self.conv(*x, (*weight, *bias), window, *groups, consts);
            }
            Op::Curve { x, lo, frac_bits, values, slopes } => {
                return self.curve(*x, *lo, *frac_bits, (*values, *slopes), consts);
            }
            Op::Embed { ids, table } => return self.embed(*ids, *table, consts),
            Op::Table { x, lo, values } => return self.table(*x, *lo, *values, consts),
            Op::AddConst { x, c } => return self.with_const(*x, *c, consts, |x, c| x.plus(Interval { lo: c, hi: c })),
            Op::MulConst { x, c } => return self.with_const(*x, *c, consts, Interval::times),
            Op::Trees { parts, forest } => return self.trees(parts, forest, consts),
            Op::Rank { x, feature, cut } => return self.rank(*x, *feature, *cut, consts),
            Op::Sum { x } => self.sum(*x),
            Op::Max { x } => self.max(*x),
            Op::Gap { x, shift, bits } => self.gap(*x, *shift, *bits),
            Op::ArgMax { x } => self.arg_max(*x),
            Op::Largest { parts } => self.largest(parts),
            Op::Dot { a, b } => self.dot(*a, *b),
            Op::Contract { a, b, transposed } => self.contract(*a, *b, *transposed),
            // The node's own shape says what it becomes; see `tensor::reshaped`.
            Op::Reshape { x } => self.mapped(*x, |x| x),
            Op::Transpose { x, perm } => self.transposed(*x, perm),
            Op::Take { x, picks } => self.taken(*x, picks),
            Op::Concat { parts, axis } => self.concat(parts, *axis),
            Op::Rescale { x, shift } => self.rescale(*x, *shift),
            Op::Relu { x } => self.mapped(*x, |x| x.map(|v| v.max(0))),
            Op::Rectify { x, shift, bits, taps } => self.rectify(*x, *shift, *bits, taps),
            Op::Clamp { x, lo, hi } => self.clamp(*x, declared("clamp", *lo, *hi)?),
            Op::Add { a, b } => self.binary(*a, *b, Interval::plus),
            Op::Sub { a, b } => self.binary(*a, *b, |a, b| a.plus(b.times(-1))),
            Op::Mul { a, b } if a == b => self.mapped(*a, Interval::square),
            Op::Mul { a, b } => self.binary(*a, *b, Interval::product),
            Op::Scale { x, factor } => self.scale(*x, *factor),
            Op::Isqrt { x } => self.isqrt(*x),
            Op::Div { num, den, digit_bits, digits } => self.div(*num, *den, *digit_bits, *digits),
            Op::Quotient { num, den, lo, hi } => self.quotient(*num, *den, declared("quotient", *lo, *hi)?),
            Op::Narrow { x, shift, lo, bits } => self.narrow(*x, *shift, *lo, *bits),
            Op::Missing { x } => self.doubles(*x).map(|shape| (shape.to_vec(), Interval { lo: 0, hi: 1 })),
        };
        known.map(|(shape, interval)| Outcome { shape, interval: Some(interval) })
    }

    /// Numbers of the same shape in another interval.
    fn mapped(&self, x: ValueId, map: impl Fn(Interval) -> Interval) -> Result<Tensor, Problem> {
        self.number(x).map(|(shape, x)| (shape.to_vec(), map(x)))
    }

    fn rescale(&self, x: ValueId, shift: u8) -> Result<Tensor, Problem> {
        in_range("shift", Interval { lo: 1, hi: 29 }, i64::from(shift))?;
        self.mapped(x, |x| x.map(|v| arith::round_shift(v, shift)))
    }

    fn clamp(&self, x: ValueId, ends: Interval) -> Result<Tensor, Problem> {
        in_range("upper end", Interval { lo: ends.lo.saturating_add(1), hi: i64::MAX }, ends.hi)?;
        self.mapped(x, |x| x.map(|v| v.clamp(ends.lo, ends.hi)))
    }

    fn scale(&self, x: ValueId, factor: i32) -> Result<Tensor, Problem> {
        if factor == 0 {
            return Err(Problem::Zero { what: "factor" });
        }
        self.mapped(x, |x| x.times(i64::from(factor)))
    }

    fn isqrt(&self, x: ValueId) -> Result<Tensor, Problem> {
        in_range("smallest element", Interval { lo: 0, hi: i64::MAX }, self.number(x)?.1.lo)?;
        self.mapped(x, |x| x.map(arith::isqrt))
    }

    fn binary(
        &self,
        a: ValueId,
        b: ValueId,
        combine: impl Fn(Interval, Interval) -> Interval,
    ) -> Result<Tensor, Problem> {
        let ((a_shape, a), (b_shape, b)) = (self.number(a)?, self.number(b)?);
        let shape = broadcast(a_shape, b_shape).ok_or_else(|| unlike("second operand", a_shape, b_shape))?;
        Ok((shape, combine(a, b)))
    }

    fn narrow(&self, x: ValueId, shift: u8, lo: i32, bits: u8) -> Result<Tensor, Problem> {
        in_range("shift", Interval { lo: 0, hi: 29 }, i64::from(shift))?;
        in_range("bits", Interval { lo: 1, hi: 29 }, i64::from(bits))?;
        // Its ends are enforced when it runs.
        self.number(x).map(|(shape, _)| (shape.to_vec(), arith::narrowed(lo, bits)))
    }

    fn rectify(&self, x: ValueId, shift: u8, bits: u8, taps: &[Vec<Pick>]) -> Result<Tensor, Problem> {
        in_range("shift", Interval { lo: 0, hi: 29 }, i64::from(shift))?;
        in_range("bits", Interval { lo: 1, hi: 29 }, i64::from(bits))?;
        let (shape, x) = self.number(x)?;
        let furthest =
            i64::from(arith::comparisons(taps.len())).saturating_mul(power(bits)).saturating_mul(power(shift));
        let reach = x.reach().saturating_add(power(shift) >> 1).saturating_add(furthest);
        if reach >= FIELD {
            return Err(Problem::Wraps { what: "compared numbers", got: Interval::around(reach) });
        }
        // This end is enforced when it runs.
        let hi = arith::rounded(x.hi, shift).clamp(0, power(bits).saturating_sub(1));
        Ok((tensor::taken_alike(shape, taps)?, Interval { lo: 0, hi }))
    }

    fn quotient(&self, num: ValueId, den: ValueId, ends: Interval) -> Result<Tensor, Problem> {
        let ((shape, _), (den_shape, den)) = (self.number(num)?, self.number(den)?);
        if broadcast(shape, den_shape).as_deref() != Some(shape) {
            return Err(unlike("divisor", shape, den_shape));
        }
        in_range("largest divisor", Interval { lo: 1, hi: i64::MAX }, den.hi)?;
        let got = Interval::around(ends.reach().saturating_add(1)).times(den.hi);
        if !got.fits() {
            return Err(Problem::Wraps { what: "quotient times divisor", got });
        }
        Ok((shape.to_vec(), ends))
    }

    fn div(&self, num: ValueId, den: ValueId, digit_bits: u8, digits: u8) -> Result<Tensor, Problem> {
        let ((shape, num), (den_shape, den)) = (self.number(num)?, self.number(den)?);
        length("divisor", 1, size(element_count(den_shape)))?;
        in_range("digits", Interval { lo: 1, hi: 29 }, i64::from(digits))?;
        in_range("digit bits", Interval { lo: 1, hi: 28 }, i64::from(digit_bits))?;
        let bits = u16::from(digits).saturating_mul(u16::from(digit_bits));
        in_range("quotient bits", Interval { lo: 1, hi: 29 }, i64::from(bits))?;
        in_range("largest divisor", Interval { lo: 1, hi: i64::MAX }, den.hi)?;
        let remainder = den.times(power(digit_bits.saturating_add(1)));
        if !remainder.fits() {
            return Err(Problem::Wraps { what: "remainder", got: remainder });
        }
        // |num| ≤ den is enforced when it runs.
        let one = Interval::around(power(u8::try_from(bits).unwrap_or(u8::MAX)));
        let interval = Interval { lo: if num.lo < 0 { one.lo } else { 0 }, hi: if num.hi > 0 { one.hi } else { 0 } };
        Ok((shape.to_vec(), interval))
    }

    fn with_const(
        &self,
        x: ValueId,
        c: ConstId,
        consts: Consts<'_>,
        combine: impl Fn(Interval, i64) -> Interval,
    ) -> Result<Outcome, Problem> {
        let (shape, x) = self.number(x)?;
        let c_shape = consts.shape(c)?;
        if broadcast(shape, c_shape).as_deref() != Some(shape) {
            return Err(unlike("constant", shape, c_shape));
        }
        let interval =
            consts.values(c).and_then(|c| c.iter().map(|&c| combine(x, i64::from(c))).reduce(Interval::union));
        Ok(Outcome { shape: shape.to_vec(), interval })
    }

    fn linear(
        &self,
        x: ValueId,
        weight: ConstId,
        bias: Option<ConstId>,
        consts: Consts<'_>,
    ) -> Result<Outcome, Problem> {
        let (shape, x) = self.number(x)?;
        let k = shape.last().copied().unwrap_or(1);
        let cells = consts.len(weight)?;
        let n = cells.checked_div(size(k)).unwrap_or(cells);
        length("weight", u64::from(k).saturating_mul(wide(n)), cells)?;
        in_range("columns", up_to(MAX_ELEMENTS), signed(n))?;
        if let Some(bias) = bias {
            consts.expect("bias", bias, wide(n))?;
        }
        let interval = consts.values(weight).and_then(|w| linear_interval(x, w, bias.map(|b| consts.values(b)), n));
        let mut shape = shape.to_vec();
        shape.pop();
        shape.push(narrow(n));
        Ok(Outcome { shape, interval })
    }

    fn curve(
        &self,
        x: ValueId,
        lo: i32,
        frac_bits: u8,
        (values, slopes): (ConstId, ConstId),
        consts: Consts<'_>,
    ) -> Result<Outcome, Problem> {
        let (shape, x) = self.number(x)?;
        in_range(
            "fraction bits",
            Interval { lo: 1, hi: i64::from(self.limb_bits).saturating_mul(2) },
            i64::from(frac_bits),
        )?;
        in_range("fraction bits", Interval { lo: 1, hi: 28 }, i64::from(frac_bits))?;
        let segments = consts.len(values)?;
        consts.expect("slopes", slopes, wide(segments))?;
        if !segments.is_power_of_two() {
            let got = wide(segments);
            return Err(Problem::Length { what: "table", expected: got.next_power_of_two(), got });
        }
        let lo = i64::from(lo);
        let end = signed(segments).saturating_mul(power(frac_bits)).saturating_add(lo);
        let domain = Interval { lo, hi: end.saturating_sub(1) };
        in_range("domain", domain, x.lo)?;
        in_range("domain", domain, x.hi)?;
        let Some((values, slopes)) = consts.values(values).zip(consts.values(slopes)) else {
            return Ok(Outcome { shape: shape.to_vec(), interval: None });
        };
        Ok(Outcome {
            shape: shape.to_vec(),
            interval: Some(curve_interval(x.map(|v| v.saturating_sub(lo)), values, slopes, frac_bits)?),
        })
    }

    /// How many features the parts that a forest reads have together.
    fn features(&self, parts: &[ValueId]) -> Result<u32, Problem> {
        in_range("parts", up_to(MAX_PARTS), signed(parts.len()))?;
        let mut features = 0u64;
        for &part in parts {
            let part = self.get(part)?;
            check_part(part)?;
            features = features.saturating_add(u64::from(part.len()));
        }
        at_most("features", MAX_ELEMENTS, features)?;
        Ok(u32::try_from(features).unwrap_or(u32::MAX))
    }

    /// Shape of a value that holds images of doubles.
    fn doubles(&self, x: ValueId) -> Result<&[u32], Problem> {
        let value = self.get(x)?;
        match value.kind {
            Kind::OrderedDouble => {
                let row = value.shape.iter().filter(|&&d| d != 1).count();
                at_most("dimensions beyond one", 1, wide(row))?;
                Ok(&value.shape)
            }
            Kind::Ordered | Kind::Bounded(_) | Kind::Index { .. } => {
                Err(Problem::Kind { expected: Kind::OrderedDouble.name(), got: value.kind.name() })
            }
        }
    }

    fn rank(&self, x: ValueId, feature: ConstId, cut: [ConstId; 4], consts: Consts<'_>) -> Result<Outcome, Problem> {
        let shape = self.doubles(x)?.to_vec();
        let rows = consts.len(feature)?;
        in_range("cuts", Interval { lo: 2, hi: NUMBER_ORIGIN }, signed(rows))?;
        cut.into_iter().try_for_each(|limb| consts.expect("cuts", limb, wide(rows)))?;
        if let Some(weights) = consts.weights {
            let missing = || Problem::Reference { what: "constant", below: weights.len(), got: feature.0 };
            let cuts = Cuts::new(feature, cut, weights).ok_or_else(missing)?;
            cuts.check(element_count(&shape)).map_err(Problem::Cuts)?;
        }
        // The last row is no number's.
        Ok(Outcome { shape, interval: Some(Interval { lo: 0, hi: signed(rows).saturating_sub(2) }) })
    }

    fn trees(&self, parts: &[ValueId], forest: &Forest, consts: Consts<'_>) -> Result<Outcome, Problem> {
        let features = self.features(parts)?;
        check_forest(forest, consts)?;
        let interval = match consts.weights {
            None => None,
            Some(weights) => {
                let missing = || Problem::Reference { what: "constant", below: weights.len(), got: forest.leaf.0 };
                let leaves =
                    Tables::new(forest, weights).ok_or_else(missing)?.check(features).map_err(Problem::Forest)?;
                Some(sum_interval(forest, weights, &leaves).ok_or_else(missing)?)
            }
        };
        Ok(Outcome { shape: vec![forest.classes], interval })
    }
}

/// Whether a forest may read a value.
fn check_part(part: &ValueInfo) -> Result<(), Problem> {
    match part.kind {
        Kind::Ordered => Ok(()),
        Kind::Bounded(interval) => {
            let row = part.shape.iter().filter(|&&d| d != 1).count();
            at_most("dimensions beyond one", 1, wide(row))?;
            let images = Interval { lo: -NUMBER_ORIGIN, hi: NUMBER_ORIGIN - 1 };
            in_range("a forest's number", images, interval.lo)?;
            in_range("a forest's number", images, interval.hi)
        }
        Kind::OrderedDouble | Kind::Index { .. } => {
            Err(Problem::Kind { expected: "an ordered image or a number", got: part.kind.name() })
        }
    }
}

/// What the public part of a forest and its tables' lengths must satisfy.
fn check_forest(forest: &Forest, consts: Consts<'_>) -> Result<(), Problem> {
    let Forest { trees, depth, classes, leaf_width, .. } = *forest;
    let count = up_to(MAX_ELEMENTS);
    in_range("trees", count, i64::from(trees))?;
    in_range("depth", count, i64::from(depth))?;
    in_range("classes", count, i64::from(classes))?;
    let cost = u64::from(trees).saturating_mul(u64::from(depth.max(classes)));
    at_most("steps", MAX_TOTAL, cost)?;
    length("values per leaf", u64::from(leaf_width), forest.values.len())?;
    if leaf_width == 1 {
        length("tree classes", u64::from(trees), forest.tree_class.len())?;
    } else {
        length("classes", u64::from(leaf_width), size(classes))?;
        length("tree classes", 0, forest.tree_class.len())?;
    }
    if let Some(&class) = forest.tree_class.iter().find(|&&class| class >= classes) {
        return Err(Problem::Reference { what: "class", below: size(classes), got: class });
    }
    let nodes = consts.len(forest.left)?;
    in_range("nodes", Interval { lo: i64::from(trees), ..count }, signed(nodes))?;
    for table in [forest.feature, forest.threshold_hi, forest.threshold_lo] {
        consts.expect("node table", table, wide(nodes))?;
    }
    let leaves = wide(consts.len(forest.leaf)?);
    forest.values.iter().try_for_each(|&values| consts.expect("leaf table", values, leaves))
}

/// Two shapes that had to be equal or broadcast.
fn unlike(what: &'static str, expected: &[u32], got: &[u32]) -> Problem {
    Problem::Shape { what, expected: expected.to_vec(), got: got.to_vec() }
}

fn linear_interval(x: Interval, weight: &[i32], bias: Option<Option<&[i32]>>, n: usize) -> Option<Interval> {
    let bias = match bias {
        None => None,
        Some(given) => Some(given?),
    };
    let start = |j: usize| bias.and_then(|bias| bias.get(j)).map_or(0, |&b| i128::from(b));
    let mut ends: Vec<(i128, i128)> = (0..n).map(start).map(|start| (start, start)).collect();
    for row in weight.chunks_exact(n.max(1)) {
        for (end, &w) in ends.iter_mut().zip(row) {
            let term = x.times(i64::from(w));
            *end = (end.0.saturating_add(term.lo.into()), end.1.saturating_add(term.hi.into()));
        }
    }
    ends.into_iter().map(|(lo, hi)| Interval::saturating(lo, hi)).reduce(Interval::union)
}

/// The interval over all segments that `u` (distance from the left end) can reach.
fn curve_interval(u: Interval, values: &[i32], slopes: &[i32], frac_bits: u8) -> Result<Interval, Problem> {
    let one = power(frac_bits);
    let segment = |u: i64| usize::try_from(u.wrapping_shr(frac_bits.into())).unwrap_or(0);
    let (first, last) = (segment(u.lo), segment(u.hi));
    let (half, widest) = (one >> 1, one.saturating_sub(1));
    let mut all: Option<Interval> = None;
    for (&value, &slope) in values.iter().zip(slopes).take(last.saturating_add(1)).skip(first) {
        let (value, slope) = (i64::from(value), i64::from(slope));
        // Both terms at their largest together: what the proof's one equation per element has to hold.
        let ends = value.abs().saturating_add(slope.abs());
        let got = Interval::around(ends.saturating_mul(one).saturating_add(half));
        if !got.fits() {
            return Err(Problem::Wraps { what: "interpolation", got });
        }
        let end = |fraction| arith::curve_point(value, slope, fraction, frac_bits);
        let segment = Interval::spanning(end(0), end(widest));
        all = Some(all.map_or(segment, |all| all.union(segment)));
    }
    all.ok_or(Problem::Length { what: "table", expected: wide(last).saturating_add(1), got: wide(values.len()) })
}

/// Checks one node against the scope and defines its value.
pub(crate) fn check_node(
    scope: &mut Scope,
    node: &Node,
    shapes: &[Constant],
    weights: Option<&[Vec<i32>]>,
) -> Result<(), Problem> {
    at_most("dimensions", MAX_RANK, wide(node.shape.len()))?;
    let declared = declared("declared", node.lo, node.hi)?;
    let mut outcome = scope.outcome(&node.op, Consts { shapes, weights })?;
    tensor::reshaped(&node.op, &mut outcome, &node.shape);
    if outcome.shape != node.shape {
        return Err(unlike("result", &outcome.shape, &node.shape));
    }
    match outcome.interval {
        Some(computed) if !declared.contains(computed) => Err(Problem::Uncovered { computed, declared }),
        _ => {
            scope.push(&node.op, outcome.shape, declared);
            Ok(())
        }
    }
}
