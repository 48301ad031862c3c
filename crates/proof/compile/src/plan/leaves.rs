//! Functions of one tree's leaf, and sums of forests.
//!
//! A tree answers with one of finitely many numbers, so whatever is computed element by element from that number, or from several
//! such functions of the same tree, is a tree again: with other numbers at its leaves. Exporters lean on this: an isolation
//! forest looks up depth and size of each leaf and goes through casts, comparisons and logarithms with them. All of it is
//! computed here, leaf by leaf, in the runtime's own arithmetic. A function becomes a step only where something else reads it.
//!
//! A sum of forests that read the same value is one forest.

use super::build::{Bound, Builder, node_at};
use super::shape::{axis, reshape};
use super::{Ensemble, Id, Kind, Step, TreeNode};
use crate::error::{At, CompileError};
use crate::onnx::proto::{NodeProto, TYPE_BOOL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_INT32, TYPE_INT64};
use crate::onnx::{Attributes, Data, Tensor};
use std::collections::BTreeMap;

/// Most leaves of all functions and nodes of all forests that are made here: a small file could ask for any number.
const SPENT_MAX: usize = 1 << 24;

/// A function of the leaf that one tree ends at.
#[derive(Clone, Debug)]
pub(super) struct LeafFunction {
    at: At,
    /// The step of the tree.
    tree: Id,
    /// What the function is at each leaf, in the order of the tree's nodes. Truth values are zeros and ones.
    values: Data,
    dims: Vec<usize>,
}

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
    match sum(builder, node)? {
        Some(bound) => builder.bind(name, bound),
        None => return Ok(false),
    }
    Ok(true)
}

/// Counts what is made for a node.
fn spend(builder: &mut Builder, node: &NodeProto, count: usize) -> Result<(), CompileError> {
    builder.spent = builder.spent.saturating_add(count);
    if builder.spent <= SPENT_MAX {
        return Ok(());
    }
    let what = format!("more than {SPENT_MAX} leaves and nodes of computed trees");
    Err(CompileError::Form { at: node_at(node), what, hint: "export a forest as one TreeEnsemble operator".into() })
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
    leaves.zip(values).for_each(|(leaf, value)| *leaf = TreeNode::Leaf(vec![(0, value)]));
    (forest.divisor, forest.base) = (1.0, vec![0.0]);
    let id = builder.push(Step { at, kind: Kind::Trees(forest), operands, len: 1 });
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

/// An operand of a function.
enum Operand {
    Leaf(LeafFunction),
    Const(Tensor),
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
        Bound::Label { .. } => None,
    }
}

/// Whether a name stands for a function of a leaf. Most names do not, and what they stand for may be large.
fn is_leaf(builder: &Builder, name: &str) -> bool {
    let step = |bound: &Bound| if let Bound::Value { id, .. } = bound { builder.plan.step(*id) } else { None };
    let single = |step: &Step| matches!(&step.kind, Kind::Trees(f) if f.roots.len() == 1 && f.classes == 1);
    builder.leaf_functions.contains_key(name) || builder.bound(name).and_then(step).is_some_and(single)
}

/// What a single tree of a single number answers at each of its leaves.
fn leaf_values(forest: &Ensemble) -> Option<Vec<f32>> {
    let ([_], &[base]) = (forest.roots.as_slice(), forest.base.as_slice()) else { return None };
    let leaves =
        forest.nodes.iter().filter_map(|node| if let TreeNode::Leaf(votes) = node { Some(votes) } else { None });
    Some(leaves.map(|votes| votes.iter().map(|(_, weight)| weight).sum::<f32>() / forest.divisor + base).collect())
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
    let operator = node.op_type.as_deref().unwrap_or_default();
    let mut attributes = Attributes::new(node, node_at(node));
    let result = match (node.domain.as_deref().unwrap_or_default(), operator) {
        ("" | "ai.onnx", "Identity") => Some((first.values.clone(), first.dims.clone())),
        ("" | "ai.onnx", "Reshape") => reshaped(&operands, &mut attributes)?,
        ("" | "ai.onnx", "Cast") => {
            attributes.ignore(&["saturate", "round_mode"]);
            let to = attributes.int("to")?.unwrap_or(0);
            cast(&first.values, to).map(|values| (values, first.dims.clone()))
        }
        ("" | "ai.onnx", "Neg" | "Abs" | "Log" | "Exp" | "Sqrt" | "Not") => {
            unary(operator, &first.values).map(|values| (values, first.dims.clone()))
        }
        ("" | "ai.onnx", _) => combined(operator, &operands),
        ("ai.onnx.ml", "LabelEncoder") => {
            encoded(&first.values, &mut attributes)?.map(|values| (values, first.dims.clone()))
        }
        _ => None,
    };
    let Some((values, dims)) = result else { return Ok(None) };
    attributes.finish()?;
    Ok(Some(LeafFunction { at: node_at(node), tree: first.tree, values, dims }))
}

fn reshaped(operands: &[Operand], attributes: &mut Attributes<'_>) -> Result<Option<(Data, Vec<usize>)>, CompileError> {
    let allow_zero = attributes.int("allowzero")?.unwrap_or(0) != 0;
    let [Operand::Leaf(leaf), Operand::Const(Tensor { data: Data::Ints(to), .. })] = operands else { return Ok(None) };
    Ok(reshape(&leaf.dims, to, allow_zero).ok().map(|dims| (leaf.values.clone(), dims)))
}

fn cast(values: &Data, to: i64) -> Option<Data> {
    let is = |types: [i32; 2]| types.map(i64::from).contains(&to);
    Some(match values {
        Data::Floats(v) if is([TYPE_FLOAT, TYPE_DOUBLE]) => Data::Floats(v.clone()),
        Data::Ints(v) if is([TYPE_FLOAT, TYPE_DOUBLE]) => Data::Floats(v.iter().map(|&v| v as f32).collect()),
        Data::Floats(v) if is([TYPE_INT64, TYPE_INT32]) && v.iter().all(|v| v.is_finite()) => {
            Data::Ints(v.iter().map(|&v| v as i64).collect())
        }
        Data::Ints(v) if is([TYPE_INT64, TYPE_INT32]) => Data::Ints(v.clone()),
        Data::Floats(v) if is([TYPE_BOOL, TYPE_BOOL]) => Data::Ints(v.iter().map(|&v| i64::from(v != 0.0)).collect()),
        Data::Ints(v) if is([TYPE_BOOL, TYPE_BOOL]) => Data::Ints(v.iter().map(|&v| i64::from(v != 0)).collect()),
        _ => return None,
    })
}

/// A table of integers.
fn encoded(values: &Data, attributes: &mut Attributes<'_>) -> Result<Option<Data>, CompileError> {
    let keys = attributes.ints("keys_int64s")?;
    let (floats, ints) = (attributes.floats("values_floats")?, attributes.ints("values_int64s")?);
    let default = (attributes.float("default_float")?.unwrap_or(-0.0), attributes.int("default_int64")?.unwrap_or(-1));
    let Data::Ints(values) = values else { return Ok(None) };
    // Of equal keys, the first one counts.
    let table: BTreeMap<i64, usize> = keys.iter().enumerate().rev().map(|(i, &key)| (key, i)).collect();
    let places: Vec<Option<usize>> = values.iter().map(|v| table.get(v).copied()).collect();
    Ok(match (floats.len(), ints.len()) {
        (n, 0) if n == keys.len() => Some(Data::Floats(chosen(&places, floats, default.0))),
        (0, n) if n == keys.len() => Some(Data::Ints(chosen(&places, ints, default.1))),
        _ => None,
    })
}

fn chosen<T: Copy>(places: &[Option<usize>], values: &[T], default: T) -> Vec<T> {
    places.iter().map(|place| place.map_or(default, |i| values[i])).collect()
}

fn unary(operator: &str, values: &Data) -> Option<Data> {
    let floats = |f: fn(f32) -> f32| match values {
        Data::Floats(v) => Some(Data::Floats(v.iter().map(|&v| f(v)).collect())),
        _ => None,
    };
    match (operator, values) {
        ("Neg", Data::Ints(v)) => v.iter().map(|v| v.checked_neg()).collect::<Option<_>>().map(Data::Ints),
        ("Not", Data::Ints(v)) => Some(Data::Ints(v.iter().map(|&v| i64::from(v == 0)).collect())),
        ("Neg", _) => floats(|v| -v),
        ("Abs", _) => floats(f32::abs),
        ("Log", _) => floats(f32::ln),
        ("Exp", _) => floats(f32::exp),
        ("Sqrt", _) => floats(f32::sqrt),
        _ => None,
    }
}

/// Functions of the same tree and constants of one element, taken together from the left.
fn combined(operator: &str, operands: &[Operand]) -> Option<(Data, Vec<usize>)> {
    let part = |operand: &Operand| match operand {
        Operand::Leaf(leaf) => Some((leaf.values.clone(), leaf.dims.clone())),
        Operand::Const(tensor) if tensor.data.len() == 1 => Some((tensor.data.clone(), tensor.dims.clone())),
        Operand::Const(_) => None,
    };
    let mut parts = operands.iter().map(part);
    let (mut values, mut dims) = parts.next()??;
    let variadic = matches!(operator, "Sum" | "Max" | "Min");
    if !variadic && operands.len() != 2 {
        return None;
    }
    for part in parts {
        let (next, next_dims) = part?;
        values = binary(operator, &values, &next)?;
        dims = if next_dims.len() > dims.len() { next_dims } else { dims };
    }
    Some((values, dims))
}

fn binary(operator: &str, a: &Data, b: &Data) -> Option<Data> {
    match (a, b) {
        (Data::Floats(a), Data::Floats(b)) => of_floats(operator, &pairs(a, b)),
        (Data::Ints(a), Data::Ints(b)) => of_ints(operator, &pairs(a, b)),
        _ => None,
    }
}

/// Element by element; one element stands for as many as the other side has.
fn pairs<T: Copy>(a: &[T], b: &[T]) -> Vec<(T, T)> {
    let at = |side: &[T], i: usize| if side.len() == 1 { side[0] } else { side[i] };
    (0..a.len().max(b.len())).map(|i| (at(a, i), at(b, i))).collect()
}

fn compared<T: PartialOrd>(operator: &str, pairs: &[(T, T)]) -> Option<Data> {
    let holds: fn(&(T, T)) -> bool = match operator {
        "Equal" => |(a, b)| a == b,
        "Less" => |(a, b)| a < b,
        "LessOrEqual" => |(a, b)| a <= b,
        "Greater" => |(a, b)| a > b,
        "GreaterOrEqual" => |(a, b)| a >= b,
        _ => return None,
    };
    Some(Data::Ints(pairs.iter().map(|pair| i64::from(holds(pair))).collect()))
}

fn of_floats(operator: &str, pairs: &[(f32, f32)]) -> Option<Data> {
    let f: fn(f32, f32) -> f32 = match operator {
        "Add" | "Sum" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Max" => f32::max,
        "Min" => f32::min,
        "Pow" => f32::powf,
        _ => return compared(operator, pairs),
    };
    Some(Data::Floats(pairs.iter().map(|&(a, b)| f(a, b)).collect()))
}

fn of_ints(operator: &str, pairs: &[(i64, i64)]) -> Option<Data> {
    let f: fn(i64, i64) -> Option<i64> = match operator {
        "Add" | "Sum" => i64::checked_add,
        "Sub" => i64::checked_sub,
        "Mul" => i64::checked_mul,
        "Div" => i64::checked_div,
        "Max" => |a, b| Some(a.max(b)),
        "Min" => |a, b| Some(a.min(b)),
        _ => return compared(operator, pairs),
    };
    pairs.iter().map(|&(a, b)| f(a, b)).collect::<Option<_>>().map(Data::Ints)
}

/// The sum of forests on one value as one forest.
fn sum(builder: &mut Builder, node: &NodeProto) -> Result<Option<Bound>, CompileError> {
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

fn joined(mut sum: Ensemble, next: &Ensemble) -> Ensemble {
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
