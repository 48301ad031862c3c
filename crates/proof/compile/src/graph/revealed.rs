//! What a model reveals, in a net as in a plan.

use crate::terms::labels::Labels;

/// A revealed value.
#[derive(Clone, Debug)]
pub(crate) struct Revealed {
    pub(crate) name: String,
    /// Its number in the graph that it is of.
    pub(crate) value: usize,
    pub(crate) dims: Vec<usize>,
    /// For a class: what its index means.
    pub(crate) labels: Option<Labels>,
}
