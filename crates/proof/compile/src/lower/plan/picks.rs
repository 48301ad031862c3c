//! Elements of values put together: moved as they are, each at the scale that it has.

use crate::lower::builder::{Exponents, ProgramBuilder, Quant};
use crate::terms::error::{At, CompileError};
use ciro_graph::{Op, Pick, ValueId};

/// The places (operand, element) of `operands`, one after the other.
pub(super) fn lower(
    builder: &mut ProgramBuilder,
    at: &At,
    operands: &[Quant],
    places: &[(usize, usize)],
) -> Result<Quant, CompileError> {
    let mut parts = Vec::new();
    for run in places.chunk_by(|a, b| a.0 == b.0) {
        let elements: Vec<usize> = run.iter().map(|place| place.1).collect();
        parts.push(picked(builder, at, operands[run[0].0].id, &elements)?);
    }
    let whole = match parts.as_slice() {
        &[one] => one,
        _ => builder.node(at, Op::Concat { parts, axis: 0 })?,
    };
    let id = builder.reshape(at, whole, vec![1, places.len() as u32])?;
    let exponents: Vec<i32> = places.iter().map(|&(operand, i)| operands[operand].exponents.at(i)).collect();
    let alike = exponents.iter().all(|e| *e == exponents[0]);
    Ok(Quant { id, exponents: if alike { Exponents::Uniform(exponents[0]) } else { Exponents::Each(exponents) } })
}

/// Some elements of a value, as a vector.
fn picked(builder: &mut ProgramBuilder, at: &At, x: ValueId, elements: &[usize]) -> Result<ValueId, CompileError> {
    let len = builder.len(x);
    let vector = builder.reshape(at, x, vec![len as u32])?;
    if elements.iter().copied().eq(0..len) {
        return Ok(vector);
    }
    let index = elements.iter().map(|&i| i as i32).collect();
    builder.node(at, Op::Take { x: vector, picks: vec![Pick { axis: 0, index }] })
}
