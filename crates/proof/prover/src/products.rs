//! Thaler's sumchecks for all products. See `ciro_verifier::products` for the protocol.

use crate::kernel::matrix::{tied_round, tied_sum};
use crate::kernel::table::Table;
use crate::operand;
use crate::rounds;
use crate::witness::Witness;
use ciro_relation::{Product, Relation};
use ciro_sumcheck::{eq_table, suffix};
use ciro_transcript::{E, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, ProductClaim, is_sent, product_degree, product_rounds};
use ciro_verifier::products::claimed;
use p3_field::PrimeCharacteristicRing;
use rayon::prelude::*;

/// Proves the product phase.
pub fn prove(transcript: &mut Writer, relation: &Relation, witness: &Witness, claims: &mut Evaluations) {
    let results = claims.take_products();
    if results.is_empty() {
        return;
    }
    let mu = transcript.challenge("mu");
    let (total, degree) = (product_rounds(relation), product_degree(relation));
    let results = claimed(relation, &results);
    let weights = mu.powers().collect_n(results.len());
    let of = |((result, product), &weight): (&(&ProductClaim, &Product), &E)| {
        Summand::new(relation, witness, product, &result.point, total, weight)
    };
    let mut summands: Vec<Summand> = results.par_iter().zip(&weights).map(of).collect();
    let kappa = sumcheck(transcript, total, degree, &mut summands);

    let mut sent = Vec::new();
    for ((result, product), summand) in results.iter().zip(&summands) {
        let x = suffix(&kappa, product.log_sum as usize);
        for (read, value) in [(&product.a, summand.a.first()), (&product.b, summand.b.first())] {
            if is_sent(relation, read.col) {
                let point = read.point(x, &result.point);
                let value = operand::shown(relation, witness, read.col, &point, value);
                sent.push(value);
                claims.claim(relation, read.col, point, value);
            }
        }
    }
    transcript.write_exts("product operands", &sent);
}

/// Σ_x tie(x)·a(x)·b(x), tied to zero on the leading variables that it does not have.
struct Summand {
    a: Table,
    b: Table,
    /// eq of the tied variables that are not bound yet.
    tie: Vec<E>,
    absent: usize,
    scale: E,
    sum: E,
}

impl Summand {
    fn new(relation: &Relation, witness: &Witness, product: &Product, y: &[E], rounds: usize, weight: E) -> Self {
        let log_sum = product.log_sum as usize;
        let a = operand::fold(relation, witness, &product.a, log_sum, y);
        let b = operand::fold(relation, witness, &product.b, log_sum, y);
        let tied: Vec<E> = product.tied.iter().map(|&i| y[i]).collect();
        let tie = eq_table(&tied, E::ONE);
        let absent = rounds - log_sum;
        let (a, b) = (Table::new(a), Table::new(b));
        // Only what waits for its first variable needs the sum.
        let sum = if absent > 0 { tied_sum(&a, &b, &tie) } else { E::ZERO };
        Self { a, b, tie, absent, scale: weight, sum }
    }

    /// What a round reads.
    fn elements(&self) -> usize {
        if self.absent > 0 { 0 } else { self.a.len() + self.b.len() }
    }

    /// The round polynomial at 0, 2 and 3.
    fn round(&self) -> [E; 3] {
        if self.absent > 0 {
            // (1 − X)·sum.
            let at = self.scale * self.sum;
            return [at, -at, -at.double()];
        }
        tied_round(&self.a, &self.b, &self.tie).map(|h| self.scale * h)
    }

    fn bind(&mut self, r: E) {
        if self.absent > 0 {
            self.absent -= 1;
            self.scale *= E::ONE - r;
            return;
        }
        self.a.fold(r);
        self.b.fold(r);
        if self.tie.len() > 1 {
            rounds::fold(&mut self.tie, r);
        }
    }
}

/// Extension elements in the tables of a round from which on it pays to wake other threads: a table alone is often too short.
const SHARED_MIN: usize = 1 << 14;

fn sumcheck(transcript: &mut Writer, rounds: usize, degree: usize, summands: &mut [Summand]) -> Vec<E> {
    let add = |a: [E; 3], b: [E; 3]| std::array::from_fn(|i| a[i] + b[i]);
    let mut point = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let is_shared = summands.iter().map(Summand::elements).sum::<usize>() >= SHARED_MIN;
        let sent = if is_shared {
            summands.par_iter().map(Summand::round).reduce(|| [E::ZERO; 3], add)
        } else {
            summands.iter().map(Summand::round).fold([E::ZERO; 3], add)
        };
        transcript.write_exts("product rounds", &sent[..degree]);
        let r = transcript.challenge("product rounds");
        if is_shared {
            summands.par_iter_mut().for_each(|s| s.bind(r));
        } else {
            summands.iter_mut().for_each(|s| s.bind(r));
        }
        point.push(r);
    }
    point
}
