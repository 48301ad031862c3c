//! The native half of the Python package `ciro`.
//!
//! Everything here is thin: Python objects in, the product's own crates at work with the interpreter released, Python objects
//! out. Arrays cross as the files that the command line reads too (`.npz` in memory), so that both mean the same by a
//! sample. What a data scientist sees is `sdk/python/python/ciro`, which wraps this module and documents it.
//!
//! | module | what it holds |
//! |---|---|
//! | `model` | `Model`: compiling, loading and saving a model, proving with it |
//! | `batch` | `BatchProof`: one proof of many samples, and the receipt of each |
//! | `receipt` | `Proof`, `Verified` and `verify`: what proving makes and what checking finds |
//! | `tensor` | outputs and inputs as Python lists |
//! | `error` | Rust's errors as the exceptions of `ciro.errors` |
//!
//! Dependency position: the top, beside the command line. Nothing depends on it.
#![deny(unsafe_code)]

mod batch;
mod error;
mod model;
mod receipt;
mod tensor;

use std::time::Instant;

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The module `ciro._ciro`.
#[pyo3::pymodule(name = "_ciro")]
mod native {
    #[pymodule_export]
    use super::batch::BatchProof;
    #[pymodule_export]
    use super::model::{Model, with_external_data};
    #[pymodule_export]
    use super::receipt::{Proof, Verified, verify};
}
