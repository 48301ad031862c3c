//! Widths: of limbs, of tables, and of each value.

use super::super::array::count;
use super::super::expr::Arith;
use super::super::step::{Id, Kind, Net, Step};

/// Room of a sum, bits: its interval stays below 2³⁰ − 2²³ with some slack for a later Rescale.
pub(super) const ROOM_BITS: f64 = 29.95;
/// Widest column, bits without the sign: with it, one limb of the usual width.
pub(super) const WIDEST: u32 = 11;
/// A value that is not multiplied may be held finer.
const FINE: u32 = 14;
/// Narrowest column that still carries a useful number.
const NARROWEST: u32 = 9;

/// The widths of one program.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// Width of a range-check limb.
    pub(super) limb_bits: u8,
    /// Width of a table's index.
    pub(super) table_bits: u32,
    /// For each value, how many bits its readers have room for.
    pub(super) wanted: Vec<u32>,
    /// For each value, whether a reader's precision depends on a tight interval.
    pub(super) tight: Vec<bool>,
}

impl Budget {
    pub(super) fn of(net: &Net) -> Self {
        let active: usize = net.steps.iter().filter(|step| computes(&step.kind)).map(|step| count(&step.dims)).sum();
        let bits = usize::BITS - active.leading_zeros();
        // Tables are paid for once: small programs take small ones.
        let limb_bits = if bits <= 12 { 8 } else { 12 };
        Self { limb_bits, table_bits: bits.saturating_sub(2).clamp(12, 16), wanted: wanted(net), tight: tight(net) }
    }

    /// The smallest shift's cost is one lookup: this many bits at most.
    pub(super) fn cheap_shift(&self) -> u32 {
        if self.limb_bits < 12 { 2 * u32::from(self.limb_bits) } else { u32::from(self.limb_bits) }
    }
}

/// Whether a step's results need a narrowing or a table.
fn computes(kind: &Kind) -> bool {
    match kind {
        Kind::Pointwise(expr) => expr.as_line().is_none(),
        Kind::Contract { .. } | Kind::Linear(_) | Kind::Conv(_) | Kind::Normalize { .. } | Kind::Softmax { .. } => true,
        Kind::Binary(_) => true,
        _ => false,
    }
}

fn wanted(net: &Net) -> Vec<u32> {
    let mut wanted = vec![FINE; net.inputs.len() + net.steps.len()];
    for (i, step) in net.steps.iter().enumerate().rev() {
        let own = wanted[net.id_of(i)];
        for &x in &step.operands {
            wanted[x] = wanted[x].min(asked(net, step, own));
        }
    }
    wanted
}

/// Values that are normalised: rows may deviate far less than the whole value, and what squares of the largest element that
/// is possible leave for them is their precision.
fn tight(net: &Net) -> Vec<bool> {
    let mut tight = vec![false; net.inputs.len() + net.steps.len()];
    for (i, step) in net.steps.iter().enumerate().rev() {
        let own = super::super::step::moves(&step.kind) && tight[net.id_of(i)];
        if own || matches!(step.kind, Kind::Normalize { .. }) {
            step.operands.iter().for_each(|&x| tight[x] = true);
        }
    }
    tight
}

/// How many bits a reader has room for, if its own result has room for `own`.
fn asked(net: &Net, step: &Step, own: u32) -> u32 {
    let bits = |bits: f64| (bits.max(0.0) as u32).clamp(NARROWEST, WIDEST);
    let terms = |n: usize| (n.max(1) as f64).log2();
    match &step.kind {
        Kind::Linear(linear) => bits((ROOM_BITS - spread(&linear.weight, linear.n, true)) / 2.0),
        Kind::Conv(conv) => bits((ROOM_BITS - spread(&conv.weight, conv.dims[0], false)) / 2.0),
        Kind::Contract { .. } => {
            let left = step.operands[0];
            let k = net.row(left);
            if softmax(net, left) { bits(f64::from(share_bits(k).1)) } else { bits((ROOM_BITS - terms(k)) / 2.0) }
        }
        Kind::Sum => bits(ROOM_BITS - 1.0 - terms(net.row(step.operands[0]))).min(own),
        Kind::MaxPool(_) | Kind::Max => own,
        kind if super::super::step::moves(kind) => own,
        Kind::Binary(Arith::Add | Arith::Sub) | Kind::AddConst(_) | Kind::Normalize { .. } => FINE,
        _ => WIDEST,
    }
}

/// Whether a value is a Softmax, moved at most.
fn softmax(net: &Net, id: Id) -> bool {
    net.step(id).is_some_and(|step| matches!(step.kind, Kind::Softmax { log: false }))
}

/// Bits of a Softmax's powers over rows of `n`, and of the values that they weigh.
pub(super) fn share_bits(n: usize) -> (u32, u32) {
    let room = (ROOM_BITS - 1.0 - (n.max(1) as f64).log2()) as u32;
    let powers = (room / 2).clamp(8, 14);
    (powers, (room - powers).min(WIDEST))
}

/// log₂ of the ratio of the largest column's (or output's) sum of magnitudes to the largest weight.
fn spread(weight: &[f32], n: usize, by_columns: bool) -> f64 {
    let n = n.max(1);
    let mut sums = vec![0.0f64; n];
    let per_output = (weight.len() / n).max(1);
    for (i, w) in weight.iter().enumerate() {
        sums[if by_columns { i % n } else { i / per_output }] += f64::from(w.abs());
    }
    let sum = sums.into_iter().fold(0.0, f64::max);
    let largest = weight.iter().fold(0.0f64, |largest, w| largest.max(f64::from(w.abs())));
    if largest > 0.0 { (sum / largest).log2() } else { 0.0 }
}
