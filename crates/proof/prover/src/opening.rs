//! WHIR, the prover's side. The protocol is in the module doc of `ciro_pcs`.

use crate::kernel::cells::Cells;
use crate::kernel::eq::eq_table;
use crate::kernel::matrix::combine_columns;
use crate::kernel::sums::{dot, dot_tables, inner_round};
use crate::kernel::table::Table;
use crate::kernel::work::grind;
use crate::oracle::{BaseOracle, ExtOracle};
use crate::rounds::Quadratics;
use ciro_pcs::params::{Params, Round};
use ciro_sumcheck::{Work, suffix};
use ciro_transcript::{E, Transcript, Writer};
use p3_field::PrimeCharacteristicRing;

/// One polynomial of a joined opening.
pub struct Opened<'a> {
    /// Its cells.
    pub cells: Cells<'a>,
    /// Its commitment.
    pub oracle: &'a BaseOracle,
}

/// The oracle that the next queries go to.
enum Current<'a> {
    First(&'a [Opened<'a>]),
    Tail(ExtOracle, Round),
}

impl Current<'_> {
    fn round<'r>(&'r self, params: &'r Params) -> &'r Round {
        match self {
            Self::First(_) => &params.first[0],
            Self::Tail(_, round) => round,
        }
    }
}

/// Proves that each polynomial has its value at the last coordinates of `point`.
pub fn open(transcript: &mut Writer, params: &Params, polynomials: &[Opened<'_>], point: &[E]) {
    let common = params.common_vars() as usize;
    grind(transcript, "join work", params.first_work());
    let lambda = transcript.challenge("join");
    let mut weights = Vec::with_capacity(polynomials.len());
    let mut scale = E::ONE;
    for round in &params.first {
        let own = suffix(point, common + round.fold as usize);
        weights.push(eq_table(&own[..round.fold as usize], scale).to_vec());
        scale *= lambda;
    }
    let parts: Vec<(Cells<'_>, &[E])> = polynomials
        .iter()
        .zip(&params.first)
        .zip(&weights)
        .map(|((p, round), w)| (p.cells.slice(0..round.columns << common), w.as_slice()))
        .collect();
    let mut g = combine_columns(&parts, common);
    let mut w = Table::new(eq_table(suffix(point, common), E::ONE).to_vec());
    let mut claim = dot_tables(&g, &w);
    let mut current = Current::First(polynomials);
    let mut fold_weights = Vec::new();
    for (i, round) in params.tail.iter().enumerate() {
        let coefficients = g.to_vec();
        let oracle = ExtOracle::new(&coefficients, round);
        transcript.write_digest("tail root", &oracle.root());
        let samples = transcript.challenges("out-of-domain", params.samples(round));
        let answers: Vec<E> = samples.iter().map(|&x| horner(&coefficients, x)).collect();
        transcript.write_exts("out-of-domain", &answers);
        let log_inv_rate = current.round(params).log_inv_rate;
        let queried = query(transcript, &current, params, &weights, &fold_weights);
        grind(transcript, "claims work", params.batch_work(i));
        let gamma = transcript.challenge("batch");
        let mut scale = E::ONE;
        for (x, answer) in samples.into_iter().zip(answers) {
            scale *= gamma;
            w.add_powers(x, scale);
            claim += scale * answer;
        }
        let mut scaled = Vec::with_capacity(queried.len());
        for (position, value) in queried {
            scale *= gamma;
            scaled.push((position, scale));
            claim += scale * value;
        }
        w.add_code_powers(log_inv_rate, &scaled);
        let work = Work { label: "fold work", bits: params.fold_work(round), rounds: 0..round.fold as usize };
        let mut messages = Quadratics::new("fold", work, claim);
        for _ in 0..round.fold {
            let r = messages.send(transcript, inner_round(&g, &w));
            g.fold(r);
            w.fold(r);
        }
        claim = messages.claim();
        fold_weights = eq_table(messages.point(), E::ONE).to_vec();
        current = Current::Tail(oracle, *round);
    }
    transcript.write_exts("final polynomial", &g.to_vec());
    let _ = query(transcript, &current, params, &weights, &fold_weights);
}

/// Sends the proof of work and the queried rows; returns (position, folded value) per distinct position.
fn query(
    transcript: &mut Writer,
    current: &Current<'_>,
    params: &Params,
    weights: &[Vec<E>],
    fold_weights: &[E],
) -> Vec<(u32, E)> {
    grind(transcript, "work", params.work_bits);
    let round = current.round(params);
    let mut positions = transcript.positions("queries", round.queries, round.log_leaves());
    positions.sort_unstable();
    positions.dedup();
    let mut values: Vec<(u32, E)> = positions.iter().map(|&position| (position, E::ZERO)).collect();
    match current {
        Current::First(polynomials) => {
            for (polynomial, weights) in polynomials.iter().zip(weights) {
                let rows = polynomial.oracle.open(transcript, polynomial.cells, &positions);
                for (row, (_, value)) in rows.iter().zip(&mut values) {
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

fn horner(g: &[E], x: E) -> E {
    g.iter().rev().fold(E::ZERO, |acc, &v| acc * x + v)
}
