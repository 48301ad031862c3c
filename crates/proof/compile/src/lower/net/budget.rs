//! Widths: of limbs, of tables, and of each value.

use crate::graph::array::count;
use crate::graph::expr::{Arith, CurvedRounding, Expr};
use crate::graph::net::{Id, Kind, Net, Step};
use crate::passes::calibrate::Sizes;
use crate::terms::options::Precision;

/// Room of a sum, bits: its interval stays below 2³⁰ − 2²³ with some slack for a later Rescale.
pub(super) const ROOM_BITS: f64 = 29.95;
/// Most bits of a column that its margin leaves unused. A column is that much less precise than weights of as many bits.
const UNUSED_BITS: f64 = 2.0;
/// Narrowest column that still carries a useful number, bits without the sign.
const NARROWEST: u32 = 9;
/// Range limbs of all but the smallest programs may have this many bits; the relation cuts them shorter where that is cheaper.
const LIMB_BITS: u8 = 16;
/// Numbers of a program for which one more bit, and with it twice as long tables, costs little.
const MANY: usize = 1 << 14;

/// Where more numbers than so many for each of its rows are looked up, a table costs less than the comparisons that would do instead.
const MANY_BY_ROW: usize = 4;

/// Bits of values whose squares are summed in blocks: those of eight of them fit.
const BLOCKED_BITS: u32 = 13;

/// Bits of values that are squared: a sum of two squares fits.
const SQUARED_BITS: u32 = 14;

/// Half of what a function changes from one argument of a table to the next, as a part of what it spreads over. From here on it is steep.
const STEEP: f64 = 1.0 / 160.0;

/// Bits of values that only steep functions read.
const STEEP_BITS: u32 = 17;

/// Bits of values that are rounded to whole numbers, and not read otherwise. A number next to a rounding edge is to stay on its side of
/// the edge.
const ROUNDED_BITS: u32 = 20;

/// Rests and differences of more bits than this are together too wide for the field.
const MOST_SHARED: i32 = 13;

/// Widest columns by precision, bits without the sign: of what is multiplied, and of what is not.
const fn widest(precision: Precision, is_large: bool) -> (u32, u32) {
    match (precision, is_large) {
        (Precision::Fast, false) => (10, 10),
        (Precision::Fast, true) => (10, 12),
        (Precision::Balanced, false) => (11, 11),
        (Precision::Balanced, true) => (12, 14),
        (Precision::Exact, false) => (13, 13),
        (Precision::Exact, true) => (13, 15),
    }
}

/// Bits that a Rescale of a sum drops, for a program with 2^bits numbers. A table of as many rows is to be a small part of the program.
/// Tiny programs cut the rests into limbs.
fn shift(precision: Precision, bits: u32) -> u32 {
    match precision {
        _ if bits <= 12 => 16,
        Precision::Exact => 16,
        Precision::Fast | Precision::Balanced => bits.saturating_sub(2).clamp(12, 14),
    }
}

/// The least that the largest power of a row may be, by precision: what is below one power's half counts for nothing.
const fn coarsest_power(precision: Precision) -> usize {
    match precision {
        Precision::Fast => 127,
        Precision::Balanced => 255,
        Precision::Exact => usize::MAX,
    }
}

/// The widths of one program.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// Widest columns, bits without the sign: of what is multiplied, and of what is not.
    pub(super) widest: (u32, u32),
    /// Width of a range-check limb.
    pub(super) limb_bits: u8,
    /// Width of a table's index.
    pub(super) table_bits: u32,
    /// Bits that a Rescale of a sum drops: the more, the more precise its weights.
    pub(super) shift: u32,
    /// For each value, how many bits its readers have room for.
    pub(super) wanted: Vec<u32>,
    /// For each value, whether it is squared or goes through a steep function, moved at most.
    sensitive: Vec<bool>,
    /// Whether the program has so many numbers that tables cost little.
    is_large: bool,
    /// Whether it has so many rectified numbers that a table of their function costs less than comparing each with zero.
    pub(super) has_relu_table: bool,
    /// The least that a Softmax's largest power may be.
    coarsest_power: usize,
}

impl Budget {
    pub(super) fn of(net: &Net, sizes: &Sizes, precision: Precision) -> Self {
        let active: usize = net.steps.iter().filter(|step| computes(&step.kind)).map(|step| count(&step.dims)).sum();
        let bits = usize::BITS - active.leading_zeros();
        // Tables are paid for once: small programs take small ones.
        let limb_bits = if bits <= 12 { 8 } else { LIMB_BITS };
        let is_large = active >= MANY;
        let widest = widest(precision, is_large);
        let multiplied = widest.0;
        let table_bits = bits.saturating_sub(3).clamp(multiplied + 1, multiplied + 3);
        let (wanted, sensitive) = wanted(net, sizes, widest, table_bits);
        let is_relu = |step: &&Step| matches!(&step.kind, Kind::Pointwise(expr) if expr.is_relu());
        let rectified: usize = net.steps.iter().filter(is_relu).map(|step| count(&step.dims)).sum();
        Self {
            widest,
            limb_bits,
            table_bits,
            shift: shift(precision, bits),
            wanted,
            sensitive,
            is_large,
            has_relu_table: rectified >= MANY_BY_ROW << table_bits,
            coarsest_power: coarsest_power(precision),
        }
    }

    /// The fewest bits that are declared for differences of numbers from which so many bits are dropped. In small programs it is as many,
    /// so that rests and differences share a table.
    pub(super) fn least_difference(&self, dropped: i32) -> i32 {
        if self.is_large || dropped > MOST_SHARED.min(i32::from(self.limb_bits)) { 1 } else { dropped }
    }

    /// Whether a value is squared or goes through a steep function.
    pub(super) fn is_sensitive(&self, id: Id) -> bool {
        self.sensitive[id]
    }

    /// Whether squares of rows of `n` are summed in blocks.
    pub(super) const fn has_blocks(&self, n: usize) -> bool {
        has_blocks(n, self.widest)
    }

    /// The power of a row's largest element in a Softmax over rows of `n`. The rests of a division by the sums of powers fit one limb, if
    /// that leaves them precise.
    pub(super) fn unit_power(&self, n: usize) -> i32 {
        let fits = ((1usize << self.limb_bits) - 1) / n.max(1);
        let finest = 1usize << power_bits(n);
        if fits >= self.coarsest_power { fits.min(finest) as i32 } else { finest as i32 }
    }
}

/// Whether squares of rows of `n` are summed in blocks. They are where values as fine as that allows are fine enough, and rows are long.
const fn has_blocks(n: usize, (_, fine): (u32, u32)) -> bool {
    fine <= BLOCKED_BITS + 1 && n.is_multiple_of(8) && n >= 64
}

/// Whether a step's results need a narrowing or a table.
fn computes(kind: &Kind) -> bool {
    match kind {
        Kind::Pointwise(expr) => expr.as_line().is_none(),
        Kind::Contract { .. } | Kind::Linear(_) | Kind::Conv(_) | Kind::Normalize { .. } | Kind::Softmax { .. } => true,
        Kind::Binary(_) | Kind::MaxPool { positive: true, .. } => true,
        Kind::MaxPool { positive: false, .. } | Kind::Constant(_) | Kind::AddConst(_) | Kind::MulConst(_) => false,
        Kind::Sum | Kind::Max | Kind::Embed(_) | Kind::Mask { .. } | Kind::Choose { .. } | Kind::Hide => false,
        Kind::ArgMax | Kind::Reshape | Kind::Transpose(_) | Kind::Take(_) | Kind::Concat(_) | Kind::Top { .. } => false,
        Kind::Elem(_) | Kind::Norm(_) | Kind::Trees { .. } => false,
    }
}

/// Bits that readers of each value have room for, and whether it is squared or goes through a steep function, moved at most.
fn wanted(net: &Net, sizes: &Sizes, widest: (u32, u32), table_bits: u32) -> (Vec<u32>, Vec<bool>) {
    let mut wanted: Vec<Option<u32>> = vec![None; net.inputs.len() + net.steps.len()];
    net.outputs.iter().for_each(|output| wanted[output.value] = Some(widest.1));
    // A small number's square is lost in a large one's last bit.
    let mut sensitive = vec![false; wanted.len()];
    for (i, step) in net.steps.iter().enumerate().rev() {
        let own = wanted[net.id_of(i)].unwrap_or(widest.1);
        let is_sensitive = sensitive[net.id_of(i)];
        for &x in &step.operands {
            let is_steep = matches!(&step.kind, Kind::Pointwise(expr) if is_followed(sizes, x, expr, table_bits));
            let is_passed_on = is_sensitive && crate::graph::net::moves(&step.kind);
            sensitive[x] |= is_square(&step.kind) || is_steep || is_passed_on;
            let is_sum = matches!(step.kind, Kind::Linear(_) | Kind::Conv(_));
            let is_fine = is_sum && (is_sensitive || is_root(net, x));
            let asked = match is_steep {
                true => STEEP_BITS,
                false => asked(net, step, own, if is_fine { (SQUARED_BITS, SQUARED_BITS) } else { widest }),
            };
            wanted[x] = Some(wanted[x].map_or(asked, |others| others.min(asked)));
        }
    }
    (wanted.into_iter().map(|bits| bits.unwrap_or(widest.1)).collect(), sensitive)
}

/// Whether a function of value x is steep, or rounds one that is.
fn is_followed(sizes: &Sizes, x: Id, expr: &Expr, table_bits: u32) -> bool {
    let is_curve_steep = |rounding: CurvedRounding| is_steep(sizes, x, &rounding.curve, table_bits);
    is_steep(sizes, x, expr, table_bits) || expr.curved_rounding().is_some_and(is_curve_steep)
}

/// Whether a function of value x changes much between arguments of a table of so many bits, where samples show x.
pub(super) fn is_steep(sizes: &Sizes, x: Id, expr: &Expr, table_bits: u32) -> bool {
    if !expr.is_continuous() || expr.as_line().is_some() || expr.is_relu() || super::powers::root_of(expr).is_some() {
        return false;
    }
    let width = super::range::power_of_two(sizes.of(x) * super::range::MARGIN) * 2.0 / f64::from(table_bits).exp2();
    let count = ((sizes.hi[x] - sizes.lo[x]) / width).ceil().max(1.0) as usize;
    let results: Vec<f64> = (0..=count).map(|i| expr.at(sizes.lo[x] + i as f64 * width)).collect();
    let (lo, hi) = results.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), &y| (lo.min(y), hi.max(y)));
    let change = results.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max);
    // What is no number is left to the table, which refuses it.
    (hi - lo).is_finite() && change / 2.0 > STEEP * (hi - lo)
}

/// How many bits a reader has room for, if its own result has room for `own`.
fn asked(net: &Net, step: &Step, own: u32, (widest, fine): (u32, u32)) -> u32 {
    let bits = |bits: f64| (bits.max(0.0) as u32).clamp(NARROWEST, widest);
    let terms = |n: usize| (n.max(1) as f64).log2();
    match &step.kind {
        Kind::Linear(linear) => bits((ROOM_BITS + UNUSED_BITS - spread(&linear.weight, linear.n, true)) / 2.0),
        Kind::Conv(conv) => bits((ROOM_BITS + UNUSED_BITS - spread(&conv.weight, conv.dims[0], false)) / 2.0),
        Kind::Contract { .. } => {
            let left = step.operands[0];
            let k = net.row(left);
            if softmax(net, left) {
                bits(f64::from(share_room(k) - power_bits(k)))
            } else {
                bits((ROOM_BITS - terms(k)) / 2.0)
            }
        }
        Kind::Sum => bits(ROOM_BITS - 1.0 - terms(net.row(step.operands[0]))).min(own),
        Kind::MaxPool { .. } | Kind::Max => own,
        Kind::Reshape | Kind::Transpose(_) | Kind::Take(_) | Kind::Concat(_) => own,
        Kind::Normalize { .. } if has_blocks(net.row(step.operands[0]), (widest, fine)) => fine.min(BLOCKED_BITS),
        Kind::Binary(Arith::Add | Arith::Sub) | Kind::AddConst(_) | Kind::Normalize { .. } => fine,
        kind if is_square(kind) => SQUARED_BITS,
        Kind::Pointwise(expr) if expr.rounding().is_some() => ROUNDED_BITS,
        Kind::Pointwise(_) | Kind::Binary(_) | Kind::MulConst(_) | Kind::Constant(_) | Kind::Softmax { .. } => widest,
        Kind::Embed(_) | Kind::Mask { .. } | Kind::Choose { .. } | Kind::Hide | Kind::ArgMax | Kind::Top { .. } => {
            widest
        }
        Kind::Elem(_) | Kind::Norm(_) | Kind::Trees { .. } => widest,
    }
}

fn is_square(kind: &Kind) -> bool {
    matches!(kind, Kind::Pointwise(expr) if super::powers::is_square(expr))
}

/// Whether a value is a root, moved at most, which holds small numbers as finely as large ones.
fn is_root(net: &Net, id: Id) -> bool {
    let Some(step) = net.step(id) else { return false };
    match &step.kind {
        Kind::Pointwise(expr) => super::powers::root_of(expr).is_some(),
        kind => crate::graph::net::moves(kind) && step.operands.iter().all(|&x| is_root(net, x)),
    }
}

/// Whether a value is a Softmax, moved at most.
fn softmax(net: &Net, id: Id) -> bool {
    net.step(id).is_some_and(|step| matches!(step.kind, Kind::Softmax { log: false }))
}

/// Bits of sums of a Softmax's powers over rows of `n`, before they are doubled, that powers and what they weigh share.
fn share_room(n: usize) -> u32 {
    (ROOM_BITS - 1.0 - (n.max(1) as f64).log2()) as u32
}

/// Bits of a Softmax's powers over rows of `n` at most.
fn power_bits(n: usize) -> u32 {
    (share_room(n) / 2).clamp(8, 14)
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
