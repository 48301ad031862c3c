//! Arithmetic of leaf values as the runtime has it: float32, or 64-bit integers, of which truth values are zeros and ones. `None` is what
//! is not known here.

use crate::fronts::onnx::proto::{TYPE_BOOL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_INT32, TYPE_INT64};
use crate::fronts::onnx::{Attributes, Data};
use crate::graph::operators::Operator;
use crate::terms::error::CompileError;
use std::collections::BTreeMap;

/// The values in another type.
pub(super) fn cast(values: &Data, to: i64) -> Option<Data> {
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
pub(super) fn encoded(values: &Data, attributes: &mut Attributes<'_>) -> Result<Option<Data>, CompileError> {
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

/// An operator of one operand.
pub(super) fn unary(operator: Operator, values: &Data) -> Option<Data> {
    let floats = |f: fn(f32) -> f32| match values {
        Data::Floats(v) => Some(Data::Floats(v.iter().map(|&v| f(v)).collect())),
        _ => None,
    };
    match (operator, values) {
        (Operator::Neg, Data::Ints(v)) => v.iter().map(|v| v.checked_neg()).collect::<Option<_>>().map(Data::Ints),
        (Operator::Not, Data::Ints(v)) => Some(Data::Ints(v.iter().map(|&v| i64::from(v == 0)).collect())),
        (Operator::Neg, _) => floats(|v| -v),
        (Operator::Abs, _) => floats(f32::abs),
        (Operator::Log, _) => floats(f32::ln),
        (Operator::Exp, _) => floats(f32::exp),
        (Operator::Sqrt, _) => floats(f32::sqrt),
        _ => None,
    }
}

/// An operator of two operands.
pub(crate) fn binary(operator: Operator, a: &Data, b: &Data) -> Option<Data> {
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

fn compared<T: PartialOrd>(operator: Operator, pairs: &[(T, T)]) -> Option<Data> {
    let holds: fn(&(T, T)) -> bool = match operator {
        Operator::Equal => |(a, b)| a == b,
        Operator::Less => |(a, b)| a < b,
        Operator::LessOrEqual => |(a, b)| a <= b,
        Operator::Greater => |(a, b)| a > b,
        Operator::GreaterOrEqual => |(a, b)| a >= b,
        _ => return None,
    };
    Some(Data::Ints(pairs.iter().map(|pair| i64::from(holds(pair))).collect()))
}

fn of_floats(operator: Operator, pairs: &[(f32, f32)]) -> Option<Data> {
    let f: fn(f32, f32) -> f32 = match operator {
        Operator::Add | Operator::Sum => |a, b| a + b,
        Operator::Sub => |a, b| a - b,
        Operator::Mul => |a, b| a * b,
        Operator::Div => |a, b| a / b,
        Operator::Max => f32::max,
        Operator::Min => f32::min,
        Operator::Pow => f32::powf,
        _ => return compared(operator, pairs),
    };
    Some(Data::Floats(pairs.iter().map(|&(a, b)| f(a, b)).collect()))
}

fn of_ints(operator: Operator, pairs: &[(i64, i64)]) -> Option<Data> {
    let f: fn(i64, i64) -> Option<i64> = match operator {
        Operator::Add | Operator::Sum => i64::checked_add,
        Operator::Sub => i64::checked_sub,
        Operator::Mul => i64::checked_mul,
        Operator::Div => i64::checked_div,
        Operator::Max => |a, b| Some(a.max(b)),
        Operator::Min => |a, b| Some(a.min(b)),
        _ => return compared(operator, pairs),
    };
    pairs.iter().map(|&(a, b)| f(a, b)).collect::<Option<_>>().map(Data::Ints)
}
