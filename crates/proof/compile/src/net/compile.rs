//! The whole way from a network to a checked model.

use super::calibrate::{self, DEFAULT_SPAN};
use super::eval::evaluate;
use super::expr::Expr;
use super::lower::{Lowered, lower};
use super::simplify::simplify;
use super::step::{Kind, Net};
use crate::artifact::Compiled;
use crate::error::CompileError;
use crate::left_out;
use crate::options::{Options, Precision};
use crate::report::{AccuracyReport, Candidate, Floats, Subject, Watched, measure};
use crate::samples::Samples;
use crate::tolerance::Tolerance;

/// Compiles a network as it was read.
pub(crate) fn compile(read: &Net, options: &Options) -> Result<Compiled, CompileError> {
    let mut net = simplify(read);
    let mut notes = std::mem::take(&mut net.notes);
    let inputs = options.calibration.as_ref().map(|samples| calibrate::inputs(&net, samples)).transpose()?;
    let rows = calibrate::rows(&net);
    let precision = (options.input_range, options.precision);
    let (sizes, others) = match &inputs {
        Some(inputs) => calibrate::measured(&net, inputs),
        None => (calibrate::guessed(&net, options.input_range.unwrap_or(DEFAULT_SPAN), &rows), vec![]),
    };
    let lowered = lower(&net, &sizes, &rows, precision)?;
    let report = match (&inputs, &options.calibration) {
        (Some(inputs), Some(samples)) => {
            let count = left_out::trials(inputs.len(), lowered.model.weights.iter().map(Vec::len).sum());
            let others = others.iter().take(count);
            let trials: Vec<_> = others.map(|sizes| lower(&net, sizes, &rows, precision).ok()).collect();
            Some(accuracy((read, &net), (&lowered, &trials), (inputs, samples), options)?)
        }
        _ => None,
    };
    notes.push(precision_note(options.precision, lowered.widest));
    if inputs.is_none() {
        notes.push(
            "scales were set on random inputs: pass calibration samples for an accurate model and a report".into(),
        );
    }
    notes.extend(crate::compile::range_notes(&lowered.model.program));
    Ok(Compiled { model: lowered.model, report, notes })
}

fn precision_note(precision: Precision, (multiplied, others): (u32, u32)) -> String {
    let bits = match multiplied == others {
        true => format!("{multiplied} bits"),
        false => format!("{multiplied} bits, {others} where nothing multiplies them"),
    };
    format!("precision {precision}: values have up to {bits}")
}

/// The reference is the network as it was read: what rewriting gets wrong shows too.
fn accuracy(
    (read, net): (&Net, &Net),
    (lowered, trials): (&Lowered, &[Option<Lowered>]),
    (inputs, samples): (&[Vec<Vec<f32>>], &Samples),
    options: &Options,
) -> Result<AccuracyReport, CompileError> {
    let candidate = |lowered| candidate(net, lowered);
    let accepted = Tolerance::NETWORK.or(options.tolerance);
    let outputs = |i: usize| {
        let values = evaluate(read, inputs[i].clone());
        read.outputs.iter().map(|output| values[output.value].clone()).collect()
    };
    let floats = |i: usize| Floats { values: evaluate(net, inputs[i].clone()), outputs: outputs(i) };
    let trials: Vec<_> = trials.iter().map(|trial| trial.as_ref().map(candidate)).collect();
    measure(&candidate(lowered), &trials, samples, (&options.expected, accepted), floats)
}

fn candidate<'a>(net: &Net, lowered: &'a Lowered) -> Candidate<'a> {
    Candidate { model: &lowered.model, subject: subject(net, lowered) }
}

/// What the report compares.
fn subject(net: &Net, lowered: &Lowered) -> Subject {
    let outputs = net.outputs.iter().map(|output| {
        Watched::new(&output.name, output.value, &output.dims, (output.labels.clone(), probability(net, output.value)))
    });
    let steps = net.steps.iter().enumerate().map(|(i, step)| (step.at.clone(), net.id_of(i)));
    Subject { outputs: outputs.collect(), steps: steps.collect(), readings: lowered.readings() }
}

/// Whether a value is a function that tells a class by whether it is above one half.
fn probability(net: &Net, id: usize) -> bool {
    let logistic = |expr: &Expr| expr.behaves_as(crate::float::sigmoid);
    net.step(id).is_some_and(|step| matches!(&step.kind, Kind::Pointwise(expr) if logistic(expr)))
}
