//! The zerocheck over all constraints. See `ciro_verifier::constraints` for the protocol.

use crate::kernel::eq::EqTail;
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

/// A section's columns, and its constraints flattened into weighted terms.
struct Active<'a> {
    vars: usize,
    columns: Columns<'a>,
    terms: Terms<E>,
}

/// Columns of one value stand for it on every row.
enum Columns<'a> {
    /// Before the first challenge of the section.
    Free(Vec<&'a [F]>),
    /// Tables that shrink.
    Bound(Vec<Table>),
}

/// The λ-weighted sum of the constraints of a section.
struct Terms<B> {
    /// (coefficient, column, column)
    quadratic: Vec<(B, usize, usize)>,
    linear: Vec<(B, usize)>,
}

impl<B> Terms<B> {
    fn map<C>(&self, f: impl Fn(&B) -> C) -> Terms<C> {
        Terms {
            quadratic: self.quadratic.iter().map(|(c, a, b)| (f(c), *a, *b)).collect(),
            linear: self.linear.iter().map(|(c, a)| (f(c), *a)).collect(),
        }
    }

    fn evaluate<A>(&self, values: &[A]) -> B
    where
        A: PrimeCharacteristicRing + Copy,
        B: Algebra<A> + Copy,
    {
        let linear = self.linear.iter().fold(B::ZERO, |acc, &(c, a)| acc + c * values[a]);
        self.quadratic.iter().fold(linear, |acc, &(c, a, b)| acc + c * (values[a] * values[b]))
    }
}

/// A column in one round.
enum Slot<'a, A> {
    One(A),
    Halves(&'a [A], &'a [A]),
}

impl<'a, A: Copy> Slot<'a, A> {
    fn new(values: &'a [A]) -> Self {
        if let [one] = values {
            return Self::One(*one);
        }
        let (low, high) = values.split_at(values.len() / 2);
        Self::Halves(low, high)
    }
}

impl<'a> Slot<'a, PackedF> {
    fn base(cells: &'a [F]) -> Self {
        if let [one] = *cells { Self::One(PackedF::from(one)) } else { Self::new(PackedF::pack_slice(cells)) }
    }
}

impl<'a> Slot<'a, E> {
    fn few(table: &'a Table) -> Self {
        match table {
            Table::Few(values) => Self::new(values),
            Table::Many(_) => unreachable!("eq is as long as the halves of the tables"),
        }
    }
}

impl<'a> Slot<'a, PackedE> {
    fn many(table: &'a Table) -> Self {
        match table {
            Table::Few(values) => Self::One(PackedE::from(values[0])),
            Table::Many(values) => Self::new(values),
        }
    }
}

/// t(0) and t(2) of Σ eq·terms over some rows.
fn rows<A, B>(terms: &Terms<B>, eq: &[B], slots: &[Slot<'_, A>], range: Range<usize>) -> [B; 2]
where
    A: PrimeCharacteristicRing + Copy,
    B: Algebra<A> + Copy,
{
    let (mut t0, mut t2) = (B::ZERO, B::ZERO);
    let mut values = vec![A::ZERO; slots.len()];
    for i in range {
        for (value, slot) in values.iter_mut().zip(slots) {
            *value = match slot {
                Slot::One(x) => *x,
                Slot::Halves(low, _) => low[i],
            };
        }
        t0 += eq[i] * terms.evaluate(&values);
        for (value, slot) in values.iter_mut().zip(slots) {
            if let Slot::Halves(low, high) = slot {
                *value = high[i].double() - low[i];
            }
        }
        t2 += eq[i] * terms.evaluate(&values);
    }
    [t0, t2]
}

impl<'a> Active<'a> {
    fn new(section: &Section, witness: &'a Witness, lambda: E, weight: &mut E) -> Self {
        let mut index: BTreeMap<ColId, usize> = BTreeMap::new();
        let mut columns = Vec::new();
        let mut number = |col: ColId| {
            *index.entry(col).or_insert_with(|| {
                columns.push(witness.column(col));
                columns.len() - 1
            })
        };
        let mut linear: BTreeMap<usize, E> = BTreeMap::new();
        let mut quadratic = Vec::new();
        for constraint in &section.constraints {
            for term in &constraint.terms {
                let coefficient = *weight * from_int(term.coefficient);
                let a = number(term.a);
                match term.b {
                    None => *linear.entry(a).or_insert(E::ZERO) += coefficient,
                    Some(b) => quadratic.push((coefficient, a, number(b))),
                }
            }
            *weight *= lambda;
        }
        let linear = linear.into_iter().map(|(a, c)| (c, a)).collect();
        Self { vars: section.log_len as usize, columns: Columns::Free(columns), terms: Terms { quadratic, linear } }
    }

    /// t(0) and t(2) of the section, rows weighed by `eq`.
    fn round(&self, eq: &Table) -> [E; 2] {
        match (&self.columns, eq) {
            (Columns::Free(columns), Table::Few(eq)) => {
                let slots: Vec<_> = columns.iter().map(|c| Slot::new(c)).collect();
                rows(&self.terms, eq, &slots, 0..eq.len())
            }
            (Columns::Free(columns), Table::Many(eq)) => {
                self.packed_round(eq, &columns.iter().map(|c| Slot::base(c)).collect::<Vec<_>>())
            }
            (Columns::Bound(tables), Table::Few(eq)) => {
                rows(&self.terms, eq, &tables.iter().map(Slot::few).collect::<Vec<_>>(), 0..eq.len())
            }
            (Columns::Bound(tables), Table::Many(eq)) => {
                self.packed_round(eq, &tables.iter().map(Slot::many).collect::<Vec<_>>())
            }
        }
    }

    fn packed_round<A>(&self, eq: &[PackedE], slots: &[Slot<'_, A>]) -> [E; 2]
    where
        A: PrimeCharacteristicRing + Copy + Sync,
        PackedE: Algebra<A>,
    {
        let terms = self.terms.map(|&c| <PackedE as From<E>>::from(c));
        sum_packs(eq.len(), |range| rows(&terms, eq, slots, range))
    }

    fn bind(&mut self, r: E) {
        match &mut self.columns {
            Columns::Free(columns) => {
                let bound = |c: &&[F]| match **c {
                    [one] => Table::Few(vec![E::from(one)]),
                    ref many => Table::fold_base(many, r),
                };
                self.columns = Columns::Bound(columns.iter().map(bound).collect());
            }
            Columns::Bound(tables) => tables.iter_mut().filter(|t| t.len() > 1).for_each(|t| t.fold(r)),
        }
    }
}

/// Proves the constraint phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, claims: &mut Evaluations) {
    let rounds = constraint_rounds(relation);
    let rho = transcript.challenges("rho", rounds);
    let lambda = transcript.challenge("lambda");
    let mut weight = E::ONE;
    let mut sections: Vec<Active<'_>> =
        relation.sections.iter().map(|s| Active::new(s, witness, lambda, &mut weight)).collect();

    let mut state = EqRounds::new("constraint rounds", &rho, E::ZERO);
    let mut tail = EqTail::new(&rho);
    while !state.is_done() {
        let rest = state.rest();
        let mut sums = [E::ZERO; 2];
        // A section that has not begun sums to zero over the rows, whatever its leading variables are.
        for section in sections.iter().filter(|s| s.vars > rest) {
            let [t0, t2] = section.round(tail.table());
            sums = [sums[0] + t0, sums[1] + t2];
        }
        let r = state.send(transcript, sums);
        tail.advance();
        for section in sections.iter_mut().filter(|s| s.vars > rest) {
            section.bind(r);
        }
    }
    let tau = state.into_point();
    let columns = constraint_columns(relation);
    let values = witness.evaluate(relation, &columns, &tau);
    transcript.write_exts("constraint columns", &values);
    claims.claim_columns(relation, &columns, &tau, &values);
}
