//! The whole way from a model file to a checked model.
//!
//! | module | what it holds |
//! |---|---|
//! | `net` | from a net to a checked model |
//! | `plan` | from a plan to a checked model |
//! | `notes` | what a user should know of a program made without samples |

mod net;
mod notes;
mod plan;

use crate::emit::artifact::Compiled;
use crate::fronts::onnx::proto::ModelProto;
use crate::fronts::plan::build;
use crate::fronts::samples::port::Port;
use crate::fronts::{self, native, onnx};
use crate::graph::net::Net;
use crate::graph::plan::Plan;
use crate::passes::vectors::vectors;
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;
use crate::terms::options::{Options, Precision};
use ciro_graph::{Column, Unseen};

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

/// Reads a model: a booster's own file or ONNX. ONNX is read as a linear model, trees or a small perceptron if it is one, else as a
/// network.
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
    let flat = match build::plan(model) {
        Ok(plan) if plan.reads_rows() => return Ok(Reading::Flat(plan)),
        // Its products would take an input's last dimension for all of it.
        Ok(_) => return fronts::net::read(model, dims).map(Reading::Network),
        Err(error) => error,
    };
    if !fronts::net::is_classical(model) {
        return fronts::net::read(model, dims).map(Reading::Network);
    }
    // An operator that one of both readers knows is not what is wrong.
    let is_unknown = matches!(flat, CompileError::Operator { .. });
    let net = fronts::net::read(model, dims).map_err(|error| if is_unknown { error } else { flat })?;
    let plan = vectors(&net)?;
    Ok(Reading::Vectors(net, plan))
}

/// Compiles a model file, which is told by its content. It is ONNX, or the file of a booster by its own library: XGBoost's JSON and
/// UBJSON, LightGBM's text and JSON.
///
/// # Errors
/// [`CompileError`] if the bytes are no model, an operator or a form of it is not supported, or its numbers do not fit.
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
        Reading::Flat(plan) => plan::compile(&plan, None, options),
        Reading::Vectors(net, plan) => plan::compile(&plan, Some(&net), options),
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

/// The inputs that a model file expects: what [`crate::fronts::samples::load`] needs to read samples for it. `dims` gives sizes to
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
