//! Forests: their structure, the walk, and the interval of their sums.

use crate::count::{signed, size};
use crate::interval::Interval;
use crate::program::ConstId;
use alloc::vec;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// What is added to a number where a forest reads it: images are not negative, and below 2³⁰.
pub const NUMBER_ORIGIN: i64 = 1 << 29;

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

/// Why tables do not describe a forest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForestError {
    /// A child that is not a later non-root pair of nodes.
    #[error("node {node}: children {left} and {left} + 1 are not two nodes below {nodes} beyond the roots")]
    Child {
        /// The parent.
        node: usize,
        /// Its left child.
        left: i64,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A node that two parents share, or that no parent has.
    #[error("node {node} does not have exactly one parent")]
    Parents {
        /// The node.
        node: usize,
    },
    /// A leaf deeper than the declared depth.
    #[error("node {node} lies deeper than {depth} steps")]
    TooDeep {
        /// The node.
        node: usize,
        /// The declared depth.
        depth: u32,
    },
    /// A feature that the input does not have.
    #[error("node {node}: expected a feature below {below}, got {got}")]
    Feature {
        /// The node.
        node: usize,
        /// Length of the input.
        below: u32,
        /// The feature.
        got: i32,
    },
    /// Half of a threshold that is not 16 bits.
    #[error("node {node}: threshold half {got} is not a 16-bit number")]
    Threshold {
        /// The node.
        node: usize,
        /// The half.
        got: i32,
    },
    /// A leaf that does not loop to itself with feature 0 and the largest threshold, or is missing from the leaf list.
    #[error("node {node} loops to itself without being a listed leaf, or is listed without looping")]
    Leaf {
        /// The node.
        node: usize,
    },
    /// Tables of different lengths (only in a model that was not checked).
    #[error("node {node} is not in every table")]
    Absent {
        /// The node.
        node: usize,
    },
    /// A walk that left the tables or did not end at a leaf (only in a model that was not checked).
    #[error("tree {tree}: the walk does not end at a leaf")]
    Walk {
        /// The tree.
        tree: usize,
    },
}

/// A forest's tables, borrowed from the weights.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    forest: &'a Forest,
    feature: &'a [i32],
    threshold_hi: &'a [i32],
    threshold_lo: &'a [i32],
    left: &'a [i32],
    leaf: &'a [i32],
}

impl<'a> Tables<'a> {
    /// The tables of `forest` in `weights`; `None` if a constant is missing.
    #[must_use]
    pub fn new(forest: &'a Forest, weights: &'a [Vec<i32>]) -> Option<Self> {
        let table = |id: ConstId| weights.get(size(id.0)).map(Vec::as_slice);
        Some(Self {
            forest,
            feature: table(forest.feature)?,
            threshold_hi: table(forest.threshold_hi)?,
            threshold_lo: table(forest.threshold_lo)?,
            left: table(forest.left)?,
            leaf: table(forest.leaf)?,
        })
    }

    /// The row in the leaf table at which tree `tree` ends on features `x` (images), after exactly `depth` steps.
    ///
    /// # Errors
    /// [`ForestError::Walk`] if tables that were not checked lead nowhere.
    pub fn walk(&self, tree: usize, x: &[i64]) -> Result<usize, ForestError> {
        let end = (0..self.forest.depth).try_fold(tree, |node, _| self.step(node, x));
        end.and_then(|node| self.leaf_row(node)).ok_or(ForestError::Walk { tree })
    }

    /// The child that a step from `node` leads to.
    #[must_use]
    pub fn step(&self, node: usize, x: &[i64]) -> Option<usize> {
        let feature = usize::try_from(*self.feature.get(node)?).ok()?;
        let left = usize::try_from(*self.left.get(node)?).ok()?;
        let [hi, lo] = [self.threshold_hi, self.threshold_lo].map(|halves| halves.get(node).copied());
        let threshold = i64::from(hi?).saturating_mul(1 << 16).saturating_add(i64::from(lo?));
        if *x.get(feature)? < threshold { Some(left) } else { left.checked_add(1) }
    }

    /// The row of a leaf in the leaf table.
    #[must_use]
    pub fn leaf_row(&self, node: usize) -> Option<usize> {
        self.leaf.binary_search(&i32::try_from(node).ok()?).ok()
    }

    /// Checks that the tables describe `trees` disjoint trees that fill the numbering, none deeper than `depth`, on an
    /// input of `features` elements. Returns the rows of each tree's leaves. Cost: linear in the nodes.
    ///
    /// # Errors
    /// [`ForestError`] at the first defect.
    pub fn check(&self, features: u32) -> Result<Vec<Vec<usize>>, ForestError> {
        self.check_leaf_list()?;
        for node in 0..self.left.len() {
            self.check_node(node, features)?;
        }
        let mut reached = vec![false; self.left.len()];
        let trees =
            (0..size(self.forest.trees)).map(|tree| self.leaves(tree, &mut reached)).collect::<Result<Vec<_>, _>>()?;
        match reached.iter().position(|r| !r) {
            Some(node) => Err(ForestError::Parents { node }),
            None => Ok(trees),
        }
    }

    /// Strictly increasing and in range: [`Self::leaf_row`] searches it.
    fn check_leaf_list(&self) -> Result<(), ForestError> {
        let mut above = -1;
        for &leaf in self.leaf {
            let node = usize::try_from(leaf).unwrap_or(usize::MAX);
            if leaf <= above || node >= self.left.len() {
                return Err(ForestError::Leaf { node });
            }
            above = leaf;
        }
        Ok(())
    }

    fn check_node(&self, node: usize, features: u32) -> Result<(), ForestError> {
        let tables = [self.feature, self.left, self.threshold_hi, self.threshold_lo];
        let [Some(feature), Some(left), Some(hi), Some(lo)] = tables.map(|table| table.get(node).copied()) else {
            return Err(ForestError::Absent { node });
        };
        let (left, halves) = (i64::from(left), [hi, lo]);
        if let Some(&got) = halves.iter().find(|half| !(0..=0xffff).contains(*half)) {
            return Err(ForestError::Threshold { node, got });
        }
        if u32::try_from(feature).map_or(true, |f| f >= features) {
            return Err(ForestError::Feature { node, below: features, got: feature });
        }
        let loops = left == signed(node);
        let at_rest = loops && feature == 0 && halves == [0xffff, 0xffff];
        if at_rest != self.leaf_row(node).is_some() || at_rest != loops {
            return Err(ForestError::Leaf { node });
        }
        let beyond_roots = i64::from(self.forest.trees)..signed(self.left.len()).saturating_sub(1);
        if !loops && !beyond_roots.contains(&left) {
            return Err(ForestError::Child { node, left, nodes: self.left.len() });
        }
        Ok(())
    }

    /// The leaf rows of one tree, marking its nodes; every node may be reached once only.
    fn leaves(&self, root: usize, reached: &mut [bool]) -> Result<Vec<usize>, ForestError> {
        let (mut rows, mut stack) = (Vec::new(), vec![(root, 0u32)]);
        while let Some((node, depth)) = stack.pop() {
            let is_new = reached.get_mut(node).is_some_and(|reached| !core::mem::replace(reached, true));
            if !is_new {
                return Err(ForestError::Parents { node });
            }
            if depth > self.forest.depth {
                return Err(ForestError::TooDeep { node, depth: self.forest.depth });
            }
            match self.leaf_row(node) {
                Some(row) => rows.push(row),
                None => {
                    let left = self.left.get(node).and_then(|&left| usize::try_from(left).ok());
                    let left = left.ok_or(ForestError::Absent { node })?;
                    let below = depth.saturating_add(1);
                    stack.extend([(left, below), (left.saturating_add(1), below)]);
                }
            }
        }
        Ok(rows)
    }
}

/// Adds the leaf values of one tree, which ended at `row`, to the class sums.
#[must_use]
pub fn add_leaf(
    forest: &Forest,
    weights: &[Vec<i32>],
    tree: usize,
    row: usize,
    mut add: impl FnMut(usize, i64),
) -> Option<()> {
    for (position, id) in forest.values.iter().enumerate() {
        let value = *weights.get(size(id.0))?.get(row)?;
        let class = if forest.leaf_width == 1 { size(*forest.tree_class.get(tree)?) } else { position };
        add(class, i64::from(value));
    }
    Some(())
}

/// The interval around all class sums: per class, the sum over trees of the least and greatest leaf value.
/// `leaves` are the leaf rows of each tree.
#[must_use]
pub fn sum_interval(forest: &Forest, weights: &[Vec<i32>], leaves: &[Vec<usize>]) -> Option<Interval> {
    let mut sums = vec![Interval { lo: 0, hi: 0 }; size(forest.classes)];
    for (tree, rows) in leaves.iter().enumerate() {
        let mut ends: Vec<Option<Interval>> = vec![None; size(forest.classes)];
        for &row in rows {
            add_leaf(forest, weights, tree, row, |class, value| {
                let point = Interval { lo: value, hi: value };
                if let Some(end) = ends.get_mut(class) {
                    *end = Some(end.map_or(point, |end| end.union(point)));
                }
            })?;
        }
        for (sum, end) in sums.iter_mut().zip(ends) {
            *sum = end.map_or(*sum, |end| sum.plus(end));
        }
    }
    sums.into_iter().reduce(Interval::union)
}
