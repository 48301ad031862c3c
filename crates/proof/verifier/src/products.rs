//! Thaler's sumcheck for all products at once.
//!
//! out(y) = Σ_x eq(x, y on tied variables)·a(x, y)·b(x, y), for each claim on a result at its own point y: the lookups leave some,
//! the constraints others. Products with fewer summed variables are tied to zero on the leading ones: their summand carries
//! Π (1 − x) over these.

use crate::error::VerifyError;
use crate::evaluate::{Checks, Evaluator, Reading};
use crate::layout::{Evaluations, ProductClaim, count, is_sent, product_degree, product_rounds};
use alloc::vec::Vec;
use ciro_relation::{Product, Relation};
use ciro_sumcheck::{eq, eq_ops, suffix, verify_rounds};
use ciro_transcript::cost::{E_MUL, wide};
use ciro_transcript::{E, Reader, Transcript, meter};
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
pub fn verify<'a>(
    transcript: &mut Reader<'_>,
    relation: &'a Relation,
    checks: &mut Checks<'a>,
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

    let claimed = claimed(relation, &results);
    let operands = claimed.iter().flat_map(|(_, p)| [&p.a, &p.b]);
    let sent = transcript.read_exts("product operands", operands.filter(|o| is_sent(relation, o.col)).count())?;
    let mut sent = sent.into_iter();
    let mut read = Vec::with_capacity(claimed.len());
    for (result, product) in claimed {
        let (x, y) = (suffix(&reduced.point, count(product.log_sum)), result.point.as_slice());
        read.push([&product.a, &product.b].map(|o| claims.read(relation, o.col, o.point(x, y), &mut sent)));
    }
    checks.add(move |evaluator| {
        let sum = weighted(evaluator, &results, &read, (&reduced.point, mu));
        if sum == reduced.claim { Ok(()) } else { Err(VerifyError::Products) }
    })
}

/// Σ μⁱ·(the summand of product i at κ), its operands as they were read.
fn weighted(
    evaluator: &mut Evaluator<'_>,
    results: &[ProductClaim],
    read: &[[Reading; 2]],
    (kappa, mu): (&[E], E),
) -> E {
    let (mut sum, mut weight) = (E::ZERO, E::ONE);
    for ((result, product), read) in claimed(evaluator.relation(), results).into_iter().zip(read) {
        meter::field(product_ops(product, kappa.len()));
        let x = suffix(kappa, count(product.log_sum));
        let factor = absent(kappa, count(product.log_sum)) * tie(product, x, &result.point);
        sum += weight * read.iter().fold(factor, |factor, reading| factor * evaluator.read(reading));
        weight *= mu;
    }
    sum
}

/// Field operations of a product's summand, without those of its operands.
pub(crate) fn product_ops(product: &Product, rounds: usize) -> u64 {
    wide(rounds.saturating_add(8)).saturating_mul(E_MUL).saturating_add(eq_ops(product.tied.len()).saturating_mul(2))
}

/// eq of the tied variables.
pub fn tie(product: &Product, x: &[E], y: &[E]) -> E {
    let pairs = x.iter().zip(&product.tied);
    pairs.fold(E::ONE, |acc, (&x, &i)| acc * y.get(i).map_or(E::ZERO, |&y| eq(&[x], &[y])))
}
