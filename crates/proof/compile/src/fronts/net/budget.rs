//! What a small file may ask for: sizes are checked before anything of that size is collected. All values and constants of a network
//! share one budget, and so does the work of folding constants and of putting graphs into others.

use super::builder::MAX_LEN;
use super::ctx::Ctx;
use crate::fronts::onnx::proto::GraphProto;
use crate::graph::array::Array;
use crate::graph::net::Kind;
use crate::terms::error::CompileError;
use crate::terms::size::count_of;

/// Most elements of one value or constant.
const MOST: usize = 4 * MAX_LEN;
/// Most elements of all values and computed constants together: a gibibyte of float32.
pub(super) const MOST_IN_ALL: usize = 1 << 28;
/// A step takes as much memory as so many elements, however few it has.
const LEAST: usize = 64;
/// So many terms of a folded product take as long as an element.
const TERMS: usize = 16;
/// A graph that is put in takes as long as `GRAPH` elements. A node of it, or a name that is kept aside, takes as long as `NAME`
/// elements.
const GRAPH: usize = 1 << 10;
const NAME: usize = 16;

impl Ctx<'_, '_> {
    /// Refuses dimensions that nothing is collected for: too many elements in all, or along one of them.
    pub(super) fn room(&self, dims: &[usize]) -> Result<usize, CompileError> {
        let fits = dims.iter().all(|&d| d <= MAX_LEN);
        self.elements(dims).and_then(|n| if fits { Ok(n) } else { Err(self.too_large(dims)) })
    }

    /// The number of elements of a result.
    fn elements(&self, dims: &[usize]) -> Result<usize, CompileError> {
        count_of(dims, MOST).ok_or_else(|| self.too_large(dims))
    }

    fn too_large(&self, dims: &[usize]) -> CompileError {
        self.form(format!("a result of dimensions {dims:?}"), "at most 64 Mi elements fit, 16 Mi along a dimension")
    }

    /// Counts a result against the budget of the whole network.
    pub(super) fn charge(&mut self, dims: &[usize]) -> Result<usize, CompileError> {
        let n = self.elements(dims)?;
        self.spend(n)?;
        Ok(n)
    }

    /// Counts a graph that is put in once more: its nodes, and all names, which are kept aside meanwhile.
    pub(super) fn charge_graph(&mut self, graph: &GraphProto) -> Result<(), CompileError> {
        let names = self.builder.names.len() + graph.node.len() + graph.initializer.len();
        self.spend(names.saturating_mul(NAME).saturating_add(GRAPH))
    }

    /// Counts the terms of products that are folded into a constant of `n` elements.
    pub(super) fn charge_fold(&mut self, kind: &Kind, operands: &[&Array], n: usize) -> Result<(), CompileError> {
        let terms = if let Kind::Linear(linear) = kind {
            linear.k
        } else if let Kind::Conv(conv) = kind {
            conv.weight.len()
        } else if let Kind::Contract { .. } = kind {
            operands.first().and_then(|a| a.dims.last().copied()).unwrap_or(1)
        } else {
            return Ok(());
        };
        self.spend(n.saturating_mul(terms) / TERMS)
    }

    fn spend(&mut self, elements: usize) -> Result<(), CompileError> {
        match self.builder.left.checked_sub(elements.max(LEAST)) {
            Some(left) => {
                self.builder.left = left;
                Ok(())
            }
            None => {
                let what = "more elements in all values and constants than fit";
                Err(self.form(what, format!("use a smaller model: at most {MOST_IN_ALL} elements fit")))
            }
        }
    }

    /// Sizes that operand `i` gives.
    pub(super) fn sizes(&self, i: usize) -> Result<Vec<usize>, CompileError> {
        let given = self.required(i)?.ints();
        let size = |&d: &i64| usize::try_from(d).ok().filter(|&d| d <= MAX_LEN);
        let sizes: Option<Vec<usize>> = given.iter().map(size).collect();
        sizes.ok_or_else(|| self.refuse(i, format!("numbers from 0 to {MAX_LEN}"), format!("{given:?}")))
    }

    /// An attribute that counts something, of which there is one unless it says otherwise.
    pub(super) fn number(&mut self, attribute: &'static str) -> Result<usize, CompileError> {
        let given = self.attributes.int(attribute)?.unwrap_or(1);
        match usize::try_from(given) {
            Ok(n @ 1..=MAX_LEN) => Ok(n),
            Ok(_) | Err(_) => {
                Err(self.attributes.refuse(attribute, format!("a number from 1 to {MAX_LEN}"), given.to_string()))
            }
        }
    }
}
