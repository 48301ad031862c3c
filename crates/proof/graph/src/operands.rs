//! What an operator reads: for passes that walk or renumber a program.

use crate::program::{ConstId, Op, ValueId};
use alloc::vec::Vec;

impl Op {
    /// The values it reads, in order.
    #[must_use]
    pub fn operands(&self) -> Vec<ValueId> {
        let mut read = Vec::new();
        self.clone().renumber(|value| read.push(*value), |_| {});
        read
    }

    /// The constants it reads, in order.
    #[must_use]
    pub fn constants(&self) -> Vec<ConstId> {
        let mut read = Vec::new();
        self.clone().renumber(|_| {}, |constant| read.push(*constant));
        read
    }

    /// Visits every reference, mutably.
    pub fn renumber(&mut self, mut value: impl FnMut(&mut ValueId), mut constant: impl FnMut(&mut ConstId)) {
        match self {
            Self::Linear { x, weight, bias } => {
                value(x);
                constant(weight);
                bias.iter_mut().for_each(constant);
            }
            Self::Curve { x, values, slopes, .. } => {
                value(x);
                constant(values);
                constant(slopes);
            }
            Self::AddConst { x, c }
            | Self::MulConst { x, c }
            | Self::Embed { ids: x, table: c }
            | Self::Table { x, values: c, .. } => {
                value(x);
                constant(c);
            }
            Self::Conv { x, weight, bias, .. } => {
                value(x);
                constant(weight);
                bias.iter_mut().for_each(constant);
            }
            Self::Largest { parts } | Self::Concat { parts, .. } => parts.iter_mut().for_each(value),
            Self::Add { a, b }
            | Self::Sub { a, b }
            | Self::Mul { a, b }
            | Self::Dot { a, b }
            | Self::Contract { a, b, .. } => {
                value(a);
                value(b);
            }
            Self::Div { num, den, .. } | Self::Quotient { num, den, .. } => {
                value(num);
                value(den);
            }
            Self::Trees { parts, forest } => {
                parts.iter_mut().for_each(&mut value);
                let tables = [&mut forest.feature, &mut forest.threshold_hi, &mut forest.threshold_lo];
                tables.into_iter().for_each(&mut constant);
                constant(&mut forest.left);
                constant(&mut forest.leaf);
                forest.values.iter_mut().for_each(constant);
            }
            Self::Rank { x, feature, cut } => {
                value(x);
                constant(feature);
                cut.iter_mut().for_each(constant);
            }
            Self::Missing { x }
            | Self::Rescale { x, .. }
            | Self::Narrow { x, .. }
            | Self::Relu { x }
            | Self::Rectify { x, .. }
            | Self::Clamp { x, .. }
            | Self::Scale { x, .. }
            | Self::Sum { x }
            | Self::Max { x }
            | Self::Gap { x, .. }
            | Self::Reshape { x }
            | Self::Transpose { x, .. }
            | Self::Take { x, .. }
            | Self::ArgMax { x }
            | Self::Isqrt { x } => value(x),
        }
    }
}
