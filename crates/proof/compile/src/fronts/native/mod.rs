//! Boosters in the files of their own libraries.
//!
//! | module | what it reads |
//! |---|---|
//! | [`xgboost`] | XGBoost's `save_model`, as JSON or, by way of [`ubj`], as UBJSON |
//! | [`lightgbm`] | what LightGBM's two formats share: objectives, splits |
//! | [`lightgbm_text`], [`lightgbm_json`] | LightGBM's `save_model` and `dump_model` |
//! | [`sentinel`] | signs of a number that stands for a missing value |
//! | [`json`] | typed access to JSON, with the path of what is wrong |
//! | [`foreign`] | files that are no model to read, and how their contents are exported |
//! | [`header`] | names and categories of columns |
//! | [`booster`] | the common form, and its plan |
//!
//! The format is told by content. Splits are taken over exactly: the plan compares float32 as the library does.

mod booster;
mod foreign;
mod header;
pub(crate) mod json;
mod lightgbm;
mod lightgbm_json;
mod lightgbm_text;
mod sentinel;
mod ubj;
mod xgboost;

use super::onnx::MAX_ONNX_BYTES;
use crate::graph::plan::Plan;
use crate::terms::error::CompileError;
use crate::terms::native::{LIGHTGBM, NativeError, UNKNOWN, XGBOOST};
use crate::terms::signature::Rounds;
use crate::terms::size::{MOST_VALUES, json_at_most};
use ciro_graph::Column;
use sentinel::Thresholds;
use serde_json::Value;

/// What a booster's file says.
pub(crate) struct File {
    pub(crate) plan: Plan,
    /// One per feature, or none.
    pub(crate) columns: Vec<Column>,
    /// Whether classes are numbers in the file whatever they are called: LightGBM's estimators keep the names to themselves.
    pub(crate) numbers_classes: bool,
    /// Where a number may stand for missing values and the file does not tell: in XGBoost's files.
    pub(crate) thresholds: Thresholds,
}

/// A booster's file; `None` if it is none by its first bytes.
pub(crate) fn read(bytes: &[u8], rounds: Option<Rounds>) -> Option<Result<File, CompileError>> {
    if let Some(foreign) = foreign::recognise(bytes) {
        return Some(Err(CompileError::Native(foreign)));
    }
    let read = reader(bytes)?;
    if bytes.len() > MAX_ONNX_BYTES {
        let (expected, got) = (format!("at most {MAX_ONNX_BYTES} bytes"), bytes.len().to_string());
        return Some(Err(CompileError::Native(UNKNOWN.malformed("file", expected, got))));
    }
    let file = read(bytes, rounds).map(|booster| File {
        columns: booster.columns.clone(),
        thresholds: booster.thresholds(),
        numbers_classes: booster.format.0 == LIGHTGBM.0,
        plan: booster.into_plan(),
    });
    Some(file.map_err(CompileError::Native))
}

type Reader = fn(&[u8], Option<Rounds>) -> Result<booster::Booster, NativeError>;

/// What reads a file that begins like this. No protobuf of a model begins like any of them.
fn reader(bytes: &[u8]) -> Option<Reader> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.starts_with(b"tree\n") || text.starts_with(b"tree\r\n") {
        return Some(|bytes, _| lightgbm_text::read(bytes));
    }
    if bytes.starts_with(b"binf") {
        return Some(old_binary);
    }
    let mut words = text.iter().filter(|b| !b.is_ascii_whitespace());
    match (words.next()?, words.next()) {
        (b'{', Some(b'"')) => Some(read_json),
        (b'{', Some(b'L' | b'l' | b'I' | b'i' | b'U')) => Some(read_ubj),
        _ => None,
    }
}

fn old_binary(_: &[u8], _: Option<Rounds>) -> Result<booster::Booster, NativeError> {
    Err(XGBOOST.unsupported("the binary format of old versions", "load it with XGBoost and save it as .json or .ubj"))
}

fn read_ubj(bytes: &[u8], rounds: Option<Rounds>) -> Result<booster::Booster, NativeError> {
    xgboost::read(&ubj::parse(bytes)?, rounds)
}

fn read_json(bytes: &[u8], rounds: Option<Rounds>) -> Result<booster::Booster, NativeError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    json_at_most(MOST_VALUES, text).map_err(|(expected, got)| UNKNOWN.malformed("file", expected, got))?;
    let value: Value = serde_json::from_slice(text).map_err(|e| UNKNOWN.malformed("file", "JSON", e.to_string()))?;
    if value.get("learner").is_some() {
        xgboost::read(&value, rounds)
    } else if value.get("tree_info").is_some() {
        lightgbm_json::read(&value)
    } else {
        let hint = "save the model with Booster.save_model of XGBoost or LightGBM, or Booster.dump_model of LightGBM";
        Err(UNKNOWN.unsupported("JSON of no known library (neither \"learner\" nor \"tree_info\")", hint))
    }
}
