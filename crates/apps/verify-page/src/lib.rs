//! The verifier as WebAssembly. The page `page/verify.html` is its only caller.
//!
//! The page and this module share two buffers. The page asks for room for a file with [`file()`] and writes the
//! receipt there. It asks for room for the pins with [`pins`], writes them there as JSON, and calls [`verify`]. The
//! answer is JSON of the returned length, at [`answer`]: `{"text", "verdict"}` or `{"error"}`.
//!
//! Dependency position: above `ciro-verify`; nothing is above it.
#![expect(unsafe_code, reason = "exported names must be said to be unique; no block here is unsafe")]

use ciro_verify::{Refused, Terms, Verdict};
use std::sync::{Mutex, MutexGuard, PoisonError};

static FILE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static PINS: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Where the page writes the receipt: `len` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn file(len: usize) -> *mut u8 {
    room(&FILE, len)
}

/// Where the page writes the pins: `len` bytes of JSON, `{"model": "…", "network": "…"}`, each absent or a hexadecimal id.
#[unsafe(no_mangle)]
pub extern "C" fn pins(len: usize) -> *mut u8 {
    room(&PINS, len)
}

/// Checks the receipt. Returns how many bytes of answer there are.
#[unsafe(no_mangle)]
pub extern "C" fn verify() -> usize {
    let text = answer_to(&held(&FILE), &held(&PINS));
    let mut answer = held(&ANSWER);
    *answer = text.into_bytes();
    answer.len()
}

/// Where the answer is.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    held(&ANSWER).as_ptr()
}

fn held(buffer: &'static Mutex<Vec<u8>>) -> MutexGuard<'static, Vec<u8>> {
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn room(buffer: &'static Mutex<Vec<u8>>, len: usize) -> *mut u8 {
    let mut buffer = held(buffer);
    buffer.clear();
    buffer.resize(len, 0);
    buffer.as_mut_ptr()
}

/// The answer to a page, as JSON.
#[must_use]
pub fn answer_to(file: &[u8], pins: &[u8]) -> String {
    let judged = terms(pins)
        .and_then(|terms| admitted(file, &terms).map_err(|refused| refused.to_string()))
        .and_then(|verdict| shown(&verdict));
    judged.unwrap_or_else(|error| serde_json::json!({ "error": error }).to_string())
}

/// The verdict, if it is short enough for a page.
fn admitted(file: &[u8], terms: &Terms) -> Result<Verdict, Refused> {
    let verdict = ciro_verify::verify(file, terms)?;
    verdict.admit_json(&terms.limits)?;
    Ok(verdict)
}

/// By hand around the verdict: its numbers keep every digit as text, which a value of JSON would not.
fn shown(verdict: &Verdict) -> Result<String, String> {
    let text = serde_json::Value::from(verdict.text.as_str());
    let verdict = serde_json::to_string(verdict).map_err(|error| error.to_string())?;
    Ok(format!("{{\"text\":{text},\"verdict\":{verdict}}}"))
}

fn terms(pins: &[u8]) -> Result<Terms, String> {
    let pins: serde_json::Value = serde_json::from_slice(pins).map_err(|error| format!("pins: {error}"))?;
    let pin = |name: &str| pins[name].as_str().filter(|text| !text.is_empty());
    let model = pin("model").map(|text| text.parse().map_err(|error| format!("model: {error}"))).transpose()?;
    let network = pin("network").map(|text| text.parse().map_err(|error| format!("network: {error}"))).transpose()?;
    Ok(Terms { model, network, ..Terms::default() })
}
