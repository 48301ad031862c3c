//! Sums of products with weights, and the scale at which they are computed.

use super::budget::ROOM_BITS;
use super::form::{Form, Part, Quant, Source, Term};
use super::lowering::Lowering;
use super::range::power_of_two;
use crate::graph::array::{Array, narrow};
use crate::graph::net::{Conv, Id, Kind, Linear};
use crate::terms::error::{At, CompileError};
use ciro_graph::{Op, ValueId};
use std::rc::Rc;

/// Bits of what rounding takes off weights, where sums are squared or go through a steep function. What is loud there would be heard in
/// what is quiet.
const REST_BITS: f64 = 10.0;
/// Rests of more weights cost more than they are worth: they are committed like weights.
const MOST_RESTS: usize = 1 << 20;

/// Weights do not need to be finer than this.
const WEIGHT_BITS: f64 = 20.0;

impl Lowering<'_> {
    /// A scaled and offset value.
    pub(super) fn line(&mut self, at: &At, x: Id, slope: f64, intercept: f64) -> Result<Form, CompileError> {
        let mut terms: Vec<Term> = self.terms(x)?.into_iter().map(|term| term.times(slope)).collect();
        match terms.as_slice() {
            // A scale is only another reading of the same integers.
            [Term { factor, part: Part::Quant(q) }] if intercept == 0.0 && *factor != 0.0 => {
                let mut q = *q;
                if *factor < 0.0 {
                    q = Quant { id: self.node(at, Op::Scale { x: q.id, factor: -1 })?, ..q };
                }
                Ok(Form::Ready(Quant { scale: q.scale * factor.abs(), ..q }))
            }
            _ => {
                if intercept != 0.0 {
                    terms.push(Term::constant(Array::new(vec![1], vec![intercept as f32])));
                }
                Ok(Form::Sum(terms))
            }
        }
    }

    /// A value at a scale from which `target` can be reached by a cheap Rescale, or finer; numbers that are there stay as
    /// they are.
    pub(super) fn at_scale(&mut self, at: &At, id: Id, source: Source, target: f64) -> Result<Quant, CompileError> {
        let reach = self.reach(&source);
        match source {
            Source::Ready(q) => Ok(q),
            Source::Sum(terms) => {
                let fits = power_of_two(reach / ROOM_BITS.exp2());
                let cheap = target / f64::from(self.budget.shift).exp2();
                // A term that is there already at a finer scale would have to be rescaled itself.
                let there = terms.iter().filter_map(|term| match term.part {
                    Part::Quant(q) => Some(q.scale * term.factor.abs()),
                    Part::Weights(..) | Part::Constant(_) => None,
                });
                let scale = there.fold(cheap.min(target), f64::min);
                self.summed(at, id, &terms, fits.max(scale))
            }
        }
    }

    /// The sum at the given scale, or the next coarser one at which it fits.
    pub(super) fn summed(&mut self, at: &At, id: Id, terms: &[Term], scale: f64) -> Result<Quant, CompileError> {
        let mut scale = self.anchored(terms, scale.max(self.finest(terms)));
        for _ in 0..6 {
            match self.try_sum(at, id, terms, scale) {
                Err(CompileError::Range { .. }) => scale *= 2.0,
                result => return result,
            }
        }
        self.try_sum(at, id, terms, scale)
    }

    /// The next coarser scale at which the largest of the values among the terms counts by an integer or a power of two.
    fn anchored(&self, terms: &[Term], scale: f64) -> f64 {
        let values = terms.iter().filter_map(|term| match term.part {
            Part::Quant(q) => Some((self.magnitude(q) * q.scale * term.factor.abs(), q.scale * term.factor.abs())),
            Part::Weights(..) | Part::Constant(_) => None,
        });
        let Some((_, own)) = values.reduce(|a, b| if b.0 > a.0 { b } else { a }) else { return scale };
        // Rounding errors of logarithms must not make an exact ratio the next one.
        let ratio = own / scale * (1.0 + 1e-9);
        if ratio >= 1.0 { own / ratio.floor() } else { own * (-ratio.log2()).ceil().exp2() }
    }

    /// The scale below which weights would be finer than is useful.
    fn finest(&self, terms: &[Term]) -> f64 {
        let of = |term: &Term| match &term.part {
            Part::Weights(step, x) => {
                let weight = match self.net.step(*step).map(|step| &step.kind) {
                    Some(Kind::Linear(linear)) => &linear.weight,
                    Some(Kind::Conv(conv)) => &conv.weight,
                    _ => return 0.0,
                };
                let largest = weight.iter().fold(0.0f64, |largest, w| largest.max(f64::from(w.abs())));
                power_of_two(largest * term.factor.abs() * x.scale / WEIGHT_BITS.exp2())
            }
            Part::Quant(_) | Part::Constant(_) => 0.0,
        };
        terms.iter().map(of).fold(0.0, f64::max)
    }

    fn try_sum(&mut self, at: &At, id: Id, terms: &[Term], scale: f64) -> Result<Quant, CompileError> {
        let dims = narrow(self.net.dims(id));
        let mut sum: Option<ValueId> = None;
        for term in terms.iter().filter(|term| !matches!(term.part, Part::Constant(_))) {
            let next = match &term.part {
                Part::Weights(step, x) => self.weighted(*step, *x, scale / term.factor)?,
                Part::Quant(q) => self.aligned(at, *q, term.factor, scale)?,
                Part::Constant(_) => continue,
            };
            sum = Some(match sum {
                None => next,
                Some(sum) => self.node(at, Op::Add { a: sum, b: next })?,
            });
        }
        let mut sum = sum.ok_or_else(|| self.too_wide(at))?;
        for term in terms {
            if let Part::Constant(c) = &term.part {
                let values =
                    c.values.iter().map(|&v| integer(f64::from(v) * term.factor / scale)).collect::<Option<Vec<i32>>>();
                let shape = narrow(&c.dims);
                let values = values.ok_or_else(|| self.too_wide(at))?;
                let c = self.builder.shaped_constant(at, "offset", shape, values);
                sum = self.node(at, Op::AddConst { x: sum, c })?;
            }
        }
        if self.builder.shape(sum) != dims {
            sum = self.builder.reshape(at, sum, dims)?;
        }
        Ok(Quant { id: sum, scale })
    }

    pub(super) fn too_wide(&self, at: &At) -> CompileError {
        CompileError::Range { at: at.clone(), reason: "numbers beyond 2³⁰ at any useful scale".into() }
    }

    /// A value times `factor` at `scale`: by an integer, after a Rescale if its own scale is finer.
    fn aligned(&mut self, at: &At, q: Quant, factor: f64, scale: f64) -> Result<ValueId, CompileError> {
        // An integer factor this near to the ratio is as good as exact.
        const NEAR: f64 = 1.0 / 8192.0;
        let ratio = q.scale * factor / scale;
        let shift = (-ratio.abs().log2()).round();
        if shift >= 1.0 && (ratio.abs() * shift.exp2() - 1.0).abs() < NEAR {
            let coarse = self.rescaled(at, q, q.scale * shift.exp2())?;
            return self.scaled(at, coarse.id, if ratio < 0.0 { -1 } else { 1 });
        }
        match integer(ratio) {
            Some(factor) if factor != 0 && (f64::from(factor) / ratio - 1.0).abs() < NEAR => {
                self.scaled(at, q.id, factor)
            }
            _ => {
                let coarse = self.stretched(at, q, scale / factor.abs())?;
                self.scaled(at, coarse.id, if factor < 0.0 { -1 } else { 1 })
            }
        }
    }

    /// A Linear or Conv of a column, at `scale`.
    pub(super) fn weighted(&mut self, step: Id, x: Quant, scale: f64) -> Result<ValueId, CompileError> {
        let (net, id) = (self.net, step);
        let Some(step) = net.step(id) else { return Err(self.too_wide(&self.at(0))) };
        let at = &step.at;
        let (sum, weight, taps) = match &step.kind {
            Kind::Conv(conv) => (self.convolution(at, conv, x, scale)?, &conv.weight, conv.dims[1..].iter().product()),
            Kind::Linear(linear) => (self.product(at, linear, x, scale)?, &linear.weight, linear.k),
            _ => return Err(self.too_wide(at)),
        };
        if !self.budget.is_sensitive(id) || weight.len() > MOST_RESTS {
            return Ok(sum);
        }
        let factor = x.scale / scale;
        // A rest is half a unit at most, so that sums of rests leave one bit more.
        let room = ROOM_BITS + 1.0 - (taps as f64 * self.magnitude(x)).max(1.0).log2();
        let bits = room.floor().clamp(0.0, REST_BITS);
        let rest = |&w: &f32| {
            let units = f64::from(w) * factor;
            ((units - units.round()) / factor) as f32
        };
        let rests = Rc::new(weight.iter().map(rest).collect::<Vec<f32>>());
        let finer = scale / bits.exp2();
        let rest = match &step.kind {
            Kind::Conv(conv) => self.convolution(at, &Conv { weight: rests, bias: None, ..conv.clone() }, x, finer)?,
            Kind::Linear(linear) => {
                self.product(at, &Linear { weight: rests, bias: None, ..linear.clone() }, x, finer)?
            }
            _ => return Ok(sum),
        };
        let rest = self.rescaled(at, Quant { id: rest, scale: finer }, scale)?;
        self.node(at, Op::Add { a: sum, b: rest.id })
    }

    fn product(&mut self, at: &At, linear: &Linear, x: Quant, scale: f64) -> Result<ValueId, CompileError> {
        let weight = self.integers(at, &linear.weight, x.scale / scale)?;
        let weight = self.builder.shared_weight(at, "weight", vec![linear.k as u32, linear.n as u32], weight);
        let bias = match &linear.bias {
            None => None,
            Some(bias) => {
                let bias = self.integers(at, bias, 1.0 / scale)?;
                Some(self.builder.shared_constant(at, "bias", bias))
            }
        };
        self.node(at, Op::Linear { x: x.id, weight, bias })
    }

    fn convolution(&mut self, at: &At, conv: &Conv, x: Quant, scale: f64) -> Result<ValueId, CompileError> {
        let shape = self.builder.shape(x.id);
        // The program's convolutions have no batch.
        let plane = self.builder.reshape(at, x.id, shape.get(1..).unwrap_or(&[]).to_vec())?;
        let weight = self.integers(at, &conv.weight, x.scale / scale)?;
        let weight = self.builder.shared_weight(at, "weight", conv.dims.iter().map(|&d| d as u32).collect(), weight);
        let bias = match &conv.bias {
            None => None,
            Some(bias) => {
                let bias = self.integers(at, bias, 1.0 / scale)?;
                Some(self.builder.shared_weight(at, "bias", vec![conv.dims[0] as u32, 1, 1], bias))
            }
        };
        let y = self.node(at, Op::Conv { x: plane, weight, bias, window: conv.window, groups: conv.groups as u32 })?;
        let shape = [&[1], self.builder.shape(y).as_slice()].concat();
        self.builder.reshape(at, y, shape)
    }

    fn integers(&self, at: &At, values: &[f32], factor: f64) -> Result<Vec<i32>, CompileError> {
        let all: Option<Vec<i32>> = values.iter().map(|&v| integer(f64::from(v) * factor)).collect();
        all.ok_or_else(|| self.too_wide(at))
    }

    /// The real interval of a Linear or Conv of a column.
    pub(super) fn weighted_ends(&self, step: Id, x: Quant) -> (f64, f64) {
        let interval = self.interval(x);
        let (lo, hi) = (interval.lo as f64 * x.scale, interval.hi as f64 * x.scale);
        let zero = |v: f64, pad: bool| if pad { (v.min(0.0), v.max(0.0)) } else { (v, v) };
        match self.net.step(step).map(|step| &step.kind) {
            Some(Kind::Linear(linear)) => {
                let mut ends: Vec<(f64, f64)> = start(linear.bias.as_deref(), linear.n);
                for row in linear.weight.chunks_exact(linear.n.max(1)) {
                    ends.iter_mut().zip(row).for_each(|(end, &w)| widen(end, f64::from(w), lo, hi));
                }
                union(&ends)
            }
            Some(Kind::Conv(conv)) => {
                let padded = conv.window.before.iter().chain(&conv.window.after).any(|&p| p > 0);
                let (lo, hi) = (zero(lo, padded).0, zero(hi, padded).1);
                let mut ends = start(conv.bias.as_deref(), conv.dims[0]);
                let taps = (conv.weight.len() / conv.dims[0].max(1)).max(1);
                for (end, weights) in ends.iter_mut().zip(conv.weight.chunks_exact(taps)) {
                    weights.iter().for_each(|&w| widen(end, f64::from(w), lo, hi));
                }
                union(&ends)
            }
            _ => (0.0, 0.0),
        }
    }
}

/// Rounded to an integer below 2³⁰.
pub(super) fn integer(v: f64) -> Option<i32> {
    let rounded = v.round();
    (rounded.abs() < f64::from(1 << 30)).then_some(rounded as i32)
}

fn start(bias: Option<&Vec<f32>>, n: usize) -> Vec<(f64, f64)> {
    match bias {
        Some(bias) => bias.iter().map(|&b| (f64::from(b), f64::from(b))).collect(),
        None => vec![(0.0, 0.0); n],
    }
}

fn widen(end: &mut (f64, f64), w: f64, lo: f64, hi: f64) {
    let (a, b) = (w * lo, w * hi);
    *end = (end.0 + a.min(b), end.1 + a.max(b));
}

fn union(ends: &[(f64, f64)]) -> (f64, f64) {
    ends.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |all, end| (all.0.min(end.0), all.1.max(end.1)))
}
