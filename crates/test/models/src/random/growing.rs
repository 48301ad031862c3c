//! A program that grows by a node at a time, every interval computed.

use super::Draw;
use ciro_graph::bounds::{Consts, Kind, Scope};
use ciro_graph::{ConstId, Constant, Interval, Model, Node, Op, Output, OutputKind, Program, ValueId};

/// What is known of a value of numbers.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) id: ValueId,
    pub(super) shape: Vec<u32>,
    pub(super) lo: i64,
    pub(super) hi: i64,
}

impl Operand {
    /// Elements.
    pub(super) fn len(&self) -> u32 {
        self.shape.iter().product()
    }

    /// Elements of a row.
    pub(super) fn row(&self) -> u32 {
        self.shape.last().copied().unwrap_or(1)
    }

    /// How far apart its ends are.
    pub(super) fn width(&self) -> i64 {
        self.hi - self.lo
    }

    /// Bits of its width.
    pub(super) fn width_bits(&self) -> i64 {
        64 - i64::from(self.width().max(1).leading_zeros())
    }

    /// Whether it is so wide that parameters near the field's limits matter.
    pub(super) fn is_wide(&self) -> bool {
        self.width() > 1 << 20
    }
}

/// A program so far.
pub(super) struct Growing {
    pub(super) draw: Draw,
    program: Program,
    weights: Vec<Vec<i32>>,
    scope: Scope,
    /// A value to go on with: chains of roundings are where ranges are elided.
    favourite: Option<ValueId>,
}

impl Growing {
    pub(super) fn new(program: Program, draw: Draw) -> Self {
        let mut scope = Scope::new(program.limb_bits);
        program.inputs.iter().for_each(|input| scope.push_input(input));
        Self { draw, program, weights: Vec::new(), scope, favourite: None }
    }

    /// What is known of a value, if it holds numbers.
    pub(super) fn operand(&self, id: ValueId) -> Option<Operand> {
        let info = self.scope.get(id).ok()?;
        let Kind::Bounded(Interval { lo, hi }) = info.kind else { return None };
        Some(Operand { id, shape: info.shape.clone(), lo, hi })
    }

    /// All values of numbers, newest first.
    pub(super) fn operands(&self) -> impl Iterator<Item = Operand> {
        (0..self.scope.len() as u32).rev().filter_map(|id| self.operand(ValueId(id)))
    }

    /// A recent value, the favourite most often.
    ///
    /// # Panics
    /// Never: the input holds numbers.
    pub(super) fn pick(&mut self) -> Operand {
        let favourite = self.favourite.take().filter(|_| !self.draw.one_in(3));
        let recent: Vec<Operand> = self.operands().take(4).collect();
        favourite.and_then(|id| self.operand(id)).unwrap_or_else(|| {
            let i = self.draw.below(recent.len() as u64) as usize;
            recent[i].clone()
        })
    }

    /// A value of numbers for which `is_fit`.
    pub(super) fn pick_that(&mut self, is_fit: impl Fn(&Operand) -> bool) -> Option<Operand> {
        let fit: Vec<Operand> = self.operands().filter(is_fit).collect();
        let i = self.draw.below(fit.len() as u64) as usize;
        fit.into_iter().nth(i)
    }

    /// Goes on with this value.
    pub(super) fn prefer(&mut self, id: Option<ValueId>) {
        self.favourite = id;
    }

    pub(super) fn constant(&mut self, shape: Vec<u32>, values: Vec<i32>) -> ConstId {
        self.program.constants.push(Constant { name: "c".into(), shape });
        self.weights.push(values);
        ConstId(self.weights.len() as u32 - 1)
    }

    /// Adds a node, if its operator takes these operands.
    pub(super) fn push(&mut self, op: Op) -> Option<ValueId> {
        self.push_shaped(op, None)
    }

    /// Adds a reshaped copy.
    pub(super) fn reshape(&mut self, x: ValueId, shape: Vec<u32>) -> Option<ValueId> {
        self.push_shaped(Op::Reshape { x }, Some(shape))
    }

    fn push_shaped(&mut self, op: Op, shape: Option<Vec<u32>>) -> Option<ValueId> {
        let consts = Consts { shapes: &self.program.constants, weights: Some(&self.weights) };
        let outcome = self.scope.outcome(&op, consts).ok()?;
        let shape = shape.unwrap_or(outcome.shape);
        let interval = self.declared(&op, outcome.interval?);
        let (lo, hi) = (i32::try_from(interval.lo).ok()?, i32::try_from(interval.hi).ok()?);
        self.scope.push(&op, shape.clone(), interval);
        self.program.nodes.push(Node { op, shape, lo, hi });
        Some(ValueId(self.scope.len() as u32 - 1))
    }

    /// The interval that a node declares: its operator's, or a little more. A class has no other.
    fn declared(&mut self, op: &Op, interval: Interval) -> Interval {
        if matches!(op, Op::ArgMax { .. }) || !self.draw.one_in(4) {
            return interval;
        }
        let Interval { lo, hi } = interval;
        let (below, above) = (self.draw.within(0, 9), self.draw.within(0, 9));
        Interval { lo: (lo - below).max(-(1 << 29)).min(lo), hi: (hi + above).min(1 << 29).max(hi) }
    }

    /// Whether a class is chosen already.
    pub(super) fn has_label(&self) -> bool {
        self.program.nodes.iter().any(|node| matches!(node.op, Op::ArgMax { .. }))
    }

    /// Adds a node if no recipe added one.
    pub(super) fn read_input(&mut self) {
        if self.program.nodes.is_empty() {
            self.push(Op::Scale { x: ValueId(0), factor: -1 });
        }
    }

    /// The model, its outputs what nothing reads.
    pub(super) fn finish(mut self) -> Model {
        let read: Vec<ValueId> = self.program.nodes.iter().flat_map(|node| node.op.operands()).collect();
        let ids = (0..self.scope.len() as u32).map(ValueId);
        let outputs: Vec<Output> = ids.filter(|id| !read.contains(id)).filter_map(|id| self.output(id)).collect();
        self.program.outputs = outputs;
        Model { program: self.program, weights: self.weights }
    }

    fn output(&self, value: ValueId) -> Option<Output> {
        let info = self.scope.get(value).ok()?;
        let (shape, kind) = match info.kind {
            Kind::Index { below } => (vec![1], OutputKind::IntLabel { labels: vec![0; below as usize] }),
            Kind::Bounded(_) | Kind::Ordered | Kind::OrderedDouble => {
                (info.shape.clone(), OutputKind::Fixed { frac_bits: 0 })
            }
        };
        Some(Output { name: format!("y{}", value.0), value, shape, kind })
    }
}
