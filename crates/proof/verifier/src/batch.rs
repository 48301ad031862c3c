//! All claimed evaluations reduce to one point ρ, at whose suffixes both committed polynomials are opened.
//!
//! Σ_i ηⁱ·valueᵢ = Σ_x f_model(x)·w_model(x) + f_witness(x)·w_witness(x), where w sums ηⁱ·eq over the claims' windows; a
//! polynomial in fewer variables is tied to zero on the leading ones. The leading coordinates of ρ fold the first oracles of the opening,
//! so at the higher target their challenges follow proofs of work.

use crate::error::VerifyError;
use crate::layout::{Evaluation, Evaluations, count};
use crate::products::absent;
use alloc::vec::Vec;
use ciro_pcs::{Opening, Params, verify_opening};
use ciro_relation::{Poly, Relation};
use ciro_sumcheck::{Work, eq, eq_bits, suffix, verify_hard_rounds};
use ciro_transcript::{Digest, E, Reader, Transcript};
use p3_field::PrimeCharacteristicRing;

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
    let work = Work { label: "batch round work", bits: params.first_work(), rounds: count(params.first_folds()) };
    let reduced = verify_hard_rounds(transcript, "batch rounds", model_vars.max(witness_vars), 2, sum, work)?;
    let [model, witness]: [E; 2] = transcript.read_array("opened values")?;
    let weight =
        |poly, vars| absent(&reduced.point, vars) * claims_weight(&claims, eta, poly, suffix(&reduced.point, vars));
    if model * weight(Poly::Model, model_vars) + witness * weight(Poly::Witness, witness_vars) != reduced.claim {
        return Err(VerifyError::Batch);
    }
    let [model_root, witness_root] = roots;
    let openings = [Opening { root: model_root, value: model }, Opening { root: witness_root, value: witness }];
    verify_opening(transcript, params, &openings, &reduced.point).map_err(VerifyError::Opening)
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
    for (claim, power) in claims.iter().zip(powers).filter(|(c, _)| c.poly == poly) {
        let (high, low) = rho.split_at(rho.len().saturating_sub(claim.point.len()));
        let log_len = u32::try_from(claim.point.len()).unwrap_or(u32::MAX);
        let window = claim.offset.checked_shr(log_len).unwrap_or(0);
        sum += power * eq_bits(window, high) * eq(&claim.point, low);
    }
    sum
}
