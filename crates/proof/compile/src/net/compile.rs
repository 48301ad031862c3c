//! The whole way from a network to a checked model.

use super::calibrate::{self, DEFAULT_SPAN};
use super::eval::evaluate;
use super::expr::Expr;
use super::lower::{Lowered, lower};
use super::simplify::simplify;
use super::step::{Kind, Net};
use crate::artifact::Compiled;
use crate::error::CompileError;
use crate::options::{Options, Precision};
use crate::report::{AccuracyReport, Subject, Tally, Watched};
use crate::samples::Samples;

/// Compiles a network as it was read.
pub(crate) fn compile(net: &Net, options: &Options) -> Result<Compiled, CompileError> {
    let mut net = simplify(net);
    let mut notes = std::mem::take(&mut net.notes);
    let inputs = options.calibration.as_ref().map(|samples| calibrate::inputs(&net, samples)).transpose()?;
    let rows = calibrate::rows(&net);
    let sizes = match &inputs {
        Some(inputs) => calibrate::measured(&net, inputs),
        None => calibrate::guessed(&net, options.input_range.unwrap_or(DEFAULT_SPAN), &rows),
    };
    let lowered = lower(&net, &sizes, &rows, (options.input_range, options.precision))?;
    let report = match (&inputs, &options.calibration) {
        (Some(inputs), Some(samples)) => Some(accuracy(&net, &lowered, inputs, samples)?),
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

fn accuracy(
    net: &Net,
    lowered: &Lowered,
    inputs: &[Vec<Vec<f32>>],
    samples: &Samples,
) -> Result<AccuracyReport, CompileError> {
    let mut tally = Tally::new(subject(net, lowered), samples.expected.as_ref());
    for (i, (floats, raw)) in inputs.iter().zip(&samples.inputs).enumerate() {
        let run = ciro_graph::execute(&lowered.model, raw)
            .map_err(|error| CompileError::Calibration { sample: i, reason: error.to_string() })?;
        tally.add(&evaluate(net, floats.clone()), &run.values);
    }
    Ok(tally.finish())
}

/// What the report compares.
fn subject(net: &Net, lowered: &Lowered) -> Subject {
    let outputs = net.outputs.iter().map(|output| {
        Watched::new(
            &output.name,
            output.value,
            net.len(output.value),
            (output.labels.is_some(), probability(net, output.value)),
        )
    });
    let steps = net.steps.iter().enumerate().map(|(i, step)| (step.at.clone(), net.id_of(i)));
    Subject { outputs: outputs.collect(), steps: steps.collect(), readings: lowered.readings() }
}

/// Whether a value is a function that tells a class by whether it is above one half.
fn probability(net: &Net, id: usize) -> bool {
    let logistic = |expr: &Expr| expr.behaves_as(crate::float::sigmoid);
    net.step(id).is_some_and(|step| matches!(&step.kind, Kind::Pointwise(expr) if logistic(expr)))
}
