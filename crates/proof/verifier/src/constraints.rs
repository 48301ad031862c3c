//! One zerocheck over all constraints of all lengths.
//!
//! Σ_x eq(ρ, x)·Σ_j λʲ·C_j(suffix of x) = 0 for random ρ, λ: each C_j then vanishes on every row of its section. Sections
//! shorter than the longest ignore the leading variables, over which eq(ρ, ·) sums to one.

use crate::error::VerifyError;
use crate::evaluate::Checks;
use crate::layout::{Evaluations, Values, constraint_columns, constraint_rounds};
use ciro_relation::{Constraint, Relation};
use ciro_sumcheck::{eq, verify_rounds};
use ciro_transcript::cost::{E_MUL, F_MUL, wide};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, Reader, Transcript, meter};
use p3_field::PrimeCharacteristicRing;

/// Verifies the constraint phase and records the claims it leaves.
///
/// # Errors
/// If the constraints do not vanish.
pub fn verify<'a>(
    transcript: &mut Reader<'_>,
    relation: &'a Relation,
    checks: &mut Checks<'a>,
    claims: &mut Evaluations,
) -> Result<(), VerifyError> {
    let rounds = constraint_rounds(relation);
    let rho = transcript.challenges("rho", rounds);
    let lambda = transcript.challenge("lambda");
    let reduced = verify_rounds(transcript, "constraint rounds", rounds, 3, E::ZERO)?;
    let columns = constraint_columns(relation);
    let values = transcript.read_exts("constraint columns", columns.len())?;
    claims.claim_columns(relation, &columns, &reduced.point, &values);
    checks.add(move |evaluator| {
        let mut at = Values::new(evaluator, &reduced.point, columns.into_iter().zip(values));
        let sum = weighted(relation, lambda, &mut at);
        if eq(&rho, &reduced.point) * sum == reduced.claim { Ok(()) } else { Err(VerifyError::Constraints) }
    })
}

/// Σ λʲ·C_j.
fn weighted(relation: &Relation, lambda: E, at: &mut Values<'_, '_>) -> E {
    let (mut sum, mut weight) = (E::ZERO, E::ONE);
    for constraint in relation.sections.iter().flat_map(|s| &s.constraints) {
        meter::field(2 * E_MUL);
        sum += weight * evaluate(constraint, at);
        weight *= lambda;
    }
    sum
}

fn evaluate(constraint: &Constraint, at: &mut Values<'_, '_>) -> E {
    meter::field(wide(constraint.terms.len()).saturating_mul(E_MUL + F_MUL));
    constraint.terms.iter().fold(E::ZERO, |acc, term| {
        let b = term.b.map_or(E::ONE, |b| at.get(b));
        acc + at.get(term.a) * b * from_int(term.coefficient)
    })
}
