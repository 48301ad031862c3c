//! The inputs that samples are for.

use super::problem::SampleProblem;
use ciro_graph::{Column, Input, Program, RawTensor};

/// An input that samples are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its dimensions, batch of one included.
    pub shape: Vec<u32>,
    /// What users call its elements and how they write them; one per element, or none.
    pub columns: Vec<Column>,
    /// Whether its numbers are float64; else float32.
    pub double: bool,
}

impl Port {
    /// The inputs of a compiled program.
    #[must_use]
    pub fn of(program: &Program) -> Vec<Self> {
        let port = |(i, input): (usize, &Input)| Self {
            name: input.name.clone(),
            shape: input.shape.clone(),
            double: input.words() == 2,
            columns: program.columns_of(i).to_vec(),
        };
        program.inputs.iter().enumerate().map(port).collect()
    }

    /// One sample's numbers, as wide as the input takes them.
    pub(super) fn tensor(&self, values: &[f64]) -> RawTensor {
        let shape = self.shape.clone();
        let numbers = values.iter().enumerate().map(|(i, &v)| of_array(self.columns.get(i), v));
        if self.double {
            return RawTensor::of_doubles(shape, numbers.map(f64::to_bits));
        }
        RawTensor { shape, bits: numbers.map(|v| (v as f32).to_bits()).collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.shape.iter().map(|&d| d as usize).product()
    }
}

pub(super) fn names_problem(ports: &[Port], got: Vec<String>) -> SampleProblem {
    SampleProblem::Names { expected: ports.iter().map(|port| port.name.clone()).collect(), got }
}

pub(super) fn shape_problem(port: &Port, expected: impl Into<String>, got: impl Into<String>) -> SampleProblem {
    SampleProblem::Shape { input: port.name.clone(), expected: expected.into(), got: got.into() }
}

/// What the program reads for a number of an array, where codes stand for themselves.
fn of_array(column: Option<&Column>, number: f64) -> f64 {
    // As a float32, which is how XGBoost compares it.
    let is_missing = |missing: u64| equal(f64::from(f64::from_bits(missing) as f32), f64::from(number as f32));
    if column.and_then(|column| column.missing).is_some_and(is_missing) { f64::NAN } else { number }
}

/// Whether two numbers are the same, to the last bit but for the sign of zero.
pub(super) fn equal(a: f64, b: f64) -> bool {
    a.partial_cmp(&b) == Some(std::cmp::Ordering::Equal)
}
