//! Inputs and calibration samples from files.
//!
//! | format | contents |
//! |---|---|
//! | `.npy` | one array, for a model with one input |
//! | `.npz` | arrays named as the model's inputs, or `x` for a model with one; `y` may hold the original runtime's answers |
//! | `.csv` | one sample a row, all inputs' elements in order; a first row that is not numbers is a header |
//! | `.json` | `{"input_data": [[…], …]}`: flat, one list per input (for one input: per sample); or lists by input name |
//!
//! An array holds one sample or several: its shape is the input's, or has the number of samples for its first dimension, or is
//! flat per sample. A missing value is NaN; in text, `null` or an empty cell.

mod numpy;
mod text;

use crate::answers::Answer;
use ciro_graph::{Program, RawInput, RawTensor};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest sample file, and largest array in a compressed one, bytes.
const MAX_BYTES: u64 = 1 << 30;

/// An input that samples are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its dimensions, batch of one included.
    pub shape: Vec<u32>,
}

impl Port {
    /// The inputs of a compiled program.
    #[must_use]
    pub fn of(program: &Program) -> Vec<Self> {
        program.inputs.iter().map(|input| Self { name: input.name.clone(), shape: input.shape.clone() }).collect()
    }

    fn count(&self) -> usize {
        self.shape.iter().map(|&d| d as usize).product()
    }
}

/// Samples, and the original runtime's answers if the file has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// One input set per sample; at least one when loaded from a file.
    pub inputs: Vec<RawInput>,
    /// The answers.
    pub expected: Option<Expected>,
}

/// Answers of the original runtime: the model's last output, one row per sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Numbers per sample.
    pub width: usize,
    /// All rows, one after the other.
    pub values: Vec<f32>,
}

impl Expected {
    /// The answer to one sample.
    #[must_use]
    pub fn row(&self, sample: usize) -> Option<&[f32]> {
        self.values.chunks_exact(self.width.max(1)).nth(sample)
    }
}

/// Why a file does not hold samples for the model.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct SampleError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: SampleProblem,
}

/// What is wrong with a sample file.
#[derive(Debug, thiserror::Error)]
pub enum SampleProblem {
    /// It cannot be read.
    #[error("cannot be read")]
    Io(#[source] io::Error),
    /// Its name does not end in a known format.
    #[error("expected a file name ending in .npy, .npz, .csv or .json, got {got:?}")]
    Extension {
        /// The ending.
        got: String,
    },
    /// It is not in its format.
    #[error("expected {expected}, got {got}")]
    Format {
        /// What the format asks for.
        expected: String,
        /// What is there.
        got: String,
    },
    /// It does not have the model's inputs.
    #[error("expected arrays named {expected:?}, got {got:?}")]
    Names {
        /// The model's inputs.
        expected: Vec<String>,
        /// The file's arrays.
        got: Vec<String>,
    },
    /// An array of another shape.
    #[error("input {input:?}: expected {expected}, got {got}")]
    Shape {
        /// The input.
        input: String,
        /// Shapes that fit.
        expected: String,
        /// The shape found.
        got: String,
    },
}

/// An array from a file; `name` if the format has names.
#[derive(Clone, Debug, PartialEq)]
struct Array {
    name: Option<String>,
    dims: Vec<usize>,
    values: Vec<f64>,
}

/// Arrays of a file.
struct Arrays {
    inputs: Vec<Array>,
    answers: Option<Array>,
}

/// Reads the samples in `path` for a model with inputs `ports`.
///
/// # Errors
/// [`SampleError`] if the file cannot be read, is not in its format, or does not fit the model.
pub fn load(path: &Path, ports: &[Port]) -> Result<Samples, SampleError> {
    load_bytes(path, ports).map_err(|problem| SampleError { path: path.into(), problem })
}

fn load_bytes(path: &Path, ports: &[Port]) -> Result<Samples, SampleProblem> {
    let (extension, bytes) = contents(path)?;
    parse(&extension, &bytes, ports)
}

/// Reads the answers of the user's own model in `path`: `.npz` with arrays named as outputs, or `label` and `y`; `.npy` with
/// numbers; or `.csv` with a row per sample, texts or a column `label` being labels.
///
/// # Errors
/// [`SampleError`] if the file cannot be read or is not in its format.
pub fn load_answers(path: &Path) -> Result<Vec<Answer>, SampleError> {
    let read = || {
        let (extension, bytes) = contents(path)?;
        parse_answers(&extension, &bytes)
    };
    read().map_err(|problem| SampleError { path: path.into(), problem })
}

/// Reads answers from the contents of a file with the given ending.
///
/// # Errors
/// [`SampleProblem`] as [`load_answers`].
pub fn parse_answers(extension: &str, bytes: &[u8]) -> Result<Vec<Answer>, SampleProblem> {
    match extension {
        "npy" => Ok(vec![numpy::answer("y", bytes)?]),
        "npz" => numpy::answers(bytes),
        "csv" => text::csv_answers(bytes),
        other => Err(SampleProblem::Extension { got: other.into() }),
    }
}

/// A file's ending and its bytes.
fn contents(path: &Path) -> Result<(String, Vec<u8>), SampleProblem> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if !["npy", "npz", "csv", "json"].contains(&extension.as_str()) {
        return Err(SampleProblem::Extension { got: extension });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(SampleProblem::Io)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(SampleProblem::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format_problem(format!("at most {MAX_BYTES} bytes"), "more"));
    }
    Ok((extension, bytes))
}

/// Reads samples from the contents of a file with the given ending.
///
/// # Errors
/// [`SampleProblem`] as [`load`].
pub fn parse(extension: &str, bytes: &[u8], ports: &[Port]) -> Result<Samples, SampleProblem> {
    let arrays = match extension {
        "npy" => Arrays { inputs: vec![numpy::npy(bytes)?], answers: None },
        "npz" => numpy::npz(bytes, ports)?,
        "csv" => Arrays { inputs: text::csv(bytes, ports)?, answers: None },
        "json" => Arrays { inputs: text::json(bytes, ports)?, answers: None },
        other => return Err(SampleProblem::Extension { got: other.into() }),
    };
    assemble(ports, arrays)
}

fn format_problem(expected: impl Into<String>, got: impl Into<String>) -> SampleProblem {
    SampleProblem::Format { expected: expected.into(), got: got.into() }
}

fn names_problem(ports: &[Port], got: Vec<String>) -> SampleProblem {
    SampleProblem::Names { expected: ports.iter().map(|port| port.name.clone()).collect(), got }
}

fn assemble(ports: &[Port], arrays: Arrays) -> Result<Samples, SampleProblem> {
    let mut inputs: Vec<RawInput> = Vec::new();
    let ordered = in_order(ports, arrays.inputs)?;
    for (i, (port, array)) in ports.iter().zip(&ordered).enumerate() {
        let count = sample_count(port, array)?;
        if i == 0 {
            inputs = vec![RawInput(Vec::with_capacity(ports.len())); count];
        } else if inputs.len() != count {
            return Err(shape_problem(
                port,
                format!("{} samples as the inputs before it", inputs.len()),
                count.to_string(),
            ));
        }
        for (sample, values) in inputs.iter_mut().zip(array.values.chunks_exact(port.count())) {
            let bits = values.iter().map(|&v| (v as f32).to_bits()).collect();
            sample.0.push(RawTensor { shape: port.shape.clone(), bits });
        }
    }
    let expected = arrays.answers.and_then(|answers| answers_of(&answers, inputs.len()));
    Ok(Samples { inputs, expected })
}

/// The arrays in the order of the inputs. A single array serves a single input whatever its name.
fn in_order(ports: &[Port], mut arrays: Vec<Array>) -> Result<Vec<Array>, SampleProblem> {
    if let ([_], [only]) = (ports, arrays.as_slice())
        && only.name.as_deref().is_none_or(|name| name == "x")
    {
        return Ok(arrays);
    }
    let got: Vec<String> = arrays.iter().filter_map(|array| array.name.clone()).collect();
    let mut ordered = Vec::with_capacity(ports.len());
    for port in ports {
        let found = arrays.iter().position(|array| array.name.as_deref() == Some(&port.name));
        ordered.push(arrays.swap_remove(found.ok_or_else(|| names_problem(ports, got.clone()))?));
    }
    if arrays.is_empty() { Ok(ordered) } else { Err(names_problem(ports, got)) }
}

fn sample_count(port: &Port, array: &Array) -> Result<usize, SampleProblem> {
    let shape: Vec<usize> = port.shape.iter().map(|&d| d as usize).collect();
    let count = port.count();
    let one = array.dims == shape || array.dims == shape[shape.len().min(1)..] || array.dims == [count];
    let fits = |rest: &[usize]| rest == [count] || rest == shape || rest == &shape[shape.len().min(1)..];
    match array.dims.split_first() {
        _ if one => Ok(1),
        Some((&n, rest)) if n > 0 && fits(rest) => Ok(n),
        _ => {
            let expected = format!("shape {shape:?}, or [samples, {count}]");
            Err(shape_problem(port, expected, format!("shape {:?}", array.dims)))
        }
    }
}

fn shape_problem(port: &Port, expected: impl Into<String>, got: impl Into<String>) -> SampleProblem {
    SampleProblem::Shape { input: port.name.clone(), expected: expected.into(), got: got.into() }
}

fn answers_of(answers: &Array, samples: usize) -> Option<Expected> {
    let width = answers.values.len() / samples.max(1);
    let fits = answers.dims.first() == Some(&samples) && width * samples == answers.values.len() && width > 0;
    fits.then(|| Expected { width, values: answers.values.iter().map(|&v| v as f32).collect() })
}
