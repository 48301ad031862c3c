//! `Model`: compiling, loading and saving a model, proving with it.

use crate::batch::{BatchProof, Refused};
use crate::receipt::Proof;
use crate::tensor::{self, Tensor};
use crate::{error, millis};
use ciro_auditor::ProofContext;
use ciro_compile::refusal::{Refusal, Sifted, sift};
use ciro_compile::samples::{self, Cells, Port, SampleProblem, Samples, Table};
use ciro_compile::{AccuracyReport, Compiled, Labels, Options, Precision, Rounds, Signature, compile_model, ports_for};
use ciro_execution::execute;
use ciro_graph::{Disclosure, Profile, Program, RawInput, Security, Visibility};
use ciro_prover::reveal::reveals;
use ciro_prover::{ProveError, ProvingKey, Seed, prove_batch, prove_hiding};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How a model becomes a program, by the names of `ciro.compile`'s arguments. All of it is part of the model's identity.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Form {
    profile: String,
    precision: String,
    bits: u32,
    input_visibility: String,
    output_visibility: String,
    weights: String,
    tolerance: Option<f64>,
    /// Names and categories of the columns.
    columns: Vec<(String, Vec<String>)>,
    missing: Option<f64>,
    labels: Option<Names>,
    rounds: Option<String>,
}

/// Names of classes.
#[derive(FromPyObject)]
pub(crate) enum Names {
    #[pyo3(transparent)]
    Bools(Vec<bool>),
    #[pyo3(transparent)]
    Ints(Vec<i64>),
    #[pyo3(transparent)]
    Texts(Vec<String>),
}

impl From<Names> for Labels {
    fn from(names: Names) -> Self {
        match names {
            Names::Bools(labels) => Self::Bools(labels),
            Names::Ints(labels) => Self::Ints(labels),
            Names::Texts(labels) => Self::Texts(labels),
        }
    }
}

/// Samples: the bytes of an `.npz` file, or the columns of a table by name.
#[derive(FromPyObject)]
pub(crate) enum Feed {
    #[pyo3(transparent)]
    Npz(PyBackedBytes),
    #[pyo3(transparent)]
    Table(Vec<(String, Column)>),
}

/// The cells of a column.
#[derive(FromPyObject)]
pub(crate) enum Column {
    #[pyo3(transparent)]
    Numbers(Vec<f64>),
    #[pyo3(transparent)]
    Texts(Vec<Option<String>>),
}

impl Feed {
    fn read(self, ports: &[Port]) -> Result<Samples, SampleProblem> {
        let columns = match self {
            Self::Npz(bytes) => return samples::parse("npz", &bytes, ports),
            Self::Table(columns) => columns,
        };
        let (names, columns) = columns.into_iter().map(|(name, column)| (name, column.into())).unzip();
        samples::from_table(&Table { names, columns, lines: vec![] }.even()?, ports)
    }
}

impl From<Column> for Cells {
    fn from(column: Column) -> Self {
        match column {
            Column::Numbers(cells) => Self::Numbers(cells),
            Column::Texts(cells) => Self::Texts(cells),
        }
    }
}

impl Form {
    fn options(self) -> PyResult<Options> {
        let rounds = self.rounds.as_deref().map(named_rounds).transpose()?;
        let visibility = self.visibility()?;
        let column = |(name, categories)| ciro_graph::Column { name, categories, ..ciro_graph::Column::default() };
        let columns = self.columns.into_iter().map(column).collect();
        Ok(Options {
            signature: Signature { columns, missing: self.missing, labels: self.labels.map(Labels::from), rounds },
            profile: named_profile(&self.profile)?,
            precision: named_precision(&self.precision)?,
            security: security(self.bits)?,
            visibility,
            tolerance: self.tolerance,
            ..Options::default()
        })
    }

    fn visibility(&self) -> PyResult<Visibility> {
        let any = [Disclosure::Public, Disclosure::Committed, Disclosure::Private];
        Ok(Visibility {
            input: disclosure("input_visibility", &self.input_visibility, &any)?,
            output: disclosure("output_visibility", &self.output_visibility, &any)?,
            weights: disclosure("weights", &self.weights, &any[..2])?,
        })
    }
}

/// The outputs for a sample, or why the model refuses it.
type Answer = (Option<Vec<Tensor>>, Option<String>);

/// A compiled model whose weights are committed.
#[pyclass(frozen, module = "ciro._ciro")]
pub(crate) struct Model {
    key: ProvingKey,
    /// The key of the last batch, for another one of its size.
    batched: Mutex<Option<Arc<ProvingKey>>>,
    report: Option<AccuracyReport>,
    #[pyo3(get)]
    notes: Vec<String>,
    #[pyo3(get)]
    compile_ms: f64,
    #[pyo3(get)]
    setup_ms: f64,
}

#[pymethods]
impl Model {
    /// Compiles the bytes of a model file; `answers` is what the model itself says to
    /// them, `dims` the sizes of named dimensions.
    #[staticmethod]
    fn compile(
        py: Python<'_>,
        model: &[u8],
        samples: Option<Feed>,
        answers: Option<&[u8]>,
        input_range: Option<f64>,
        dims: Vec<(String, u32)>,
        form: Form,
    ) -> PyResult<Self> {
        let form = form.options()?;
        py.detach(|| {
            let started = Instant::now();
            let form = Options { dims, input_range, ..form };
            let calibration = samples.map(|samples| calibration(model, samples, &form)).transpose()?;
            let expected = answers.map(|npz| samples::parse_answers("npz", npz)).transpose();
            let expected = expected.map_err(|e| error::samples("expected", &e))?.unwrap_or_default();
            let options = Options { calibration, expected, ..form };
            let compiled = compile_model(model, &options).map_err(|e| error::compile(&e))?;
            Self::set_up(compiled, millis(started))
        })
    }

    /// Reads a folder that `ciro compile` or [`Self::save`] wrote.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands paths over by value")]
    fn load(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        py.detach(|| {
            let started = Instant::now();
            let compiled = Compiled::load(&folder).map_err(|e| error::artifact(&e))?;
            Self::set_up(compiled, millis(started))
        })
    }

    /// Writes the folder that `ciro prove` reads.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands paths over by value")]
    fn save(&self, py: Python<'_>, folder: PathBuf) -> PyResult<()> {
        py.detach(|| {
            let compiled =
                Compiled { model: self.key.model().clone(), report: self.report.clone(), notes: self.notes.clone() };
            compiled.write(&folder).map_err(|e| error::artifact(&e))
        })
    }

    /// Proves the answer to one sample.
    fn prove(&self, py: Python<'_>, sample: Feed) -> PyResult<Proof> {
        py.detach(|| {
            let input = self.one_sample(sample)?;
            let seed = seed(&self.key)?;
            let started = Instant::now();
            let proof = prove_hiding(&self.key, &input, &ProofContext::default(), &seed);
            let proof = proof.map_err(|e| error::prove(&self.key.model().program, &e))?;
            let prove_ms = millis(started);
            let revealed = reveals(&self.key.model().program, &input, &proof, &seed);
            Proof::new(&self.key, proof, revealed.map_err(|e| error::verify(&e))?, prove_ms)
        })
    }

    /// Proves the answers to all samples at once, so that each can be shown alone.
    fn prove_batch(&self, py: Python<'_>, samples: Feed) -> PyResult<BatchProof> {
        py.detach(|| {
            let samples = self.samples(samples)?;
            if let Some(proven) = self.prove_together(&samples, (0u32..).take(samples.len()).collect(), vec![])? {
                return Ok(proven);
            }
            let model = self.key.model();
            let Sifted { taken, refused } = sift(model, &samples).map_err(|e| error::execute(&model.program, &e))?;
            if let (true, Some((_, refusal))) = (taken.is_empty(), refused.first()) {
                return Err(error::refused(refusal));
            }
            let kept: Vec<RawInput> = taken.iter().filter_map(|&i| samples.get(i as usize).cloned()).collect();
            let refused = refused.into_iter().map(|(sample, refusal)| (sample, refusal.reason, refusal.hint)).collect();
            self.prove_together(&kept, taken, refused)?.ok_or_else(error::refused_together)
        })
    }

    /// What a proof of each sample would state, without a proof: its outputs, or why the model refuses it.
    fn run(&self, py: Python<'_>, samples: Feed) -> PyResult<Vec<Answer>> {
        py.detach(|| {
            let model = self.key.model();
            let answer = |input: &RawInput| match execute(model, input) {
                Ok(execution) => {
                    let outputs = tensor::outputs(&model.program, &execution.outputs(&model.program))?;
                    Ok((Some(outputs), None))
                }
                Err(error) => {
                    let refusal = Refusal::of(&model.program, &error);
                    Ok((None, Some(refusal.map_or_else(|| error.to_string(), |refusal| refusal.reason))))
                }
            };
            self.samples(samples)?.iter().map(answer).collect()
        })
    }

    /// The id of the same model on a batch of so many samples, by how much it shows of input and output.
    fn id_of_batch(&self, py: Python<'_>, batch: u32, input: &str, output: &str) -> PyResult<String> {
        let any = [Disclosure::Public, Disclosure::Committed, Disclosure::Private];
        let shown = [disclosure("input", input, &any)?, disclosure("output", output, &any)?];
        py.detach(|| Ok(self.batched(batch, shown)?.model_id().to_string()))
    }

    #[getter]
    fn id(&self) -> String {
        self.key.model_id().to_string()
    }

    #[getter]
    fn name(&self) -> &str {
        &self.key.model().program.name
    }

    #[getter]
    fn inputs(&self) -> Vec<(String, Vec<u32>)> {
        let ports = Port::of(&self.key.model().program);
        ports.into_iter().map(|port| (port.name, port.shape)).collect()
    }

    #[getter]
    fn outputs(&self) -> Vec<(String, Vec<u32>)> {
        self.key.model().program.outputs.iter().map(|output| (output.name.clone(), output.shape.clone())).collect()
    }

    #[getter]
    fn profile(&self) -> &'static str {
        match self.key.model().program.profile {
            Profile::Native => "native",
            Profile::Chain => "chain",
        }
    }

    #[getter]
    fn bits(&self) -> u32 {
        self.key.verifying().params().security.bits()
    }

    /// The accuracy report as JSON, as `report.json` of a compiled folder has it.
    #[getter]
    fn report(&self) -> PyResult<Option<String>> {
        self.report.as_ref().map(serde_json::to_string).transpose().map_err(|e| error::setup(&e))
    }
}

impl Model {
    fn set_up(compiled: Compiled, compile_ms: f64) -> PyResult<Self> {
        let started = Instant::now();
        let key = ProvingKey::new(compiled.model).map_err(|e| error::setup(&e))?;
        let (report, notes, batched) = (compiled.report, compiled.notes, Mutex::new(None));
        Ok(Self { key, batched, report, notes, compile_ms, setup_ms: millis(started) })
    }

    /// Proves the samples at once; `numbers` are theirs among those given, and `refused` the others. None if the model refuses one.
    fn prove_together(
        &self,
        samples: &[RawInput],
        numbers: Vec<u32>,
        refused: Vec<Refused>,
    ) -> PyResult<Option<BatchProof>> {
        let started = Instant::now();
        let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        let key = self.batched(count, [Disclosure::Committed; 2])?;
        let setup_ms = millis(started);
        let input = key.model().program.join(samples).ok_or_else(error::no_samples)?;
        let seed = seed(&key)?;
        let started = Instant::now();
        match prove_batch(&key, &input, &ProofContext::default(), &seed) {
            Ok(made) => BatchProof::new(key, made, (numbers, refused), [setup_ms, millis(started)]).map(Some),
            Err(ProveError::Execute(e)) if Refusal::of(&key.model().program, &e).is_some() => Ok(None),
            Err(e) => Err(error::prove(&key.model().program, &e)),
        }
    }

    /// The key of the program on so many samples, which shows this much of input and output.
    fn batched(&self, batch: u32, [input, output]: [Disclosure; 2]) -> PyResult<Arc<ProvingKey>> {
        let model = self.key.model();
        let visibility = Visibility { input, output, weights: model.program.visibility.weights };
        let program = Program { batch, visibility, ..model.program.clone() };
        // A panic while holding the lock leaves only a cache behind, so a poisoned one is as good as any.
        let mut kept = self.batched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = kept.as_ref().filter(|key| key.model().program == program) {
            return Ok(Arc::clone(key));
        }
        let model = ciro_graph::Model { program, weights: model.weights.clone() };
        let key = Arc::new(ProvingKey::new(model).map_err(|e| error::setup(&e))?);
        *kept = Some(Arc::clone(&key));
        Ok(key)
    }

    fn samples(&self, feed: Feed) -> PyResult<Vec<RawInput>> {
        let ports = Port::of(&self.key.model().program);
        feed.read(&ports).map(|samples| samples.inputs).map_err(|e| error::samples("input", &e))
    }

    fn one_sample(&self, feed: Feed) -> PyResult<RawInput> {
        let samples = self.samples(feed)?;
        let got = samples.len();
        let only: Result<[RawInput; 1], _> = samples.try_into();
        only.map(|[input]| input).map_err(|_| error::sample_count(got))
    }
}

/// A model file with the constants inside that an exporter put beside it, in `folder`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 hands what it converts over by value")]
pub(crate) fn with_external_data(model: Vec<u8>, folder: PathBuf) -> PyResult<Cow<'static, [u8]>> {
    ciro_compile::onnx::with_external_data(model, &folder).map(Cow::Owned).map_err(|e| error::compile(&e))
}

/// Bytes from the system, if the model hides anything.
fn seed(key: &ProvingKey) -> PyResult<Seed> {
    if !key.model().program.visibility.hides_values() {
        return Ok(Seed::NONE);
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| PyOSError::new_err(format!("the system gives no randomness: {e}")))?;
    Ok(Seed::new(bytes))
}

/// How much of input, output and weights is shown, by name.
fn disclosure(what: &str, name: &str, allowed: &[Disclosure]) -> PyResult<Disclosure> {
    allowed.iter().copied().find(|disclosure| disclosure.name() == name).ok_or_else(|| {
        let names: Vec<&str> = allowed.iter().map(|disclosure| disclosure.name()).collect();
        PyValueError::new_err(format!("{what}: expected one of {names:?}, got {name:?}"))
    })
}

fn named_precision(name: &str) -> PyResult<Precision> {
    match name {
        "fast" => Ok(Precision::Fast),
        "balanced" => Ok(Precision::Balanced),
        "exact" => Ok(Precision::Exact),
        other => {
            let message = format!("precision: expected \"fast\", \"balanced\" or \"exact\", got {other:?}");
            Err(PyValueError::new_err(message))
        }
    }
}

fn named_profile(name: &str) -> PyResult<Profile> {
    match name {
        "native" => Ok(Profile::Native),
        "chain" => Ok(Profile::Chain),
        other => Err(PyValueError::new_err(format!("profile: expected \"native\" or \"chain\", got {other:?}"))),
    }
}

fn named_rounds(name: &str) -> PyResult<Rounds> {
    match name {
        "best" => Ok(Rounds::Best),
        "all" => Ok(Rounds::All),
        other => Err(PyValueError::new_err(format!("rounds: expected \"best\" or \"all\", got {other:?}"))),
    }
}

fn security(bits: u32) -> PyResult<Security> {
    match bits {
        100 => Ok(Security::Bits100),
        128 => Ok(Security::Bits128),
        other => Err(PyValueError::new_err(format!("bits: expected 100 or 128, got {other}"))),
    }
}

fn calibration(model: &[u8], samples: Feed, options: &Options) -> PyResult<Samples> {
    let ports = ports_for(model, options).map_err(|e| error::compile(&e))?;
    samples.read(&ports).map_err(|e| error::samples("samples", &e))
}
