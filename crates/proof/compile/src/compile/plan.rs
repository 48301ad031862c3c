//! From a plan to a checked model, with its report.

use super::notes::range_notes;
use crate::emit::artifact::Compiled;
use crate::emit::drawn;
use crate::emit::measure::{Candidate, Floats, Subject, measure};
use crate::emit::report::AccuracyReport;
use crate::graph::net::{self, Net};
use crate::graph::plan::eval::evaluate;
use crate::graph::plan::{Kind, Plan};
use crate::lower::plan::inputs::Ranges;
use crate::lower::plan::missing::flagged;
use crate::lower::plan::{Lowered, lower};
use crate::passes::apart::apart;
use crate::passes::columns::by_column;
use crate::passes::left_out;
use crate::terms::error::CompileError;
use crate::terms::options::Options;
use crate::terms::samples::Samples;
use crate::terms::tolerance::Tolerance;
use ciro_graph::{Program, RawInput};

/// `read` is the network that the plan was made from, if it was: the reference is what was read.
pub(crate) fn compile(plan: &Plan, read: Option<&Net>, options: &Options) -> Result<Compiled, CompileError> {
    let mut plan = apart(&by_column(&flagged(plan)));
    let values = options.calibration.as_ref().map(|samples| float_values(&plan, samples)).transpose()?;
    let lowered = lower(&plan, &Ranges::of(&plan, options.input_range, values.as_deref()))?;
    let report = match (&values, &options.calibration) {
        (Some(values), Some(samples)) => Some(accuracy((&plan, read), &lowered, (values, samples), options)?),
        _ => None,
    };
    let mut notes = std::mem::take(&mut plan.notes);
    if values.is_none() {
        notes.extend(range_notes(&lowered.model.program));
        notes.extend(compared_with_floats(&plan, &lowered, options)?);
    }
    Ok(Compiled { model: lowered.model, report, notes })
}

/// All values of the plan in floats, for each sample.
fn float_values(plan: &Plan, samples: &Samples) -> Result<Vec<Vec<Vec<f32>>>, CompileError> {
    let refuse = |sample: usize, reason: String| CompileError::Calibration { sample, reason, hint: None };
    let mut all = Vec::with_capacity(samples.inputs.len());
    for (i, sample) in samples.inputs.iter().enumerate() {
        if sample.0.len() != plan.inputs.len() {
            return Err(refuse(i, format!("expected {} inputs, got {}", plan.inputs.len(), sample.0.len())));
        }
        let mut tensors: Vec<Vec<f64>> = Vec::with_capacity(sample.0.len());
        for (input, tensor) in plan.inputs.iter().zip(&sample.0) {
            let count: usize = input.dims.iter().product();
            let numbers: Vec<f64> = if input.double {
                tensor.doubles().map(f64::from_bits).collect()
            } else {
                tensor.bits.iter().map(|&bits| f64::from(f32::from_bits(bits))).collect()
            };
            if numbers.len() != count {
                let reason = format!("input {:?}: expected {count} numbers, got {}", input.name, numbers.len());
                return Err(refuse(i, reason));
            }
            tensors.push(numbers);
        }
        all.push(evaluate(plan, &tensors));
    }
    if all.is_empty() { Err(refuse(0, "there are no samples".into())) } else { Ok(all) }
}

fn accuracy(
    (plan, read): (&Plan, Option<&Net>),
    lowered: &Lowered,
    (values, samples): (&[Vec<Vec<f32>>], &Samples),
    options: &Options,
) -> Result<AccuracyReport, CompileError> {
    let without = |part: usize| {
        let kept = values.iter().enumerate().filter(|(i, _)| left_out::part(*i, values.len()) != Some(part));
        let kept: Vec<_> = kept.map(|(_, values)| values.clone()).collect();
        lower(plan, &Ranges::of(plan, options.input_range, Some(&kept))).ok()
    };
    let count = left_out::trials(values.len(), lowered.model.weights.iter().map(Vec::len).sum());
    let trials: Vec<Option<Lowered>> = (0..count).map(without).collect();
    let trials: Vec<_> = trials.iter().map(|trial| trial.as_ref().map(|trial| candidate(plan, trial))).collect();
    let accepted = plan.tolerance().or(options.tolerance);
    let of_plan = |i: usize| plan.outputs.iter().map(|output| values[i][output.value].clone()).collect();
    let outputs = |i: usize| match read {
        Some(net) => {
            let all = net::eval::evaluate(net, values[i][..net.inputs.len()].to_vec());
            net.outputs.iter().map(|output| all[output.value].clone()).collect()
        }
        None => of_plan(i),
    };
    let floats = |i: usize| Floats { values: values[i].clone(), outputs: outputs(i) };
    measure(&candidate(plan, lowered), &trials, samples, (&options.expected, accepted), floats)
}

/// A plan's program, and what is compared of it.
fn candidate<'a>(plan: &Plan, lowered: &'a Lowered) -> Candidate<'a> {
    Candidate { model: &lowered.model, subject: Subject::of(plan, lowered) }
}

/// Compares a program that was made without samples with a float evaluation, on drawn inputs; what to say about it. Where trees and
/// linear models are not what the file says, that is an error: nothing else would tell.
fn compared_with_floats(plan: &Plan, lowered: &Lowered, options: &Options) -> Result<Option<String>, CompileError> {
    let runs = |input: &RawInput| ciro_execution::execute(&lowered.model, input).is_ok();
    let drawn = drawn::inputs(plan, &lowered.model.program).into_iter().filter(runs).collect();
    let mut samples = Samples { inputs: drawn, expected: None };
    let mut values = if samples.inputs.is_empty() { vec![] } else { float_values(plan, &samples)? };
    // What overflows in floats is no reference.
    let is_finite = |values: &[Vec<f32>]| plan.outputs.iter().all(|o| values[o.value].iter().all(|v| v.is_finite()));
    let kept: Vec<bool> = values.iter().map(|values| is_finite(values)).collect();
    let (mut first, mut second) = (kept.iter(), kept.iter());
    samples.inputs.retain(|_| first.next() == Some(&true));
    values.retain(|_| second.next() == Some(&true));
    if values.is_empty() {
        return Ok(Some("no input that was drawn could be compared with a float evaluation".into()));
    }
    let accepted = Tolerance::DRAWN.or(options.tolerance);
    let outputs = |i: usize| plan.outputs.iter().map(|output| values[i][output.value].clone()).collect();
    let floats = |i: usize| Floats { values: values[i].clone(), outputs: outputs(i) };
    let count = values.len();
    match measure(&candidate(plan, lowered), &[], &samples, (&[], accepted), floats) {
        Ok(_) => Ok(Some(format!("compared with a float evaluation on {count} drawn inputs; samples would tell more"))),
        Err(CompileError::Deviates(differs)) if is_exact(plan, &lowered.model.program) => {
            Err(CompileError::Deviates(Box::new(differs.drawn())))
        }
        Err(CompileError::Deviates(differs)) => {
            Ok(Some(format!("on {}, of {count}; samples would tell ranges that it is exact in", differs.drawn())))
        }
        Err(error) => Err(error),
    }
}

/// Whether a program is as exact as floats wherever its input lies: linear models, and trees that compare inputs as they are.
fn is_exact(plan: &Plan, program: &Program) -> bool {
    let compares_inputs = program.inputs.iter().all(|input| input.is_ordered() || input.is_ordered_double());
    plan.tolerance() == Tolerance::EXACT
        && plan.is_linear()
        && (compares_inputs || !plan.steps.iter().any(|step| matches!(step.kind, Kind::Trees(_))))
}
