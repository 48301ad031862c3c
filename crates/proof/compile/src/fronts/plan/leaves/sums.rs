//! Sums of forests that read the same value: one forest.

use crate::fronts::onnx::node_at;
use crate::fronts::onnx::proto::NodeProto;
use crate::fronts::plan::builder::{Bound, Builder, spend};
use crate::graph::forest::{Ensemble, TreeNode};
use crate::graph::plan::{Id, Kind, Step};
use crate::terms::error::CompileError;

/// The sum of forests on one value as one forest.
pub(super) fn sum(builder: &mut Builder, node: &NodeProto) -> Result<Option<Bound>, CompileError> {
    let is_sum = matches!(node.op_type.as_deref(), Some("Sum" | "Add")) && node.input.len() > 1;
    if !is_sum || !node.domain.as_deref().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    let Some((x, dims)) = summands(builder, node) else { return Ok(None) };
    let sizes = node.input.iter().filter_map(|name| forest(builder, name)).map(|(forest, ..)| forest.nodes.len());
    let count = sizes.fold(0, usize::saturating_add);
    spend(builder, node, count)?;
    let mut forests = node.input.iter().filter_map(|name| forest(builder, name)).map(|(forest, ..)| forest);
    let Some(sum) = forests.next().cloned() else { return Ok(None) };
    let sum = forests.fold(sum, joined);
    let len = sum.classes;
    let id = builder.push(Step { at: node_at(node), kind: Kind::Trees(sum), operands: vec![x], len });
    Ok(Some(Bound::Value { id, dims }))
}

/// The forest that a name stands for, what it reads, and its dimensions.
fn forest<'a>(builder: &'a Builder, name: &str) -> Option<(&'a Ensemble, Id, &'a [usize])> {
    let Some(Bound::Value { id, dims }) = builder.bound(name) else { return None };
    let Step { kind: Kind::Trees(forest), operands, .. } = builder.plan.step(*id)? else { return None };
    Some((forest, *operands.first()?, dims))
}

/// What the forests that a node sums all read, and their dimensions; `None` if they cannot be one forest.
fn summands(builder: &Builder, node: &NodeProto) -> Option<(Id, Vec<usize>)> {
    let (first, x, dims) = forest(builder, node.input.first()?)?;
    let whole = |forest: &Ensemble| forest.divisor.to_bits() == 1f32.to_bits();
    let alike = |name: &String| {
        forest(builder, name).is_some_and(|(next, of, its_dims)| {
            let same = next.classes == first.classes && next.takes_missing == first.takes_missing;
            same && whole(next) && of == x && its_dims == dims
        })
    };
    node.input.iter().all(alike).then(|| (x, dims.to_vec()))
}

/// The trees of both, each voting as it does.
pub(crate) fn joined(mut sum: Ensemble, next: &Ensemble) -> Ensemble {
    let start = sum.nodes.len();
    sum.roots.extend(next.roots.iter().map(|root| root + start));
    sum.nodes.extend(next.nodes.iter().cloned().map(|node| match node {
        TreeNode::Split { feature, mode, threshold, yes, no, missing_yes } => {
            TreeNode::Split { feature, mode, threshold, yes: yes + start, no: no + start, missing_yes }
        }
        leaf @ TreeNode::Leaf(_) => leaf,
    }));
    sum.base.iter_mut().zip(&next.base).for_each(|(a, b)| *a += b);
    sum
}
