//! What prover and verifier assume of every relation without looking. What is read together has the same length, claims
//! reduce to what a later phase takes, and columns without cells are multilinear.
//!
//! Gadgets build relations that are so. One that did not would leave cells that no statement is about. So each relation
//! is checked when it is built. An error here is a bug of a gadget, never of a program.

use crate::column::{ColId, Column, Source};
use crate::gather::{Axis, Gather, Part, Span};
use crate::relation::{Lookup, Operand, Product, Relation, RelationError, Section, Table, Var, View};
use crate::rows::{log_ceil, wide};
use crate::sample::SampleColumn;
use alloc::collections::BTreeMap;
use alloc::vec;
use core::ops::RangeInclusive;

impl Relation {
    /// Checks the relation of a batch of so many samples.
    ///
    /// # Errors
    /// [`RelationError::Misfit`], naming the first part that phases would misread.
    pub(crate) fn check_fit(&self, samples: usize) -> Result<(), RelationError> {
        self.each("column", &self.columns, Place::column)?;
        self.each("section", &self.sections, Place::section)?;
        let widths = self.widths();
        self.each("lookup", &self.lookups, |at, lookup| at.lookup(lookup, &widths))?;
        self.each("table", &self.tables, |at, table| at.table(table, &widths))?;
        self.each("product", &self.products, Place::product)?;
        self.each("sample column", &self.samples, |at, column| at.sample_column(column, samples))
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
        check: impl Fn(&Place<'a>, &T) -> Result<(), RelationError>,
    ) -> Result<(), RelationError> {
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
    fn misfit(&self, what: &'static str, expected: usize, got: usize) -> RelationError {
        RelationError::Misfit { part: self.part, number: self.number, what, expected, got }
    }

    fn equal(&self, what: &'static str, expected: usize, got: usize) -> Result<(), RelationError> {
        if expected == got { Ok(()) } else { Err(self.misfit(what, expected, got)) }
    }

    fn at_most(&self, what: &'static str, expected: usize, got: usize) -> Result<(), RelationError> {
        if got <= expected { Ok(()) } else { Err(self.misfit(what, expected, got)) }
    }

    /// Variables of a column.
    fn vars(&self, col: ColId) -> Result<usize, RelationError> {
        let missing = || self.misfit("number of a column", self.relation.columns.len().saturating_sub(1), col.0);
        self.relation.column(col).map(|column| wide(column.log_len)).ok_or_else(missing)
    }

    /// A column that is read row by row: one value stands for every row.
    fn reads(&self, vars: usize, col: ColId) -> Result<(), RelationError> {
        self.in_order(col)?;
        match self.vars(col)? {
            0 => Ok(()),
            got => self.equal("variables of a column", vars, got),
        }
    }

    /// The column's variables are those of its rows, in their order. Only operands of products name the variables of constants in blocks.
    fn in_order(&self, col: ColId) -> Result<(), RelationError> {
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
    ) -> Result<(), RelationError> {
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
    fn no_product(&self, col: ColId) -> Result<(), RelationError> {
        let is_product = matches!(self.relation.column(self.seen(col)).map(|c| c.source), Some(Source::Product(_)));
        self.equal("product columns", 0, usize::from(is_product))
    }

    /// The column itself, or the one that it is a view of.
    fn seen(&self, col: ColId) -> ColId {
        self.relation.view(col).map_or(col, |view| view.of)
    }

    fn column(&self, column: &Column) -> Result<(), RelationError> {
        let vars = wide(column.log_len);
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
            Source::View(i) => self.relation.views.get(i).map_or(Ok(()), |view| self.view(view, vars)),
            Source::Gather(i) => self.relation.gathers.get(i).map_or(Ok(()), |gather| self.gather(gather, vars)),
        }
    }

    /// Blocks are aligned to their length and lie in the polynomial: a claim on them is one on a suffix of its variables.
    fn window(&self) -> Result<(), RelationError> {
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
    fn view(&self, view: &View, vars: usize) -> Result<(), RelationError> {
        self.in_order(view.of)?;
        self.equal("variables of the column shown", self.vars(view.of)?, view.bits.len())?;
        self.equal("views shown by a view", 0, usize::from(self.relation.view(view.of).is_some()))?;
        view.repeats.iter().try_for_each(|span| self.span(span))?;
        let repeated = view.repeats.iter().flat_map(variables);
        self.uses("uses of a variable", vars, view.bits.iter().copied().chain(repeated), &(0..=1))
    }

    /// Each variable is used once: the matrix is multilinear in them, and padding picks nothing.
    fn gather(&self, gather: &Gather, vars: usize) -> Result<(), RelationError> {
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

    fn axis(&self, axis: &Axis) -> Result<(), RelationError> {
        axis.by.iter().try_for_each(|span| self.span(span))?;
        let combinations = axis.by.iter().fold(1usize, |count, span| count.saturating_mul(span.len));
        self.equal("positions of an axis", combinations, axis.index.len())?;
        let last = positions(axis.bits).saturating_sub(1);
        let beyond = axis.index.iter().flatten().copied().max().unwrap_or(0);
        self.at_most("position that an axis picks", last, beyond)
    }

    fn span(&self, span: &Span) -> Result<(), RelationError> {
        self.at_most("length of a dimension", positions(span.bits), span.len)
    }

    fn section(&self, section: &Section) -> Result<(), RelationError> {
        let terms = section.constraints.iter().flat_map(|constraint| &constraint.terms);
        let read = terms.flat_map(|term| [Some(term.a), term.b]).flatten();
        read.into_iter().try_for_each(|col| self.reads(wide(section.log_len), col))
    }

    /// A shorter tuple would stand for one that ends in zeros.
    fn lookup(&self, lookup: &Lookup, widths: &BTreeMap<usize, usize>) -> Result<(), RelationError> {
        self.equal("variables of its rows", wide(lookup.log_len), wide(lookup.rows.log_len()))?;
        let Some(&width) = widths.get(&lookup.tag) else { return Err(self.misfit("tables of its tag", 1, 0)) };
        self.equal("entries of a tuple", width, lookup.tuple.len())?;
        for expr in &lookup.tuple {
            self.equal("products in an entry", 0, expr.quads.len())?;
            expr.terms.iter().try_for_each(|&(_, col)| self.reads(wide(lookup.log_len), col))?;
        }
        Ok(())
    }

    fn table(&self, table: &Table, widths: &BTreeMap<usize, usize>) -> Result<(), RelationError> {
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

    /// Each variable of the result is used once, or the result would not be multilinear; each that is summed is used at all, or terms would
    /// count twice.
    fn product(&self, product: &Product) -> Result<(), RelationError> {
        let (vars, summed) = (self.vars(product.out)?, wide(product.log_sum));
        let operands = [&product.a, &product.b];
        operands.into_iter().try_for_each(|operand| self.operand(operand, summed))?;
        self.at_most("tied variables", summed, product.tied.len())?;
        let named = operands.into_iter().flat_map(results).chain(product.tied.iter().copied());
        self.uses("uses of a variable of the result", vars, named, &(1..=1))?;
        self.uses("uses of a summed variable", summed, operands.into_iter().flat_map(sums), &(1..=2))
    }

    fn operand(&self, operand: &Operand, summed: usize) -> Result<(), RelationError> {
        self.no_product(operand.col)?;
        self.equal("variables of an operand", self.vars(operand.col)?, operand.vars.len())?;
        self.uses("uses of a summed variable in an operand", summed, sums(operand), &(0..=1))
    }

    /// The variables before those of one sample choose the sample.
    fn sample_column(&self, column: &SampleColumn, samples: usize) -> Result<(), RelationError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::Blocks;
    use crate::column::{CutColumn, Poly};
    use crate::expr::Expr;
    use crate::rows::Rows;
    use alloc::vec::Vec;
    use ciro_graph::{
        ConstId, Constant, Disclosure, Ingest, Input, Node, Op, Output, OutputKind, Pick, Profile, Program, Security,
        ValueId, Visibility,
    };

    /// Three samples of [2, 3], with a part of each kind.
    fn relation() -> Relation {
        let node = |op, shape: &[u32], bound: i32| Node { op, shape: shape.to_vec(), lo: -bound, hi: bound };
        let x = ValueId(0);
        let linear = Op::Linear { x, weight: ConstId(0), bias: Some(ConstId(1)) };
        let nodes = vec![
            node(linear, &[2, 5], 100),
            node(Op::Transpose { x: ValueId(1), perm: vec![1, 0] }, &[5, 2], 100),
            Node { lo: 0, ..node(Op::Relu { x: ValueId(2) }, &[5, 2], 100) },
            node(Op::Take { x: ValueId(3), picks: vec![Pick { axis: 0, index: vec![4, -1, 2] }] }, &[3, 2], 100),
            node(Op::Max { x: ValueId(4) }, &[3, 1], 100),
        ];
        let constant = |shape: &[u32]| Constant { name: "c".into(), shape: shape.to_vec() };
        let fixed = Ingest::Fixed { exponents: vec![0], lo: -9, hi: 9 };
        let output =
            Output { name: "y".into(), value: ValueId(5), shape: vec![3, 1], kind: OutputKind::Fixed { frac_bits: 0 } };
        let program = Program {
            name: "all".into(),
            inputs: vec![Input { name: "x".into(), shape: vec![2, 3], ingest: fixed }],
            constants: vec![constant(&[3, 5]), constant(&[5])],
            nodes,
            outputs: vec![output],
            columns: vec![],
            limb_bits: 4,
            profile: Profile::Native,
            security: Security::Bits100,
            visibility: Visibility {
                input: Disclosure::Committed,
                output: Disclosure::Committed,
                weights: Disclosure::Committed,
            },
            batch: 3,
        };
        let relation = Relation::build(&program).unwrap_or_else(|e| panic!("{e}"));
        let views = !relation.views.is_empty() && relation.views.iter().any(|view| !view.repeats.is_empty());
        assert!(views && !relation.gathers.is_empty() && !relation.products.is_empty() && relation.samples.len() == 2);
        relation
    }

    /// What is said of a relation after a change that makes it misfit.
    fn refused(change: impl FnOnce(&mut Relation)) -> (&'static str, &'static str) {
        let mut relation = relation();
        relation.check_fit(3).unwrap_or_else(|e| panic!("{e}"));
        change(&mut relation);
        match relation.check_fit(3) {
            Err(RelationError::Misfit { part, what, .. }) => (part, what),
            other => panic!("{other:?}"),
        }
    }

    fn column_of(relation: &Relation, is_it: impl Fn(Source) -> bool) -> ColId {
        ColId(relation.columns.iter().position(|column| is_it(column.source)).unwrap_or(usize::MAX))
    }

    /// A column that reads of `log_len` rows may not have: neither their length nor one.
    fn shorter(relation: &Relation, log_len: u32) -> ColId {
        let is_it = |column: &Column| column.log_len > 0 && column.log_len < log_len;
        ColId(relation.columns.iter().position(is_it).unwrap_or(usize::MAX))
    }

    #[test]
    fn no_column_may_have_another_length() {
        let count = relation().columns.len();
        for i in 0..count {
            refused(|r| r.columns[i].log_len += 1);
            if relation().columns[i].log_len > 1 {
                refused(|r| r.columns[i].log_len -= 1);
            }
        }
    }

    #[test]
    fn lookups_read_columns_of_their_length_or_one_value() {
        let read = |change: fn(&mut Relation, usize)| {
            let longest = |r: &Relation| (0..r.lookups.len()).max_by_key(|&i| r.lookups[i].log_len).unwrap_or(0);
            refused(|r| change(r, longest(r)))
        };
        assert_eq!(
            read(|r, i| {
                let col = shorter(r, r.lookups[i].log_len);
                r.lookups[i].tuple[0] = Expr::column(col);
            }),
            ("lookup", "variables of a column")
        );
        assert_eq!(read(|r, i| r.lookups[i].tuple[0] = Expr::column(ColId(999))), ("lookup", "number of a column"));
        assert_eq!(
            read(|r, i| {
                let (_, col) = r.lookups[i].tuple[0].terms[0];
                r.lookups[i].tuple[0].quads.push((1, col, col));
            }),
            ("lookup", "products in an entry")
        );
        assert_eq!(read(|r, i| r.lookups[i].tuple.push(Expr::constant(0))), ("lookup", "entries of a tuple"));
        assert_eq!(read(|r, i| r.lookups[i].tag += 100), ("lookup", "tables of its tag"));
        assert_eq!(read(|r, i| r.lookups[i].rows = Rows::vector(1)), ("lookup", "variables of its rows"));
        // One value stands for every row.
        let mut relation = relation();
        relation.columns.push(Column { rows: Rows::vector(1), log_len: 0, ..relation.columns[0].clone() });
        let one = ColId(relation.columns.len() - 1);
        relation.lookups[0].tuple[0] = Expr::column(one);
        relation.check_fit(3).unwrap_or_else(|e| panic!("{e}"));
    }

    #[test]
    fn tables_have_columns_of_their_length_that_are_no_products() {
        assert_eq!(refused(|r| r.tables[0].rows = Rows::vector(1)), ("table", "variables of its rows"));
        let short = refused(|r| r.tables[0].tuple[0] = shorter(r, r.tables[0].log_len));
        assert_eq!(short, ("table", "variables of a column"));
        let short = refused(|r| r.tables[0].multiplicity = shorter(r, r.tables[0].log_len));
        assert_eq!(short, ("table", "variables of a column"));
        let product = refused(|r| {
            let col = column_of(r, |source| matches!(source, Source::Product(_)));
            let column = r.columns[col.0].clone();
            (r.tables[0].log_len, r.tables[0].rows) = (column.log_len, column.rows);
            (r.tables[0].tuple[0], r.tables[0].multiplicity) = (col, col);
        });
        assert_eq!(product, ("table", "product columns"));
        let wider = refused(|r| {
            let mut more = r.tables[0].clone();
            more.tuple.push(more.tuple[0]);
            r.tables.push(more);
        });
        assert_eq!(wider, ("table", "entries of a tuple"));
    }

    #[test]
    fn constraints_read_columns_of_their_section_or_one_value() {
        let longest = |r: &Relation| (0..r.sections.len()).max_by_key(|&i| r.sections[i].log_len).unwrap_or(0);
        let short = |r: &Relation| shorter(r, r.sections[longest(r)].log_len);
        let first = refused(|r| {
            let (i, col) = (longest(r), short(r));
            r.sections[i].constraints[0].terms[0].a = col;
        });
        let second = refused(|r| {
            let (i, col) = (longest(r), short(r));
            r.sections[i].constraints[0].terms[0].b = Some(col);
        });
        assert_eq!([first, second], [("section", "variables of a column"); 2]);
    }

    #[test]
    fn constants_in_blocks_are_read_by_nothing_but_products() {
        let blocks = Blocks::new(&[8, 80]);
        assert!(!blocks.is_in_order());
        let cut = |r: &mut Relation, col: ColId| {
            r.cuts.push(CutColumn { poly: Poly::Model, blocks: blocks.clone(), offset: 0 });
            r.columns[col.0].log_len = 10;
            r.columns[col.0].source = Source::Blocks(r.cuts.len() - 1);
            // Room for the column that is put here.
            r.spaces.iter_mut().for_each(|space| space.vars = 20);
        };
        let seen = refused(|r| {
            let col = r.views[0].of;
            cut(r, col);
        });
        assert_eq!(seen, ("column", "columns in another order"));
        let read = |at: fn(&Relation) -> ColId| {
            refused(|r| {
                let col = at(r);
                let shown: Vec<ColId> =
                    r.views.iter().map(|view| view.of).chain(r.gathers.iter().map(|g| g.of)).collect();
                assert!(!shown.contains(&col));
                cut(r, col);
            })
        };
        assert_eq!(read(|r| r.tables[0].tuple[0]), ("table", "columns in another order"));
    }

    #[test]
    fn products_have_variables_that_are_used_once() {
        let told = |change: fn(&mut Product)| refused(|r| change(&mut r.products[0]));
        assert_eq!(told(|p| p.log_sum += 1), ("product", "uses of a summed variable"));
        assert_eq!(told(|p| p.log_sum -= 1), ("product", "number of a variable"));
        assert_eq!(told(|p| _ = p.a.vars.pop()), ("product", "variables of an operand"));
        assert_eq!(told(|p| p.tied.push(0)), ("product", "uses of a variable of the result"));
        assert_eq!(told(|p| p.tied = vec![0; 20]), ("product", "tied variables"));
        let repeated = |p: &mut Product| {
            let of = |var: &Var| matches!(var, Var::Sum(_));
            let at: Vec<usize> = (0..p.a.vars.len()).filter(|&i| of(&p.a.vars[i])).collect();
            p.a.vars[at[1]] = p.a.vars[at[0]];
        };
        assert_eq!(told(repeated), ("product", "uses of a summed variable in an operand"));
        let dropped = |p: &mut Product| p.b.vars.iter_mut().for_each(|var| *var = Var::Out(0));
        assert_eq!(told(dropped).0, "product");
        let stacked = refused(|r| r.products[0].a.col = r.products[0].out);
        assert_eq!(stacked, ("product", "product columns"));
    }

    #[test]
    fn views_and_gathers_are_multilinear_in_their_variables() {
        let repeats = |r: &Relation| r.views.iter().position(|view| !view.repeats.is_empty()).unwrap_or(usize::MAX);
        let view = |change: fn(&mut View)| {
            refused(|r| {
                let i = repeats(r);
                change(&mut r.views[i]);
            })
        };
        assert_eq!(view(|v| v.bits[0] = v.repeats[0].start), ("column", "uses of a variable"));
        assert_eq!(view(|v| _ = v.bits.pop()), ("column", "variables of the column shown"));
        assert_eq!(view(|v| v.bits[0] = 99), ("column", "number of a variable"));
        assert_eq!(view(|v| v.repeats[0].len = 99), ("column", "length of a dimension"));
        let gather = |change: &dyn Fn(&mut Gather)| refused(|r| change(&mut r.gathers[0]));
        assert_eq!(gather(&|g| _ = g.parts.pop()), ("column", "variables of the column picked from"));
        let pick = |g: &mut Gather, change: fn(&mut Axis)| {
            g.parts.iter_mut().for_each(|part| match part {
                Part::Pick(axis) => change(axis),
                Part::Pass(_) => {}
            });
        };
        assert_eq!(gather(&|g| pick(g, |axis| axis.index[0] = Some(99))).1, "position that an axis picks");
        assert_eq!(gather(&|g| pick(g, |axis| _ = axis.index.pop())).1, "positions of an axis");
        assert_eq!(gather(&|g| pick(g, |axis| axis.by[0].start += 1)).0, "column");
        let product = refused(|r| {
            let col = column_of(r, |source| matches!(source, Source::Product(_)));
            r.gathers[0].of = col;
        });
        assert_eq!(product, ("column", "product columns"));
        let own = refused(|r| {
            let col = column_of(r, |source| matches!(source, Source::Gather(0)));
            r.gathers[0].of = col;
        });
        assert_eq!(own, ("column", "gathered columns picked from"));
    }

    #[test]
    fn windows_are_aligned_and_lie_in_their_polynomial() {
        let moved = |by: fn(&Relation, &Column) -> usize| {
            refused(|r| {
                let is_it =
                    |c: &Column| matches!(c.source, Source::Committed { poly: Poly::Witness, .. }) && c.log_len > 0;
                let i = r.columns.iter().position(is_it).unwrap_or(usize::MAX);
                let offset = by(r, &r.columns[i]);
                r.columns[i].source = Source::Committed { poly: Poly::Witness, offset };
            })
        };
        assert_eq!(moved(|_, column| (1 << column.log_len) / 2), ("column", "rest of its place by its length"));
        assert_eq!(moved(|r, _| 1 << r.vars(Poly::Witness)), ("column", "end of its window"));
    }

    #[test]
    fn columns_of_samples_begin_with_the_sample() {
        assert_eq!(refused(|r| r.samples[0].rows = Rows::vector(64)), ("sample column", "variables of a column"));
        assert!(matches!(relation().check_fit(5), Err(RelationError::Misfit { part: "sample column", .. })));
    }
}
