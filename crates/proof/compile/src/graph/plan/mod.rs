//! A plan: what a model computes on the vector of one sample.
//!
//! The float reference ([`eval`]) and the integer program (`lower::plan`) are both made from it, so that they cannot read a
//! file differently. Values are flat vectors: the inputs first, then one per step.
//!
//! | module | what it holds |
//! |---|---|
//! | [`eval`] | the float reference |
//! | [`sources`] | which elements of which values a forest reads |

pub(crate) mod eval;
pub(crate) mod sources;

use super::elem::{Elem, Norm};
use super::expr::Expr;
use super::forest::Ensemble;
use super::revealed::Revealed;
use crate::terms::error::At;
use crate::terms::tolerance::Tolerance;
use std::collections::BTreeSet;

/// Number of a value: inputs first, then steps.
pub(crate) type Id = usize;

/// What a model computes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) inputs: Vec<PlanInput>,
    pub(crate) steps: Vec<Step>,
    pub(crate) outputs: Vec<Revealed>,
    /// Values of which only zero times is read, which missing ones have none of.
    pub(crate) zeroed: Vec<Id>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// An input, batch of one.
#[derive(Clone, Debug)]
pub(crate) struct PlanInput {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    /// Whether the model reads float64; else float32.
    pub(crate) double: bool,
}

/// One step and the value it produces.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The ONNX node it comes from.
    pub(crate) at: At,
    pub(crate) kind: Kind,
    pub(crate) operands: Vec<Id>,
    /// Elements produced.
    pub(crate) len: usize,
}

/// The steps.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `y = x·W + b`.
    Affine(Affine),
    /// Element by element, with constants.
    Elem(Elem),
    /// `a + b`; b may have one element.
    Add,
    /// `a − b`; b may have one element.
    Sub,
    /// `a · b`; b may have one element.
    Mul,
    Relu,
    Sigmoid,
    /// `e^x`.
    Exp,
    /// Over all elements.
    Softmax,
    /// The first index of the largest of all elements.
    ArgMax,
    Normalize(Norm),
    Trees(Ensemble),
    /// Elements of the operands: (operand, element) for each element produced.
    Pick(Vec<(usize, usize)>),
    /// A function of each element.
    Curve(Expr),
    /// `a / b`, where b is positive; b may have one element.
    Div,
    /// The sum of each run of so many elements.
    Sums(usize),
    /// The largest of each run of so many elements.
    Maxima(usize),
    /// As [`Elem::Impute`], where trees read what is missing as well.
    Filled(Vec<f32>),
}

/// A dense affine map.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    /// Columns: elements produced.
    pub(crate) n: usize,
    /// Row-major, (inputs, n).
    pub(crate) weight: Vec<f32>,
    /// n elements.
    pub(crate) bias: Vec<f32>,
}

impl Plan {
    /// Elements of a value.
    pub(crate) fn len(&self, id: Id) -> usize {
        match id.checked_sub(self.inputs.len()) {
            None => self.inputs[id].dims.iter().product(),
            Some(step) => self.steps[step].len,
        }
    }

    /// The step that produces a value; `None` for an input.
    pub(crate) fn step(&self, id: Id) -> Option<&Step> {
        id.checked_sub(self.inputs.len()).map(|i| &self.steps[i])
    }

    /// Whether each input is one row, so that its last dimension is all of it.
    pub(crate) fn reads_rows(&self) -> bool {
        self.inputs.iter().all(|input| input.dims.iter().rev().skip(1).all(|&d| d == 1))
    }

    /// Whether it is linear maps, trees and the functions that end them, and nothing that multiplies or bends on the way.
    pub(crate) fn is_linear(&self) -> bool {
        self.steps.iter().all(|step| match &step.kind {
            Kind::Affine(_) | Kind::Elem(_) | Kind::Trees(_) | Kind::Pick(_) | Kind::Filled(_) => true,
            Kind::Sigmoid | Kind::Softmax | Kind::ArgMax => true,
            Kind::Add | Kind::Sub | Kind::Mul | Kind::Div | Kind::Relu | Kind::Exp => false,
            Kind::Normalize(_) | Kind::Curve(_) | Kind::Sums(_) | Kind::Maxima(_) => false,
        })
    }

    /// Whether each element of a value is that of an input, after functions of that element alone.
    pub(crate) fn is_of_inputs(&self, id: Id) -> bool {
        let (mut open, mut seen) = (vec![id], BTreeSet::new());
        while let Some(id) = open.pop() {
            match self.step(id) {
                None => {}
                Some(Step { kind: Kind::Elem(_) | Kind::Pick(_), operands, .. }) => {
                    open.extend(operands.iter().copied().filter(|&operand| seen.insert(operand)));
                }
                Some(_) => return false,
            }
        }
        true
    }

    /// Whether it multiplies what depends on the input.
    pub(crate) fn multiplies(&self) -> bool {
        self.steps.iter().any(|step| match &step.kind {
            Kind::Curve(expr) => expr.is_square(),
            kind => matches!(kind, Kind::Mul),
        })
    }

    /// Trees and linear models are exact, whatever follows them. Affine maps of what was curved or cut make a network.
    pub(crate) fn tolerance(&self) -> Tolerance {
        let curved = |id: Id| self.step(id).is_some_and(|step| !matches!(step.kind, Kind::Affine(_) | Kind::Trees(_)));
        let layered =
            |step: &Step| matches!(step.kind, Kind::Affine(_)) && curved(self.before_scaling(step.operands[0]));
        if self.steps.iter().any(layered) { Tolerance::NETWORK } else { Tolerance::EXACT }
    }

    /// The value that a value is scaled, offset and picked from.
    fn before_scaling(&self, mut id: Id) -> Id {
        while let Some(Step { kind: Kind::Elem(_) | Kind::Pick(_), operands, .. }) = self.step(id) {
            id = operands[0];
        }
        id
    }

    /// The value that step `i` produces.
    pub(crate) fn id_of(&self, step: usize) -> Id {
        self.inputs.len() + step
    }
}
