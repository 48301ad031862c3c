//! The zerocheck over all constraints. See `ciro_verifier::constraints` for the protocol.

use crate::rounds::{EqRounds, fold};
use crate::witness::Witness;
use ciro_relation::{ColId, Relation, Section};
use ciro_sumcheck::eq_table;
use ciro_transcript::field::from_int;
use ciro_transcript::{E, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, constraint_columns, constraint_rounds};
use p3_field::PrimeCharacteristicRing;
use std::collections::BTreeMap;

/// A section's columns as tables that shrink, and its constraints flattened into weighted terms.
struct Active {
    vars: usize,
    tables: Vec<Vec<E>>,
    /// (λ-weighted coefficient, column, column)
    quadratic: Vec<(E, usize, usize)>,
    linear: Vec<(E, usize)>,
}

impl Active {
    fn new(section: &Section, witness: &Witness, lambda: E, weight: &mut E) -> Self {
        let mut index: BTreeMap<ColId, usize> = BTreeMap::new();
        let mut active =
            Self { vars: section.log_len as usize, tables: Vec::new(), quadratic: Vec::new(), linear: Vec::new() };
        let mut linear: BTreeMap<usize, E> = BTreeMap::new();
        for constraint in &section.constraints {
            for term in &constraint.terms {
                let coefficient = *weight * from_int(term.coefficient);
                let a = active.table(&mut index, witness, term.a);
                match term.b {
                    None => *linear.entry(a).or_insert(E::ZERO) += coefficient,
                    Some(b) => {
                        let b = active.table(&mut index, witness, b);
                        active.quadratic.push((coefficient, a, b));
                    }
                }
            }
            *weight *= lambda;
        }
        active.linear = linear.into_iter().map(|(a, c)| (c, a)).collect();
        active
    }

    fn table(&mut self, index: &mut BTreeMap<ColId, usize>, witness: &Witness, col: ColId) -> usize {
        *index.entry(col).or_insert_with(|| {
            self.tables.push(witness.column(col).iter().map(|&x| E::from(x)).collect());
            self.tables.len() - 1
        })
    }

    /// The weighted sum of constraints, columns given by `value`.
    fn evaluate(&self, values: &[E]) -> E {
        let linear = self.linear.iter().fold(E::ZERO, |acc, &(c, a)| acc + c * values[a]);
        self.quadratic.iter().fold(linear, |acc, &(c, a, b)| acc + c * values[a] * values[b])
    }

    fn round(&self, eq: &[E]) -> (E, E) {
        let (mut t0, mut t2) = (E::ZERO, E::ZERO);
        let mut values = E::zero_vec(self.tables.len());
        for (i, &w) in eq.iter().enumerate() {
            for (value, table) in values.iter_mut().zip(&self.tables) {
                *value = if table.len() == 1 { table[0] } else { table[i] };
            }
            t0 += w * self.evaluate(&values);
            for (value, table) in values.iter_mut().zip(&self.tables) {
                if table.len() > 1 {
                    *value = table[eq.len() + i].double() - table[i];
                }
            }
            t2 += w * self.evaluate(&values);
        }
        (t0, t2)
    }

    fn bind(&mut self, r: E) {
        for table in self.tables.iter_mut().filter(|t| t.len() > 1) {
            fold(table, r);
        }
    }
}

/// Proves the constraint phase; returns the point τ.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, claims: &mut Evaluations) -> Vec<E> {
    let rounds = constraint_rounds(relation);
    let rho = transcript.challenges("rho", rounds);
    let lambda = transcript.challenge("lambda");
    let mut weight = E::ONE;
    let mut sections: Vec<Active> =
        relation.sections.iter().map(|s| Active::new(s, witness, lambda, &mut weight)).collect();

    let mut state = EqRounds::new("constraint rounds", &rho, E::ZERO);
    while !state.is_done() {
        let rest = state.rest();
        let eq = eq_table(rest, E::ONE);
        let (mut t0, mut t2) = (E::ZERO, E::ZERO);
        // A section that has not begun sums to zero over the rows, whatever its leading variables are.
        for section in sections.iter().filter(|s| s.vars > rest.len()) {
            let (a, b) = section.round(&eq);
            t0 += a;
            t2 += b;
        }
        let r = state.send(transcript, t0, t2);
        for section in sections.iter_mut().filter(|s| s.vars > rest.len()) {
            section.bind(r);
        }
    }
    let tau = state.into_point();
    let columns = constraint_columns(relation);
    let values = witness.evaluate(relation, &columns, &tau);
    transcript.write_exts("constraint columns", &values);
    claims.claim_columns(relation, &columns, &tau, &values);
    tau
}
