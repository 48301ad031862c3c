//! The weights of a recurrent layer, and what the input adds to the gates.

use super::cells::Cell;
use crate::fronts::net::builder::Bound;
use crate::fronts::net::ctx::Ctx;
use crate::graph::array::{Array, count};
use crate::graph::net::{Kind, Linear};
use crate::terms::error::CompileError;

/// Sizes of the operands.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) positions: usize,
    pub(super) batch: usize,
    pub(super) width: usize,
    pub(super) hidden: usize,
    pub(super) directions: usize,
    /// Whether states come as (batch, directions, hidden).
    pub(super) batch_first: bool,
}

/// The node's weights, as ONNX has them.
pub(super) struct Weights {
    size: Size,
    /// (directions, gates · hidden, width).
    input: Array,
    /// (directions, gates · hidden, hidden).
    state: Array,
    /// (directions, 2 · gates · hidden), the input's offsets first.
    offsets: Array,
}

impl Weights {
    pub(super) fn read(ctx: &Ctx<'_, '_>, cell: Cell, size: Size) -> Result<Self, CompileError> {
        let rows = cell.gates() * size.hidden;
        let shaped = |i: usize, dims: Vec<usize>| -> Result<Array, CompileError> {
            match ctx.constant(i)? {
                Some(array) if array.dims == dims => Ok(array),
                None if i == 3 => Ok(Array::new(dims.clone(), vec![0.0; count(&dims)])),
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
    pub(super) fn project(
        &self,
        ctx: &mut Ctx<'_, '_>,
        x: &Bound,
        cell: Cell,
        d: usize,
    ) -> Result<Bound, CompileError> {
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
    pub(super) fn products(&self, cell: Cell, d: usize) -> Vec<Linear> {
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
