//! Outputs and inputs as Python lists.

use crate::error;
use ciro_graph::render::Cell;
use ciro_graph::{Column, Given, Program, RawInput, RawOutput, Rendered, render};
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
    /// Labels that are truth values.
    Bools(Vec<bool>),
    /// Text labels.
    Texts(Vec<String>),
    /// Numbers and categories, as the columns of an input are.
    Mixed(Vec<Item>),
}

/// A number or a category.
#[derive(Clone, Debug, IntoPyObject, IntoPyObjectRef)]
pub(crate) enum Item {
    /// A number.
    Number(f64),
    /// A category; none that the model has seen is `None`.
    Category(Option<String>),
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
    let tensor = |(i, (spec, raw)): (usize, (&ciro_graph::Input, &ciro_graph::RawTensor))| {
        let numbers: Vec<f64> = if spec.words() == 2 {
            raw.doubles().map(f64::from_bits).collect()
        } else {
            raw.bits.iter().map(|&bits| f64::from(f32::from_bits(bits))).collect()
        };
        (spec.name.clone(), raw.shape.clone(), given(program.columns_of(i), numbers.into_iter()))
    };
    program.inputs.iter().zip(&input.0).enumerate().map(tensor).collect()
}

/// Numbers as their users write them.
fn given(columns: &[Column], numbers: impl Iterator<Item = f64>) -> Values {
    if columns.is_empty() {
        return Values::Numbers(numbers.collect());
    }
    let items: Vec<Given<'_>> =
        columns.iter().cycle().zip(numbers).map(|(column, number)| column.given(number)).collect();
    let number = |item: &Given<'_>| if let Given::Number(number) = item { Some(*number) } else { None };
    if let Some(numbers) = items.iter().map(number).collect() {
        return Values::Numbers(numbers);
    }
    Values::Mixed(items.into_iter().map(item).collect())
}

fn item(given: Given<'_>) -> Item {
    match given {
        Given::Number(number) => Item::Number(number),
        Given::Category(text) => Item::Category(Some(text.into())),
        Given::Unseen => Item::Category(None),
    }
}

fn values(cells: Vec<Cell>) -> Values {
    match cells.first() {
        Some(Cell::Int(_)) => Values::Ints(cells.iter().filter_map(int).collect()),
        Some(Cell::Bool(_)) => Values::Bools(cells.iter().filter_map(truth).collect()),
        Some(Cell::Text(_)) => Values::Texts(cells.into_iter().filter_map(text).collect()),
        // The decimal text of a number is exact, and so is its double: integers below 2⁵³ at a power of two.
        _ => Values::Numbers(cells.into_iter().filter_map(number).collect()),
    }
}

fn int(cell: &Cell) -> Option<i64> {
    if let Cell::Int(label) = cell { Some(*label) } else { None }
}

fn truth(cell: &Cell) -> Option<bool> {
    if let Cell::Bool(label) = cell { Some(*label) } else { None }
}

fn text(cell: Cell) -> Option<String> {
    if let Cell::Text(label) = cell { Some(label.to_string()) } else { None }
}

fn number(cell: Cell) -> Option<f64> {
    if let Cell::Number(text) = cell { text.parse().ok() } else { None }
}
