//! Gadgets of what only moves elements: views, which show cells in another order or repeated, and gathers, which pick them.

use crate::error::RelationError;
use crate::hint::Hint;
use crate::lower::{Lowering, Target, Val};
use crate::relayout::RELAYOUT_MAX;
use crate::size::COLUMN_ENTRIES;
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::{Pick, ValueId};
use ciro_relation::rows::{log_ceil, wide};
use ciro_relation::{Axis, ColId, Expr, Gather, Part, Rows, Source, Span, Var, View};

/// Where the dimensions of a tensor lie among its variables.
pub(crate) fn spans(dims: &[usize]) -> Vec<Span> {
    let mut start = 0usize;
    dims.iter()
        .map(|&len| {
            let bits = wide(log_ceil(len));
            let span = Span { start, bits, len };
            start = start.saturating_add(bits);
            span
        })
        .collect()
}

/// All variables of some dimensions.
pub(crate) fn vars_of(spans: &[Span], var: impl Fn(usize) -> Var) -> Vec<Var> {
    spans.iter().flat_map(|span| span.start..span.start.saturating_add(span.bits)).map(var).collect()
}

pub(crate) fn total_bits(dims: &[usize]) -> usize {
    dims.iter().map(|&d| wide(log_ceil(d))).sum()
}

impl Lowering<'_> {
    /// The value broadcast to `dims`, sample by sample: dimensions that it lacks come after the first.
    ///
    /// Example: (1, 2) repeated to three rows is a view of two cells. It needs no other.
    pub(crate) fn repeat(&mut self, x: &Val, to: &[usize]) -> Result<Expr, RelationError> {
        if x.rows() == Rows::new(to) {
            return Ok(x.expr.clone());
        }
        let missing = to.len().checked_sub(x.dims.len()).ok_or_else(|| self.misplaced("shapes do not broadcast"))?;
        let (mut bits, mut repeats) = (Vec::new(), Vec::new());
        for (i, span) in spans(to).into_iter().enumerate() {
            let at = if i == 0 { Some(0) } else { i.checked_sub(missing).filter(|&i| i > 0) };
            let own = at.and_then(|i| x.dims.get(i)).copied().unwrap_or(1);
            if own == span.len {
                bits.extend(span.start..span.start.saturating_add(span.bits));
            } else if own != 1 {
                return Err(self.misplaced("shapes do not broadcast"));
            } else if !span.len.is_power_of_two() {
                repeats.push(span);
            }
        }
        self.viewed(x, &bits, &repeats, &Rows::new(to))
    }

    /// A view whose variables are permuted.
    ///
    /// Example: the cell (0, 1) of a transposed matrix is the cell (1, 0) of the matrix itself.
    pub(crate) fn transpose(&mut self, x: ValueId, perm: &[u8], target: &Target) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let to = spans(&target.dims);
        let mut moved = vec![Span { start: 0, bits: 0, len: 1 }; x.dims.len()];
        let axes = core::iter::once(0).chain(perm.iter().map(|&axis| usize::from(axis).saturating_add(1)));
        for (span, axis) in to.iter().zip(axes) {
            if let Some(slot) = moved.get_mut(axis) {
                *slot = *span;
            }
        }
        let bits: Vec<usize> = moved.iter().flat_map(|s| s.start..s.start.saturating_add(s.bits)).collect();
        if bits.iter().copied().eq(0..bits.len()) {
            return Ok(x.expr);
        }
        self.viewed(&x, &bits, &[], &target.rows())
    }

    /// The expression with every column seen through a view.
    pub(crate) fn viewed(
        &mut self,
        x: &Val,
        bits: &[usize],
        repeats: &[Span],
        rows: &Rows,
    ) -> Result<Expr, RelationError> {
        let source = self.plain(x);
        let each = COLUMN_ENTRIES.saturating_add(bits.len()).saturating_add(repeats.len());
        self.b.spend(each.saturating_mul(source.terms.len()))?;
        let mut terms = Vec::with_capacity(source.terms.len());
        for (c, col) in source.terms {
            let whole = |of| View { of, bits: bits.to_vec(), repeats: repeats.to_vec() };
            let view = match self.b.view_of(col).map(|inner| inner.viewed(bits, repeats)) {
                None => whole(col),
                Some(Some(view)) => view,
                Some(None) => whole(self.copied(&Val { expr: Expr::column(col), ..x.clone() })),
            };
            terms.push((c, self.b.view("view", view, rows.clone())));
        }
        Ok(Expr::linear(terms).plus_const(source.constant))
    }

    /// The value's expression, materialized if it has products.
    pub(crate) fn plain(&mut self, x: &Val) -> Expr {
        if self.b.is_plain(&x.expr) { x.expr.clone() } else { Expr::column(self.operand("moved", x)) }
    }

    /// The same elements in the layout of another shape.
    pub(crate) fn relayout(&mut self, x: &Val, to: &[usize]) -> Result<Expr, RelationError> {
        let (from_rows, to_rows) = (x.rows(), Rows::new(to));
        if from_rows == to_rows {
            return Ok(x.expr.clone());
        }
        if let Some(public) = self.b.as_column(&x.expr).and_then(|col| self.b.public_in(col, &to_rows)) {
            return Ok(Expr::column(self.b.public("input", public, to_rows)));
        }
        let one = Rows::new(x.dims.get(1..).unwrap_or(&[]));
        if one.real() > RELAYOUT_MAX {
            return self.relayout_by_groups(x, to);
        }
        let [sample, by @ ..] = &*spans(to) else { return Err(self.misplaced("a reshape of nothing")) };
        self.b.spend(one.real())?;
        let index: Vec<Option<usize>> = one.indices().into_iter().map(Some).collect();
        let axis = Axis { bits: wide(one.log_len()), by: by.to_vec(), index };
        self.gathered(x, &[Part::Pass(*sample), Part::Pick(axis)], to)
    }

    /// The expression with every column gathered.
    pub(crate) fn gathered(&mut self, x: &Val, parts: &[Part], to: &[usize]) -> Result<Expr, RelationError> {
        let source = self.plain(x);
        let rows = Rows::new(to);
        if source.constant != 0 || source.terms.iter().any(|(_, col)| self.is_gathered(*col)) {
            let col = self.copied(x);
            return self.gathered(&Val { expr: Expr::column(col), ..x.clone() }, parts, to);
        }
        self.b.spend(parts.iter().map(Part::entries).sum::<usize>().saturating_mul(source.terms.len()))?;
        let mut terms = Vec::with_capacity(source.terms.len());
        for (c, of) in source.terms {
            let gather = Gather { of, parts: parts.to_vec() };
            terms.push((c, self.b.gather("gathered", gather, rows.clone())));
        }
        Ok(Expr::linear(terms))
    }

    pub(crate) fn is_gathered(&self, col: ColId) -> bool {
        let base = self.b.view_of(col).map_or(col, |view| view.of);
        matches!(self.b.source(base), Some(Source::Gather(_)))
    }

    /// A committed copy, even of a single column.
    pub(crate) fn copied(&mut self, x: &Val) -> ColId {
        let rows = x.rows();
        let col = self.b.witness("copy", &rows);
        self.b.hint(Hint::Equal { col, expr: x.expr.clone() });
        self.b.constrain_expr("copy", &rows, &x.expr.clone().plus_col(-1, col));
        col
    }

    /// A gather: position by position, or zero.
    ///
    /// Example: positions 2, −1, 0 of (5, 6, 7) are (7, 0, 5).
    pub(crate) fn take(&mut self, x: &Val, picks: &[Pick], to: &[usize]) -> Result<Expr, RelationError> {
        let axes: Vec<(usize, Vec<Option<usize>>)> = picks
            .iter()
            .map(|pick| {
                (
                    usize::from(pick.axis).saturating_add(1),
                    pick.index.iter().map(|&i| usize::try_from(i).ok()).collect(),
                )
            })
            .collect();
        self.pick(x, &axes, to)
    }

    /// The value with some dimensions replaced by picks of their positions.
    pub(crate) fn pick(
        &mut self,
        x: &Val,
        axes: &[(usize, Vec<Option<usize>>)],
        to: &[usize],
    ) -> Result<Expr, RelationError> {
        let mut parts = Vec::with_capacity(x.dims.len());
        for (i, (span, &len)) in spans(to).iter().zip(&x.dims).enumerate() {
            parts.push(match axes.iter().find(|(axis, _)| *axis == i) {
                Some((_, index)) => {
                    Part::Pick(Axis { bits: wide(log_ceil(len)), by: vec![*span], index: index.clone() })
                }
                None => Part::Pass(*span),
            });
        }
        self.gathered(x, &parts, to)
    }

    /// The sum of gathers, each zero where the others are.
    ///
    /// Example: (1, 2) and (3) are (1, 2, 0) + (0, 0, 3).
    pub(crate) fn concat(&mut self, parts: &[ValueId], axis: usize, target: &Target) -> Result<Expr, RelationError> {
        let axis = axis.saturating_add(1);
        let total = target.dims.get(axis).copied().unwrap_or(1);
        let mut terms = Vec::new();
        let mut start = 0usize;
        for &part in parts {
            let part = self.val(part)?;
            let len = part.dims.get(axis).copied().unwrap_or(1);
            self.b.spend(total)?;
            let index: Vec<Option<usize>> = (0..total).map(|i| i.checked_sub(start).filter(|&i| i < len)).collect();
            // Gathered columns alone: no constant, no products.
            terms.extend(self.pick(&part, &[(axis, index)], &target.dims)?.terms);
            start = start.saturating_add(len);
        }
        Ok(Expr::linear(terms))
    }
}
