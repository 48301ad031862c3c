//! Inputs and calibration samples from files.
//!
//! | format | contents |
//! |---|---|
//! | `.npy` | one array, for a model with one input |
//! | `.npz` | arrays named as the model's inputs, or as its columns, or `x` for a model with one input; `y` may hold the original runtime's answers |
//! | `.csv` | one sample a row; under a header, columns are matched by name, else all inputs' elements in order |
//! | `.json` | `{"input_data": [[…], …]}`: flat, one list per input (for one input: per sample); lists by input name; or a table: a list of records, or lists by column |
//!
//! An array holds one sample or several. Its shape is the input's, or has the number of samples for its first dimension, or is flat per
//! sample. For example, an input of [1, 3, 4] takes arrays of [3, 4], [9, 3, 4] and [9, 12]. A missing value is NaN; in text, `null` or an
//! empty cell.

mod array;
mod numpy;
pub(crate) mod port;
mod problem;
pub mod table;
mod text;

pub use crate::terms::samples::{Expected, Samples};
pub use port::Port;
pub use problem::{SampleError, SampleProblem};
pub use table::{Cells, Table};

use crate::terms::answers::Answer;
use array::{Array, Arrays, MAX_BYTES, MAX_SAMPLES, MAX_TEXT_BYTES};
use ciro_graph::RawInput;
use port::{names_problem, shape_problem};
use problem::{foreign, format_problem};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use table::Content;

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

/// The names in the header of a table in `path` whose columns are the elements of the one input, in order. Users call the elements so
/// where the model's file does not say. Empty if the model has names, or the file is no such table.
///
/// # Errors
/// [`SampleError`] if the file cannot be read.
pub fn header(path: &Path, ports: &[Port]) -> Result<Vec<String>, SampleError> {
    let read = || {
        let (extension, bytes) = contents(path)?;
        if extension == "csv" { text::header(&bytes, ports) } else { Ok(Vec::new()) }
    };
    read().map_err(|problem| SampleError { path: path.into(), problem })
}

/// Reads the answers of the user's own model in `path`. An `.npz` has arrays named as outputs, or `label` and `y`. An `.npy` has numbers.
/// A `.csv` has a row per sample; texts or a column `label` are labels.
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
        let mut head = Vec::new();
        // What cannot be opened has a wrong name all the same.
        let _ = File::open(path).and_then(|file| file.take(8).read_to_end(&mut head));
        let format = foreign(&head).map(|format| SampleProblem::Foreign { format });
        return Err(format.unwrap_or(SampleProblem::Extension { got: extension }));
    }
    let is_text = matches!(extension.as_str(), "csv" | "json");
    let bytes = bounded(path, if is_text { MAX_TEXT_BYTES } else { MAX_BYTES })?;
    match foreign(&bytes) {
        Some(format) => Err(SampleProblem::Foreign { format }),
        None => Ok((extension, bytes)),
    }
}

/// The bytes of a file that are no more than `most`. A file that says that it is longer is not read.
fn bounded(path: &Path, most: u64) -> Result<Vec<u8>, SampleProblem> {
    let expected = || format!("at most {MAX_BYTES} bytes in .npy and .npz, {MAX_TEXT_BYTES} in .csv and .json");
    let file = File::open(path).map_err(SampleProblem::Io)?;
    let long = file.metadata().map_err(SampleProblem::Io)?.len();
    if long > most {
        return Err(format_problem(expected(), format!("{long} bytes")));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(SampleProblem::Io)?;
    if bytes.len() as u64 > most { Err(format_problem(expected(), "more")) } else { Ok(bytes) }
}

/// Reads samples from the contents of a file with the given ending.
///
/// # Errors
/// [`SampleProblem`] as [`load`].
pub fn parse(extension: &str, bytes: &[u8], ports: &[Port]) -> Result<Samples, SampleProblem> {
    let content = match extension {
        "npy" => Content::Arrays(Arrays { inputs: vec![numpy::npy(bytes)?], answers: None }),
        "npz" => numpy::npz(bytes, ports)?,
        "csv" => Content::Table(text::csv(bytes, ports)?),
        "json" => text::json(bytes, ports)?,
        other => return Err(SampleProblem::Extension { got: other.into() }),
    };
    match content {
        Content::Arrays(arrays) => assemble(ports, arrays),
        Content::Table(table) => from_table(&table, ports),
    }
}

/// Reads samples from a table, whose columns are matched with the inputs by name.
///
/// # Errors
/// [`SampleProblem`] naming the column that is missing or does not fit.
pub fn from_table(table: &Table, ports: &[Port]) -> Result<Samples, SampleProblem> {
    assemble(ports, Arrays { inputs: table::arrays(table, ports)?, answers: None })
}

fn assemble(ports: &[Port], arrays: Arrays) -> Result<Samples, SampleProblem> {
    let mut inputs: Vec<RawInput> = Vec::new();
    let ordered = in_order(ports, arrays.inputs)?;
    for (i, (port, array)) in ports.iter().zip(&ordered).enumerate() {
        let count = sample_count(port, array)?;
        if count > MAX_SAMPLES {
            return Err(shape_problem(port, format!("at most {MAX_SAMPLES} samples"), count.to_string()));
        }
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
            sample.0.push(port.tensor(values));
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
    if let [only] = arrays.as_slice()
        && only.name.as_deref().is_none_or(|name| name == "x")
        && let Some(parts) = in_parts(ports, only)
    {
        return Ok(parts);
    }
    let got: Vec<String> = arrays.iter().filter_map(|array| array.name.clone()).collect();
    let mut ordered = Vec::with_capacity(ports.len());
    for port in ports {
        let found = arrays.iter().position(|array| array.name.as_deref() == Some(&port.name));
        ordered.push(arrays.swap_remove(found.ok_or_else(|| names_problem(ports, got.clone()))?));
    }
    if arrays.is_empty() { Ok(ordered) } else { Err(names_problem(ports, got)) }
}

/// Rows that hold all inputs' elements in order, for a model with an input per column.
fn in_parts(ports: &[Port], rows: &Array) -> Option<Vec<Array>> {
    let width: usize = ports.iter().map(Port::count).sum();
    let count = rows.values.len().checked_div(width)?;
    if ports.len() < 2 || rows.dims.last() != Some(&width) || count * width != rows.values.len() {
        return None;
    }
    let mut first = 0;
    let part = |port: &Port| {
        let own = first..first + port.count();
        first = own.end;
        let values = rows.values.chunks_exact(width).flat_map(|row| row[own.clone()].to_vec()).collect();
        Array { name: Some(port.name.clone()), dims: vec![count, port.count()], values }
    };
    Some(ports.iter().map(part).collect())
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

fn answers_of(answers: &Array, samples: usize) -> Option<Expected> {
    let width = answers.values.len() / samples.max(1);
    let fits = answers.dims.first() == Some(&samples) && width * samples == answers.values.len() && width > 0;
    fits.then(|| Expected { width, values: answers.values.iter().map(|&v| v as f32).collect() })
}
