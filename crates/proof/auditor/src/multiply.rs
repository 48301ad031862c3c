//! Gadgets of products, element by element.

use crate::error::RelationError;
use crate::hint::Origin;
use crate::layout::spans;
use crate::lower::{Lowering, Target, Val};
use alloc::vec::Vec;
use ciro_relation::{Expr, Operand, Product, Rows, Var};

impl Lowering<'_> {
    /// a·b, with broadcast.
    pub(crate) fn product_of(&mut self, a: &Val, b: &Val, target: &Target) -> Result<Expr, RelationError> {
        let rows = target.rows();
        for (whole, part) in [(a, b), (b, a)] {
            if whole.rows() == rows
                && self.b.as_column(&whole.expr).is_some()
                && let Some(kept) = kept(&part.dims, &target.dims)
            {
                return self.spread(whole, part, &kept, target);
            }
        }
        let (a, b) = (self.repeat(a, &target.dims)?, self.repeat(b, &target.dims)?);
        Ok(self.multiply(&rows, &a, &b))
    }

    /// The elements of `part`, each times all of `whole` that it is repeated to: a sum of one term, over the variables that `part` has. It
    /// needs no cell, and lookups may read it.
    ///
    /// Example: 2, 3 times a column of 5: each of 10 and 15 is a sum with one term.
    fn spread(&mut self, whole: &Val, part: &Val, kept: &[usize], target: &Target) -> Result<Expr, RelationError> {
        let log_sum = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        let var = |i: usize| kept.iter().position(|&j| j == i).map_or(Var::Out(i), Var::Sum);
        let vars: Vec<Var> =
            spans(&target.dims).iter().flat_map(|s| s.start..s.start.saturating_add(s.bits)).map(var).collect();
        let a = Operand { col: self.b.materialize("factor", &whole.rows(), &whole.expr), vars };
        let b = self.b.materialize("factor", &part.rows(), &part.expr);
        let b = Operand { col: b, vars: (0..kept.len()).map(Var::Sum).collect() };
        let origin = Some(Origin::of(target.id));
        let tied = kept.to_vec();
        Ok(Expr::column(self.b.product(target.rows(), origin, |out| Product { out, a, b, log_sum, tied })))
    }

    /// a·b of expressions of the same rows. It stays an expression as long as few terms are multiplied.
    ///
    /// Example: 3·4 is one column c with 3·4 − c = 0.
    pub(crate) fn multiply(&mut self, rows: &Rows, a: &Expr, b: &Expr) -> Expr {
        let mut factor = |expr: &Expr| {
            let small = self.b.is_plain(expr) && expr.terms.len() <= 2;
            if small { expr.clone() } else { Expr::column(self.b.materialize("factor", rows, expr)) }
        };
        let (a, b) = (factor(a), factor(b));
        a.multiplied(&b)
    }
}

/// Which variables of a tensor of dimensions `to` are those of a value that is repeated to it. `None` if these are all or none, or if the
/// value does not broadcast.
fn kept(dims: &[usize], to: &[usize]) -> Option<Vec<usize>> {
    let missing = to.len().checked_sub(dims.len())?;
    let (mut kept, mut repeated) = (Vec::new(), false);
    for (i, span) in spans(to).into_iter().enumerate() {
        let at = if i == 0 { Some(0) } else { i.checked_sub(missing).filter(|&i| i > 0) };
        let own = at.and_then(|i| dims.get(i)).copied().unwrap_or(1);
        if own == span.len {
            kept.extend(span.start..span.start.saturating_add(span.bits));
        } else if own == 1 {
            // All samples share a constant: that alone is a view.
            repeated |= i > 0;
        } else {
            return None;
        }
    }
    (repeated && !kept.is_empty()).then_some(kept)
}
