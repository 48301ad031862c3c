//! The whole way from a model file to a checked model.

use crate::artifact::Compiled;
use crate::error::CompileError;
use crate::float::evaluate;
use crate::lower::{Lowered, Ranges, lower};
use crate::native;
use crate::net::{self, Net};
use crate::onnx;
use crate::onnx::proto::ModelProto;
use crate::options::Options;
use crate::plan::{Plan, apart, plan};
use crate::report::{AccuracyReport, Candidate, Floats, Subject, is_held_out, measure};
use crate::samples::{Port, Samples};
use ciro_graph::{Ingest, Program};

/// A model as one of the two pathways reads it.
enum Reading {
    Flat(Plan),
    /// Vectors that were made from a network.
    Vectors(Net, Plan),
    Network(Net),
}

/// Reads a model: a booster's own file or ONNX, as a linear model, trees or a small perceptron if it is one, else as a network.
fn read(bytes: &[u8], dims: &[(String, u32)]) -> Result<Reading, CompileError> {
    match native::plan(bytes) {
        Some(plan) => plan.map(Reading::Flat),
        None => read_onnx(bytes, dims),
    }
}

fn read_onnx(bytes: &[u8], dims: &[(String, u32)]) -> Result<Reading, CompileError> {
    let model = onnx::decode(bytes)?;
    let flat = match plan(&model) {
        Ok(plan) if plan.reads_rows() => return Ok(Reading::Flat(plan)),
        // Its products would take an input's last dimension for all of it.
        Ok(_) => return net::read(&model, dims).map(Reading::Network),
        Err(error) => error,
    };
    if !is_classical(&model) {
        return net::read(&model, dims).map(Reading::Network);
    }
    let net = net::read(&model, dims).map_err(|_| flat)?;
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
    compile_reading(read(bytes, &options.dims)?, options)
}

/// Compiles an ONNX model.
///
/// # Errors
/// As [`compile_model`].
pub fn compile_onnx(bytes: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    compile_reading(read_onnx(bytes, &options.dims)?, options)
}

fn compile_reading(reading: Reading, options: &Options) -> Result<Compiled, CompileError> {
    let mut compiled = match reading {
        Reading::Flat(plan) => compile_flat(plan, None, options),
        Reading::Vectors(net, plan) => compile_flat(plan, Some(&net), options),
        Reading::Network(net) => net::compile(&net, options),
    }?;
    compiled.model.program.profile = options.profile;
    compiled.model.program.security = options.security;
    compiled.model.program.visibility = options.visibility;
    Ok(compiled)
}

/// `read` is the network that the plan was made from, if it was: the reference is what was read.
fn compile_flat(plan: Plan, read: Option<&Net>, options: &Options) -> Result<Compiled, CompileError> {
    let mut plan = apart(plan);
    let values = options.calibration.as_ref().map(|samples| float_values(&plan, samples)).transpose()?;
    let lowered = lower(&plan, &Ranges::of(&plan, options.input_range, values.as_deref()))?;
    let report = match (&values, &options.calibration) {
        (Some(values), Some(samples)) => Some(accuracy((&plan, read), &lowered, (values, samples), options)?),
        _ => None,
    };
    let mut notes = std::mem::take(&mut plan.notes);
    if values.is_none() {
        notes.extend(range_notes(&lowered.model.program));
    }
    Ok(Compiled { model: lowered.model, report, notes })
}

/// The inputs that a model file expects: what [`crate::samples::load`] needs to read samples for it. `dims` gives sizes to
/// named dimensions, as in [`Options::dims`].
///
/// # Errors
/// As [`compile_onnx`].
pub fn ports_with(bytes: &[u8], dims: &[(String, u32)]) -> Result<Vec<Port>, CompileError> {
    let port = |name: &String, dims: &[usize]| Port { name: name.clone(), shape: dims_u32(dims) };
    Ok(match read(bytes, dims)? {
        Reading::Flat(plan) | Reading::Vectors(_, plan) => {
            plan.inputs.iter().map(|input| port(&input.name, &input.dims)).collect()
        }
        Reading::Network(net) => net.inputs.iter().map(|input| port(&input.name, &input.dims)).collect(),
    })
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
        let mut tensors: Vec<Vec<f32>> = Vec::with_capacity(sample.0.len());
        for (input, tensor) in plan.inputs.iter().zip(&sample.0) {
            let count: usize = input.dims.iter().product();
            if tensor.bits.len() != count {
                return Err(refuse(
                    i,
                    format!("input {:?}: expected {count} numbers, got {}", input.name, tensor.bits.len()),
                ));
            }
            tensors.push(tensor.bits.iter().map(|&bits| f32::from_bits(bits)).collect());
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
    let candidate = |lowered: &Lowered| Subject::of(plan, lowered);
    let kept = |i: &usize| !is_held_out(*i, values.len());
    let kept: Vec<_> = (0..values.len()).filter(kept).map(|i| values[i].clone()).collect();
    let trial = if kept.len() < values.len() {
        lower(plan, &Ranges::of(plan, options.input_range, Some(&kept))).ok()
    } else {
        None
    };
    let trial = trial.as_ref().map(|lowered| Candidate { model: &lowered.model, subject: candidate(lowered) });
    let accepted = plan.tolerance().or(options.tolerance);
    let candidate = Candidate { model: &lowered.model, subject: candidate(lowered) };
    let of_plan = |i: usize| plan.outputs.iter().map(|output| values[i][output.value].clone()).collect();
    let outputs = |i: usize| match read {
        Some(net) => {
            let all = net::evaluate(net, values[i][..net.inputs.len()].to_vec());
            net.outputs.iter().map(|output| all[output.value].clone()).collect()
        }
        None => of_plan(i),
    };
    let floats = |i: usize| Floats { values: values[i].clone(), outputs: outputs(i) };
    measure(candidate, trial, samples, (&options.expected, accepted), floats)
}

/// What each input accepts.
pub(crate) fn range_notes(program: &Program) -> Vec<String> {
    let arithmetic =
        program.inputs.iter().filter(|input| matches!(input.ingest, Ingest::Fixed { .. } | Ingest::Imputed { .. }));
    let advice = "pass calibration samples or a range if yours may be larger";
    let note = |input: &ciro_graph::Input| {
        format!("input {:?} accepts {}; {advice}", input.name, crate::artifact::range_text(&input.ingest))
    };
    arithmetic.map(note).collect()
}
