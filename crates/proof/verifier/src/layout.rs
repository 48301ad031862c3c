//! Orders that prover and verifier share. Nothing here depends on a proof.

use crate::evaluate::{Evaluator, Reading};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use ciro_relation::{ColId, Expr, Lookup, Parts, Poly, Relation, Source, Window};
use ciro_sumcheck::{eq_bits, suffix};
use ciro_transcript::cost::{F_MUL, wide};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, meter};
use p3_field::PrimeCharacteristicRing;

/// What occupies a slot of the lookup circuit's leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupant {
    /// A part of a lookup with real rows: numerators are their mask.
    Lookup {
        /// Number of the lookup.
        lookup: usize,
        /// Number of the part.
        part: usize,
    },
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

impl Slot {
    /// The first leaf after it.
    #[must_use]
    pub fn end(&self) -> usize {
        self.offset.saturating_add(1usize.checked_shl(self.log_len).unwrap_or(usize::MAX))
    }
}

/// Fewest leaves of a lookup circuit, four groups of neighbours: below, there is nothing to gain from fewer.
const LEAVES_MIN: usize = 64;

/// The leaves of the lookup circuit and log₂ of their number. First come the lookups without padding in their parts, whose numerators are
/// all one. Then come the others and the tables. Each of the two groups is by descending length. Leaves outside any slot are 0/1.
#[must_use]
pub fn slots(relation: &Relation) -> (Vec<Slot>, u32) {
    let lookups = relation.lookups.iter().enumerate();
    let lookups = lookups.flat_map(|(lookup, l)| {
        let (parts, mixed) = (l.rows.parts(), !l.rows.fills_parts());
        let log_len = l.log_len.saturating_sub(parts.bits);
        (0..parts.real).map(move |part| (mixed, Occupant::Lookup { lookup, part }, log_len))
    });
    let tables = relation.tables.iter().enumerate().map(|(i, t)| (true, Occupant::Table(i), t.log_len));
    let mut order: Vec<(bool, Occupant, u32)> = lookups.chain(tables).collect();
    order.sort_by_key(|(mixed, _, log_len)| (*mixed, core::cmp::Reverse(*log_len)));
    let mut end = 0usize;
    let mut slots = Vec::with_capacity(order.len());
    for (_, occupant, log_len) in order {
        let len = 1usize.checked_shl(log_len).unwrap_or(usize::MAX);
        let offset = end.checked_next_multiple_of(len).unwrap_or(usize::MAX);
        slots.push(Slot { occupant, log_len, offset });
        end = offset.saturating_add(len);
    }
    (slots, end.max(LEAVES_MIN).checked_next_power_of_two().unwrap_or(0).trailing_zeros())
}

fn is_public(relation: &Relation, col: ColId) -> bool {
    relation.public_column(col).is_some()
}

fn sent(relation: &Relation, columns: impl Iterator<Item = ColId>) -> Vec<ColId> {
    let set: BTreeSet<ColId> = columns.filter(|&c| !is_public(relation, c)).collect();
    set.into_iter().collect()
}

/// What the lookup phase reads: columns, each as the rows of its lookup are cut. The prover sends the values of all parts.
#[must_use]
pub fn lookup_reads(relation: &Relation) -> Vec<Read> {
    let tuples = relation.lookups.iter().flat_map(|l| lookup_columns(relation, l));
    let tables = relation.tables.iter().flat_map(|t| t.tuple.iter().copied().chain([t.multiplicity]));
    let tables = tables.map(|col| Read { col, parts: Parts::WHOLE });
    let set: BTreeSet<Read> = tuples.chain(tables).filter(|read| !is_public(relation, read.col)).collect();
    set.into_iter().collect()
}

/// What a lookup reads. A column of one value has no parts.
pub fn lookup_columns<'a>(relation: &'a Relation, lookup: &'a Lookup) -> impl Iterator<Item = Read> + 'a {
    let cut = lookup.rows.parts();
    let parts = move |col: ColId| match relation.column(col) {
        Some(column) if column.log_len > 0 => cut,
        _ => Parts::WHOLE,
    };
    lookup.tuple.iter().flat_map(|e| &e.terms).map(move |&(_, col)| Read { col, parts: parts(col) })
}

/// A column as the lookup phase reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The column.
    pub col: ColId,
    /// How its rows are cut.
    pub parts: Parts,
}

impl Read {
    /// The last coordinates of `leaf`, a point of the leaves: those within a part.
    pub fn within<'a>(&self, relation: &Relation, leaf: &'a [E]) -> &'a [E] {
        let log_len = relation.column(self.col).map_or(0, |column| column.log_len);
        suffix(leaf, count(log_len.saturating_sub(self.parts.bits)))
    }
}

/// The values that were sent for the parts of what is read.
pub struct Parted<'a> {
    values: BTreeMap<Read, &'a [E]>,
}

impl<'a> Parted<'a> {
    /// Pairs what was asked for with the values that came.
    #[must_use]
    pub fn new(reads: &[Read], values: &'a [E]) -> Self {
        let mut rest = values;
        let mut take = |read: &Read| {
            let (own, after) = rest.split_at(read.parts.count().min(rest.len()));
            rest = after;
            (*read, own)
        };
        Self { values: reads.iter().map(&mut take).collect() }
    }

    /// The value of a part; zero for what was not sent.
    pub fn get(&self, read: &Read, part: usize) -> E {
        // A column of one value has but one part.
        let part = if read.parts.bits == 0 { 0 } else { part };
        self.values.get(read).and_then(|values| values.get(part)).copied().unwrap_or(E::ZERO)
    }
}

/// How many values [`lookup_reads`] asks for.
#[must_use]
pub fn parted_len(reads: &[Read]) -> usize {
    reads.iter().fold(0, |sum, read| sum.saturating_add(read.parts.count()))
}

/// How many challenges bind the bits of parts.
#[must_use]
pub fn part_bits(reads: &[Read]) -> usize {
    reads.iter().map(|read| count(read.parts.bits)).max().unwrap_or(0)
}

/// Columns whose values the constraint phase needs from the prover.
#[must_use]
pub fn constraint_columns(relation: &Relation) -> Vec<ColId> {
    let terms = relation.sections.iter().flat_map(|s| &s.constraints).flat_map(|c| &c.terms);
    let read = terms.flat_map(|t| [Some(t.a), t.b]).flatten();
    sent(relation, read)
}

/// Whether the prover sends the value of a column that an operand or a gather reads.
#[must_use]
pub fn is_sent(relation: &Relation, col: ColId) -> bool {
    !is_public(relation, col)
}

/// Rounds of the constraint sumcheck.
#[must_use]
pub fn constraint_rounds(relation: &Relation) -> usize {
    relation.sections.iter().map(|s| count(s.log_len)).max().unwrap_or(0)
}

/// Rounds of the product sumcheck.
#[must_use]
pub fn product_rounds(relation: &Relation) -> usize {
    relation.products.iter().map(|p| count(p.log_sum)).max().unwrap_or(0)
}

/// Degree of the product sumcheck: the equality of tied variables is a factor of its own.
#[must_use]
pub fn product_degree(relation: &Relation) -> usize {
    if relation.products.iter().any(|p| !p.tied.is_empty()) { 3 } else { 2 }
}

/// A small count as usize.
#[must_use]
pub fn count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Values of columns at the suffixes of one point, each made once.
pub struct Values<'b, 'a> {
    evaluator: &'b mut Evaluator<'a>,
    point: &'b [E],
    sent: BTreeMap<ColId, E>,
    known: BTreeMap<ColId, E>,
}

impl<'b, 'a> Values<'b, 'a> {
    /// Pairs the columns that were asked for with the values that came.
    #[must_use]
    pub fn new(evaluator: &'b mut Evaluator<'a>, point: &'b [E], sent: impl Iterator<Item = (ColId, E)>) -> Self {
        Self { evaluator, point, sent: sent.collect(), known: BTreeMap::new() }
    }

    /// The value of a column at the last coordinates of the point. For a view, what was sent is the value of the column seen.
    pub fn get(&mut self, col: ColId) -> E {
        let relation = self.evaluator.relation();
        let Some(column) = relation.column(col) else { return E::ZERO };
        let sent = is_sent(relation, col).then(|| self.sent.get(&col).copied().unwrap_or(E::ZERO));
        if let (Some(value), None) = (sent, relation.view(col)) {
            return value;
        }
        if let Some(&value) = self.known.get(&col) {
            return value;
        }
        let value = self.evaluator.value(col, suffix(self.point, count(column.log_len)), sent);
        self.known.insert(col, value);
        value
    }

    /// The value of an expression.
    pub fn expr(&mut self, expr: &Expr) -> E {
        meter::field(wide(expr.terms.len()).saturating_mul(F_MUL));
        let constant = E::from(from_int(expr.constant));
        expr.terms.iter().fold(constant, |acc, (c, col)| acc + self.get(*col) * from_int(*c))
    }
}

/// A claimed evaluation of a committed column, to be discharged by the batch phase.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Where the column lies.
    pub window: Window,
    /// One coordinate per variable of the column.
    pub point: Vec<E>,
    /// The claimed value.
    pub value: E,
}

/// A claimed evaluation of a gathered column, to be discharged by the gather phase.
#[derive(Clone, Debug)]
pub struct GatherClaim {
    /// Index into the relation's gathers.
    pub gather: usize,
    /// One coordinate per variable of the gathered column.
    pub point: Vec<E>,
    /// The claimed value.
    pub value: E,
}

/// A claimed evaluation of a product's result, to be discharged by the product phase.
#[derive(Clone, Debug)]
pub struct ProductClaim {
    /// Index into the relation's products.
    pub product: usize,
    /// One coordinate per variable of the result.
    pub point: Vec<E>,
    /// The claimed value.
    pub value: E,
}

/// All claims of a proof, in the order in which later phases weigh them. Consumed there.
#[must_use]
#[derive(Debug, Default)]
pub struct Evaluations {
    committed: Vec<Evaluation>,
    products: Vec<ProductClaim>,
    gathered: Vec<GatherClaim>,
    /// Claims on what is neither committed nor computed from it.
    stray: usize,
}

impl Evaluations {
    /// Claims the values of `columns` at the suffixes of `point`.
    pub fn claim_columns(&mut self, relation: &Relation, columns: &[ColId], point: &[E], values: &[E]) {
        for (&col, &value) in columns.iter().zip(values) {
            let log_len = relation.column(col).map_or(0, |column| column.log_len);
            self.claim(relation, col, suffix(point, count(log_len)).to_vec(), value);
        }
    }

    /// Claims what the lookup phase reads at `leaf`, its parts bound to the challenges in `bound`.
    pub fn claim_parts(&mut self, relation: &Relation, reads: &[Read], leaf: &[E], bound: &[E], values: &[E]) {
        let parted = Parted::new(reads, values);
        for read in reads {
            let part = bound.get(..count(read.parts.bits)).unwrap_or(bound);
            let parts = (0..read.parts.count()).map(|i| eq_bits(i, part) * parted.get(read, i));
            let value = parts.fold(E::ZERO, |sum, value| sum + value);
            self.claim(relation, read.col, read.parts.point(part, read.within(relation, leaf)), value);
        }
    }

    /// Claims the value of a whole committed polynomial.
    pub fn claim_polynomial(&mut self, poly: Poly, point: &[E], value: E) {
        let window = Window { poly, offset: 0, high: 0, blocks: Vec::from([0]) };
        self.committed.push(Evaluation { window, point: point.to_vec(), value });
    }

    /// Claims the value of one column at `point`; for a view, the value of the column seen.
    pub fn claim(&mut self, relation: &Relation, col: ColId, point: Vec<E>, value: E) {
        let (col, point) = match relation.view(col) {
            Some(view) => (view.of, view.point(&point)),
            None => (col, point),
        };
        match relation.column(col).map(|c| c.source) {
            Some(Source::Committed { .. } | Source::Blocks(_) | Source::Cut(_)) => {
                let point = relation.in_window(col, point);
                let claim = relation.window(col).map(|window| Evaluation { window, point, value });
                self.committed.extend(claim);
            }
            Some(Source::Product(product)) => self.products.push(ProductClaim { product, point, value }),
            Some(Source::Gather(gather)) => self.gathered.push(GatherClaim { gather, point, value }),
            Some(Source::Public(_) | Source::View(_)) | None => self.stray = self.stray.saturating_add(1),
        }
    }

    /// Reads a column at `point`. A public column is for the verifier to evaluate. For any other, the next value of `sent` is read and
    /// claimed.
    pub fn read(
        &mut self,
        relation: &Relation,
        col: ColId,
        point: Vec<E>,
        sent: &mut impl Iterator<Item = E>,
    ) -> Reading {
        if !is_sent(relation, col) {
            return Reading { col, point, sent: None };
        }
        let value = sent.next().unwrap_or(E::ZERO);
        self.claim(relation, col, point.clone(), value);
        Reading { col, point, sent: Some(value) }
    }

    /// The claims on results of products, which leave.
    #[must_use]
    pub fn take_products(&mut self) -> Vec<ProductClaim> {
        core::mem::take(&mut self.products)
    }

    /// The claims on gathered columns, which leave.
    #[must_use]
    pub fn take_gathered(&mut self) -> Vec<GatherClaim> {
        core::mem::take(&mut self.gathered)
    }

    /// The claims on committed columns. `None` if there are others, which no later phase would discharge.
    #[must_use]
    pub fn into_committed(self) -> Option<Vec<Evaluation>> {
        let others = self.products.len().saturating_add(self.gathered.len()).saturating_add(self.stray);
        (others == 0).then_some(self.committed)
    }
}

/// The claims that the product, the gather and the batch phase weigh against one another: those of every proof, without their points and
/// values.
pub(crate) struct Claims {
    pub(crate) products: Vec<ProductClaim>,
    pub(crate) gathered: Vec<GatherClaim>,
    pub(crate) committed: Vec<Evaluation>,
}

impl Claims {
    pub(crate) fn of(relation: &Relation) -> Self {
        let mut claims = Evaluations::default();
        let claim = |claims: &mut Evaluations, col| claims.claim(relation, col, Vec::new(), E::ZERO);
        let looked_up = lookup_reads(relation).into_iter().map(|read| read.col);
        looked_up.chain(constraint_columns(relation)).for_each(|col| claim(&mut claims, col));
        let products = claims.take_products();
        for product in products.iter().filter_map(|c| relation.products.get(c.product)) {
            let sent = [&product.a, &product.b].into_iter().filter(|o| is_sent(relation, o.col));
            sent.for_each(|operand| claim(&mut claims, operand.col));
        }
        let gathered = claims.take_gathered();
        for gather in gathered.iter().filter_map(|c| relation.gathers.get(c.gather)) {
            if is_sent(relation, gather.of) {
                claim(&mut claims, gather.of);
            }
        }
        Self { products, gathered, committed: claims.committed }
    }
}
