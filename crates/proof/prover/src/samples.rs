//! Out-of-domain samples of the committed polynomials. See `ciro_verifier::samples` for the protocol.

use crate::evaluate::Suffixes;
use ciro_pcs::Params;
use ciro_relation::Poly;
use ciro_sumcheck::suffix;
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::Evaluations;

/// Sends the values of the model's and the witness' polynomial, if they are asked for, and records the claims they make.
pub fn prove(transcript: &mut Writer, params: &Params, tables: [&[F]; 2], claims: &mut Evaluations) {
    if !params.is_first_sampled() {
        return;
    }
    let point = transcript.challenges("sample point", params.largest_vars() as usize);
    let suffixes = Suffixes::new(&point);
    let vars = tables.map(|table| table.len().ilog2() as usize);
    let values: [E; 2] = std::array::from_fn(|i| suffixes.evaluate(tables[i], vars[i]));
    transcript.write_exts("samples", &values);
    for ((poly, vars), value) in [Poly::Model, Poly::Witness].into_iter().zip(vars).zip(values) {
        claims.claim_polynomial(poly, suffix(&point, vars), value);
    }
}
