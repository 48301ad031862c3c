//! Bundled models and small helpers.

use ciro_compile::samples::{Samples, load};
use ciro_compile::{Compiled, Options, compile_onnx, ports};
use std::path::{Path, PathBuf};

pub(crate) fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../vectors/models")
}

pub(crate) fn onnx(name: &str) -> Vec<u8> {
    let path = models().join(format!("{name}.onnx"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub(crate) fn samples(name: &str) -> Samples {
    let ports = ports(&onnx(name)).unwrap();
    load(&models().join(format!("{name}.npz")), &ports).unwrap()
}

/// A bundled model, calibrated on its stored samples.
pub(crate) fn compiled(name: &str) -> Compiled {
    let options = Options { calibration: Some(samples(name)), ..Options::default() };
    compile_onnx(&onnx(name), &options).unwrap_or_else(|e| panic!("{name}: {e}"))
}
