//! A compiled model on disk.
//!
//! A folder with `program.bin` and `weights.bin` (canonical bytes: the model), `manifest.json` (for people, with the
//! digests of both) and, if samples were given, `report.json`.

use super::report::AccuracyReport;
use super::shown;
use ciro_crypto::hash;
use ciro_graph::digest::FILE_DOMAIN;
use ciro_graph::render::decimal;
use ciro_graph::{CheckError, Column, Ingest, Input, Model, OutputKind, Program, check_model};
use ciro_types::{DecodeError, Hash32, decode, encode};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Largest file of a folder, bytes.
const MAX_FILE: usize = 1 << 31;
/// Version of the folder's layout, and of what its program means.
const FORMAT: u32 = 3;

const PROGRAM: &str = "program.bin";
const WEIGHTS: &str = "weights.bin";
const MANIFEST: &str = "manifest.json";
const REPORT: &str = "report.json";

/// A compiled model, with what is known of its accuracy and what the user should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// The model.
    pub model: Model,
    /// Float against integer on the calibration samples.
    pub report: Option<AccuracyReport>,
    /// Sentences for the user.
    pub notes: Vec<String>,
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the folder's layout.
    pub format: u32,
    /// The model's name.
    pub name: String,
    /// Digest of `program.bin`.
    pub program: Hash32,
    /// Digest of `weights.bin`.
    pub weights: Hash32,
    /// How many weights there are, tables included.
    pub weight_count: u64,
    /// The operators, in order.
    pub operators: Vec<String>,
    /// What goes in.
    pub inputs: Vec<PortText>,
    /// What comes out.
    pub outputs: Vec<PortText>,
    /// Sentences for the user.
    pub notes: Vec<String>,
}

/// An input or output, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortText {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<u32>,
    /// What its elements are.
    pub elements: String,
    /// What users call an input's elements; one for each, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnText>,
}

/// An element of an input, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnText {
    /// Its name in a table; empty if it has none.
    pub name: String,
    /// What the codes 0, 1, 2, … stand for; empty for numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// The number that stands for a missing value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// Why a folder is not a compiled model.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file could not be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not in its format.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file is not the one that the manifest names.
    #[error("{}: expected digest {expected}, got {got}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// As the manifest says.
        expected: Hash32,
        /// As computed.
        got: Hash32,
    },
    /// A folder of another layout.
    #[error("{}: expected format {FORMAT}, got {got}", path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// The version found.
        got: u32,
    },
    /// The model is not well formed.
    #[error("the model is not well formed: {0}")]
    Model(CheckError),
}

impl Compiled {
    /// Writes the folder `dir`, which is made if it is missing. The manifest comes last: a folder without one is unfinished.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] naming the file.
    pub fn write(&self, dir: &Path) -> Result<(), ArtifactError> {
        fs::create_dir_all(dir).map_err(|source| ArtifactError::Io { path: dir.into(), source })?;
        let (program, weights) = (encode(&self.model.program), encode(&self.model.weights));
        let manifest = self.manifest(&program, &weights);
        write_file(dir, PROGRAM, &program)?;
        write_file(dir, WEIGHTS, &weights)?;
        match &self.report {
            Some(report) => write_file(dir, REPORT, &json(report))?,
            None => remove_file(&dir.join(REPORT))?,
        }
        write_file(dir, MANIFEST, &json(&manifest))
    }

    /// Reads a folder and checks everything in it: digests, canonical bytes, and the model itself. Notes and report are no part of the
    /// model and may be anybody's: they are escaped.
    ///
    /// # Errors
    /// [`ArtifactError`] naming the file and the defect.
    pub fn load(dir: &Path) -> Result<Self, ArtifactError> {
        let path = dir.join(MANIFEST);
        let manifest: Manifest = from_json(&path, &read_file(&path)?)?;
        if manifest.format != FORMAT {
            return Err(ArtifactError::Format { path, got: manifest.format });
        }
        let program = read_checked(&dir.join(PROGRAM), manifest.program)?;
        let weights = read_checked(&dir.join(WEIGHTS), manifest.weights)?;
        let malformed = |name: &str| {
            let path = dir.join(name);
            move |e: DecodeError| ArtifactError::Malformed { path, reason: e.to_string() }
        };
        let model = Model {
            program: decode(&program, MAX_FILE).map_err(malformed(PROGRAM))?,
            weights: decode(&weights, MAX_FILE).map_err(malformed(WEIGHTS))?,
        };
        check_model(&model).map_err(ArtifactError::Model)?;
        let path = dir.join(REPORT);
        let report = if path.exists() { Some(shown::report(from_json(&path, &read_file(&path)?)?)) } else { None };
        let notes = manifest.notes.iter().map(|note| shown::line(note)).collect();
        Ok(Self { model, report, notes })
    }

    fn manifest(&self, program: &[u8], weights: &[u8]) -> Manifest {
        let Program { name, inputs, outputs, nodes, .. } = &self.model.program;
        Manifest {
            format: FORMAT,
            name: name.clone(),
            program: digest(program),
            weights: digest(weights),
            weight_count: self.model.weights.iter().map(|w| w.len() as u64).sum(),
            operators: nodes.iter().map(|node| ciro_graph::check::op_name(&node.op).to_string()).collect(),
            inputs: inputs.iter().enumerate().map(|(i, input)| input_text(&self.model.program, i, input)).collect(),
            outputs: outputs.iter().map(|o| port_text(&o.name, &o.shape, kind_text(&o.kind))).collect(),
            notes: self.notes.clone(),
        }
    }
}

/// The digest that a manifest has of a program.
#[must_use]
pub fn program_digest(program: &Program) -> Hash32 {
    program.digest()
}

fn digest(bytes: &[u8]) -> Hash32 {
    hash(FILE_DOMAIN, bytes)
}

fn port_text(name: &str, shape: &[u32], elements: String) -> PortText {
    PortText { name: name.into(), shape: shape.to_vec(), elements, columns: vec![] }
}

fn input_text(program: &Program, index: usize, input: &Input) -> PortText {
    let text = |column: &Column| ColumnText {
        name: column.name.clone(),
        categories: column.categories.clone(),
        missing: column.missing.map(|bits| f64::from_bits(bits).to_string()),
    };
    let columns = program.columns_of(index).iter().map(text).collect();
    PortText { columns, ..port_text(&input.name, &input.shape, range_text(&input.ingest)) }
}

/// What an input accepts.
pub(crate) fn range_text(ingest: &Ingest) -> String {
    let (exponents, lo, hi) = match ingest {
        Ingest::Fixed { exponents, lo, hi }
        | Ingest::Imputed { exponents, lo, hi, .. }
        | Ingest::FixedDouble { exponents, lo, hi, .. } => (exponents, lo, hi),
        Ingest::OrderedDouble { missing: false } => return "any float64 but NaN, compared exactly".into(),
        Ingest::OrderedDouble { missing: true } => {
            return "any float64, compared exactly; NaN is a missing value".into();
        }
        Ingest::Ordered => return "any float32 but NaN, compared exactly".into(),
        Ingest::OrderedMissing => return "any float32, compared exactly; NaN is a missing value".into(),
    };
    let end = |end: i32, exponent: i8| decimal(i64::from(end), i32::from(exponent));
    match (exponents.iter().max(), exponents.iter().min()) {
        (Some(narrow), Some(wide)) if narrow > wide => format!(
            "numbers in a range per element, from ±{} for the narrowest to ±{} for the widest",
            end(lo.saturating_neg(), *narrow),
            end(lo.saturating_neg(), *wide)
        ),
        (Some(one), _) => format!("numbers from {} to {}", end(*lo, *one), end(*hi, *one)),
        (None, _) => "nothing".into(),
    }
}

fn kind_text(kind: &OutputKind) -> String {
    match kind {
        OutputKind::Fixed { frac_bits } => format!("number in steps of 2^-{frac_bits}"),
        OutputKind::IntLabel { labels } => format!("one of {} integer labels", labels.len()),
        OutputKind::BoolLabel { labels } => format!("one of {} truth values", labels.len()),
        OutputKind::TextLabel { labels } => format!("one of {} labels", labels.len()),
    }
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // Numbers, texts and lists: serialising them into memory does not fail.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn from_json<T: for<'a> Deserialize<'a>>(path: &Path, bytes: &[u8]) -> Result<T, ArtifactError> {
    serde_json::from_slice(bytes).map_err(|e| ArtifactError::Malformed { path: path.into(), reason: e.to_string() })
}

fn read_file(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    crate::terms::files::read(path, MAX_FILE as u64).map_err(|source| ArtifactError::Io { path: path.into(), source })
}

fn read_checked(path: &Path, expected: Hash32) -> Result<Vec<u8>, ArtifactError> {
    let bytes = read_file(path)?;
    let got = digest(&bytes);
    if got == expected { Ok(bytes) } else { Err(ArtifactError::Digest { path: path.into(), expected, got }) }
}

/// Replaces a file as a whole, so that a reader never meets half of one.
fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
    let (path, part) = (dir.join(name), dir.join(format!("{name}.part")));
    let io = |source| ArtifactError::Io { path: path.clone(), source };
    fs::write(&part, bytes).map_err(io)?;
    fs::rename(&part, &path).map_err(io)
}

fn remove_file(path: &Path) -> Result<(), ArtifactError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ArtifactError::Io { path: path.into(), source }),
        _ => Ok(()),
    }
}
