//! Operators and their exact meaning.
//!
//! Every value is a tensor of integers: a shape (outermost dimension first) and its elements, row-major. Unless an
//! operator says otherwise, it works element by element and keeps the shape. Every element of every value lies within
//! ±(2³⁰ − 2²³), half the field less one. The compiler proves that by interval arithmetic and writes the interval into
//! the node. So no equation of the proof can wrap around the field (p = 2³¹ − 2²⁴ + 1). Values are numbered: the
//! inputs first, then one per node, in order; an operator reads only values with a smaller number. Everything here is
//! about one sample; a program of a larger [`Program::batch`] does it to each.

use crate::signature::{Column, OutputKind};
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

pub use crate::forest::Forest;
pub use ciro_pcs::{Profile, Security};
pub use ciro_types::Disclosure;

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
    /// What users call the elements of all inputs, one after the other; none, or one for each.
    pub columns: Vec<Column>,
    /// Shapes of the constants. Their contents are in [`Model::weights`].
    pub constants: Vec<Constant>,
    /// The operators, in order of execution.
    pub nodes: Vec<Node>,
    /// What is revealed.
    pub outputs: Vec<Output>,
    /// Width of one range-check limb, bits. Small programs take small limbs so that they do not pay for a large table.
    pub limb_bits: u8,
    /// What proofs of this program are made for; part of the identity, because the weight commitment depends on it.
    pub profile: Profile,
    /// What proofs of this program must resist; part of the identity for the same reason.
    pub security: Security,
    /// Who learns what from a proof; part of the identity, because other things are proven of what is hidden.
    pub visibility: Visibility,
    /// How many samples one execution runs, side by side; 1 for a plain program. Each sample goes through the operators by itself.
    /// All shapes here are those of one sample; see [`crate::batch`] for what a batch's tensors look like.
    pub batch: u32,
}

/// Who learns what from a proof. The program itself is always public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Visibility {
    /// The inputs.
    pub input: Disclosure,
    /// The outputs.
    pub output: Disclosure,
    /// The weights; public or committed.
    pub weights: Disclosure,
}

impl Default for Visibility {
    fn default() -> Self {
        Self { input: Disclosure::Public, output: Disclosure::Public, weights: Disclosure::Committed }
    }
}

impl Visibility {
    /// Whether inputs or outputs are not public, so that a proof must not confirm guesses of them.
    #[must_use]
    pub fn hides_values(&self) -> bool {
        [self.input, self.output].iter().any(|&part| part != Disclosure::Public)
    }
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
    /// The map from numbers to integers.
    pub ingest: Ingest,
}

/// How a number becomes an integer, computed from its bit pattern with integer arithmetic only. Numbers are float32, and float64
/// where the variant says so. NaN is refused, except where it stands for a missing value.
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
    /// The order-preserving map of float32 to consecutive integers. With m the bits but the sign, it is 2³¹ + m for positive numbers and
    /// 2³¹ − m for negative ones. So both zeros are 2³¹. Comparisons of the images equal comparisons of the floats. Only [`Op::Trees`]
    /// reads such a value (it is the one kind of value that exceeds 2³⁰).
    Ordered,
    /// As `Ordered`, for forests that know where a missing value (NaN) goes. The value holds the input twice, one copy after the other.
    /// NaN is 0 in the first copy, below every threshold but zero. In the second copy it is 2³² − 1, below none. Everything else is the
    /// same in both. A node that sends a missing value left reads the first copy; one that sends it right reads the second.
    OrderedMissing,
    /// As `Fixed`, where a missing value (NaN) is an integer that the model names: an imputer's constant, at the element's
    /// scale.
    Imputed {
        /// One exponent per element, or a single one for all.
        exponents: Vec<i8>,
        /// Smallest accepted integer.
        lo: i32,
        /// Largest accepted integer.
        hi: i32,
        /// What a missing value is: one integer per element, or a single one for all, from `lo` to `hi`.
        missing: Vec<i32>,
    },
    /// The order-preserving map of float64 to consecutive integers of 64 bits: as `Ordered`, with 2⁶³ for both zeros. A value holds their
    /// bits as two's complement. Only [`Op::Rank`] and [`Op::Missing`] read it.
    OrderedDouble {
        /// Whether a missing value (NaN) is taken; it is 0, below the image of −∞.
        missing: bool,
    },
    /// As `Fixed` and `Imputed`, of a float64.
    FixedDouble {
        /// One exponent per element, or a single one for all.
        exponents: Vec<i8>,
        /// Smallest accepted integer.
        lo: i32,
        /// Largest accepted integer.
        hi: i32,
        /// What a missing value is: one integer per element, or a single one for all, from `lo` to `hi`. None, if it is refused.
        missing: Vec<i32>,
    },
}

/// A constant's name and shape.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Constant {
    /// For people.
    pub name: String,
    /// Dimensions, outermost first.
    pub shape: Vec<u32>,
}

impl Constant {
    /// Number of elements, saturating: a foreign program may say anything.
    #[must_use]
    pub fn len(&self) -> u32 {
        element_count(&self.shape)
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Program {
    /// Bytes of the constants' contents as a model stores them, saturating: a foreign program may say anything.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        const ELEMENT_BYTES: u64 = 4;
        let bytes = self.constants.iter().map(|constant| u64::from(constant.len()).saturating_mul(ELEMENT_BYTES));
        bytes.fold(0, u64::saturating_add)
    }
}

/// Product of the dimensions, saturating.
#[must_use]
pub fn element_count(shape: &[u32]) -> u32 {
    shape.iter().fold(1, |count, &d| count.saturating_mul(d))
}

/// One operator and what it produces.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Node {
    /// The operator.
    pub op: Op,
    /// Dimensions of what it produces.
    pub shape: Vec<u32>,
    /// No element is smaller (interval arithmetic over the weights; checked when a model is loaded).
    pub lo: i32,
    /// No element is larger.
    pub hi: i32,
}

impl Node {
    /// Elements produced, saturating.
    #[must_use]
    pub fn len(&self) -> u32 {
        element_count(&self.shape)
    }

    /// Whether nothing is produced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The operators. `x[i]` is element i in row-major order; `>>` is an arithmetic (floor) shift. A *row* is a run along the last dimension.
/// "Broadcast" is NumPy's rule: shapes are aligned at their last dimensions, and missing ones count as one. A dimension of one is
/// repeated to meet the other operand's.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Op {
    /// Row by row: `y[j] = Σ_k x[k] · weight[k·n + j] + bias[j]`, weight row-major of shape (K, n). Shape (…, K) becomes (…, n).
    Linear {
        /// Rows of length K.
        x: ValueId,
        /// K·n elements.
        weight: ConstId,
        /// n elements.
        bias: Option<ConstId>,
    },
    /// `y[i] = (x[i] + 2^(shift−1)) >> shift`: the one rounding rule, half up. 1 ≤ shift ≤ 29.
    Rescale {
        /// Any tensor.
        x: ValueId,
        /// Bits dropped.
        shift: u8,
    },
    /// `y[i] = max(x[i], 0)`.
    Relu {
        /// Any tensor.
        x: ValueId,
    },
    /// `y[i] = min(max(x[i], lo), hi)`, lo < hi.
    Clamp {
        /// Any tensor.
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
        /// Any tensor.
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
    /// `y[i] = values[x[i] − lo]`. Requires `lo ≤ x[i] < lo + len(values)`, by x's interval.
    Table {
        /// Any tensor.
        x: ValueId,
        /// What the first entry is for.
        lo: i32,
        /// The entries.
        values: ConstId,
    },
    /// `y = a + b`, with broadcast.
    Add {
        /// Any tensor.
        a: ValueId,
        /// Any tensor that broadcasts with a.
        b: ValueId,
    },
    /// `y = a − b`, with broadcast.
    Sub {
        /// Any tensor.
        a: ValueId,
        /// Any tensor that broadcasts with a.
        b: ValueId,
    },
    /// `y = a · b`, with broadcast.
    Mul {
        /// Any tensor.
        a: ValueId,
        /// Any tensor that broadcasts with a.
        b: ValueId,
    },
    /// `y[i] = x[i] · factor`, a public integer.
    Scale {
        /// Any tensor.
        x: ValueId,
        /// Not zero.
        factor: i32,
    },
    /// `y = x + c`, a constant of the model that broadcasts to x's shape.
    AddConst {
        /// Any tensor.
        x: ValueId,
        /// Broadcasts to it.
        c: ConstId,
    },
    /// `y = x · c`, a constant of the model that broadcasts to x's shape.
    MulConst {
        /// Any tensor.
        x: ValueId,
        /// Broadcasts to it.
        c: ConstId,
    },
    /// The sum of each row. Shape (…, n) becomes (…, 1).
    Sum {
        /// Any tensor.
        x: ValueId,
    },
    /// The largest element of each row. Shape (…, n) becomes (…, 1).
    Max {
        /// Any tensor.
        x: ValueId,
    },
    /// How far each element, rounded as by [`Op::Rescale`] (as it is, if shift is zero), lies below the largest of its row. An execution
    /// where that is `2^bits` or more is refused. shift ≤ 29, 1 ≤ bits ≤ 30; `2^(bits + shift)` and twice the largest magnitude of x,
    /// rounded up to whole results, are together below p.
    Gap {
        /// Any tensor.
        x: ValueId,
        /// Bits dropped.
        shift: u8,
        /// How far below the largest elements may lie, as a power of two.
        bits: u8,
    },
    /// The smallest index at which the only row of x is maximal. May only be read by an output.
    ArgMax {
        /// One row.
        x: ValueId,
    },
    /// The largest of several tensors, element by element.
    Largest {
        /// At least one; all of one shape.
        parts: Vec<ValueId>,
    },
    /// The inner product of each row of a with the same row of b. Shape (…, n) becomes (…, 1).
    Dot {
        /// Any tensor.
        a: ValueId,
        /// Same shape.
        b: ValueId,
    },
    /// Matrix products: (…, m, k) times (…, k, n), or (…, n, k) if `transposed`, gives (…, m, n). Leading dimensions agree.
    Contract {
        /// Left matrices.
        a: ValueId,
        /// Right matrices.
        b: ValueId,
        /// Whether the right matrices are stored as (n, k).
        transposed: bool,
    },
    /// Cross-correlation of channels × rows × columns, ONNX's Conv with a batch of one. With c′ the c-th channel of o's group and zero
    /// outside x, it is
    /// `y[o, i, j] = bias[o] + Σ weight[o, c, u, v] · x[c′, i·stride₀ + u·dilation₀ − pad₀, j·stride₁ + v·dilation₁ − pad₁]`.
    Conv {
        /// Shape (C, H, W).
        x: ValueId,
        /// Shape (O, C / groups, kernel₀, kernel₁).
        weight: ConstId,
        /// Shape (O, 1, 1).
        bias: Option<ConstId>,
        /// Geometry.
        window: Window,
        /// Divides C and O.
        groups: u32,
    },
    /// The same elements under another shape of as many.
    Reshape {
        /// Any tensor.
        x: ValueId,
    },
    /// Dimension i of the result is dimension `perm[i]` of x.
    Transpose {
        /// Any tensor.
        x: ValueId,
        /// A permutation.
        perm: Vec<u8>,
    },
    /// Picks positions along some dimensions: position i of the result along `axis` is position `index[i]` of x, or zero where
    /// `index[i]` is −1. Slices, strides, padding, flips and nearest upsampling are all of this kind.
    Take {
        /// Any tensor.
        x: ValueId,
        /// At least one, of distinct axes in ascending order.
        picks: Vec<Pick>,
    },
    /// The parts one after the other along one dimension; the others agree.
    Concat {
        /// At least one.
        parts: Vec<ValueId>,
        /// Which dimension.
        axis: u8,
    },
    /// Rows of a table: element i of `ids` becomes row `ids[i]`. Shape (…) becomes (…, d).
    Embed {
        /// An input of the program; its interval lies in 0..rows.
        ids: ValueId,
        /// Shape (rows, d).
        table: ConstId,
    },
    /// `y = floor(num / den)`, with den broadcast to num's shape. An execution where den < 1 or y leaves `[lo, hi]` is refused.
    /// Requires (max(|lo|, |hi|) + 1) · max(den) ≤ 2³⁰ − 2²³.
    Quotient {
        /// Any tensor.
        num: ValueId,
        /// Broadcasts to it.
        den: ValueId,
        /// Smallest quotient.
        lo: i32,
        /// Largest quotient.
        hi: i32,
    },
    /// `y[i] = floor(√x[i])`, x ≥ 0.
    Isqrt {
        /// Any tensor of non-negative elements.
        x: ValueId,
    },
    /// `y[i] = floor(num[i] · 2^(digit_bits·digits) / den)`, by long division, one digit of `digit_bits` bits at a time. Requires den ≥ 1
    /// and `|num[i]|` ≤ den for every i (an execution that breaks this is refused). Also requires digits ≥ 1, and max(den) ·
    /// 2^(digit_bits + 1) < 2³⁰.
    Div {
        /// Any tensor.
        num: ValueId,
        /// One element.
        den: ValueId,
        /// Bits of one digit.
        digit_bits: u8,
        /// How many digits.
        digits: u8,
    },
    /// `y[i] = (x[i] + 2^(shift−1)) >> shift`, or `x[i]` if shift is zero. An execution where y leaves `lo..lo + 2^bits` is
    /// refused: samples say how large y gets, where interval arithmetic would allow far more. shift ≤ 29, 1 ≤ bits ≤ 29.
    Narrow {
        /// Any tensor.
        x: ValueId,
        /// Bits dropped.
        shift: u8,
        /// Smallest result.
        lo: i32,
        /// How many results there are, as a power of two.
        bits: u8,
    },
    /// The leaf sums of a forest, one element per class. Its features are the elements of its parts, one part after the other. Ordered
    /// images of inputs ([`Ingest::Ordered`], [`Ingest::OrderedMissing`]) are features as they are. To a number,
    /// [`crate::forest::NUMBER_ORIGIN`] is added first, and thresholds are compared with the sum.
    Trees {
        /// At least one: ordered inputs, and numbers from −2²⁹ to 2²⁹ − 1 with at most one dimension beyond one.
        parts: Vec<ValueId>,
        /// Structure and tables.
        forest: Forest,
    },
    /// With n = x rounded as by [`Op::Rescale`] (x itself, if shift is zero): the largest of zero and n. With `taps`, it is the largest
    /// of zero and what [`Op::Take`] makes of n with each of them. Tensors are compared in pairs, in order. The larger ones are compared
    /// in pairs again, and the last one with zero. An execution is refused where two numbers that are compared are `2^bits` or more
    /// apart. shift ≤ 29, 1 ≤ bits ≤ 29. With t taps (or one), `(⌈log₂ t⌉ + 1)·2^(bits + shift)` plus the largest magnitude of what is
    /// rounded is below p.
    Rectify {
        /// Any tensor.
        x: ValueId,
        /// Bits dropped.
        shift: u8,
        /// How far apart numbers may lie that are compared, as a power of two.
        bits: u8,
        /// What of n is compared, element by element: the same shape for each. All of it, if there are none.
        taps: Vec<Vec<Pick>>,
    },
    /// Where each double lies among the cuts of its feature. `y[i]` is the row r of a table with `cut[r] ≤ x[i] < cut[r + 1]`, and both
    /// rows are of feature i. Rows are in order, by feature and then by cut. Those of each feature begin with the cut 0 and end with 2⁶⁴
    /// − 1, so that every image lies between two.
    Rank {
        /// An input of [`Ingest::OrderedDouble`].
        x: ValueId,
        /// Feature of each row; at least two rows.
        feature: ConstId,
        /// Cut of each row, 16 bits a constant, the lowest first.
        cut: [ConstId; 4],
    },
    /// `y[i] = 1` where x is missing, else 0.
    Missing {
        /// An input of [`Ingest::OrderedDouble`].
        x: ValueId,
    },
}

/// Geometry of a sliding window: two dimensions, rows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Window {
    /// Size.
    pub kernel: [u32; 2],
    /// Distance between windows.
    pub stride: [u32; 2],
    /// Distance between the elements of a window.
    pub dilation: [u32; 2],
    /// Zeros before the first row and column.
    pub before: [u32; 2],
    /// Zeros after the last row and column.
    pub after: [u32; 2],
}

impl Window {
    /// How many windows fit along dimension `d` of `len` elements; `None` if not even one does, or a parameter is zero.
    #[must_use]
    pub fn count(&self, d: usize, len: u32) -> Option<u32> {
        let at = |parameter: [u32; 2]| parameter.get(d).copied();
        let reach = at(self.kernel)?.checked_sub(1)?.checked_mul(at(self.dilation)?.checked_sub(1)?.checked_add(1)?)?;
        let padded = len.checked_add(at(self.before)?)?.checked_add(at(self.after)?)?;
        let slack = padded.checked_sub(reach)?.checked_sub(1)?;
        slack.checked_div(at(self.stride)?)?.checked_add(1)
    }

    /// The element of dimension `d` that position `tap` of window `w` reads; `None` in the padding.
    #[must_use]
    pub fn source(&self, d: usize, w: u32, tap: u32, len: u32) -> Option<u32> {
        let at = |parameter: [u32; 2]| parameter.get(d).copied();
        let position = w.checked_mul(at(self.stride)?)?.checked_add(tap.checked_mul(at(self.dilation)?)?)?;
        position.checked_sub(at(self.before)?).filter(|&i| i < len)
    }
}

/// What [`Op::Take`] picks along one dimension.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pick {
    /// Which dimension.
    pub axis: u8,
    /// Positions, −1 for zero.
    pub index: Vec<i32>,
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
