//! The largest elements of rows among layers: one after the other, each by comparing its row with its largest.
//!
//! A flag says of each element whether it is one of the largest and has not been taken. Weights that fall along the row make the first of
//! them the largest, and tell its position. An element that has been taken is moved down by as much as the row's elements lie apart. There it
//! may still be as large as the smallest, and so it is flagged as gone.

use crate::graph::array::Array;
use crate::graph::expr::{Arith, Expr, Fun};
use crate::graph::net::{Id, Kind, Net, Step};
use crate::terms::error::At;

/// The network with positions of largest elements computed from maxima, but for those of a single row that are only shown.
pub(crate) fn ranked(net: &Net) -> Net {
    let readers = net.readers();
    let mut ranks = Ranks { net: Net { steps: vec![], outputs: vec![], ..net.clone() } };
    // What an output shows of a value, and what steps compute with.
    let mut shown: Vec<Id> = (0..net.inputs.len()).collect();
    let mut read = shown.clone();
    for (i, step) in net.steps.iter().enumerate() {
        let moved = Step { operands: step.operands.iter().map(|&x| read[x]).collect(), ..step.clone() };
        match step.kind {
            Kind::Top { k, largest } => {
                let id = ranks.top(&moved, k, largest);
                shown.push(id);
                read.push(id);
            }
            Kind::ArgMax => {
                let is_read = !readers[net.id_of(i)].is_empty();
                shown.push(ranks.push(moved.clone()));
                read.push(if is_read { ranks.computed(&moved) } else { shown[shown.len() - 1] });
            }
            _ => {
                let id = ranks.push(moved);
                shown.push(id);
                read.push(id);
            }
        }
    }
    ranks.net.outputs.clone_from(&net.outputs);
    ranks.net.outputs.iter_mut().for_each(|output| output.value = shown[output.value]);
    ranks.net
}

struct Ranks {
    net: Net,
}

/// One run of a comparison: rows, and what their largest are.
struct Rows<'a> {
    at: &'a At,
    dims: Vec<usize>,
    ones: Vec<usize>,
}

impl Ranks {
    fn push(&mut self, step: Step) -> Id {
        self.net.steps.push(step);
        self.net.id_of(self.net.steps.len() - 1)
    }

    fn add(&mut self, at: &At, kind: Kind, operands: Vec<Id>, dims: &[usize]) -> Id {
        self.push(Step { at: at.clone(), kind, operands, dims: dims.to_vec() })
    }

    /// The position of the largest of a single row, as a value to compute with.
    fn computed(&mut self, step: &Step) -> Id {
        let n = self.net.len(step.operands[0]);
        let row = self.add(&step.at, Kind::Reshape, step.operands.clone(), &[1, n]);
        let of_row = Step { operands: vec![row], dims: vec![1, 1], ..step.clone() };
        let position = self.top(&of_row, 1, true);
        self.add(&step.at, Kind::Reshape, vec![position], &step.dims)
    }

    fn top(&mut self, step: &Step, k: usize, largest: bool) -> Id {
        let dims = self.net.dims(step.operands[0]).to_vec();
        let mut ones = dims.clone();
        ones.pop();
        ones.push(1);
        let rows = Rows { at: &step.at, dims, ones };
        let x = match largest {
            true => step.operands[0],
            false => self.function(&rows, Expr::unary(Fun::Neg, Expr::X), step.operands[0]),
        };
        let mut alive: Option<Id> = None;
        let mut positions = Vec::with_capacity(k);
        for left in (0..k).rev() {
            let (position, chosen) = self.next(&rows, x, alive);
            positions.push(position);
            if left > 0 {
                alive = Some(match alive {
                    None => self.function(&rows, Expr::line(-1.0, 1.0), chosen),
                    Some(alive) => self.add(rows.at, Kind::Binary(Arith::Sub), vec![alive, chosen], &rows.dims),
                });
            }
        }
        match positions.as_slice() {
            &[one] => one,
            _ => self.add(rows.at, Kind::Concat(step.dims.len() - 1), positions, &step.dims),
        }
    }

    /// The first position of the largest of those that are left, and a flag where it is.
    fn next(&mut self, rows: &Rows<'_>, x: Id, alive: Option<Id>) -> (Id, Id) {
        let left = match alive {
            None => x,
            Some(alive) => self.lowered(rows, x, alive),
        };
        let top = self.add(rows.at, Kind::Max, vec![left], &rows.ones);
        let below = self.add(rows.at, Kind::Binary(Arith::Sub), vec![left, top], &rows.dims);
        let is_top = Expr::binary(Arith::GreaterOrEqual, Expr::X, Expr::Const(0.0));
        let mut flags = self.function(rows, is_top, below);
        if let Some(alive) = alive {
            flags = self.add(rows.at, Kind::Binary(Arith::Mul), vec![flags, alive], &rows.dims);
        }
        let n = rows.dims.last().copied().unwrap_or(1);
        let falling = Array::whole(vec![n], (0..n).map(|i| (n - i) as f32).collect());
        let weights = self.add(rows.at, Kind::MulConst(falling), vec![flags], &rows.dims);
        let first = self.add(rows.at, Kind::Max, vec![weights], &rows.ones);
        let position = self.add(rows.at, Kind::Pointwise(Expr::line(-1.0, n as f64)), vec![first], &rows.ones);
        let apart = self.add(rows.at, Kind::Binary(Arith::Sub), vec![weights, first], &rows.dims);
        let chosen = self.function(rows, Expr::binary(Arith::Equal, Expr::X, Expr::Const(0.0)), apart);
        (position, chosen)
    }

    /// x, with what is gone as far down as its rows' elements lie apart.
    fn lowered(&mut self, rows: &Rows<'_>, x: Id, alive: Id) -> Id {
        let largest = self.add(rows.at, Kind::Max, vec![x], &rows.ones);
        let negated = self.function(rows, Expr::unary(Fun::Neg, Expr::X), x);
        let smallest = self.add(rows.at, Kind::Max, vec![negated], &rows.ones);
        let apart = self.add(rows.at, Kind::Binary(Arith::Add), vec![largest, smallest], &rows.ones);
        let gone = self.function(rows, Expr::line(-1.0, 1.0), alive);
        let down = self.add(rows.at, Kind::Binary(Arith::Mul), vec![gone, apart], &rows.dims);
        self.add(rows.at, Kind::Binary(Arith::Sub), vec![x, down], &rows.dims)
    }

    fn function(&mut self, rows: &Rows<'_>, expr: Expr, x: Id) -> Id {
        self.add(rows.at, Kind::Pointwise(expr), vec![x], &rows.dims)
    }
}
