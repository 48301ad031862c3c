//! Models and inputs that users name: a compiled folder or a model file, and samples for it.

use crate::cli::{BitsArg, FormArgs, PrecisionArg, ProfileArg};
use crate::error::CliError;
use crate::files::read;
use crate::ui::Ui;
use ciro_compile::onnx::{MAX_ONNX_BYTES, with_external_data};
use ciro_compile::samples::{Port, Samples};
use ciro_compile::{Answer, CompileError, Compiled, Options, Precision, compile_model, samples};
use ciro_graph::{Column, Profile, Program, RawInput, Security};
use ciro_types::chain;
use std::path::Path;

/// The model at `path`: a compiled folder, or a model file that is compiled now, in the form asked for.
pub(crate) fn load(path: &Path, form: &FormArgs, ui: &Ui) -> Result<Compiled, CliError> {
    if path.is_dir() && !path.join("saved_model.pb").is_file() {
        if !form.words().is_empty() {
            let words = form.words().join(" ");
            return Err(CliError::usage(format!("{} is compiled already: {words} comes too late", path.display()))
                .hint("give them to `ciro compile`, or name the model file here"));
        }
        return Compiled::load(path).map_err(|e| {
            CliError::failed(chain(&e))
                .hint(format!("make the folder anew with `ciro compile MODEL -o {}`", path.display()))
        });
    }
    let compiled = compile(path, &options(form))?;
    for note in &compiled.notes {
        ui.note(&format!("note: {note}"));
    }
    Ok(compiled)
}

/// The compiler's options for a form, without samples.
pub(crate) fn options(form: &FormArgs) -> Options {
    let profile = match form.profile.unwrap_or(ProfileArg::Native) {
        ProfileArg::Native => Profile::Native,
        ProfileArg::Chain => Profile::Chain,
    };
    let precision = match form.precision.unwrap_or(PrecisionArg::Balanced) {
        PrecisionArg::Fast => Precision::Fast,
        PrecisionArg::Balanced => Precision::Balanced,
        PrecisionArg::Exact => Precision::Exact,
    };
    let security = match form.bits.unwrap_or(BitsArg::Bits100) {
        BitsArg::Bits100 => Security::Bits100,
        BitsArg::Bits128 => Security::Bits128,
    };
    let (visibility, signature) = (form.visibility.resolve(), form.signature());
    Options { profile, precision, security, visibility, signature, dims: form.dims.clone(), ..Options::default() }
}

/// Compiles the model file at `path`: ONNX, XGBoost or LightGBM, whatever its name.
pub(crate) fn compile(path: &Path, options: &Options) -> Result<Compiled, CliError> {
    compile_model(&file(path)?, options).map_err(|e| refused(path, &e))
}

/// The bytes of a model file, with the constants that an exporter put beside it.
fn file(path: &Path) -> Result<Vec<u8>, CliError> {
    // Of TensorFlow's folders, that file says what they are.
    let graph = path.join("saved_model.pb");
    let path = if graph.is_file() { &graph } else { path };
    let folder = path.parent().unwrap_or(Path::new("."));
    with_external_data(read(path, MAX_ONNX_BYTES)?, folder).map_err(|e| refused(path, &e))
}

/// Calibration samples for the model file at `model`, compiled in this form; and the columns that they name, if the model's file names none.
pub(crate) fn calibration(model: &Path, file: &Path, form: &FormArgs) -> Result<(Samples, Vec<Column>), CliError> {
    let ports = ciro_compile::ports_for(&self::file(model)?, &options(form)).map_err(|e| refused(model, &e))?;
    let names = samples::header(file, &ports).map_err(|e| CliError::usage(chain(&e)))?;
    let named = names.into_iter().map(|name| Column { name, ..Column::default() }).collect();
    Ok((load_samples(file, &ports)?, named))
}

/// The answers of the user's own model in `file`.
pub(crate) fn answers(file: &Path) -> Result<Vec<Answer>, CliError> {
    samples::load_answers(file).map_err(|e| CliError::usage(chain(&e)))
}

/// Sample number `index` of the file at `path`, for `program`.
pub(crate) fn input(program: &Program, path: &Path, index: usize, ui: &Ui) -> Result<RawInput, CliError> {
    let samples = load_samples(path, &Port::of(program))?;
    let count = samples.inputs.len();
    if count > 1 && index == 0 {
        ui.note(&format!("note: {} holds {count} samples; taking the first, see --sample", path.display()));
    }
    samples
        .inputs
        .into_iter()
        .nth(index)
        .ok_or_else(|| CliError::usage(format!("--sample: expected a number below {count}, got {index}")))
}

/// The input of a batch, with as many samples as `program` takes. They are those of the file at `path`, over and over.
pub(crate) fn repeated(program: &Program, path: &Path) -> Result<RawInput, CliError> {
    let samples = load_samples(path, &Port::of(program))?.inputs;
    let taken: Vec<RawInput> = samples.iter().cycle().take(program.batch as usize).cloned().collect();
    program.join(&taken).ok_or_else(|| CliError::usage(format!("{} holds no samples", path.display())))
}

/// `wanted` samples of the file at `path` for `program`, from number `first` on.
pub(crate) fn batch(
    program: &Program,
    path: &Path,
    (first, wanted): (usize, u32),
    ui: &Ui,
) -> Result<Vec<RawInput>, CliError> {
    let mut samples = load_samples(path, &Port::of(program))?.inputs;
    let (held, wanted) = (samples.len(), wanted as usize);
    if samples.len().saturating_sub(first) < wanted {
        let of = if first == 0 { String::new() } else { format!(" from number {first} on") };
        let message = format!("--batch: expected {wanted} samples{of}, but {} holds {held}", path.display());
        return Err(CliError::usage(message));
    }
    if held > wanted {
        ui.note(&format!("note: {} holds {held} samples; taking {wanted} from number {first} on", path.display()));
    }
    samples.drain(..first);
    samples.truncate(wanted);
    Ok(samples)
}

fn load_samples(path: &Path, ports: &[Port]) -> Result<Samples, CliError> {
    samples::load(path, ports).map_err(|e| {
        let refused = CliError::usage(chain(&e));
        match e.problem.hint() {
            Some(hint) => refused.hint(hint),
            None => refused,
        }
    })
}

fn refused(path: &Path, error: &CompileError) -> CliError {
    let failed = CliError::failed(format!("{}: {}", path.display(), chain(error)));
    match error.hint() {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
