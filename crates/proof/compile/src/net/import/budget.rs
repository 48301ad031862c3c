//! What a small file may ask for: sizes are checked before anything of that size is collected, and all values and constants of a
//! network share one budget.

use super::MAX_LEN;
use super::ctx::Ctx;
use crate::error::CompileError;
use crate::size::count_of;

/// Most elements of one value or constant.
const MOST: usize = 4 * MAX_LEN;
/// Most elements of all values and computed constants together: a gibibyte of float32.
pub(super) const MOST_IN_ALL: usize = 1 << 28;
/// A step takes as much memory as so many elements, however few it has.
const LEAST: usize = 64;

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
        match self.builder.left.checked_sub(n.max(LEAST)) {
            Some(left) => self.builder.left = left,
            None => {
                let what = "more elements in all values and constants than fit";
                return Err(self.form(what, format!("use a smaller model: at most {MOST_IN_ALL} elements fit")));
            }
        }
        Ok(n)
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
