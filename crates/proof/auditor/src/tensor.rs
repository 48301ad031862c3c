//! Gadgets of what sums and moves elements. Sums of products are proven by sumcheck and cost no cell; movements are views and
//! gathers.

use crate::builder::{RANGE_BITS_MAX, bits_for};
use crate::error::RelationError;
use crate::hint::{Hint, Origin};
use crate::layout::{spans, total_bits, vars_of};
use crate::lower::{Lowering, Target, Val, dims, size};
use alloc::vec;
use alloc::vec::Vec;
use ciro_graph::arith::{gap_reach, rounded};
use ciro_graph::{ConstId, Interval, Op, ValueId, Window};
use ciro_relation::rows::{log_ceil, wide};
use ciro_relation::{Axis, ColId, Expr, Gather, Operand, Part, Product, Public, Rows, Span, Var};
use ciro_transcript::field::P;

/// Most combinations of window and tap along one dimension.
const COMBINATIONS_MAX: usize = 1 << 20;

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
    pub(crate) fn operand(&mut self, name: &'static str, x: &Val) -> ColId {
        self.b.materialize(name, &x.rows(), &x.expr)
    }

    /// x·W + bias, a product column: it needs no cell.
    ///
    /// Example: (2, 3) times the rows (1, 4) and (5, 6) is (2·1 + 3·5, 2·4 + 3·6) = (17, 26).
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

    /// The matrix products of a batch: the batch is tied, so that only equal ones meet.
    ///
    /// Example: batches of (2) and (3), times (10) and (100), are (20) and (300).
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

    /// Example: the rows (1, 2) and (3, 4) give 1·3 + 2·4 = 11.
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

    /// The rows of a table, as the product of one-hot rows with it.
    ///
    /// Example: a table of (10, 11) and (20, 21). Number 1 is (0, 1), and its product is (20, 21).
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
    ///
    /// Example: (1, 1, 1)·(1, 2, 3) = 6.
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

    /// A column m and the gap m − x. Some element of each row's gap is zero: Σ z = 1 with z·(m − x) = 0. The caller has to prove that no
    /// gap is negative.
    ///
    /// Example: 3, 7, 7 have m = 7, gaps 4, 0, 0 and z = 0, 1, 0. With m = 8 no gap is zero, so no z would do.
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

    /// m − n for the largest m of a row and each n, which is less than 2^bits below it. A rounded m lies in its interval. So it is the
    /// one m for which x = m·2^shift + r, r in 0..2^shift. Each n is near m, and so it is the one for its x.
    ///
    /// Example: 3, 7, 7 give 4, 0, 0. With 2^bits = 4 there is no proof: 4 is too far away.
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
    ///
    /// Example: of (3, −1) and (2, 5) it is (3, 5), and the gaps are (0, 6) and (1, 0).
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

    /// Σ over channel and tap of weight · window, the windows gathered from x.
    ///
    /// Example: windows of two in (1, 2, 3) are (1, 2) and (2, 3). With the weights (1, 10) they give 21 and 32.
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
