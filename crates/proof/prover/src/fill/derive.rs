//! Columns that no hint fills: they follow from others, from the instance or from the constants.

use super::Filler;
use super::columns::{Integers, Picks, TASK};
use super::expr::Runs;
use crate::kernel::cells::integer;
use ciro_auditor::Origin;
use ciro_relation::{ColId, CutColumn, Expr, Gather, Operand, Poly, Product, Source, Span, Var, View};
use rayon::prelude::*;
use std::ops::Range;

impl Filler<'_> {
    /// Fills a column that no hint fills, if it is not there yet.
    pub(crate) fn need(&mut self, col: ColId) {
        if self.columns.is_filled(col) {
            return;
        }
        let relation = self.relation;
        let (column, len) = (&relation.columns[col.0], self.padded_len(col));
        match column.source {
            Source::Public(i) => {
                self.columns.scatter(col, len, relation.public[i].cells(self.instance, column.log_len));
            }
            Source::Product(i) => self.product(i, &relation.products[i]),
            Source::Committed { poly: Poly::Model, offset } => {
                self.put(col, &self.constants.integers(offset..offset + len));
            }
            Source::Committed { poly, offset } => self.block(col, poly, offset..offset + len),
            // Hints fill these; where one does not, there is nothing.
            Source::Cut(_) => self.put(col, &[]),
            Source::Blocks(i) => self.put(col, &self.unpacked(&relation.cuts[i], column.log_len)),
            Source::View(i) => self.view(col, &relation.views[i], column.log_len),
            Source::Gather(i) => {
                let gather = &relation.gathers[i];
                self.need(gather.of);
                self.columns.rearrange(col, gather.of, len, &Picked { gather, log_len: column.log_len });
            }
        }
    }

    /// Fills the columns of an expression.
    pub(super) fn need_all(&mut self, expr: &Expr) {
        let pairs = expr.quads.iter().flat_map(|(_, a, b)| [*a, *b]);
        expr.terms.iter().map(|(_, col)| *col).chain(pairs).for_each(|col| self.need(col));
    }

    /// A constant in blocks with the blocks that are not stored.
    fn unpacked(&self, cut: &CutColumn, log_len: u32) -> Vec<i64> {
        let len = 1usize << cut.blocks.log_block();
        let mut cells = vec![0; 1 << log_len];
        for (i, address) in cut.blocks.addresses().into_iter().enumerate() {
            let start = cut.offset + i * len;
            cells[address * len..][..len].copy_from_slice(&self.constants.integers(start..start + len));
        }
        cells
    }

    /// The real rows of a column.
    pub(super) fn real_cells(&mut self, col: ColId) -> Vec<i64> {
        self.need(col);
        super::expr::real(&self.columns, &Expr::column(col), self.rows(col))
    }

    /// A block is what its slices hold.
    fn block(&mut self, col: ColId, poly: Poly, window: Range<usize>) {
        let mut cells = vec![0; window.len()];
        for (i, column) in self.relation.columns.iter().enumerate() {
            if let Source::Committed { poly: of, offset } = column.source
                && of == poly
                && self.columns.is_filled(ColId(i))
                && offset >= window.start
                && offset + (1 << column.log_len) <= window.end
            {
                let own = self.columns.integers(ColId(i)).to_vec();
                cells[offset - window.start..][..own.len()].copy_from_slice(&own);
            }
        }
        self.put(col, &cells);
    }

    fn view(&mut self, col: ColId, view: &View, log_len: u32) {
        self.need(view.of);
        self.columns.rearrange(col, view.of, 1 << log_len, &Seen::new(view, log_len as usize));
    }

    /// A product, read from the execution where it stands there.
    fn product(&mut self, number: usize, product: &Product) {
        let Some(Origin { value, added }) = self.recipe.origins[number] else { return self.multiply_out(product) };
        added.iter().for_each(|&added| self.need(added));
        let runs = Runs::new(self.rows(product.out));
        let values = self.values(value);
        self.columns.fill(&[product.out], self.padded_len(product.out), |columns, start, out| {
            runs.spread(values, start, &mut out[0]);
            if let Some(added) = added {
                columns.integers(added).with(start, &mut out[0], |out, added| *out = out.wrapping_sub(added));
            }
        });
    }

    fn multiply_out(&mut self, product: &Product) {
        for col in [product.a.col, product.b.col] {
            self.need(col);
        }
        let log_out = self.relation.columns[product.out.0].log_len as usize;
        let [a, b] = [&product.a, &product.b].map(|operand| Steps::new(product, operand, log_out));
        self.columns.fill(&[product.out], 1 << log_out, |columns, start, out| {
            let (xs, ys) = (columns.integers(product.a.col), columns.integers(product.b.col));
            out[0].iter_mut().zip(start..).for_each(|(out, y)| *out = dot((xs, &a, y), (ys, &b, y)));
        });
    }
}

/// Where a product reads an operand: a cell is the sum of what the summed row and the result's row stand for.
struct Steps {
    of_sum: Vec<usize>,
    of_out: Vec<usize>,
    /// Whether summed rows read neighbours in order.
    in_order: bool,
}

impl Steps {
    fn new(product: &Product, operand: &Operand, log_out: usize) -> Self {
        let (log_sum, vars) = (product.log_sum as usize, operand.vars.len());
        let stride = |var: Var| {
            let places = operand.vars.iter().enumerate().filter(|(_, own)| **own == var);
            places.map(|(place, _)| 1usize << (vars - 1 - place)).sum::<usize>()
        };
        let table = |strides: Vec<usize>| {
            let double =
                |cells: Vec<usize>, stride: usize| cells.iter().flat_map(|&cell| [cell, cell + stride]).collect();
            strides.into_iter().fold(vec![0usize], double)
        };
        let of_sum = table((product.tied.len()..log_sum).map(|i| stride(Var::Sum(i))).collect());
        // A tied variable is the result's.
        let tied = |j: usize| {
            product.tied.iter().enumerate().filter(move |(_, of)| **of == j).map(|(i, _)| stride(Var::Sum(i)))
        };
        let of_out = table((0..log_out).map(|j| stride(Var::Out(j)) + tied(j).sum::<usize>()).collect());
        let in_order = of_sum.iter().enumerate().all(|(i, &cell)| i == cell);
        Self { of_sum, of_out, in_order }
    }
}

/// The sum that a row of the result is.
fn dot((a, of_a, y): (Integers<'_>, &Steps, usize), (b, of_b, _): (Integers<'_>, &Steps, usize)) -> i64 {
    let (from_a, from_b) = (of_a.of_out[y], of_b.of_out[y]);
    if let (Integers::Told(a), Integers::Told(b), true) = (a, b, of_a.in_order && of_b.in_order) {
        let len = of_a.of_sum.len();
        let pairs = a[from_a..from_a + len].iter().zip(&b[from_b..from_b + len]);
        return pairs.map(|(&a, &b)| i64::from(integer(a)).wrapping_mul(integer(b).into())).fold(0, i64::wrapping_add);
    }
    let term = |(i, j): (&usize, &usize)| Some(a.get(from_a + i)?.wrapping_mul(b.get(from_b + j)?));
    of_a.of_sum.iter().zip(&of_b.of_sum).filter_map(term).fold(0, i64::wrapping_add)
}

/// What a view shows, a unit of rows at a time. The first bits of a unit's number stand for a number of cells, and so do the last bits.
/// Their sum is the first cell of the unit.
struct Seen<'a> {
    view: &'a View,
    log_len: usize,
    unit: Unit,
    first: Vec<usize>,
    last: Vec<usize>,
}

/// Rows that are filled at once, a power of two.
enum Unit {
    /// They show neighbouring cells.
    Neighbours {
        /// How many.
        rows: usize,
    },
    /// They show the same cell.
    Same {
        /// How many.
        rows: usize,
        /// How many are no padding, from the first on.
        real: usize,
    },
}

impl Unit {
    fn rows(&self) -> usize {
        match *self {
            Self::Neighbours { rows } | Self::Same { rows, .. } => rows,
        }
    }

    fn pick<T: Copy + Default>(&self, of: &[T], start: usize, out: &mut [T]) {
        match (self, out) {
            (_, [one]) => *one = of[start],
            (Self::Neighbours { rows }, out) => out.copy_from_slice(&of[start..start + rows]),
            (Self::Same { real, .. }, out) => {
                out[..*real].fill(of[start]);
                out[*real..].fill(T::default());
            }
        }
    }
}

impl<'a> Seen<'a> {
    fn new(view: &'a View, log_len: usize) -> Self {
        let vars = view.bits.len();
        let stride = |i: usize| view.bits.iter().position(|&bit| bit == i).map_or(0, |at| 1usize << (vars - 1 - at));
        let after = |span: &Span| log_len - span.start - span.bits;
        // The last bits before those that choose padding.
        let most = view.repeats.iter().map(after).min().unwrap_or(log_len);
        let last_bits =
            |step: &dyn Fn(usize) -> usize| (0..most).take_while(|&bit| stride(log_len - 1 - bit) == step(bit)).count();
        let unit = match (view.repeats.iter().find(|span| after(span) == 0), last_bits(&|_| 0)) {
            (Some(span), _) => Unit::Same { rows: 1 << span.bits, real: span.len },
            (None, 0) => Unit::Neighbours { rows: 1 << last_bits(&|bit| 1 << bit) },
            (None, bits) => Unit::Same { rows: 1 << bits, real: 1 << bits },
        };
        let cells = |bits: Range<usize>| {
            bits.fold(vec![0usize], |cells, i| cells.iter().flat_map(|&cell| [cell, cell + stride(i)]).collect())
        };
        let bits = log_len - unit.rows().ilog2() as usize;
        let (first, last) = (cells(0..bits / 2), cells(bits / 2..bits));
        Self { view, log_len, unit, first, last }
    }

    /// Whether a unit that begins with this row is no padding of a dimension that repeats.
    fn is_real(&self, row: usize) -> bool {
        self.view.repeats.iter().all(|span| {
            let after = self.log_len - span.start - span.bits;
            (row >> after) & ((1 << span.bits) - 1) < span.len
        })
    }
}

impl Picks for Seen<'_> {
    fn pick<T: Copy + Default + Send + Sync>(&self, of: &[T], out: &mut [T]) {
        let unit = self.unit.rows();
        let rows = self.last.len() * unit;
        let pick = |(i, out): (usize, &mut [T])| {
            for (j, (out, &cell)) in out.chunks_exact_mut(unit).zip(&self.last).enumerate() {
                if self.is_real(i * rows + j * unit) {
                    self.unit.pick(of, self.first[i] + cell, out);
                } else {
                    out.fill(T::default());
                }
            }
        };
        if out.len() <= TASK {
            return out.chunks_exact_mut(rows).enumerate().for_each(pick);
        }
        out.par_chunks_exact_mut(rows).with_min_len(TASK.div_ceil(rows)).enumerate().for_each(pick);
    }
}

/// What a gather picks.
struct Picked<'a> {
    gather: &'a Gather,
    log_len: u32,
}

impl Picks for Picked<'_> {
    fn pick<T: Copy + Default + Send + Sync>(&self, of: &[T], out: &mut [T]) {
        let cell = |row| self.gather.cell(row, self.log_len).map_or_else(T::default, |cell| of[cell]);
        out.par_iter_mut().with_min_len(TASK).enumerate().for_each(|(row, out)| *out = cell(row));
    }
}
