//! Tensors of floats.

use ciro_graph::{broadcast, strides};
use std::rc::Rc;

/// A tensor of numbers. Integers of ONNX (shapes, indices) are held as floats too: those that matter are far below 2²⁴.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    /// Dimensions, outermost first.
    pub(crate) dims: Vec<usize>,
    /// Row-major; the dimensions' product many.
    pub(crate) values: Rc<Vec<f32>>,
    /// Whether ONNX's type is one of integers (or of truth values): divisions round towards zero.
    pub(crate) whole: bool,
}

impl Array {
    pub(crate) fn new(dims: Vec<usize>, values: Vec<f32>) -> Self {
        Self { dims, values: Rc::new(values), whole: false }
    }

    pub(crate) fn whole(dims: Vec<usize>, values: Vec<f32>) -> Self {
        Self { dims, values: Rc::new(values), whole: true }
    }

    /// The only element, or the value that all elements have.
    pub(crate) fn scalar(&self) -> Option<f32> {
        let (first, rest) = self.values.split_first()?;
        rest.iter().all(|v| v.to_bits() == first.to_bits()).then_some(*first)
    }

    /// The elements as integers.
    pub(crate) fn ints(&self) -> Vec<i64> {
        self.values.iter().map(|&v| v as i64).collect()
    }

    /// The same elements under other dimensions.
    pub(crate) fn reshaped(&self, dims: Vec<usize>) -> Self {
        Self { dims, ..self.clone() }
    }

    pub(crate) fn map(&self, f: impl Fn(f32) -> f32) -> Self {
        Self {
            dims: self.dims.clone(),
            values: Rc::new(self.values.iter().map(|&v| f(v)).collect()),
            whole: self.whole,
        }
    }

    /// The elements at every position of `dims`, which this array broadcasts to.
    pub(crate) fn spread(&self, dims: &[usize]) -> Vec<f32> {
        if self.dims == dims {
            return self.values.to_vec();
        }
        positions(&self.dims, dims).into_iter().map(|i| self.values[i]).collect()
    }
}

/// Product of dimensions, which the importers keep below 2³⁰; more is the largest number, that nothing has room for.
pub(crate) fn count(dims: &[usize]) -> usize {
    dims.iter().fold(1, |n, &d| n.saturating_mul(d))
}

/// Dimensions as the integer program holds them. Every importer keeps them below 2²⁴.
pub(crate) fn narrow(dims: &[usize]) -> Vec<u32> {
    dims.iter().map(|&d| d as u32).collect()
}

/// What two shapes broadcast to.
pub(crate) fn joint(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    broadcast(&narrow(a), &narrow(b)).map(|dims| dims.into_iter().map(|d| d as usize).collect())
}

/// For every position of `of`, the position in a tensor of dimensions `dims` that broadcasts to it.
pub(crate) fn positions(dims: &[usize], of: &[usize]) -> Vec<usize> {
    let of = narrow(of);
    ciro_graph::shape::offsets(&of, &strides(&narrow(dims), &of))
}
