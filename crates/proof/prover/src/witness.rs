//! The witness columns, from an execution and the relation's hints.

use crate::constants::{Constants, tables_read, window, with_shown};
use crate::evaluate::Suffixes;
use crate::fill::Filler;
use crate::kernel::cells::Cells;
use crate::kernel::eq::eq_table;
use crate::kernel::matrix::dot_cells;
use crate::key::ProvingKey;
use crate::parts::Part;
use crate::seed::Seed;
use ciro_graph::Execution;
use ciro_relation::{ColId, Instance, Poly, Relation, Source};
use ciro_sumcheck::suffix;
use ciro_transcript::{E, F};
use ciro_verifier::layout::{Read, parted_len};
use p3_field::PrimeCharacteristicRing;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// All columns of one proof that a phase reads, padded, as field elements.
#[derive(Clone)]
pub struct Witness {
    columns: Vec<Stored>,
    constants: Arc<Constants>,
    /// Of the salts of its commitments.
    seed: Seed,
}

#[derive(Clone)]
enum Stored {
    Own(Vec<F>),
    /// A window of the model polynomial.
    Model(Range<usize>),
    /// Never read as a table: the windows of a convolution.
    Virtual,
}

impl Witness {
    /// Fills every column for one execution.
    #[must_use]
    pub fn fill(key: &ProvingKey, instance: &Instance, execution: &Execution) -> Self {
        Self::fill_around(key, instance, execution, BTreeMap::new())
    }

    /// As [`Witness::fill`], some witness columns given (padded) and everything that hints compute from them to match, for
    /// adversaries.
    #[must_use]
    pub fn fill_around(
        key: &ProvingKey,
        instance: &Instance,
        execution: &Execution,
        given: BTreeMap<ColId, Vec<i64>>,
    ) -> Self {
        let relation = key.verifying().relation();
        let constants = Arc::clone(&key.constants);
        let columns = given.clone();
        let samples = key.model().program.batch as usize;
        let mut filler = Filler { relation, samples, instance, execution, constants: &constants, columns, given };
        for hint in &relation.hints {
            filler.follow(hint);
        }
        filler.count_lookups();
        let read = columns_read(relation);
        let unread = |col: ColId| {
            matches!(relation.columns[col.0].source, Source::View(_) | Source::Gather(_)) && !read.contains(&col)
        };
        let own = |col: &ColId| !unread(*col) && window(relation, *col).is_none();
        (0..relation.columns.len()).map(ColId).filter(own).for_each(|col| filler.need(col));
        let stored = |col: ColId| match window(relation, col) {
            _ if unread(col) => Stored::Virtual,
            Some(window) => Stored::Model(window),
            None => Stored::Own(filler.elements(col)),
        };
        let columns = (0..relation.columns.len()).into_par_iter().map(ColId).map(stored).collect();
        Self { columns, constants, seed: Seed::NONE }
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
            Stored::Own(cells) => cells,
            Stored::Model(_) => self.constants.table(col),
            Stored::Virtual => &[],
        }
    }

    /// A column; its stored blocks for one that lies in blocks. Empty for the windows of a convolution.
    pub fn cells(&self, col: ColId) -> Cells<'_> {
        match &self.columns[col.0] {
            Stored::Own(cells) => Cells::Elements(cells),
            Stored::Model(window) => self.constants.polynomial().slice(window.clone()),
            Stored::Virtual => Cells::Elements(&[]),
        }
    }

    /// Mutable cells of a column, for adversaries. Empty for a column of the model.
    pub fn column_mut(&mut self, col: ColId) -> &mut [F] {
        match &mut self.columns[col.0] {
            Stored::Own(cells) => cells,
            Stored::Model(_) | Stored::Virtual => &mut [],
        }
    }

    /// Reads the weights of another key, for adversaries.
    pub fn read_weights_of(&mut self, key: &ProvingKey) {
        self.constants = Arc::clone(&key.constants);
    }

    /// Carries a changed witness column into the columns that share its window: a block and its slices. For adversaries.
    pub fn align(&mut self, relation: &Relation, col: ColId) {
        let window = |c: &ciro_relation::Column| match c.source {
            Source::Committed { poly, offset } => Some((poly, offset..offset + (1usize << c.log_len))),
            _ => None,
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
            if let Source::Committed { poly: of, offset } = column.source
                && of == poly
            {
                let cells = self.column(ColId(i));
                table[offset..offset + cells.len()].copy_from_slice(cells);
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
