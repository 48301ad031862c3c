//! Functions of one tree's leaf, and sums of forests.
//!
//! A tree answers with one of finitely many numbers. A function that is computed element by element from that number is a tree again, with
//! other numbers at its leaves. So is a function of several such functions of the same tree. Exporters lean on this. An isolation
//! forest, for example, looks up depth and size of each leaf, and goes through casts, comparisons and logarithms with them.
//!
//! All of it is computed here, leaf by leaf, in the runtime's own arithmetic. A function becomes a step only where something else reads it.
//!
//! A sum of forests that read the same value is one forest.

mod arithmetic;
mod rows;
mod sums;

pub(super) use arithmetic::binary;
pub(super) use sums::joined;

use super::builder::{Bound, Builder, LeafFunction, spend};
use crate::fronts::onnx::proto::NodeProto;
use crate::fronts::onnx::{Attributes, Data, Tensor, node_at};
use crate::fronts::shape::{axis, reshape};
use crate::graph::forest::{Ensemble, TreeNode};
use crate::graph::operators::{Domain, Operator};
use crate::graph::plan::{Kind, Step};
use crate::terms::error::CompileError;
use arithmetic::{cast, encoded, unary};
use rows::{Operand, argmax, combined, concat, one_hot};

/// Reads a node as a function of a leaf or as a sum of forests. If it is neither, `false`, and its operands are steps from now on.
pub(super) fn fold(builder: &mut Builder, node: &NodeProto) -> Result<bool, CompileError> {
    let Some(name) = node.output.first() else { return Ok(false) };
    if let Some(bound) = whole_choice(builder, node) {
        builder.bind(name, bound);
        return Ok(true);
    }
    if let Some(function) = function(builder, node)? {
        spend(builder, node, function.values.len())?;
        builder.leaf_functions.insert(name.clone(), function);
        return Ok(true);
    }
    for operand in &node.input {
        materialize(builder, operand)?;
    }
    match sums::sum(builder, node)? {
        Some(bound) => builder.bind(name, bound),
        None => return Ok(false),
    }
    Ok(true)
}

/// Makes a step of the function `name`, if it is one and has none yet.
pub(super) fn materialize(builder: &mut Builder, name: &str) -> Result<(), CompileError> {
    let Some(function) = builder.leaf_functions.get(name).filter(|_| builder.bound(name).is_none()).cloned() else {
        return Ok(());
    };
    let LeafFunction { at, tree, values, dims } = function;
    let Some(Step { kind: Kind::Trees(forest), operands, .. }) = builder.plan.step(tree) else { return Ok(()) };
    let (mut forest, operands) = (forest.clone(), operands.clone());
    builder.spent = builder.spent.saturating_add(forest.nodes.len());
    let values: Vec<f32> = match values {
        Data::Floats(values) => values,
        Data::Ints(values) => values.into_iter().map(|v| v as f32).collect(),
        Data::Texts(_) => return Ok(()),
    };
    if let Some(got) = values.iter().find(|v| !v.is_finite()) {
        let what = format!("a leaf with the value {got}");
        return Err(CompileError::Form { at, what, hint: "export the model anew; its trees compute no number".into() });
    }
    let leaves = forest.nodes.iter_mut().filter(|node| matches!(node, TreeNode::Leaf(_)));
    let width = dims.iter().product();
    let votes = |row: &[f32]| TreeNode::Leaf(row.iter().copied().enumerate().collect());
    leaves.zip(values.chunks(width)).for_each(|(leaf, row)| *leaf = votes(row));
    (forest.classes, forest.divisor, forest.base) = (width, 1.0, vec![0.0; width]);
    let id = builder.push(Step { at, kind: Kind::Trees(forest), operands, len: width });
    if builder.stairs.contains(&tree) {
        builder.stairs.insert(id);
    }
    builder.bind(name, Bound::Value { id, dims });
    Ok(())
}

/// The value that a Gather of all its elements, in order, reads.
fn whole_choice(builder: &Builder, node: &NodeProto) -> Option<Bound> {
    let is_gather = node.op_type.as_deref() == Some("Gather") && node.domain.as_deref().unwrap_or_default().is_empty();
    let (true, [x, indices]) = (is_gather, node.input.as_slice()) else { return None };
    let Some(Bound::Value { id, dims }) = builder.bound(x) else { return None };
    let Some(Bound::Const(Tensor { dims: chosen, data: Data::Ints(indices) })) = builder.bound(indices) else {
        return None;
    };
    let given = node.attribute.iter().find(|a| a.name.as_deref() == Some("axis")).and_then(|a| a.i);
    let axis = axis(given.unwrap_or(0), dims.len())?;
    let whole = chosen.len() == 1 && indices.iter().copied().eq((0..).take(dims[axis]));
    whole.then(|| Bound::Value { id: *id, dims: dims.clone() })
}

fn operand(builder: &Builder, name: &str) -> Option<Operand> {
    if let Some(function) = builder.leaf_functions.get(name) {
        return Some(Operand::Leaf(function.clone()));
    }
    match builder.bound(name)? {
        Bound::Const(tensor) => Some(Operand::Const(tensor.clone())),
        Bound::Value { id, dims } => {
            let Step { at, kind: Kind::Trees(forest), .. } = builder.plan.step(*id)? else { return None };
            let values = Data::Floats(leaf_values(forest)?);
            Some(Operand::Leaf(LeafFunction { at: at.clone(), tree: *id, values, dims: dims.clone() }))
        }
        _ => None,
    }
}

/// Whether a name stands for a function of a leaf. Most names do not, and what they stand for may be large.
fn is_leaf(builder: &Builder, name: &str) -> bool {
    let step = |bound: &Bound| if let Bound::Value { id, .. } = bound { builder.plan.step(*id) } else { None };
    let single = |step: &Step| matches!(&step.kind, Kind::Trees(f) if f.roots.len() == 1 && f.classes == 1);
    let is_stair = |bound: &Bound| matches!(bound, Bound::Value { id, .. } if builder.stairs.contains(id));
    builder.leaf_functions.contains_key(name)
        || builder.bound(name).is_some_and(is_stair)
        || builder.bound(name).and_then(step).is_some_and(single)
}

/// What a single tree answers at each of its leaves.
fn leaf_values(forest: &Ensemble) -> Option<Vec<f32>> {
    let [_] = forest.roots.as_slice() else { return None };
    let leaves =
        forest.nodes.iter().filter_map(|node| if let TreeNode::Leaf(votes) = node { Some(votes) } else { None });
    let answer = |votes: &Vec<(usize, f32)>| {
        let mut sums = vec![0.0f32; forest.classes];
        votes.iter().for_each(|&(class, weight)| sums[class] += weight);
        sums.into_iter().zip(&forest.base).map(|(sum, base)| sum / forest.divisor + base).collect::<Vec<f32>>()
    };
    Some(leaves.flat_map(answer).collect())
}

/// The node as a function of a leaf; `None` if it is none.
fn function(builder: &Builder, node: &NodeProto) -> Result<Option<LeafFunction>, CompileError> {
    if !node.input.iter().any(|name| is_leaf(builder, name)) {
        return Ok(None);
    }
    let operands: Option<Vec<Operand>> = node.input.iter().map(|name| operand(builder, name)).collect();
    let Some(operands) = operands else { return Ok(None) };
    let leaves = || operands.iter().filter_map(|o| if let Operand::Leaf(leaf) = o { Some(leaf) } else { None });
    let Some(first) = leaves().next() else { return Ok(None) };
    if leaves().any(|leaf| leaf.tree != first.tree) {
        return Ok(None);
    }
    let (domain, name) = (node.domain.as_deref().unwrap_or_default(), node.op_type.as_deref().unwrap_or_default());
    let Some(operator) = Operator::of_standard(domain, name) else { return Ok(None) };
    let mut attributes = Attributes::new(node, node_at(node));
    let same_dims = |values: Data| (values, first.dims.clone());
    let result = match operator {
        Operator::Identity => Some(same_dims(first.values.clone())),
        Operator::Reshape => reshaped(&operands, &mut attributes)?,
        Operator::Cast => {
            attributes.ignore(&["saturate", "round_mode"]);
            let to = attributes.int("to")?.unwrap_or(0);
            cast(&first.values, to).map(same_dims)
        }
        Operator::Neg | Operator::Abs | Operator::Log | Operator::Exp | Operator::Sqrt | Operator::Not => {
            unary(operator, &first.values).map(same_dims)
        }
        Operator::Concat => concat(&operands, &mut attributes)?,
        Operator::ArgMax => argmax(first, &mut attributes)?,
        Operator::OneHotEncoder => one_hot(first, &mut attributes)?,
        Operator::LabelEncoder => encoded(&first.values, &mut attributes)?.map(same_dims),
        _ if operator.domain() == Domain::Core => combined(operator, &operands),
        _ => None,
    };
    let Some((values, dims)) = result else { return Ok(None) };
    if dims.contains(&0) {
        let what = format!("a result of dimensions {dims:?}");
        return Err(CompileError::Form { at: node_at(node), what, hint: "leave out what has no elements".into() });
    }
    attributes.finish()?;
    Ok(Some(LeafFunction { at: node_at(node), tree: first.tree, values, dims }))
}

fn reshaped(operands: &[Operand], attributes: &mut Attributes<'_>) -> Result<Option<(Data, Vec<usize>)>, CompileError> {
    let allow_zero = attributes.int("allowzero")?.unwrap_or(0) != 0;
    let [Operand::Leaf(leaf), Operand::Const(Tensor { data: Data::Ints(to), .. })] = operands else { return Ok(None) };
    Ok(reshape(&leaf.dims, to, allow_zero).ok().map(|dims| (leaf.values.clone(), dims)))
}
