//! How values of a program read in real numbers.

use super::builder::Exponents;
use ciro_graph::ValueId;

/// How a value of the program reads in real numbers.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    id: ValueId,
    scale: Scale,
}

#[derive(Clone, Debug)]
enum Scale {
    Uniform(f64),
    Exponents(Exponents),
}

impl Reading {
    /// All integers times `scale`.
    pub(crate) const fn uniform(id: ValueId, scale: f64) -> Self {
        Self { id, scale: Scale::Uniform(scale) }
    }

    /// Integers with exponents of their own.
    pub(crate) const fn scaled(id: ValueId, exponents: Exponents) -> Self {
        Self { id, scale: Scale::Exponents(exponents) }
    }

    /// The value's numbers in one execution.
    pub(crate) fn numbers(&self, integers: &[Vec<i64>]) -> Option<Vec<f64>> {
        let values = integers.get(self.id.0 as usize)?;
        let scale = |i: usize| match &self.scale {
            Scale::Uniform(scale) => *scale,
            Scale::Exponents(exponents) => (-f64::from(exponents.at(i))).exp2(),
        };
        Some(values.iter().enumerate().map(|(i, &v)| v as f64 * scale(i)).collect())
    }
}
