//! From a plan to an integer program.
//!
//! | module | what it holds |
//! |---|---|
//! | [`analysis`] | which steps are needed, and which affine steps become part of a later one |
//! | [`map`], [`limbs`], [`affine`] | affine maps, their integer weights, and the nodes that compute them |
//! | [`curves`] | tables for Sigmoid and the exponential, and the nodes around them |
//! | [`elementwise`] | sums, products and norms of values |
//! | [`trees`], [`thresholds`], [`parts`], [`ranks`] | forests, with thresholds that decide exactly as floats do, and what they read |
//! | [`picks`] | elements put together |
//! | [`inputs`], [`spans`], [`missing`] | ranges and scales of the inputs, and what is missing in them |

mod affine;
mod analysis;
mod curves;
mod elementwise;
pub(crate) mod inputs;
mod limbs;
mod map;
pub(crate) mod missing;
mod parts;
mod picks;
mod ranks;
mod spans;
mod thresholds;
mod trees;

use super::builder::{ProgramBuilder, Quant};
use crate::graph::expr::Expr;
use crate::graph::plan::{Id, Kind, Plan, Step};
use crate::graph::revealed::Revealed;
use crate::terms::error::{At, CompileError};
use crate::terms::tolerance::Tolerance;
use analysis::Analysis;
use ciro_graph::{Model, Op, Output, OutputKind, ValueId};
use inputs::Ranges;
use parts::Parts;

/// Most fractional bits of an output.
const FINEST_OUTPUT: i32 = 60;

/// A compiled plan.
pub(crate) struct Lowered {
    pub(crate) model: Model,
    /// For each value of the plan, the value of the program that holds it, if one does.
    pub(crate) values: Vec<Option<Quant>>,
}

/// Compiles `plan` for values of the given sizes.
pub(crate) fn lower(plan: &Plan, ranges: &Ranges) -> Result<Lowered, CompileError> {
    let analysis = Analysis::of(plan);
    let inputs = inputs::lower(plan, &analysis, ranges);
    let mut values: Vec<Option<Quant>> = inputs.iter().map(|(_, quant)| quant.clone()).collect();
    values.resize(plan.inputs.len() + plan.steps.len(), None);
    let builder = ProgramBuilder::new(&plan.name, inputs.into_iter().map(|(input, _)| input).collect());
    let is_exact = plan.tolerance() == Tolerance::EXACT || weights(plan) <= FEW_WEIGHTS;
    let mut lowering = Lowering { plan, ranges, analysis, builder, values, is_exact };
    for (i, step) in plan.steps.iter().enumerate() {
        if lowering.analysis.computed(plan.id_of(i)) {
            let quant = lowering.step(plan.id_of(i), step)?;
            lowering.values[plan.id_of(i)] = Some(quant);
        }
    }
    lowering.finish()
}

/// Sums of so few terms keep what narrowing would drop, also behind curves: a few cells each, where a network's layers have hundreds.
const FEW_TERMS: usize = 48;

/// Networks of so few weights keep what narrowing would drop in all sums. An example has a hundred hidden numbers and some columns. Its
/// probabilities are to be as precise as a linear model's.
const FEW_WEIGHTS: usize = 1 << 12;

/// Weights of all affine maps.
fn weights(plan: &Plan) -> usize {
    let of = |step: &Step| if let Kind::Affine(affine) = &step.kind { affine.weight.len() } else { 0 };
    plan.steps.iter().map(of).sum()
}

struct Lowering<'a> {
    plan: &'a Plan,
    ranges: &'a Ranges,
    analysis: Analysis,
    builder: ProgramBuilder,
    values: Vec<Option<Quant>>,
    /// Whether sums keep what narrowing would drop of what they read.
    is_exact: bool,
}

impl Lowering<'_> {
    fn step(&mut self, id: Id, step: &Step) -> Result<Quant, CompileError> {
        let at = &step.at;
        match &step.kind {
            Kind::Affine(_) | Kind::Elem(_) => self.affine_chain(id, at),
            Kind::Trees(forest) => {
                let known = (self.plan, &self.analysis);
                let parts = Parts::of(&mut self.builder, known, (step, forest), &self.values)?;
                trees::lower(&mut self.builder, at, forest, &parts)
            }
            Kind::Pick(places) => {
                let operands =
                    (0..step.operands.len()).map(|i| self.operand(step, i)).collect::<Result<Vec<_>, _>>()?;
                picks::lower(&mut self.builder, at, &operands, places)
            }
            kind => {
                let x = self.operand(step, 0)?;
                match kind {
                    Kind::Relu => {
                        let id = self.builder.node(at, Op::Relu { x: x.id })?;
                        Ok(Quant { id, exponents: x.exponents })
                    }
                    Kind::Sigmoid => curves::sigmoid(&mut self.builder, at, x),
                    Kind::Exp => curves::exp(&mut self.builder, at, x, self.ranges.largest(step.operands[0])),
                    Kind::Softmax => curves::softmax(&mut self.builder, at, x),
                    Kind::ArgMax => {
                        let x = affine::uniform(&mut self.builder, at, x)?;
                        let x = affine::comparable(&mut self.builder, at, &x)?;
                        Ok(Quant::uniform(self.builder.node(at, Op::ArgMax { x: x.id })?, 0))
                    }
                    Kind::Normalize(norm) => elementwise::normalize(&mut self.builder, at, x, *norm),
                    Kind::Filled(c) => missing::filled(&mut self.builder, at, &x, c),
                    Kind::Sums(row) => elementwise::sums(&mut self.builder, at, x, *row),
                    Kind::Maxima(row) => elementwise::maxima(&mut self.builder, at, x, *row),
                    // Those of single columns bend where their samples lie.
                    Kind::Curve(expr) if expr.is_square() && step.len > 1 => {
                        elementwise::two(&mut self.builder, at, &Kind::Mul, x.clone(), x)
                    }
                    Kind::Curve(expr) => match expr.as_clipped() {
                        Some((inner, lo, hi)) if *inner == Expr::X => {
                            elementwise::clipped(&mut self.builder, at, x, (lo, hi))
                        }
                        Some(_) | None => {
                            let seen = self.ranges.seen(step.operands[0]);
                            curves::function(&mut self.builder, at, x, seen, &|v| expr.at(v))
                        }
                    },
                    Kind::Div => {
                        let second = self.operand(step, 1)?;
                        let seen = (self.ranges.seen(step.operands[1]), self.ranges.seen(id));
                        elementwise::divide(&mut self.builder, at, (x, second), seen)
                    }
                    // Those before `kind` are lowered above.
                    Kind::Add
                    | Kind::Sub
                    | Kind::Mul
                    | Kind::Affine(_)
                    | Kind::Elem(_)
                    | Kind::Trees(_)
                    | Kind::Pick(_) => {
                        let second = self.operand(step, 1)?;
                        elementwise::two(&mut self.builder, at, kind, x, second)
                    }
                }
            }
        }
    }

    fn operand(&self, step: &Step, i: usize) -> Result<Quant, CompileError> {
        self.value(step.operands[i], &step.at)
    }

    fn value(&self, id: Id, at: &At) -> Result<Quant, CompileError> {
        // The analysis has every operand computed before its reader.
        self.values[id].clone().ok_or_else(|| CompileError::Undefined { at: at.clone(), name: format!("value {id}") })
    }

    /// The affine step `id` together with those that it absorbs.
    fn affine_chain(&mut self, id: Id, at: &At) -> Result<Quant, CompileError> {
        let (source, map) = self.analysis.chain(self.plan, id);
        let x = self.value(source, at)?;
        let usual = |all: &[f64]| all.iter().map(|v| v * v).sum::<f64>().sqrt() / (all.len().max(1) as f64).sqrt();
        let keeps_rest = self.is_exact || self.builder.len(x.id) <= FEW_TERMS;
        let result = self.ranges.typical(id).filter(|_| keeps_rest).map(usual);
        let sizes = affine::Sizes { operand: self.ranges.typical(source), result };
        affine::lower(&mut self.builder, at, x, &map, sizes)
    }

    fn finish(mut self) -> Result<Lowered, CompileError> {
        let outputs = self.plan.outputs.iter().map(|output| self.output(output)).collect::<Result<Vec<_>, _>>()?;
        let (model, renumbered) = self.builder.finish(outputs).map_err(CompileError::Internal)?;
        let moved = |quant: Quant| {
            let id = renumbered.get(quant.id.0 as usize).copied().flatten()?;
            Some(Quant { id, exponents: quant.exponents })
        };
        Ok(Lowered { model, values: self.values.into_iter().map(|value| value.and_then(moved)).collect() })
    }

    fn output(&mut self, output: &Revealed) -> Result<Output, CompileError> {
        let refuse = |reason: String| CompileError::Output { output: output.name.clone(), reason };
        let at = At { node: output.name.clone(), operator: "output".into() };
        let quant = self.value(output.value, &at)?;
        let shape = output.dims.iter().map(|&d| d as u32).collect();
        let (value, kind) = match &output.labels {
            Some(labels) => (quant.id, labels.output_kind()),
            None => self.number(quant, &at).map_err(|got| refuse(got.to_string()))?,
        };
        Ok(Output { name: output.name.clone(), value, shape, kind })
    }

    fn number(&mut self, quant: Quant, at: &At) -> Result<(ValueId, OutputKind), CompileError> {
        let quant = affine::uniform(&mut self.builder, at, quant)?;
        let finer = (quant.exponents.at(0) - FINEST_OUTPUT).max(0);
        let quant = affine::rescale(&mut self.builder, at, &quant, finer as u32)?;
        // Of large numbers a unit may be more than one.
        let quant =
            if quant.exponents.at(0) < 0 { affine::at_exponent(&mut self.builder, at, quant, 0)? } else { quant };
        let exponent = quant.exponents.at(0);
        let frac_bits = u8::try_from(exponent).map_err(|_| CompileError::Range {
            at: at.clone(),
            reason: format!("its numbers reach beyond 2³⁰ (scale 2^{})", -exponent),
        })?;
        Ok((quant.id, OutputKind::Fixed { frac_bits }))
    }
}
