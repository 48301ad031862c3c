//! The reduction of all claims to one point. See `ciro_verifier::batch` for the protocol.

use crate::rounds::{Inner, inner_sumcheck};
use ciro_relation::{Poly, Relation};
use ciro_sumcheck::eq_table;
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluation, Evaluations};
use p3_field::PrimeCharacteristicRing;

/// Proves the batch phase for the tables of the model and the witness; returns the point ρ.
pub fn prove(transcript: &mut Writer, relation: &Relation, model: &[F], witness: &[F], claims: Evaluations) -> Vec<E> {
    let claims = claims.into_inner();
    let eta = transcript.challenge("eta");
    let rounds = relation.model_vars.max(relation.witness_vars) as usize;
    let summand = |table: &[F], poly: Poly| {
        let w = weights(&claims, eta, poly, table.len());
        Inner::new(table.iter().map(|&x| E::from(x)).collect(), w, rounds, E::ONE)
    };
    let mut summands = [summand(model, Poly::Model), summand(witness, Poly::Witness)];
    let rho = inner_sumcheck(transcript, "batch rounds", rounds, &mut summands);
    transcript.write_exts("opened values", &[summands[0].a(), summands[1].a()]);
    rho
}

/// Σ ηⁱ·eq over the windows of the claims on `poly`.
fn weights(claims: &[Evaluation], eta: E, poly: Poly, len: usize) -> Vec<E> {
    let mut w = E::zero_vec(len);
    let mut power = E::ONE;
    // Most claims share their point with the one before: one table serves them all.
    let mut table: (&[E], Vec<E>) = (&[], vec![E::ONE]);
    for claim in claims {
        if claim.poly == poly {
            if table.0 != claim.point.as_slice() {
                table = (&claim.point, eq_table(&claim.point, E::ONE));
            }
            for (w, &t) in w[claim.offset..].iter_mut().zip(&table.1) {
                *w += power * t;
            }
        }
        power *= eta;
    }
    w
}
