//! The whole way from a network to a checked model.

use crate::emit::artifact::Compiled;
use crate::emit::deviation::Watched;
use crate::emit::drawn;
use crate::emit::measure::{Candidate, Floats, Subject, measure};
use crate::emit::report::AccuracyReport;
use crate::graph::expr::Expr;
use crate::graph::net::eval::evaluate;
use crate::graph::net::{Id, Kind, Net, Step, moves};
use crate::lower::net::{Lowered, lower};
use crate::passes::calibrate::{self, DEFAULT_SPAN, Measured, Values};
use crate::passes::left_out;
use crate::passes::ranks::ranked;
use crate::passes::simplify::simplify;
use crate::terms::error::CompileError;
use crate::terms::options::{Options, Precision};
use crate::terms::samples::Samples;
use crate::terms::tolerance::Tolerance;

/// Compiles a network as it was read.
pub(crate) fn compile(read: &Net, options: &Options) -> Result<Compiled, CompileError> {
    let mut net = simplify(&ranked(read));
    let mut notes = std::mem::take(&mut net.notes);
    let inputs = options.calibration.as_ref().map(|samples| calibrate::inputs(&net, samples)).transpose()?;
    let rows = calibrate::rows(&net);
    let precision = (options.input_range, options.precision);
    let guessed = || Measured {
        all: calibrate::guessed(&net, options.input_range.unwrap_or(DEFAULT_SPAN), &rows),
        others: vec![],
        values: vec![],
    };
    let measured = inputs.as_ref().map_or_else(guessed, |inputs| calibrate::measured(&net, inputs));
    let lowered = lower(&net, &measured.all, &rows, precision)?;
    let report = match (&inputs, &options.calibration) {
        (Some(inputs), Some(samples)) => {
            let count = left_out::trials(inputs.len(), lowered.model.weights.iter().map(Vec::len).sum());
            let others = measured.others.iter().take(count);
            let trials: Vec<_> = others.map(|sizes| lower(&net, sizes, &rows, precision).ok()).collect();
            Some(accuracy((read, &net), (&lowered, &trials), (inputs, samples, measured.values), options)?)
        }
        _ => None,
    };
    notes.push(precision_note(options.precision, lowered.widest));
    if inputs.is_none() {
        notes.push(
            "scales were set on random inputs: pass calibration samples for an accurate model and a report".into(),
        );
        notes.push(compared_with_floats((read, &net), &lowered, options)?);
    }
    notes.extend(super::notes::range_notes(&lowered.model.program));
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
    (inputs, samples, mut values): (&[Values], &Samples, Vec<Values>),
    options: &Options,
) -> Result<AccuracyReport, CompileError> {
    let candidate = |lowered| candidate((read, net), lowered);
    let accepted = Tolerance::NETWORK.or(options.tolerance);
    // Each sample is asked for once; what calibration has computed is not computed again.
    let floats = |i: usize| match values.get_mut(i) {
        Some(values) => Floats { values: std::mem::take(values), outputs: outputs(read, &inputs[i]) },
        None => floats((read, net), &inputs[i]),
    };
    let trials: Vec<_> = trials.iter().map(|trial| trial.as_ref().map(candidate)).collect();
    measure(&candidate(lowered), &trials, samples, (&options.expected, accepted), floats)
}

/// Compares a program that was made without samples with a float evaluation, on drawn inputs; what to say about it.
fn compared_with_floats(
    (read, net): (&Net, &Net),
    lowered: &Lowered,
    options: &Options,
) -> Result<String, CompileError> {
    let drawn = drawn::of_network(&lowered.model.program, net.steps.iter().map(|step| work(net, step)).sum());
    let (all, mut refused) = (drawn.len(), 0);
    let (mut inputs, mut kept) = (vec![], vec![]);
    for raw in drawn {
        if ciro_execution::execute(&lowered.model, &raw).is_err() {
            refused += 1;
            continue;
        }
        let floats: Vec<Vec<f32>> =
            raw.0.iter().map(|t| t.bits.iter().map(|&bits| f32::from_bits(bits)).collect()).collect();
        let values = evaluate(read, floats.clone());
        // What overflows in floats is no reference.
        if read.outputs.iter().all(|output| values[output.value].iter().all(|v| v.is_finite())) {
            inputs.push(floats);
            kept.push(raw);
        }
    }
    let count = kept.len();
    if count == 0 {
        let reason =
            format!("of {all} inputs that were drawn {refused} are refused, and floats overflow on the others");
        return Err(CompileError::Uncompared { reason });
    }
    let samples = Samples { inputs: kept, expected: None };
    let accepted = Tolerance::DRAWN_NETWORK.or(options.tolerance);
    let floats = |i: usize| floats((read, net), &inputs[i]);
    let report = match measure(&candidate((read, net), lowered), &[], &samples, (&[], accepted), floats) {
        Ok(report) => report,
        // Next to a jump a rounding decides, and drawn inputs are as near as any.
        Err(CompileError::Deviates(differs)) if net.steps.iter().any(jumps) => {
            return Ok(format!("on {}, of {count}; a comparison may go either way there", differs.drawn()));
        }
        Err(CompileError::Deviates(differs)) => return Err(CompileError::Deviates(Box::new(differs.drawn()))),
        Err(error) => return Err(error),
    };
    let share = report.outputs.iter().map(|output| output.max_deviation / output.spread).fold(0.0, f64::max);
    let percent = share * 100.0;
    Ok(format!("compared with a float evaluation on {count} drawn inputs: {percent:.2} % of the spread at most"))
}

/// Whether a step decides: its result may change much where its operand hardly does.
fn jumps(step: &Step) -> bool {
    match &step.kind {
        Kind::Pointwise(expr) => !expr.is_continuous(),
        kind => matches!(kind, Kind::ArgMax | Kind::Top { .. }),
    }
}

/// Multiplications that a step takes, about.
fn work(net: &Net, step: &Step) -> usize {
    let len: usize = step.dims.iter().product();
    match &step.kind {
        Kind::Linear(linear) => len.saturating_mul(linear.k),
        Kind::Conv(conv) => len.saturating_mul(conv.dims[1..].iter().product()),
        Kind::Contract { .. } => len.saturating_mul(net.row(step.operands[0])),
        Kind::Constant(_)
        | Kind::Pointwise(_)
        | Kind::AddConst(_)
        | Kind::MulConst(_)
        | Kind::Binary(_)
        | Kind::Sum
        | Kind::Max
        | Kind::MaxPool { .. }
        | Kind::Softmax { .. }
        | Kind::Normalize { .. }
        | Kind::Embed(_)
        | Kind::Mask { .. }
        | Kind::Choose { .. }
        | Kind::Hide
        | Kind::ArgMax
        | Kind::Reshape
        | Kind::Transpose(_)
        | Kind::Take(_)
        | Kind::Concat(_)
        | Kind::Top { .. }
        | Kind::Elem(_)
        | Kind::Norm(_)
        | Kind::Trees { .. } => len,
    }
}

/// What a network computes in floats: as it was read, and as the program was made from it.
fn floats((read, net): (&Net, &Net), inputs: &[Vec<f32>]) -> Floats {
    Floats { values: evaluate(net, inputs.to_vec()), outputs: outputs(read, inputs) }
}

fn outputs(read: &Net, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let values = evaluate(read, inputs.to_vec());
    read.outputs.iter().map(|output| values[output.value].clone()).collect()
}

fn candidate<'a>(nets: (&Net, &Net), lowered: &'a Lowered) -> Candidate<'a> {
    Candidate { model: &lowered.model, subject: subject(nets, lowered) }
}

/// What the report compares: outputs as they were read, and the steps that the program was made from.
fn subject((read, net): (&Net, &Net), lowered: &Lowered) -> Subject {
    let outputs = net.outputs.iter().zip(&read.outputs).map(|(output, as_read)| {
        let kind = (output.labels.clone(), probability(net, output.value));
        let watched = Watched::new(&output.name, output.value, &output.dims, kind);
        if tells_positions(read, as_read.value) { watched.of_positions() } else { watched }
    });
    let steps = net.steps.iter().enumerate().map(|(i, step)| (step.at.clone(), net.id_of(i)));
    Subject { outputs: outputs.collect(), steps: steps.collect(), readings: lowered.readings() }
}

/// Whether a value is positions of largest elements, moved at most.
fn tells_positions(net: &Net, id: Id) -> bool {
    let Some(step) = net.step(id) else { return false };
    let is_moved = || moves(&step.kind) && step.operands.iter().all(|&x| tells_positions(net, x));
    matches!(step.kind, Kind::Top { .. }) || is_moved()
}

/// Whether a value is a function that tells a class by whether it is above one half.
fn probability(net: &Net, id: Id) -> bool {
    let logistic = |expr: &Expr| expr.behaves_as(crate::graph::expr::sigmoid);
    net.step(id).is_some_and(|step| matches!(&step.kind, Kind::Pointwise(expr) if logistic(expr)))
}
