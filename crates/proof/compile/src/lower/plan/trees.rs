//! Forests as tables.

use super::parts::Parts;
use super::thresholds::{cut, imputed, is_monotone};
use crate::graph::forest::{Ensemble, TreeNode};
use crate::lower::builder::{Exponents, ProgramBuilder, Quant};
use crate::terms::error::{At, CompileError};
use ciro_graph::{Forest, MAX_MAGNITUDE, Op};
use std::collections::BTreeSet;

/// Finest scale of the leaves.
const LEAF_EXPONENT: i32 = 24;

/// The nodes of a forest that reads `parts`.
pub(super) fn lower(
    builder: &mut ProgramBuilder,
    at: &At,
    forest: &Ensemble,
    parts: &Parts<'_>,
) -> Result<Quant, CompileError> {
    let tables = Tables::of(builder, at, forest, parts)?;
    let exponents = leaf_exponents(forest, tables.tree_class(forest.roots.len()).is_none());
    let op = Op::Trees { parts: parts.ids(), forest: tables.into_forest(builder, at, forest, &exponents) };
    let sums = Quant { id: builder.node(at, op)?, exponents };
    with_base(builder, at, sums, &forest.base)
}

/// Bits by which classes may differ before they get scales of their own.
const ALIKE_BITS: i32 = 10;

/// The finest scale at which twice the largest possible sum still fits. Where trees vote for all classes, each class has its own scale if
/// that is much finer for some. Linear trees are an example: their sums are offsets and slopes.
fn leaf_exponents(forest: &Ensemble, votes_for_all: bool) -> Exponents {
    let finest = |bound: f64| {
        // Each leaf may round up by half a unit; the factor two leaves room for that as well.
        (MAX_MAGNITUDE as f64 / 2.0 / bound).log2().floor().clamp(-60.0, f64::from(LEAF_EXPONENT)) as i32
    };
    let each: Vec<i32> = largest_sums(forest).into_iter().map(|sum| finest(sum.max(f64::MIN_POSITIVE))).collect();
    let (least, most) = each.iter().fold((i32::MAX, i32::MIN), |(least, most), &e| (least.min(e), most.max(e)));
    if votes_for_all && most > least.saturating_add(ALIKE_BITS) {
        return Exponents::Each(each);
    }
    Exponents::Uniform(least)
}

fn largest_sums(forest: &Ensemble) -> Vec<f64> {
    let mut largest: Vec<f64> = forest.base.iter().map(|b| f64::from(*b).abs()).collect();
    for &root in &forest.roots {
        let mut stack = vec![root];
        let mut of_tree = vec![0.0f64; forest.classes];
        while let Some(node) = stack.pop() {
            match &forest.nodes[node] {
                TreeNode::Split { yes, no, .. } => stack.extend([yes, no]),
                TreeNode::Leaf(votes) => {
                    for (class, value) in leaf_values(forest, votes) {
                        of_tree[class] = of_tree[class].max(value.abs());
                    }
                }
            }
        }
        largest.iter_mut().zip(of_tree).for_each(|(sum, value)| *sum += value);
    }
    largest
}

/// Each class that a leaf votes for and what it adds, divisor included.
fn leaf_values(forest: &Ensemble, votes: &[(usize, f32)]) -> Vec<(usize, f64)> {
    let mut values: Vec<(usize, f64)> = Vec::new();
    for &(class, weight) in votes {
        let value = f64::from(weight) / f64::from(forest.divisor);
        match values.iter_mut().find(|(known, _)| *known == class) {
            Some((_, sum)) => *sum += value,
            None => values.push((class, value)),
        }
    }
    values
}

/// The tables of [`Forest`], except the leaves' values.
struct Tables<'a> {
    feature: Vec<i32>,
    threshold_hi: Vec<i32>,
    threshold_lo: Vec<i32>,
    left: Vec<i32>,
    leaf: Vec<i32>,
    votes: Vec<&'a [(usize, f32)]>,
    depth: u32,
    /// The tree that each node belongs to.
    tree: Vec<usize>,
}

impl<'a> Tables<'a> {
    /// Numbers the nodes breadth first: the roots, then pairs of children, the left one first.
    fn of(builder: &ProgramBuilder, at: &At, forest: &'a Ensemble, parts: &Parts<'_>) -> Result<Self, CompileError> {
        let mut tables = Self {
            feature: vec![],
            threshold_hi: vec![],
            threshold_lo: vec![],
            left: vec![],
            leaf: vec![],
            votes: vec![],
            depth: 1,
            tree: (0..forest.roots.len()).collect(),
        };
        let mut order: Vec<(usize, u32)> = forest.roots.iter().map(|&root| (root, 0)).collect();
        let mut at_node = 0;
        while let Some(&(node, level)) = order.get(at_node) {
            match &forest.nodes[node] {
                TreeNode::Leaf(votes) => tables.push_leaf(at_node, votes),
                TreeNode::Split { feature, mode, threshold, yes, no, missing_yes } => {
                    let monotone = parts.feature(builder, *feature).filter(|(steps, _)| is_monotone(steps));
                    let (steps, images) = monotone.ok_or_else(|| flat(at, *feature))?;
                    let imputed = imputed(steps).map(|x| mode.holds(x, *threshold));
                    let missing_yes = imputed.unwrap_or(*missing_yes);
                    let cut = cut(steps, images, *mode, *threshold);
                    let cut =
                        parts.lowest(builder, *feature).map_or(cut, |code| cut.or_missing(images, code, missing_yes));
                    let missing_left = missing_yes == cut.yes_below;
                    let place = parts.place(*feature, missing_left).ok_or_else(|| too_low(at, *feature, *threshold))?;
                    tables.push_node(place, parts.threshold(*feature, cut.threshold), order.len());
                    tables.tree.extend([tables.tree[at_node]; 2]);
                    tables.depth = tables.depth.max(level + 1);
                    let (left, right) = if cut.yes_below { (*yes, *no) } else { (*no, *yes) };
                    order.extend([(left, level + 1), (right, level + 1)]);
                }
            }
            at_node += 1;
        }
        Ok(tables)
    }

    fn push_leaf(&mut self, node: usize, votes: &'a [(usize, f32)]) {
        self.push_node(0, u32::MAX, node);
        self.leaf.push(node as i32);
        self.votes.push(votes);
    }

    fn push_node(&mut self, feature: usize, threshold: u32, left: usize) {
        self.feature.push(feature as i32);
        self.threshold_hi.push((threshold >> 16) as i32);
        self.threshold_lo.push((threshold & 0xffff) as i32);
        self.left.push(left as i32);
    }

    /// The one class that each tree votes for; `None` if a tree votes for several.
    fn tree_class(&self, trees: usize) -> Option<Vec<u32>> {
        let mut classes = vec![BTreeSet::new(); trees];
        for (&leaf, votes) in self.leaf.iter().zip(&self.votes) {
            classes[self.tree[leaf as usize]].extend(votes.iter().map(|&(class, _)| class as u32));
        }
        let one =
            |classes: BTreeSet<u32>| if classes.len() > 1 { None } else { Some(classes.first().copied().unwrap_or(0)) };
        classes.into_iter().map(one).collect()
    }

    fn into_forest(self, builder: &mut ProgramBuilder, at: &At, forest: &Ensemble, exponents: &Exponents) -> Forest {
        let of_class = |class: Option<usize>| -> Vec<i32> {
            let unit = f64::from(exponents.at(class.unwrap_or(0))).exp2();
            let value = |votes: &&[(usize, f32)]| {
                let values = leaf_values(forest, votes);
                let wanted = values.iter().find(|(c, _)| class.is_none_or(|class| *c == class));
                wanted.map_or(0, |(_, value)| (value * unit).round() as i32)
            };
            self.votes.iter().map(value).collect()
        };
        let tree_class = self.tree_class(forest.roots.len());
        let values: Vec<Vec<i32>> = match tree_class {
            Some(_) => vec![of_class(None)],
            None => (0..forest.classes).map(|class| of_class(Some(class))).collect(),
        };
        Forest {
            trees: forest.roots.len() as u32,
            depth: self.depth,
            classes: forest.classes as u32,
            leaf_width: values.len() as u32,
            tree_class: tree_class.unwrap_or_default(),
            feature: builder.constant(at, "feature", self.feature),
            threshold_hi: builder.constant(at, "threshold_hi", self.threshold_hi),
            threshold_lo: builder.constant(at, "threshold_lo", self.threshold_lo),
            left: builder.constant(at, "left", self.left),
            leaf: builder.constant(at, "leaf", self.leaf),
            values: values.into_iter().map(|column| builder.constant(at, "values", column)).collect(),
        }
    }
}

fn flat(at: &At, feature: usize) -> CompileError {
    CompileError::Form {
        at: at.clone(),
        what: format!("a split on feature {feature}, which is scaled by zero or by a number that is not finite"),
        hint: "drop the feature, or scale it by something else".into(),
    }
}

fn too_low(at: &At, feature: usize, threshold: f64) -> CompileError {
    CompileError::Form {
        at: at.clone(),
        what: format!(
            "a split at {threshold} on feature {feature}, below all numbers taken for it but not below a missing one"
        ),
        hint: "take a larger span or samples that reach the threshold, or impute the feature".into(),
    }
}

fn with_base(builder: &mut ProgramBuilder, at: &At, sums: Quant, base: &[f32]) -> Result<Quant, CompileError> {
    if base.iter().all(|&b| b == 0.0) {
        return Ok(sums);
    }
    let scaled = |(i, b): (usize, &f32)| (f64::from(*b) * f64::from(sums.exponents.at(i)).exp2()).round() as i32;
    let c = builder.constant(at, "base", base.iter().enumerate().map(scaled).collect());
    let id = builder.node(at, Op::AddConst { x: sums.id, c })?;
    Ok(Quant { id, exponents: sums.exponents })
}
