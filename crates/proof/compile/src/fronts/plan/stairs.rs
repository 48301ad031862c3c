//! Functions of a single number that are constant between thresholds: encoded categories, bins, comparisons with constants.
//!
//! Each is a tree of that one feature, with a value of its own at each leaf. See [`super::leaves`] for what is computed
//! from such a value. They are exact where the number is an input that nothing computes with.

use super::builder::{Bound, spend};
use super::ctx::Ctx;
use super::leaves::joined;
use crate::fronts::onnx::{Data, Tensor};
use crate::graph::forest::{Ensemble, TreeNode};
use crate::graph::operators::Operator;
use crate::graph::plan::{Id, Kind, Step};
use crate::graph::stairs::Stairs;
use crate::terms::error::CompileError;
use std::cmp::Ordering;

impl Stairs {
    /// Appends the step that computes this of x, a single number.
    pub(super) fn push(&self, ctx: &mut Ctx<'_>, x: Id) -> Id {
        let tree = self.tree();
        let len = tree.classes;
        let id = ctx.push(Kind::Trees(tree), vec![x], len);
        ctx.builder.stairs.insert(id);
        id
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
    let mut forest = all.unwrap_or(Stairs::at(vec![], |_| vec![0.0]).tree());
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
pub(super) fn compared(ctx: &mut Ctx<'_>, operator: Operator) -> Result<bool, CompileError> {
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
        Operator::Less => |x, c| x < c,
        Operator::LessOrEqual => |x, c| x <= c,
        Operator::Greater => |x, c| x > c,
        Operator::GreaterOrEqual => |x, c| x >= c,
        Operator::Equal => |x, c| x.partial_cmp(&c) == Some(Ordering::Equal),
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
    stairs.missing_below = !matches!(operator, Operator::Less | Operator::LessOrEqual);
    let id = stairs.push(ctx, id);
    let mut dims = vec![1; dims.len().max(own.len()).max(1)];
    if let Some(last) = dims.last_mut() {
        *last = c.len();
    }
    ctx.bind(0, Bound::Value { id, dims });
    Ok(true)
}
