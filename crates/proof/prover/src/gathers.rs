//! The reduction of claims on gathered columns. See `ciro_verifier::gathers` for the protocol.

use crate::operand;
use crate::rounds::{Inner, inner_sumcheck};
use crate::witness::Witness;
use ciro_relation::{Gather, Relation};
use ciro_sumcheck::suffix;
use ciro_transcript::{E, Transcript, Writer};
use ciro_verifier::gathers::gather_rounds;
use ciro_verifier::layout::{Evaluations, GatherClaim, is_sent};
use p3_field::PrimeCharacteristicRing;
use rayon::prelude::*;

/// Proves the gather phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, claims: &mut Evaluations) {
    let gathered = claims.take_gathered();
    if gathered.is_empty() {
        return;
    }
    let theta = transcript.challenge("theta");
    let rounds = gather_rounds(relation, &gathered);
    let weights = theta.powers().collect_n(gathered.len());
    let summand = |(claim, &weight): (&GatherClaim, &E)| {
        let gather = &relation.gathers[claim.gather];
        let (of, sums) = operand::source(gather);
        let table = operand::fold(relation, witness, &of, sums, &claim.point);
        Inner::new(table, matrix(gather, &claim.point), rounds, weight)
    };
    let mut summands: Vec<Inner> = gathered.par_iter().zip(&weights).map(summand).collect();
    let sigma = inner_sumcheck(transcript, "gather rounds", rounds, &mut summands);
    let mut sent = Vec::new();
    for (claim, summand) in gathered.iter().zip(&summands) {
        let gather = &relation.gathers[claim.gather];
        if is_sent(relation, gather.of) {
            let point = gather.point(&claim.point, suffix(&sigma, gather.vars()));
            let value = operand::shown(relation, witness, gather.of, &point, summand.a());
            sent.push(value);
            claims.claim(relation, gather.of, point, value);
        }
    }
    transcript.write_exts("gather sources", &sent);
}

/// S(r, ·): the product of the axes' weights.
fn matrix(gather: &Gather, r: &[E]) -> Vec<E> {
    let mut weights = vec![E::ONE];
    for axis in gather.axes() {
        let own = axis.weights(r);
        weights = weights.iter().flat_map(|&w| own.iter().map(move |&o| w * o)).collect();
    }
    weights
}
