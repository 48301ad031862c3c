//! Functions of a single number that are constant between thresholds: encoded categories, bins, comparisons with constants.
//!
//! Each is a tree of that one feature, with a value of its own at each leaf. See [`super::leaves`] for what is computed
//! from such a value. They are exact where the number is an input that nothing computes with.

use super::builder::Bound;
use super::builder::spend;
use super::ctx::Ctx;
use super::leaves::joined;
use super::{Ensemble, Id, Kind, Mode, Step, TreeNode};
use crate::error::CompileError;
use crate::onnx::{Data, Tensor};
use std::cmp::Ordering;

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

/// The trees of the pairs of so many classes: each votes for the first one where its number is positive, else for the second.
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

/// Largest category: whole numbers up to here are float32 numbers, and so is the next one.
const CATEGORY_MAX: i64 = 1 << 23;

/// A function that is constant between thresholds.
pub(super) struct Stairs {
    /// Ascending: the function changes at each of them.
    thresholds: Vec<f32>,
    /// What it is below the first, between each two, and from the last on.
    values: Vec<Vec<f32>>,
    /// Whether a missing value counts as one below all, or as one above.
    missing_below: bool,
}

impl Stairs {
    /// What `values` gives at each threshold, and below all of them.
    pub(super) fn at(mut thresholds: Vec<f32>, values: impl Fn(f32) -> Vec<f32>) -> Self {
        thresholds.sort_by(f32::total_cmp);
        thresholds.dedup_by_key(|threshold| threshold.to_bits());
        let all = [f32::NEG_INFINITY].iter().chain(&thresholds).map(|&start| values(start)).collect();
        Self { thresholds, values: all, missing_below: true }
    }

    /// A row for each category, `default` for everything else.
    pub(super) fn of_categories(categories: &[Category], rows: &[Vec<f32>], default: &[f32]) -> Self {
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
    fn tree(&self) -> Ensemble {
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

    /// Appends the step that computes this of x, a single number.
    pub(super) fn push(&self, ctx: &mut Ctx<'_>, x: Id) -> Id {
        let tree = self.tree();
        let len = tree.classes;
        let id = ctx.push(Kind::Trees(tree), vec![x], len);
        ctx.builder.stairs.insert(id);
        id
    }
}

/// The numbers that count as one category: from `start` to below `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Category {
    start: f32,
    end: f32,
}

impl Category {
    /// All numbers that are cut off to a whole one.
    pub(super) fn whole(c: i64) -> Option<Self> {
        if !(-CATEGORY_MAX..=CATEGORY_MAX).contains(&c) {
            return None;
        }
        let start = if c > 0 { c as f32 } else { ((c - 1) as f32).next_up() };
        let end = if c < 0 { (c as f32).next_up() } else { (c + 1) as f32 };
        Some(Self { start, end })
    }

    /// One number.
    pub(super) fn number(x: f32) -> Option<Self> {
        x.is_finite().then(|| Self { start: x, end: x.next_up() })
    }
}

/// Numbers or class labels in their places: what `Concat` puts together. Stairs become one forest, which reads what they read.
pub(super) fn together(ctx: &mut Ctx<'_>, parts: &[(Id, usize)]) -> Id {
    let places: Vec<(Id, usize)> = parts.iter().flat_map(|&(id, len)| (0..len).map(move |i| (id, i))).collect();
    let stairs: Vec<Id> = parts.iter().map(|part| part.0).filter(|id| ctx.builder.stairs.contains(id)).collect();
    if stairs.len() < 2 {
        return picked(ctx, &places);
    }
    let (forest, starts) = one_forest(ctx, &stairs);
    let moved = |(id, i): (Id, usize)| match stairs.iter().position(|stair| *stair == id) {
        Some(k) => (forest, starts[k] + i),
        None => (id, i),
    };
    let places: Vec<(Id, usize)> = places.into_iter().map(moved).collect();
    let is_whole = places.iter().copied().eq((0..ctx.builder.plan.len(forest)).map(|i| (forest, i)));
    if is_whole { forest } else { picked(ctx, &places) }
}

/// Appends the step of elements (value, element).
pub(super) fn picked(ctx: &mut Ctx<'_>, places: &[(Id, usize)]) -> Id {
    let mut operands: Vec<Id> = Vec::new();
    let mut numbered = Vec::with_capacity(places.len());
    for &(id, element) in places {
        let operand = operands.iter().position(|operand| *operand == id).unwrap_or(operands.len());
        if operand == operands.len() {
            operands.push(id);
        }
        numbered.push((operand, element));
    }
    ctx.push(Kind::Pick(numbered), operands, places.len())
}

/// Stairs as one forest, and where the results of each begin.
fn one_forest(ctx: &mut Ctx<'_>, stairs: &[Id]) -> (Id, Vec<usize>) {
    let trees: Vec<(Ensemble, Id)> = stairs.iter().filter_map(|&id| tree_of(ctx, id)).collect();
    let read: Vec<(Id, usize)> =
        trees.iter().flat_map(|(_, x)| (0..ctx.builder.plan.len(*x)).map(move |i| (*x, i))).collect();
    let x = picked(ctx, &read);
    let (mut starts, mut features, mut classes) = (Vec::new(), 0, 0);
    let mut all: Option<Ensemble> = None;
    for (mut tree, x) in trees {
        for node in &mut tree.nodes {
            match node {
                TreeNode::Split { feature, .. } => *feature += features,
                TreeNode::Leaf(votes) => votes.iter_mut().for_each(|(class, _)| *class += classes),
            }
        }
        starts.push(classes);
        features += ctx.builder.plan.len(x);
        classes += tree.classes;
        all = Some(all.map_or(tree.clone(), |all| joined(all, &tree)));
    }
    let mut forest = all.unwrap_or(Stairs { thresholds: vec![], values: vec![vec![0.0]], missing_below: true }.tree());
    (forest.classes, forest.base) = (classes, vec![0.0; classes]);
    (ctx.push(Kind::Trees(forest), vec![x], classes), starts)
}

fn tree_of(ctx: &Ctx<'_>, id: Id) -> Option<(Ensemble, Id)> {
    let Step { kind: Kind::Trees(tree), operands, .. } = ctx.builder.plan.step(id)? else { return None };
    Some((tree.clone(), *operands.first()?))
}

/// Whether a value is picked from an input.
fn is_feature(ctx: &Ctx<'_>, mut id: Id) -> bool {
    let mut is_picked = false;
    while let Some(Step { kind: Kind::Pick(places), operands, .. }) = ctx.builder.plan.step(id) {
        let Some(&(operand, _)) = places.first() else { return false };
        (id, is_picked) = (operands[operand], true);
    }
    is_picked && id < ctx.builder.plan.inputs.len()
}

/// Reads a comparison of a single picked feature with constants, or with several of any number; `false` if it is neither.
pub(super) fn compared(ctx: &mut Ctx<'_>, operator: &str) -> Result<bool, CompileError> {
    let (Some(Bound::Value { id, dims }), Some(Bound::Const(Tensor { dims: own, data: Data::Floats(c) }))) =
        (ctx.operand(0)?, ctx.operand(1)?)
    else {
        return Ok(false);
    };
    let in_a_row = own.iter().product::<usize>() == own.last().copied().unwrap_or(1);
    if dims.iter().product::<usize>() != 1 || !in_a_row || !(c.len() > 1 || is_feature(ctx, id)) {
        return Ok(false);
    }
    let holds: fn(f32, f32) -> bool = match operator {
        "Less" => |x, c| x < c,
        "LessOrEqual" => |x, c| x <= c,
        "Greater" => |x, c| x > c,
        "GreaterOrEqual" => |x, c| x >= c,
        "Equal" => |x, c| x.partial_cmp(&c) == Some(Ordering::Equal),
        _ => return Ok(false),
    };
    if c.is_empty() {
        return Err(ctx.refuse(1, "numbers to compare with", "none"));
    }
    if let Some(got) = c.iter().find(|c| c.is_infinite()) {
        return Err(ctx.refuse(1, "finite numbers to compare with", got.to_string()));
    }
    spend(ctx.builder, ctx.node, (2 * c.len() + 1).saturating_mul(c.len()))?;
    let thresholds = c.iter().flat_map(|&c| [c, c.next_up()]).filter(|c| !c.is_nan()).collect();
    let mut stairs = Stairs::at(thresholds, |x| c.iter().map(|&c| f32::from(holds(x, c))).collect());
    // No comparison with a missing value holds.
    stairs.missing_below = !operator.starts_with("Less");
    let id = stairs.push(ctx, id);
    let mut dims = vec![1; dims.len().max(own.len()).max(1)];
    if let Some(last) = dims.last_mut() {
        *last = c.len();
    }
    ctx.bind(0, Bound::Value { id, dims });
    Ok(true)
}
