//! Forests written as tensors, read back as forests.
//!
//! Exporters without tree operators write a forest of T trees with I splits and L leaves each as
//!
//! ```text
//! turns   = Cast(x[features] ≤ thresholds)     Gather and a comparison: (T, 1, I) zeros and ones
//! sums    = MatMul(turns, path)                path (T, I, L): 1 if the leaf lies on the split's true side, −1 if on its false
//!                                              side, 0 if it does not lie below it
//! reached = Cast(sums ≥ ones)                  (or =) how many 1 the leaf has: its sum if all its turns are taken
//! y       = MatMul(reached, values)            (T·L, classes)
//! ```
//!
//! with reshapes between. Nothing of it is computed as tensors here. By `path`, each leaf is a conjunction of turns, and conjunctions that are
//! the leaves of one tree are put together again. What does not come out as a tree is left to the operators' own rules.

use super::builder::{Bound, Builder};
use crate::fronts::onnx::proto::{GraphProto, NodeProto, TYPE_BOOL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_INT32, TYPE_INT64};
use crate::fronts::onnx::{Data, Tensor};
use crate::fronts::shape::{axis, reshape, spread};
use crate::graph::forest::{Ensemble, Mode, TreeNode};
use crate::graph::plan::Id;
use std::collections::BTreeMap;

/// Deepest tree that is read back.
const DEPTH_MAX: u32 = 128;

/// A forest found in a graph.
pub(super) struct Found {
    /// The value whose elements are compared.
    pub(super) x: Id,
    pub(super) forest: Ensemble,
    /// The nodes that it stands for, by position in the graph; the last one produces its sums.
    pub(super) nodes: Vec<usize>,
}

/// A comparison: feature, mode, threshold.
#[derive(Clone, Copy)]
struct Split {
    feature: usize,
    mode: Mode,
    threshold: f32,
}

/// A leaf on its way into a tree, with its votes. `turns` are those that lead to it and are not yet taken: a split, and whether it holds.
struct Leaf {
    turns: BTreeMap<usize, bool>,
    votes: Vec<(usize, f32)>,
}

/// A graph and the positions of the nodes that read each name.
pub(super) struct Readers<'a> {
    graph: &'a GraphProto,
    of: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Readers<'a> {
    pub(super) fn of(graph: &'a GraphProto) -> Self {
        let mut of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (position, node) in graph.node.iter().enumerate() {
            node.input.iter().for_each(|name| of.entry(name).or_default().push(position));
        }
        Self { graph, of }
    }

    /// The one node that reads a name, if nothing else does.
    fn only(&self, name: &str) -> Option<(usize, &'a NodeProto)> {
        let [position] = self.of.get(name)?.as_slice() else { return None };
        let revealed = self.graph.output.iter().any(|output| output.name.as_deref() == Some(name));
        self.graph.node.get(*position).filter(|_| !revealed).map(|node| (*position, node))
    }
}

/// The forest that begins at node `first` of the graph, a Gather; `None` if there is none.
pub(super) fn find(builder: &Builder, readers: &Readers<'_>, first: usize) -> Option<Found> {
    let graph = readers.graph;
    let gather = graph.node.get(first).filter(|node| is(node, &["Gather"]))?;
    let (x, features, dims) = chosen_features(builder, graph, gather)?;
    let mut walk = Walk { builder, readers, nodes: vec![first], name: gather.output.first()?, dims };
    let splits = walk.comparisons(&features)?;
    walk.pass_forms()?;
    let paths = walk.paths(splits.len())?;
    walk.pass_forms()?;
    let values = walk.values(paths.trees * paths.leaves)?;
    let classes = *walk.dims.last()?;
    let mut forest = Ensemble {
        roots: vec![],
        nodes: vec![],
        classes,
        divisor: 1.0,
        base: vec![0.0; classes],
        takes_missing: false,
    };
    for tree in 0..paths.trees {
        let root = grow(&mut forest.nodes, &splits, paths.leaves_of(tree, &values, classes)?, 0)?;
        forest.roots.push(root);
    }
    Some(Found { x, forest, nodes: walk.nodes })
}

/// What the first Gather reads, the features it chooses, and their dimensions.
fn chosen_features(builder: &Builder, graph: &GraphProto, gather: &NodeProto) -> Option<(Id, Vec<usize>, Vec<usize>)> {
    let Some(Bound::Value { id, dims }) = builder.bound(gather.input.first()?) else { return None };
    let Tensor { dims: chosen, data: Data::Ints(indices) } = constant(builder, graph, gather.input.get(1)?)? else {
        return None;
    };
    let k = dims.iter().product();
    let at = axis(attribute(gather, "axis", 0), dims.len())?;
    if dims[at] != k || gather.attribute.iter().any(|a| a.name.as_deref() != Some("axis")) {
        return None;
    }
    let feature = |&i: &i64| usize::try_from(if i < 0 { i + k as i64 } else { i }).ok().filter(|&f| f < k);
    let features: Vec<usize> = indices.iter().map(feature).collect::<Option<_>>()?;
    let result = [&dims[..at], &chosen, &dims[at + 1..]].concat();
    Some((*id, features, result))
}

/// Whether a node is one of these operators of ai.onnx.
fn is(node: &NodeProto, operators: &[&str]) -> bool {
    let of_core = matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"));
    of_core && node.op_type.as_deref().is_some_and(|operator| operators.contains(&operator))
}

fn attribute(node: &NodeProto, name: &str, default: i64) -> i64 {
    let found = node.attribute.iter().find(|a| a.name.as_deref() == Some(name));
    found.and_then(|a| a.i).unwrap_or(default)
}

/// A constant by name: an initializer, or the result of a Constant further on.
fn constant(builder: &Builder, graph: &GraphProto, name: &str) -> Option<Tensor> {
    match builder.bound(name) {
        Some(Bound::Const(tensor)) => Some(tensor.clone()),
        Some(_) => None,
        None => {
            let made = |node: &&NodeProto| is(node, &["Constant"]) && node.output.iter().any(|output| output == name);
            let value = graph.node.iter().find(made)?.attribute.iter().find_map(|a| a.t.as_ref())?;
            Tensor::read(value).ok()
        }
    }
}

/// The way along a chain of values that only one node reads.
struct Walk<'a> {
    builder: &'a Builder,
    readers: &'a Readers<'a>,
    nodes: Vec<usize>,
    name: &'a str,
    dims: Vec<usize>,
}

impl<'a> Walk<'a> {
    /// The one node that reads the current value, if it is one of these operators.
    fn next(&self, operators: &[&str]) -> Option<(usize, &'a NodeProto)> {
        self.readers.only(self.name).filter(|(_, node)| is(node, operators))
    }

    fn go(&mut self, (position, node): (usize, &'a NodeProto), dims: Vec<usize>) -> Option<()> {
        self.nodes.push(position);
        self.name = node.output.first()?;
        self.dims = dims;
        Some(())
    }

    /// The operand other than the current value, as a constant, and whether it is the second one.
    fn other(&self, node: &NodeProto) -> Option<(Tensor, bool)> {
        let [a, b] = node.input.as_slice() else { return None };
        let second = a == self.name;
        Some((constant(self.builder, self.readers.graph, if second { b } else { a })?, second))
    }

    /// Passes what changes neither numbers nor their order.
    fn pass_forms(&mut self) -> Option<()> {
        while let Some((position, node)) = self.next(&["Cast", "Identity", "Reshape"]) {
            let dims = match node.op_type.as_deref() {
                Some("Cast") => {
                    // Zeros, ones and truth values are the same in every type.
                    let types = [TYPE_FLOAT, TYPE_DOUBLE, TYPE_INT32, TYPE_INT64, TYPE_BOOL].map(i64::from);
                    types.contains(&attribute(node, "to", 0)).then(|| self.dims.clone())?
                }
                Some("Reshape") => {
                    let Tensor { data: Data::Ints(to), .. } = self.other(node)?.0 else { return None };
                    reshape(&self.dims, &to, attribute(node, "allowzero", 0) != 0).ok()?
                }
                _ => self.dims.clone(),
            };
            self.go((position, node), dims)?;
        }
        Some(())
    }

    fn comparisons(&mut self, features: &[usize]) -> Option<Vec<Split>> {
        let (position, node) = self.next(&["Less", "LessOrEqual", "Greater", "GreaterOrEqual"])?;
        let (thresholds, second) = self.other(node)?;
        let thresholds = spread(&thresholds, &self.dims).filter(|all| !all.iter().any(|t| t.is_nan()))?;
        let mode = match (node.op_type.as_deref()?, second) {
            ("Less", true) | ("Greater", false) => Mode::Lt,
            ("LessOrEqual", true) | ("GreaterOrEqual", false) => Mode::Leq,
            ("Greater", true) | ("Less", false) => Mode::Gt,
            _ => Mode::Gte,
        };
        self.go((position, node), self.dims.clone())?;
        let split = |(&feature, threshold)| Split { feature, mode, threshold };
        Some(features.iter().zip(thresholds).map(split).collect())
    }

    /// The product with the paths, and its comparison with each leaf's count.
    fn paths(&mut self, splits: usize) -> Option<Paths> {
        let (position, node) = self.next(&["MatMul"])?;
        let (Tensor { dims, data: Data::Floats(cells) }, true) = self.other(node)? else { return None };
        let (trees, inner, leaves) = match *dims.as_slice() {
            [inner, leaves] => (1, inner, leaves),
            [trees, inner, leaves] => (trees, inner, leaves),
            _ => return None,
        };
        let rows_of_one =
            self.dims.split_last() == Some((&inner, &[trees, 1])) || (trees == 1 && self.dims == [1, inner]);
        // Without cells, nothing bounds the other dimensions.
        if cells.is_empty() || !rows_of_one || trees.checked_mul(inner)? != splits {
            return None;
        }
        let result =
            if self.dims.len() > dims.len() || dims.len() > 2 { vec![trees, 1, leaves] } else { vec![1, leaves] };
        self.go((position, node), result)?;
        self.pass_forms()?;
        let (position, node) = self.next(&["Equal", "GreaterOrEqual"])?;
        let (counts, second) = self.other(node)?;
        let counts = spread(&counts, &self.dims)?;
        let at_least = node.op_type.as_deref() == Some("GreaterOrEqual");
        if at_least && !second {
            return None;
        }
        self.go((position, node), self.dims.clone())?;
        Some(Paths { trees, inner, leaves, cells, counts, at_least })
    }

    fn values(&mut self, rows: usize) -> Option<Vec<f32>> {
        let (position, node) = self.next(&["MatMul"])?;
        let (Tensor { dims, data: Data::Floats(values) }, true) = self.other(node)? else { return None };
        let finite = values.iter().all(|v| v.is_finite());
        match dims.as_slice() {
            &[k, classes] if k == rows && classes > 0 && self.dims == [1, rows] && finite => {
                self.go((position, node), vec![1, classes])?;
                Some(values)
            }
            _ => None,
        }
    }
}

/// The matrices of all trees' paths, (trees, inner, leaves), and the sum that each leaf is compared with.
struct Paths {
    trees: usize,
    inner: usize,
    leaves: usize,
    cells: Vec<f32>,
    counts: Vec<f32>,
    at_least: bool,
}

impl Paths {
    /// The leaves of a tree that some input reaches, if each is reached by taking all its turns and not otherwise.
    fn leaves_of(&self, tree: usize, values: &[f32], classes: usize) -> Option<Vec<Leaf>> {
        let mut leaves = Vec::new();
        for l in 0..self.leaves {
            let row = tree * self.leaves + l;
            let turns = self.turns(tree, l)?;
            let ones = turns.values().filter(|&&holds| holds).count() as f32;
            let count = self.counts[row];
            if count > ones {
                continue;
            }
            let needs_all = if self.at_least { count > ones - 1.0 } else { (ones..=ones).contains(&count) };
            if !needs_all {
                return None;
            }
            let votes = values[row * classes..][..classes].iter().copied().enumerate();
            leaves.push(Leaf { turns, votes: votes.filter(|&(_, value)| value != 0.0).collect() });
        }
        Some(leaves)
    }

    /// The turns on the way to a leaf: splits of the whole forest, and whether they hold.
    fn turns(&self, tree: usize, leaf: usize) -> Option<BTreeMap<usize, bool>> {
        let mut turns = BTreeMap::new();
        for i in 0..self.inner {
            let split = tree * self.inner + i;
            let cell = self.cells[split * self.leaves + leaf];
            match cell {
                0.0 => {}
                1.0 | -1.0 => drop(turns.insert(split, cell > 0.0)),
                _ => return None,
            }
        }
        Some(turns)
    }
}

/// Puts leaves together to a tree and returns its root. The root is a split for which every leaf has a side. Below it are the trees of
/// either side. `None` if they are not the leaves of one tree.
fn grow(nodes: &mut Vec<TreeNode>, splits: &[Split], mut leaves: Vec<Leaf>, depth: u32) -> Option<usize> {
    let root = nodes.len();
    if let [leaf] = leaves.as_mut_slice() {
        nodes.push(TreeNode::Leaf(std::mem::take(&mut leaf.votes)));
        return leaf.turns.is_empty().then_some(root);
    }
    if depth == DEPTH_MAX {
        return None;
    }
    let chosen =
        *leaves.first()?.turns.keys().find(|split| leaves.iter().all(|leaf| leaf.turns.contains_key(split)))?;
    nodes.push(TreeNode::Leaf(vec![]));
    let (mut on_yes, mut on_no) = (Vec::new(), Vec::new());
    for mut leaf in leaves {
        let side = if leaf.turns.remove(&chosen)? { &mut on_yes } else { &mut on_no };
        side.push(leaf);
    }
    let yes = grow(nodes, splits, on_yes, depth + 1)?;
    let no = grow(nodes, splits, on_no, depth + 1)?;
    let Split { feature, mode, threshold } = splits[chosen];
    let threshold = f64::from(threshold);
    nodes[root] = TreeNode::Split { feature, mode, threshold, yes, no, missing_yes: false };
    Some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of three leaves: split 0, and split 1 on its false side.
    const PATH: [f32; 6] = [1.0, -1.0, -1.0, 0.0, 1.0, -1.0];

    fn paths(cells: &[f32], counts: &[f32], at_least: bool) -> Paths {
        Paths { trees: 1, inner: 2, leaves: 3, cells: cells.to_vec(), counts: counts.to_vec(), at_least }
    }

    fn tree(paths: &Paths) -> Option<Vec<TreeNode>> {
        let splits = [0, 1].map(|feature| Split { feature, mode: Mode::Leq, threshold: 0.5 });
        let mut nodes = Vec::new();
        grow(&mut nodes, &splits, paths.leaves_of(0, &[1.0, 2.0, 3.0], 1)?, 0)?;
        Some(nodes)
    }

    #[test]
    fn conjunctions_come_back_as_the_tree_they_are_the_leaves_of() {
        for at_least in [true, false] {
            let nodes = tree(&paths(&PATH, &[1.0, 1.0, 0.0], at_least)).unwrap();
            let leaf = |at: usize| if let TreeNode::Leaf(votes) = &nodes[at] { votes[0].1 as i32 } else { 0 };
            let TreeNode::Split { feature: 0, yes, no, .. } = nodes[0] else { panic!("{nodes:?}") };
            let TreeNode::Split { feature: 1, yes: second, no: third, .. } = nodes[no] else { panic!("{nodes:?}") };
            assert_eq!([leaf(yes), leaf(second), leaf(third)], [1, 2, 3]);
        }
    }

    #[test]
    fn a_count_that_fewer_turns_meet_is_no_conjunction() {
        assert!(tree(&paths(&PATH, &[1.0, 0.0, 0.0], true)).is_none());
        assert!(tree(&paths(&PATH, &[1.0, 0.5, 0.0], false)).is_none());
        assert!(tree(&paths(&PATH, &[1.0, 0.5, 0.0], true)).is_some());
        assert!(tree(&paths(&PATH, &[f32::NAN, 1.0, 0.0], true)).is_none());
    }

    #[test]
    fn leaves_that_overlap_or_leave_a_gap_are_no_tree() {
        // The second leaf never reached: a gap.
        assert!(tree(&paths(&PATH, &[1.0, 9.0, 0.0], true)).is_none());
        // The second leaf as wide as the third.
        assert!(tree(&paths(&[1.0, -1.0, -1.0, 0.0, 0.0, -1.0], &[1.0, 0.0, 0.0], true)).is_none());
        // Two leaves with the same turns.
        assert!(tree(&paths(&[1.0, -1.0, -1.0, 0.0, 1.0, 1.0], &[1.0, 1.0, 1.0], true)).is_none());
        assert!(tree(&paths(&[2.0, -1.0, -1.0, 0.0, 1.0, -1.0], &[2.0, 1.0, 0.0], true)).is_none());
    }
}
