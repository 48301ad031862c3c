//! Sizes of values: what samples show, or random inputs where there are none.

use super::left_out::{self, PARTS};
use crate::graph::net::eval::{deviation, evaluate};
use crate::graph::net::{Id, Kind, Net, Step};
use crate::graph::operators::is_unrolled;
use crate::terms::error::CompileError;
use crate::terms::samples::Samples;
use std::collections::BTreeMap;

/// Range of an input that nothing tells of: standardised images and features stay inside.
pub(crate) const DEFAULT_SPAN: f64 = 4.0;
/// Random inputs where there are no samples.
const RANDOM_SAMPLES: usize = 4;

/// Sizes of a network's values.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    /// Smallest element of each value; zero if none is finite.
    pub(crate) lo: Vec<f64>,
    /// Largest element of each value; zero if none is finite.
    pub(crate) hi: Vec<f64>,
    /// For each Normalize step, the rows that samples show; nothing where sizes are guessed.
    pub(crate) spreads: BTreeMap<Id, Spread>,
}

/// Rows that are to be normalised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    /// How many.
    pub(crate) rows: usize,
    /// The smallest number that one is divided by.
    pub(crate) quietest: f64,
    /// The largest.
    pub(crate) loudest: f64,
    /// The largest absolute value of a mean.
    pub(crate) mean: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { rows: 0, quietest: f64::INFINITY, loudest: 0.0, mean: 0.0 }
    }
}

impl Spread {
    fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            quietest: self.quietest.min(other.quietest),
            loudest: self.loudest.max(other.loudest),
            mean: self.mean.max(other.mean),
        }
    }

    fn add(&mut self, row: &[f32], centred: bool, eps: f64) {
        let (mean, deviation) = deviation(row, centred, eps);
        self.rows += 1;
        self.quietest = self.quietest.min(deviation);
        self.loudest = self.loudest.max(deviation);
        self.mean = self.mean.max(mean.abs());
    }
}

impl Sizes {
    fn new(net: &Net) -> Self {
        let count = net.inputs.len() + net.steps.len();
        Self { lo: vec![f64::INFINITY; count], hi: vec![f64::NEG_INFINITY; count], spreads: BTreeMap::new() }
    }

    /// Takes one sample's values into account.
    fn add(&mut self, net: &Net, values: &[Vec<f32>]) {
        for (i, step) in net.steps.iter().enumerate() {
            if let Kind::Normalize { centred, eps } = step.kind {
                let (id, x) = (net.id_of(i), step.operands[0]);
                let spread = self.spreads.entry(id).or_default();
                values[x].chunks_exact(net.row(x).max(1)).for_each(|row| spread.add(row, centred, eps));
            }
        }
        for (id, value) in values.iter().enumerate() {
            for v in value.iter().filter(|v| v.is_finite()) {
                self.lo[id] = self.lo[id].min(f64::from(*v));
                self.hi[id] = self.hi[id].max(f64::from(*v));
            }
        }
    }

    /// These, and those of other samples.
    fn and(mut self, other: &Self) -> Self {
        self.lo.iter_mut().zip(&other.lo).for_each(|(lo, other)| *lo = lo.min(*other));
        self.hi.iter_mut().zip(&other.hi).for_each(|(hi, other)| *hi = hi.max(*other));
        for (id, other) in &other.spreads {
            let spread = self.spreads.entry(*id).or_default();
            *spread = spread.and(*other);
        }
        self
    }

    /// Gives one size to the values of one role in an unrolled operator, so that they get one scale. Their weights are then the same
    /// integers at each position, and are committed once.
    fn tie(mut self, net: &Net) -> Self {
        for (lo, hi) in self.lo.iter_mut().zip(&mut self.hi).filter(|(lo, hi)| lo > hi) {
            (*lo, *hi) = (0.0, 0.0);
        }
        let mut sizes: BTreeMap<(&str, &[usize]), (f64, f64)> = BTreeMap::new();
        let unrolled = || net.steps.iter().enumerate().filter(|(_, step)| is_unrolled(&step.at.operator));

        for (i, step) in unrolled() {
            let id = net.id_of(i);
            let all = sizes.entry(role(step)).or_insert((f64::INFINITY, f64::NEG_INFINITY));
            *all = (all.0.min(self.lo[id]), all.1.max(self.hi[id]));
        }
        for (i, step) in unrolled() {
            let id = net.id_of(i);
            (self.lo[id], self.hi[id]) = sizes[&role(step)];
        }
        self
    }

    /// The largest magnitude of a value, or what is next to nothing beside any other. An output of that size still has a scale that a
    /// program can state.
    pub(crate) fn of(&self, id: Id) -> f64 {
        self.hi[id].max(-self.lo[id]).max(f64::from(f32::EPSILON))
    }
}

/// What a step of an unrolled operator does, whatever its position.
fn role(step: &Step) -> (&str, &[usize]) {
    (&step.at.node, &step.dims)
}

/// The inputs of each sample in floats.
pub(crate) fn inputs(net: &Net, samples: &Samples) -> Result<Vec<Vec<Vec<f32>>>, CompileError> {
    let refuse = |sample: usize, reason: String| CompileError::Calibration { sample, reason, hint: None };
    let mut all = Vec::with_capacity(samples.inputs.len());
    for (i, sample) in samples.inputs.iter().enumerate() {
        if sample.0.len() != net.inputs.len() {
            return Err(refuse(i, format!("expected {} inputs, got {}", net.inputs.len(), sample.0.len())));
        }
        for (id, (input, tensor)) in net.inputs.iter().zip(&sample.0).enumerate() {
            let (expected, got) = (net.len(id), tensor.bits.len());
            if expected != got {
                return Err(refuse(i, format!("input {:?}: expected {expected} numbers, got {got}", input.name)));
            }
        }
        all.push(sample.0.iter().map(|t| t.bits.iter().map(|&bits| f32::from_bits(bits)).collect()).collect());
    }
    if all.is_empty() { Err(refuse(0, "there are no samples".into())) } else { Ok(all) }
}

/// Sizes on random inputs in [−span, span), from a fixed seed; ids below the number of rows, and other
/// integers flags.
pub(crate) fn guessed(net: &Net, span: f64, rows: &[Option<usize>]) -> Sizes {
    let mut sizes = Sizes::new(net);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    for _ in 0..RANDOM_SAMPLES {
        let mut draw = |id: Id| -> Vec<f32> {
            let one = |u: f64| match rows[id] {
                Some(rows) => (u * rows as f64).floor() as f32,
                None if net.inputs[id].whole => (2.0 * u).floor() as f32,
                None => ((2.0 * u - 1.0) * span) as f32,
            };
            (0..net.len(id)).map(|_| one(unit())).collect()
        };
        let inputs = (0..net.inputs.len()).map(&mut draw).collect();
        sizes.add(net, &evaluate(net, inputs));
    }
    // Random inputs tell nothing of rows.
    sizes.spreads.clear();
    sizes.tie(net)
}

/// All values of one sample, by number.
pub(crate) type Values = Vec<Vec<f32>>;

/// What samples show.
pub(crate) struct Measured {
    /// Sizes on all of them.
    pub(crate) all: Sizes,
    /// Sizes on those outside of each part, where there are enough to leave some out.
    pub(crate) others: Vec<Sizes>,
    /// All values of each sample: of the first ones, if they are more than [`MOST_KEPT`] together.
    pub(crate) values: Vec<Values>,
}

/// Most numbers that are kept of samples, for whoever needs them again: 256 MiB.
const MOST_KEPT: usize = 1 << 26;

/// Evaluates samples.
pub(crate) fn measured(net: &Net, inputs: &[Vec<Vec<f32>>]) -> Measured {
    let mut parts = vec![Sizes::new(net); PARTS];
    let mut kept = Vec::new();
    let each: usize = (0..net.inputs.len() + net.steps.len()).map(|id| net.len(id)).sum();
    for (i, sample) in inputs.iter().enumerate() {
        let values = evaluate(net, sample.clone());
        parts[left_out::part(i, inputs.len()).unwrap_or(0)].add(net, &values);
        if each.saturating_mul(i + 1) <= MOST_KEPT {
            kept.push(values);
        }
    }
    let without = |left: Option<usize>| {
        let others = parts.iter().enumerate().filter(|(part, _)| Some(*part) != left);
        others.fold(Sizes::new(net), |all, (_, part)| all.and(part)).tie(net)
    };
    let are_left_out = left_out::trials(inputs.len(), 0) > 0;
    let others = if are_left_out { (0..PARTS).map(|part| without(Some(part))).collect() } else { vec![] };
    Measured { all: without(None), others, values: kept }
}

/// For each input, how many rows the smallest table that it indexes has.
pub(crate) fn rows(net: &Net) -> Vec<Option<usize>> {
    let of = |id: Id| {
        let tables = net.steps.iter().filter(|step| step.operands.first() == Some(&id));
        tables.filter_map(|step| if let Kind::Embed(table) = &step.kind { Some(table.dims[0]) } else { None }).min()
    };
    (0..net.inputs.len()).map(of).collect()
}
