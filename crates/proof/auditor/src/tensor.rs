//! Gadgets of what sums and moves elements. Sums of products are proven by sumcheck and cost no cell; movements are views and
//! gathers.

use crate::builder::{RANGE_BITS_MAX, bits_for};
use crate::error::RelationError;
use crate::hint::{Hint, Origin};
use crate::lower::{Lowering, Target, Val, dims, size};
use crate::relayout::RELAYOUT_MAX;
use crate::size::COLUMN_ENTRIES;
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::arith::{gap_reach, rounded};
use ciro_graph::{ConstId, Interval, Op, Pick, ValueId, Window};
use ciro_relation::rows::{log_ceil, wide};
use ciro_relation::{Axis, ColId, Expr, Gather, Operand, Part, Product, Public, Rows, Source, Span, Var, View};
use ciro_transcript::field::P;

/// Most combinations of window and tap along one dimension.
const COMBINATIONS_MAX: usize = 1 << 20;

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
fn vars_of(spans: &[Span], var: impl Fn(usize) -> Var) -> Vec<Var> {
    spans.iter().flat_map(|span| span.start..span.start.saturating_add(span.bits)).map(var).collect()
}

fn total_bits(dims: &[usize]) -> usize {
    dims.iter().map(|&d| wide(log_ceil(d))).sum()
}

/// A constant of this shape, the same for all samples.
fn shared(col: ColId, shape: &[usize]) -> Val {
    Val { expr: Expr::column(col), dims: [&[1], shape].concat(), lo: 0, hi: 0 }
}

impl Lowering<'_> {
    pub(crate) fn misplaced(&self, reason: &'static str) -> RelationError {
        RelationError::Misplaced { node: self.b.node, reason }
    }

    pub(crate) fn tensor(&mut self, op: &Op, target: &Target) -> Result<Expr, RelationError> {
        match op {
            Op::Linear { x, weight, bias } => self.linear(*x, *weight, *bias, target),
            Op::Conv { x, weight, bias, window, groups } => {
                self.conv(*x, (*weight, *bias), window, size(*groups), target)
            }
            Op::Contract { a, b, transposed } => self.contract(*a, *b, *transposed, target),
            Op::Dot { a, b } => self.dot(*a, *b, target),
            Op::Embed { ids, table } => self.embed(*ids, *table, target),
            Op::Sum { x } => {
                let x = self.val(*x)?;
                Ok(Expr::column(self.sum(&x, Some(target.id))))
            }
            Op::Max { x } => {
                let x = self.val(*x)?;
                let (m, gap) = self.max(&x)?;
                self.b.nonnegative(
                    "gap to max",
                    &x.rows(),
                    &gap,
                    (x.lo.saturating_sub(x.hi), x.hi.saturating_sub(x.lo)),
                )?;
                Ok(m)
            }
            Op::Gap { x, shift, bits } => self.gap(*x, (*shift, *bits), target),
            Op::Largest { parts } => self.largest(parts, target),
            // Stands for nothing until an output names it.
            Op::ArgMax { x } => self.val(*x).map(|_| Expr::default()),
            Op::Reshape { x } => {
                let x = self.val(*x)?;
                self.relayout(&x, &target.dims)
            }
            Op::Transpose { x, perm } => self.transpose(*x, perm, target),
            Op::Take { x, picks } => {
                let x = self.val(*x)?;
                self.take(&x, picks, &target.dims)
            }
            Op::Concat { parts, axis } => self.concat(parts, usize::from(*axis), target),
            Op::Rescale { .. }
            | Op::Relu { .. }
            | Op::Rectify { .. }
            | Op::Clamp { .. }
            | Op::Curve { .. }
            | Op::Table { .. }
            | Op::Add { .. }
            | Op::Sub { .. }
            | Op::Mul { .. }
            | Op::Scale { .. }
            | Op::AddConst { .. }
            | Op::MulConst { .. }
            | Op::Isqrt { .. }
            | Op::Div { .. }
            | Op::Narrow { .. }
            | Op::Quotient { .. }
            | Op::Trees { .. }
            | Op::Rank { .. }
            | Op::Missing { .. } => Err(self.misplaced("no gadget for this operator")),
        }
    }

    /// The column of a value that sums and gathers may read.
    fn operand(&mut self, name: &'static str, x: &Val) -> ColId {
        self.b.materialize(name, &x.rows(), &x.expr)
    }

    fn linear(
        &mut self,
        x: ValueId,
        weight: ConstId,
        bias: Option<ConstId>,
        target: &Target,
    ) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let (k, n) = (x.row(), target.dims.last().copied().unwrap_or(1));
        let a = self.operand("linear input", &x);
        let bias = self.bias(bias, &[n], target)?;
        let (x_spans, y_spans) = (spans(&x.dims), spans(&target.dims));
        let lead = x_spans.len().saturating_sub(1);
        let k_bits = wide(log_ceil(k));
        let rows = vars_of(x_spans.get(..lead).unwrap_or(&[]), Var::Out);
        let sum: Vec<Var> = (0..k_bits).map(Var::Sum).collect();
        let column = vars_of(y_spans.get(lead..).unwrap_or(&[]), Var::Out);
        let a = Operand { col: a, vars: [rows, sum.clone()].concat() };
        let b = self.b.constant_operand("weight", weight, &[k, n], &[sum, column].concat())?;
        self.finish_product(a, b, k_bits, Vec::new(), bias, target)
    }

    /// A constant of `dims` added to every position of the target.
    fn bias(&mut self, bias: Option<ConstId>, dims: &[usize], target: &Target) -> Result<Option<ColId>, RelationError> {
        let Some(bias) = bias else { return Ok(None) };
        let col = self.b.constant("bias", bias, dims)?;
        let val = shared(col, dims);
        let repeated = self.repeat(&val, &target.dims)?;
        Ok(self.b.as_column(&repeated))
    }

    /// The product of two operands, its first summed variables equal to the variables of the result that `tied` names, plus a bias.
    fn finish_product(
        &mut self,
        a: Operand,
        b: Operand,
        sum_bits: usize,
        tied: Vec<usize>,
        bias: Option<ColId>,
        target: &Target,
    ) -> Result<Expr, RelationError> {
        let log_sum = u32::try_from(sum_bits).unwrap_or(u32::MAX);
        let out = self.b.product(target.rows(), Some(Origin { value: target.id, added: bias }), |out| Product {
            out,
            a,
            b,
            log_sum,
            tied,
        });
        let expr = Expr::column(out);
        Ok(match bias {
            Some(bias) => expr.plus_col(1, bias),
            None => expr,
        })
    }

    fn contract(&mut self, a: ValueId, b: ValueId, transposed: bool, target: &Target) -> Result<Expr, RelationError> {
        let (a, b) = (self.val(a)?, self.val(b)?);
        let (Some((&k, a_rest)), [_, .., _, _]) = (a.dims.split_last(), b.dims.as_slice()) else {
            return Err(self.misplaced("a matrix product of vectors"));
        };
        let lead = total_bits(a_rest.get(..a_rest.len().saturating_sub(1)).unwrap_or(&[]));
        let (m_bits, k_bits) = (wide(log_ceil(a_rest.last().copied().unwrap_or(1))), wide(log_ceil(k)));
        let n_bits = wide(log_ceil(target.dims.last().copied().unwrap_or(1)));
        let [after_k, after_m] = [k_bits, m_bits].map(|bits| lead.saturating_add(bits));
        let tied: Vec<Var> = (0..lead).map(Var::Sum).collect();
        let sum: Vec<Var> = (lead..after_k).map(Var::Sum).collect();
        let left: Vec<Var> = (lead..after_m).map(Var::Out).collect();
        let right: Vec<Var> = (after_m..after_m.saturating_add(n_bits)).map(Var::Out).collect();
        let b_vars = if transposed { [tied.clone(), right, sum.clone()] } else { [tied.clone(), sum.clone(), right] };
        let a = Operand { col: self.operand("left matrix", &a), vars: [tied, left, sum].concat() };
        let b = Operand { col: self.operand("right matrix", &b), vars: b_vars.concat() };
        self.finish_product(a, b, after_k, (0..lead).collect(), None, target)
    }

    fn dot(&mut self, a: ValueId, b: ValueId, target: &Target) -> Result<Expr, RelationError> {
        let (a, b) = (self.val(a)?, self.val(b)?);
        let (left, right) = (self.operand("left rows", &a), self.operand("right rows", &b));
        Ok(Expr::column(self.inner_rows(left, right, &a.dims, Some(target.id))))
    }

    /// The inner products of the rows of two columns of these dimensions.
    pub(crate) fn inner_rows(&mut self, a: ColId, b: ColId, dims: &[usize], value: Option<ValueId>) -> ColId {
        let (all, row) = (total_bits(dims), dims.last().copied().unwrap_or(1));
        let lead = all.saturating_sub(wide(log_ceil(row)));
        let vars: Vec<Var> = (0..all).map(Var::Sum).collect();
        let lead_dims = dims.get(..dims.len().saturating_sub(1)).unwrap_or(&[]);
        self.b.product(Rows::new(lead_dims), value.map(Origin::of), |out| Product {
            out,
            a: Operand { col: a, vars: vars.clone() },
            b: Operand { col: b, vars },
            log_sum: u32::try_from(all).unwrap_or(u32::MAX),
            tied: (0..lead).collect(),
        })
    }

    fn embed(&mut self, ids: ValueId, table: ConstId, target: &Target) -> Result<Expr, RelationError> {
        let input = size(ids.0);
        let positions = self.val(ids)?.rows();
        if input >= self.b.program.inputs.len() {
            return Err(self.misplaced("rows are picked by an input"));
        }
        let shape = self.b.program.constants.get(size(table.0)).map(|c| dims(&c.shape)).unwrap_or_default();
        let &[rows, d] = shape.as_slice() else { return Err(self.misplaced("a table has rows and columns")) };
        let (t_bits, row_bits, d_bits) = (positions.log_len(), log_ceil(rows), log_ceil(d));
        let a = if self.b.hidden_inputs().is_some() {
            let ids = self.val(ids)?;
            self.hidden_one_hot(&ids, rows)?
        } else {
            let one_hot = Public::OneHot { input, rows: positions, log_cols: row_bits };
            self.b.public_matrix("one-hot", one_hot, t_bits.saturating_add(row_bits))
        };
        let sum: Vec<Var> = (0..wide(row_bits)).map(Var::Sum).collect();
        let t: Vec<Var> = (0..wide(t_bits)).map(Var::Out).collect();
        let column: Vec<Var> = (wide(t_bits)..wide(t_bits.saturating_add(d_bits))).map(Var::Out).collect();
        let a = Operand { col: a, vars: [t, sum.clone()].concat() };
        let b = self.b.constant_operand("embedding", table, &[rows, d], &[sum, column].concat())?;
        self.finish_product(a, b, wide(row_bits), Vec::new(), None, target)
    }

    /// The sums of the rows of x, as a product with ones.
    pub(crate) fn sum(&mut self, x: &Val, value: Option<ValueId>) -> ColId {
        let col = self.operand("summand", x);
        let n = x.row();
        let ones = self.b.mask(&Rows::vector(n));
        let k_bits = wide(log_ceil(n));
        let lead = total_bits(&x.dims).saturating_sub(k_bits);
        let sum: Vec<Var> = (0..k_bits).map(Var::Sum).collect();
        let rows: Vec<Var> = (0..lead).map(Var::Out).collect();
        let lead_dims = x.dims.get(..x.dims.len().saturating_sub(1)).unwrap_or(&[]);
        self.b.product(Rows::new(lead_dims), value.map(Origin::of), |out| Product {
            out,
            a: Operand { col: ones, vars: sum.clone() },
            b: Operand { col, vars: [rows, sum].concat() },
            log_sum: log_ceil(n),
            tied: Vec::new(),
        })
    }

    /// A column m and the gap m − x of which some element of each row is zero: Σ z = 1 with z·(m − x) = 0. That no gap is
    /// negative is for the caller to prove.
    fn max(&mut self, x: &Val) -> Result<(Expr, Expr), RelationError> {
        let rows = x.rows();
        // Sums of a few columns are compared as they are.
        let small = self.b.is_plain(&x.expr) && x.expr.terms.len() <= 3;
        let input = if small { x.expr.clone() } else { Expr::column(self.operand("max input", x)) };
        let mut dims = x.dims.clone();
        dims.pop();
        dims.push(1);
        let m = self.b.witness("max", &Rows::new(&dims));
        let run = x.row();
        self.b.hint(Hint::RowMax { col: m, expr: input.clone(), rows: rows.clone(), run });
        let top = Val { expr: Expr::column(m), dims: dims.clone(), lo: x.lo, hi: x.hi };
        let gap = self.repeat(&top, &x.dims)?.plus(-1, &input);
        let chosen = self.b.witness("chosen", &rows);
        self.b.hint(Hint::FirstZero { flag: chosen, expr: gap.clone(), run });
        let missed = Expr::column(chosen).multiplied(&gap);
        self.b.constrain_expr("chosen attains the max", &rows, &missed);
        let count = self.sum(&Val { expr: Expr::column(chosen), ..x.clone() }, None);
        self.b.constrain_expr("one is chosen", &Rows::new(&dims), &Expr::column(count).plus_const(-1));
        Ok((Expr::column(m), gap))
    }

    /// m − n for the largest m of a row and each n, less than 2^bits below it. A rounded m lies in its interval: it is the one m for
    /// which x = m·2^shift + r, r in 0..2^shift, and with it each n, which is near it, is the one for its x.
    fn gap(&mut self, x: ValueId, (shift, bits): (u8, u8), target: &Target) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        self.b.limit("gap", u32::from(bits).saturating_add(u32::from(shift)), RANGE_BITS_MAX)?;
        let interval = Interval { lo: x.lo, hi: x.hi };
        let reach = gap_reach(interval, shift, bits);
        if reach >= i64::from(P) {
            let (expected, got) = (RANGE_BITS_MAX, bits_for(reach));
            return Err(RelationError::TooWide { node: self.b.node, what: "gap", expected, got });
        }
        let gap = if shift == 0 {
            self.max(&x)?.1
        } else {
            let n = Expr::column(self.rounded(&x, u32::from(shift))?);
            let Interval { lo, hi } = interval.map(|v| rounded(v, shift));
            let (m, gap) = self.max(&Val { expr: n, lo, hi, ..x.clone() })?;
            let of_rows = Rows::new(&[x.dims.split_last().map_or(&[][..], |(_, lead)| lead), &[1]].concat());
            self.b.range(
                "max above",
                &of_rows,
                &m.clone().plus_const(lo.saturating_neg()),
                bits_for(hi.saturating_sub(lo)),
            )?;
            self.b.range("max below", &of_rows, &Expr::constant(hi).plus(-1, &m), bits_for(hi.saturating_sub(lo)))?;
            gap
        };
        // A table from zero on, no longer than that, bounds it as well.
        if self.looked_up_in(target.id).is_none_or(|(lo, entries)| lo != 0 || entries > 1 << bits) {
            self.b.range("gap to max", &x.rows(), &gap, u32::from(bits))?;
        }
        Ok(gap)
    }

    /// As [`Lowering::max`], over several tensors: the last one is chosen where no other is.
    fn largest(&mut self, parts: &[ValueId], target: &Target) -> Result<Expr, RelationError> {
        let rows = target.rows();
        let m = self.b.witness("largest", &rows);
        self.b.hint(Hint::Value { col: m, value: target.id });
        let mut gaps = Vec::with_capacity(parts.len());
        let parts: Vec<Val> = parts.iter().map(|&part| self.val(part)).collect::<Result<_, _>>()?;
        // Whichever part m is.
        let least = parts.iter().map(|part| part.lo).min().unwrap_or(0);
        for part in parts {
            let col = self.operand("candidate", &part);
            let gap = Expr::column(m).plus_col(-1, col);
            self.b.nonnegative(
                "gap to largest",
                &rows,
                &gap,
                (least.saturating_sub(part.hi), target.hi.saturating_sub(part.lo)),
            )?;
            gaps.push(gap);
        }
        let Some(last) = gaps.pop() else { return Err(self.misplaced("the largest of nothing")) };
        let mut flags = Vec::with_capacity(gaps.len());
        for gap in gaps {
            let flag = self.b.witness("chosen", &rows);
            self.b.constrain_bit("chosen is a bit", &rows, flag);
            let missed = Expr::column(flag).multiplied(&gap);
            self.b.constrain_expr("chosen is largest", &rows, &missed);
            flags.push((flag, gap));
        }
        let rest = Expr::linear(flags.iter().map(|(flag, _)| (-1, *flag)).collect()).plus_const(1);
        self.b.hint(Hint::FirstZeroOf { flags });
        let missed = rest.multiplied(&last);
        self.b.constrain_expr("the last is largest if no other is", &rows, &missed);
        Ok(Expr::column(m))
    }

    /// The constant, repeated to `dims`.
    pub(crate) fn constant_like(&mut self, id: ConstId, to: &[usize]) -> Result<Expr, RelationError> {
        let constant = self.constant_val(id)?;
        self.repeat(&constant, to)
    }

    /// The constant in its own shape.
    pub(crate) fn constant_val(&mut self, id: ConstId) -> Result<Val, RelationError> {
        let shape = self.b.program.constants.get(size(id.0)).map(|c| dims(&c.shape)).unwrap_or_default();
        Ok(shared(self.b.constant("constant", id, &shape)?, &shape))
    }

    /// The value broadcast to `dims`, sample by sample: dimensions that it lacks come after the first.
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

    fn transpose(&mut self, x: ValueId, perm: &[u8], target: &Target) -> Result<Expr, RelationError> {
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
    fn viewed(&mut self, x: &Val, bits: &[usize], repeats: &[Span], rows: &Rows) -> Result<Expr, RelationError> {
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
    fn plain(&mut self, x: &Val) -> Expr {
        if self.b.is_plain(&x.expr) { x.expr.clone() } else { Expr::column(self.operand("moved", x)) }
    }

    /// The same elements in the layout of another shape.
    fn relayout(&mut self, x: &Val, to: &[usize]) -> Result<Expr, RelationError> {
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

    fn is_gathered(&self, col: ColId) -> bool {
        let base = self.b.view_of(col).map_or(col, |view| view.of);
        matches!(self.b.source(base), Some(Source::Gather(_)))
    }

    /// A committed copy, even of a single column.
    fn copied(&mut self, x: &Val) -> ColId {
        let rows = x.rows();
        let col = self.b.witness("copy", &rows);
        self.b.hint(Hint::Equal { col, expr: x.expr.clone() });
        self.b.constrain_expr("copy", &rows, &x.expr.clone().plus_col(-1, col));
        col
    }

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
    fn pick(&mut self, x: &Val, axes: &[(usize, Vec<Option<usize>>)], to: &[usize]) -> Result<Expr, RelationError> {
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

    fn concat(&mut self, parts: &[ValueId], axis: usize, target: &Target) -> Result<Expr, RelationError> {
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

    /// Σ over channel and tap of weight · window, the windows gathered from x.
    fn conv(
        &mut self,
        x: ValueId,
        (weight, bias): (ConstId, Option<ConstId>),
        window: &Window,
        groups: usize,
        target: &Target,
    ) -> Result<Expr, RelationError> {
        let x = self.val(x)?;
        let (&[n, c, h, w], &[_, o, rows, cols]) = (x.dims.as_slice(), target.dims.as_slice()) else {
            return Err(self.misplaced("a convolution reads channels, rows and columns"));
        };
        let (c_group, o_group) = (c.div_euclid(groups.max(1)), o.div_euclid(groups.max(1)));
        let [kh, kw] = window.kernel.map(size);
        let grouped = Target { dims: vec![n, groups, o_group, rows, cols], ..target.clone() };
        let bias = self.bias(bias, &[groups, o_group, 1, 1], &grouped)?;
        let split = vec![n, groups, c_group, h, w];
        let x = Val { expr: self.relayout(&x, &split)?, dims: split, ..x };
        let windows = self.windows(&x, window, [c_group, rows, cols])?;

        // Of the result: sample, group, channel, place. Summed: group (tied), channel, tap.
        let [s_bits, g_bits, o_bits] = [n, groups, o_group].map(|d| wide(log_ceil(d)));
        let (summed, placed) = (total_bits(&[groups, c_group, kh, kw]), total_bits(&[rows, cols]));
        let named = |bits: usize, start: usize| (start..start.saturating_add(bits)).map(Var::Out).collect::<Vec<Var>>();
        let sample = named(s_bits, 0);
        let after_groups = s_bits.saturating_add(g_bits);
        let channel = named(o_bits, after_groups);
        let place = named(placed, after_groups.saturating_add(o_bits));
        let tied: Vec<Var> = (0..g_bits).map(Var::Sum).collect();
        let sum: Vec<Var> = (g_bits..summed).map(Var::Sum).collect();
        let shape = [groups, o_group, c_group, kh, kw];
        let a = self.b.constant_operand("kernel", weight, &shape, &[tied.clone(), channel, sum.clone()].concat())?;
        let b = Operand { col: windows, vars: [sample, tied, sum, place].concat() };
        let tied = (s_bits..after_groups).collect();
        let sums = self.finish_product(a, b, summed, tied, bias, &grouped)?;
        self.relayout(&Val { expr: sums, dims: grouped.dims, lo: target.lo, hi: target.hi }, &target.dims)
    }

    /// The column (sample, group, channel, tap row, tap column, window row, window column) of the elements that windows read.
    fn windows(&mut self, x: &Val, window: &Window, [c, rows, cols]: [usize; 3]) -> Result<ColId, RelationError> {
        let &[n, groups, _, h, w] = x.dims.as_slice() else { return Err(self.misplaced("a window of another shape")) };
        let [kh, kw] = window.kernel.map(size);
        let of = self.operand("convolved", x);
        let trivial =
            Window { kernel: [1, 1], stride: [1, 1], dilation: window.dilation, before: [0, 0], after: [0, 0] };
        if *window == trivial {
            return Ok(of);
        }
        let seen = [n, groups, c, kh, kw, rows, cols];
        let spans = spans(&seen);
        let &[sample, g, c_span, tap_row, tap_col, row, col] = spans.as_slice() else {
            return Err(self.misplaced("a window of another shape"));
        };
        let of = if self.is_gathered(of) { self.copied(x) } else { of };
        let axis = |d: usize, len: usize, by: [Span; 2]| {
            let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let [taps, windows] = by.map(|span| span.len);
            let source = |t, i| window.source(d, small(i), small(t), small(len)).map(size);
            let index = (0..taps).flat_map(|t| (0..windows).map(move |i| source(t, i))).collect();
            Part::Pick(Axis { bits: wide(log_ceil(len)), by: by.to_vec(), index })
        };
        if kh.saturating_mul(rows).max(kw.saturating_mul(cols)) > COMBINATIONS_MAX {
            return Err(self.misplaced("too many windows"));
        }
        self.b.spend(kh.saturating_mul(rows).saturating_add(kw.saturating_mul(cols)))?;
        let passed = [sample, g, c_span].map(Part::Pass).to_vec();
        let parts = [passed, vec![axis(0, h, [tap_row, row]), axis(1, w, [tap_col, col])]].concat();
        Ok(self.b.gather("windows", Gather { of, parts }, Rows::new(&seen)))
    }
}
