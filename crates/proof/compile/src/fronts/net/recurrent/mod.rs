//! LSTM, GRU and RNN, unrolled: a step of the network for each position of the sequence.
//!
//! What the input adds to the gates is one product for the whole sequence. What the state adds is one product per position, with the
//! same weights each time. The steps of one role bear one name, `node/role`. So calibration gives them one scale, and their weights are
//! committed once.
//!
//! | module | what it holds |
//! |---|---|
//! | [`weights`] | the weights as ONNX has them |
//! | [`cells`] | what a position computes |

mod cells;
mod weights;

use super::builder::Bound;
use super::ctx::Ctx;
use crate::graph::expr::Fun;
use crate::graph::operators::family::Recurrent;
use crate::terms::error::CompileError;
use cells::{Cell, Direction, State};
use weights::{Size, Weights};

/// Longest sequence times directions: each adds a dozen steps.
const MOST_POSITIONS: usize = 4096;

/// Adds the node's steps.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: Recurrent) -> Result<(), CompileError> {
    let cell = match operator {
        Recurrent::Lstm => Cell::Lstm,
        Recurrent::Gru => Cell::Gru { reset_after: ctx.attributes.int("linear_before_reset")?.unwrap_or(0) != 0 },
        Recurrent::Rnn => Cell::Plain,
    };
    recurrent(ctx, cell)?;
    Ok(())
}

fn recurrent(ctx: &mut Ctx<'_, '_>, cell: Cell) -> Result<(), CompileError> {
    let batch_first = ctx.attributes.int("layout")?.unwrap_or(0) != 0;
    let mut x = ctx.operand(0)?;
    if batch_first && ctx.dims(&x).len() == 3 {
        x = ctx.transpose(x, vec![1, 0, 2])?;
    }
    let reverse = directions(ctx)?;
    let size = Size { batch_first, ..size(ctx, &x, reverse.len())? };
    let activations = activations(ctx, cell, reverse.len())?;
    refuse_others(ctx)?;
    let weights = Weights::read(ctx, cell, size)?;
    let name = ctx.at.node.clone();
    let lengths = lengths(ctx, size)?;
    let (mut all, mut lasts): (Vec<Bound>, Vec<State>) = (vec![], vec![]);
    for (d, &backwards) in reverse.iter().enumerate() {
        let name = if backwards { format!("{name}/reverse") } else { name.clone() };
        let state = State { hidden: initial(ctx, 5, d, size)?, memory: initial(ctx, 6, d, size)? };
        let direction = Direction {
            cell,
            hidden: size.hidden,
            batch: size.batch,
            activations: activations[d].clone(),
            products: weights.products(cell, d),
            lengths: lengths.clone(),
            name,
        };
        direction.role(ctx, "input");
        let gates = weights.project(ctx, &x, cell, d)?;
        let (states, last) = direction.run(ctx, &gates, size.positions, backwards, state)?;
        all.push(states);
        lasts.push(last);
    }
    ctx.at.node = name;
    results(ctx, all, lasts, size)
}

/// Whether each direction runs backwards.
fn directions(ctx: &mut Ctx<'_, '_>) -> Result<Vec<bool>, CompileError> {
    let given = ctx.attributes.text("direction")?.unwrap_or_else(|| "forward".into());
    match given.as_str() {
        "forward" => Ok(vec![false]),
        "reverse" => Ok(vec![true]),
        "bidirectional" => Ok(vec![false, true]),
        _ => Err(ctx.attributes.refuse("direction", "forward, reverse or bidirectional", given)),
    }
}

fn size(ctx: &mut Ctx<'_, '_>, x: &Bound, directions: usize) -> Result<Size, CompileError> {
    let dims = ctx.dims(x);
    let &[positions, batch, width] = dims.as_slice() else {
        return Err(ctx.refuse(0, "three dimensions: positions, batch, features", format!("dimensions {dims:?}")));
    };
    if positions == 0 || positions * directions > MOST_POSITIONS {
        return Err(ctx.form(
            format!("a sequence of {positions} positions"),
            format!("between 1 and {} are unrolled", MOST_POSITIONS / directions),
        ));
    }
    let weights = ctx.dims(&ctx.operand(2)?);
    let hidden = weights.last().copied().unwrap_or(0);
    let told = ctx.attributes.int("hidden_size")?;
    if hidden == 0 || told.is_some_and(|told| usize::try_from(told) != Ok(hidden)) {
        let expected = told.map_or("a state".into(), |told| format!("weights for a state of {told}"));
        return Err(ctx.refuse(2, expected, format!("dimensions {weights:?}")));
    }
    Ok(Size { positions, batch, width, hidden, directions, batch_first: false })
}

/// The activations of each direction.
fn activations(ctx: &mut Ctx<'_, '_>, cell: Cell, directions: usize) -> Result<Vec<Vec<Fun>>, CompileError> {
    let usual = cell.activations();
    let given = ctx.attributes.texts("activations")?;
    if given.is_empty() {
        return Ok(vec![usual.to_vec(); directions]);
    }
    let known = |name: &String| match name.to_ascii_lowercase().as_str() {
        "sigmoid" => Some(Fun::Sigmoid),
        "tanh" => Some(Fun::Tanh),
        "relu" => Some(Fun::Relu),
        _ => None,
    };
    let all: Option<Vec<Fun>> = given.iter().map(known).collect();
    match all {
        Some(all) if all.len() == usual.len() * directions => {
            Ok(all.chunks_exact(usual.len()).map(<[Fun]>::to_vec).collect())
        }
        _ => {
            let expected = format!("{} of Sigmoid, Tanh and Relu", usual.len() * directions);
            Err(ctx.attributes.refuse("activations", expected, given.join(", ")))
        }
    }
}

/// Refuses, by name, what would change the result and is not unrolled.
fn refuse_others(ctx: &mut Ctx<'_, '_>) -> Result<(), CompileError> {
    ctx.attributes.only("input_forget", 0)?;
    if let Some(clip) = ctx.attributes.float("clip")? {
        return Err(ctx.attributes.refuse("clip", "gates without a bound", clip.to_string()));
    }
    // Only other activations have parameters.
    ctx.attributes.ignore(&["activation_alpha", "activation_beta", "output_sequence"]);
    match ctx.constant(7)? {
        Some(peepholes) if peepholes.values.iter().any(|&p| p != 0.0) => {
            Err(ctx.form("peepholes", "train the layer without them, as the usual libraries do"))
        }
        _ => Ok(()),
    }
}

/// How many positions count, as (batch, 1), where not all of them do.
fn lengths(ctx: &mut Ctx<'_, '_>, size: Size) -> Result<Option<Bound>, CompileError> {
    let Some(lengths) = ctx.optional(4)? else { return Ok(None) };
    let is_length = |len: &i64| usize::try_from(*len).is_ok_and(|len| len <= size.positions);
    match &lengths {
        Bound::Const(c) if !c.ints().iter().all(is_length) => {
            Err(ctx.refuse(4, format!("sequences of {} positions", size.positions), format!("{:?}", c.ints())))
        }
        Bound::Const(c) if c.ints().iter().all(|&len| usize::try_from(len) == Ok(size.positions)) => Ok(None),
        _ => ctx.reshape(lengths, vec![size.batch, 1]).map(Some),
    }
}

/// A direction's initial state from operand `i`: (directions, batch, hidden). Zeros need no steps.
fn initial(ctx: &mut Ctx<'_, '_>, i: usize, d: usize, size: Size) -> Result<Option<Bound>, CompileError> {
    let Some(mut state) = ctx.optional(i)? else { return Ok(None) };
    if size.batch_first && ctx.dims(&state).len() == 3 {
        state = ctx.transpose(state, vec![1, 0, 2])?;
    }
    let expected = vec![size.directions, size.batch, size.hidden];
    let dims = ctx.dims(&state);
    if dims != expected {
        return Err(ctx.refuse(i, format!("dimensions {expected:?}"), format!("{dims:?}")));
    }
    if matches!(&state, Bound::Const(c) if c.values.iter().all(|&v| v == 0.0)) {
        return Ok(None);
    }
    let own = ctx.take(state, vec![(0, vec![Some(d)])])?;
    ctx.reshape(own, vec![size.batch, size.hidden]).map(Some)
}

/// Binds all states, (positions, directions, batch, hidden), and the last ones, (directions, batch, hidden); with the batch
/// first if the node has it so.
fn results(ctx: &mut Ctx<'_, '_>, all: Vec<Bound>, lasts: Vec<State>, size: Size) -> Result<(), CompileError> {
    let turned = |ctx: &mut Ctx<'_, '_>, x: Bound, perm: &[usize]| -> Result<Bound, CompileError> {
        if size.batch_first { ctx.transpose(x, perm.to_vec()) } else { Ok(x) }
    };
    if ctx.names(0) {
        let states = ctx.concat(all, 1)?;
        let states = turned(ctx, states, &[2, 0, 1, 3])?;
        ctx.bind(0, states);
    }
    let (hidden, memory): (Vec<_>, Vec<_>) = lasts.into_iter().map(|last| (last.hidden, last.memory)).unzip();
    for (i, parts) in [(1, hidden), (2, memory)] {
        let parts: Vec<Bound> = parts.into_iter().flatten().collect();
        if !ctx.names(i) || parts.is_empty() {
            continue;
        }
        let parts = parts.into_iter().map(|part| ctx.reshape(part, vec![1, size.batch, size.hidden]));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let last = ctx.concat(parts, 0)?;
        let last = turned(ctx, last, &[1, 0, 2])?;
        ctx.bind(i, last);
    }
    Ok(())
}
