//! The whole way from a model file to a checked model.

use crate::artifact::Compiled;
use crate::drawn;
use crate::error::CompileError;
use crate::float::evaluate;
use crate::left_out;
use crate::lower::{Lowered, Ranges, flagged, lower};
use crate::measure::{Candidate, Floats, Subject, measure};
use crate::native;
use crate::net::{self, Net};
use crate::onnx;
use crate::onnx::proto::ModelProto;
use crate::options::{Options, Precision};
use crate::plan::{Kind, Plan, apart, by_column, plan};
use crate::report::AccuracyReport;
use crate::samples::{Port, Samples};
use crate::signature::Labels;
use crate::tolerance::Tolerance;
use ciro_graph::{Column, Program, RawInput, Unseen};

/// A model file as it was read.
struct Source {
    reading: Reading,
    /// What the file says of its columns; one per element of the inputs, or none.
    columns: Vec<Column>,
}

/// A model as it is read.
enum Reading {
    Flat(Plan),
    /// Vectors that were made from a network.
    Vectors(Net, Plan),
    Network(Net),
}

/// Reads a model: a booster's own file or ONNX, as a linear model, trees or a small perceptron if it is one, else as a network.
fn read(bytes: &[u8], options: &Options) -> Result<Source, CompileError> {
    let mut source = match native::read(bytes, options.signature.rounds) {
        Some(file) => {
            let native::File { mut plan, columns, thresholds, numbers_classes } = file?;
            if numbers_classes && options.signature.labels.is_none() {
                call_classes_numbers(&mut plan);
            }
            // Neither what the user says of missing values nor answers to compare with need signs.
            if let (Some(samples), None, []) =
                (&options.calibration, options.signature.missing, options.expected.as_slice())
            {
                thresholds.check(samples).map_err(CompileError::Native)?;
            }
            Source { reading: Reading::Flat(plan), columns }
        }
        None => read_onnx(bytes, &options.dims)?,
    };
    let elements = source.reading.inputs().iter().map(|(_, dims, _)| dims.iter().product::<usize>()).sum();
    source.columns = options.signature.columns(source.columns, elements)?;
    options.signature.name_classes(source.reading.labels())?;
    Ok(source)
}

/// Says that a class is a number of the file's, and not what the user calls it.
fn call_classes_numbers(plan: &mut Plan) {
    let labels = plan.outputs.iter_mut().filter(|output| output.labels.is_some());
    let named = labels.map(|output| output.name = "class_index".into()).count();
    if named > 0 {
        plan.notes.push("the file numbers its classes from 0: --labels good,bad names them (in Python labels=)".into());
    }
}

impl Reading {
    /// Names, dimensions, and whether they are read as doubles.
    fn inputs(&self) -> Vec<(&str, &[usize], bool)> {
        match self {
            Self::Flat(plan) | Self::Vectors(_, plan) => {
                plan.inputs.iter().map(|input| (input.name.as_str(), input.dims.as_slice(), input.double)).collect()
            }
            Self::Network(net) => {
                net.inputs.iter().map(|input| (input.name.as_str(), input.dims.as_slice(), false)).collect()
            }
        }
    }

    /// What the classes of each output are called, where it is a class.
    fn labels(&mut self) -> Vec<&mut Labels> {
        match self {
            Self::Flat(plan) | Self::Vectors(_, plan) => {
                plan.outputs.iter_mut().filter_map(|output| output.labels.as_mut()).collect()
            }
            Self::Network(net) => net.outputs.iter_mut().filter_map(|output| output.labels.as_mut()).collect(),
        }
    }
}

fn read_onnx(bytes: &[u8], dims: &[(String, u32)]) -> Result<Source, CompileError> {
    let mut model = onnx::decode(bytes)?;
    let categories = onnx::encode_texts(&mut model)?;
    let reading = read_graph(&model, dims)?;
    let columns = columns(&reading, &categories);
    Ok(Source { reading, columns })
}

/// A column for each element, if some are texts: named as their input if that has no other.
fn columns(reading: &Reading, categories: &onnx::Categories) -> Vec<Column> {
    if categories.is_empty() {
        return Vec::new();
    }
    let of_input = |(name, dims, _): (&str, &[usize], bool)| {
        let count = dims.iter().product();
        let own = if count == 1 { name.to_string() } else { String::new() };
        let categories = categories.get(name).cloned().unwrap_or_default();
        vec![Column { name: own, categories, missing: None, unseen: Unseen::Coded }; count]
    };
    reading.inputs().into_iter().flat_map(of_input).collect()
}

fn read_graph(model: &ModelProto, dims: &[(String, u32)]) -> Result<Reading, CompileError> {
    let flat = match plan(model) {
        Ok(plan) if plan.reads_rows() => return Ok(Reading::Flat(plan)),
        // Its products would take an input's last dimension for all of it.
        Ok(_) => return net::read(model, dims).map(Reading::Network),
        Err(error) => error,
    };
    if !is_classical(model) {
        return net::read(model, dims).map(Reading::Network);
    }
    // An operator that one of both readers knows is not what is wrong.
    let is_unknown = matches!(flat, CompileError::Operator { .. });
    let net = net::read(model, dims).map_err(|error| if is_unknown { error } else { flat })?;
    let plan = net::vectors(&net)?;
    Ok(Reading::Vectors(net, plan))
}

fn is_classical(model: &ModelProto) -> bool {
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    nodes.into_iter().any(|node| node.domain.as_deref() == Some("ai.onnx.ml"))
}

/// Compiles a model file: ONNX, or the file of a booster by its own library (XGBoost's JSON and UBJSON, LightGBM's text and
/// JSON), which is told by its content.
///
/// # Errors
/// [`CompileError`] if the bytes are no model, an operator or a form of it is not supported, or its numbers do not fit;
/// [`CompileError::hint`] says what to do.
pub fn compile_model(bytes: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    compile_source(read(bytes, options)?, options)
}

/// Compiles an ONNX model.
///
/// # Errors
/// As [`compile_model`].
pub fn compile_onnx(bytes: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    compile_source(read_onnx(bytes, &options.dims)?, options)
}

fn compile_source(source: Source, options: &Options) -> Result<Compiled, CompileError> {
    let has_precisions = matches!(source.reading, Reading::Network(_));
    let compiled = match source.reading {
        Reading::Flat(plan) => compile_flat(&plan, None, options),
        Reading::Vectors(net, plan) => compile_flat(&plan, Some(&net), options),
        Reading::Network(net) => net::compile(&net, options),
    };
    let is_finest = !has_precisions || options.precision == Precision::Exact;
    let mut compiled = compiled.map_err(|error| error.beyond(options.calibration.is_some(), is_finest))?;
    if !has_precisions {
        compiled.notes.extend(precision_note(options.precision));
    }
    compiled.model.program.columns = source.columns;
    compiled.model.program.profile = options.profile;
    compiled.model.program.security = options.security;
    compiled.model.program.visibility = options.visibility;
    Ok(compiled)
}

/// A precision that was asked for where there is but one.
fn precision_note(precision: Precision) -> Option<String> {
    match precision {
        Precision::Balanced => None,
        Precision::Fast | Precision::Exact => Some(format!(
            "precision {precision} changes nothing: this is compiled as vectors, which are held as finely as they can be. \
             A network behind a scaler takes a precision where the scaler is left out of the file and the data are scaled before"
        )),
    }
}

/// `read` is the network that the plan was made from, if it was: the reference is what was read.
fn compile_flat(plan: &Plan, read: Option<&Net>, options: &Options) -> Result<Compiled, CompileError> {
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

/// The inputs that a model file expects: what [`crate::samples::load`] needs to read samples for it. `dims` gives sizes to
/// named dimensions, as in [`Options::dims`].
///
/// # Errors
/// As [`compile_onnx`].
pub fn ports_with(bytes: &[u8], dims: &[(String, u32)]) -> Result<Vec<Port>, CompileError> {
    ports_for(bytes, &Options { dims: dims.to_vec(), ..Options::default() })
}

/// As [`ports_with`], under all that the user says of the model.
///
/// # Errors
/// As [`compile_model`].
pub fn ports_for(bytes: &[u8], options: &Options) -> Result<Vec<Port>, CompileError> {
    let source = read(bytes, options)?;
    let mut columns = source.columns.into_iter();
    let port = |(name, dims, double): (&str, &[usize], bool)| Port {
        name: name.into(),
        shape: dims_u32(dims),
        double,
        columns: columns.by_ref().take(dims.iter().product()).collect(),
    };
    Ok(source.reading.inputs().into_iter().map(port).collect())
}

/// As [`ports_with`], for a model without named dimensions after the batch.
///
/// # Errors
/// As [`compile_model`].
pub fn ports(bytes: &[u8]) -> Result<Vec<Port>, CompileError> {
    ports_with(bytes, &[])
}

fn dims_u32(dims: &[usize]) -> Vec<u32> {
    dims.iter().map(|&d| d as u32).collect()
}

/// All values of the plan in floats, for each sample.
fn float_values(plan: &Plan, samples: &Samples) -> Result<Vec<Vec<Vec<f32>>>, CompileError> {
    let refuse = |sample: usize, reason: String| CompileError::Calibration { sample, reason };
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
            let all = net::evaluate(net, values[i][..net.inputs.len()].to_vec());
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
    let runs = |input: &RawInput| ciro_graph::execute(&lowered.model, input).is_ok();
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

/// What each input accepts.
pub(crate) fn range_notes(program: &Program) -> Vec<String> {
    let arithmetic = program.inputs.iter().filter(|input| !input.is_ordered() && !input.is_ordered_double());
    let advice = "pass calibration samples or a range if yours may be larger";
    let note = |input: &ciro_graph::Input| {
        format!("input {:?} accepts {}; {advice}", input.name, crate::artifact::range_text(&input.ingest))
    };
    arithmetic.map(note).collect()
}
