//! The plan: what a model computes, in real numbers, freed of ONNX's many ways to say it.
//!
//! Both the float reference ([`crate::float`]) and the integer program ([`crate::lower`]) are made from it, so that they
//! cannot read the file differently. Values are flat vectors of one sample: the inputs first, then one per step.

mod apart;
mod build;
mod builder;
mod catboost;
mod columns;
mod core_ops;
mod ctx;
mod doubles;
mod encoders;
mod ensemble;
mod hints;
mod labels;
mod leaves;
mod ml_ops;
mod scores;
mod shape;
mod shares;
mod stairs;
mod trees_in_tensors;

pub(crate) use apart::apart;
pub(crate) use build::{Operand, ResultOf, plan, single};
pub(crate) use catboost::CatBoost;
pub(crate) use columns::by_column;
pub(crate) use doubles::Wide;
pub(crate) use hints::hint;
pub(crate) use shape::{axis, reshape};
pub(crate) use stairs::{by_element, one_hot, one_of_votes};

use crate::error::At;
use crate::labels::Labels;
use crate::net::expr::Expr;
use crate::tolerance::Tolerance;
use std::collections::BTreeSet;

/// Number of a value: inputs first, then steps.
pub(crate) type Id = usize;

/// What a model computes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) inputs: Vec<PlanInput>,
    pub(crate) steps: Vec<Step>,
    pub(crate) outputs: Vec<PlanOutput>,
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

/// A revealed value.
#[derive(Clone, Debug)]
pub(crate) struct PlanOutput {
    pub(crate) name: String,
    pub(crate) value: Id,
    pub(crate) dims: Vec<usize>,
    /// For a class: what its index means.
    pub(crate) labels: Option<Labels>,
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

/// A map of each element with its own constants (as many as elements), in float32 arithmetic unless it says otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Elem {
    /// `x + c`.
    Add(Vec<f32>),
    /// `x − c`.
    Sub(Vec<f32>),
    /// `c − x`.
    SubFrom(Vec<f32>),
    /// `x · c`.
    Mul(Vec<f32>),
    /// `x / c`.
    Div(Vec<f32>),
    /// `(x − offset) · scale`.
    Scale { offset: Vec<f32>, scale: Vec<f32> },
    /// A missing value (NaN) replaced by c; everything else as it is.
    Impute(Vec<f32>),
    /// In float64 arithmetic.
    Wide(Wide),
}

impl Elem {
    /// Element i in float32, rounded as the runtimes round.
    pub(crate) fn apply(&self, i: usize, x: f32) -> f32 {
        match self {
            Self::Add(c) => x + c[i],
            Self::Sub(c) => x - c[i],
            Self::SubFrom(c) => c[i] - x,
            Self::Mul(c) => x * c[i],
            Self::Div(c) => x / c[i],
            Self::Scale { offset, scale } => (x - offset[i]) * scale[i],
            Self::Impute(c) => {
                if x.is_nan() {
                    c[i]
                } else {
                    x
                }
            }
            Self::Wide(wide) => wide.apply(i, f64::from(x)) as f32,
        }
    }

    /// Element i as `slope · x + intercept` in exact arithmetic, for numbers.
    pub(crate) fn line(&self, i: usize) -> (f64, f64) {
        match self {
            Self::Add(c) => (1.0, f64::from(c[i])),
            Self::Sub(c) => (1.0, -f64::from(c[i])),
            Self::SubFrom(c) => (-1.0, f64::from(c[i])),
            Self::Mul(c) => (f64::from(c[i]), 0.0),
            Self::Div(c) => (1.0 / f64::from(c[i]), 0.0),
            Self::Scale { offset, scale } => (f64::from(scale[i]), -f64::from(offset[i]) * f64::from(scale[i])),
            Self::Impute(_) => (1.0, 0.0),
            Self::Wide(wide) => wide.line(i),
        }
    }
}

/// What a vector is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Norm {
    /// The sum of absolute values.
    L1,
    /// The root of the sum of squares.
    L2,
    /// The largest element.
    Max,
}

/// A forest: `y[class] = Σ_trees leaf / divisor + base[class]`.
#[derive(Clone, Debug)]
pub(crate) struct Ensemble {
    /// Roots, in order.
    pub(crate) roots: Vec<usize>,
    pub(crate) nodes: Vec<TreeNode>,
    pub(crate) classes: usize,
    pub(crate) divisor: f32,
    /// One per class.
    pub(crate) base: Vec<f32>,
    /// Whether the model takes missing values (NaN) and knows where they go; one that does not refuses them.
    pub(crate) takes_missing: bool,
}

/// A node of a tree. Every node but a root has one parent.
#[derive(Clone, Debug)]
pub(crate) enum TreeNode {
    Split {
        feature: usize,
        mode: Mode,
        threshold: f64,
        yes: usize,
        no: usize,
        /// Whether a missing value goes to the yes-child.
        missing_yes: bool,
    },
    /// Votes: class and weight, in order.
    Leaf(Vec<(usize, f32)>),
}

/// When a split goes to its yes-child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `x ≤ threshold`.
    Leq,
    /// `x < threshold`.
    Lt,
    /// `x ≥ threshold`.
    Gte,
    /// `x > threshold`.
    Gt,
}

impl Mode {
    pub(crate) fn holds(self, x: f64, threshold: f64) -> bool {
        match self {
            Self::Leq => x <= threshold,
            Self::Lt => x < threshold,
            Self::Gte => x >= threshold,
            Self::Gt => x > threshold,
        }
    }
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
