//! Graphs within nodes: branches, and loops with a constant number of trips, which are unrolled.

use super::builder::Bound;
use super::choices::select_by;
use super::ctx::Ctx;
use crate::fronts::onnx::proto::GraphProto;
use crate::graph::array::Array;
use crate::graph::operators::family::Branches;
use crate::terms::error::CompileError;
use std::collections::BTreeMap;

/// Most trips of a loop: each adds its body's steps.
const MOST_TRIPS: usize = 256;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Branches) -> Result<(), CompileError> {
    match operator {
        Branches::If => branch(ctx)?,
        Branches::Loop => unrolled(ctx)?,
    }
    Ok(())
}

/// The branch that a constant condition takes; by another condition, both, and a choice between their results.
fn branch(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    ctx.attributes.ignore(&["then_branch", "else_branch"]);
    let results = match ctx.operand(0)? {
        Bound::Const(condition) => {
            let taken = condition.scalar().is_some_and(|v| v != 0.0);
            inlined(ctx, if taken { "then_branch" } else { "else_branch" }, Vec::new())?
        }
        Bound::Value(condition) => {
            let yes = inlined(ctx, "then_branch", Vec::new())?;
            let no = inlined(ctx, "else_branch", Vec::new())?;
            either(ctx, condition, yes, no)?
        }
    };
    results.into_iter().enumerate().for_each(|(i, result)| ctx.bind(i, result));
    Ok(())
}

/// The results of one branch or the other, by a truth value.
fn either(
    ctx: &mut Ctx<'_, '_>,
    condition: usize,
    yes: Vec<Bound>,
    no: Vec<Bound>,
) -> Result<Vec<Bound>, CompileError> {
    let condition = ctx.reshape(Bound::Value(condition), vec![1])?;
    let Bound::Value(condition) = condition else { return Err(ctx.refuse(0, "a truth value", "a constant")) };
    let mut results = Vec::with_capacity(yes.len());
    for (yes, no) in yes.into_iter().zip(no) {
        let dims = ctx.dims(&yes);
        if dims != ctx.dims(&no) {
            let what = format!("branches with results of dimensions {dims:?} and {:?}", ctx.dims(&no));
            return Err(ctx.form(what, "results of both branches need the same dimensions, or a constant condition"));
        }
        // Added to a scalar, a row of one would be a row.
        let wide = if dims.is_empty() { vec![1] } else { dims.clone() };
        let (yes, no) = (ctx.reshape(yes, wide.clone())?, ctx.reshape(no, wide.clone())?);
        let chosen = select_by(ctx, condition, yes, no, &wide)?;
        results.push(ctx.reshape(chosen, dims)?);
    }
    Ok(results)
}

/// The results of a graph of this node on `inputs`; names that it gives are forgotten.
fn inlined(ctx: &mut Ctx<'_, '_>, name: &'static str, inputs: Vec<Bound>) -> Result<Vec<Bound>, CompileError> {
    let graphs = ctx.node.attribute.iter().filter(|attribute| attribute.name.as_deref() == Some(name));
    let Some(graph) = graphs.filter_map(|attribute| attribute.g.as_deref()).next_back() else {
        return Err(ctx.attributes.refuse(name, "a graph", "nothing"));
    };
    ctx.charge_graph(graph)?;
    let outer = ctx.builder.names.clone();
    let results = results(ctx, graph, inputs);
    ctx.builder.names = outer;
    results
}

fn results(ctx: &mut Ctx<'_, '_>, graph: &GraphProto, inputs: Vec<Bound>) -> Result<Vec<Bound>, CompileError> {
    for (info, input) in graph.input.iter().zip(inputs) {
        ctx.builder.names.insert(info.name.clone().unwrap_or_default(), input);
    }
    // Those of a loop's body are read once a trip.
    for constant in &graph.initializer {
        let dims = constant.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0));
        ctx.charge(&dims.collect::<Vec<_>>())?;
    }
    ctx.builder.constants(graph)?;
    graph.node.iter().try_for_each(|node| ctx.builder.node(node))?;
    let names: &BTreeMap<String, Bound> = &ctx.builder.names;
    let found = graph.output.iter().map(|output| names.get(output.name.as_deref().unwrap_or_default()).cloned());
    found.collect::<Option<Vec<Bound>>>().ok_or_else(|| ctx.refuse(0, "a graph with results", "none"))
}

/// A loop whose trips are counted by a constant, and whose condition never ends it early.
fn unrolled(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    const HINT: &str = "loops whose number of trips is a constant work, without a condition that depends on the input";
    ctx.attributes.ignore(&["body"]);
    let trips = match ctx.optional(0)? {
        Some(Bound::Const(trips)) => trips.scalar().unwrap_or(0.0).max(0.0) as usize,
        Some(Bound::Value(_)) => return Err(ctx.form("a number of trips that depends on the input", HINT)),
        None => MOST_TRIPS,
    };
    let mut goes_on = match ctx.optional(1)? {
        Some(Bound::Value(_)) => return Err(ctx.form("a loop while something holds of the input", HINT)),
        Some(Bound::Const(condition)) => condition.scalar() != Some(0.0),
        None => true,
    };
    let mut carried = (2..ctx.operands()).map(|i| ctx.operand(i)).collect::<Result<Vec<_>, _>>()?;
    let mut scanned: Vec<Vec<Bound>> = vec![Vec::new(); ctx.node.output.len().saturating_sub(carried.len())];
    let mut trip = 0;
    while goes_on && trip < trips {
        if trip == MOST_TRIPS {
            return Err(ctx.form(format!("a loop of more than {MOST_TRIPS} trips"), HINT));
        }
        let number = |v: f32| Bound::Const(Array::whole(vec![], vec![v]));
        let inputs = [vec![number(trip as f32), number(1.0)], carried.clone()].concat();
        let mut results = inlined(ctx, "body", inputs)?.into_iter();
        goes_on = match results.next() {
            Some(Bound::Const(condition)) => condition.scalar() != Some(0.0),
            _ => return Err(ctx.form("a loop that what it computes may end", HINT)),
        };
        carried = results.by_ref().take(carried.len()).collect();
        scanned.iter_mut().zip(results).for_each(|(all, one)| all.push(one));
        trip += 1;
    }
    let count = carried.len();
    carried.into_iter().enumerate().for_each(|(i, result)| ctx.bind(i, result));
    for (i, parts) in scanned.into_iter().enumerate().filter(|(_, parts)| !parts.is_empty()) {
        let rows = parts.into_iter().map(|part| {
            let dims = [&[1], ctx.dims(&part).as_slice()].concat();
            ctx.reshape(part, dims)
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let all = ctx.concat(rows, 0)?;
        ctx.bind(count + i, all);
    }
    Ok(())
}
