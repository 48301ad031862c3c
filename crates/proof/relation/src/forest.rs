//! The taken paths of a forest.
//!
//! One column per level and role, one row per tree. At each level the node's row is looked up in the model's node table, the
//! feature's value in the public input, and the comparison x < threshold is decided on 16-bit halves:
//!
//! - low − threshold_lo + 2¹⁶·borrow ∈ [0, 2¹⁶), borrow a bit;
//! - high − threshold_hi − borrow + 2¹⁶·less ∈ [0, 2¹⁶), less a bit: one exactly if x < threshold.
//!
//! A missing value needs nothing of its own: the input holds every feature twice (`Ingest::OrderedMissing`), and a node names the
//! copy in which a missing value decides as it should.
//!
//! The next node is left + 1 − less, an expression: the next level's lookup decides whether it exists.

use crate::builder::{Builder, RANGE_TAG};
use crate::hidden::Keys;
use crate::hint::Hint;
use crate::lower::size;
use crate::public::Public;
use crate::relation::{ColId, Expr, RelationError};
use crate::rows::{Rows, log_ceil};
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::{ConstId, Forest};

/// Most trees of one forest.
const TREES_MAX: u32 = 1 << 16;

/// Deepest tree: each level adds columns.
const DEPTH_MAX: u32 = 64;

/// Most classes.
const CLASSES_MAX: u32 = 1 << 12;

struct Tables {
    node: usize,
    input: usize,
    /// feature, threshold_hi, threshold_lo, left
    node_columns: [ColId; 4],
    keys: Keys,
}

/// The class sums of `forest` on an ordered input of `features` elements.
pub(crate) fn lower(b: &mut Builder<'_>, keys: &Keys, features: usize, forest: &Forest) -> Result<Expr, RelationError> {
    b.limit("trees", forest.trees, TREES_MAX)?;
    b.limit("depth", forest.depth, DEPTH_MAX)?;
    b.limit("classes", forest.classes, CLASSES_MAX)?;
    let trees = size(forest.trees);
    let tables = tables(b, keys, features, forest)?;
    // Roots are nodes 0..trees.
    let mut node = Expr::column(b.public("root", Public::Index, Rows::vector(trees)));
    for _ in 0..forest.depth {
        node = step(b, &tables, &node, &Rows::vector(trees))?;
    }
    sums(b, &node, forest)
}

fn constant_len(b: &Builder<'_>, id: ConstId) -> usize {
    b.program.constants.get(size(id.0)).map_or(0, |c| size(c.len()))
}

fn tables(b: &mut Builder<'_>, keys: &Keys, features: usize, forest: &Forest) -> Result<Tables, RelationError> {
    let nodes = constant_len(b, forest.feature);
    let feature = b.constant_vector("node feature", forest.feature, nodes)?;
    let hi = b.constant_vector("node threshold high", forest.threshold_hi, nodes)?;
    let lo = b.constant_vector("node threshold low", forest.threshold_lo, nodes)?;
    let left = b.constant_vector("node left", forest.left, nodes)?;
    let node_index = b.public("node", Public::Index, Rows::vector(nodes));
    let node = b.table(nodes, vec![node_index, feature, hi, lo, left]);

    let input = input_table(b, keys, features);
    Ok(Tables { node, input, node_columns: [feature, hi, lo, left], keys: keys.clone() })
}

/// The tag of the table (feature, high, low): the copies of the input one after the other.
fn input_table(b: &mut Builder<'_>, keys: &Keys, features: usize) -> usize {
    let rows = Rows::vector(features.checked_div(keys.high.len()).unwrap_or(features));
    let mut tag = None;
    for (copy, (&high, &low)) in keys.high.iter().zip(&keys.low).enumerate() {
        let first = copy.saturating_mul(rows.real());
        let index = if first == 0 { Public::Index } else { Public::IndexFrom { first } };
        let tuple = vec![b.public("feature", index, rows.clone()), high, low];
        match tag {
            None => tag = Some(b.table(rows.real(), tuple)),
            Some(tag) => b.more_of_table(tag, rows.real(), tuple),
        }
    }
    tag.unwrap_or(RANGE_TAG)
}

fn gathered(b: &mut Builder<'_>, name: &'static str, index: &Expr, table: ColId, rows: &Rows) -> ColId {
    let col = b.witness(name, rows);
    b.hint(Hint::Gather { col, index: index.clone(), table });
    col
}

/// One level: from `node` to the child that the input chooses.
fn step(b: &mut Builder<'_>, tables: &Tables, node: &Expr, trees: &Rows) -> Result<Expr, RelationError> {
    let [feature, hi, lo, left] = tables.node_columns;
    let feature = gathered(b, "feature", node, feature, trees);
    let hi = gathered(b, "threshold high", node, hi, trees);
    let lo = gathered(b, "threshold low", node, lo, trees);
    let left = gathered(b, "left child", node, left, trees);
    let row = [feature, hi, lo, left].map(Expr::column);
    b.lookup(trees, tables.node, [node.clone()].into_iter().chain(row).collect());

    let by_feature = Expr::column(feature);
    let [x_high, x_low] = [("value high", &tables.keys.high), ("value low", &tables.keys.low)].map(|(name, parts)| {
        let col = b.witness(name, trees);
        b.hint(Hint::GatherParts { col, index: by_feature.clone(), parts: parts.clone() });
        col
    });
    b.lookup(trees, tables.input, vec![by_feature, Expr::column(x_high), Expr::column(x_low)]);

    let low_gap = Expr::column(x_low).plus_col(-1, lo);
    let borrow = flag(b, "borrow", &low_gap, trees)?;
    let high_gap = Expr::column(x_high).plus_col(-1, hi).plus_col(-1, borrow);
    let less = flag(b, "less", &high_gap, trees)?;
    let mask = b.mask(trees);
    Ok(Expr::column(left).plus_col(1, mask).plus_col(-1, less))
}

/// The bit that says `gap` < 0, for |gap| ≤ 2¹⁶: gap + 2¹⁶·bit must be a 16-bit number.
pub(crate) fn flag(b: &mut Builder<'_>, name: &'static str, gap: &Expr, rows: &Rows) -> Result<ColId, RelationError> {
    let bit = b.witness(name, rows);
    b.hint(Hint::Negative { flag: bit, expr: gap.clone() });
    b.constrain_bit(name, rows, bit);
    b.range(name, rows, &gap.clone().plus_col(1 << 16, bit), 16)?;
    Ok(bit)
}

/// Leaf values by lookup, then their sums by class.
fn sums(b: &mut Builder<'_>, leaf: &Expr, forest: &Forest) -> Result<Expr, RelationError> {
    let (trees, classes, width) = (size(forest.trees), size(forest.classes), forest.values.len());
    if width != size(forest.leaf_width) || !(width == 1 || width == classes) {
        return Err(RelationError::Misplaced { node: b.node, reason: "a leaf has one value or one per class" });
    }
    let leaves = constant_len(b, forest.leaf);
    let keys = b.constant_vector("leaf", forest.leaf, leaves)?;
    let mut columns = vec![keys];
    for &id in &forest.values {
        columns.push(b.constant_vector("leaf value", id, leaves)?);
    }
    let rows = Rows::vector(trees);
    let (block, values) = b.witness_block("leaf value", &rows, width);
    let mut tuple: Vec<Expr> = vec![leaf.clone()];
    for (&col, &table) in values.iter().zip(columns.iter().skip(1)) {
        b.hint(Hint::GatherByKey { col, key: leaf.clone(), keys, table });
        tuple.push(Expr::column(col));
    }
    let tag = b.table(leaves, columns);
    b.lookup(&rows, tag, tuple);
    let out = match values.as_slice() {
        [value] if !forest.tree_class.is_empty() => {
            let log_cols = log_ceil(classes);
            let public = Public::ClassOfRow { class: forest.tree_class.clone(), log_cols };
            let matrix = b.public_matrix("class of tree", public, log_ceil(trees) + log_cols);
            b.vector_times_matrix(*value, matrix, trees, classes, false)
        }
        _ => {
            let ones = b.mask(&rows);
            b.vector_times_matrix(ones, block, trees, classes, true)
        }
    };
    Ok(Expr::column(out))
}
