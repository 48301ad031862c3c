//! Whether a program is well formed. Total on foreign programs: validators run it before anything else.
//!
//! [`check_program`] needs no weights: references, lengths, parameter ranges, kinds, limits, and the interval of every
//! operator whose interval does not depend on a weight. [`check_model`] adds what does.

use crate::batch::MAX_BATCH;
use crate::bounds::{self, Kind, Scope};
use crate::count::wide;
use crate::interval::Interval;
use crate::problem::{
    LIMB_BITS, MAX_CONSTANT, MAX_ELEMENTS, MAX_NAME, MAX_NODES, MAX_PORTS, MAX_RANK, MAX_TOTAL, Problem, at_most,
    declared, in_range, length, up_to,
};
use crate::program::{Disclosure, Ingest, Input, Model, Op, Output, Program};
use crate::shape::element_count;
use crate::signature::OutputKind;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use ciro_types::check_printable;
use core::fmt;

/// A defect of a program or model, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CheckError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// A part of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The program as a whole.
    Program,
    /// An input.
    Input(usize),
    /// A constant.
    Constant(usize),
    /// A node and its operator's name.
    Node(usize, &'static str),
    /// An output.
    Output(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("program"),
            Self::Input(i) => write!(f, "input {i}"),
            Self::Constant(i) => write!(f, "constant {i}"),
            Self::Node(i, op) => write!(f, "node {i} ({op})"),
            Self::Output(i) => write!(f, "output {i}"),
        }
    }
}

/// Checks everything about a program that does not depend on its weights.
///
/// # Errors
/// [`CheckError`] naming the place and the problem.
pub fn check_program(program: &Program) -> Result<(), CheckError> {
    walk(program, None)
}

/// Checks a model: its program, the lengths of its weights, and the structure of its forests. Every declared interval is checked against
/// the one recomputed from the weights. Cost: one pass over the weights.
///
/// # Errors
/// [`CheckError`] naming the place and the problem.
pub fn check_model(model: &Model) -> Result<(), CheckError> {
    let (constants, weights) = (&model.program.constants, &model.weights);
    length("weights", wide(constants.len()), weights.len()).map_err(at(Place::Program))?;
    for (i, (constant, values)) in constants.iter().zip(weights).enumerate() {
        length("weights", u64::from(constant.len()), values.len()).map_err(at(Place::Constant(i)))?;
    }
    walk(&model.program, Some(weights))
}

fn walk(program: &Program, weights: Option<&[Vec<i32>]>) -> Result<(), CheckError> {
    check_sizes(program).map_err(at(Place::Program))?;
    for (i, constant) in program.constants.iter().enumerate() {
        check_constant(constant).map_err(at(Place::Constant(i)))?;
    }
    let mut scope = Scope::new(program.limb_bits);
    for (i, input) in program.inputs.iter().enumerate() {
        check_input(input).map_err(at(Place::Input(i)))?;
        scope.push_input(input);
    }
    for (i, node) in program.nodes.iter().enumerate() {
        bounds::check_node(&mut scope, node, &program.constants, weights)
            .map_err(at(Place::Node(i, op_name(&node.op))))?;
    }
    for (i, output) in program.outputs.iter().enumerate() {
        check_output(&scope, output).map_err(at(Place::Output(i)))?;
    }
    check_names(program).map_err(at(Place::Program))
}

fn at(place: Place) -> impl Fn(Problem) -> CheckError {
    move |problem| CheckError { place, problem }
}

fn check_sizes(program: &Program) -> Result<(), Problem> {
    text("program name", &program.name)?;
    if program.visibility.weights == Disclosure::Private {
        return Err(Problem::Kind { expected: "public or committed weights", got: "private ones" });
    }
    in_range("limb bits", LIMB_BITS, i64::from(program.limb_bits))?;
    at_most("inputs", MAX_PORTS, wide(program.inputs.len()))?;
    at_most("outputs", MAX_PORTS, wide(program.outputs.len()))?;
    at_most("nodes", MAX_NODES, wide(program.nodes.len()))?;
    at_most("constants", MAX_NODES, wide(program.constants.len()))?;
    in_range("batch", Interval { lo: 1, hi: i64::from(MAX_BATCH) }, i64::from(program.batch))?;
    let in_inputs = program.inputs.iter().map(Input::value_len);
    let in_nodes = program.nodes.iter().map(|node| u64::from(node.len()));
    let of_sample = in_inputs.chain(in_nodes).fold(0, u64::saturating_add);
    at_most("elements", MAX_TOTAL, of_sample.saturating_mul(u64::from(program.batch)))?;
    at_most("weights", MAX_TOTAL, program.constants.iter().map(|c| u64::from(c.len())).fold(0, u64::saturating_add))
}

fn check_constant(constant: &crate::program::Constant) -> Result<(), Problem> {
    text("name", &constant.name)?;
    at_most("dimensions", MAX_RANK, wide(constant.shape.len()))?;
    in_range("elements", up_to(MAX_CONSTANT), i64::from(constant.len()))
}

fn check_shape(shape: &[u32]) -> Result<u64, Problem> {
    at_most("dimensions", MAX_RANK, wide(shape.len()))?;
    let count = element_count(shape);
    in_range("elements", up_to(MAX_ELEMENTS), i64::try_from(count).unwrap_or(i64::MAX))?;
    Ok(count)
}

fn check_input(input: &Input) -> Result<(), Problem> {
    text("name", &input.name)?;
    let count = check_shape(&input.shape)?;
    at_most("elements", MAX_ELEMENTS, input.value_len())?;
    let (exponents, lo, hi, missing) = match &input.ingest {
        Ingest::Fixed { exponents, lo, hi } => (exponents, *lo, *hi, None),
        Ingest::Imputed { exponents, lo, hi, missing } => (exponents, *lo, *hi, Some(missing)),
        Ingest::FixedDouble { exponents, lo, hi, missing } => {
            (exponents, *lo, *hi, Some(missing).filter(|missing| !missing.is_empty()))
        }
        Ingest::Ordered | Ingest::OrderedMissing | Ingest::OrderedDouble { .. } => return Ok(()),
    };
    if exponents.len() != 1 {
        length("exponents", count, exponents.len())?;
    }
    declared("accepted", lo, hi)?;
    let Some(missing) = missing else { return Ok(()) };
    if missing.len() != 1 {
        length("missing values", count, missing.len())?;
    }
    let accepted = Interval { lo: i64::from(lo), hi: i64::from(hi) };
    missing.iter().try_for_each(|&value| in_range("missing value", accepted, i64::from(value)))
}

fn check_output(scope: &Scope, output: &Output) -> Result<(), Problem> {
    text("name", &output.name)?;
    let count = check_shape(&output.shape)?;
    let value = scope.get(output.value)?;
    length("shape", u64::from(value.len()), usize::try_from(count).unwrap_or(usize::MAX))?;
    let labels = match &output.kind {
        OutputKind::Fixed { frac_bits } => {
            in_range("fractional bits", Interval { lo: 0, hi: 62 }, i64::from(*frac_bits))?;
            return value.bounded().map(|_| ());
        }
        OutputKind::IntLabel { labels } => wide(labels.len()),
        OutputKind::BoolLabel { labels } => wide(labels.len()),
        OutputKind::TextLabel { labels } => {
            labels.iter().try_for_each(|label| text("label", label))?;
            wide(labels.len())
        }
    };
    match value.kind {
        Kind::Index { below } => length("labels", u64::from(below), usize::try_from(labels).unwrap_or(usize::MAX)),
        kind @ (Kind::Ordered | Kind::OrderedDouble | Kind::Bounded(_)) => {
            Err(Problem::Kind { expected: "a class index", got: kind.name() })
        }
    }
}

/// Names and categories of the inputs' elements. Names are distinct, where there are any.
fn check_columns(program: &Program) -> Result<(), Problem> {
    if program.columns.is_empty() {
        return Ok(());
    }
    let elements = program.inputs.iter().map(|input| element_count(&input.shape)).fold(0, u64::saturating_add);
    length("columns", elements, program.columns.len())?;
    for column in &program.columns {
        text("column", &column.name)?;
        column.categories.iter().try_for_each(|category| text("category", category))?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = column.categories.iter().find(|category| !seen.insert(*category)) {
            return Err(Problem::Name { got: twice.clone() });
        }
    }
    distinct(program.columns.iter().map(|column| &column.name).filter(|name| !name.is_empty()))
}

fn check_names(program: &Program) -> Result<(), Problem> {
    check_columns(program)?;
    distinct(program.inputs.iter().map(|input| &input.name))?;
    distinct(program.outputs.iter().map(|output| &output.name))
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() || !seen.insert(name) {
            return Err(Problem::Name { got: name.clone() });
        }
    }
    Ok(())
}

fn text(what: &'static str, text: &str) -> Result<(), Problem> {
    check_printable(text, MAX_NAME).map_err(|source| Problem::Text { what, source })
}

/// The operator's name, for messages.
#[must_use]
pub const fn op_name(op: &Op) -> &'static str {
    match op {
        Op::Linear { .. } => "Linear",
        Op::Rescale { .. } => "Rescale",
        Op::Relu { .. } => "Relu",
        Op::Rectify { .. } => "Rectify",
        Op::Clamp { .. } => "Clamp",
        Op::Curve { .. } => "Curve",
        Op::Add { .. } => "Add",
        Op::Sub { .. } => "Sub",
        Op::Mul { .. } => "Mul",
        Op::Scale { .. } => "Scale",
        Op::AddConst { .. } => "AddConst",
        Op::MulConst { .. } => "MulConst",
        Op::Sum { .. } => "Sum",
        Op::Max { .. } => "Max",
        Op::Gap { .. } => "Gap",
        Op::ArgMax { .. } => "ArgMax",
        Op::Isqrt { .. } => "Isqrt",
        Op::Div { .. } => "Div",
        Op::Trees { .. } => "Trees",
        Op::Table { .. } => "Table",
        Op::Largest { .. } => "Largest",
        Op::Dot { .. } => "Dot",
        Op::Contract { .. } => "Contract",
        Op::Conv { .. } => "Conv",
        Op::Reshape { .. } => "Reshape",
        Op::Transpose { .. } => "Transpose",
        Op::Take { .. } => "Take",
        Op::Concat { .. } => "Concat",
        Op::Quotient { .. } => "Quotient",
        Op::Embed { .. } => "Embed",
        Op::Narrow { .. } => "Narrow",
        Op::Rank { .. } => "Rank",
        Op::Missing { .. } => "Missing",
    }
}
