//! Operators of ai.onnx.ml, which read one row of features, and what becomes of the class labels that they give.
//!
//! A node is read by `crate::graph::plan`, and its steps become steps of the network. A class is the index of its label. Where
//! its number is another one, that number is a value by itself, so that whatever computes with it computes with the
//! label.

use super::builder::{Bound, Builder};
use super::ctx::Ctx;
use crate::fronts::onnx::proto::NodeProto;
use crate::fronts::onnx::{Data, Tensor};
use crate::fronts::plan::build::{self, Operand, ResultOf};
use crate::graph::array::{Array, count};
use crate::graph::elem::Elem;
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::forest::Ensemble;
use crate::graph::net::{Id, Kind, Linear, integral, moves};
use crate::graph::plan;
use crate::graph::stairs;
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;
use std::rc::Rc;

/// ArrayFeatureExtractor: elements of a list at constant positions, at that of a class, or at positions that depend on the input.
pub(super) fn chosen(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    match from_list(ctx)? {
        Some(found) => {
            ctx.bind(0, found);
            Ok(())
        }
        None => add(ctx),
    }
}

/// Imputer where it replaces infinities: what a power of zero may be.
fn without_infinities(ctx: &mut Ctx<'_, '_>) -> Result<bool, CompileError> {
    let is_infinite = |node: &NodeProto| {
        let replaced = node.attribute.iter().find(|a| a.name.as_deref() == Some("replaced_value_float"));
        replaced.and_then(|a| a.f) == Some(f32::INFINITY)
    };
    if ctx.node.op_type.as_deref() != Some("Imputer") || !is_infinite(ctx.node) {
        return Ok(false);
    }
    ctx.attributes.ignore(&["replaced_value_float"]);
    let &[fill] = ctx.attributes.floats("imputed_value_floats")? else {
        return Err(ctx.attributes.refuse("imputed_value_floats", "one number for all infinities", "several"));
    };
    let x = ctx.operand(0)?;
    let filled = Expr::binary(Arith::UnlessInfinite, Expr::X, Expr::Const(f64::from(fill)));
    let filled = ctx.pointwise(filled, x)?;
    ctx.bind(0, filled);
    Ok(true)
}

/// Adds the steps of a node that `crate::graph::plan` reads, and refuses attributes that it does not know.
pub(super) fn add(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    if without_infinities(ctx)? {
        return Ok(());
    }
    let mut operands = Vec::new();
    let mut values = Vec::new();
    for name in ctx.node.input.iter().filter(|name| !name.is_empty()) {
        let (value, operand) = operand(ctx, name)?;
        values.extend(value);
        operands.push((name.clone(), operand));
    }
    let (read, results) = build::single(ctx.node, operands, ctx.builder.catboost)?;
    ctx.builder.net.notes.extend(read.notes);
    for step in &read.steps {
        let operands: Vec<Bound> = step.operands.iter().map(|&x| Bound::Value(values[x])).collect();
        let made = self::step(ctx, &step.kind, operands, step.len)?;
        values.push(ctx.value(made));
    }
    for (i, result) in results.into_iter().enumerate() {
        if let Some(ResultOf { id, dims, labels }) = result {
            let bound = ctx.reshape(Bound::Value(values[id]), dims)?;
            let bound = match labels {
                Some(labels) => labelled(ctx, bound, labels)?,
                None => bound,
            };
            ctx.bind(i, bound);
        }
    }
    // All of them were read, or refused by name.
    ctx.attributes.ignore_all();
    Ok(())
}

/// The elements of a constant list of numbers at positions that depend on the input, if the node is such a choice.
fn from_list(ctx: &mut Ctx<'_, '_>) -> Result<Option<Bound>, CompileError> {
    let [list, at] = ctx.node.input.as_slice() else { return Ok(None) };
    match (ctx.builder.names.get(list).cloned(), ctx.builder.names.get(at).cloned()) {
        (Some(Bound::Const(list)), Some(Bound::Value(at)))
            if class_of(ctx.builder, at).is_none() && integral(&ctx.builder.net, at) =>
        {
            let len = ctx.builder.net.len(at);
            let found = looked_up(ctx, Bound::Const(list), Bound::Value(at))?;
            ctx.reshape(found, vec![1, len]).map(Some)
        }
        _ => Ok(None),
    }
}

/// Most numbers that a position chooses from.
const LONGEST_LIST: usize = 1 << 12;

/// The elements of a row at positions that depend on the input: of a constant row by trees, else as a sum over all elements.
pub(super) fn looked_up(ctx: &mut Ctx<'_, '_>, list: Bound, at: Bound) -> Result<Bound, CompileError> {
    let (n, k) = (count(&ctx.dims(&list)), count(&ctx.dims(&at)));
    if n == 0 || n > LONGEST_LIST || n.saturating_mul(k) > LONGEST_LIST * 16 {
        let hint = format!("lists of up to {LONGEST_LIST} numbers work");
        return Err(ctx.form(format!("{k} positions that depend on the input, in a list of {n}"), hint));
    }
    let at = ctx.reshape(at, vec![1, k])?;
    if let Bound::Const(list) = &list {
        let forest = stairs::by_element(&changes(&list.values), |x| element(&list.values, x), k);
        let table = Kind::Trees { forest: Rc::new(forest), whole: list.whole };
        return ctx.push(table, vec![at], vec![1, k]);
    }
    // A row for each position: one where it is the element's number.
    let at = ctx.reshape(at, vec![k, 1])?;
    let numbers = Array::new(vec![1, n], (0..n).map(|i| i as f32).collect());
    let apart = ctx.arithmetic(Arith::Sub, at, Bound::Const(numbers))?;
    let shown = ctx.pointwise(Expr::binary(Arith::Equal, Expr::X, Expr::Const(0.0)), apart)?;
    let list = ctx.reshape(list, vec![1, n])?;
    let shown = ctx.arithmetic(Arith::Mul, shown, list)?;
    let sums = ctx.push(Kind::Sum, vec![shown], vec![k, 1])?;
    ctx.reshape(sums, vec![1, k])
}

/// Between which positions a list changes.
fn changes(list: &[f32]) -> Vec<f32> {
    let changed = |i: &usize| list[*i].to_bits() != list[i - 1].to_bits();
    (1..list.len()).filter(changed).map(|i| i as f32 - 0.5).collect()
}

/// The element of a list at a position.
fn element(list: &[f32], at: f32) -> f32 {
    let last = list.len().saturating_sub(1);
    list.get(((at + 0.5).max(0.0) as usize).min(last)).copied().unwrap_or(0.0)
}

/// What an operand is, and the value that its numbers are.
fn operand(ctx: &Ctx<'_, '_>, name: &String) -> Result<(Option<Id>, Operand), CompileError> {
    let builder = &ctx.builder;
    if let Some(texts) = builder.texts.get(name) {
        return Ok((None, Operand::Constant(texts.clone())));
    }
    let undefined = || CompileError::Undefined { at: ctx.at.clone(), name: name.clone() };
    match builder.names.get(name).ok_or_else(undefined)? {
        Bound::Const(array) => Ok((None, Operand::Constant(tensor(array)))),
        Bound::Value(id) => {
            let dims = builder.net.dims(*id).to_vec();
            if let Some((index, labels)) = class_of(builder, *id) {
                return Ok((Some(index), Operand::Class(dims, labels)));
            }
            let step = builder.net.step(*id);
            Ok(match step.map(|step| (&step.kind, step.operands.first())) {
                Some((Kind::Pointwise(Expr::Unary(Fun::Trunc, x)), Some(&source))) if **x == Expr::X => {
                    (Some(source), Operand::Whole(dims))
                }
                _ => (Some(*id), Operand::Numbers(dims)),
            })
        }
    }
}

fn tensor(array: &Array) -> Tensor {
    let data = match array.whole {
        true => Data::Ints(array.ints()),
        false => Data::Floats(array.values.to_vec()),
    };
    Tensor { dims: array.dims.clone(), data }
}

/// A step of a plan as steps of the network, on rows.
fn step(ctx: &mut Ctx<'_, '_>, kind: &plan::Kind, operands: Vec<Bound>, len: usize) -> Result<Bound, CompileError> {
    let mut rows = Vec::with_capacity(operands.len());
    for operand in operands {
        let len = count(&ctx.dims(&operand));
        rows.push(ctx.reshape(operand, vec![1, len])?);
    }
    let dims = vec![1, len];
    let function = |expr: Expr| Kind::Pointwise(expr);
    let kind = match kind {
        plan::Kind::Affine(affine) => {
            let k = affine.weight.len() / affine.n.max(1);
            let bias = Some(Rc::new(affine.bias.clone()));
            Kind::Linear(Linear { k, n: affine.n, weight: Rc::new(affine.weight.clone()), bias })
        }
        plan::Kind::Elem(elem) => Kind::Elem(elem.clone()),
        plan::Kind::Filled(c) => Kind::Elem(Elem::Impute(c.clone())),
        plan::Kind::Add => Kind::Binary(Arith::Add),
        plan::Kind::Sub => Kind::Binary(Arith::Sub),
        plan::Kind::Mul => Kind::Binary(Arith::Mul),
        plan::Kind::Div => Kind::Binary(Arith::Div),
        plan::Kind::Relu => function(Expr::unary(Fun::Relu, Expr::X)),
        plan::Kind::Sigmoid => function(Expr::unary(Fun::Sigmoid, Expr::X)),
        plan::Kind::Exp => function(Expr::unary(Fun::Exp, Expr::X)),
        plan::Kind::Curve(expr) => function(expr.clone()),
        plan::Kind::Softmax => Kind::Softmax { log: false },
        plan::Kind::Normalize(norm) => Kind::Norm(*norm),
        plan::Kind::Trees(forest) => Kind::Trees { forest: Rc::new(forest.clone()), whole: false },
        plan::Kind::ArgMax => return argmax(ctx, rows),
        plan::Kind::Pick(places) => return picked(ctx, rows, places),
        plan::Kind::Sums(row) => return reduced(ctx, rows, *row, Kind::Sum),
        plan::Kind::Maxima(row) => return reduced(ctx, rows, *row, Kind::Max),
    };
    ctx.push(kind, rows, dims)
}

fn only(rows: Vec<Bound>, ctx: &Ctx<'_, '_>) -> Result<Bound, CompileError> {
    rows.into_iter().next().ok_or_else(|| ctx.refuse(0, "a value", "nothing"))
}

fn argmax(ctx: &mut Ctx<'_, '_>, rows: Vec<Bound>) -> Result<Bound, CompileError> {
    let x = only(rows, ctx)?;
    let len = count(&ctx.dims(&x));
    let x = ctx.reshape(x, vec![len])?;
    ctx.push(Kind::ArgMax, vec![x], vec![1])
}

fn reduced(ctx: &mut Ctx<'_, '_>, rows: Vec<Bound>, row: usize, kind: Kind) -> Result<Bound, CompileError> {
    let x = only(rows, ctx)?;
    let runs = count(&ctx.dims(&x)) / row.max(1);
    let x = ctx.reshape(x, vec![runs, row])?;
    let sums = ctx.push(kind, vec![x], vec![runs, 1])?;
    ctx.reshape(sums, vec![1, runs])
}

/// Elements of several rows.
fn picked(ctx: &mut Ctx<'_, '_>, rows: Vec<Bound>, places: &[(usize, usize)]) -> Result<Bound, CompileError> {
    let mut starts = vec![0];
    for row in &rows {
        starts.push(starts.last().copied().unwrap_or(0) + count(&ctx.dims(row)));
    }
    let index = places.iter().map(|&(operand, element)| Some(starts[operand] + element)).collect();
    let whole = ctx.concat(rows, 1)?;
    ctx.take(whole, vec![(1, index)])
}

/// The number of a class: its label's if that is one, else its index, with which nothing computes.
pub(super) fn labelled(ctx: &mut Ctx<'_, '_>, index: Bound, labels: Labels) -> Result<Bound, CompileError> {
    let Bound::Value(id) = index else { return Ok(index) };
    let numbers: Option<&[i64]> = if let Labels::Ints(numbers) = &labels { Some(numbers) } else { None };
    let is_index = |(i, &number): (usize, &i64)| usize::try_from(number) == Ok(i);
    let number = match numbers {
        Some(numbers) if !numbers.iter().enumerate().all(is_index) => {
            let dims = ctx.dims(&index);
            let row = ctx.reshape(index, vec![1, 1])?;
            let table = Kind::Trees { forest: Rc::new(numbered(numbers)), whole: true };
            let number = ctx.push(table, vec![row], vec![1, 1])?;
            let number = ctx.reshape(number, dims)?;
            ctx.value(number)
        }
        _ => id,
    };
    ctx.builder.classes.insert(number, (id, labels));
    Ok(Bound::Value(number))
}

/// The label's number of each index.
fn numbered(labels: &[i64]) -> Ensemble {
    let labels: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
    stairs::by_element(&changes(&labels), |x| element(&labels, x), 1)
}

/// For a value that is the number of a class, moved at most: the index, and what it means.
pub(super) fn class_of(builder: &Builder<'_>, id: Id) -> Option<(Id, Labels)> {
    if let Some((index, labels)) = builder.classes.get(&id) {
        return Some((*index, labels.clone()));
    }
    let step = builder.net.step(id)?;
    if matches!(step.kind, Kind::ArgMax) {
        return Some((id, crate::graph::net::labels(&builder.net, id)?));
    }
    // A cast to a number that the label is already.
    let is_cast = matches!(step.kind, Kind::Pointwise(Expr::X));
    let &[moved] = step.operands.as_slice() else { return None };
    let is_same = is_cast || moves(&step.kind) && count(&step.dims) == 1;
    if is_same { class_of(builder, moved) } else { None }
}
