//! The data of a relation.

use crate::column::{ColId, Column, CutColumn, Knowledge, Poly, Source, Space, Window};
use crate::expr::Expr;
use crate::gather::{Gather, Span};
use crate::public::Public;
use crate::rows::Rows;
use crate::sample::SampleColumn;
use alloc::vec;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_sumcheck::mask_mle;
use ciro_transcript::E;
use p3_field::PrimeCharacteristicRing;

/// A column whose cell at x is the cell of another column at selected bits of x. The cell is zero where a repeated dimension is padding.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct View {
    /// Read. Not a view.
    pub of: ColId,
    /// For each variable of `of`, the variable of the view that it is.
    pub bits: Vec<usize>,
    /// Dimensions of the view that `of` does not have and that are padded.
    pub repeats: Vec<Span>,
}

impl View {
    /// Where `of` is read for a point of the view.
    #[must_use]
    pub fn point(&self, point: &[E]) -> Vec<E> {
        self.bits.iter().map(|&i| point.get(i).copied().unwrap_or(E::ZERO)).collect()
    }

    /// What the value of `of` there is to be multiplied by.
    pub fn factor(&self, point: &[E]) -> E {
        self.repeats.iter().fold(E::ONE, |acc, span| acc * mask_mle(span.len, span.of(point)))
    }

    /// The view of this view, its variables at `bits`. `None` where a repeated dimension would be torn apart.
    #[must_use]
    pub fn viewed(&self, bits: &[usize], repeats: &[Span]) -> Option<Self> {
        let seen = |i: &usize| bits.get(*i).copied();
        let moved = |span: &Span| {
            let start = if span.bits == 0 { 0 } else { *bits.get(span.start)? };
            let whole =
                (0..span.bits).all(|i| bits.get(span.start.saturating_add(i)) == Some(&start.saturating_add(i)));
            whole.then_some(Span { start, ..*span })
        };
        let mut all: Vec<Span> = self.repeats.iter().map(moved).collect::<Option<_>>()?;
        all.extend_from_slice(repeats);
        Some(Self { of: self.of, bits: self.bits.iter().map(seen).collect::<Option<_>>()?, repeats: all })
    }
}

/// coefficient · a · b (or coefficient · a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Term {
    /// The coefficient.
    pub coefficient: i64,
    /// First factor.
    pub a: ColId,
    /// Second factor, if any.
    pub b: Option<ColId>,
}

/// A polynomial in columns that is zero on every row.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Constraint {
    /// For people and for tamper reports; no part of the key.
    #[borsh(skip)]
    pub name: &'static str,
    /// Its terms.
    pub terms: Vec<Term>,
}

/// Constraints over columns of the same rows.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Section {
    /// log₂ of the padded length.
    pub log_len: u32,
    /// What must vanish.
    pub constraints: Vec<Constraint>,
}

/// On each real row, (tag, tuple) is a row of the table with that tag.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Lookup {
    /// log₂ of the padded length.
    pub log_len: u32,
    /// Real rows.
    pub rows: Rows,
    /// Which table.
    pub tag: usize,
    /// What is looked up. Columns have as many rows as the lookup, or one.
    pub tuple: Vec<Expr>,
}

/// A table: the rows of its columns, each with how often it is looked up.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Table {
    /// log₂ of the padded length.
    pub log_len: u32,
    /// Real rows.
    pub rows: Rows,
    /// Its tag.
    pub tag: usize,
    /// Its columns. No product columns.
    pub tuple: Vec<ColId>,
    /// Witness column of multiplicities.
    pub multiplicity: ColId,
}

/// out(y) = Σ_x a(x, y)·b(x, y), where each operand has only some of the variables. The first variables of x may be tied to
/// variables of y: only terms where they agree count, as for a batch of matrix products.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Product {
    /// The result.
    pub out: ColId,
    /// First operand.
    pub a: Operand,
    /// Second operand.
    pub b: Operand,
    /// Summed variables.
    pub log_sum: u32,
    /// For each of the first summed variables, the variable of the result that it equals.
    pub tied: Vec<usize>,
}

/// A factor of a product.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Operand {
    /// Not a product column.
    pub col: ColId,
    /// What each of its variables is.
    pub vars: Vec<Var>,
}

/// A variable of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Var {
    /// Summed variable i.
    Sum(usize),
    /// Variable i of the result.
    Out(usize),
}

impl Operand {
    /// Where the operand is read, for the sum's point and the result's.
    #[must_use]
    pub fn point(&self, sum: &[E], out: &[E]) -> Vec<E> {
        let at = |point: &[E], i: usize| point.get(i).copied().unwrap_or(E::ZERO);
        self.vars
            .iter()
            .map(|var| match *var {
                Var::Sum(i) => at(sum, i),
                Var::Out(i) => at(out, i),
            })
            .collect()
    }
}

/// A constant of the program in its window of the model polynomial.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct ModelColumn {
    /// Its number in the program.
    pub constant: usize,
    /// Its column, whose rows say where its elements lie.
    pub col: ColId,
}

/// Everything that must hold.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Relation {
    /// All columns.
    pub columns: Vec<Column>,
    /// Public columns.
    pub public: Vec<Public>,
    /// Columns that lie in blocks.
    pub cuts: Vec<CutColumn>,
    /// Permuted and repeated columns.
    pub views: Vec<View>,
    /// Picked columns.
    pub gathers: Vec<Gather>,
    /// Constraints by length.
    pub sections: Vec<Section>,
    /// Lookups.
    pub lookups: Vec<Lookup>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Products.
    pub products: Vec<Product>,
    /// Where the constants lie in the model polynomial.
    pub model: Vec<ModelColumn>,
    /// The committed columns of inputs and outputs, sample by sample.
    pub samples: Vec<SampleColumn>,
    /// The polynomials that columns lie in, in order: always those of model and witness.
    pub spaces: Vec<Space>,
}

impl Relation {
    /// The column, which exists by construction.
    #[must_use]
    pub fn column(&self, id: ColId) -> Option<&Column> {
        self.columns.get(id.0)
    }

    /// log₂ of a polynomial's length; zero if the relation has none of this kind.
    #[must_use]
    pub fn vars(&self, poly: Poly) -> u32 {
        self.spaces.iter().find(|space| space.poly == poly).map_or(0, |space| space.vars)
    }

    /// log₂ of the longest polynomial's length.
    #[must_use]
    pub fn vars_max(&self) -> u32 {
        self.spaces.iter().map(|space| space.vars).max().unwrap_or(0)
    }

    /// The polynomials that are committed, in order: those that proofs open.
    pub fn committed(&self) -> impl Iterator<Item = &Space> {
        self.spaces.iter().filter(|space| space.known != Knowledge::Cells)
    }

    /// Where a column lies, if it is committed.
    #[must_use]
    pub fn window(&self, id: ColId) -> Option<Window> {
        match self.column(id)?.source {
            Source::Committed { poly, offset } => Some(Window { poly, offset, high: 0, blocks: vec![0] }),
            Source::Blocks(i) | Source::Cut(i) => {
                let CutColumn { poly, blocks, offset } = self.cuts.get(i)?;
                let (high, blocks) = (blocks.high(), blocks.addresses());
                Some(Window { poly: *poly, offset: *offset, high, blocks })
            }
            Source::Public(_) | Source::Product(_) | Source::View(_) | Source::Gather(_) => None,
        }
    }

    /// Real cells of the columns that are made for each proof.
    #[must_use]
    pub fn made_cells(&self) -> usize {
        let made = |id: &ColId| self.window(*id).is_some_and(|window| window.poly != Poly::Model);
        let columns = (0..self.columns.len()).map(ColId).filter(made).filter_map(|id| self.column(id));
        columns.fold(0, |sum, column| sum.saturating_add(column.rows.real()))
    }

    /// The point of a committed column's window that a point of the column is.
    #[must_use]
    pub fn in_window(&self, id: ColId, point: Vec<E>) -> Vec<E> {
        let Some(Source::Cut(i)) = self.column(id).map(|column| column.source) else { return point };
        let Some(cut) = self.cuts.get(i) else { return point };
        cut.blocks.order().into_iter().filter_map(|var| point.get(var).copied()).collect()
    }

    /// The view that a column is, if it is one.
    #[must_use]
    pub fn view(&self, id: ColId) -> Option<&View> {
        let Source::View(i) = self.column(id)?.source else { return None };
        self.views.get(i)
    }

    /// The public column that a column is or views, if it is one.
    #[must_use]
    pub fn public_column(&self, id: ColId) -> Option<&Public> {
        let id = self.view(id).map_or(id, |view| view.of);
        let Source::Public(i) = self.column(id)?.source else { return None };
        self.public.get(i)
    }
}
