//! Rust's errors as the exceptions of `ciro.errors`: the message with its causes, and what to try next.

use ciro_compile::samples::SampleProblem;
use ciro_compile::{ArtifactError, CompileError, Refusal};
use ciro_execution::ExecError;
use ciro_graph::Program;
use ciro_prover::ProveError;
use ciro_types::Escaped;
use pyo3::PyErr;
use std::error::Error;

mod python {
    //! The exception classes, defined in Python.
    pyo3::import_exception!(ciro.errors, ArtifactError);
    pyo3::import_exception!(ciro.errors, CompileError);
    pyo3::import_exception!(ciro.errors, InputError);
    pyo3::import_exception!(ciro.errors, ProveError);
    pyo3::import_exception!(ciro.errors, VerifyError);
}

/// A model that is not compiled.
pub(crate) fn compile(error: &CompileError) -> PyErr {
    python::CompileError::new_err((chain(error), error.hint()))
}

/// A compiled model for which no keys can be made.
pub(crate) fn setup(error: &dyn Error) -> PyErr {
    python::CompileError::new_err((chain(error), None::<String>))
}

/// A folder that is not a compiled model, or cannot be written.
pub(crate) fn artifact(error: &ArtifactError) -> PyErr {
    let hint = "make the folder anew: ciro.compile(...).save(folder)";
    python::ArtifactError::new_err((chain(error), Some(hint)))
}

/// Samples that do not fit the model; `what` they were for.
pub(crate) fn samples(what: &str, problem: &SampleProblem) -> PyErr {
    python::InputError::new_err((format!("{what}: {}", chain(problem)), None::<String>))
}

/// More or fewer samples than one.
pub(crate) fn sample_count(got: usize) -> PyErr {
    let hint = "a proof is about one sample: pass one row, for example x[i], or take ciro.prove_batch";
    python::InputError::new_err((format!("expected 1 sample, got {got}"), Some(hint)))
}

/// A batch of nothing.
pub(crate) fn no_samples() -> PyErr {
    python::InputError::new_err(("expected samples, got none", None::<String>))
}

/// An input that the model refuses, or a run that fails.
pub(crate) fn prove(program: &Program, error: &ProveError) -> PyErr {
    match error {
        ProveError::Execute(error) => execute(program, error),
        ProveError::Seed | ProveError::Statement(_) => python::ProveError::new_err((chain(error), None::<String>)),
    }
}

/// The same of a run without a proof.
pub(crate) fn execute(program: &Program, error: &ExecError) -> PyErr {
    match Refusal::of(program, error) {
        Some(refusal) => refused(&refusal),
        None => python::ProveError::new_err((chain(error), None::<String>)),
    }
}

/// An input that the model refuses.
pub(crate) fn refused(refusal: &Refusal) -> PyErr {
    python::InputError::new_err((Escaped(&refusal.reason).to_string(), Some(refusal.hint.clone())))
}

/// Samples that the model takes one by one and not together, which no model does.
pub(crate) fn refused_together() -> PyErr {
    let message = "samples that run alone are refused in a batch: please report this";
    python::ProveError::new_err((message, None::<String>))
}

/// A receipt that shows nothing. These errors say their causes themselves, as `ciro verify` prints them.
pub(crate) fn verify(error: &dyn Error) -> PyErr {
    python::VerifyError::new_err((Escaped(&error.to_string()).to_string(), None::<String>))
}

/// `error` and its causes, outermost first, on one line: they may quote strangers.
fn chain(error: &dyn Error) -> String {
    Escaped(&ciro_types::chain(error)).to_string()
}
