//! Orders that prover and verifier share. Nothing here depends on a proof.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use ciro_relation::{ColId, Expr, Instance, Poly, Product, Relation, Source};
use ciro_sumcheck::suffix;
use ciro_transcript::E;
use ciro_transcript::field::from_int;
use p3_field::PrimeCharacteristicRing;

/// What occupies a slot of the lookup circuit's leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupant {
    /// Lookup i: numerators are the mask of its real rows.
    Lookup(usize),
    /// Table i: numerators are its negated multiplicities.
    Table(usize),
}

/// An aligned run of leaves.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// What stands there.
    pub occupant: Occupant,
    /// log₂ of its length.
    pub log_len: u32,
    /// First leaf, a multiple of its length.
    pub offset: usize,
}

/// The leaves of the lookup circuit, largest slots first, and log₂ of their number. Leaves outside any slot are 0/1.
#[must_use]
pub fn slots(relation: &Relation) -> (Vec<Slot>, u32) {
    let lookups = relation.lookups.iter().enumerate().map(|(i, l)| (Occupant::Lookup(i), l.log_len));
    let tables = relation.tables.iter().enumerate().map(|(i, t)| (Occupant::Table(i), t.log_len));
    let mut order: Vec<(Occupant, u32)> = lookups.chain(tables).collect();
    order.sort_by_key(|(_, log_len)| core::cmp::Reverse(*log_len));
    let mut offset = 0usize;
    let mut slots = Vec::with_capacity(order.len());
    for (occupant, log_len) in order {
        slots.push(Slot { occupant, log_len, offset });
        offset = offset.saturating_add(1usize.checked_shl(log_len).unwrap_or(usize::MAX));
    }
    (slots, offset.max(2).checked_next_power_of_two().unwrap_or(0).trailing_zeros())
}

fn is_public(relation: &Relation, col: ColId) -> bool {
    matches!(relation.column(col).map(|c| c.source), Some(Source::Public(_)))
}

fn sent(relation: &Relation, columns: impl Iterator<Item = ColId>) -> Vec<ColId> {
    let set: BTreeSet<ColId> = columns.filter(|&c| !is_public(relation, c)).collect();
    set.into_iter().collect()
}

/// Columns whose values the lookup phase needs from the prover.
#[must_use]
pub fn lookup_columns(relation: &Relation) -> Vec<ColId> {
    let tuples = relation.lookups.iter().flat_map(|l| &l.tuple).flat_map(|e| &e.terms).map(|(_, c)| *c);
    let tables = relation.tables.iter().flat_map(|t| t.tuple.iter().copied().chain([t.multiplicity]));
    sent(relation, tuples.chain(tables))
}

/// Columns whose values the constraint phase needs from the prover: those of constraints, and every product.
#[must_use]
pub fn constraint_columns(relation: &Relation) -> Vec<ColId> {
    let terms = relation.sections.iter().flat_map(|s| &s.constraints).flat_map(|c| &c.terms);
    let read = terms.flat_map(|t| [Some(t.a), t.b]).flatten();
    sent(relation, read.chain(relation.products.iter().map(|p| p.out)))
}

/// Vectors whose values the product phase needs from the prover.
#[must_use]
pub fn product_vectors(relation: &Relation) -> Vec<ColId> {
    sent(relation, relation.products.iter().map(|p| p.a))
}

/// Products whose matrix values the product phase needs from the prover.
#[must_use]
pub fn product_matrices(relation: &Relation) -> Vec<usize> {
    let products = relation.products.iter().enumerate();
    products.filter(|(_, p)| !is_public(relation, p.b)).map(|(i, _)| i).collect()
}

/// Rounds of the constraint sumcheck.
#[must_use]
pub fn constraint_rounds(relation: &Relation) -> usize {
    relation.sections.iter().map(|s| count(s.log_len)).max().unwrap_or(0)
}

/// Rounds of the product sumcheck.
#[must_use]
pub fn product_rounds(relation: &Relation) -> usize {
    relation.products.iter().map(|p| count(p.log_k)).max().unwrap_or(0)
}

/// A small count as usize.
#[must_use]
pub fn count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The point at which a product's matrix is read: its summed half from `kappa`, its result half from `tau`.
#[must_use]
pub fn matrix_point(product: &Product, kappa: &[E], tau: &[E]) -> Vec<E> {
    let k = suffix(kappa, count(product.log_k));
    let n = suffix(tau, count(product.log_n));
    if product.transposed { [n, k].concat() } else { [k, n].concat() }
}

/// Values of columns at the suffixes of one point.
pub struct Values<'a> {
    relation: &'a Relation,
    instance: &'a Instance,
    point: &'a [E],
    sent: BTreeMap<ColId, E>,
}

impl<'a> Values<'a> {
    /// Pairs the columns that were asked for with the values that came.
    #[must_use]
    pub fn new(
        relation: &'a Relation,
        instance: &'a Instance,
        point: &'a [E],
        columns: &[ColId],
        values: &[E],
    ) -> Self {
        let sent = columns.iter().copied().zip(values.iter().copied()).collect();
        Self { relation, instance, point, sent }
    }

    /// The value of a column at the last coordinates of the point.
    pub fn get(&self, col: ColId) -> E {
        let Some(column) = self.relation.column(col) else { return E::ZERO };
        match column.source {
            Source::Public(i) => {
                let point = suffix(self.point, count(column.log_len));
                self.relation.public.get(i).map_or(E::ZERO, |p| p.evaluate(self.instance, point))
            }
            _ => self.sent.get(&col).copied().unwrap_or(E::ZERO),
        }
    }

    /// The value of an expression.
    pub fn expr(&self, expr: &Expr) -> E {
        let constant = E::from(from_int(expr.constant));
        expr.terms.iter().fold(constant, |acc, (c, col)| acc + self.get(*col) * from_int(*c))
    }
}

/// A claimed evaluation of a committed column, to be discharged by the batch phase.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Which committed polynomial.
    pub poly: Poly,
    /// First cell of the window.
    pub offset: usize,
    /// One coordinate per variable of the window.
    pub point: Vec<E>,
    /// The claimed value.
    pub value: E,
}

/// All claims of a proof, in the order in which the batch phase weighs them. It is consumed there.
#[must_use]
#[derive(Debug, Default)]
pub struct Evaluations(Vec<Evaluation>);

impl Evaluations {
    /// Claims the values of `columns` at the suffixes of `point`. Products are not committed and are passed over: the product
    /// phase discharges them.
    pub fn claim_columns(&mut self, relation: &Relation, columns: &[ColId], point: &[E], values: &[E]) {
        for (&col, &value) in columns.iter().zip(values) {
            let Some(column) = relation.column(col) else { continue };
            self.claim(relation, col, suffix(point, count(column.log_len)).to_vec(), value);
        }
    }

    /// Claims the value of one column at `point`.
    pub fn claim(&mut self, relation: &Relation, col: ColId, point: Vec<E>, value: E) {
        if let Some(Source::Committed { poly, offset }) = relation.column(col).map(|c| c.source) {
            self.0.push(Evaluation { poly, offset, point, value });
        }
    }

    /// The claims.
    #[must_use]
    pub fn into_inner(self) -> Vec<Evaluation> {
        self.0
    }
}
