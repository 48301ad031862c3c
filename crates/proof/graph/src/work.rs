//! What checking a model takes, from its program alone: a verifier who is given the weights counts it before it begins.

use crate::count::{size, wide};
use crate::program::{ConstId, Forest, Op, Program};

/// Steps and memory of [`crate::check_model`], besides those of [`crate::check_program`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelWork {
    /// Multiplications of two integers, and what takes no longer.
    pub steps: u64,
    /// Most bytes that are allocated at once.
    pub bytes: u64,
}

/// Steps for each element of a constant that an operator reads: both ends of an interval of 128 bits.
const ELEMENT_STEPS: u64 = 12;

/// Bytes for each element: the two ends of a sum, and the element in another order.
const ELEMENT_BYTES: u64 = 40;

/// Steps for each node of a forest: its child, its parents, its place in the list of leaves.
const NODE_STEPS: u64 = 64;

/// Steps for each tree and class, and for each leaf and its values.
const CLASS_STEPS: u64 = 8;

impl ModelWork {
    /// What checking a model of this program takes.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let len = |id: ConstId| program.constants.get(size(id.0)).map_or(0, |c| u64::from(c.len()));
        program.nodes.iter().fold(Self::default(), |sum, node| sum.then(Self::of_op(&node.op, len)))
    }

    /// Both, one after the other.
    fn then(self, next: Self) -> Self {
        Self { steps: self.steps.saturating_add(next.steps), bytes: self.bytes.max(next.bytes) }
    }

    /// Operators read whole constants, each for itself.
    fn of_op(op: &Op, len: impl Fn(ConstId) -> u64) -> Self {
        match op {
            Op::Linear { weight, bias, .. } | Op::Conv { weight, bias, .. } => {
                Self::elements(len(*weight).saturating_add(bias.map_or(0, len)))
            }
            Op::Curve { values, slopes, .. } => Self::elements(len(*values).saturating_add(len(*slopes))),
            Op::AddConst { c, .. } | Op::MulConst { c, .. } => Self::elements(len(*c)),
            Op::Embed { table, .. } => Self::elements(len(*table)),
            Op::Table { values, .. } => Self::elements(len(*values)),
            Op::Trees { forest, .. } => Self::forest(forest, &len),
            // A cut is put together from five constants.
            Op::Rank { feature, .. } => Self::elements(len(*feature).saturating_mul(5)),
            Op::Missing { .. }
            | Op::Largest { .. }
            | Op::Concat { .. }
            | Op::Add { .. }
            | Op::Sub { .. }
            | Op::Mul { .. }
            | Op::Dot { .. }
            | Op::Contract { .. }
            | Op::Div { .. }
            | Op::Quotient { .. }
            | Op::Rescale { .. }
            | Op::Narrow { .. }
            | Op::Relu { .. }
            | Op::Rectify { .. }
            | Op::Clamp { .. }
            | Op::Scale { .. }
            | Op::Sum { .. }
            | Op::Max { .. }
            | Op::Gap { .. }
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Take { .. }
            | Op::ArgMax { .. }
            | Op::Isqrt { .. } => Self::default(),
        }
    }

    fn elements(count: u64) -> Self {
        Self { steps: count.saturating_mul(ELEMENT_STEPS), bytes: count.saturating_mul(ELEMENT_BYTES) }
    }

    /// Nodes are walked, and each tree has an interval for each class.
    fn forest(forest: &Forest, len: &impl Fn(ConstId) -> u64) -> Self {
        let (trees, classes) = (u64::from(forest.trees), u64::from(forest.classes));
        let nodes = len(forest.left);
        let values = len(forest.leaf).saturating_mul(wide(forest.values.len()));
        let ends = trees.saturating_mul(classes).saturating_add(values).saturating_mul(CLASS_STEPS);
        Self {
            steps: nodes.saturating_mul(NODE_STEPS).saturating_add(ends),
            bytes: nodes.saturating_add(trees).saturating_add(classes).saturating_mul(2 * ELEMENT_BYTES),
        }
    }
}
