//! Operators and their exact meaning.
//!
//! Every value is a flat vector of integers. Unless an operator says otherwise, every element of every value lies
//! within ±(2³⁰ − 2²³), half the field less one: the compiler proves it by interval arithmetic and writes the interval into the node, so
//! that no equation of the proof can wrap around the field (p = 2³¹ − 2²⁴ + 1). Values are numbered: the inputs first,
//! then one per node, in order; an operator reads only values with a smaller number.

use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Number of a value: inputs first, then nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ValueId(pub u32);

/// Number of a constant in [`Program::constants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ConstId(pub u32);

/// The public part of a compiled model. Its canonical bytes and the weight commitment make the model id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Program {
    /// For people; part of the identity like everything else here.
    pub name: String,
    /// The inputs, in order.
    pub inputs: Vec<Input>,
    /// Shapes of the constants. Their contents are in [`Model::weights`].
    pub constants: Vec<Constant>,
    /// The operators, in order of execution.
    pub nodes: Vec<Node>,
    /// What is revealed.
    pub outputs: Vec<Output>,
    /// Width of one range-check limb, bits. Small programs take small limbs so that they do not pay for a large table.
    pub limb_bits: u8,
}

/// A compiled model: program and weights.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Model {
    /// The public part.
    pub program: Program,
    /// Contents of the constants, in order; `constants[i].len` elements each.
    pub weights: Vec<Vec<i32>>,
}

/// An input and how its floats become integers.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Input {
    /// The ONNX name.
    pub name: String,
    /// Dimensions, outermost first, batch of one included; the product is the value's length.
    pub shape: Vec<u32>,
    /// The map from float32 to integer.
    pub ingest: Ingest,
}

/// How a float32 becomes an integer, computed from its bit pattern with integer arithmetic only. NaN is refused, except where
/// it stands for a missing value.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Ingest {
    /// `floor(x · 2^exponent + 1/2)`. A result outside `[lo, hi]` (infinities included) is refused with the feature's index and its range.
    Fixed {
        /// One exponent per element, or a single one for all.
        exponents: Vec<i8>,
        /// Smallest accepted integer.
        lo: i32,
        /// Largest accepted integer.
        hi: i32,
    },
    /// The order-preserving map of float32 onto u32: −0 becomes +0, then `bits ^ 0x8000_0000` for positive numbers and `!bits` for
    /// negative ones. Comparisons of the images equal comparisons of the floats. Only [`Op::Trees`] reads such a value
    /// (it is the one kind of value that exceeds 2³⁰).
    Ordered,
    /// As `Ordered`, for forests that know where a missing value (NaN) goes. The value holds the input twice, one copy after the
    /// other. NaN is 0 in the first copy, below every threshold but zero, and 2³² − 1 in the second, below none; everything else
    /// is the same in both. A node that sends a missing value left reads the first copy, one that sends it right the second.
    OrderedMissing,
}

/// A constant's name and length.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Constant {
    /// For people.
    pub name: String,
    /// Number of elements.
    pub len: u32,
}

/// One operator and what it produces.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Node {
    /// The operator.
    pub op: Op,
    /// Elements produced.
    pub len: u32,
    /// No element is smaller (interval arithmetic over the weights; checked when a model is loaded).
    pub lo: i32,
    /// No element is larger.
    pub hi: i32,
}

/// The operators. `x[i]` is element i; `len(x)` its length; `>>` is an arithmetic (floor) shift. "Broadcast" means: a
/// second operand of length one is used for every element.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Op {
    /// `y[j] = Σ_k x[k] · weight[k·n + j] + bias[j]`, weight row-major of shape (len(x), n).
    Linear {
        /// Vector of length K.
        x: ValueId,
        /// K·n elements.
        weight: ConstId,
        /// n elements.
        bias: Option<ConstId>,
    },
    /// `y[i] = (x[i] + 2^(shift−1)) >> shift`: the one rounding rule, half up. 1 ≤ shift ≤ 29.
    Rescale {
        /// Any vector.
        x: ValueId,
        /// Bits dropped.
        shift: u8,
    },
    /// `y[i] = max(x[i], 0)`.
    Relu {
        /// Any vector.
        x: ValueId,
    },
    /// `y[i] = min(max(x[i], lo), hi)`, lo < hi.
    Clamp {
        /// Any vector.
        x: ValueId,
        /// Lower end.
        lo: i32,
        /// Upper end.
        hi: i32,
    },
    /// A piecewise linear function. With `u = x[i] − lo`, `t = u >> frac_bits`, `f = u & (2^frac_bits − 1)`:
    /// `y[i] = (values[t]·2^frac_bits + slopes[t]·f + 2^(frac_bits−1)) >> frac_bits`.
    /// Requires `lo ≤ x[i] < lo + len(values)·2^frac_bits`, by x's interval (put a Clamp before). 1 ≤ frac_bits ≤ 2·limb_bits.
    Curve {
        /// Any vector.
        x: ValueId,
        /// Left end of the domain.
        lo: i32,
        /// Width of one segment, bits.
        frac_bits: u8,
        /// Value at each segment's left end; a power of two many.
        values: ConstId,
        /// Rise over each segment, same length.
        slopes: ConstId,
    },
    /// `y[i] = a[i] + b[i]`, b may broadcast.
    Add {
        /// Any vector.
        a: ValueId,
        /// Same length, or one.
        b: ValueId,
    },
    /// `y[i] = a[i] − b[i]`, either side may broadcast.
    Sub {
        /// Same length as the result, or one.
        a: ValueId,
        /// Same length as the result, or one.
        b: ValueId,
    },
    /// `y[i] = a[i] · b[i]`, b may broadcast.
    Mul {
        /// Any vector.
        a: ValueId,
        /// Same length, or one.
        b: ValueId,
    },
    /// `y[i] = x[i] · factor`, a public integer.
    Scale {
        /// Any vector.
        x: ValueId,
        /// Not zero.
        factor: i32,
    },
    /// `y[i] = x[i] + c[i]`, a constant of the model.
    AddConst {
        /// Any vector.
        x: ValueId,
        /// Same length.
        c: ConstId,
    },
    /// `y[i] = x[i] · c[i]`, a constant of the model.
    MulConst {
        /// Any vector.
        x: ValueId,
        /// Same length.
        c: ConstId,
    },
    /// One element: `Σ x[i]`.
    Sum {
        /// Any vector.
        x: ValueId,
    },
    /// One element: `max x[i]`.
    Max {
        /// Any vector.
        x: ValueId,
    },
    /// One element: the smallest index at which x is maximal. May only be read by an output.
    ArgMax {
        /// Any vector.
        x: ValueId,
    },
    /// `y[i] = floor(√x[i])`, x ≥ 0.
    Isqrt {
        /// Any vector of non-negative elements.
        x: ValueId,
    },
    /// `y[i] = floor(num[i] · 2^(digit_bits·digits) / den)`, by long division, one digit of `digit_bits` bits at a time.
    /// Requires den ≥ 1 and `|num[i]|` ≤ den for every i (an execution that breaks this is refused), digits ≥ 1, and
    /// max(den) · 2^(digit_bits + 1) < 2³⁰.
    Div {
        /// Any vector.
        num: ValueId,
        /// One element.
        den: ValueId,
        /// Bits of one digit.
        digit_bits: u8,
        /// How many digits.
        digits: u8,
    },
    /// The leaf sums of a forest, one element per class, on an [`Ingest::Ordered`] or
    /// [`Ingest::OrderedMissing`] input.
    Trees {
        /// An ordered input.
        x: ValueId,
        /// Structure and tables.
        forest: Forest,
    },
}

/// A forest of binary decision trees. Only the taken path is proven.
///
/// Nodes of all trees share one numbering: the root of tree t is node t; a node's right child is its left child plus one. A step at
/// node i on input x goes to `left[i]` if `x[feature[i]] < threshold[i]` (as u32, `threshold = hi·2¹⁶ + lo`), else to
/// `left[i] + 1`. A leaf loops to itself: feature 0, threshold 2³² − 1, `left[i] = i`. After `depth` steps every tree is at a leaf;
/// a leaf's row in the leaf table gives its values.
///
/// With `leaf_width` = 1, tree t adds its leaf's value to class `tree_class[t]`. With `leaf_width` = classes, it adds
/// `values[g]` to class g, and `tree_class` is empty.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Forest {
    /// Number of trees; their roots are nodes 0..trees.
    pub trees: u32,
    /// Steps taken from each root; at least the deepest leaf's depth, at least one.
    pub depth: u32,
    /// Elements of the result.
    pub classes: u32,
    /// Values per leaf: 1, or `classes`.
    pub leaf_width: u32,
    /// For leaf_width = 1: the class of each tree.
    pub tree_class: Vec<u32>,
    /// Feature of each node.
    pub feature: ConstId,
    /// Upper 16 bits of each node's threshold.
    pub threshold_hi: ConstId,
    /// Lower 16 bits of each node's threshold.
    pub threshold_lo: ConstId,
    /// Left child of each node.
    pub left: ConstId,
    /// Node number of each leaf, strictly increasing.
    pub leaf: ConstId,
    /// `leaf_width` constants, one per position: the leaves' values.
    pub values: Vec<ConstId>,
}

/// A revealed value.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Output {
    /// The ONNX name.
    pub name: String,
    /// Which value.
    pub value: ValueId,
    /// Dimensions, outermost first; the product is the value's length.
    pub shape: Vec<u32>,
    /// How its integers read.
    pub kind: OutputKind,
}

/// How an output's integers read.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum OutputKind {
    /// A number: integer / 2^frac_bits.
    Fixed {
        /// Fractional bits.
        frac_bits: u8,
    },
    /// A class: the element is an index into integer labels.
    IntLabel {
        /// The labels.
        labels: Vec<i64>,
    },
    /// A class: the element is an index into text labels.
    TextLabel {
        /// The labels.
        labels: Vec<String>,
    },
}
