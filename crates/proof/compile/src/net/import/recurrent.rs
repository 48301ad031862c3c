//! LSTM, GRU and RNN, unrolled: a step of the network for each position of the sequence.
//!
//! What the input adds to the gates is one product for the whole sequence; what the state adds is one product per position,
//! with the same weights each time. The steps of one role bear one name, `node/role`, so that calibration gives them one
//! scale and their weights are committed once.

use super::super::array::Array;
use super::super::expr::{Arith, Expr, Fun};
use super::super::step::{Kind, Linear};
use super::ctx::{Bound, Ctx};
use crate::error::CompileError;

/// Longest sequence times directions: each adds a dozen steps.
const MOST_POSITIONS: usize = 4096;

/// Adds the node's steps; `false` if the operator is not one of these.
pub(super) fn add(ctx: &mut Ctx<'_, '_>, operator: &str) -> Result<bool, CompileError> {
    let cell = match operator {
        "LSTM" => Cell::Lstm,
        "GRU" => Cell::Gru { reset_after: ctx.attributes.int("linear_before_reset")?.unwrap_or(0) != 0 },
        "RNN" => Cell::Plain,
        _ => return Ok(false),
    };
    recurrent(ctx, cell)?;
    Ok(true)
}

/// What a position computes from the gates.
#[derive(Clone, Copy, PartialEq)]
enum Cell {
    /// Gates input, output, forget, candidate.
    Lstm,
    /// Gates update, reset, candidate; the reset is applied to the state's product, or to the state before it.
    Gru { reset_after: bool },
    /// One gate.
    Plain,
}

impl Cell {
    const fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
            Self::Plain => 1,
        }
    }

    /// The activations where the node names none.
    const fn activations(self) -> &'static [Fun] {
        match self {
            Self::Lstm => &[Fun::Sigmoid, Fun::Tanh, Fun::Tanh],
            Self::Gru { .. } => &[Fun::Sigmoid, Fun::Tanh],
            Self::Plain => &[Fun::Tanh],
        }
    }
}

/// Sizes of the operands.
#[derive(Clone, Copy)]
struct Size {
    positions: usize,
    batch: usize,
    width: usize,
    hidden: usize,
    directions: usize,
    /// Whether states come as (batch, directions, hidden).
    batch_first: bool,
}

/// The state before a position; `None` is zero.
#[derive(Clone)]
struct State {
    hidden: Option<Bound>,
    memory: Option<Bound>,
}

/// One direction of one node.
struct Direction {
    cell: Cell,
    hidden: usize,
    batch: usize,
    activations: Vec<Fun>,
    /// The state's weights for each product: (hidden, n) and an offset.
    products: Vec<Linear>,
    /// The node's name.
    name: String,
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
    refuse_others(ctx, size)?;
    let weights = Weights::read(ctx, cell, size)?;
    let name = ctx.at.node.clone();
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
fn refuse_others(ctx: &mut Ctx<'_, '_>, size: Size) -> Result<(), CompileError> {
    ctx.attributes.only("input_forget", 0)?;
    if let Some(clip) = ctx.attributes.float("clip")? {
        return Err(ctx.attributes.refuse("clip", "gates without a bound", clip.to_string()));
    }
    // Only other activations have parameters.
    ctx.attributes.ignore(&["activation_alpha", "activation_beta", "output_sequence"]);
    if let Some(lengths) = ctx.constant(4)?
        && lengths.ints().iter().any(|&len| usize::try_from(len) != Ok(size.positions))
    {
        return Err(ctx.refuse(
            4,
            format!("sequences of {} positions", size.positions),
            format!("{:?}", lengths.ints()),
        ));
    }
    match ctx.constant(7)? {
        Some(peepholes) if peepholes.values.iter().any(|&p| p != 0.0) => {
            Err(ctx.form("peepholes", "train the layer without them, as the usual libraries do"))
        }
        _ => Ok(()),
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

/// The node's weights, as ONNX has them.
struct Weights {
    size: Size,
    /// (directions, gates · hidden, width).
    input: Array,
    /// (directions, gates · hidden, hidden).
    state: Array,
    /// (directions, 2 · gates · hidden), the input's offsets first.
    offsets: Array,
}

impl Weights {
    fn read(ctx: &Ctx<'_, '_>, cell: Cell, size: Size) -> Result<Self, CompileError> {
        let rows = cell.gates() * size.hidden;
        let shaped = |i: usize, dims: Vec<usize>| -> Result<Array, CompileError> {
            match ctx.constant(i)? {
                Some(array) if array.dims == dims => Ok(array),
                None if i == 3 => Ok(Array::new(dims.clone(), vec![0.0; dims.iter().product()])),
                other => {
                    let got = other.map_or("nothing".into(), |array| format!("dimensions {:?}", array.dims));
                    Err(ctx.refuse(i, format!("dimensions {dims:?}"), got))
                }
            }
        };
        Ok(Self {
            size,
            input: shaped(1, vec![size.directions, rows, size.width])?,
            state: shaped(2, vec![size.directions, rows, size.hidden])?,
            offsets: shaped(3, vec![size.directions, 2 * rows])?,
        })
    }

    /// The offsets of direction `d` for gates `from..to` that the input brings and those that the state brings.
    fn offsets(&self, cell: Cell, d: usize, from: usize, to: usize) -> (&[f32], &[f32]) {
        let (h, rows) = (self.size.hidden, cell.gates() * self.size.hidden);
        let own = &self.offsets.values[2 * rows * d..2 * rows * (d + 1)];
        (&own[from * h..to * h], &own[rows + from * h..rows + to * h])
    }

    /// What the input adds to all gates of direction `d` at all positions: (positions, batch, gates · hidden).
    fn project(&self, ctx: &mut Ctx<'_, '_>, x: &Bound, cell: Cell, d: usize) -> Result<Bound, CompileError> {
        let (gates, h) = (cell.gates(), self.size.hidden);
        let (mut offsets, of_state) = {
            let (input, state) = self.offsets(cell, d, 0, gates);
            (input.to_vec(), state)
        };
        // A reset that comes after the state's product also resets that product's offset.
        let joined = if cell == (Cell::Gru { reset_after: true }) { 2 * h } else { gates * h };
        offsets.iter_mut().zip(&of_state[..joined]).for_each(|(a, b)| *a += b);
        let linear = linear(&self.input, (d, gates * h), (0, gates * h), offsets);
        let dims = vec![self.size.positions, self.size.batch, gates * h];
        ctx.push(Kind::Linear(linear), vec![x.clone()], dims)
    }

    /// The products with the state of direction `d`.
    fn products(&self, cell: Cell, d: usize) -> Vec<Linear> {
        let (gates, h) = (cell.gates(), self.size.hidden);
        let rows = gates * h;
        let zeros = |n: usize| vec![0.0; n];
        match cell {
            Cell::Lstm | Cell::Plain => vec![linear(&self.state, (d, rows), (0, rows), zeros(rows))],
            Cell::Gru { reset_after } => {
                let candidate = if reset_after { self.offsets(cell, d, 2, 3).1.to_vec() } else { zeros(h) };
                vec![
                    linear(&self.state, (d, rows), (0, 2 * h), zeros(2 * h)),
                    linear(&self.state, (d, rows), (2 * h, rows), candidate),
                ]
            }
        }
    }
}

/// Rows `from..to` of matrix `d` of a stack of matrices of `rows` rows, as a product from the left needs them.
fn linear(stack: &Array, (d, rows): (usize, usize), (from, to): (usize, usize), offsets: Vec<f32>) -> Linear {
    let k = stack.dims.last().copied().unwrap_or(0);
    let own = &stack.values[(d * rows + from) * k..(d * rows + to) * k];
    let weight = (0..k).flat_map(|i| own.chunks_exact(k.max(1)).map(move |row| row[i])).collect();
    let bias = offsets.iter().any(|&b| b != 0.0).then(|| offsets.into());
    Linear { k, n: to - from, weight: std::rc::Rc::new(weight), bias }
}

impl Direction {
    /// All positions: their states, (positions, 1, batch, hidden), and the last one.
    fn run(
        &self,
        ctx: &mut Ctx<'_, '_>,
        gates: &Bound,
        positions: usize,
        backwards: bool,
        mut state: State,
    ) -> Result<(Bound, State), CompileError> {
        let mut states = Vec::with_capacity(positions);
        for i in 0..positions {
            let at = if backwards { positions - 1 - i } else { i };
            self.role(ctx, "input");
            let own = ctx.take(gates.clone(), vec![(0, vec![Some(at)])])?;
            let own = ctx.reshape(own, vec![self.batch, self.cell.gates() * self.hidden])?;
            state = match self.cell {
                Cell::Lstm => self.lstm(ctx, own, state)?,
                Cell::Gru { reset_after } => self.gru(ctx, &own, state, reset_after)?,
                Cell::Plain => self.plain(ctx, own, state)?,
            };
            if let Some(hidden) = state.hidden.clone() {
                states.push(ctx.reshape(hidden, vec![1, 1, self.batch, self.hidden])?);
            }
        }
        if backwards {
            states.reverse();
        }
        self.role(ctx, "states");
        Ok((ctx.concat(states, 0)?, state))
    }

    /// Names the steps that follow.
    fn role(&self, ctx: &mut Ctx<'_, '_>, role: &str) {
        ctx.at.node = format!("{}/{role}", self.name);
    }

    fn lstm(&self, ctx: &mut Ctx<'_, '_>, own: Bound, state: State) -> Result<State, CompileError> {
        let gates = self.with_state(ctx, own, state.hidden, 0)?;
        // Input, output and forget gates are side by side; the candidate is last.
        let open = self.gates(ctx, &gates, 0, 3)?;
        let open = self.activated(ctx, open, 0, "gates")?;
        let candidate = self.gates(ctx, &gates, 3, 4)?;
        let candidate = self.activated(ctx, candidate, 1, "candidate")?;
        let [input, output, forget] = [0, 1, 2].map(|i| self.gates(ctx, &open, i, i + 1));
        self.role(ctx, "added");
        let mut memory = ctx.arithmetic(Arith::Mul, input?, candidate)?;
        if let Some(old) = state.memory {
            self.role(ctx, "kept");
            let kept = ctx.arithmetic(Arith::Mul, forget?, old)?;
            self.role(ctx, "memory");
            memory = ctx.arithmetic(Arith::Add, kept, memory)?;
        }
        let shown = self.activated(ctx, memory.clone(), 2, "shown")?;
        self.role(ctx, "state");
        let hidden = ctx.arithmetic(Arith::Mul, output?, shown)?;
        Ok(State { hidden: Some(hidden), memory: Some(memory) })
    }

    fn gru(&self, ctx: &mut Ctx<'_, '_>, own: &Bound, state: State, after: bool) -> Result<State, CompileError> {
        let gates = self.gates(ctx, own, 0, 2)?;
        let gates = self.with_state(ctx, gates, state.hidden.clone(), 0)?;
        let gates = self.activated(ctx, gates, 0, "gates")?;
        let update = self.gates(ctx, &gates, 0, 1)?;
        let reset = self.gates(ctx, &gates, 1, 2)?;
        let candidate = self.gates(ctx, own, 2, 3)?;
        self.role(ctx, "reset");
        let candidate = if after {
            let product = self.product(ctx, state.hidden.clone(), 1)?;
            self.role(ctx, "reset");
            match product {
                None => candidate,
                Some(product) => {
                    let product = ctx.arithmetic(Arith::Mul, reset, product)?;
                    self.role(ctx, "candidate's sum");
                    ctx.arithmetic(Arith::Add, candidate, product)?
                }
            }
        } else {
            let kept = state.hidden.clone().map(|old| ctx.arithmetic(Arith::Mul, reset, old)).transpose()?;
            self.with_state(ctx, candidate, kept, 1)?
        };
        let candidate = self.activated(ctx, candidate, 1, "candidate")?;
        // (1 − z)·n + z·h = n + z·(h − n)
        self.role(ctx, "difference");
        let change = match state.hidden {
            Some(old) => ctx.arithmetic(Arith::Sub, old, candidate.clone())?,
            None => ctx.scaled(-1.0, candidate.clone())?,
        };
        self.role(ctx, "change");
        let change = ctx.arithmetic(Arith::Mul, update, change)?;
        self.role(ctx, "state");
        let hidden = ctx.arithmetic(Arith::Add, candidate, change)?;
        Ok(State { hidden: Some(hidden), memory: None })
    }

    fn plain(&self, ctx: &mut Ctx<'_, '_>, own: Bound, state: State) -> Result<State, CompileError> {
        let sum = self.with_state(ctx, own, state.hidden, 0)?;
        let hidden = self.activated(ctx, sum, 0, "state")?;
        Ok(State { hidden: Some(hidden), memory: None })
    }

    /// `own` and the state's product `i`.
    fn with_state(
        &self,
        ctx: &mut Ctx<'_, '_>,
        own: Bound,
        hidden: Option<Bound>,
        i: usize,
    ) -> Result<Bound, CompileError> {
        match self.product(ctx, hidden, i)? {
            None => Ok(own),
            Some(product) => {
                self.role(ctx, if i == 0 { "sum" } else { "candidate's sum" });
                ctx.arithmetic(Arith::Add, product, own)
            }
        }
    }

    /// The state's product `i`; `None` is zero.
    fn product(&self, ctx: &mut Ctx<'_, '_>, hidden: Option<Bound>, i: usize) -> Result<Option<Bound>, CompileError> {
        let linear = &self.products[i];
        self.role(ctx, if i == 0 { "recurrence" } else { "candidate's recurrence" });
        let Some(hidden) = hidden else {
            let bias = linear.bias.as_ref().map(|bias| Array::new(vec![1, linear.n], bias.to_vec()));
            return Ok(bias.map(Bound::Const));
        };
        let dims = vec![self.batch, linear.n];
        ctx.push(Kind::Linear(linear.clone()), vec![hidden], dims).map(Some)
    }

    /// Gates `from..to` of (batch, gates · hidden).
    fn gates(&self, ctx: &mut Ctx<'_, '_>, x: &Bound, from: usize, to: usize) -> Result<Bound, CompileError> {
        ctx.take(x.clone(), vec![(1, (from * self.hidden..to * self.hidden).map(Some).collect())])
    }

    fn activated(&self, ctx: &mut Ctx<'_, '_>, x: Bound, i: usize, role: &str) -> Result<Bound, CompileError> {
        self.role(ctx, role);
        ctx.pointwise(Expr::unary(self.activations[i], Expr::X), x)
    }
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
