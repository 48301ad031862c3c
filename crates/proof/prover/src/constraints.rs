//! The zerocheck over all constraints. See `ciro_verifier::constraints` for the protocol.
//!
//! Once λ is drawn, a section is Σ factor·combination + combination. Linear terms are one combination of columns.
//! Products that share a factor are the factor times one combination. Padding, for one, is checked for every column by
//! (1 − mask)·Σ λʲ·column. So rounds fold a few tables, however many columns and constraints there are.

use crate::kernel::cells::Cells;
use crate::kernel::eq::EqTail;
use crate::kernel::matrix::combine;
use crate::kernel::sums::sum_packs;
use crate::kernel::table::Table;
use crate::kernel::{PackedE, PackedF};
use crate::rounds::EqRounds;
use crate::witness::Witness;
use ciro_relation::{ColId, Relation, Section};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, constraint_columns, constraint_rounds};
use p3_field::{Algebra, PackedValue, PrimeCharacteristicRing};
use std::collections::BTreeMap;
use std::ops::Range;

/// The λ-weighted sum of the constraints of a section, by columns.
#[derive(Default)]
struct Combined {
    constant: E,
    linear: BTreeMap<ColId, E>,
    quadratic: BTreeMap<(ColId, ColId), E>,
}

impl Combined {
    /// Weighs constraint j of the section by weight·λʲ. Columns of one value stand for it on every row.
    fn new(section: &Section, witness: &Witness, lambda: E, weight: &mut E) -> Self {
        let mut combined = Self::default();
        for constraint in &section.constraints {
            for term in &constraint.terms {
                combined.add(witness, *weight * from_int(term.coefficient), term.a, term.b);
            }
            *weight *= lambda;
        }
        combined
    }

    fn add(&mut self, witness: &Witness, mut coefficient: E, a: ColId, b: Option<ColId>) {
        let mut factors = Vec::with_capacity(2);
        for col in [Some(a), b].into_iter().flatten() {
            match witness.column(col) {
                [one] => coefficient *= *one,
                _ => factors.push(col),
            }
        }
        let sum = match factors[..] {
            [] => &mut self.constant,
            [a] => self.linear.entry(a).or_insert(E::ZERO),
            _ => self.quadratic.entry((a.min(factors[1]), a.max(factors[1]))).or_insert(E::ZERO),
        };
        *sum += coefficient;
    }

    /// The products by a factor that they share: the one that most of them have, then the same for the rest.
    fn groups(&self) -> Vec<(ColId, Vec<(ColId, E)>)> {
        let mut groups = Vec::new();
        let mut rest = self.quadratic.clone();
        while !rest.is_empty() {
            let mut count: BTreeMap<ColId, usize> = BTreeMap::new();
            for &(a, b) in rest.keys() {
                *count.entry(a).or_insert(0) += 1;
                *count.entry(b).or_insert(0) += usize::from(a != b);
            }
            let most = count.values().copied().max().unwrap_or(0);
            // A factor of one product each: no order is better than another.
            let factors: Vec<ColId> = count.iter().filter(|(_, n)| **n == most).map(|(&col, _)| col).collect();
            for factor in factors {
                let own: BTreeMap<(ColId, ColId), E>;
                (own, rest) = rest.into_iter().partition(|&((a, b), _)| a == factor || b == factor);
                let others: Vec<(ColId, E)> =
                    own.into_iter().map(|((a, b), c)| (if a == factor { b } else { a }, c)).collect();
                if !others.is_empty() {
                    groups.push((factor, others));
                }
            }
        }
        groups
    }
}

/// Factors of the products.
enum Factors<'a> {
    /// Before the first challenge of the section.
    Base(Vec<&'a [F]>),
    /// Tables that shrink.
    Bound(Vec<Table>),
}

/// A section once its first variable is being bound: Σ factor·combination + linear + constant on each row.
struct Active<'a> {
    factors: Factors<'a>,
    combinations: Vec<Table>,
    linear: Option<Table>,
    constant: E,
}

/// The halves of tables.
struct Halves<'a, A, B> {
    products: Vec<[(&'a [A], &'a [B]); 2]>,
    linear: Option<[&'a [B]; 2]>,
    constant: B,
}

impl<'a, A, B> Halves<'a, A, B>
where
    A: PrimeCharacteristicRing + Copy,
    B: Algebra<A> + Copy,
{
    fn new(products: impl Iterator<Item = (&'a [A], &'a [B])>, linear: Option<&'a [B]>, constant: B) -> Self {
        let halves = |(a, b): (&'a [A], &'a [B])| {
            let ((a0, a1), (b0, b1)) = (a.split_at(a.len() / 2), b.split_at(b.len() / 2));
            [(a0, b0), (a1, b1)]
        };
        let linear = linear.map(|l| l.split_at(l.len() / 2).into());
        Self { products: products.map(halves).collect(), linear, constant }
    }

    /// t(0) and t(2) of Σ eq·(…) over some rows.
    fn rows(&self, eq: &[B], range: Range<usize>) -> [B; 2] {
        let (mut t0, mut t2) = (B::ZERO, B::ZERO);
        for i in range {
            let (mut at0, mut at2) = (self.constant, self.constant);
            if let Some([low, high]) = self.linear {
                at0 += low[i];
                at2 += high[i].double() - low[i];
            }
            for [(a0, b0), (a1, b1)] in &self.products {
                at0 += b0[i] * a0[i];
                at2 += (b1[i].double() - b0[i]) * (a1[i].double() - a0[i]);
            }
            t0 += eq[i] * at0;
            t2 += eq[i] * at2;
        }
        [t0, t2]
    }
}

fn few(table: &Table) -> &[E] {
    match table {
        Table::Few(values) => values,
        Table::Many(_) => unreachable!("eq is as long as the halves of the tables"),
    }
}

fn many(table: &Table) -> &[PackedE] {
    match table {
        Table::Many(values) => values,
        Table::Few(_) => unreachable!("eq is as long as the halves of the tables"),
    }
}

impl<'a> Active<'a> {
    fn new(combined: &Combined, witness: &'a Witness) -> Self {
        let table = |terms: &[(ColId, E)]| {
            let columns: Vec<(Cells<'_>, E)> = terms.iter().map(|&(col, c)| (witness.column(col).into(), c)).collect();
            combine(&columns)
        };
        let groups = combined.groups();
        let linear: Vec<(ColId, E)> = combined.linear.iter().map(|(&col, &c)| (col, c)).collect();
        Self {
            factors: Factors::Base(groups.iter().map(|(factor, _)| witness.column(*factor)).collect()),
            combinations: groups.iter().map(|(_, terms)| table(terms)).collect(),
            linear: (!linear.is_empty()).then(|| table(&linear)),
            constant: combined.constant,
        }
    }

    /// t(0) and t(2) of the section, rows weighed by `eq`.
    fn round(&self, eq: &Table) -> [E; 2] {
        match eq {
            Table::Few(eq) => {
                let (combinations, linear) = (self.combinations.iter().map(few), self.linear.as_ref().map(few));
                match &self.factors {
                    Factors::Base(factors) => {
                        let products = factors.iter().copied().zip(combinations);
                        Halves::new(products, linear, self.constant).rows(eq, 0..eq.len())
                    }
                    Factors::Bound(factors) => {
                        let products = factors.iter().map(few).zip(combinations);
                        Halves::new(products, linear, self.constant).rows(eq, 0..eq.len())
                    }
                }
            }
            Table::Many(eq) => self.packed_round(eq),
        }
    }

    fn packed_round(&self, eq: &[PackedE]) -> [E; 2] {
        let (combinations, linear) = (self.combinations.iter().map(many), self.linear.as_ref().map(many));
        let constant = PackedE::from(self.constant);
        match &self.factors {
            Factors::Base(factors) => {
                let products = factors.iter().map(|cells| PackedF::pack_slice(cells)).zip(combinations);
                let halves = Halves::new(products, linear, constant);
                sum_packs(eq.len(), |range| halves.rows(eq, range))
            }
            Factors::Bound(factors) => {
                let halves = Halves::new(factors.iter().map(many).zip(combinations), linear, constant);
                sum_packs(eq.len(), |range| halves.rows(eq, range))
            }
        }
    }

    fn bind(&mut self, r: E) {
        self.combinations.iter_mut().chain(&mut self.linear).for_each(|table| table.fold(r));
        match &mut self.factors {
            Factors::Base(factors) => {
                self.factors = Factors::Bound(factors.iter().map(|cells| Table::fold_base(cells, r)).collect());
            }
            Factors::Bound(tables) => tables.iter_mut().for_each(|table| table.fold(r)),
        }
    }
}

/// Proves the constraint phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, claims: &mut Evaluations) {
    let rounds = constraint_rounds(relation);
    let rho = transcript.challenges("rho", rounds);
    let lambda = transcript.challenge("lambda");
    let mut weight = E::ONE;
    let of = |s: &Section| (s.log_len as usize, Combined::new(s, witness, lambda, &mut weight));
    let mut waiting: Vec<(usize, Combined)> = relation.sections.iter().map(of).collect();
    let mut active: Vec<Active<'_>> = Vec::new();

    let mut state = EqRounds::new("constraint rounds", &rho, E::ZERO);
    let mut tail = EqTail::new(&rho);
    while !state.is_done() {
        let rest = state.rest();
        let mut sums = [E::ZERO; 2];
        // A section that has not begun sums to zero over the rows, whatever its leading variables are.
        active.extend(waiting.extract_if(.., |(vars, _)| *vars > rest).map(|(_, c)| Active::new(&c, witness)));
        for section in &active {
            let [t0, t2] = section.round(tail.table());
            sums = [sums[0] + t0, sums[1] + t2];
        }
        let r = state.send(transcript, sums);
        tail.advance();
        active.iter_mut().for_each(|section| section.bind(r));
    }
    let tau = state.into_point();
    let columns = constraint_columns(relation);
    let values = witness.evaluate(relation, &columns, &tau);
    transcript.write_exts("constraint columns", &values);
    claims.claim_columns(relation, &columns, &tau, &values);
}
