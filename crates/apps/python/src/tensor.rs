//! Outputs and inputs as Python lists.

use crate::error;
use ciro_graph::render::Cell;
use ciro_graph::{Program, RawInput, RawOutput, Rendered, render};
use pyo3::prelude::*;

/// A tensor for Python: name, dimensions, elements in row-major order.
pub(crate) type Tensor = (String, Vec<u32>, Values);

/// Elements, all of one kind.
#[derive(Clone, Debug, IntoPyObject, IntoPyObjectRef)]
pub(crate) enum Values {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Integer labels.
    Ints(Vec<i64>),
    /// Text labels.
    Texts(Vec<String>),
}

/// The outputs in the order of the program.
pub(crate) fn outputs(program: &Program, output: &RawOutput) -> PyResult<Vec<Tensor>> {
    render(program, output).map(rendered).map_err(|e| error::verify(&e))
}

/// Rendered outputs, in their order.
pub(crate) fn rendered(outputs: Vec<Rendered>) -> Vec<Tensor> {
    outputs.into_iter().map(|tensor| (tensor.name, tensor.shape, values(tensor.values))).collect()
}

/// The inputs in the order of the program, as the user gave them.
pub(crate) fn inputs(program: &Program, input: &RawInput) -> Vec<Tensor> {
    let tensor = |(spec, raw): (&ciro_graph::Input, &ciro_graph::RawTensor)| {
        let numbers = raw.bits.iter().map(|&bits| f64::from(f32::from_bits(bits))).collect();
        (spec.name.clone(), raw.shape.clone(), Values::Numbers(numbers))
    };
    program.inputs.iter().zip(&input.0).map(tensor).collect()
}

fn values(cells: Vec<Cell>) -> Values {
    match cells.first() {
        Some(Cell::Int(_)) => Values::Ints(cells.iter().filter_map(int).collect()),
        Some(Cell::Text(_)) => Values::Texts(cells.into_iter().filter_map(text).collect()),
        // The decimal text of a number is exact, and so is its double: integers below 2⁵³ at a power of two.
        _ => Values::Numbers(cells.into_iter().filter_map(number).collect()),
    }
}

fn int(cell: &Cell) -> Option<i64> {
    if let Cell::Int(label) = cell { Some(*label) } else { None }
}

fn text(cell: Cell) -> Option<String> {
    if let Cell::Text(label) = cell { Some(label) } else { None }
}

fn number(cell: Cell) -> Option<f64> {
    if let Cell::Number(text) = cell { text.parse().ok() } else { None }
}
