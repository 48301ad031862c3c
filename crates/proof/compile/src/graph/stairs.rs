//! Functions of a single number that are constant between thresholds, as trees with a value at each leaf.

use super::forest::{Ensemble, Mode, TreeNode};
use std::cmp::Ordering;

/// Largest category: whole numbers up to here are float32 numbers, and so is the next one.
const CATEGORY_MAX: i64 = 1 << 23;

/// A function that is constant between thresholds.
pub(crate) struct Stairs {
    /// Ascending: the function changes at each of them.
    thresholds: Vec<f32>,
    /// What it is below the first, between each two, and from the last on.
    values: Vec<Vec<f32>>,
    /// Whether a missing value counts as one below all, or as one above.
    pub(crate) missing_below: bool,
}

impl Stairs {
    /// What `values` gives at each threshold, and below all of them.
    pub(crate) fn at(mut thresholds: Vec<f32>, values: impl Fn(f32) -> Vec<f32>) -> Self {
        thresholds.sort_by(f32::total_cmp);
        thresholds.dedup_by_key(|threshold| threshold.to_bits());
        let all = [f32::NEG_INFINITY].iter().chain(&thresholds).map(|&start| values(start)).collect();
        Self { thresholds, values: all, missing_below: true }
    }

    /// A row for each category, `default` for everything else.
    pub(crate) fn of_categories(categories: &[Category], rows: &[Vec<f32>], default: &[f32]) -> Self {
        let mut order: Vec<(Category, &Vec<f32>)> = categories.iter().copied().zip(rows).collect();
        // Of equal categories, the first one counts. Others do not overlap, so that only the last to begin can have a number.
        order.sort_by(|(a, _), (b, _)| a.start.partial_cmp(&b.start).unwrap_or(Ordering::Equal));
        order.dedup_by(|(later, _), (first, _)| later.start.partial_cmp(&first.start) == Some(Ordering::Equal));
        let ends = order.iter().flat_map(|(category, _)| [category.start, category.end]).collect();
        Self::at(ends, |x| {
            let begun = order.partition_point(|(category, _)| category.start <= x);
            let last = begun.checked_sub(1).map(|i| &order[i]).filter(|(category, _)| x < category.end);
            last.map_or(default, |(_, row)| row).to_vec()
        })
    }

    /// The tree, with thresholds halved at each step.
    pub(crate) fn tree(&self) -> Ensemble {
        let classes = self.values.first().map_or(1, Vec::len);
        let mut nodes = Vec::new();
        self.grow(&mut nodes, 0, self.values.len());
        Ensemble { roots: vec![0], nodes, classes, divisor: 1.0, base: vec![0.0; classes], takes_missing: true }
    }

    /// Appends the subtree of the values `from..to`.
    fn grow(&self, nodes: &mut Vec<TreeNode>, from: usize, to: usize) -> usize {
        let own = nodes.len();
        if to - from == 1 {
            let votes = self.values[from].iter().copied().enumerate();
            nodes.push(TreeNode::Leaf(votes.collect()));
            return own;
        }
        let middle = from + (to - from) / 2;
        nodes.push(TreeNode::Leaf(vec![]));
        let (yes, no) = (self.grow(nodes, from, middle), self.grow(nodes, middle, to));
        // What changes right behind a number is compared with that number: it is equal to itself whatever stands for it.
        let at = self.thresholds[middle - 1];
        let is_behind = self.thresholds[..middle - 1].last().is_some_and(|before| before.next_up() >= at);
        let (mode, threshold) = if is_behind { (Mode::Leq, at.next_down()) } else { (Mode::Lt, at) };
        let threshold = f64::from(threshold);
        nodes[own] = TreeNode::Split { feature: 0, mode, threshold, yes, no, missing_yes: self.missing_below };
        own
    }
}

/// The numbers that count as one category: from `start` to below `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Category {
    start: f32,
    end: f32,
}

impl Category {
    /// All numbers that are cut off to a whole one.
    pub(crate) fn whole(c: i64) -> Option<Self> {
        if !(-CATEGORY_MAX..=CATEGORY_MAX).contains(&c) {
            return None;
        }
        let start = if c > 0 { c as f32 } else { ((c - 1) as f32).next_up() };
        let end = if c < 0 { (c as f32).next_up() } else { (c + 1) as f32 };
        Some(Self { start, end })
    }

    /// One number.
    pub(crate) fn number(x: f32) -> Option<Self> {
        x.is_finite().then(|| Self { start: x, end: x.next_up() })
    }
}

/// The tree of one number that votes for a class by the thresholds below it.
pub(crate) fn one_hot(thresholds: Vec<f32>, classes: usize) -> Ensemble {
    let mut tree = Stairs::at(thresholds, |x| vec![x]).tree();
    let leaves =
        tree.nodes.iter_mut().filter_map(|node| if let TreeNode::Leaf(votes) = node { Some(votes) } else { None });
    for (class, votes) in leaves.enumerate() {
        *votes = vec![(class, 1.0)];
    }
    (tree.classes, tree.base) = (classes, vec![0.0; classes]);
    tree
}

/// One tree for each pair of so many classes. It votes for the first class where the pair's number is positive, else for the second.
pub(crate) fn one_of_votes(classes: usize) -> Ensemble {
    let pairs = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j)));
    let (mut roots, mut nodes) = (Vec::new(), Vec::new());
    for (feature, (i, j)) in pairs.enumerate() {
        let root = nodes.len();
        roots.push(root);
        let (yes, no) = (root + 1, root + 2);
        nodes.push(TreeNode::Split { feature, mode: Mode::Gt, threshold: 0.0, yes, no, missing_yes: false });
        nodes.extend([i, j].map(|class| TreeNode::Leaf(vec![(class, 1.0)])));
    }
    Ensemble { roots, nodes, classes, divisor: 1.0, base: vec![0.0; classes], takes_missing: false }
}

/// A tree for each of `len` elements: what `value` gives from each threshold on, and below all of them.
pub(crate) fn by_element(thresholds: &[f32], value: impl Fn(f32) -> f32, len: usize) -> Ensemble {
    let one = Stairs::at(thresholds.to_vec(), |v| vec![value(v)]).tree();
    let (mut roots, mut nodes) = (Vec::with_capacity(len), Vec::new());
    for element in 0..len {
        let start = nodes.len();
        roots.push(start + one.roots[0]);
        nodes.extend(one.nodes.iter().map(|node| match node {
            TreeNode::Split { mode, threshold, yes, no, missing_yes, .. } => TreeNode::Split {
                feature: element,
                mode: *mode,
                threshold: *threshold,
                yes: start + yes,
                no: start + no,
                missing_yes: *missing_yes,
            },
            TreeNode::Leaf(votes) => TreeNode::Leaf(votes.iter().map(|&(_, v)| (element, v)).collect()),
        }));
    }
    Ensemble { roots, nodes, classes: len, divisor: 1.0, base: vec![0.0; len], takes_missing: true }
}
