//! Ranges and scales of the inputs.

use super::analysis::Analysis;
use super::limbs::{self, Magnitudes};
use super::missing::{filled_with, fills, takes_missing};
use super::spans::{self, DEFAULT_SPAN, Span};
use crate::graph::elem::Elem;
use crate::graph::plan::{Id, Kind, Plan, Step};
use crate::lower::builder::{DEFAULT_BITS, Exponents, Quant};
use crate::terms::tolerance::Tolerance;
use ciro_graph::{Ingest, Input, ValueId};

/// Bits of an input that trees compare and something else computes with. They are so many that few numbers become the same.
const COMPARED_INPUT_BITS: u32 = 28;

/// What is known of the sizes of a plan's values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranges {
    /// How large the elements of each input may be.
    spans: Vec<Vec<Span>>,
    /// The usual size (root mean square) of each element of each value of the plan, if samples tell.
    typical: Option<Vec<Vec<f64>>>,
    /// The smallest and largest element of each value of the plan, if samples tell.
    seen: Option<Vec<(f64, f64)>>,
}

impl Ranges {
    /// From a given bound, and from samples (each the plan's values), as far as there are any.
    pub(crate) fn of(plan: &Plan, span: Option<f64>, samples: Option<&[Vec<Vec<f32>>]>) -> Self {
        let of_input = |i: usize| match (span, samples) {
            (Some(span), _) => vec![Span::given(span); plan.len(i)],
            (None, Some(samples)) => spans::seen(plan.len(i), samples.iter().map(|sample| &sample[i])),
            (None, None) => default_spans(plan, i),
        };
        let count = plan.inputs.len() + plan.steps.len();
        let typical = |samples: &[Vec<Vec<f32>>]| (0..count).map(|id| root_mean_squares(samples, id)).collect();
        let seen = |samples: &[Vec<Vec<f32>>]| (0..count).map(|id| ends(samples, id)).collect();
        let spans = (0..plan.inputs.len()).map(of_input).collect();
        Self { spans, typical: samples.map(typical), seen: samples.map(seen) }
    }

    /// The largest element that samples show of a value.
    pub(crate) fn largest(&self, id: Id) -> Option<f64> {
        self.seen(id).map(|(_, hi)| hi)
    }

    /// The smallest and the largest element that samples show of a value.
    pub(crate) fn seen(&self, id: Id) -> Option<(f64, f64)> {
        self.seen.as_ref().map(|all| all[id])
    }

    /// The usual size of a value's elements.
    pub(crate) fn typical(&self, id: Id) -> Option<&[f64]> {
        self.typical.as_ref().map(|all| all[id].as_slice())
    }
}

/// The ranges that the element-wise steps after an input map to [−32, 32).
fn default_spans(plan: &Plan, input: Id) -> Vec<Span> {
    let mut lines = vec![(1.0, 0.0); plan.len(input)];
    let mut id = input;
    while let Some((next, elem)) = only_reader(plan, id) {
        for (i, (slope, intercept)) in lines.iter_mut().enumerate() {
            let (w, b) = elem.line(i);
            (*slope, *intercept) = (w * *slope, w * *intercept + b);
        }
        id = next;
    }
    let reach = |(slope, intercept): (f64, f64)| {
        let far = (DEFAULT_SPAN + intercept.abs()) / slope.abs();
        Span::free(if far.is_finite() { far } else { DEFAULT_SPAN })
    };
    lines.into_iter().map(reach).collect()
}

/// The step that alone reads a value, if it works element by element.
fn only_reader(plan: &Plan, id: Id) -> Option<(Id, &Elem)> {
    let mut readers = plan.steps.iter().enumerate().filter(|(_, step)| step.operands.contains(&id));
    match (readers.next()?, readers.next()) {
        ((i, Step { kind: Kind::Elem(elem), .. }), None) => Some((plan.id_of(i), elem)),
        _ => None,
    }
}

fn root_mean_squares(samples: &[Vec<Vec<f32>>], id: Id) -> Vec<f64> {
    let mut squares = vec![0.0f64; samples.first().map_or(0, |sample| sample[id].len())];
    for sample in samples {
        let present = squares.iter_mut().zip(&sample[id]).filter(|(_, v)| v.is_finite());
        present.for_each(|(sum, &v)| *sum += f64::from(v).powi(2));
    }
    squares.into_iter().map(|sum| (sum / samples.len() as f64).sqrt()).collect()
}

fn ends(samples: &[Vec<Vec<f32>>], id: Id) -> (f64, f64) {
    let numbers = samples.iter().flat_map(|sample| &sample[id]).filter(|v| v.is_finite());
    numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), &v| (lo.min(f64::from(v)), hi.max(f64::from(v))))
}

/// Each input with its map to integers, and its value unless trees read it.
pub(super) fn lower(plan: &Plan, analysis: &Analysis, ranges: &Ranges) -> Vec<(Input, Option<Quant>)> {
    let lower_one = |(i, input): (usize, &crate::graph::plan::PlanInput)| {
        let (ingest, exponents) = ingest(plan, analysis, i, ranges);
        let shape = input.dims.iter().map(|&d| d as u32).collect();
        let quant = exponents.map(|exponents| Quant { id: ValueId(i as u32), exponents });
        (Input { name: input.name.clone(), shape, ingest }, quant)
    };
    plan.inputs.iter().enumerate().map(lower_one).collect()
}

fn ingest(plan: &Plan, analysis: &Analysis, input: Id, ranges: &Ranges) -> (Ingest, Option<Exponents>) {
    if analysis.is_ordered(input) {
        let ingest = match (plan.inputs[input].double, takes_missing(plan, input)) {
            (true, missing) => Ingest::OrderedDouble { missing },
            (false, true) => Ingest::OrderedMissing,
            (false, false) => Ingest::Ordered,
        };
        return (ingest, None);
    }
    let fills = fills(plan, input);
    let fills = fills.as_deref();
    let flagged = filled_with(plan, input);
    let fill = |i: usize| fills.and_then(|c| c[i]).or_else(|| flagged.get(&i).copied());
    let filled = |(i, span): (usize, &Span)| fill(i).map_or(*span, |c| span.reaching(c.into()));
    let spans: Vec<Span> = ranges.spans[input].iter().enumerate().map(filled).collect();
    let map = analysis.first_map(plan, input);
    let spans = if analysis.scaled_apart(input) {
        // Elsewhere, as in the first layer of a network or in a kernel, each bit of a sum is felt.
        let is_linear = plan.is_linear() && plan.tolerance() == Tolerance::EXACT;
        let spans: Vec<Span> = if plan.multiplies() { spans.iter().map(|span| span.plain()).collect() } else { spans };
        spans::apart(&spans, map.as_ref().filter(|_| is_linear))
    } else {
        vec![spans::together(&spans); plan.len(input)]
    };
    let magnitudes = Magnitudes::new(spans.clone(), ranges.typical(input));
    let chosen = map.map_or(DEFAULT_BITS, |map| limbs::choose(&map, &magnitudes).operand_bits);
    let by_order = analysis.is_compared(input) || !flagged.is_empty();
    let bits = if by_order { COMPARED_INPUT_BITS } else { chosen };
    let exponent = |span: &f64| (f64::from(bits) - span.log2()) as i8;
    let mut exponents: Vec<i8> = spans.iter().map(exponent).collect();
    if exponents.iter().all(|e| *e == exponents[0]) {
        exponents.truncate(1);
    }
    let read = match exponents.as_slice() {
        &[one] => Exponents::Uniform(i32::from(one)),
        all => Exponents::Each(all.iter().map(|&e| i32::from(e)).collect()),
    };
    let end = 1 << bits;
    let double = plan.inputs[input].double;
    // Of a float32 of 26 bits and more no image is odd at the end of the range: the one that stands for a missing value is its alone.
    let is_reserved = !double && bits > 25 && !flagged.is_empty();
    let (lo, hi) = (i32::from(is_reserved) - end, end - 1);
    let ingest = match fills {
        None if double => Ingest::FixedDouble { exponents, lo, hi, missing: vec![] },
        None => Ingest::Fixed { exponents, lo, hi },
        Some(c) => {
            let scaled = |i: usize, c: f32| (f64::from(c) * f64::from(read.at(i)).exp2()).round() as i32;
            let missing = |(i, c): (usize, &Option<f32>)| c.map_or(lo, |c| scaled(i, c));
            let missing = c.iter().enumerate().map(missing).map(|value: i32| value.clamp(lo, hi)).collect();
            if double {
                Ingest::FixedDouble { exponents, lo, hi, missing }
            } else {
                Ingest::Imputed { exponents, lo, hi, missing }
            }
        }
    };
    (ingest, Some(read))
}
