//! The constants of a model as proofs read them.

use crate::kernel::cells::{Cells, Runs};
use ciro_relation::{ColId, Poly, Relation, Source};
use ciro_transcript::F;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The model polynomial. Nearly all of it is weights, which only sums over many cells read; it is kept as integers. The few columns
/// that phases read as tables, such as those of functions, are there as elements too.
#[derive(Clone, Debug)]
pub struct Constants {
    runs: Runs,
    tables: BTreeMap<ColId, Vec<F>>,
}

impl Constants {
    /// The constants of a model whose weights these are.
    #[must_use]
    pub fn new(relation: &Relation, weights: &[Vec<i32>]) -> Self {
        let runs = Runs::new(1 << relation.vars(Poly::Model), relation.model_windows(weights));
        let elements =
            |col: ColId| Some((col, runs.cells().slice(window(relation, col)?).elements(&mut Vec::new()).to_vec()));
        let tables = tables_read(relation).into_iter().filter_map(elements).collect();
        Self { runs, tables }
    }

    /// All cells.
    pub fn polynomial(&self) -> Cells<'_> {
        self.runs.cells()
    }

    /// A column that constraints, lookups or tables read; nothing for another one.
    pub fn table(&self, col: ColId) -> &[F] {
        self.tables.get(&col).map_or(&[], Vec::as_slice)
    }

    /// The integers of some cells.
    #[must_use]
    pub fn integers(&self, cells: Range<usize>) -> Vec<i64> {
        self.runs.integers(cells)
    }
}

/// Where a column's stored cells lie in the model polynomial, if they do.
#[must_use]
pub fn window(relation: &Relation, col: ColId) -> Option<Range<usize>> {
    let column = relation.column(col)?;
    match column.source {
        Source::Committed { poly: Poly::Model, offset } => Some(offset..offset + (1 << column.log_len)),
        Source::Blocks(i) => {
            let cut = &relation.cuts[i];
            Some(cut.offset..cut.offset + cut.blocks.cells())
        }
        Source::Committed { .. }
        | Source::Cut(_)
        | Source::Public(_)
        | Source::Product(_)
        | Source::View(_)
        | Source::Gather(_) => None,
    }
}

/// Columns that constraints, lookups and tables read, and what views among them show.
#[must_use]
pub fn tables_read(relation: &Relation) -> BTreeSet<ColId> {
    let terms = relation.sections.iter().flat_map(|s| &s.constraints).flat_map(|c| &c.terms);
    let constrained = terms.flat_map(|t| [Some(t.a), t.b]).flatten();
    let tuples = relation.lookups.iter().flat_map(|l| &l.tuple).flat_map(|e| &e.terms).map(|(_, c)| *c);
    let tables = relation.tables.iter().flat_map(|t| t.tuple.iter().copied());
    with_shown(relation, constrained.chain(tuples).chain(tables).collect())
}

/// Columns, and what views among them show.
#[must_use]
pub fn with_shown(relation: &Relation, mut columns: BTreeSet<ColId>) -> BTreeSet<ColId> {
    let shown: Vec<ColId> = columns.iter().filter_map(|&col| relation.view(col)).map(|view| view.of).collect();
    columns.extend(shown);
    columns
}
