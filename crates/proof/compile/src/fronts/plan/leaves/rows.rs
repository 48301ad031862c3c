//! Functions of a leaf that have several elements.

use super::arithmetic::binary;
use crate::fronts::onnx::{Attributes, Data, Tensor};
use crate::fronts::plan::builder::{LeafFunction, SPENT_MAX};
use crate::fronts::plan::encoders::columns;
use crate::fronts::shape::{axis, element_by_element};
use crate::graph::operators::Operator;
use crate::terms::error::CompileError;

/// An operand of a function.
pub(super) enum Operand {
    Leaf(LeafFunction),
    Const(Tensor),
}

/// Values and dimensions of a function.
type Values = (Data, Vec<usize>);

/// Elements `rows · width` of which each run of `width` is what `row` gives.
fn each<T: Clone>(values: &[T], width: usize, row: impl Fn(&[T]) -> Vec<T>) -> Vec<T> {
    values.chunks(width.max(1)).flat_map(row).collect()
}

/// A function's values, or a constant's, with `width` elements at each of so many leaves.
fn spread(operand: &Operand, leaves: usize, width: usize) -> Option<Data> {
    fn repeated<T: Clone>(values: &[T], times: usize) -> Vec<T> {
        each(values, 1, |one| vec![one[0].clone(); times])
    }
    let own = operand.width();
    match operand {
        Operand::Leaf(leaf) if own == width => Some(leaf.values.clone()),
        Operand::Leaf(leaf) if own == 1 => Some(match &leaf.values {
            Data::Floats(v) => Data::Floats(repeated(v, width)),
            Data::Ints(v) => Data::Ints(repeated(v, width)),
            Data::Texts(_) => return None,
        }),
        Operand::Const(tensor) if own == 1 => Some(tensor.data.clone()),
        Operand::Const(Tensor { data, .. }) if own == width => Some(match data {
            Data::Floats(v) => Data::Floats(v.repeat(leaves)),
            Data::Ints(v) => Data::Ints(v.repeat(leaves)),
            Data::Texts(_) => return None,
        }),
        _ => None,
    }
}

impl Operand {
    fn width(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.width(),
            Self::Const(tensor) => tensor.data.len(),
        }
    }

    fn dims(&self) -> &[usize] {
        match self {
            Self::Leaf(leaf) => &leaf.dims,
            Self::Const(tensor) => &tensor.dims,
        }
    }

    fn leaves(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.values.len() / leaf.width().max(1),
            Self::Const(_) => 0,
        }
    }
}

/// Functions of the same tree and constants, taken together from the left; of one element, or of the same dimensions as the others.
pub(super) fn combined(operator: Operator, operands: &[Operand]) -> Option<Values> {
    let variadic = matches!(operator, Operator::Sum | Operator::Max | Operator::Min);
    if !variadic && operands.len() != 2 {
        return None;
    }
    let dims = element_by_element(operands.iter().map(Operand::dims))?;
    let width = dims.iter().product();
    let leaves = operands.iter().map(Operand::leaves).max()?;
    if leaves.saturating_mul(width) > SPENT_MAX {
        return None;
    }
    let mut parts = operands.iter().map(|operand| spread(operand, leaves, width));
    let mut values = parts.next()??;
    for part in parts {
        values = binary(operator, &values, &part?)?;
    }
    Some((values, dims))
}

/// Rows one after the other, at each leaf.
pub(super) fn concat(operands: &[Operand], attributes: &mut Attributes<'_>) -> Result<Option<Values>, CompileError> {
    let given = attributes.int("axis")?.unwrap_or(1);
    let leaves = operands.iter().map(Operand::leaves).max().unwrap_or(0);
    let mut dims = operands.first().map_or(vec![], |operand| operand.dims().to_vec());
    let over = axis(given, dims.len());
    let in_a_row = |operand: &Operand| {
        operand.dims().len() == dims.len() && over.is_some_and(|axis| operand.dims()[axis] == operand.width())
    };
    let (Some(over), true) = (over, operands.iter().all(in_a_row)) else { return Ok(None) };
    let parts: Option<Vec<Vec<f32>>> = operands
        .iter()
        .map(|operand| match spread(operand, leaves, operand.width())? {
            Data::Floats(v) if v.len() < leaves * operand.width() => Some(v.repeat(leaves)),
            Data::Floats(v) => Some(v),
            _ => None,
        })
        .collect();
    let widths: Vec<usize> = operands.iter().map(Operand::width).collect();
    dims[over] = widths.iter().sum();
    let row = |parts: &[Vec<f32>], leaf: usize| -> Vec<f32> {
        let of = |(part, &width): (&Vec<f32>, &usize)| part[leaf * width..(leaf + 1) * width].to_vec();
        parts.iter().zip(&widths).flat_map(of).collect()
    };
    Ok(parts.map(|parts| (Data::Floats((0..leaves).flat_map(|leaf| row(&parts, leaf)).collect()), dims)))
}

/// The first index of the largest element, at each leaf.
pub(super) fn argmax(x: &LeafFunction, attributes: &mut Attributes<'_>) -> Result<Option<Values>, CompileError> {
    attributes.only("select_last_index", 0)?;
    let keep = attributes.int("keepdims")?.unwrap_or(1) != 0;
    let given = attributes.int("axis")?.unwrap_or(0);
    let over = axis(given, x.dims.len()).filter(|&axis| x.dims[axis] == x.width());
    let (Some(over), Data::Floats(values)) = (over, &x.values) else { return Ok(None) };
    let mut dims = x.dims.clone();
    dims[over] = 1;
    if !keep {
        dims.remove(over);
    }
    let indices = values.chunks(x.width()).map(|row| crate::graph::decisions::argmax(row) as i64).collect();
    Ok(Some((Data::Ints(indices), dims)))
}

/// A column for each category, at each leaf.
pub(super) fn one_hot(x: &LeafFunction, attributes: &mut Attributes<'_>) -> Result<Option<Values>, CompileError> {
    attributes.ignore(&["zeros"]);
    let Data::Ints(values) = &x.values else { return Ok(None) };
    let categories = columns(attributes)?;
    if values.len().saturating_mul(categories.len()) > SPENT_MAX {
        return Ok(None);
    }
    let row = |v: &i64| categories.iter().map(|c| f32::from(c == v)).collect::<Vec<f32>>();
    let dims = [x.dims.as_slice(), &[categories.len()]].concat();
    Ok(Some((Data::Floats(values.iter().flat_map(row).collect()), dims)))
}
