//! Why a model refuses an input, in the user's words: which feature, what it takes, and what widens it.

use ciro_execution::Fault;
use ciro_execution::{ExecError, execute};
use ciro_graph::ingest::Element;
use ciro_graph::{Ingest, IngestError, Model, Op, Program, RawInput, ValueId};
use std::fmt;

/// An input that a model refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where, what is taken there, and what was given.
    pub reason: String,
    /// What to do about it, on the command line and in Python.
    pub hint: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Refusal {
    /// What `error` means for who gave the input; none if the input is not what is wrong.
    #[must_use]
    pub fn of(program: &Program, error: &ExecError) -> Option<Self> {
        match error {
            ExecError::Input(error) => Self::of_input(program, error),
            ExecError::Node { node, op, fault } => Self::inside(&format!("node {node}, {op}"), fault),
            ExecError::Program(_) | ExecError::Weights { .. } => None,
        }
    }

    fn of_input(program: &Program, error: &IngestError) -> Option<Self> {
        match error {
            IngestError::NotANumber { input, at } => {
                let reason = format!("{}: expected a number, got NaN", place(program, input, at));
                let has_trees = program.nodes.iter().any(|node| matches!(node.op, Op::Trees { .. }));
                let hint = if has_trees { format!("{FILL}. {ASK_FOREST}") } else { FILL.into() };
                Some(Self { reason, hint })
            }
            IngestError::OutOfRange { input, at, value, low, high } => {
                let place = place(program, input, at);
                let reason = format!("{place}: expected a number from {low} to {high}, got {value}");
                Some(Self { reason, hint: widened(program, input, value, high) })
            }
            IngestError::WrittenMissing { input, at, value } => {
                let place = place(program, input, at);
                let reason =
                    format!("{place}: expected NaN for a missing value, got {value}, which is how users write it");
                Some(Self { reason, hint: WRITE_NAN.into() })
            }
            IngestError::Count { .. } | IngestError::Shape { .. } | IngestError::Length { .. } => None,
        }
    }

    fn inside(node: &str, fault: &Fault) -> Option<Self> {
        let reason = match fault {
            Fault::Uncalibrated { index, expected, got } => {
                let most = if *got < expected.lo { expected.lo } else { expected.hi };
                let times = match most {
                    0 => "beyond".into(),
                    most => format!("{:.2} times as large as", *got as f64 / most as f64),
                };
                format!(
                    "a value inside is {times} what the model was calibrated for \
                     ({node}, element {index}: expected a number in {expected}, got {got})"
                )
            }
            Fault::Quotient { index, dividend, divisor } => {
                format!("a division inside is of {dividend} by {divisor} ({node}, element {index})")
            }
            Fault::Interval { .. }
            | Fault::Length { .. }
            | Fault::Overflow { .. }
            | Fault::Forest(_)
            | Fault::Cuts(_) => return None,
        };
        Some(Self { reason, hint: COVER.into() })
    }
}

/// Samples that a model on one sample was given, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sifted {
    /// Those that it takes, in order.
    pub taken: Vec<u32>,
    /// Those that it refuses, and why.
    pub refused: Vec<(u32, Refusal)>,
}

/// Runs each sample alone and tells those that the model takes from those that it refuses.
///
/// # Errors
/// [`ExecError`] for what is no refusal: a malformed program, or samples of another shape.
pub fn sift(model: &Model, samples: &[RawInput]) -> Result<Sifted, ExecError> {
    let mut sifted = Sifted::default();
    for (number, sample) in (0u32..).zip(samples) {
        match execute(model, sample) {
            Ok(_) => sifted.taken.push(number),
            Err(error) => match Refusal::of(&model.program, &error) {
                Some(refusal) => sifted.refused.push((number, refusal)),
                None => return Err(error),
            },
        }
    }
    Ok(sifted)
}

const COVER: &str = "compile with calibration samples like this one (--calibration FILE, in Python samples=)";
const WRITE_NAN: &str = "write NaN there, in JSON null: the program reads it in place of that number";
const ASK_FOREST: &str = "The file does not say where its trees send them, as those of skl2onnx leave that out: in Python pass the forest \
    itself, ciro.compile(forest, samples=x)";
const FILL: &str = "the model was not made for missing values there: fill them in, or put an imputer before the model";

/// Which element, by the name of its column where it has one.
fn place(program: &Program, input: &str, at: &Element) -> String {
    let sample = at.sample.map_or_else(String::new, |sample| format!("sample {sample}, "));
    let columns = position(program, input).map_or(&[][..], |i| program.columns_of(i));
    match columns.get(at.index).map(|column| column.name.as_str()) {
        None | Some("") => format!("{sample}input {input:?}, element {}", at.index),
        Some(name) => format!("{sample}column {name:?}"),
    }
}

fn position(program: &Program, input: &str) -> Option<usize> {
    program.inputs.iter().position(|i| i.name == input)
}

/// What lets the input take `value`.
fn widened(program: &Program, input: &str, value: &str, high: &str) -> String {
    let Some(i) = position(program, input) else { return COVER.into() };
    let indexes = |op: &Op| matches!(op, Op::Embed { ids, .. } if *ids == ValueId(i as u32));
    if program.nodes.iter().any(|node| indexes(&node.op)) {
        return format!("the model has rows for the ids 0 to {high} and no others: give one of these");
    }
    // One bound is for all inputs: none may get less than it has.
    let own = program.inputs.iter().map(|input| reach(&input.ingest)).fold(0.0, f64::max);
    match value.parse::<f64>().map(|value| own.max(value.abs() * 1.001).log2().ceil().exp2()) {
        Ok(range) if range.is_finite() && range <= MOST => {
            format!("{COVER}, or with --input-range {range} (in Python input_range={range})")
        }
        Ok(_) | Err(_) => COVER.into(),
    }
}

/// No larger range is offered: few bits are left for usual numbers beside such ones.
const MOST: f64 = 1e6;

/// The largest magnitude that an input takes, if it is scaled.
fn reach(ingest: &Ingest) -> f64 {
    match ingest {
        Ingest::Fixed { exponents, lo, hi }
        | Ingest::Imputed { exponents, lo, hi, .. }
        | Ingest::FixedDouble { exponents, lo, hi, .. } => {
            let coarsest = exponents.iter().copied().min().unwrap_or(0);
            f64::from(hi.unsigned_abs().max(lo.unsigned_abs())) * (-f64::from(coarsest)).exp2()
        }
        Ingest::Ordered | Ingest::OrderedMissing | Ingest::OrderedDouble { .. } => 0.0,
    }
}
