//! The witness columns, from an execution and a recipe.

use crate::constants::{Constants, tables_read, window, with_shown};
use crate::evaluate::Suffixes;
use crate::fill::{Columns, Filler, Place};
use crate::kernel::arena::Buffer;
use crate::kernel::cells::Cells;
use crate::kernel::eq::eq_table;
use crate::kernel::matrix::dot_cells;
use crate::key::ProvingKey;
use crate::parts::Part;
use crate::seed::Seed;
use crate::stored::store;
use ciro_execution::Execution;
use ciro_relation::{ColId, Column, CutColumn, Instance, Poly, Relation, Source};
use ciro_sumcheck::suffix;
use ciro_transcript::{E, F};
use ciro_verifier::layout::{Read, parted_len};
use p3_field::PrimeCharacteristicRing;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// All columns of one proof that a phase reads, padded, as field elements.
#[derive(Clone)]
pub struct Witness {
    /// The columns that are made for this proof.
    cells: Buffer<F>,
    columns: Vec<Stored>,
    constants: Arc<Constants>,
    /// Of the salts of its commitments.
    seed: Seed,
}

/// Where the cells of a column are.
#[derive(Clone)]
enum Stored {
    /// Among those made for this proof.
    Own(Range<usize>),
    /// A window of the model polynomial.
    Model(Range<usize>),
    /// Never read as a table: the windows of a convolution.
    Virtual,
}

impl Stored {
    fn own(&self) -> Option<Range<usize>> {
        if let Self::Own(range) = self { Some(range.clone()) } else { None }
    }
}

/// Cells between two columns: columns whose distance is a power of two would all fall into the same cache sets.
const PADDING: usize = 16;

/// Where the cells of each column are; those made for a proof one column after the other, each beginning at a whole pack.
fn stored(relation: &Relation) -> Vec<Stored> {
    let (read, mut end) = (columns_read(relation), 0usize);
    let mut next = |log_len: u32| {
        let start = (end + PADDING).next_multiple_of(PADDING);
        end = start + (1 << log_len);
        start..end
    };
    let of = |(i, column): (usize, &Column)| {
        if matches!(column.source, Source::View(_) | Source::Gather(_)) && !read.contains(&ColId(i)) {
            return Stored::Virtual;
        }
        window(relation, ColId(i)).map_or_else(|| Stored::Own(next(column.log_len)), Stored::Model)
    };
    relation.columns.iter().enumerate().map(of).collect()
}

/// Where each column is filled.
fn places<'a>(relation: &Relation, stored: &[Stored], cells: &'a mut [F], constants: &'a Constants) -> Vec<Place<'a>> {
    let (mut rest, mut done) = (cells, 0);
    let place = |(i, stored): (usize, &Stored)| {
        let Some(place) = stored.own() else {
            // Of a constant in blocks, the elements of those that are stored are not the column.
            let is_whole = !matches!(relation.columns[i].source, Source::Blocks(_));
            let table = constants.table(ColId(i));
            return if is_whole && !table.is_empty() { Place::Shared(table) } else { Place::Made(Vec::new()) };
        };
        let (own, after) = std::mem::take(&mut rest)[place.start - done..].split_at_mut(place.len());
        (rest, done) = (after, place.end);
        Place::Own(own)
    };
    stored.iter().enumerate().map(place).collect()
}

impl Witness {
    /// Fills every column for one execution.
    #[must_use]
    pub fn fill(key: &ProvingKey, instance: &Instance, execution: &Execution) -> Self {
        Self::fill_around(key, instance, execution, &BTreeMap::new())
    }

    /// As [`Witness::fill`], some witness columns given (padded) and everything that hints compute from them to match, for
    /// adversaries.
    #[must_use]
    pub fn fill_around(
        key: &ProvingKey,
        instance: &Instance,
        execution: &Execution,
        given: &BTreeMap<ColId, Vec<i64>>,
    ) -> Self {
        let (relation, recipe) = (key.verifying().relation(), key.verifying().recipe());
        let constants = Arc::clone(&key.constants);
        let columns = stored(relation);
        let end = columns.iter().filter_map(Stored::own).map(|own| own.end).max().unwrap_or(0);
        let mut cells = Buffer::stale(end);
        let samples = key.model().program.batch as usize;
        let places = Columns::new(places(relation, &columns, &mut cells, &constants));
        let mut filler =
            Filler { relation, recipe, samples, instance, execution, constants: &constants, columns: places };
        given.iter().for_each(|(&col, cells)| filler.columns.give(col, cells));
        filler.follow_hints();
        filler.count_lookups();
        let own = columns.iter().enumerate().filter(|(_, stored)| stored.own().is_some());
        own.for_each(|(i, _)| filler.need(ColId(i)));
        Self { cells, columns, constants, seed: Seed::NONE }
    }

    /// Takes the salts of its commitments from `seed`.
    #[must_use]
    pub fn salted(self, seed: &Seed) -> Self {
        Self { seed: *seed, ..self }
    }

    /// Where the salts of its commitments come from.
    #[must_use]
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// A column as a table. Empty for one that is never read so: weights, and the windows of a convolution.
    pub fn column(&self, col: ColId) -> &[F] {
        match &self.columns[col.0] {
            Stored::Own(range) => &self.cells[range.clone()],
            Stored::Model(_) => self.constants.table(col),
            Stored::Virtual => &[],
        }
    }

    /// A column; its stored blocks for one that lies in blocks. Empty for the windows of a convolution.
    pub fn cells(&self, col: ColId) -> Cells<'_> {
        match &self.columns[col.0] {
            Stored::Own(range) => Cells::Elements(&self.cells[range.clone()]),
            Stored::Model(window) => self.constants.polynomial().slice(window.clone()),
            Stored::Virtual => Cells::Elements(&[]),
        }
    }

    /// Mutable cells of a column, for adversaries. Empty for a column of the model.
    pub fn column_mut(&mut self, col: ColId) -> &mut [F] {
        match &self.columns[col.0] {
            Stored::Own(range) => &mut self.cells[range.clone()],
            Stored::Model(_) | Stored::Virtual => &mut [],
        }
    }

    /// Reads the weights of another key, for adversaries.
    pub fn read_weights_of(&mut self, key: &ProvingKey) {
        self.constants = Arc::clone(&key.constants);
    }

    /// Carries a changed witness column into the columns that share its window: a block and its slices. For adversaries.
    pub fn align(&mut self, relation: &Relation, col: ColId) {
        let window = |c: &ciro_relation::Column| {
            let Source::Committed { poly, offset } = c.source else { return None };
            Some((poly, offset..offset + (1usize << c.log_len)))
        };
        let Some((poly, from)) = relation.column(col).and_then(window) else { return };
        let cells = self.column(col).to_vec();
        for (i, column) in relation.columns.iter().enumerate().filter(|(i, _)| *i != col.0) {
            let Some((_, to)) = window(column).filter(|(of, _)| *of == poly) else { continue };
            let (start, end) = (from.start.max(to.start), from.end.min(to.end));
            if start < end {
                self.column_mut(ColId(i))[start - to.start..end - to.start]
                    .copy_from_slice(&cells[start - from.start..end - from.start]);
            }
        }
    }

    /// What the prover sends for columns at the suffixes of `point`: their values, and for views those of the columns seen.
    #[must_use]
    pub fn evaluate(&self, relation: &Relation, columns: &[ColId], point: &[E]) -> Vec<E> {
        let suffixes = Suffixes::new(point);
        let log_len = |col: ColId| relation.column(col).map_or(0, |c| c.log_len as usize);
        let value = |col: ColId| match relation.view(col) {
            Some(_) => self.seen(relation, col, suffix(point, log_len(col))),
            None => suffixes.evaluate(self.column(col), log_len(col)),
        };
        columns.iter().map(|&col| value(col)).collect()
    }

    /// What the prover sends for the parts of columns at `leaf`, a point of the lookups' leaves: as [`Witness::evaluate`].
    #[must_use]
    pub fn evaluate_parts(&self, relation: &Relation, reads: &[Read], leaf: &[E]) -> Vec<E> {
        let suffixes = Suffixes::new(leaf);
        let mut values = Vec::with_capacity(parted_len(reads));
        for read in reads {
            let (col, within) = (read.col, read.within(relation, leaf));
            let log_len = within.len() + read.parts.bits as usize;
            let value = |number: usize| match relation.view(col) {
                Some(_) => self.seen(relation, col, &read.parts.point(&read.parts.coordinates(number), within)),
                None if read.parts.bits == 0 => suffixes.evaluate(self.column(col), log_len),
                None => Part::new(read.parts, log_len, number).dot(self.column(col), suffixes.table(within.len())),
            };
            values.extend((0..read.parts.count()).map(value));
        }
        values
    }

    /// The value of one column at `point`, or of the column that it is a view of. A gathered column is only read where it is
    /// a table.
    pub fn seen(&self, relation: &Relation, col: ColId, point: &[E]) -> E {
        match relation.view(col) {
            Some(view) => dot_cells(self.cells(view.of), &eq_table(&view.point(point), E::ONE)),
            None => dot_cells(self.cells(col), &eq_table(point, E::ONE)),
        }
    }

    /// A polynomial that is made for this proof: each of its columns in its window. Slices lie inside their block and win over it.
    #[must_use]
    pub fn polynomial(&self, relation: &Relation, poly: Poly) -> Vec<F> {
        let mut table = F::zero_vec(1 << relation.vars(poly));
        for (i, column) in relation.columns.iter().enumerate() {
            let cells = self.column(ColId(i));
            match column.source {
                Source::Committed { poly: of, offset } if of == poly => {
                    table[offset..offset + cells.len()].copy_from_slice(cells);
                }
                Source::Cut(cut) if relation.cuts[cut].poly == poly => {
                    let CutColumn { blocks, offset, .. } = &relation.cuts[cut];
                    store(blocks, cells, &mut table[*offset..*offset + blocks.cells()]);
                }
                Source::Committed { .. } | Source::Cut(_) => {}
                // They lie nowhere, or elsewhere.
                Source::Blocks(_) | Source::Public(_) | Source::Product(_) | Source::View(_) | Source::Gather(_) => {}
            }
        }
        table
    }
}

/// Columns whose cells a phase reads: those of constraints, lookups and tables, and what views and gathers show.
fn columns_read(relation: &Relation) -> BTreeSet<ColId> {
    let mut read = tables_read(relation);
    // Operands that products fold cell by cell: everything but windows.
    let operands = relation.products.iter().flat_map(|p| [&p.a, &p.b]).map(|o| o.col);
    read.extend(operands.filter(|col| crate::operand::needs_cells(relation, *col)));
    let gathered = relation.gathers.iter().map(|g| g.of);
    read.extend(gathered.filter(|col| crate::operand::needs_cells(relation, *col)));
    with_shown(relation, read)
}
