//! What prover and verifier assume of every relation without looking. What is read together has the same length, claims
//! reduce to what a later phase takes, and columns without cells are multilinear.
//!
//! Gadgets build relations that are so. One that did not would leave cells that no statement is about. So each relation
//! is checked when it is built, where an error is a bug of a gadget. It is checked again when a key is decoded: a stranger may
//! have written that.

use crate::column::{ColId, Column, Knowledge, Poly, Source, Space, VARS_MAX};
use crate::error::Misfit;
use crate::gather::{Axis, Gather, Part, Span};
use crate::relation::{Lookup, Operand, Product, Relation, Section, Table, Var, View};
use crate::rows::{log_ceil, wide};
use crate::sample::SampleColumn;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use core::ops::RangeInclusive;

/// Most variables of a column: more than any that a program of [`VARS_MAX`] makes, and few enough to count.
const COLUMN_VARS_MAX: usize = 40;

/// Most summed variables of a product: both operands may have variables of their own.
const SUMMED_VARS_MAX: usize = 2 * COLUMN_VARS_MAX;

impl Relation {
    /// Checks the relation of a batch of so many samples.
    ///
    /// # Errors
    /// [`Misfit`], naming the first part that phases would misread.
    pub fn check_fit(&self, samples: usize) -> Result<(), Misfit> {
        self.each("polynomial", &self.spaces, Place::space)?;
        let few = Place { relation: self, part: "polynomial", number: self.spaces.len() };
        few.at_most("polynomials that are missing", 0, 2usize.saturating_sub(self.spaces.len()))?;
        self.check_sources()?;
        self.each("column", &self.columns, Place::column)?;
        self.each("section", &self.sections, Place::section)?;
        let widths = self.widths();
        self.each("lookup", &self.lookups, |at, lookup| at.lookup(lookup, &widths))?;
        self.each("table", &self.tables, |at, table| at.table(table, &widths))?;
        self.each("product", &self.products, Place::product)?;
        self.each("sample column", &self.samples, |at, column| at.sample_column(column, samples))
    }

    /// What a column is made of is made for it alone. Checking it once is then enough, and takes no more than its bytes.
    fn check_sources(&self) -> Result<(), Misfit> {
        let mut used = BTreeSet::new();
        for (number, column) in self.columns.iter().enumerate() {
            let source = match column.source {
                Source::Committed { .. } => continue,
                Source::Blocks(i) | Source::Cut(i) => ("cuts", i),
                Source::Public(i) => ("public contents", i),
                Source::Product(i) => ("products", i),
                Source::View(i) => ("views", i),
                Source::Gather(i) => ("gathers", i),
            };
            let at = Place { relation: self, part: "column", number };
            at.equal("columns before it of its source", 0, usize::from(!used.insert(source)))?;
        }
        Ok(())
    }

    /// Entries of a tuple of each table, by its tag: those of the first one of the tag.
    fn widths(&self) -> BTreeMap<usize, usize> {
        let mut widths = BTreeMap::new();
        for table in &self.tables {
            widths.entry(table.tag).or_insert(table.tuple.len());
        }
        widths
    }

    fn each<'a, T>(
        &'a self,
        part: &'static str,
        all: &[T],
        check: impl Fn(&Place<'a>, &T) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        let place = |number| Place { relation: self, part, number };
        all.iter().enumerate().try_for_each(|(number, item)| check(&place(number), item))
    }
}

/// A part of a relation that is being checked.
struct Place<'a> {
    relation: &'a Relation,
    part: &'static str,
    number: usize,
}

impl Place<'_> {
    fn misfit(&self, what: &'static str, expected: usize, got: usize) -> Misfit {
        Misfit { part: self.part, number: self.number, what, expected, got }
    }

    fn equal(&self, what: &'static str, expected: usize, got: usize) -> Result<(), Misfit> {
        if expected == got { Ok(()) } else { Err(self.misfit(what, expected, got)) }
    }

    fn at_most(&self, what: &'static str, expected: usize, got: usize) -> Result<(), Misfit> {
        if got <= expected { Ok(()) } else { Err(self.misfit(what, expected, got)) }
    }

    /// Variables of a column.
    fn vars(&self, col: ColId) -> Result<usize, Misfit> {
        let missing = || self.misfit("number of a column", self.relation.columns.len().saturating_sub(1), col.0);
        self.relation.column(col).map(|column| wide(column.log_len)).ok_or_else(missing)
    }

    /// A column that is read row by row: one value stands for every row.
    fn reads(&self, vars: usize, col: ColId) -> Result<(), Misfit> {
        self.in_order(col)?;
        match self.vars(col)? {
            0 => Ok(()),
            got => self.equal("variables of a column", vars, got),
        }
    }

    /// The column's variables are those of its rows, in their order. Only operands of products name the variables of constants in blocks.
    fn in_order(&self, col: ColId) -> Result<(), Misfit> {
        let cut = match self.relation.column(col).map(|column| column.source) {
            Some(Source::Blocks(i)) => self.relation.cuts.get(i),
            _ => None,
        };
        self.equal("columns in another order", 0, usize::from(cut.is_some_and(|cut| !cut.blocks.is_in_order())))
    }

    /// Each of `vars` variables is used so many times, and no other.
    fn uses(
        &self,
        what: &'static str,
        vars: usize,
        used: impl Iterator<Item = usize>,
        times: &RangeInclusive<usize>,
    ) -> Result<(), Misfit> {
        let mut counts = vec![0usize; vars];
        for i in used {
            let last = vars.saturating_sub(1);
            let count = counts.get_mut(i).ok_or_else(|| self.misfit("number of a variable", last, i))?;
            *count = count.saturating_add(1);
        }
        let wrong = counts.into_iter().find(|count| !times.contains(count));
        wrong.map_or(Ok(()), |count| Err(self.misfit(what, *times.end(), count)))
    }

    /// A claim on the column is one that a phase after the products takes.
    fn no_product(&self, col: ColId) -> Result<(), Misfit> {
        let is_product = matches!(self.relation.column(self.seen(col)).map(|c| c.source), Some(Source::Product(_)));
        self.equal("product columns", 0, usize::from(is_product))
    }

    /// The column itself, or the one that it is a view of.
    fn seen(&self, col: ColId) -> ColId {
        self.relation.view(col).map_or(col, |view| view.of)
    }

    /// Model and witness come first, and no polynomial is larger than a code that can be transformed.
    fn space(&self, space: &Space) -> Result<(), Misfit> {
        let order = [Poly::Model, Poly::Witness, Poly::Input, Poly::Output];
        let is_next = match self.number {
            0 | 1 => order.get(self.number) == Some(&space.poly),
            number => self.relation.spaces.get(number.saturating_sub(1)).is_some_and(|last| last.poly < space.poly),
        };
        self.equal("polynomials in order", 1, usize::from(is_next))?;
        let has_cells = space.known == Knowledge::Cells && space.poly != Poly::Model;
        self.equal("polynomials whose cells are known", 0, usize::from(has_cells))?;
        self.at_most("variables of a polynomial", wide(VARS_MAX), wide(space.vars))?;
        self.at_most("used cells", positions(wide(space.vars)), space.used)
    }

    fn column(&self, column: &Column) -> Result<(), Misfit> {
        let vars = wide(column.log_len);
        self.at_most("variables of a column", COLUMN_VARS_MAX, vars)?;
        self.at_most("variables of its rows", vars, wide(column.rows.log_len()))?;
        match column.source {
            Source::Committed { .. } | Source::Blocks(_) | Source::Cut(_) => self.window(),
            Source::Public(i) => {
                let fits = self.relation.public.get(i).is_some_and(|public| public.fits(column.log_len));
                self.equal("public contents of its length", 1, usize::from(fits))
            }
            Source::Product(i) => {
                let out = self.relation.products.get(i).map_or(usize::MAX, |product| product.out.0);
                self.equal("result of its product", self.number, out)
            }
            Source::View(i) => {
                let view = self.relation.views.get(i).ok_or_else(|| self.misfit("views", 1, 0))?;
                self.view(view, vars)
            }
            Source::Gather(i) => {
                let gather = self.relation.gathers.get(i).ok_or_else(|| self.misfit("gathers", 1, 0))?;
                self.gather(gather, vars)
            }
        }
    }

    /// Blocks are aligned to their length and lie in the polynomial: a claim on them is one on a suffix of its variables.
    fn window(&self) -> Result<(), Misfit> {
        let id = ColId(self.number);
        let Some(window) = self.relation.window(id) else { return Err(self.misfit("windows", 1, 0)) };
        let low = self.vars(id)?.saturating_sub(wide(window.high));
        let len = u32::try_from(low).ok().and_then(|low| 1usize.checked_shl(low)).unwrap_or(usize::MAX);
        self.equal("rest of its place by its length", 0, window.offset.checked_rem(len).unwrap_or(0))?;
        let end = window.blocks.len().saturating_mul(len).saturating_add(window.offset);
        let cells = 1usize.checked_shl(self.relation.vars(window.poly)).unwrap_or(usize::MAX);
        self.at_most("end of its window", cells, end)
    }

    /// No variable is used twice, or the view would not be multilinear.
    fn view(&self, view: &View, vars: usize) -> Result<(), Misfit> {
        self.in_order(view.of)?;
        self.equal("variables of the column shown", self.vars(view.of)?, view.bits.len())?;
        self.equal("views shown by a view", 0, usize::from(self.relation.view(view.of).is_some()))?;
        view.repeats.iter().try_for_each(|span| self.span(span))?;
        let repeated = view.repeats.iter().flat_map(variables);
        self.uses("uses of a variable", vars, view.bits.iter().copied().chain(repeated), &(0..=1))
    }

    /// Each variable is used once: the matrix is multilinear in them, and padding picks nothing.
    fn gather(&self, gather: &Gather, vars: usize) -> Result<(), Misfit> {
        self.no_product(gather.of)?;
        self.in_order(gather.of)?;
        let base = self.relation.column(self.seen(gather.of)).map(|column| column.source);
        self.equal("gathered columns picked from", 0, usize::from(matches!(base, Some(Source::Gather(_)))))?;
        let bits = |part: &Part| match part {
            Part::Pass(span) => span.bits,
            Part::Pick(axis) => axis.bits,
        };
        let picked = gather.parts.iter().fold(0usize, |sum, part| sum.saturating_add(bits(part)));
        self.equal("variables of the column picked from", self.vars(gather.of)?, picked)?;
        gather.axes().try_for_each(|axis| self.axis(axis))?;
        let spans = gather.parts.iter().flat_map(|part| match part {
            Part::Pass(span) => core::slice::from_ref(span),
            Part::Pick(axis) => axis.by.as_slice(),
        });
        self.uses("uses of a variable", vars, spans.flat_map(variables), &(1..=1))
    }

    fn axis(&self, axis: &Axis) -> Result<(), Misfit> {
        axis.by.iter().try_for_each(|span| self.span(span))?;
        let combinations = axis.by.iter().fold(1usize, |count, span| count.saturating_mul(span.len));
        self.equal("positions of an axis", combinations, axis.index.len())?;
        let last = positions(axis.bits).saturating_sub(1);
        let beyond = axis.index.iter().flatten().copied().max().unwrap_or(0);
        self.at_most("position that an axis picks", last, beyond)
    }

    fn span(&self, span: &Span) -> Result<(), Misfit> {
        self.at_most("length of a dimension", positions(span.bits), span.len)
    }

    fn section(&self, section: &Section) -> Result<(), Misfit> {
        self.at_most("variables of its rows", COLUMN_VARS_MAX, wide(section.log_len))?;
        let terms = section.constraints.iter().flat_map(|constraint| &constraint.terms);
        let read = terms.flat_map(|term| [Some(term.a), term.b]).flatten();
        read.into_iter().try_for_each(|col| self.reads(wide(section.log_len), col))
    }

    /// A shorter tuple would stand for one that ends in zeros.
    fn lookup(&self, lookup: &Lookup, widths: &BTreeMap<usize, usize>) -> Result<(), Misfit> {
        self.at_most("variables of its rows", COLUMN_VARS_MAX, wide(lookup.log_len))?;
        self.equal("variables of its rows", wide(lookup.log_len), wide(lookup.rows.log_len()))?;
        let Some(&width) = widths.get(&lookup.tag) else { return Err(self.misfit("tables of its tag", 1, 0)) };
        self.equal("entries of a tuple", width, lookup.tuple.len())?;
        for expr in &lookup.tuple {
            self.equal("products in an entry", 0, expr.quads.len())?;
            expr.terms.iter().try_for_each(|&(_, col)| self.reads(wide(lookup.log_len), col))?;
        }
        Ok(())
    }

    fn table(&self, table: &Table, widths: &BTreeMap<usize, usize>) -> Result<(), Misfit> {
        let vars = wide(table.log_len);
        self.equal("variables of its rows", vars, wide(table.rows.log_len()))?;
        self.equal("entries of a tuple", widths.get(&table.tag).copied().unwrap_or(0), table.tuple.len())?;
        for &col in table.tuple.iter().chain([&table.multiplicity]) {
            self.in_order(col)?;
            self.equal("variables of a column", vars, self.vars(col)?)?;
            self.no_product(col)?;
        }
        Ok(())
    }

    /// Each variable of the result is used once, or the result would not be multilinear. Each that is summed is used at all, or terms
    /// would count twice.
    fn product(&self, product: &Product) -> Result<(), Misfit> {
        let (vars, summed) = (self.vars(product.out)?, wide(product.log_sum));
        self.at_most("summed variables", SUMMED_VARS_MAX, summed)?;
        let operands = [&product.a, &product.b];
        operands.into_iter().try_for_each(|operand| self.operand(operand, summed))?;
        self.at_most("tied variables", summed, product.tied.len())?;
        let named = operands.into_iter().flat_map(results).chain(product.tied.iter().copied());
        self.uses("uses of a variable of the result", vars, named, &(1..=1))?;
        self.uses("uses of a summed variable", summed, operands.into_iter().flat_map(sums), &(1..=2))
    }

    fn operand(&self, operand: &Operand, summed: usize) -> Result<(), Misfit> {
        self.no_product(operand.col)?;
        self.equal("variables of an operand", self.vars(operand.col)?, operand.vars.len())?;
        self.uses("uses of a summed variable in an operand", summed, sums(operand), &(0..=1))
    }

    /// The variables before those of one sample choose the sample.
    fn sample_column(&self, column: &SampleColumn, samples: usize) -> Result<(), Misfit> {
        let of_sample = log_ceil(samples).saturating_add(column.rows.log_len());
        self.equal("variables of a column", wide(of_sample), self.vars(column.col)?)
    }
}

fn positions(bits: usize) -> usize {
    u32::try_from(bits).ok().and_then(|bits| 1usize.checked_shl(bits)).unwrap_or(usize::MAX)
}

fn variables(span: &Span) -> core::ops::Range<usize> {
    span.start..span.start.saturating_add(span.bits)
}

fn sums(operand: &Operand) -> impl Iterator<Item = usize> + '_ {
    operand.vars.iter().filter_map(|var| match *var {
        Var::Sum(i) => Some(i),
        Var::Out(_) => None,
    })
}

fn results(operand: &Operand) -> impl Iterator<Item = usize> + '_ {
    operand.vars.iter().filter_map(|var| match *var {
        Var::Out(i) => Some(i),
        Var::Sum(_) => None,
    })
}
