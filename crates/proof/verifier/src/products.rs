//! Thaler's sumcheck for all products at once.
//!
//! out(τ) = Σ_x eq(x, τ on tied variables)·a(x, τ)·b(x, τ). Products with fewer summed variables are tied to zero on the leading
//! ones: their summand carries Π (1 − x) over these.

use crate::constraints::ConstraintClaims;
use crate::error::VerifyError;
use crate::layout::{Evaluations, count, is_sent, operands, product_degree, product_rounds};
use ciro_relation::{Instance, Operand, Product, Relation};
use ciro_sumcheck::{eq, suffix, verify_rounds};
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
    let (rounds, degree) = (product_rounds(relation), product_degree(relation));
    let reduced = verify_rounds(transcript, "product rounds", rounds, degree, claim)?;
    let (kappa, tau) = (&reduced.point, &constraint_claims.point);

    let count_sent = operands(relation).filter(|o| is_sent(relation, o)).count();
    let sent = transcript.read_exts("product operands", count_sent)?;
    let mut sent = sent.into_iter();
    let (mut sum, mut weight) = (E::ZERO, E::ONE);
    for product in &relation.products {
        let (x, y) = points(relation, product, kappa, tau);
        let mut factor = absent(kappa, count(product.log_sum)) * tie(product, x, y);
        for operand in [&product.a, &product.b] {
            factor *= read_operand(relation, instance, operand, (x, y), &mut sent, claims);
        }
        sum += weight * factor;
        weight *= mu;
    }
    if sum == reduced.claim { Ok(()) } else { Err(VerifyError::Products) }
}

/// The suffixes that are a product's summed variables and its result's.
pub fn points<'a>(relation: &Relation, product: &Product, kappa: &'a [E], tau: &'a [E]) -> (&'a [E], &'a [E]) {
    let log_out = relation.column(product.out).map_or(0, |c| count(c.log_len));
    (suffix(kappa, count(product.log_sum)), suffix(tau, log_out))
}

/// eq of the tied variables.
pub fn tie(product: &Product, x: &[E], y: &[E]) -> E {
    let pairs = x.iter().zip(&product.tied);
    pairs.fold(E::ONE, |acc, (&x, &i)| acc * y.get(i).map_or(E::ZERO, |&y| eq(&[x], &[y])))
}

fn read_operand(
    relation: &Relation,
    instance: &Instance,
    operand: &Operand,
    (x, y): (&[E], &[E]),
    sent: &mut impl Iterator<Item = E>,
    claims: &mut Evaluations,
) -> E {
    let point = operand.point(x, y);
    let view = relation.view(operand.col);
    let factor = view.map_or(E::ONE, |view| view.factor(&point));
    if let Some(public) = relation.public_column(operand.col) {
        let seen = view.map_or_else(|| point.clone(), |view| view.point(&point));
        return factor * public.evaluate(instance, &seen);
    }
    let value = sent.next().unwrap_or(E::ZERO);
    claims.claim(relation, operand.col, point, value);
    factor * value
}
