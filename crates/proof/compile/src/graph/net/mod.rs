//! A net: what a model computes on tensors with shapes.
//!
//! | module | what it holds |
//! |---|---|
//! | [`eval`] | the float reference |

pub(crate) mod eval;

use super::array::Array;
use super::elem::{Elem, Norm};
use super::expr::{Arith, Expr, Fun};
use super::forest::Ensemble;
use super::revealed::Revealed;
use crate::terms::error::At;
use crate::terms::labels::Labels;
use ciro_graph::Window;
use std::rc::Rc;

/// Number of a value: inputs first, then steps.
pub(crate) type Id = usize;

/// A network. Values are tensors of one sample.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    pub(crate) name: String,
    pub(crate) inputs: Vec<NetInput>,
    pub(crate) steps: Vec<Step>,
    pub(crate) outputs: Vec<Revealed>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// An input.
#[derive(Clone, Debug)]
pub(crate) struct NetInput {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    /// Whether its elements are integers: row numbers of tables.
    pub(crate) whole: bool,
}

/// One step and the value it produces.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The ONNX node it comes from.
    pub(crate) at: At,
    pub(crate) kind: Kind,
    pub(crate) operands: Vec<Id>,
    /// Dimensions of the value.
    pub(crate) dims: Vec<usize>,
}

/// The steps. A *row* is a run along the last dimension.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A constant that stands among values.
    Constant(Array),
    /// Each row times a matrix.
    Linear(Linear),
    /// ONNX's Conv over two dimensions, batch of one.
    Conv(Conv),
    /// Matrix products of two values, right operand as (n, k) if `transposed`. Leading dimensions agree.
    Contract { transposed: bool },
    /// A function of each element.
    Pointwise(Expr),
    /// `x + c`, c broadcast.
    AddConst(Array),
    /// `x · c`, c broadcast.
    MulConst(Array),
    /// Arithmetic of two values, broadcast.
    Binary(Arith),
    /// Sum of each row.
    Sum,
    /// Largest of each row.
    Max,
    /// Largest element of each window, over the last two of four dimensions; zero, if `positive`, where that is negative.
    /// Positions outside count for nothing.
    MaxPool { window: Window, positive: bool },
    /// `e^x / Σ e^x` by rows; its logarithm if `log`.
    Softmax { log: bool },
    /// `(x − mean) / √(variance + eps)` by rows; without the mean if `centred` is false.
    Normalize { centred: bool, eps: f64 },
    /// Rows of a table.
    Embed(Array),
    /// x where `keep` is one, else `fill`.
    Mask { keep: Array, fill: f32 },
    /// The first operand where the second (ones and zeros, broadcast) is one, else `fill`.
    Choose { fill: f32 },
    /// The first operand where the second (ones and zeros, broadcast) is one; elsewhere so far down that a Softmax, its
    /// only reader, gives nothing.
    Hide,
    /// The smallest index of the largest element of all.
    ArgMax,
    /// The same elements under other dimensions.
    Reshape,
    /// Dimension i of the result is dimension `perm[i]` of the operand.
    Transpose(Vec<usize>),
    /// Positions along some dimensions, ascending; `None` is zero.
    Take(Vec<(usize, Vec<Option<usize>>)>),
    /// The operands one after the other.
    Concat(usize),
    /// Of each row, the positions of the `k` largest elements, or the smallest, in order; of equal ones, the first comes first.
    Top { k: usize, largest: bool },
    /// A map of each element of one row with constants of its own.
    Elem(Elem),
    /// One row divided by its norm.
    Norm(Norm),
    /// A forest that reads one row of features; `whole` if its leaves are integers by ONNX's types, as those of a list's elements.
    Trees { forest: Rc<Ensemble>, whole: bool },
}

/// A matrix, row-major (k, n), and an offset.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) weight: Rc<Vec<f32>>,
    pub(crate) bias: Option<Rc<Vec<f32>>>,
}

/// A convolution.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    /// Outputs, inputs per group, rows, columns.
    pub(crate) dims: [usize; 4],
    pub(crate) weight: Rc<Vec<f32>>,
    /// One per output.
    pub(crate) bias: Option<Rc<Vec<f32>>>,
    pub(crate) window: Window,
    pub(crate) groups: usize,
}

impl Net {
    /// Dimensions of a value.
    pub(crate) fn dims(&self, id: Id) -> &[usize] {
        match id.checked_sub(self.inputs.len()) {
            None => &self.inputs[id].dims,
            Some(step) => &self.steps[step].dims,
        }
    }

    /// Elements of a value.
    pub(crate) fn len(&self, id: Id) -> usize {
        super::array::count(self.dims(id))
    }

    /// The step that produces a value; `None` for an input.
    pub(crate) fn step(&self, id: Id) -> Option<&Step> {
        id.checked_sub(self.inputs.len()).map(|i| &self.steps[i])
    }

    /// The value that step `i` produces.
    pub(crate) fn id_of(&self, step: usize) -> Id {
        self.inputs.len() + step
    }

    /// For each value, the values of the steps that read it.
    pub(crate) fn readers(&self) -> Vec<Vec<Id>> {
        let mut readers = vec![Vec::new(); self.inputs.len() + self.steps.len()];
        for (i, step) in self.steps.iter().enumerate() {
            step.operands.iter().for_each(|&x| readers[x].push(self.id_of(i)));
        }
        readers
    }

    /// Length of a row of a value.
    pub(crate) fn row(&self, id: Id) -> usize {
        self.dims(id).last().copied().unwrap_or(1)
    }
}

/// Whether a step only moves elements.
pub(crate) fn moves(kind: &Kind) -> bool {
    matches!(kind, Kind::Reshape | Kind::Transpose(_) | Kind::Take(_) | Kind::Concat(_))
}

/// Whether a value holds integers: an input of integers, an index or a truth value, and what moves and sums make of them.
pub(crate) fn integral(net: &Net, id: Id) -> bool {
    let Some(step) = net.step(id) else { return net.inputs[id].whole };
    let all = || step.operands.iter().all(|&x| integral(net, x));
    match &step.kind {
        Kind::ArgMax | Kind::Top { .. } => true,
        Kind::Trees { whole, .. } => *whole,
        Kind::Pointwise(expr) => {
            expr.is_truth() || matches!(expr, Expr::Unary(Fun::Trunc | Fun::Floor | Fun::Ceil | Fun::Round, _))
        }
        Kind::Binary(Arith::Add | Arith::Sub | Arith::Mul | Arith::Min | Arith::Max) | Kind::Sum | Kind::Max => all(),
        Kind::Constant(c) => c.whole,
        Kind::AddConst(c) | Kind::MulConst(c) => c.values.iter().all(|v| v.fract() == 0.0) && all(),
        kind => moves(kind) && all(),
    }
}

/// For the index of a largest element: what it means.
pub(crate) fn labels(net: &Net, value: Id) -> Option<Labels> {
    let step = net.step(value)?;
    matches!(step.kind, Kind::ArgMax).then(|| Labels::Ints((0..net.len(step.operands[0]) as i64).collect()))
}
