//! The taken paths of a forest.
//!
//! One column per level and role, one row per sample and tree. At each level the node's row is looked up in the
//! model's node table. The feature's image is looked up in a table of all that the forest reads (number sample·stride
//! + feature). The comparison x < threshold is decided on 16-bit halves:
//!
//! - low − threshold_lo + 2¹⁶·borrow ∈ [0, 2¹⁶), borrow a bit;
//! - high − threshold_hi − borrow + 2¹⁶·less ∈ [0, 2¹⁶), less a bit: one exactly if x < threshold.
//!
//! A missing value needs nothing of its own. The input holds every feature twice (`Ingest::OrderedMissing`), and a
//! node names the copy in which a missing value decides as it should.
//!
//! What is read may be the ordered image of an input, whose halves are public or those of a hidden input. Or it is a
//! number x, of which x + 2²⁹ = 2¹⁶·high + low is shown with high ∈ [0, 2¹⁴) and low ∈ [0, 2¹⁶). That is below p, so
//! that there is one such pair.
//!
//! The next node is left + 1 − less, an expression: the next level's lookup decides whether it exists.

use crate::builder::{Builder, RANGE_TAG};
use crate::error::RelationError;
use crate::hint::Hint;
use crate::lower::{Halves, Lowering, size};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::forest::NUMBER_ORIGIN;
use ciro_graph::{ConstId, Forest, Input, ValueId};
use ciro_relation::rows::{log_ceil, wide};
use ciro_relation::{ColId, Expr, Operand, Product, Public, Rows, Span, Var, View};

/// Most trees of one forest.
const TREES_MAX: u32 = 1 << 16;

/// Deepest tree: each level adds columns.
const DEPTH_MAX: u32 = 64;

/// Most classes.
const CLASSES_MAX: u32 = 1 << 12;

/// What a forest reads, part by part.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    samples: usize,
    parts: Vec<Halves>,
}

impl Keys {
    /// How far the numbers of one sample's features are from those of the next.
    fn stride(&self) -> usize {
        let features = self.parts.iter().map(|part| part.len).fold(0, usize::saturating_add);
        features.checked_next_power_of_two().unwrap_or(usize::MAX)
    }
}

impl Lowering<'_> {
    /// What a forest reads of some values.
    pub(crate) fn keys(&mut self, values: &[ValueId]) -> Result<Keys, RelationError> {
        let mut parts = Vec::new();
        for &value in values {
            parts.extend(self.halves_of(value)?);
        }
        Ok(Keys { samples: self.samples, parts })
    }

    /// The halves of a value: columns that are there already, or that the verifier knows, or of a number.
    fn halves_of(&mut self, value: ValueId) -> Result<Vec<Halves>, RelationError> {
        if let Some(halves) = self.halves.get(&value) {
            return Ok(halves.clone());
        }
        let input = size(value.0);
        let halves = match self.b.program.inputs.get(input).filter(|input| input.is_ordered()) {
            Some(ordered) => self.public_halves(input, ordered),
            None => self.halves_of_number(value)?,
        };
        self.halves.insert(value, vec![halves]);
        Ok(vec![halves])
    }

    fn public_halves(&mut self, input: usize, ordered: &Input) -> Halves {
        let len = ordered.value_shape().iter().map(|&d| size(d)).fold(1, usize::saturating_mul);
        let rows = Rows::new(&[self.samples, len]);
        let high =
            self.b.public("input high", Public::InputBits { input, rows: rows.clone(), shift: 16 }, rows.clone());
        let low = self.b.public("input low", Public::InputBits { input, rows: rows.clone(), shift: 0 }, rows);
        Halves { len, high, low }
    }

    fn halves_of_number(&mut self, value: ValueId) -> Result<Halves, RelationError> {
        let x = self.val(value)?;
        let reads_a_row = x.dims.iter().skip(1).filter(|&&d| d != 1).count() <= 1;
        if !reads_a_row || x.lo < -NUMBER_ORIGIN || x.hi >= NUMBER_ORIGIN {
            return Err(RelationError::Misplaced {
                node: self.b.node, reason: "trees read rows of numbers below 2²⁹"
            });
        }
        let rows = x.rows();
        let mask = self.b.mask(&rows);
        let image = x.expr.plus_col(NUMBER_ORIGIN, mask);
        let high = self.b.witness("number high", &rows);
        self.b.hint(Hint::ShiftRight { col: high, expr: image.clone(), shift: 16 });
        let low = self.b.materialize("number low", &rows, &image.plus_col(-(1 << 16), high));
        self.b.range("number high", &rows, &Expr::column(high), 14)?;
        self.b.range("number low", &rows, &Expr::column(low), 16)?;
        Ok(Halves { len: x.dims.iter().skip(1).product(), high, low })
    }
}

struct Tables {
    node: usize,
    input: usize,
    /// feature, threshold_hi, threshold_lo, left
    node_columns: [ColId; 4],
    /// High and low halves of what is read, part by part.
    halves: [Arc<[ColId]>; 2],
    stride: usize,
}

/// The rows of a forest's columns.
struct Walk {
    samples: usize,
    /// (sample, tree).
    rows: Rows,
    /// On each row the number of its tree, and what the numbers of its sample's features begin with.
    tree: Expr,
    first: Expr,
}

impl Walk {
    fn new(b: &mut Builder<'_>, x: &Keys, trees: usize) -> Self {
        let root = b.public("root", Public::Index, Rows::vector(trees));
        let dims = [x.samples, trees];
        let tree = repeated(b, root, dims, 1);
        let mut first = Expr::default();
        if x.samples > 1 {
            let sample = b.public("sample", Public::Index, Rows::vector(x.samples));
            first = repeated(b, sample, dims, 0).times(i64::try_from(x.stride()).unwrap_or(i64::MAX));
        }
        Self { samples: x.samples, rows: Rows::new(&dims), tree, first }
    }
}

/// A column of one dimension of (sample, tree), repeated along the other.
fn repeated(b: &mut Builder<'_>, of: ColId, dims: [usize; 2], own: usize) -> Expr {
    let [sample, tree] = dims.map(|d| wide(log_ceil(d)));
    let spans = [Span { start: 0, bits: sample, len: dims[0] }, Span { start: sample, bits: tree, len: dims[1] }];
    let (own, other) = if own == 0 { (spans[0], spans[1]) } else { (spans[1], spans[0]) };
    if other.len == 1 {
        return Expr::column(of);
    }
    let repeats = if other.len.is_power_of_two() { Vec::new() } else { vec![other] };
    let view = View { of, bits: (own.start..own.start.saturating_add(own.bits)).collect(), repeats };
    Expr::column(b.view("repeated", view, Rows::new(&dims)))
}

impl Builder<'_> {
    /// The class sums of `forest`.
    pub(crate) fn forest(&mut self, x: &Keys, forest: &Forest) -> Result<Expr, RelationError> {
        self.limit("trees", forest.trees, TREES_MAX)?;
        self.limit("depth", forest.depth, DEPTH_MAX)?;
        self.limit("classes", forest.classes, CLASSES_MAX)?;
        let tables = tables(self, x, forest)?;
        let walk = Walk::new(self, x, size(forest.trees));
        // Roots are nodes 0..trees.
        let mut node = walk.tree.clone();
        for _ in 0..forest.depth {
            node = step(self, &tables, &node, &walk)?;
        }
        sums(self, &node, &walk, forest)
    }
}

fn constant_len(b: &Builder<'_>, id: ConstId) -> usize {
    b.program.constants.get(size(id.0)).map_or(0, |c| size(c.len()))
}

fn tables(b: &mut Builder<'_>, x: &Keys, forest: &Forest) -> Result<Tables, RelationError> {
    let nodes = constant_len(b, forest.feature);
    let feature = b.constant_vector("node feature", forest.feature, nodes)?;
    let hi = b.constant_vector("node threshold high", forest.threshold_hi, nodes)?;
    let lo = b.constant_vector("node threshold low", forest.threshold_lo, nodes)?;
    let left = b.constant_vector("node left", forest.left, nodes)?;
    let node_index = b.public("node", Public::Index, Rows::vector(nodes));
    let node = b.table(nodes, vec![node_index, feature, hi, lo, left]);

    let input = input_table(b, x);
    let halves = [x.parts.iter().map(|part| part.high).collect(), x.parts.iter().map(|part| part.low).collect()];
    Ok(Tables { node, input, node_columns: [feature, hi, lo, left], halves, stride: x.stride() })
}

/// The tag of the table (number of the feature, high, low), part by part.
fn input_table(b: &mut Builder<'_>, x: &Keys) -> usize {
    let (mut tag, mut first) = (None, 0usize);
    for part in &x.parts {
        let rows = Rows::new(&[x.samples, part.len]);
        let numbers = Public::Numbers { log_row: log_ceil(part.len), stride: x.stride(), first };
        let tuple = vec![b.public("feature", numbers, rows.clone()), part.high, part.low];
        match tag {
            None => tag = Some(b.table_of_rows(rows, tuple)),
            Some(tag) => b.more_of_table(tag, rows, tuple),
        }
        first = first.saturating_add(part.len);
    }
    tag.unwrap_or(RANGE_TAG)
}

fn gathered(b: &mut Builder<'_>, name: &'static str, index: &Expr, table: ColId, rows: &Rows) -> ColId {
    let col = b.witness(name, rows);
    b.hint(Hint::Gather { col, index: index.clone(), table });
    col
}

/// One level: from `node` to the child that the input chooses.
///
/// Example: x = 1·2¹⁶ + 3 at a threshold of 1·2¹⁶ + 5. 3 − 5 borrows; 1 − 1 − 1 is negative: less = 1, and the walk goes to `left`. With x = 1·2¹⁶ + 5 it goes to
/// `left + 1`.
fn step(b: &mut Builder<'_>, tables: &Tables, node: &Expr, walk: &Walk) -> Result<Expr, RelationError> {
    let trees = &walk.rows;
    let [feature, hi, lo, left] = tables.node_columns;
    let feature = gathered(b, "feature", node, feature, trees);
    let hi = gathered(b, "threshold high", node, hi, trees);
    let lo = gathered(b, "threshold low", node, lo, trees);
    let left = gathered(b, "left child", node, left, trees);
    let row = [feature, hi, lo, left].map(Expr::column);
    b.lookup(trees, tables.node, [node.clone()].into_iter().chain(row).collect());

    let by_feature = Expr::column(feature).plus(1, &walk.first);
    let [high, low] = &tables.halves;
    let [x_high, x_low] = [("value high", high), ("value low", low)].map(|(name, parts)| {
        let col = b.witness(name, trees);
        let (index, parts, stride) = (by_feature.clone(), Arc::clone(parts), tables.stride);
        b.hint(Hint::GatherParts { col, index, parts, stride });
        col
    });
    b.lookup(trees, tables.input, vec![by_feature, Expr::column(x_high), Expr::column(x_low)]);

    let low_gap = Expr::column(x_low).plus_col(-1, lo);
    let borrow = b.negative("borrow", &low_gap, trees)?;
    let high_gap = Expr::column(x_high).plus_col(-1, hi).plus_col(-1, borrow);
    let less = b.negative("less", &high_gap, trees)?;
    let mask = b.mask(trees);
    Ok(Expr::column(left).plus_col(1, mask).plus_col(-1, less))
}

/// Leaf values by lookup, then their sums by class.
///
/// Example: two trees of class 0 end in leaves of 4 and −1, one of class 1 in a leaf of 7. The sums are 3 and 7.
fn sums(b: &mut Builder<'_>, leaf: &Expr, walk: &Walk, forest: &Forest) -> Result<Expr, RelationError> {
    let (classes, width) = (size(forest.classes), forest.values.len());
    if width != size(forest.leaf_width) || !(width == 1 || width == classes) {
        return Err(RelationError::Misplaced { node: b.node, reason: "a leaf has one value or one per class" });
    }
    let leaves = constant_len(b, forest.leaf);
    let keys = b.constant_vector("leaf", forest.leaf, leaves)?;
    let mut columns = vec![keys];
    for &id in &forest.values {
        columns.push(b.constant_vector("leaf value", id, leaves)?);
    }
    let rows = &walk.rows;
    let (block, values) = b.witness_block("leaf value", rows, width);
    let mut tuple: Vec<Expr> = vec![leaf.clone()];
    for (&col, &table) in values.iter().zip(columns.iter().skip(1)) {
        b.hint(Hint::GatherByKey { col, key: leaf.clone(), keys, table });
        tuple.push(Expr::column(col));
    }
    let tag = b.table(leaves, columns);
    b.lookup(rows, tag, tuple);
    Ok(Expr::column(by_class(b, walk, forest, block, &values)))
}

/// The sums over trees: of values that stand for one class each, or of a block (class, sample, tree).
fn by_class(b: &mut Builder<'_>, walk: &Walk, forest: &Forest, block: ColId, values: &[ColId]) -> ColId {
    let (trees, classes) = (size(forest.trees), size(forest.classes));
    let [sample, tree, class] = [walk.samples, trees, classes].map(|d| wide(log_ceil(d)));
    let sum: Vec<Var> = (0..tree).map(Var::Sum).collect();
    let of_sample: Vec<Var> = (0..sample).map(Var::Out).collect();
    let of_class: Vec<Var> = (sample..sample.saturating_add(class)).map(Var::Out).collect();
    let [left, right] = match values {
        &[value] if !forest.tree_class.is_empty() => {
            let log_cols = log_ceil(classes);
            let public = Public::ClassOfRow { class: forest.tree_class.clone(), log_cols };
            let matrix = b.public_matrix("class of tree", public, log_ceil(trees).saturating_add(log_cols));
            let values = Operand { col: value, vars: [of_sample, sum.clone()].concat() };
            [values, Operand { col: matrix, vars: [sum, of_class].concat() }]
        }
        _ => {
            let ones = Operand { col: b.mask(&Rows::vector(trees)), vars: sum.clone() };
            [ones, Operand { col: block, vars: [of_class, of_sample, sum].concat() }]
        }
    };
    b.product(Rows::new(&[walk.samples, classes]), None, |out| Product {
        out,
        a: left,
        b: right,
        log_sum: log_ceil(trees),
        tied: Vec::new(),
    })
}
