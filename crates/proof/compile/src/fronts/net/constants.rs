//! What only works on constants or only makes them.

use super::builder::{Bound, is_signed};
use super::ctx::Ctx;
use crate::graph::array::{Array, count};
use crate::graph::operators::family::Constants;
use crate::terms::error::CompileError;

/// Adds the node's constants.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Constants) -> Result<(), CompileError> {
    let array = match operator {
        Constants::Constant => {
            let array = constant(ctx)?;
            ctx.charge(&array.dims)?;
            array
        }
        Constants::Shape => {
            let dims = ctx.dims(&ctx.operand(0)?);
            let rank = dims.len() as i64;
            let clamp = |i: i64| (if i < 0 { i + rank } else { i }).clamp(0, rank) as usize;
            let start = clamp(ctx.attributes.int("start")?.unwrap_or(0));
            let end = clamp(ctx.attributes.int("end")?.unwrap_or(rank));
            let kept: Vec<f32> = dims[start.min(end)..end].iter().map(|&d| d as f32).collect();
            Array::whole(vec![kept.len()], kept)
        }
        Constants::Size => Array::whole(vec![], vec![count(&ctx.dims(&ctx.operand(0)?)) as f32]),
        Constants::ConstantOfShape => {
            let dims = ctx.sizes(0)?;
            let len = ctx.charge(&dims)?;
            let fill = match ctx.attributes.tensor("value")? {
                Some(tensor) => tensor.into_numbers().unwrap_or_else(|| Array::new(vec![1], vec![0.0])),
                None => Array::new(vec![1], vec![0.0]),
            };
            Array { whole: fill.whole, ..Array::new(dims, vec![fill.scalar().unwrap_or(0.0); len]) }
        }
        Constants::Range => {
            let part = |i: usize| ctx.required(i).map(|c| (c.scalar().unwrap_or(0.0), c.whole));
            let ((start, whole), (limit, _), (delta, _)) = (part(0)?, part(1)?, part(2)?);
            let len = ((limit - start) / delta).ceil().max(0.0);
            if [start, limit, delta].iter().any(|v| !v.is_finite()) || delta == 0.0 {
                return Err(
                    ctx.form(format!("a range from {start} to {limit} by {delta}"), "give three finite numbers")
                );
            }
            let len = ctx.room(&[len as usize]).and_then(|len| ctx.charge(&[len]))?;
            Array { whole, ..Array::new(vec![len], (0..len).map(|i| start + delta * i as f32).collect()) }
        }
    };
    ctx.bind(0, Bound::Const(array));
    Ok(())
}

fn constant(ctx: &mut Ctx<'_, '_>) -> Result<Array, CompileError> {
    let signed = ctx.node.attribute.iter().filter_map(|attribute| attribute.t.as_ref()).find_map(is_signed);
    ctx.builder.bytes.extend(ctx.node.output.first().cloned().zip(signed));
    if let Some(tensor) = ctx.attributes.tensor("value")? {
        return tensor.into_numbers().ok_or_else(|| ctx.attributes.refuse("value", "numbers", "texts"));
    }
    if let Some(v) = ctx.attributes.float("value_float")? {
        return Ok(Array::new(vec![], vec![v]));
    }
    if let Some(v) = ctx.attributes.int("value_int")? {
        return Ok(Array::whole(vec![], vec![v as f32]));
    }
    let ints = ctx.attributes.ints("value_ints")?;
    if !ints.is_empty() {
        return Ok(Array::whole(vec![ints.len()], ints.iter().map(|&v| v as f32).collect()));
    }
    let floats = ctx.attributes.floats("value_floats")?;
    Ok(Array::new(vec![floats.len()], floats.to_vec()))
}
