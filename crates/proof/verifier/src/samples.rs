//! Out-of-domain samples of the committed polynomials.
//!
//! A root stands for a list of words at the Johnson bound. The values of all of them at one random point are asked for
//! before anything else is drawn. They leave one word of each list that agrees with them. So the phases that follow
//! need not pay for the others. The values are claims like any other: the batch phase rejects words that do not have
//! them.

use crate::error::VerifyError;
use crate::layout::{Evaluations, count};
use ciro_pcs::Params;
use ciro_relation::Relation;
use ciro_sumcheck::suffix;
use ciro_transcript::{Reader, Transcript};

/// Reads the samples, if there are any, and records the claims they make.
///
/// # Errors
/// If the proof ends or an element is not canonical.
pub fn verify(
    transcript: &mut Reader<'_>,
    relation: &Relation,
    params: &Params,
    claims: &mut Evaluations,
) -> Result<(), VerifyError> {
    if !params.is_first_sampled() {
        return Ok(());
    }
    let point = transcript.challenges("sample point", count(params.largest_vars()));
    let values = transcript.read_exts("samples", relation.committed().count())?;
    for (space, value) in relation.committed().zip(values) {
        claims.claim_polynomial(space.poly, suffix(&point, count(space.vars)), value);
    }
    Ok(())
}
