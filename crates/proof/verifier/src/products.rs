//! Thaler's sumcheck for all products at once.
//!
//! out(τ) = Σ_k a(k)·b(k, τ). Products with a shorter sum are tied to zero on the leading variables: their summand carries
//! Π (1 − x) over these.

use crate::constraints::ConstraintClaims;
use crate::error::VerifyError;
use crate::layout::{Evaluations, Values, count, matrix_point, product_matrices, product_rounds, product_vectors};
use alloc::collections::BTreeMap;
use ciro_relation::{Instance, Product, Relation, Source};
use ciro_sumcheck::verify_rounds;
use ciro_transcript::{E, Reader, Transcript};
use p3_field::PrimeCharacteristicRing;

/// Π (1 − rᵢ) over the leading coordinates that a polynomial in `vars` variables does not have.
pub fn absent(point: &[E], vars: usize) -> E {
    let leading = point.len().saturating_sub(vars);
    point.iter().take(leading).fold(E::ONE, |acc, &r| acc * (E::ONE - r))
}

/// Verifies the product phase and records the claims it leaves.
///
/// # Errors
/// If a product does not hold.
pub fn verify(
    transcript: &mut Reader<'_>,
    relation: &Relation,
    instance: &Instance,
    constraint_claims: &ConstraintClaims,
    claims: &mut Evaluations,
) -> Result<(), VerifyError> {
    if relation.products.is_empty() {
        return Ok(());
    }
    let mu = transcript.challenge("mu");
    let outs = relation.products.iter().map(|p| constraint_claims.products.get(&p.out).copied().unwrap_or(E::ZERO));
    let claim = outs.rev().fold(E::ZERO, |acc, out| acc * mu + out);
    let reduced = verify_rounds(transcript, "product rounds", product_rounds(relation), 2, claim)?;
    let kappa = &reduced.point;

    let vectors = product_vectors(relation);
    let vector_values = transcript.read_exts("product vectors", vectors.len())?;
    let matrices = product_matrices(relation);
    let matrix_values = transcript.read_exts("product matrices", matrices.len())?;
    let at = Values::new(relation, instance, kappa, &vectors, &vector_values);
    let sent: BTreeMap<usize, E> = matrices.iter().copied().zip(matrix_values.iter().copied()).collect();

    let (mut sum, mut weight) = (E::ZERO, E::ONE);
    for (i, product) in relation.products.iter().enumerate() {
        let point = matrix_point(product, kappa, &constraint_claims.point);
        let b = match sent.get(&i) {
            Some(&value) => {
                claims.claim(relation, product.b, point, value);
                value
            }
            None => public_matrix(relation, instance, product, &point),
        };
        sum += weight * absent(kappa, count(product.log_k)) * at.get(product.a) * b;
        weight *= mu;
    }
    if sum != reduced.claim {
        return Err(VerifyError::Products);
    }
    claims.claim_columns(relation, &vectors, kappa, &vector_values);
    Ok(())
}

fn public_matrix(relation: &Relation, instance: &Instance, product: &Product, point: &[E]) -> E {
    match relation.column(product.b).map(|c| c.source) {
        Some(Source::Public(i)) => relation.public.get(i).map_or(E::ZERO, |p| p.evaluate(instance, point)),
        _ => E::ZERO,
    }
}
