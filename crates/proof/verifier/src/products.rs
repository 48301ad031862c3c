//! Thaler's sumcheck for all products at once.
//!
//! out(y) = Σ_x eq(x, y on tied variables)·a(x, y)·b(x, y), for each claim on a result at its own point y: the lookups leave some,
//! the constraints others. Products with fewer summed variables are tied to zero on the leading ones: their summand carries
//! Π (1 − x) over these.

use crate::error::VerifyError;
use crate::layout::{Evaluations, ProductClaim, count, is_sent, product_degree, product_rounds};
use alloc::vec::Vec;
use ciro_relation::{Instance, Product, Relation};
use ciro_sumcheck::{eq, suffix, verify_rounds};
use ciro_transcript::{E, Reader, Transcript};
use p3_field::PrimeCharacteristicRing;

/// Π (1 − rᵢ) over the leading coordinates that a polynomial in `vars` variables does not have.
pub fn absent(point: &[E], vars: usize) -> E {
    let leading = point.len().saturating_sub(vars);
    point.iter().take(leading).fold(E::ONE, |acc, &r| acc * (E::ONE - r))
}

/// The claims with their products.
#[must_use]
pub fn claimed<'a>(relation: &'a Relation, claims: &'a [ProductClaim]) -> Vec<(&'a ProductClaim, &'a Product)> {
    claims.iter().filter_map(|c| relation.products.get(c.product).map(|p| (c, p))).collect()
}

/// Verifies the product phase and records the claims it leaves.
///
/// # Errors
/// If a product does not hold.
pub fn verify(
    transcript: &mut Reader<'_>,
    relation: &Relation,
    instance: &Instance,
    claims: &mut Evaluations,
) -> Result<(), VerifyError> {
    let results = claims.take_products();
    if results.is_empty() {
        return Ok(());
    }
    let mu = transcript.challenge("mu");
    let claim = results.iter().rev().fold(E::ZERO, |acc, result| acc * mu + result.value);
    let (rounds, degree) = (product_rounds(relation), product_degree(relation));
    let reduced = verify_rounds(transcript, "product rounds", rounds, degree, claim)?;
    let kappa = &reduced.point;

    let results = claimed(relation, &results);
    let operands = results.iter().flat_map(|(_, p)| [&p.a, &p.b]);
    let sent = transcript.read_exts("product operands", operands.filter(|o| is_sent(relation, o.col)).count())?;
    let mut sent = sent.into_iter();
    let (mut sum, mut weight) = (E::ZERO, E::ONE);
    for (result, product) in results {
        let (x, y) = (suffix(kappa, count(product.log_sum)), result.point.as_slice());
        let mut factor = absent(kappa, count(product.log_sum)) * tie(product, x, y);
        for operand in [&product.a, &product.b] {
            factor *= claims.read(relation, instance, operand.col, operand.point(x, y), &mut sent);
        }
        sum += weight * factor;
        weight *= mu;
    }
    if sum == reduced.claim { Ok(()) } else { Err(VerifyError::Products) }
}

/// eq of the tied variables.
pub fn tie(product: &Product, x: &[E], y: &[E]) -> E {
    let pairs = x.iter().zip(&product.tied);
    pairs.fold(E::ONE, |acc, (&x, &i)| acc * y.get(i).map_or(E::ZERO, |&y| eq(&[x], &[y])))
}
