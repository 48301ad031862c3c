//! WHIR, the prover's side. The protocol is in the module doc of `ciro_pcs`.

use crate::oracle::{BaseOracle, ExtOracle};
use crate::rounds::{fold, inner_round, send_quadratic};
use ciro_pcs::params::{Params, Round, WORK_BITS};
use ciro_sumcheck::{eq_table, suffix};
use ciro_transcript::{E, F, Transcript, Writer};
use p3_field::{PrimeCharacteristicRing, TwoAdicField};

/// One polynomial of a joined opening.
pub struct Opened<'a> {
    /// Its table.
    pub table: &'a [F],
    /// Its commitment.
    pub oracle: &'a BaseOracle,
}

/// The oracle that the next queries go to.
enum Current<'a> {
    First(&'a [Opened<'a>]),
    Tail(ExtOracle, Round),
}

/// Proves that each polynomial has its value at the last coordinates of `point`.
pub fn open(transcript: &mut Writer, params: &Params, polynomials: &[Opened<'_>], point: &[E]) {
    let common = params.common_vars() as usize;
    let lambda = transcript.challenge("join");
    let mut weights = Vec::with_capacity(polynomials.len());
    let mut scale = E::ONE;
    let mut g = E::zero_vec(1 << common);
    for (polynomial, round) in polynomials.iter().zip(&params.first) {
        let own = suffix(point, common + round.fold as usize);
        let folded = eq_table(&own[..round.fold as usize], scale);
        for (column, &w) in polynomial.table.chunks_exact(1 << common).zip(&folded) {
            add_scaled(&mut g, column, w);
        }
        weights.push(folded);
        scale *= lambda;
    }

    let mut w = eq_table(suffix(point, common), E::ONE);
    let mut claim = dot(&g, &w);
    let mut current = Current::First(polynomials);
    let mut fold_weights = Vec::new();
    for round in &params.tail {
        let oracle = ExtOracle::new(&g, round);
        transcript.write_digest("tail root", &oracle.root());
        let sample = transcript.challenge("out-of-domain");
        let answer = horner(&g, sample);
        transcript.write_exts("out-of-domain", &[answer]);
        let points = query(transcript, &current, params, &weights, &fold_weights);
        let gamma = transcript.challenge("batch");
        let mut scale = gamma;
        add_powers(&mut w, sample, scale);
        claim += scale * answer;
        for (x, value) in points {
            scale *= gamma;
            add_powers(&mut w, E::from(x), scale);
            claim += scale * value;
        }
        let mut bound = Vec::with_capacity(round.fold as usize);
        for _ in 0..round.fold {
            let (h0, h2) = inner_round(&g, &w);
            let r = send_quadratic(transcript, "fold", &mut claim, h0, h2);
            fold(&mut g, r);
            fold(&mut w, r);
            bound.push(r);
        }
        fold_weights = eq_table(&bound, E::ONE);
        current = Current::Tail(oracle, *round);
    }
    transcript.write_exts("final polynomial", &g);
    let _ = query(transcript, &current, params, &weights, &fold_weights);
}

/// Sends the proof of work and the queried rows; returns (domain point, folded value) per distinct position.
fn query(
    transcript: &mut Writer,
    current: &Current<'_>,
    params: &Params,
    weights: &[Vec<E>],
    fold_weights: &[E],
) -> Vec<(F, E)> {
    transcript.grind("work", WORK_BITS);
    let round = match current {
        Current::First(_) => &params.first[0],
        Current::Tail(_, round) => round,
    };
    let mut positions = transcript.positions("queries", round.queries, round.log_leaves());
    positions.sort_unstable();
    positions.dedup();
    let generator = F::two_adic_generator(round.log_leaves() as usize);
    let mut values: Vec<(F, E)> = positions.iter().map(|&p| (generator.exp_u64(u64::from(p)), E::ZERO)).collect();
    match current {
        Current::First(polynomials) => {
            for (polynomial, weights) in polynomials.iter().zip(weights) {
                for (row, (_, value)) in polynomial.oracle.open(transcript, &positions).iter().zip(&mut values) {
                    *value += row.iter().zip(weights).fold(E::ZERO, |acc, (&x, &w)| acc + w * x);
                }
            }
        }
        Current::Tail(oracle, _) => {
            for (row, (_, value)) in oracle.open(transcript, &positions).iter().zip(&mut values) {
                *value = dot(row, fold_weights);
            }
        }
    }
    values
}

fn dot(a: &[E], b: &[E]) -> E {
    a.iter().zip(b).fold(E::ZERO, |acc, (&x, &y)| acc + x * y)
}

fn horner(g: &[E], x: E) -> E {
    g.iter().rev().fold(E::ZERO, |acc, &v| acc * x + v)
}

fn add_scaled(g: &mut [E], column: &[F], w: E) {
    for (g, &x) in g.iter_mut().zip(column) {
        *g += w * x;
    }
}

/// w[i] += scale·xⁱ.
fn add_powers(w: &mut [E], x: E, scale: E) {
    let mut power = scale;
    for w in w {
        *w += power;
        power *= x;
    }
}
