//! All claims on gathered columns reduce to claims on the columns they are gathered from.
//!
//! Σ_i θⁱ·valueᵢ = Σ_x Σ_i θⁱ·Sᵢ(rᵢ, x)·ofᵢ(x), where x runs over the picked dimensions and Sᵢ is the public matrix of the
//! gather. Gathers with fewer variables are tied to zero on the leading ones.

use crate::error::VerifyError;
use crate::evaluate::Checks;
use crate::layout::{Evaluations, GatherClaim, is_sent};
use crate::products::absent;
use alloc::vec::Vec;
use ciro_relation::{Gather, Relation};
use ciro_sumcheck::{suffix, verify_rounds};
use ciro_transcript::cost::{E_MUL, wide};
use ciro_transcript::{E, Reader, Transcript, meter};
use p3_field::PrimeCharacteristicRing;

/// Rounds of the gather sumcheck for these claims.
#[must_use]
pub fn gather_rounds(relation: &Relation, claims: &[GatherClaim]) -> usize {
    claims.iter().filter_map(|c| relation.gathers.get(c.gather)).map(Gather::vars).max().unwrap_or(0)
}

/// Verifies the gather phase and records the claims it leaves.
///
/// # Errors
/// If a gathered column is not what was picked.
pub fn verify<'a>(
    transcript: &mut Reader<'_>,
    relation: &'a Relation,
    checks: &mut Checks<'a>,
    claims: &mut Evaluations,
) -> Result<(), VerifyError> {
    let gathered = claims.take_gathered();
    if gathered.is_empty() {
        return Ok(());
    }
    let theta = transcript.challenge("theta");
    let claim = gathered.iter().rev().fold(E::ZERO, |acc, c| acc * theta + c.value);
    let reduced = verify_rounds(transcript, "gather rounds", gather_rounds(relation, &gathered), 2, claim)?;
    let gathers: Vec<(GatherClaim, &Gather)> =
        gathered.into_iter().filter_map(|c| relation.gathers.get(c.gather).map(|g| (c, g))).collect();
    let count_sent = gathers.iter().filter(|(_, g)| is_sent(relation, g.of)).count();
    let mut sent = transcript.read_exts("gather sources", count_sent)?.into_iter();
    let mut read = Vec::with_capacity(gathers.len());
    for (claim, gather) in &gathers {
        let sigma = suffix(&reduced.point, gather.vars());
        read.push(claims.read(relation, gather.of, gather.point(&claim.point, sigma), &mut sent));
    }
    checks.add(move |evaluator| {
        let (mut sum, mut weight) = (E::ZERO, E::ONE);
        for ((claim, gather), reading) in gathers.iter().zip(&read) {
            meter::field(gather_ops(reduced.point.len()));
            let sigma = suffix(&reduced.point, gather.vars());
            let matrix = absent(&reduced.point, gather.vars()) * evaluator.gather(claim.gather, &claim.point, sigma);
            sum += weight * matrix * evaluator.read(reading);
            weight *= theta;
        }
        if sum == reduced.claim { Ok(()) } else { Err(VerifyError::Gathers) }
    })
}

/// Field operations of a claim, without those of the matrix and of the column it reads.
pub(crate) fn gather_ops(rounds: usize) -> u64 {
    wide(rounds.saturating_add(8)).saturating_mul(E_MUL)
}
