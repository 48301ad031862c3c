//! Distances to constant rows, which exporters of nearest neighbours and kernels spell as a Scan over these rows.

use super::ctx::Ctx;
use crate::fronts::onnx::proto::{GraphProto, NodeProto};
use crate::graph::array::Array;
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::Kind;
use crate::terms::error::CompileError;

const HINT: &str = "of Scan, distances to the rows of a constant work; unroll other loops for a fixed length";

/// How differences are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Norm {
    Squares,
    Magnitudes,
}

/// Adds the steps of a Scan whose body is the distance of a row of the first operand from one of the second.
pub(super) fn add(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    let graphs = ctx.node.attribute.iter().filter(|attribute| attribute.name.as_deref() == Some("body"));
    let body = graphs.filter_map(|attribute| attribute.g.as_deref()).next_back();
    let norm = body.and_then(norm_of);
    ctx.attributes.ignore(&["body"]);
    let forward = |values: &[i64]| values.iter().all(|&v| v == 0);
    let plain = ["scan_input_directions", "scan_output_directions", "scan_input_axes", "scan_output_axes"];
    let mut is_plain = ctx.attributes.int("num_scan_inputs")? == Some(1);
    for name in plain {
        is_plain &= forward(ctx.attributes.ints(name)?);
    }
    let Some(norm) = norm.filter(|_| is_plain && ctx.operands() == 2) else {
        return Err(ctx.form("a loop over rows", HINT));
    };
    let (x, rows) = (ctx.operand(0)?, ctx.required(1)?);
    let (&[1, k], &[n, width]) = (ctx.dims(&x).as_slice(), rows.dims.as_slice()) else {
        return Err(ctx.refuse(0, "one row", format!("dimensions {:?}", ctx.dims(&x))));
    };
    if k != width || n == 0 {
        return Err(ctx.refuse(1, format!("rows of {k}"), format!("rows of {width}")));
    }
    let negated = Array::new(rows.dims.clone(), rows.values.iter().map(|v| -v).collect());
    let wide = ctx.expand(x.clone(), &[n, k])?;
    let apart = ctx.push(Kind::AddConst(negated), vec![wide], vec![n, k])?;
    let size = match norm {
        Norm::Squares => Expr::binary(Arith::Mul, Expr::X, Expr::X),
        Norm::Magnitudes => Expr::unary(Fun::Abs, Expr::X),
    };
    let sizes = ctx.pointwise(size, apart)?;
    let sums = ctx.push(Kind::Sum, vec![sizes], vec![n, 1])?;
    ctx.bind(0, x);
    ctx.bind(1, sums);
    Ok(())
}

/// The norm of `state − row`, if a body computes it and hands the state on.
fn norm_of(body: &GraphProto) -> Option<Norm> {
    let name = |info: Option<&crate::fronts::onnx::proto::ValueInfoProto>| info.and_then(|info| info.name.clone());
    let (state, row) = (name(body.input.first())?, name(body.input.get(1))?);
    let (kept, distance) = (name(body.output.first())?, name(body.output.get(1))?);
    if body.input.len() != 2 || body.output.len() != 2 || source(body, &kept) != state {
        return None;
    }
    let last = producer(body, &source(body, &distance))?;
    let by_rows = last.attribute.iter().any(|a| a.name.as_deref() == Some("axes") && a.ints == [1]);
    let (norm, difference) = match (last.op_type.as_deref()?, last.input.first()?) {
        ("ReduceSumSquare", x) if by_rows => (Norm::Squares, source(body, x)),
        ("ReduceL1", x) if by_rows => (Norm::Magnitudes, source(body, x)),
        ("ReduceSum", x) => {
            let inner = producer(body, &source(body, x)).filter(|node| node.op_type.as_deref() == Some("Abs"))?;
            (Norm::Magnitudes, source(body, inner.input.first()?))
        }
        _ => return None,
    };
    let difference = producer(body, &difference).filter(|node| node.op_type.as_deref() == Some("Sub"))?;
    let [a, b] = difference.input.as_slice() else { return None };
    let ends = [source(body, a), source(body, b)];
    (ends == [state.clone(), row.clone()] || ends == [row, state]).then_some(norm)
}

fn producer<'a>(body: &'a GraphProto, name: &str) -> Option<&'a NodeProto> {
    body.node.iter().find(|node| node.output.iter().any(|output| output == name))
}

/// The name that a name stands for, through Identity.
fn source(body: &GraphProto, name: &str) -> String {
    match producer(body, name) {
        Some(node) if node.op_type.as_deref() == Some("Identity") => {
            node.input.first().map_or_else(|| name.to_string(), |input| source(body, input))
        }
        _ => name.to_string(),
    }
}
