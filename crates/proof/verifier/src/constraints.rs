//! One zerocheck over all constraints of all lengths.
//!
//! Σ_x eq(ρ, x)·Σ_j λʲ·C_j(suffix of x) = 0 for random ρ, λ: each C_j then vanishes on every row of its section. Sections
//! shorter than the longest ignore the leading variables, over which eq(ρ, ·) sums to one.

use crate::error::VerifyError;
use crate::layout::{Evaluations, Values, constraint_columns, constraint_rounds};
use ciro_relation::{Constraint, Instance, Relation};
use ciro_sumcheck::{eq, verify_rounds};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, Reader, Transcript};
use p3_field::PrimeCharacteristicRing;

/// Verifies the constraint phase and records the claims it leaves.
///
/// # Errors
/// If the constraints do not vanish.
pub fn verify(
    transcript: &mut Reader<'_>,
    relation: &Relation,
    instance: &Instance,
    claims: &mut Evaluations,
) -> Result<(), VerifyError> {
    let rounds = constraint_rounds(relation);
    let rho = transcript.challenges("rho", rounds);
    let lambda = transcript.challenge("lambda");
    let reduced = verify_rounds(transcript, "constraint rounds", rounds, 3, E::ZERO)?;
    let columns = constraint_columns(relation);
    let values = transcript.read_exts("constraint columns", columns.len())?;
    let at = Values::new(relation, instance, &reduced.point, &columns, &values);

    let mut sum = E::ZERO;
    let mut weight = E::ONE;
    for constraint in relation.sections.iter().flat_map(|s| &s.constraints) {
        sum += weight * evaluate(constraint, &at);
        weight *= lambda;
    }
    if eq(&rho, &reduced.point) * sum != reduced.claim {
        return Err(VerifyError::Constraints);
    }
    claims.claim_columns(relation, &columns, &reduced.point, &values);
    Ok(())
}

fn evaluate(constraint: &Constraint, at: &Values<'_>) -> E {
    constraint.terms.iter().fold(E::ZERO, |acc, term| {
        let b = term.b.map_or(E::ONE, |b| at.get(b));
        acc + at.get(term.a) * b * from_int(term.coefficient)
    })
}
