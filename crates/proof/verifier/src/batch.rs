//! All claimed evaluations reduce to one point ρ, at whose suffixes both committed polynomials are opened.
//!
//! Σ_i ηⁱ·valueᵢ = Σ_x f_model(x)·w_model(x) + f_witness(x)·w_witness(x), where w sums ηⁱ·eq over the claims' windows; a
//! polynomial in fewer variables is tied to zero on the leading ones. The last [`LOW_VARS`] variables are bound first.

use crate::error::VerifyError;
use crate::layout::{Evaluation, Evaluations, count};
use crate::products::absent;
use alloc::vec::Vec;
use ciro_pcs::{Opening, Params, verify_opening};
use ciro_relation::{Poly, Relation};
use ciro_sumcheck::{eq, eq_bits, suffix, verify_rounds};
use ciro_transcript::{Digest, E, Reader, Transcript};
use p3_field::PrimeCharacteristicRing;

/// How many of the last variables are bound before the first one. Then a prover sums over the leading variables in the
/// base field, once, and needs no table of w.
pub const LOW_VARS: usize = 8;

/// The point ρ, from the challenges in the order in which they were drawn.
#[must_use]
pub fn in_order(mut challenges: Vec<E>) -> Vec<E> {
    let low = LOW_VARS.min(challenges.len());
    challenges.rotate_left(low);
    challenges
}

/// Verifies the batch phase and the opening it leads to.
///
/// # Errors
/// By the batch or by the opening, or if a claim is left that neither discharges.
pub fn verify(
    transcript: &mut Reader<'_>,
    relation: &Relation,
    params: &Params,
    roots: [Digest; 2],
    claims: Evaluations,
) -> Result<(), VerifyError> {
    let claims = claims.into_committed().ok_or(VerifyError::Undischarged)?;
    let eta = transcript.challenge("eta");
    let sum = claims.iter().rev().fold(E::ZERO, |acc, c| acc * eta + c.value);
    let vars = [count(relation.model_vars), count(relation.witness_vars)];
    let [model_vars, witness_vars] = vars;
    let reduced = verify_rounds(transcript, "batch rounds", model_vars.max(witness_vars), 2, sum)?;
    let rho = in_order(reduced.point);
    let [model, witness]: [E; 2] = transcript.read_array("opened values")?;
    let weight = |poly, vars| absent(&rho, vars) * claims_weight(&claims, eta, poly, suffix(&rho, vars));
    if model * weight(Poly::Model, model_vars) + witness * weight(Poly::Witness, witness_vars) != reduced.claim {
        return Err(VerifyError::Batch);
    }
    let [model_root, witness_root] = roots;
    let openings = [Opening { root: model_root, value: model }, Opening { root: witness_root, value: witness }];
    verify_opening(transcript, params, &openings, &rho).map_err(VerifyError::Opening)
}

/// Σ ηⁱ·eq(window of claim i, ρ) over the claims on `poly`.
fn claims_weight(claims: &[Evaluation], eta: E, poly: Poly, rho: &[E]) -> E {
    let mut power = E::ONE;
    let mut sum = E::ZERO;
    let powers: Vec<E> = claims
        .iter()
        .map(|_| {
            let now = power;
            power *= eta;
            now
        })
        .collect();
    for (claim, power) in claims.iter().zip(powers).filter(|(c, _)| c.window.poly == poly) {
        sum += power * window_weight(claim, rho);
    }
    sum
}

/// Σ over the claim's blocks of eq(cell of the window, ρ)·eq(cell of the column, point).
fn window_weight(claim: &Evaluation, rho: &[E]) -> E {
    let high = count(claim.window.high).min(claim.point.len());
    let (choice, point) = claim.point.split_at(high);
    let (place, low) = rho.split_at(rho.len().saturating_sub(point.len()));
    let log_block = u32::try_from(point.len()).unwrap_or(u32::MAX);
    let first = claim.window.offset.checked_shr(log_block).unwrap_or(0);
    let blocks = (first..).zip(&claim.window.blocks);
    let chosen: E = blocks.map(|(at, &block)| eq_bits(at, place) * eq_bits(block, choice)).sum();
    chosen * eq(point, low)
}
