//! What a position computes, and all positions of one direction.

use crate::fronts::net::builder::Bound;
use crate::fronts::net::ctx::Ctx;
use crate::graph::array::Array;
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::{Kind, Linear};
use crate::terms::error::CompileError;

/// What a position computes from the gates.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// Gates input, output, forget, candidate.
    Lstm,
    /// Gates update, reset, candidate; the reset is applied to the state's product, or to the state before it.
    Gru { reset_after: bool },
    /// One gate.
    Plain,
}

impl Cell {
    pub(super) const fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
            Self::Plain => 1,
        }
    }

    /// The activations where the node names none.
    pub(super) const fn activations(self) -> &'static [Fun] {
        match self {
            Self::Lstm => &[Fun::Sigmoid, Fun::Tanh, Fun::Tanh],
            Self::Gru { .. } => &[Fun::Sigmoid, Fun::Tanh],
            Self::Plain => &[Fun::Tanh],
        }
    }
}

/// The state before a position; `None` is zero.
#[derive(Clone)]
pub(super) struct State {
    pub(super) hidden: Option<Bound>,
    pub(super) memory: Option<Bound>,
}

/// One direction of one node.
pub(super) struct Direction {
    pub(super) cell: Cell,
    pub(super) hidden: usize,
    pub(super) batch: usize,
    pub(super) activations: Vec<Fun>,
    /// The state's weights for each product: (hidden, n) and an offset.
    pub(super) products: Vec<Linear>,
    /// How many positions count, (batch, 1), where not all do.
    pub(super) lengths: Option<Bound>,
    /// The node's name.
    pub(super) name: String,
}

impl Direction {
    /// All positions: their states, (positions, 1, batch, hidden), and the last one.
    pub(super) fn run(
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
            let old = state.clone();
            state = match self.cell {
                Cell::Lstm => self.lstm(ctx, own, state)?,
                Cell::Gru { reset_after } => self.gru(ctx, &own, state, reset_after)?,
                Cell::Plain => self.plain(ctx, own, state)?,
            };
            let mut shown = state.hidden.clone();
            if let Some(lengths) = self.lengths.clone() {
                self.role(ctx, "counts");
                let counts = Expr::binary(Arith::Greater, Expr::X, Expr::Const(at as f64));
                let counts = ctx.pointwise(counts, lengths)?;
                shown = self.kept(ctx, &counts, None, shown)?;
                let hidden = self.kept(ctx, &counts, old.hidden, state.hidden)?;
                state = State { hidden, memory: self.kept(ctx, &counts, old.memory, state.memory)? };
            }
            if let Some(hidden) = shown {
                states.push(ctx.reshape(hidden, vec![1, 1, self.batch, self.hidden])?);
            }
        }
        if backwards {
            states.reverse();
        }
        self.role(ctx, "states");
        Ok((ctx.concat(states, 0)?, state))
    }

    /// `new` where a position counts, else `old`; nothing is zero.
    fn kept(
        &self,
        ctx: &mut Ctx<'_, '_>,
        counts: &Bound,
        old: Option<Bound>,
        new: Option<Bound>,
    ) -> Result<Option<Bound>, CompileError> {
        let Some(new) = new else { return Ok(None) };
        let change = match old.clone() {
            Some(old) => ctx.arithmetic(Arith::Sub, new, old)?,
            None => new,
        };
        let change = ctx.arithmetic(Arith::Mul, change, counts.clone())?;
        match old {
            Some(old) => ctx.arithmetic(Arith::Add, old, change).map(Some),
            None => Ok(Some(change)),
        }
    }

    /// Names the steps that follow.
    pub(super) fn role(&self, ctx: &mut Ctx<'_, '_>, role: &str) {
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
